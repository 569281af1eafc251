// The SIMD prover's copy of the machine's chips.
#include "stark/air/assert_kernels.simd.h"
#include "stark/machine/chip_list.h"
#include "stark/session/rows/chip_kernels.h"

namespace zkvm::stark::machine::ZKVM_SIMD_TARGET {

extern const AssertKernels chip_kernels = stark::ZKVM_SIMD_TARGET::assert_kernels(MachineChips{});

}  // namespace zkvm::stark::machine::ZKVM_SIMD_TARGET
