// What a proof would take, before it is made.
#pragma once

#include "host/zkvm.h"
#include "vm/elf.h"
#include "vm/run.h"

namespace zkvm {

// What zkvm::prove() would take of this execution, in a typical machine's seconds. Errors: kUnfitElf,
// kInsecure.
[[nodiscard]] Result<ProofCost> proof_cost(const vm::Program& program, const vm::RunResult& run,
                                           const ProveOptions& options);

}  // namespace zkvm
