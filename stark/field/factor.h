// A constant factor, prepared for many Montgomery multiplications.
#pragma once

#include "stark/field/field.h"

namespace zkvm::stark {

// x * w - ((x * w_mu) mod 2^32) * p is divisible by 2^32 for w_mu = w * p^-1 mod 2^32: the quotient
// of the Montgomery reduction needs one low product instead of waiting for the full one (Shoup's
// trick).
struct ShoupFactor {
  uint32_t w = 0;
  uint32_t w_mu = 0;

  ZKVM_FIELD_INLINE static ShoupFactor from(Fp factor) {
    return {factor.wire, factor.wire * Fp::kModulusInverse};
  }
};

inline constexpr uint32_t kCentre = (Fp::kModulus - 1) / 2;

/// The element of this word: what kernels subtract from canonical words to centre them (simd.h).
ZKVM_FIELD_INLINE Fp centre() { return Fp::from_wire(kCentre); }

// The representative of the word in [-(p - 1) / 2, (p - 1) / 2], for signed products (simd.h,
// CentredAcc).
ZKVM_FIELD_INLINE uint32_t centred_word(Fp a) {
  return a.wire > kCentre ? a.wire - Fp::kModulus : a.wire;
}

}  // namespace zkvm::stark
