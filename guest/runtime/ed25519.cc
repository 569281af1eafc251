// zk::ed25519_verify by libsodium, whose sources toolchain/libsodium.sh fetches and zkvm_add_guest.cmake compiles: the
// four files that verifying takes. What they want of others stands here.
#include <string.h>
#include <zk/ed25519.h>
#include <zk/zk_c.h>

extern "C" {

// libsodium's crypto_sign_ed25519.h
int crypto_sign_ed25519_verify_detached(const uint8_t* signature, const uint8_t* message,
                                        unsigned long long bytes, const uint8_t* public_key);

// Its crypto_hash_sha512.h
struct crypto_hash_sha512_state;
int crypto_hash_sha512_init(crypto_hash_sha512_state* state);

// From its sign.c, which draws in random numbers: how the hash begins. Nothing is hashed beforehand here.
void _crypto_sign_ed25519_ref10_hinit(crypto_hash_sha512_state* state, int) {
  crypto_hash_sha512_init(state);
}

// From its utils.c, which draws in an operating system. Nobody measures time in a guest.
int sodium_memcmp(const void* a, const void* b, size_t bytes) {
  return memcmp(a, b, bytes) == 0 ? 0 : -1;
}
int sodium_is_zero(const uint8_t* data, size_t bytes) {
  uint8_t all = 0;
  for (size_t i = 0; i < bytes; ++i) all |= data[i];
  return all == 0;
}
void sodium_memzero(void* data, size_t bytes) { memset(data, 0, bytes); }

int zk_ed25519_verify(const uint8_t signature[64], const void* message, size_t bytes,
                      const uint8_t public_key[32]) {
  return crypto_sign_ed25519_verify_detached(signature, static_cast<const uint8_t*>(message), bytes,
                                             public_key) == 0;
}

}  // extern "C"

namespace zk {

bool ed25519_verify(std::span<const uint8_t, 64> signature, std::span<const uint8_t> message,
                    std::span<const uint8_t, 32> public_key) {
  return zk_ed25519_verify(signature.data(), message.data(), message.size(), public_key.data()) !=
         0;
}

}  // namespace zk
