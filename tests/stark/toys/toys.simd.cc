// The SIMD prover's copy of the toys' chips.
#include "stark/air/assert_kernels.simd.h"
#include "tests/stark/toys/all.h"

namespace zkvm::stark::toys::ZKVM_SIMD_TARGET {

using stark::ZKVM_SIMD_TARGET::assert_kernels;

extern const AssertKernels fibonacci_asserts = assert_kernels(FibonacciChips{});
extern const AssertKernels accumulator_asserts = assert_kernels(AccumulatorChips{});
extern const AssertKernels permutation_asserts = assert_kernels(PermutationChips{});
extern const AssertKernels memory_asserts = assert_kernels(MemoryChips{});
extern const AssertKernels shared_memory_asserts = assert_kernels(SharedMemoryChips{});
extern const AssertKernels machine_asserts = assert_kernels(MachineChips{});
extern const AssertKernels mixed_asserts = assert_kernels(MixedChips{});
extern const AssertKernels sequence_asserts = assert_kernels(SequenceChips{});
extern const AssertKernels product_asserts = assert_kernels(ProductChips{});
extern const AssertKernels wide_asserts = assert_kernels(WideChips{});

}  // namespace zkvm::stark::toys::ZKVM_SIMD_TARGET
