// The cases of `zkvm import`: small ONNX models and what ONNX Runtime makes of a few inputs, or why the model is
// refused. make_cases.py writes them; container.py says how they lie in the file.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace zkvm::import_test {

struct Sample {
  std::vector<std::vector<uint8_t>> inputs, outputs;
};

struct Case {
  enum class Kind : uint8_t {
    kExact,    // outputs equal the runtime's bit for bit
    kDiffers,  // they differ, by at most `distance`: `reason` says why
    kRefused,  // read_model or lower has an error, whose line has all of `parts` in it
  };
  std::string name;
  Kind kind = Kind::kExact;
  std::string reason;
  std::vector<std::string> parts;
  int distance = 0;
  std::vector<uint8_t> model;
  // ONNX's names: of the model's inputs, and of the tensors at which the graph is cut.
  std::vector<std::string> inputs, outputs;
  std::vector<Sample> samples;
};

// All cases of a file. Stops the program where it is damaged.
std::vector<Case> read_cases(const std::string& path);
// Of cases.bin.
const std::vector<Case>& all_cases();

}  // namespace zkvm::import_test
