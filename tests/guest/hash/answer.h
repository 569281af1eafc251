// The answer to a request through <zk/blake3.h>, <zk/sha256.h> and <zk/commitment.h>: in a guest and on the host.
#pragma once

#include <string.h>
#include <zk/blake3_run.h>
#include <zk/commitment.h>
#include <zk/sha256.h>

#include "request.h"

namespace hash {

template <class Hasher>
void update(Hasher& hasher, std::span<const uint8_t> bytes, size_t piece) {
  if (piece == 0) piece = bytes.size();
  for (size_t i = 0; i < bytes.size(); i += piece) {
    hasher.update(bytes.subspan(i, bytes.size() - i < piece ? bytes.size() - i : piece));
    if (i == piece) (void)hasher.finish();  // must not disturb what follows
  }
}

inline zk::Blake3 hasher_of(const HashRequest& request) {
  const auto* const key = reinterpret_cast<const uint8_t*>(kKeyText);
  if (request.kind == kBlake3Keyed) return zk::Blake3(zk::Blake3::Key(key, 32));
  if (request.kind == kBlake3Derived) return zk::Blake3::derive_key(kContextText);
  return zk::Blake3();
}

// The functions of one call, for 32 bytes of output from one piece.
inline zk::Digest answer_at_once(const HashRequest& request, std::span<const uint8_t> bytes) {
  const auto* const key = reinterpret_cast<const uint8_t*>(kKeyText);
  zk::Salt salt;
  fill_salt(salt.data(), request.seed);
  switch (request.kind) {
    case kBlake3:
      return zk::blake3(bytes);
    case kBlake3Keyed:
      return zk::blake3_keyed(zk::Blake3::Key(key, 32), bytes);
    case kBlake3Derived:
      return zk::blake3_derive_key(kContextText, bytes);
    case kSha256:
      return zk::sha256(bytes);
    case kCommitFile:
      return zk::commitment(bytes, salt);
    default:
      return zk::commitment(bytes, static_cast<zk::ElementType>(request.type),
                            std::span(request.shape, request.axes), salt);
  }
}

// A guest by clang cannot call it: its uint32_t is unsigned int, and the runtime's, by GCC, unsigned long.
#if !defined(__riscv) || !defined(__clang__)
inline void run(const HashRequest& request, std::span<const uint8_t> bytes, uint8_t* out) {
  fill_salt(out, request.seed);
  uint32_t cv[8];
  memcpy(cv, out, sizeof(cv));
  const auto& [low, high, first, middle, last, last_length, a, b] = request.shape;
  zk::detail::blake3_compress_run(cv, reinterpret_cast<const uint32_t*>(bytes.data()),
                                  bytes.size() / 64, uint64_t{high} << 32 | low, first, middle,
                                  last, last_length);
  memcpy(out, cv, sizeof(cv));
}
#else
inline void run(const HashRequest&, std::span<const uint8_t>, uint8_t*) {}
#endif

// Fills out[0..output) of `request`, whose bytes stand in `bytes`.
inline void answer(const HashRequest& request, std::span<const uint8_t> bytes, uint8_t* out) {
  if (request.kind == kNothing) return;
  if (request.kind == kRun) return run(request, bytes, out);
  zk::Digest digest;
  if (request.kind >= kCommitFile || (request.piece == 0 && request.output == 32)) {
    digest = answer_at_once(request, bytes);
  } else if (request.kind == kSha256) {
    zk::Sha256 hasher;
    update(hasher, bytes, request.piece);
    digest = hasher.finish();
  } else {
    zk::Blake3 hasher = hasher_of(request);
    update(hasher, bytes, request.piece);
    return hasher.finish({out, request.output});
  }
  memcpy(out, digest.data(), digest.size());
}

}  // namespace hash
