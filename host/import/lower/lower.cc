#include "host/import/lower.h"

#include <algorithm>
#include <array>

#include "host/import/lower/lowering.h"

namespace zkvm::importer {
namespace lowering {
namespace {

using onnx_file::ErrorCode;

[[noreturn]] void refuse(ErrorCode code, std::string message) {
  throw Refusal{{code, std::move(message)}};
}

const Handlers& handlers() {
  static const Handlers all = [] {
    Handlers merged;
    for (const auto& family :
         {quantise_handlers, linear_handlers, pool_handlers, elementwise_handlers, row_handlers,
          move_handlers, constant_handlers, tree_handlers})
      merged.merge(family());
    return merged;
  }();
  return all;
}

// Dimensions of an input: numbers, those that the options give, and a batch of 1.
Dims input_dims(const onnx_file::ValueInfo& info, const LowerOptions& options) {
  Dims dims;
  uint64_t elements = 1;
  for (size_t i = 0; i < info.dims.size(); ++i) {
    const std::string name = i < info.dim_names.size() ? info.dim_names[i] : "";
    int64_t dim = info.dims[i];
    const auto given = options.dims.find(name);
    if (dim < 0 && !name.empty() && given != options.dims.end()) dim = given->second;
    if (dim < 0 && i == 0) dim = 1;
    if (dim < 0)
      refuse(ErrorCode::kUnsupported, fmt::format("input {}: dimension {} ({}): expected a number, "
                                                  "found none; export with a fixed size, or give "
                                                  "it",
                                                  info.name, i, name.empty() ? "unnamed" : name));
    if (dim == 0 || static_cast<uint64_t>(dim) > kMaxElements ||
        (elements *= static_cast<uint64_t>(dim)) > kMaxElements)
      refuse(ErrorCode::kTooLarge,
             fmt::format("input {}: dimension {}: expected 1 to {} elements in all, found {}",
                         info.name, i, kMaxElements, dim));
    dims.push_back(static_cast<uint32_t>(dim));
  }
  return dims;
}

}  // namespace

Lowering::Lowering(const onnx_file::Model& model, const LowerOptions& options)
    : model_(model), options_(options) {
  network_.name = model.graph_name;
}

Dims Lowering::dims_of(const Symbol& symbol) const {
  if (const auto* tensor = std::get_if<TensorPointer>(&symbol)) return to_dims((*tensor)->dims);
  if (const auto* value = std::get_if<ValueId>(&symbol)) return network_.values[*value].dims;
  if (const auto* words = std::get_if<Words>(&symbol)) return words->dims;
  return std::get<ExprPointer>(symbol)->dims;
}

ValueId Lowering::add_bytes(const std::string& name, Dims dims, Quantisation q) {
  const ValueId id = add_raw_bytes(name, std::move(dims), q.is_signed);
  network_.values[id].q = q;
  known_[id] = true;
  return id;
}

ValueId Lowering::add_raw_bytes(const std::string& name, Dims dims, bool is_signed) {
  network_.values.push_back({name,
                             is_signed ? Type::kInt8 : Type::kUint8,
                             std::move(dims),
                             {.is_signed = is_signed, .scale = 1, .zero_point = 0}});
  known_.push_back(false);
  return static_cast<ValueId>(network_.values.size() - 1);
}

ValueId Lowering::add_words(const std::string& name, Dims dims) {
  network_.values.push_back({name, Type::kInt32, std::move(dims), {}});
  known_.push_back(true);
  return static_cast<ValueId>(network_.values.size() - 1);
}

ValueId Lowering::add_floats(const std::string& name, Dims dims) {
  network_.values.push_back({name, Type::kFloat32, std::move(dims), {}});
  known_.push_back(true);
  return static_cast<ValueId>(network_.values.size() - 1);
}

ValueId Lowering::as(ValueId id, Quantisation q) {
  Value& value = network_.values[id];
  if (!known_[id]) {
    value.q = q;
    known_[id] = true;
    // What was moved means the same where it came from.
    std::vector<ValueId> open = {id};
    while (!open.empty()) {
      const auto at = moves_.find(open.back());
      open.pop_back();
      if (at == moves_.end()) continue;
      for (const ValueId input : std::get<Move>(network_.operators[at->second].what).inputs)
        if (!known_[input]) {
          network_.values[input].q = q;
          known_[input] = true;
          open.push_back(input);
        }
    }
    return id;
  }
  if (value.q.scale == q.scale && value.q.zero_point == q.zero_point) return id;
  charge(elements_of(value.dims), value.name);
  const Order order = identity_order(value.dims, value.dims);
  const ValueId other = add_bytes(value.name, order.dims, q);
  add("reshape", nullptr, "bytes read by another scale",
      Move{.inputs = {id}, .y = other, .from = order.from});
  return other;
}

ExprPointer Lowering::made(Expr expr, const NodeView& who) const {
  constexpr uint32_t kMaxDepth = 1000;
  for (const ExprPointer& input : expr.inputs)
    if (input) expr.depth = std::max(expr.depth, input->depth + 1);
  if (expr.depth > kMaxDepth)
    who.refuse(
        "expected QuantizeLinear somewhere before, found {} operators upon one another in float32; "
        "quantise the "
        "model first, with ONNX Runtime's quantize_static",
        expr.depth);
  return std::make_shared<const Expr>(std::move(expr));
}

static std::string too_many_elements() {
  return fmt::format(
      "expected at most {} elements in all tensors, weights and tables that are made of the "
      "model, found more",
      kMaxTotalElements);
}

void Lowering::charge(uint64_t elements, const NodeView& who) {
  elements_ += elements;
  if (elements_ > kMaxTotalElements) who.refuse_with(ErrorCode::kTooLarge, too_many_elements());
}

void Lowering::charge(uint64_t elements, const std::string& tensor) {
  elements_ += elements;
  if (elements_ > kMaxTotalElements)
    refuse(ErrorCode::kTooLarge,
           fmt::format("tensor {}: {}", onnx_file::printable(tensor), too_many_elements()));
}

void Lowering::rename(ValueId id, const std::string& name) {
  const bool is_input =
      std::ranges::any_of(inputs_, [&](const auto& entry) { return entry.second == id; });
  if (!is_input && named_.insert(id).second) network_.values[id].name = name;
}

void Lowering::add_inputs() {
  if (model_.inputs.size() > kMaxPorts || model_.outputs.size() > kMaxPorts)
    refuse(ErrorCode::kTooLarge,
           fmt::format("model: expected at most {} inputs and outputs each, found {} and {}",
                       kMaxPorts, model_.inputs.size(), model_.outputs.size()));
  for (const onnx_file::ValueInfo& info : model_.inputs) {
    const Dims dims = input_dims(info, options_);
    charge(elements_of(dims), info.name);
    Symbol symbol;
    switch (info.type) {
      case ElementType::kFloat32: {
        Expr expr{.kind = Expr::Kind::kInput, .name = info.name, .dims = dims};
        symbol = std::make_shared<const Expr>(std::move(expr));
        break;
      }
      case ElementType::kInt8:
      case ElementType::kUint8:
        symbol = add_raw_bytes(info.name, dims, info.type == ElementType::kInt8);
        break;
      case ElementType::kInt32:
      case ElementType::kInt64:
        symbol = Words{add_words(info.name, dims), dims};
        break;
      default:
        refuse(ErrorCode::kUnsupported,
               fmt::format("input {}: expected float32, int8, uint8, int32 or int64, found {}",
                           info.name, onnx_file::name_of(info.type)));
    }
    if (!symbols_.emplace(info.name, std::move(symbol)).second)
      refuse(ErrorCode::kMalformed, fmt::format("input {}: expected a new name", info.name));
  }
}

void Lowering::read(const onnx_file::Node& node) {
  NodeView view(this, node);
  const std::string name = node.domain.empty() || node.domain == "ai.onnx"
                               ? node.op_type
                               : node.domain + ":" + node.op_type;
  const auto handler = handlers().find(name);
  if (handler == handlers().end()) view.refuse("{}: not an operator that zkvm import has", name);
  handler->second(view);
  view.check_attributes();
}

Network Lowering::run() {
  for (const auto& [name, tensor] : model_.constants) symbols_.emplace(name, tensor);
  add_inputs();
  for (const onnx_file::Node& node : model_.nodes) read(node);
  add_outputs();
  for (const onnx_file::ValueInfo& info : model_.inputs) {
    const Symbol& symbol = symbols_.at(info.name);
    if (const auto* value = std::get_if<ValueId>(&symbol)) {
      network_.inputs.push_back({*value, info.name, info.type});
    } else if (const auto* words = std::get_if<Words>(&symbol)) {
      network_.inputs.push_back({words->value, info.name, info.type});
    } else if (const auto found = inputs_.find(info.name); found != inputs_.end()) {
      network_.inputs.push_back({found->second, info.name, info.type});
    }
  }
  finish(&network_);
  return std::move(network_);
}

void Lowering::add_port(ValueId value, const std::string& name, ElementType model_type) {
  std::string unique = name;
  const auto is_taken = [&](const Port& port) { return port.name == unique; };
  while (std::ranges::any_of(network_.outputs, is_taken)) unique += "_bytes";
  network_.outputs.push_back({value, unique, model_type});
}

std::string Lowering::cut_at(ValueId value, const std::string& name) {
  const auto [at, is_new] = cuts_.try_emplace(value, network_.outputs.size());
  const Type type = network_.values[value].type;
  if (is_new)
    add_port(value, name,
             type == Type::kInt8    ? ElementType::kInt8
             : type == Type::kUint8 ? ElementType::kUint8
             : type == Type::kInt32 ? ElementType::kInt32
                                    : ElementType::kFloat32);
  return network_.outputs[at->second].name;
}

void Lowering::tail_of(const ExprPointer& expr, std::set<const Expr*>* done) {
  if (!done->insert(expr.get()).second) return;
  const auto constant = [&](const std::string& name, const TensorPointer& tensor) {
    if (tail_constants_.insert(name).second)
      network_.tail.push_back({name, "Constant", {}, {name}, {{"value", tensor}}});
  };
  // A name that nothing in the file has, nor the tail.
  const auto made_up = [&](std::string name) {
    while (symbols_.contains(name) || tail_constants_.contains(name)) name += '_';
    return name;
  };
  const auto dequantise = [&](ValueId value, const std::string& name,
                              const std::vector<float>& scales, std::optional<size_t> axis,
                              TensorPointer zero_point) {
    // A float tensor that was moved as bytes has no other name for them.
    const std::string of_value = expr->bytes.empty() ? network_.values[value].name : expr->bytes;
    const std::string from = cut_at(value, of_value == name ? name + "_quantized" : of_value);
    const std::string scale = made_up(name + "_scale");
    TailNode node{name, "DequantizeLinear", {from, scale}, {name}, {}};
    constant(scale,
             float_tensor(axis ? Dims{static_cast<uint32_t>(scales.size())} : Dims{}, scales));
    if (zero_point) {
      node.inputs.push_back(made_up(name + "_zero_point"));
      constant(node.inputs.back(), zero_point);
    }
    if (axis) node.attributes.emplace("axis", static_cast<int64_t>(*axis));
    network_.tail.push_back(std::move(node));
  };
  switch (expr->kind) {
    case Expr::Kind::kInput:
      refuse(ErrorCode::kUnsupported,
             fmt::format("input {}: expected QuantizeLinear behind it, found that an output of the "
                         "model is made of it in "
                         "float32; quantise the model first, with ONNX Runtime's quantize_static",
                         expr->name));
    case Expr::Kind::kConstant:
      constant(expr->name, floats_of(*expr));
      return;
    case Expr::Kind::kWords:
      if (network_.values[expr->value].type == Type::kFloat32) {
        const std::string port = cut_at(expr->value, expr->name);
        if (port != expr->name)
          network_.tail.push_back({expr->name, "Identity", {port}, {expr->name}, {}});
        return;
      }
      if (network_.values[expr->value].dims == expr->dims) {
        dequantise(expr->value, expr->name, {1.0f}, std::nullopt, nullptr);
      } else {
        const std::string other = made_up(expr->name + "_before_reshape");
        const std::string shape = made_up(expr->name + "_shape");
        dequantise(expr->value, other, {1.0f}, std::nullopt, nullptr);
        const std::vector<int64_t> dims(expr->dims.begin(), expr->dims.end());
        constant(shape, integer_tensor({static_cast<uint32_t>(dims.size())}, dims));
        network_.tail.push_back({expr->name, "Reshape", {other, shape}, {expr->name}, {}});
      }
      return;
    case Expr::Kind::kLeaf: {
      const Quantisation& q = network_.values[expr->value].q;
      const Tensor zero{.type = q.is_signed ? ElementType::kInt8 : ElementType::kUint8,
                        .dims = {},
                        .bytes = {static_cast<uint8_t>(q.zero_point)},
                        .strings = {}};
      dequantise(expr->value, expr->name, {q.scale}, std::nullopt,
                 std::make_shared<const Tensor>(zero));
      return;
    }
    case Expr::Kind::kMove:
    case Expr::Kind::kNode:
      break;
  }
  if (expr->sums) {
    const Expr::Sums sums = expr->sums();
    dequantise(sums.value, expr->name, sums.scales,
               sums.scales.size() == 1 ? std::nullopt : std::optional(sums.axis), nullptr);
    return;
  }
  for (const ExprPointer& input : expr->inputs)  // a move names its constants like itself
    if (input && input->name != expr->name) tail_of(input, done);
  const onnx_file::Node& node = *expr->node;
  if (!tail_nodes_.insert(&node).second) return;   // another output of it
  for (size_t i = 0; i < node.inputs.size(); ++i)  // shapes, axes
    if (!node.inputs[i].empty())
      if (const auto* tensor = std::get_if<TensorPointer>(&symbols_.at(node.inputs[i])))
        constant(node.inputs[i], *tensor);
  TailNode tail{node.name,    node.op_type,    node.inputs,
                node.outputs, node.attributes, NodeView(this, node).opset()};
  for (std::string& input : tail.inputs)  // other names of the same tensor
    if (!input.empty())
      if (const auto* symbol = std::get_if<ExprPointer>(&symbols_.at(input)))
        input = (*symbol)->name;
  network_.tail.push_back(std::move(tail));
}

ValueId Lowering::shaped(const Words& words, const std::string& name) {
  const ValueId value = words.value;
  Dims& dims = network_.values[value].dims;
  if (dims == words.dims) return value;
  const bool is_input = std::ranges::any_of(model_.inputs, [&](const auto& info) {
    const auto* input = std::get_if<Words>(&symbols_.at(info.name));
    return input && input->value == value;
  });
  const bool is_output =
      std::ranges::any_of(network_.outputs, [&](const Port& port) { return port.value == value; });
  if (!is_input && !is_output) {
    dims = words.dims;
    return value;
  }
  charge(elements_of(dims), name);
  const Order order = identity_order(dims, words.dims);
  const ValueId other = add_words(name, words.dims);
  add("reshape", nullptr, "Reshape", Move{.inputs = {value}, .y = other, .from = order.from});
  return other;
}

void Lowering::add_outputs() {
  std::set<const Expr*> done;
  for (const onnx_file::ValueInfo& info : model_.outputs) {
    network_.model_outputs.push_back(info.name);
    const auto found = symbols_.find(info.name);
    if (found == symbols_.end())
      refuse(ErrorCode::kMalformed,
             fmt::format("output {}: expected the output of a node, found none", info.name));
    if (const auto* value = std::get_if<ValueId>(&found->second)) {
      const std::string port = cut_at(*value, info.name);
      Port& cut = network_.outputs[cuts_.at(*value)];
      if (cut.output.empty())
        cut.output = info.name;
      else
        network_.tail.push_back({info.name, "Identity", {port}, {info.name}, {}});
    } else if (const auto* words = std::get_if<Words>(&found->second)) {
      add_port(shaped(*words, info.name), info.name,
               info.type);  // indices may be the model's int64
      network_.outputs.back().output = info.name;
    } else if (const auto* expr = std::get_if<ExprPointer>(&found->second)) {
      // Nothing but DequantizeLinear follows: the value's quantisation says it all.
      if ((*expr)->kind == Expr::Kind::kLeaf || (*expr)->kind == Expr::Kind::kWords) {
        add_port((*expr)->value, info.name, ElementType::kFloat32);
        network_.outputs.back().output = info.name;
        continue;
      }
      tail_of(*expr, &done);
      if ((*expr)->name != info.name)
        network_.tail.push_back({info.name, "Identity", {(*expr)->name}, {info.name}, {}});
    } else {
      refuse(ErrorCode::kUnsupported, fmt::format("output {}: found a constant", info.name));
    }
  }
  if (network_.outputs.empty())
    refuse(ErrorCode::kUnsupported,
           "model: expected outputs that are made of quantised tensors, found none");
}

ValueId Lowering::float_input(const ExprPointer& expr, NodeView& who) {
  if (const auto found = inputs_.find(expr->name); found != inputs_.end()) {
    if (value(found->second).type != Type::kFloat32)
      who.refuse(
          "input {} of the model: expected that all read it in float32, found that it is quantised "
          "too",
          expr->name);
    return found->second;
  }
  const ValueId value = add_floats(expr->name, expr->dims);
  inputs_.emplace(expr->name, value);
  return value;
}

ExprPointer Lowering::add_tail_node(onnx_file::Node node, const ExprPointer& input,
                                    const NodeView& who) {
  symbols_.emplace(node.inputs[0], input);
  tail_made_.push_back(std::move(node));
  const onnx_file::Node& made_node = tail_made_.back();
  return made({.kind = Expr::Kind::kNode,
               .name = made_node.outputs[0],
               .dims = input->dims,
               .node = &made_node,
               .inputs = {input}},
              who);
}

std::optional<ValueId> Lowering::exact_bytes(const ExprPointer& expr, NodeView& who) {
  if (expr->kind == Expr::Kind::kLeaf) return expr->value;
  if (const auto known = exact_.find(expr.get()); known != exact_.end())
    return known->second.second;
  auto exact = exact_table(*this, expr);
  if (!exact) return std::nullopt;
  who.check_size(expr->dims);
  const ValueId made = tabulated(*this, exact->leaf, value(exact->leaf).q, std::move(exact->table),
                                 "table", expr->node, expr->node->op_type, expr->name);
  exact_.emplace(expr.get(), std::pair(expr, made));
  return made;
}

void Lowering::warn_of_form() {
  if (std::exchange(network_.is_qdq, true)) return;
  warn(
      "the file is in QDQ form, which is several functions: these are the bytes of ONNX Runtime's "
      "default session with "
      "session.qdqisint8allowed=1 and session.disable_double_qdq_remover=1; without these, or "
      "without optimisation, its "
      "own may differ");
}

ValueId Lowering::quantised_input(const ExprPointer& expr, const Quantisation& q, NodeView& who) {
  const auto found = inputs_.find(expr->name);
  if (found == inputs_.end()) {
    const ValueId value = add_bytes(expr->name, expr->dims, q);
    inputs_.emplace(expr->name, value);
    return value;
  }
  const Quantisation& other = value(found->second).q;
  if (other.is_signed != q.is_signed || other.scale != q.scale || other.zero_point != q.zero_point)
    who.refuse(
        "input {} of the model: expected one quantisation for all that read it, found scale {} "
        "zero point {} and "
        "scale {} zero point {}",
        expr->name, other.scale, other.zero_point, q.scale, q.zero_point);
  return found->second;
}

namespace {

// A clamp of bytes that mean q, as a table; nothing where it is none.
std::optional<std::vector<uint8_t>> clamp_table(const Expr::Bounds& bounds, const Quantisation& q) {
  const auto element = [&](uint8_t byte) { return q.is_signed ? static_cast<int8_t>(byte) : byte; };
  const int low = element(quantise_float(bounds.low, q)),
            high = element(quantise_float(bounds.high, q));
  std::vector<uint8_t> table(256);
  bool changes = false;
  for (int byte = 0; byte < 256; ++byte) {
    const int x = element(static_cast<uint8_t>(byte));
    const int y = std::min(std::max(x, low), high);
    table[static_cast<size_t>(byte)] = static_cast<uint8_t>(y);
    changes |= x != y;
  }
  return changes ? std::optional(table) : std::nullopt;
}

// Whether nothing but elementwise operators stands between the expression and bytes.
bool is_elementwise(const Expr& root) {
  std::set<const Expr*> seen;
  std::vector<const Expr*> open = {&root};
  while (!open.empty()) {
    const Expr* expr = open.back();
    open.pop_back();
    if (!seen.insert(expr).second) continue;
    if (expr->kind == Expr::Kind::kLeaf || expr->kind == Expr::Kind::kConstant) continue;
    if (expr->kind != Expr::Kind::kNode || !expr->function) return false;
    for (const ExprPointer& input : expr->inputs)
      if (input) open.push_back(input.get());
  }
  return true;
}

}  // namespace

ValueId Lowering::quantise(const ExprPointer& expr, const Quantisation& q, NodeView& who,
                           const std::string& label) {
  const Key key{expr.get(), q.is_signed, q.scale, q.zero_point};
  if (const auto known = quantised_.find(key); known != quantised_.end())
    return known->second.second;
  const auto make = [&]() -> ValueId {
    switch (expr->kind) {
      case Expr::Kind::kInput:
        return quantised_input(expr, q, who);
      case Expr::Kind::kWords:
        who.refuse(
            "input {}: expected float32 made of bytes, found int32 sums; quantise with "
            "quantize_static, not "
            "dynamically",
            expr->name);
      case Expr::Kind::kConstant: {
        const Dims dims = expr->dims;
        who.check_size(dims);
        std::vector<uint8_t> bytes;
        for (const float x : floats_of(*expr)->values<float>())
          bytes.push_back(quantise_float(x, q));
        const ValueId value = add_bytes(expr->name, dims, q);
        add("constant", nullptr, "Constant", Constant{value, std::move(bytes)});
        return value;
      }
      case Expr::Kind::kMove: {
        NodeView of_node(this, *expr->node);
        std::vector<Symbol> inputs;
        for (const ExprPointer& input : expr->inputs) inputs.push_back(quantise(input, q, who));
        const Tensor fill{.type = q.is_signed ? ElementType::kInt8 : ElementType::kUint8,
                          .dims = {},
                          .bytes = {quantise_float(expr->fill, q)},
                          .strings = {}};
        const Symbol result = moved(of_node, expr->move_kind, inputs, {expr->dims, expr->from},
                                    expr->name, std::make_shared<const Tensor>(fill));
        return as(std::get<ValueId>(result), q);
      }
      case Expr::Kind::kLeaf:
      case Expr::Kind::kNode:
        break;
    }
    if (expr->kind == Expr::Kind::kNode && expr->bounds) {
      const auto table = clamp_table(*expr->bounds, q);
      const std::string further = fmt::format(" + {}{}", expr->node->op_type, label);
      if (!table) return quantise(expr->inputs[0], q, who, further);
      if (!is_elementwise(*expr)) {
        const ValueId x = quantise(expr->inputs[0], q, who);
        return tabulated(*this, x, q, *table, "table", expr->node, expr->node->op_type + label,
                         expr->name);
      }
    }
    if (expr->kind == Expr::Kind::kNode) warn_of_form();
    if (expr->quantise) return expr->quantise(q, label);
    if (const ExprPointer move = moved_last(expr)) return quantise(move, q, who, label);
    if (const auto value = quantise_written_out(expr, q, who, label)) return *value;
    return quantise_elementwise(*this, expr, q, who, label);
  };
  const ValueId value = make();
  quantised_.emplace(key, std::pair(expr, value));
  return value;
}

}  // namespace lowering

Result<Network> lower(const onnx_file::Model& model, const LowerOptions& options) {
  try {
    return lowering::Lowering(model, options).run();
  } catch (const lowering::Refusal& refusal) {
    return tl::unexpected(refusal.error);
  }
}

}  // namespace zkvm::importer
