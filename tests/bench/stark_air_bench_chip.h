// The prototypes' chip: 20 columns, 14 interactions, 12 asserts; and the floor's inner loop.
#pragma once

#include <cstdint>

#include "stark/air/assert_kernels.h"
#include "stark/air/chip.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

template <size_t Width>
inline constexpr Bus<Width> kBenchBus{Width, "bench"};

struct BenchChip {
  static constexpr const char* kName = "bench";
  static constexpr const char* kColumns = "c[20]";
  template <class T>
  struct Cols {
    T c[20];
  };

  template <AirBuilder B, size_t Width>
  static void interact(B& air, const Cols<typename B::Var>& row, int k) {
    typename B::Expr tuple[Width];
    for (int i = 0; i < static_cast<int>(Width); ++i)
      tuple[i] = row.c[(3 * k + (k % 2 != 0 ? 7 : 3) * i + 2) % 20];
    air.send(kBenchBus<Width>, row.c[(5 * k + 1) % 20], tuple);
  }

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    const auto c = [&](int i) -> const auto& { return row.c[i % 20]; };
    for (int j = 0; j < 4; ++j) air.assert_bool("multiplicity", c(5 * j + 1));
    for (int j = 4; j < 8; ++j)
      air.assert_equal("degree 2", c(j) * (c(j + 5) + c(j + 11)), c(j + 2));
    for (int j = 8; j < 12; ++j)
      air.assert_zero("degree 3", c(j + 2) * (c(j) * c(j + 5) - c(j + 11) - c(j + 13)));
    for (int k = 0; k < 10; k += 5) {
      interact<B, 3>(air, row, k);
      interact<B, 4>(air, row, k + 1);
      interact<B, 5>(air, row, k + 2);
      interact<B, 6>(air, row, k + 3);
      interact<B, 7>(air, row, k + 4);
    }
    interact<B, 5>(air, row, 10);
    interact<B, 5>(air, row, 11);
    interact<B, 4>(air, row, 12);
    interact<B, 6>(air, row, 13);
  }
};

using BenchChips = ChipList<BenchChip>;
ZKVM_SIMD_KERNELS(AssertKernels, bench_asserts);

struct BenchFloor {
  /// `count` widening products and additions of their 64-bit results, kLanes at a time.
  uint64_t (*products)(uint64_t count);
};
ZKVM_SIMD_KERNELS(BenchFloor, bench_floor);

}  // namespace zkvm::stark
