// The guest ABI: a subset of Linux's for RV32, shared by guest/ and vm/ (design: guests run under
// qemu-riscv32 too). Number in a7, arguments from a0 on, result in a0. Anything else is a trap.
#pragma once

#include <stdint.h>

namespace zk::abi {

// read(kFdInput, buffer, length): bytes written, at most length and less than 2^16; 0 at the end
inline constexpr uint32_t kSysRead = 63;
inline constexpr uint32_t kSysWrite = 64;  // write(fd, buffer, length): length
inline constexpr uint32_t kSysExit = 93;   // exit(code): does not return
// layer(id, in, out): id. A layer of the program's section .zkvm.layers; not one of Linux's calls.
inline constexpr uint32_t kSysLayer = 0x7a6b0001;
// layer_pair(id, a, b, out): id. The same, of a layer with two inputs; out in a3.
inline constexpr uint32_t kSysLayerPair = 0x7a6b0002;
// layer_weights(id, in, w, out): id. The same, of a layer whose weights are the operand w; out in a3.
inline constexpr uint32_t kSysLayerWeights = 0x7a6b0003;
// blake3(cv, blocks, count, counter, counter >> 32, modes): cv. Compresses whole blocks of 64 bytes into the
// chaining value of 32 bytes that `cv` points to; arguments in a0-a5 (zk/blake3_call.h).
inline constexpr uint32_t kSysBlake3 = 0x7a6b0010;
// sha256(cv, blocks, count): cv. The same for SHA-256 (zk/sha256_call.h).
inline constexpr uint32_t kSysSha256 = 0x7a6b0011;
inline constexpr uint32_t kMaxHashBlocks = 1024;  // of a call

inline constexpr uint32_t kFdInput =
    0;  // private input, whole words: buffer and length multiples of 4
inline constexpr uint32_t kFdStdout = 1;   // the host's console, any length, no effect on the proof
inline constexpr uint32_t kFdStderr = 2;   // likewise
inline constexpr uint32_t kFdJournal = 3;  // public output, whole words

}  // namespace zk::abi
