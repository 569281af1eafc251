// What the guests of this folder and their test agree on: a request is one hash or commitment of bytes that both make
// themselves; its output goes to the journal. For C and C++.
#pragma once

#include <stdint.h>

enum HashKind {
  kBlake3,
  kBlake3Keyed,    // key: "whats the Elvish word for friend"
  kBlake3Derived,  // context: "BLAKE3 2019-12-27 16:29:52 test vectors context"
  kSha256,
  kCommitFile,
  kCommitTensor,
  kNothing,  // what making the bytes takes
  kRun,  // blake3_compress_run of C++, with `shape` as counter (low word, high word), flags and last length
};

struct HashRequest {
  uint32_t kind;
  uint32_t bytes;
  uint32_t seed;       // 0: byte i is i mod 251
  uint32_t alignment;  // of the first byte: 0 to 3 behind a multiple of 4
  uint32_t piece;      // of each update; 0: all at once
  uint32_t output;     // bytes
  uint32_t type;       // of a tensor's elements
  uint32_t axes;
  uint32_t shape[8];
};

enum { kMostBytes = 102400, kMostOutput = 1024 };

static const char kKeyText[] = "whats the Elvish word for friend";
static const char kContextText[] = "BLAKE3 2019-12-27 16:29:52 test vectors context";

static inline void fill(uint8_t* out, uint32_t bytes, uint32_t seed) {
  uint32_t state = seed;
  for (uint32_t i = 0, mod = 0; i < bytes; ++i, mod = mod == 250 ? 0 : mod + 1) {
    state = state * 1664525 + 1013904223;
    out[i] = (uint8_t)(seed == 0 ? mod : state >> 24);
  }
}

static inline void fill_salt(uint8_t salt[32], uint32_t seed) {
  for (uint32_t i = 0; i < 32; ++i) salt[i] = (uint8_t)(3 * i + 1 + seed);
}
