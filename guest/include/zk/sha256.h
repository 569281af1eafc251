// SHA-256 (FIPS 180-4). The same code in a guest and on the host. BLAKE3 (zk/blake3.h) costs half as much, by calls of
// the machine and by instructions.
#pragma once

#include <stdint.h>
#include <zk/blake3.h>

namespace zk {

class Sha256 {
 public:
  Sha256();
  void update(std::span<const uint8_t> bytes);
  // The hasher is unchanged and takes more bytes.
  [[nodiscard]] Digest finish() const;

 private:
  uint32_t state_[8];
  alignas(4) uint8_t block_[64];
  uint64_t length_ = 0;  // bytes so far; those beyond the last whole block stand in block_
};

[[nodiscard]] Digest sha256(std::span<const uint8_t> bytes);

}  // namespace zk
