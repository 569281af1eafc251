// Points of a domain for kernels: rows of a pack and where the next pack begins.
#pragma once

#include <cstdint>

#include "stark/field/field.h"

namespace zkvm::stark {

/// The points x_i = first * root^i of a run of rows, or their inverses.
struct PointRun {
  Fp first;
  alignas(64) uint32_t powers[16];  // root^0 .. root^15
  Fp step;                          // root^16
};

/// The points root^i * first of a run of packs, for the kernels.
[[nodiscard]] inline PointRun make_point_run(Fp first, Fp root) {
  PointRun run{};
  Fp power = Fp::one();
  for (uint32_t& word : run.powers) {
    word = power.wire;
    power *= root;
  }
  run.step = power;
  run.first = first;
  return run;
}

}  // namespace zkvm::stark
