// What an imported network will cost, line by line of its guest.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "host/import/plan.h"

namespace zkvm::importer {

struct LineReport {
  std::string name, node, op_type;
  Dims shape;             // of its result
  uint64_t weights = 0;   // that it has
  uint64_t products = 0;  // multiply-accumulates of an inference
  bool on_unit = false;   // else instructions
  uint64_t cycles = 0;    // instructions of an inference: a reckoning, no measurement
  uint64_t cells = 0;     // of the proof of a run, committed
  std::vector<float> public_scales = {};  // of private weights: one, or one of each output
};

struct Report {
  std::vector<LineReport> lines;  // in the guest's order
  uint64_t weights = 0, products = 0, cycles = 0, cells = 0;
  uint64_t commitment_cells = 0;  // of these, to read and commit to private weights
  double seconds = 0;  // of a proof by default, on a typical machine of 2 cores
};

// Of a run of `batch` inferences.
[[nodiscard]] Report report(const Plan& plan, uint32_t batch);

// Where the time goes: bars, one for each line of the guest.
[[nodiscard]] std::string svg(const Report& report, const std::string& title);

}  // namespace zkvm::importer
