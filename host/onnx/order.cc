#include "host/onnx/order.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <map>
#include <queue>
#include <string_view>
#include <utility>
#include <vector>

namespace zkvm::onnx_file {
namespace {

// Who writes a name: a node of this number, or the model itself.
constexpr size_t kGiven = SIZE_MAX;
// Not hashed: a hostile file would choose names of equal hashes.
using Writers = std::map<std::string_view, size_t>;

std::string title_of(const Node& node) {
  return onnx_file::title_of(node.name, node.domain, node.op_type);
}

Error malformed(std::string message) { return {ErrorCode::kMalformed, std::move(message)}; }

std::optional<Error> find_writers(const Model& model, Writers& writers) {
  for (const auto& [name, tensor] : model.constants) writers.emplace(name, kGiven);
  for (const ValueInfo& input : model.inputs)
    if (!writers.emplace(input.name, kGiven).second)
      return malformed(fmt::format("input \"{}\" stands there twice", printable(input.name)));
  for (size_t i = 0; i < model.nodes.size(); ++i)
    for (const std::string& output : model.nodes[i].outputs) {
      if (output.empty()) continue;
      const auto [found, is_new] = writers.emplace(output, i);
      if (is_new) continue;
      return malformed(fmt::format(
          "{}: its output \"{}\" is already {}", title_of(model.nodes[i]), printable(output),
          found->second == kGiven ? "an input or a constant of the model"
                                  : "the output of " + title_of(model.nodes[found->second])));
    }
  return std::nullopt;
}

// A node on a cycle; REQUIRES: none of the nodes that have inputs left can run.
size_t find_cycle(const Model& model, const Writers& writers, const std::vector<size_t>& missing) {
  const auto waits_for = [&](const std::string& input) {
    const auto writer = input.empty() ? writers.end() : writers.find(input);
    return writer != writers.end() && writer->second != kGiven && missing[writer->second] != 0;
  };
  std::vector<bool> seen(missing.size());
  size_t at = 0;
  while (missing[at] == 0) ++at;
  while (!seen[at]) {
    seen[at] = true;
    at = writers.at(*std::ranges::find_if(model.nodes[at].inputs, waits_for));
  }
  return at;
}

}  // namespace

std::string title_of(const std::string& name, const std::string& domain,
                     const std::string& op_type) {
  return fmt::format("node \"{}\" ({})", printable(name),
                     printable(domain.empty() ? op_type : domain + "." + op_type));
}

std::optional<Error> order_nodes(Model& model) {
  Writers writers;
  if (auto error = find_writers(model, writers)) return error;

  const size_t count = model.nodes.size();
  std::vector<std::vector<size_t>> readers(count);
  std::vector<size_t> missing(count);  // how many of a node's inputs are not there yet
  for (size_t i = 0; i < count; ++i)
    for (const std::string& input : model.nodes[i].inputs) {
      if (input.empty()) continue;
      const auto writer = writers.find(input);
      if (writer == writers.end())
        return malformed(
            fmt::format("{}: expected its input \"{}\" to be an input, a constant or the output of "
                        "a node, found nothing of that name",
                        title_of(model.nodes[i]), printable(input)));
      if (writer->second == kGiven) continue;
      readers[writer->second].push_back(i);
      ++missing[i];
    }
  for (const ValueInfo& output : model.outputs)
    if (!writers.contains(output.name))
      return malformed(fmt::format("output \"{}\": no node writes it", printable(output.name)));

  std::priority_queue<size_t, std::vector<size_t>, std::greater<>> ready;
  for (size_t i = 0; i < count; ++i)
    if (missing[i] == 0) ready.push(i);
  std::vector<size_t> order;
  while (!ready.empty()) {
    const size_t i = ready.top();
    ready.pop();
    order.push_back(i);
    for (const size_t reader : readers[i])
      if (--missing[reader] == 0) ready.push(reader);
  }
  if (order.size() < count)
    return malformed(title_of(model.nodes[find_cycle(model, writers, missing)]) +
                     ": what it reads depends on what it writes");

  std::vector<Node> sorted;
  sorted.reserve(count);
  for (const size_t i : order) sorted.push_back(std::move(model.nodes[i]));
  model.nodes = std::move(sorted);
  return std::nullopt;
}

}  // namespace zkvm::onnx_file
