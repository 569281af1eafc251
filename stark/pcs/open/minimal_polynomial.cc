#include "stark/pcs/open/minimal_polynomial.h"

namespace zkvm::stark {

// m = prod_i (X - z^(p^i)), by its roots, and m / (X - z), by synthetic division.
MinimalPolynomial minimal_polynomial(const Fp5& z) {
  Fp5 product[6] = {Fp5::one()};  // the product so far, constant term first
  Fp5 conjugate = z;
  for (int degree = 0; degree < 5; ++degree, conjugate = kFrobenius(conjugate)) {
    product[degree + 1] = product[degree];
    for (int i = degree; i > 0; --i) product[i] = product[i - 1] - conjugate * product[i];
    product[0] = -(conjugate * product[0]);
  }
  MinimalPolynomial out;
  for (int i = 0; i < 5; ++i) out.coefficients[i] = product[i].c[0];
  Fp5 coefficient = Fp5::one();
  for (int i = 3; i >= 0; --i) {
    coefficient = z * coefficient + out.coefficients[i + 1];
    out.cofactor[i] = coefficient;
  }
  return out;
}

}  // namespace zkvm::stark
