// The widest tuples and many asserts: each row sends a tuple of 32 elements made of its a and its
// products, and receives another row's tuple as its b. More columns than two tiles hold.
#pragma once

#include <random>

#include "tests/stark/toys/toy.h"

namespace zkvm::stark::toys {

inline constexpr Bus<32> kWide{1, "wide"};  // a[i] + 3 product[i] - a[i + 1] + i

struct Wide {
  static constexpr const char* kName = "wide";
  static constexpr const char* kColumns = "a[32] product[32] b[32]";
  template <class T>
  struct Cols {
    T a[32], product[32], b[32];
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    typename B::Expr sent[32], received[32];
    for (int i = 0; i < 32; ++i) {
      const auto& a = row.a;
      air.assert_equal("product", row.product[i], a[i] * a[(i + 1) % 32] * a[(i + 2) % 32]);
      sent[i] = a[i] + row.product[i] * 3 - a[(i + 1) % 32] + i;
      received[i] = row.b[i];
    }
    air.send(kWide, 1, sent);
    air.receive(kWide, 1, received);
  }
};

using WideChips = ChipList<Wide>;
extern template Circuit make_circuit(WideChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, wide_asserts);

inline Toy wide(uint8_t log_height) {
  Toy toy{"wide",
          make_circuit(WideChips{}, {.kernels = &wide_asserts}),
          {},
          {uint64_t{1} << log_height},
          {}};
  std::mt19937 random(7);
  std::vector<Wide::Cols<Fp>> rows(size_t{1} << log_height);
  for (size_t r = 0; r < rows.size(); ++r) {
    auto& row = rows[r];
    for (Fp& a : row.a) a = Fp::from(random());
    auto& taker = rows[(r * 5 + 3) % rows.size()];  // a permutation of the rows
    for (size_t i = 0; i < 32; ++i) {
      row.product[i] = row.a[i] * row.a[(i + 1) % 32] * row.a[(i + 2) % 32];
      taker.b[i] = row.a[i] + row.product[i] * Fp::from(3) - row.a[(i + 1) % 32] + Fp::from(i);
    }
  }
  toy.witness.tables.push_back(make_table<Wide>(0, log_height, std::move(rows)));
  toy.cheats.push_back(
      change_cell(toy, "a wrong product", "wide", 1, "product[31]", Fp::one(), "product"));
  toy.cheats.push_back(
      change_cell(toy, "another last element", "wide", 0, "b[31]", Fp::one(), "wide"));
  return toy;
}

}  // namespace zkvm::stark::toys
