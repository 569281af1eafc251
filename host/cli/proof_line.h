// How far a proof is, in a line.
#pragma once

#include <memory>
#include <optional>

#include "host/cli/status_line.h"
#include "host/zkvm.h"

namespace zkvm::cli {

// Shows rate and time left as they are since the first report: segments that were found in the
// resume folder took no time.
class ProofLine {
 public:
  explicit ProofLine(std::shared_ptr<StatusLine> line) : line_(std::move(line)) {}
  void report(const ProveProgress& progress);

 private:
  struct Start {
    double fraction, seconds;
  };
  std::shared_ptr<StatusLine> line_;
  std::optional<Start> first_;
};

}  // namespace zkvm::cli
