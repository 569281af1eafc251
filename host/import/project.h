// What a guest's project has beside its sources: how it is built, what it is, a host program.
#pragma once

#include "host/import/tail.h"
#include "host/import/write.h"

namespace zkvm::importer {

// What a guest takes at most: tensors on its stack, and by instructions heap for the largest layer.
struct GuestMemory {
  uint64_t stack, heap;  // bytes
  uint64_t tail = 0;     // heap that a tail takes, in both guests
};

// CMakeLists.txt, README.md, host.cc, NAME.model.json, example.input, and the functions of `tail`. `info`: model_info's.
[[nodiscard]] std::vector<ProjectFile> project_files(const Plan& plan, const WriteOptions& options,
                                                     const GuestMemory& memory,
                                                     const Result<Tail>& tail,
                                                     const ModelInfo& info);

// What the guest says of its model. REQUIRES: with float_tail, a tail that is known.
[[nodiscard]] ModelInfo model_info(const Plan& plan, const WriteOptions& options);

// Inside quotes of C++, and in a table of Markdown: names come from the ONNX file.
[[nodiscard]] std::string cpp_string(const std::string& text);
[[nodiscard]] std::string markdown(const std::string& text);

}  // namespace zkvm::importer
