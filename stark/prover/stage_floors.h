// What stages of the prover would take on this machine if memory cost nothing: measured, to stand
// beside what they took.
#pragma once

#include <map>
#include <string>

namespace zkvm::stark {

/// Nanoseconds per unit of a stage (StageTime, prover.h), by the wall clock with all threads at
/// work, for the stages that have a simple floor:
///   "extend main", "extend aux"  the same extension of tables of 2^10 rows, which stay in the
///                                caches and have fewer layers than taller ones
///   "hash rows"                  compressions of messages in the first-level cache, as many as the
///                                rows have blocks; neither nodes nor transpositions
/// Takes about 0.1 s: the best of as many repetitions as go into that.
[[nodiscard]] std::map<std::string, double> measure_stage_floors(unsigned log_blowup);

}  // namespace zkvm::stark
