// The options that `prove` and `plan` share.
#pragma once

#include <cstdint>
#include <string>

#include "host/cli/command.h"

namespace zkvm::cli {

struct ProofOptions {
  uint64_t security_bits = static_cast<uint64_t>(ProveOptions{}.security_bits);
  std::string rate;
  std::string regime = kWidestRegime;
  bool smallest = false, fastest = false;
  uint64_t segment_cycles = 0;
  std::string memory_limit;

  // These must live until the command line is parsed.
  void add(Command& sub);
  [[nodiscard]] ProveOptions get() const;
};

}  // namespace zkvm::cli
