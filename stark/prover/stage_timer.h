// What each stage of the prover took.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

namespace zkvm::stark {

/// One stage of the prover: what it took, and how many units of work that was.
struct StageTime {
  std::string name;
  double seconds = 0;  // wall clock; times threads: core time
  uint64_t units = 0;
  const char* unit = "";
};

class StageTimer {
 public:
  explicit StageTimer(std::vector<StageTime>& stages) : stages_(stages) {}

  /// Runs `body` and adds its time to the stage of this name.
  template <class Body>
  std::invoke_result_t<Body> operator()(const std::string& name, uint64_t units, const char* unit,
                                        const Body& body) {
    struct AtEnd {
      std::vector<StageTime>& stages;
      const std::string& name;
      uint64_t units;
      const char* unit;
      std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
      ~AtEnd() {
        auto stage = std::ranges::find(stages, name, &StageTime::name);
        if (stage == stages.end()) stage = stages.insert(stage, {name, 0, 0, unit});
        stage->seconds +=
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        stage->units += units;
      }
    } at_end{stages_, name, units, unit};
    return body();
  }

 private:
  std::vector<StageTime>& stages_;
};

}  // namespace zkvm::stark
