// Parts of a proof in several processes of this machine: `zkvm prove --jobs`.
#pragma once

#include <cstdint>
#include <functional>

#include "host/zkvm_jobs.h"

namespace zkvm::cli {

struct LocalJobs {
  uint32_t jobs = 1;     // processes, at least 1
  uint32_t threads = 1;  // of each of them, at least 1

  // Hears now and then how many segments are done and what part of all work; false ends it with kCancelled.
  std::function<bool(uint32_t done, double fraction)> progress = {};
};

// Proves all that is missing by processes of this very program, `prove-segment JOB -`, the longest segments first. The
// job is in memory that they inherit, not in a file, and they end with this process, however it ends. A segment whose
// process ends, or whose part is false, is given to another one, twice. Errors: kCancelled; kOutOfMemory, if processes
// are killed until none is left; those of parts.add, of Job::open and Job::prove.
[[nodiscard]] Result<void> prove_in_processes(const Parts& parts, const LocalJobs& options);

}  // namespace zkvm::cli
