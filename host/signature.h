// Ed25519 (RFC 8032), by BoringSSL: what zk::ed25519_verify checks in guests (guest/doc/signatures.md).
#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace zkvm {

using PublicKey = std::array<uint8_t, 32>;
using Signature = std::array<uint8_t, 64>;

class SigningKey {
 public:
  using Seed = std::array<uint8_t, 32>;  // RFC 8032's private key: all of the secret

  // From the system's generator; aborts if there is no entropy.
  [[nodiscard]] static SigningKey fresh();
  explicit SigningKey(const Seed& seed);
  ~SigningKey();  // wipes the secret
  SigningKey(const SigningKey&) = default;
  SigningKey& operator=(const SigningKey&) = default;

  [[nodiscard]] const PublicKey& public_key() const { return public_key_; }
  [[nodiscard]] std::span<const uint8_t, 32> seed() const { return std::span(pair_).first<32>(); }
  // The same for the same message, always.
  [[nodiscard]] Signature sign(std::span<const uint8_t> message) const;

 private:
  std::array<uint8_t, 64> pair_;  // the seed, then the public key: BoringSSL's private key
  PublicKey public_key_;
};

// As a guest answers for every key that SigningKey makes. A public key of small order, which nobody has a secret to,
// is refused by guests alone.
[[nodiscard]] bool verify_signature(std::span<const uint8_t, 64> signature,
                                    std::span<const uint8_t> message,
                                    std::span<const uint8_t, 32> public_key);

}  // namespace zkvm
