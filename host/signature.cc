#include "host/signature.h"

#include <openssl/curve25519.h>
#include <openssl/mem.h>
#include <openssl/rand.h>
#include <zk/check.h>

namespace zkvm {

SigningKey SigningKey::fresh() {
  Seed seed;
  ZK_CHECK(RAND_bytes(seed.data(), seed.size()) == 1);
  const SigningKey key(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

SigningKey::SigningKey(const Seed& seed) {
  ED25519_keypair_from_seed(public_key_.data(), pair_.data(), seed.data());
}

SigningKey::~SigningKey() { OPENSSL_cleanse(pair_.data(), pair_.size()); }

Signature SigningKey::sign(std::span<const uint8_t> message) const {
  Signature signature;
  ZK_CHECK(ED25519_sign(signature.data(), message.data(), message.size(), pair_.data()) == 1);
  return signature;
}

bool verify_signature(std::span<const uint8_t, 64> signature, std::span<const uint8_t> message,
                      std::span<const uint8_t, 32> public_key) {
  return ED25519_verify(message.data(), message.size(), signature.data(), public_key.data()) == 1;
}

}  // namespace zkvm
