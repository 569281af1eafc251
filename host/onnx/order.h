#pragma once

#include <optional>
#include <string>

#include "host/onnx/model.h"

namespace zkvm::onnx_file {

// "node \"conv1\" (Conv)": how every message about a node begins.
std::string title_of(const std::string& name, const std::string& domain,
                     const std::string& op_type);

// Orders the nodes, each behind those whose outputs it reads and else as they stood; and says what is wrong with the
// model's names: read and never written, written twice, or written by what reads them.
std::optional<Error> order_nodes(Model& model);

}  // namespace zkvm::onnx_file
