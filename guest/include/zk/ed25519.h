// Ed25519 (RFC 8032, section 5.1): is a message signed by whoever has the secret key of `public_key`? The code is
// libsodium's (runtime/ed25519.cc), and a part of programs that call it alone.
//
// True if and only if
//   - S, the signature's last 32 bytes, is less than the group's order L, and
//   - the public key's 32 bytes are the one encoding of a point A of the curve that is none of the eight points of
//     small order, and
//   - R, the signature's first 32 bytes, are the one encoding of S B - SHA-512(R || public key || message) A, which is
//     none of the eight either: the equation without the cofactor.
//
// So a signature has one form: nobody but the signer makes another one of a message's signature, which
// RFC 8032 leaves to an implementation. Neither context nor pre-hashed messages (Ed25519ctx, Ed25519ph).
#pragma once

#include <stdint.h>

#include <span>

namespace zk {

[[nodiscard]] bool ed25519_verify(std::span<const uint8_t, 64> signature,
                                  std::span<const uint8_t> message,
                                  std::span<const uint8_t, 32> public_key);

}  // namespace zk
