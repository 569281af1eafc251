// What a Rate means for the prover.
#pragma once

#include <cstdint>

#include "host/zkvm.h"
#include "stark/session/execution_params.h"

namespace zkvm {

struct CodeRate {
  uint8_t log_blowup;  // 0: the best by the weights
  stark::machine::Weights weights = {};
};

// `lowest`: log2 of the blowup of the program's image. Errors: kUnfitElf, if it has no such rate.
[[nodiscard]] Result<CodeRate> code_rate(Rate rate, uint8_t lowest);

}  // namespace zkvm
