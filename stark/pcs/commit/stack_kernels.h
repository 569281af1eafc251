// The inner loop of stacking (stacked_rows.h): words of a row from the columns that they stack.
#pragma once

#include <cstddef>
#include <cstdint>

#include "stark/poly/point_run.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

/// Rows r of a group of 2^n, in a tree of 2^h rows a coset, h = n + s: the words of the stacks at
/// rows r + k 2^n, k < 2^s, which are all made of the cells of row r.
///
/// A stack is F(X) = sum_j X^j f_j(X^(2^s)). Level by level, from A_j = f_j:
///   A'_j(Y) = A_j(Y^2) + Y A_(j + 2^l)(Y^2), and the same with - Y at the row 2^n further on,
/// so that F is a transform of length 2^s with the powers of x among its twiddles.
struct StackRun {
  const uint32_t* const* tiles;  // of the group's columns: the run's first row
  size_t columns;
  size_t restart;  // the column that begins a new stack
  unsigned log_stack;
  size_t packs;            // of 16 rows
  const PointRun* points;  // x of height h
  /// roots[2^l - 1 + i] = root(l + 1)^i, i < 2^l, l < s.
  const uint32_t* roots;
  const uint32_t* reversed;  // bit reversal of s bits
  // kPackLanes * (2^(s + 1) + columns in whole tiles) words, 64-byte aligned.
  uint32_t* scratch;
  /// Word w of the stacks at row r + k 2^n: out[k place_stride + w word_stride + r]. 64-byte
  /// aligned strides.
  uint32_t* out;
  size_t place_stride, word_stride;
};

struct StackKernels {
  void (*stack)(const StackRun& run);
};
ZKVM_SIMD_KERNELS(StackKernels, stack_kernels);

}  // namespace zkvm::stark
