#include "host/import/write.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zk/commitment.h>

#include <algorithm>
#include <array>
#include <map>
#include <utility>

#include "host/import/definitions.h"
#include "host/import/identifiers.h"
#include "host/import/places.h"
#include "host/import/project.h"
#include "host/import/tail.h"
#include "host/layers/plain.h"
#include "vm/elf.h"
#include "vm/layer/section.h"

namespace zkvm::importer {
namespace {

const char* element_text(Type type) {
  switch (type) {
    case Type::kInt8:
      return "int8_t";
    case Type::kUint8:
      return "uint8_t";
    case Type::kInt32:
      return "int32_t";
    case Type::kFloat32:
      return "float";
  }
  return "";
}

// The function of zk::nn that a guest's line calls.
std::string function_of(const Operator& op) {
  const auto is = [&](std::string_view text) { return op.name.starts_with(text); };
  return std::visit(
      [&](const auto& what) -> std::string {
        using What = std::remove_cvref_t<decltype(what)>;
        if constexpr (std::is_same_v<What, Linear>) {
          return what.rows ? "dense" : "conv2d";
        } else if constexpr (std::is_same_v<What, MaxPool>) {
          return "max_pool";
        } else if constexpr (std::is_same_v<What, Pair>) {
          return is("add") ? "add" : is("mul") ? "mul" : "pairwise";
        } else if constexpr (std::is_same_v<What, Move>) {
          for (const char* known : {"concat", "transpose", "reshape", "flatten", "slice", "split",
                                    "pad", "resize", "expand", "gather", "lookup"})
            if (is(known)) return known;
          return "move";
        } else if constexpr (std::is_same_v<What, AveragePool>) {
          return "average_pool";
        } else if constexpr (std::is_same_v<What, MatMul>) {
          return "mat_mul";
        } else if constexpr (std::is_same_v<What, Softmax>) {
          return "softmax";
        } else if constexpr (std::is_same_v<What, ReduceMean>) {
          return "reduce_mean";
        } else if constexpr (std::is_same_v<What, LayerNormalization>) {
          return "layer_normalization";
        } else if constexpr (std::is_same_v<What, Gather>) {
          return "gather_rows";
        } else if constexpr (std::is_same_v<What, ArgMax>) {
          return "arg_max";
        } else if constexpr (std::is_same_v<What, TopK>) {
          return "top_k";
        } else if constexpr (std::is_same_v<What, Trees>) {
          return "tree_ensemble";
        } else {
          return "";
        }
      },
      op.what);
}

// Operands of an operator, in the order in which its function takes them.
std::vector<ValueId> reads_of(const Operator& op) {
  std::vector<ValueId> reads;
  for_each_operand(op, [&](ValueId v) { reads.push_back(v); }, [](ValueId) {});
  return reads;
}
std::vector<ValueId> writes_of(const Operator& op) {
  std::vector<ValueId> writes;
  for_each_operand(op, [](ValueId) {}, [&](ValueId v) { writes.push_back(v); });
  return writes;
}

// Of an operator with two results: what each is called.
std::array<const char*, 2> result_names(const Operator& op) {
  if (std::holds_alternative<TopK>(op.what)) return {"_values", "_indices"};
  return {"_label", "_scores"};
}

class GuestWriter {
 public:
  GuestWriter(const Plan& plan, const WriteOptions& options, const Result<Tail>& tail,
              const ModelInfo& info)
      : plan_(plan),
        options_(options),
        tail_(tail),
        info_(info),
        places_(place_tensors(plan, options.places)) {
    for (const char* word : {"zk", "main", "infer", "outputs", "example", "Outputs", "quantised",
                             "floats", "model_outputs", "memory", "kMemory", "weights",
                             "ModelWeights", "digest"})
      taken_.take(word);
    for (const Operator& op : plan.network.operators) {
      const std::vector<ValueId> writes = writes_of(op);
      for (size_t i = 0; i < writes.size(); ++i) {
        names_[writes[i]] = writes.size() == 1 ? op.name : op.name + result_names(op)[i];
        taken_.take(names_[writes[i]]);
      }
    }
    for (const Port& port : plan.network.inputs) names_[port.value] = taken_.add(port.name);
    for (const Port& port : plan.network.outputs) outputs_.push_back(taken_.add(port.name));
  }

  Result<std::vector<ProjectFile>> files() {
    const std::string& name = options_.name;
    std::vector<ProjectFile> files;
    files.push_back({name + "_guest.cc", guest()});
    files.push_back({name + "_network.h", network()});
    Result<std::string> made = header();
    if (!made) return tl::unexpected(made.error());
    files.push_back({name + "_layers.h", *std::move(made)});
    if (stack_bytes() > kMostStack)
      return tl::unexpected(Error{
          ErrorCode::kTooLarge, fmt::format("model: expected at most {} bytes of tensors, found {}",
                                            kMostStack, stack_bytes())});
    std::vector<uint8_t> layers, plain;
    uint64_t heap = 0;
    for (const vm::Layer& layer : plan_.layers) {
      const uint64_t bytes = layers::plain_heap(layer);
      if (bytes > kMostHeap)
        return tl::unexpected(
            Error{ErrorCode::kUnsupported,
                  fmt::format("{}: by instructions it takes {} bytes of heap, which are {} at most",
                              layer.name, bytes, kMostHeap)});
      heap = std::max(heap, bytes);
    }
    if (!plan_.layers.empty()) {
      layers = vm::write_layers(plan_.layers);
      plain = layers::write_plain(plan_.layers);
    }
    files.push_back({name + ".layers", {layers.begin(), layers.end()}});
    files.push_back({name + ".layers.plain", {plain.begin(), plain.end()}});
    if (plan_.has_private_weights()) {
      const std::vector<uint8_t> bytes = private_input(plan_, options_);
      files.push_back({name + ".weights", {bytes.begin(), bytes.end()}, true});
    }
    for (ProjectFile& file :
         project_files(plan_, options_,
                       {stack_bytes(), heap, options_.float_tail ? tail_->bytes : 0}, tail_, info_))
      files.push_back(std::move(file));
    return files;
  }

 private:
  static constexpr uint64_t kMostHeap = uint64_t{1} << 29, kMostStack = uint64_t{1} << 28;
  static constexpr size_t kMostText = size_t{1} << 28;  // of NAME_layers.h

  const Value& value(ValueId v) const { return plan_.network.values[v]; }

  const std::string& symbol() const {
    return options_.layers_symbol.empty() ? options_.name : options_.layers_symbol;
  }
  std::string type_name(ValueId v) const { return camel(names_.at(v)); }
  std::string what_is(ValueId v) const {
    return fmt::format("{} {}", element_text(value(v).type), text_of(value(v).dims));
  }

  Result<std::string> header() {
    const std::string& name = options_.name;
    std::string text = fmt::format(
        "// Layers of {}: types of its tensors, and what computes each of them. Made by `zkvm "
        "import`.\n#pragma once\n\n#include <zk/nn.h>\n\nnamespace {} {{\n\n",
        options_.model_file, name);
    if (!plan_.layers.empty())
      text += fmt::format("extern \"C\" const std::byte zk_layers_{}[];\n\n", symbol());
    for (const auto& [v, variable] : ordered_names())
      text += fmt::format("using {} = {};  // {}\n", type_name(v), type_text(plan_, v), what_is(v));
    text += '\n';
    for (size_t i = 0; i < plan_.network.operators.size(); ++i) {
      const Result<std::string> line = definition(i);
      if (!line) return tl::unexpected(line.error());
      text += *line;
      if (text.size() > kMostText)
        return tl::unexpected(Error{
            ErrorCode::kTooLarge,
            fmt::format("model: expected descriptions and constants of its operators of at most {} "
                        "bytes of C++, found more",
                        kMostText)});
    }
    if (plan_.has_private_weights()) text += weights_struct();
    return text + fmt::format("\n}}  // namespace {}\n", name);
  }

  [[nodiscard]] bool has_weights(size_t i) const {
    return plan_.has_private_weights() && !plan_.weights_of[i].empty();
  }
  std::string weights_struct() const {
    std::string text =
        "\n// Weights and biases of all layers, as the guest reads them: private.\n"
        "struct ModelWeights {\n";
    for (size_t i = 0; i < plan_.network.operators.size(); ++i)
      if (has_weights(i))
        text += fmt::format("  zk::nn::Weights<{}> {};\n", plan_.weights_of[i].size() / 4,
                            plan_.network.operators[i].name);
    return text + "};\n";
  }
  // By place in the guest.
  std::vector<std::pair<ValueId, std::string>> ordered_names() const {
    std::vector<std::pair<ValueId, std::string>> ordered;
    for (const Port& port : plan_.network.inputs)
      ordered.emplace_back(port.value, names_.at(port.value));
    for (const Operator& op : plan_.network.operators)
      for (const ValueId v : writes_of(op)) ordered.emplace_back(v, names_.at(v));
    return ordered;
  }

  Result<std::string> definition(size_t i) const {
    const Operator& op = plan_.network.operators[i];
    const std::string constant = "k" + camel(op.name);
    const std::vector<ValueId> reads = reads_of(op), writes = writes_of(op);
    if (const auto& calls = plan_.calls_of[i]; !calls.empty()) {
      std::string types;
      for (const ValueId v : reads) types += ", " + type_name(v);
      const bool is_pair = std::holds_alternative<Pair>(op.what);
      std::string of_batch, parts;
      const auto* product = std::get_if<MatMul>(&op.what);
      if (product != nullptr) {
        const Dims &a = value(product->a).dims, &b = value(product->b).dims;
        const uint32_t rows_a = a[a.size() - 2], rows_b = b[b.size() - 2];
        const uint64_t batch = elements_of(a) / (uint64_t{rows_a} * a.back());
        if (batch > 1 || calls.size() > 1)
          of_batch = fmt::format(", {}, {}, {}", batch, rows_a, rows_b);
      }
      if (calls.size() > 1)
        for (const layers::Call& call : calls)
          parts += fmt::format(", zk::nn::Part{{{}, {}, {}}}", call.in, call.b, call.out);
      if (has_weights(i))
        types += fmt::format(", zk::nn::Weights<{}>", plan_.weights_of[i].size() / 4);
      return fmt::format("inline constexpr zk::nn::{}<zk_layers_{}, {}{}, {}{}{}> {}{{}};\n",
                         product != nullptr ? "UnitMatMul"
                         : is_pair          ? "UnitPair"
                         : has_weights(i)   ? "UnitWeights"
                                            : "UnitLayer",
                         symbol(), options_.first_layer + calls[0].layer, types,
                         type_name(writes[0]), of_batch, parts, constant);
    }
    return operator_definition(plan_, op, constant, [&](ValueId v) { return type_name(v); });
  }

  // Line i of infer().
  std::string line(size_t i) const {
    const Operator& op = plan_.network.operators[i];
    const std::vector<ValueId> reads = reads_of(op), writes = writes_of(op);
    std::string arguments;
    for (const ValueId v : reads) arguments += (arguments.empty() ? "" : ", ") + names_.at(v);
    if (has_weights(i)) arguments += ", weights." + op.name;
    std::string to = writes.size() == 1
                         ? names_.at(writes[0])
                         : fmt::format("[{}, {}]", names_.at(writes[0]), names_.at(writes[1]));
    const std::string constant = "k" + camel(op.name);
    std::string statement =
        std::holds_alternative<Constant>(op.what)
            ? fmt::format("  const auto& {} = {};", to, constant)
            : variable(writes[0], to,
                       fmt::format("zk::nn::{}<{}>({})", function_of(op), constant, arguments));
    const size_t column = uses_memory() ? 96 : 64;
    statement += std::string(statement.size() < column ? column - statement.size() : 1, ' ');
    return fmt::format("{} // {:<14} {}\n", statement, text_of(value(writes[0]).dims), op.op_type);
  }

  [[nodiscard]] bool uses_memory() const { return places_.bytes > 0; }

  // A statement: `name`, tensor v, is what the expression returns, made where it lies.
  [[nodiscard]] std::string variable(ValueId v, const std::string& name,
                                     const std::string& expression) const {
    const auto place = places_.offsets.find(v);
    if (place == places_.offsets.end())
      return fmt::format("  const auto {} = {};", name, expression);
    return fmt::format("  const auto& {} = *new (memory + {}) {}({});", name, place->second,
                       type_name(v), expression);
  }

  // Tensors that infer() makes lie in memory, so it is given some.
  [[nodiscard]] bool results_use_memory() const {
    const std::vector<Port>& inputs = plan_.network.inputs;
    return std::ranges::any_of(places_.offsets, [&](const auto& place) {
      return std::ranges::find(inputs, place.first, &Port::value) == inputs.end();
    });
  }

  std::string network() const {
    const Network& network = plan_.network;
    std::string parameters, lines, fields, results, memory;
    if (plan_.has_private_weights()) parameters = "const ModelWeights& weights";
    for (const Port& port : network.inputs)
      parameters += fmt::format("{}const {}& {}", parameters.empty() ? "" : ", ",
                                type_name(port.value), names_.at(port.value));
    if (results_use_memory())
      parameters += parameters.empty() ? "std::byte* memory" : ", std::byte* memory";
    if (uses_memory())
      memory = fmt::format(
          "\n// Of large tensors: each lies there from its line to the last one that reads it, "
          "then "
          "others take its place.\nconstexpr size_t kMemory = {};\n",
          places_.bytes);
    for (size_t i = 0; i < network.outputs.size(); ++i) {
      const ValueId v = network.outputs[i].value;
      fields += fmt::format("  {} {};  // {}\n", type_name(v), outputs_[i], what_is(v));
      results += (i == 0 ? "" : ", ") + names_.at(v);
    }
    for (size_t i = 0; i < network.operators.size(); ++i) lines += line(i);
    return fmt::format(
        R"(// {model} in integers, operator by operator. Made by `zkvm import`.
#pragma once

#include <zk/nn.h>
{headers}
#include "{name}_layers.h"

namespace {name} {{

struct Outputs {{
{fields}}};
{memory}
inline Outputs infer({parameters}) {{
{lines}  return {{{results}}};
}}

}}  // namespace {name}
)",
        fmt::arg("model", options_.model_file), fmt::arg("name", options_.name),
        fmt::arg("fields", fields), fmt::arg("parameters", parameters), fmt::arg("lines", lines),
        fmt::arg("results", results), fmt::arg("memory", memory),
        fmt::arg("headers", uses_memory() ? "\n#include <cstddef>\n#include <new>\n" : ""));
  }

  std::string guest() const {
    const Network& network = plan_.network;
    std::string arguments, reads, commits;
    const bool has_weights = plan_.has_private_weights(), is_public = options_.public_input;
    if (has_weights) arguments = "weights";
    std::string parameters, passed;
    const auto pass = [&](const char* parameter, const char* argument) {
      parameters += (parameters.empty() ? "" : ", ") + std::string(parameter);
      passed += (passed.empty() ? "" : ", ") + std::string(argument);
    };
    if (has_weights) pass("const ModelWeights& weights", "weights");
    if (is_public) pass("zk::Blake3& digest", "digest");
    for (const Port& port : network.inputs) {
      const std::string& variable = names_.at(port.value);
      arguments += (arguments.empty() ? "" : ", ") + variable;
      const std::string type = type_name(port.value);
      const std::string read = options_.public_input
                                   ? fmt::format("zk::nn::read_public_tensor<{}>(digest)", type)
                                   : fmt::format("zk::nn::read_tensor<{}>()", type);
      reads += fmt::format("{}  // {}: {}\n", this->variable(port.value, variable, read),
                           options_.public_input ? "public by its digest" : "private",
                           what_is(port.value));
    }
    if (results_use_memory()) arguments += arguments.empty() ? "memory" : ", memory";
    if (uses_memory()) reads = "  alignas(4) std::byte memory[kMemory];\n" + reads;
    for (size_t i = 0; i < network.outputs.size(); ++i)
      commits += commit_text(network.outputs[i].value, "outputs." + outputs_[i]);
    const std::string example =
        options_.float_tail
            ? fmt::format("{}  const Outputs quantised = infer({});\n{}", reads, arguments,
                          float_commits())
            : fmt::format("{}  const Outputs outputs = infer({});\n{}", reads, arguments, commits);
    return fmt::format(
        R"(// Proves: "I know {knows} for which {model} computes what the journal says".
// {hidden}
{commitment}#include <zk/nn/input.h>
#include <zk/zk.h>

#include "{name}_network.h"
{include}
namespace {name} {{

inline void run_example({parameter}) {{
{example}}}

}}  // namespace {name}

int main() {{{weights}{loop}{name}::run_example({argument});{end}
)",
        fmt::arg("model", options_.model_file), fmt::arg("name", options_.name),
        fmt::arg("example", example),
        fmt::arg("include", options_.float_tail
                                ? fmt::format("#include \"{}_outputs.h\"\n", options_.name)
                                : ""),
        fmt::arg("loop", options_.batch == 1
                             ? " "
                             : fmt::format(" for (int i = 0; i < {}; ++i) ", options_.batch)),
        fmt::arg("knows", has_weights && is_public ? "weights"
                          : has_weights            ? "weights and an input"
                                                   : "an input"),
        fmt::arg("hidden", hidden_text()),
        fmt::arg("commitment", has_weights ? "#include <zk/commitment.h>\n" : ""),
        fmt::arg("parameter", parameters), fmt::arg("argument", passed),
        fmt::arg(
            "weights",
            (has_weights ? fmt::format("\n  static {}::ModelWeights weights;  // private\n"
                                       "  zk::read_committed_file(std::as_writable_bytes(std::span("
                                       "&weights, 1)));  // public: the model id\n ",
                                       options_.name)
                         : "") +
                (is_public ? std::string(has_weights ? " " : "\n  ") + "zk::Blake3 digest;\n "
                           : "")),
        fmt::arg("end", is_public     ? "\n  zk::commit(digest.finish());  // of all inputs\n}"
                        : has_weights ? "\n}"
                                      : " }"));
  }

  const char* hidden_text() const {
    const bool has_weights = plan_.has_private_weights();
    if (options_.public_input)
      return has_weights ? "The weights are private: the journal begins with a commitment to them, "
                           "the model id, and ends with the\n// BLAKE3 of the inputs, which are "
                           "public."
                         : "Both are public: weights are part of the program, and the journal ends "
                           "with the BLAKE3 of the inputs.";
    return has_weights ? "Both are private; the journal begins with a commitment to the weights, "
                         "the model id."
                       : "The input is private; the model is not: weights are part of the program.";
  }

  // The model's own outputs, in soft-float.
  std::string float_commits() const {
    std::vector<std::string> arguments;
    std::string commits;
    for (const std::string& output : outputs_)
      arguments.push_back(fmt::format("quantised.{}.data", output));
    for (const TailOutput& output : tail_->outputs)
      commits += fmt::format("  zk::commit(floats.{});  // public: {} {}\n", output.member,
                             element_text(output.type), text_of(output.dims));
    return fmt::format("  // In float32.\n  const ModelOutputs floats = outputs({});\n{}",
                       fmt::join(arguments, arguments.size() > 2 ? ",\n      " : ", "), commits);
  }

  std::string commit_text(ValueId v, const std::string& expression) const {
    if (!is_byte(value(v).type) || options_.output == WriteOptions::Output::kAll)
      return fmt::format("  zk::commit({}.data);  // public\n", expression);
    if (options_.output == WriteOptions::Output::kArgMax)
      return fmt::format("  zk::commit(zk::nn::arg_max({}));  // public: the class\n", expression);
    return fmt::format("  zk::commit(zk::nn::top<{}>({}).data);  // public: the classes\n",
                       options_.top, expression);
  }

  // All tensors of one inference, and what else there is on the stack.
  uint64_t stack_bytes() const {
    uint64_t bytes = (64 << 10) + places_.bytes, input = 0;
    for (const Port& port : plan_.network.inputs)
      input = std::max(input, plan_.bytes_of(port.value));
    if (input > 8 << 10)
      bytes += 2 * input;  // read_tensor's own, where the bytes do not lie in the tensor's order
    for (const auto& [v, name] : names_)
      if (!places_.offsets.contains(v)) bytes += plan_.bytes_of(v);
    return bytes;
  }

  const Plan& plan_;
  const WriteOptions& options_;
  const Result<Tail>& tail_;
  const ModelInfo& info_;
  const Places places_;
  std::map<ValueId, std::string> names_;  // variables
  std::vector<std::string> outputs_;      // members of Outputs
  Identifiers taken_;
};

// Names and labels of the model's that a guest cannot say, because nobody would read them.
Result<void> check_description(const ModelInfo& info) {
  const auto refused = [](const std::string& message) {
    return tl::unexpected(Error{ErrorCode::kUnsupported, "what the guest says of its " + message});
  };
  const std::string text = write_model_info(info);
  if (text.size() > vm::kMaxModelBytes)
    return refused(fmt::format("model: expected at most {} bytes of names and labels, found {}",
                               vm::kMaxModelBytes, text.size()));
  const auto read = read_model_info({reinterpret_cast<const uint8_t*>(text.data()), text.size()});
  if (!read) return refused(read.error().message);
  return {};
}

/// The members of zk::nn::Layout behind `gap`, which mostly are as by default.
std::string beyond_gap(const layers::Layout& layout) {
  if (layout.block == 1 && !layout.padding) return "";
  return fmt::format(", {}, {}", layout.padding ? int{*layout.padding} : -1, layout.block);
}

}  // namespace

std::string type_text(const Plan& plan, ValueId v) {
  const Value& value = plan.network.values[v];
  const Storage& storage = plan.storage[v];
  if (storage.layout) {
    const layers::Layout& layout = *storage.layout;
    if (storage.words) return fmt::format("zk::nn::Sums<{}>", layout.bytes());
    const auto& [channels, height, width] = layout.shape;
    return fmt::format("zk::nn::Features<{}, {}, {}, {}, zk::nn::Layout{{{}, {}, {}, {}, {}{}}}>",
                       element_text(value.type), channels, height, width, layout.planar, layout.row,
                       layout.lead, layout.tail, layout.gap ? int{*layout.gap} : -1,
                       beyond_gap(layout));
  }
  Dims dims = value.dims;
  if (dims.size() > 1 && dims[0] == 1) dims.erase(dims.begin());
  if (dims.empty()) dims = {1};
  return fmt::format("zk::nn::Tensor<{}, {}>", element_text(value.type), fmt::join(dims, ", "));
}

std::vector<uint8_t> private_input(const Plan& plan, const WriteOptions& options) {
  if (!plan.has_private_weights()) return {};
  std::vector<uint8_t> bytes(options.salt.begin(), options.salt.end());
  for (const std::vector<uint8_t>& of : plan.weights_of)
    bytes.insert(bytes.end(), of.begin(), of.end());
  return bytes;
}

std::array<uint8_t, kModelIdBytes> model_id(std::span<const uint8_t> private_input) {
  zk::Salt salt;
  std::copy_n(private_input.begin(), salt.size(), salt.begin());
  return zk::commitment(private_input.subspan(salt.size()), salt);
}

Result<std::vector<ProjectFile>> write_guest(const Plan& plan, const WriteOptions& options) {
  const Result<Tail> tail = write_tail(plan.network, options.name);
  const auto refused = [](const std::string& message) {
    return tl::unexpected(Error{ErrorCode::kUnsupported, "--float-tail: " + message});
  };
  if (options.float_tail && plan.network.tail.empty())
    return refused("expected float32 arithmetic behind the last quantised tensors, found none");
  if (options.float_tail && !tail) return refused(tail.error().message);
  for (const Port& port : plan.network.outputs) {
    const Value& value = plan.network.values[port.value];
    if (options.output == WriteOptions::Output::kTopK && is_byte(value.type) &&
        elements_of(value.dims) < options.top)
      return tl::unexpected(Error{
          ErrorCode::kUnsupported,
          fmt::format("output {}: expected --output topk of at most {}, found {}",
                      onnx_file::printable(port.name), elements_of(value.dims), options.top)});
  }
  const ModelInfo info = model_info(plan, options);
  if (auto ok = check_description(info); !ok) return tl::unexpected(ok.error());
  return GuestWriter(plan, options, tail, info).files();
}

}  // namespace zkvm::importer
