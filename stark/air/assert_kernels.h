// The SIMD reader of chips, first half: what it looks like from outside. The second half,
// assert_kernels.simd.h, is included by one *.simd.cc file per circuit:
//
//   // my_circuit.h                                       // my_circuit.simd.cc
//   using MyChips = ChipList<Cpu, Program, Ram>;          #include "stark/air/assert_kernels.simd.h"
//   ZKVM_SIMD_KERNELS(AssertKernels, my_asserts);           #include "my_circuit.h"
//                                                         namespace zkvm::stark::ZKVM_SIMD_TARGET {
//                                                         extern const AssertKernels my_asserts =
//                                                             assert_kernels(MyChips{});
//                                                         }
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace zkvm::stark {

/// Values of all asserts of a chip on kLanes rows. columns: the chip's columns on these rows, one
/// vector of kLanes words each; next: the same on the rows after them (unused if the chip does not
/// look there); values: one vector per assert. All aligned to a vector. late: LatePowers::words().
using AssertKernel = void (*)(const uint32_t* columns, const uint32_t* next, const uint32_t* late,
                              uint32_t* values);

/// One kernel per chip, in the order of the ChipList.
struct AssertKernels {
  const AssertKernel* chips;
  size_t count;
};

}  // namespace zkvm::stark
