// The minimal polynomial over F of a point of E, by which 1 / (x - z) costs an inversion in F:
// 1 / (x - z) = (m / (X - z))(x) / m(x).
#pragma once

#include "stark/field/field.h"

namespace zkvm::stark {

struct MinimalPolynomial {
  Fp coefficients[5];  // of m, from the constant one; without the leading X^5
  Fp5 cofactor[4];     // of m / (X - z), likewise; without X^4
};

/// REQUIRES: z is not in F.
[[nodiscard]] MinimalPolynomial minimal_polynomial(const Fp5& z);

}  // namespace zkvm::stark
