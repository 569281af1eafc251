// The guest project of a network: sources that a person could have written, and files beside them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "host/import/places.h"
#include "host/import/plan.h"
#include "host/model_info.h"

namespace zkvm::importer {

struct WriteOptions {
  enum class Output : uint8_t { kAll, kArgMax, kTopK };
  std::string name;        // a C identifier: of the folder's files, the guest and its namespace
  std::string model_file;  // the ONNX file's name, for comments
  Output output = Output::kAll;  // what the guest commits of each output
  uint32_t top = 1;              // of kTopK
  uint32_t batch = 1;            // inferences in one run
  // Where its layers begin in the blob zk_layers_SYMBOL that they share with other networks; empty: `name`, alone.
  std::string layers_symbol = {};
  size_t first_layer = 0;
  // The guest commits the model's own outputs, which it computes in soft-float, instead of the last quantised tensors.
  bool float_tail = false;  // with kAll
  bool public_input = false;  // the journal ends with a digest of the inputs
  PlaceLimits places = {};
  OnnxInfo onnx = {};  // of the file
  std::array<uint8_t, kSaltBytes> salt = {};  // of private weights: 32 uniform bytes
};

struct ProjectFile {
  std::string name;  // below the project's folder
  std::string bytes;
  bool is_secret = false;  // salt and weights are in it
};

// Salt and private weights as the guest reads them, before its inputs; nothing where weights are public.
[[nodiscard]] std::vector<uint8_t> private_input(const Plan& plan, const WriteOptions& options);
// Their commitment, which the journal begins with. REQUIRES: `private_input` is no shorter than a salt.
[[nodiscard]] std::array<uint8_t, kModelIdBytes> model_id(std::span<const uint8_t> private_input);

// NAME_guest.cc, NAME_network.h, NAME_layers.h, NAME.layers, NAME.layers.plain, CMakeLists.txt and what else they need;
// NAME.weights, private_input(), where weights are private; NAME_outputs.h and NAME_outputs.py (tail.h) where the network has a tail that is known, and the journal what it reads.
// The same network gives the same bytes on every machine.
// Errors: kUnsupported, of a tail that float_tail asks for.
[[nodiscard]] Result<std::vector<ProjectFile>> write_guest(const Plan& plan,
                                                           const WriteOptions& options);

// The C++ type of a value in the guest.
[[nodiscard]] std::string type_text(const Plan& plan, ValueId value);

}  // namespace zkvm::importer
