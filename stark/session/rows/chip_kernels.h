// The SIMD prover's copy of the machine's chips: options.kernels of its circuits.
#pragma once

#include "stark/air/assert_kernels.h"
#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark::machine {

ZKVM_SIMD_KERNELS(AssertKernels, chip_kernels);

}  // namespace zkvm::stark::machine
