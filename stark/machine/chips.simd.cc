// The SIMD prover's copy of the machine's chips.
#include "stark/assert_kernels.simd.h"
#include "stark/machine/chip_kernels.h"
#include "stark/machine/chip_list.h"

namespace zkvm::stark::machine::ZKVM_SIMD_TARGET {

extern const AssertKernels chip_kernels = stark::ZKVM_SIMD_TARGET::assert_kernels(MachineChips{});

}  // namespace zkvm::stark::machine::ZKVM_SIMD_TARGET
