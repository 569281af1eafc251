#include <fmt/format.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <limits>
#include <set>
#include <utility>

#include "host/onnx/model.h"
#include "host/onnx/order.h"
#include "host/onnx/scan.h"
#include "host/onnx/tensor.h"

namespace zkvm::onnx_file {
namespace {

using onnx::AttributeProto;

constexpr const char* kMl = "ai.onnx.ml";
constexpr const char* kMicrosoft = "com.microsoft";

struct Versions {
  const char* domain;
  const char* name;
  int64_t least, most;
};
constexpr Versions kOpsets[] = {
    {"", "ONNX", 10, 27}, {kMl, kMl, 1, 5}, {kMicrosoft, kMicrosoft, 1, 1}};
constexpr int64_t kLeastIr = 3, kMostIr = 13;
// Of models that have nothing of ONNX but Cast: so skl2onnx writes trees.
constexpr int64_t kLeastOpsetOfCasts = 9;

tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected(Error{code, std::move(message)});
}
tl::unexpected<Error> malformed(std::string message) {
  return fail(ErrorCode::kMalformed, std::move(message));
}
tl::unexpected<Error> unsupported(std::string message) {
  return fail(ErrorCode::kUnsupported, std::move(message));
}

std::string domain_of(const std::string& written) { return written == "ai.onnx" ? "" : written; }

bool has_only_casts(const onnx::GraphProto& graph) {
  return std::ranges::all_of(graph.node(), [](const onnx::NodeProto& node) {
    return !domain_of(node.domain()).empty() || node.op_type() == "Cast";
  });
}

// The type that an attribute has, or that its value shows where a writer left it out; nothing where values of another
// type stand there. A value of 0 may be left out.
std::optional<AttributeProto::AttributeType> type_of(const AttributeProto& a) {
  const std::pair<AttributeProto::AttributeType, bool> values[] = {
      {AttributeProto::FLOAT, a.has_f()},
      {AttributeProto::INT, a.has_i()},
      {AttributeProto::STRING, a.has_s()},
      {AttributeProto::TENSOR, a.has_t()},
      {AttributeProto::GRAPH, a.has_g()},
      {AttributeProto::SPARSE_TENSOR, a.has_sparse_tensor()},
      {AttributeProto::TYPE_PROTO, a.has_tp()},
      {AttributeProto::FLOATS, a.floats_size() > 0},
      {AttributeProto::INTS, a.ints_size() > 0},
      {AttributeProto::STRINGS, a.strings_size() > 0},
      {AttributeProto::TENSORS, a.tensors_size() > 0},
      {AttributeProto::GRAPHS, a.graphs_size() > 0},
      {AttributeProto::SPARSE_TENSORS, a.sparse_tensors_size() > 0},
      {AttributeProto::TYPE_PROTOS, a.type_protos_size() > 0}};
  AttributeProto::AttributeType type = a.type();
  for (const auto& [of, is_there] : values) {
    if (!is_there) continue;
    if (type == AttributeProto::UNDEFINED) type = of;
    if (type != of) return std::nullopt;
  }
  return type;
}

const char* kind_of(AttributeProto::AttributeType type) {
  switch (type) {
    case AttributeProto::SPARSE_TENSOR:
    case AttributeProto::SPARSE_TENSORS:
      return "a sparse tensor";
    case AttributeProto::TYPE_PROTO:
    case AttributeProto::TYPE_PROTOS:
      return "a type";
    case AttributeProto::TENSORS:
      return "a list of tensors";
    default:
      return "a value of a kind that is unknown here";
  }
}

TensorPointer shared(Tensor tensor) { return std::make_shared<const Tensor>(std::move(tensor)); }

TensorPointer list_tensor(ElementType type, std::vector<int64_t> dims, const void* data,
                          size_t count) {
  Tensor tensor{type, std::move(dims), std::vector<uint8_t>(count * bytes_of(type)), {}};
  if (count != 0) std::memcpy(tensor.bytes.data(), data, tensor.bytes.size());
  return shared(std::move(tensor));
}

// What a Constant node's attribute says.
TensorPointer constant_of(Attribute value) {
  struct Visitor {
    TensorPointer operator()(int64_t x) const {
      return list_tensor(ElementType::kInt64, {}, &x, 1);
    }
    TensorPointer operator()(float x) const {
      return list_tensor(ElementType::kFloat32, {}, &x, 1);
    }
    TensorPointer operator()(std::string& x) const {
      return shared({ElementType::kString, {}, {}, {std::move(x)}});
    }
    TensorPointer operator()(const std::vector<int64_t>& x) const {
      return list_tensor(ElementType::kInt64, {std::ssize(x)}, x.data(), x.size());
    }
    TensorPointer operator()(const std::vector<float>& x) const {
      return list_tensor(ElementType::kFloat32, {std::ssize(x)}, x.data(), x.size());
    }
    TensorPointer operator()(std::vector<std::string>& x) const {
      return shared({ElementType::kString, {std::ssize(x)}, {}, std::move(x)});
    }
    TensorPointer operator()(TensorPointer& x) const { return std::move(x); }
  };
  return std::visit(Visitor{}, value);
}

// Takes the file's message apart; what is large is moved out of it.
class Reader {
 public:
  Reader(onnx::ModelProto& proto, const Limits& limits)
      : proto_(proto),
        graph_(*proto.mutable_graph()),
        limits_(limits),
        elements_(limits.elements) {}

  Result<Model> read();

 private:
  Result<void> read_versions();
  Result<void> read_initialisers();
  Result<void> read_inputs();
  Result<void> read_outputs();
  Result<void> read_nodes();
  Result<void> check_domain(const std::string& domain, const std::string& title);
  Result<ValueInfo> read_value(const onnx::ValueInfoProto& proto, const char* role) const;
  Result<Node> read_node(onnx::NodeProto& proto, std::string name);
  Result<Attribute> read_attribute(AttributeProto& proto, const std::string& title);
  Result<void> add_constant(std::string name, const std::string& where, TensorPointer tensor);
  Result<void> read_constant_node(Node& node, const std::string& title);
  std::vector<std::string> node_names() const;

  onnx::ModelProto& proto_;
  onnx::GraphProto& graph_;
  const Limits& limits_;
  uint64_t elements_;  // that constants may still have
  Model model_;
};

Result<Model> Reader::read() {
  for (const auto step : {&Reader::read_versions, &Reader::read_initialisers, &Reader::read_inputs,
                          &Reader::read_outputs, &Reader::read_nodes})
    if (auto done = (this->*step)(); !done) return tl::unexpected(std::move(done.error()));
  if (auto error = order_nodes(model_)) return tl::unexpected(std::move(*error));
  return std::move(model_);
}

Result<void> Reader::read_versions() {
  model_.ir_version = proto_.ir_version();
  if (model_.ir_version < kLeastIr || model_.ir_version > kMostIr)
    return unsupported(fmt::format("expected a model of IR version {} to {}, found {}", kLeastIr,
                                   kMostIr, model_.ir_version));
  const bool only_casts = has_only_casts(graph_);
  for (const auto& import : proto_.opset_import()) {
    const std::string domain = domain_of(import.domain());
    const bool casts = only_casts && domain.empty() && import.version() == kLeastOpsetOfCasts;
    for (const Versions& known : kOpsets)
      if (domain == known.domain && !casts &&
          (import.version() < known.least || import.version() > known.most))
        return unsupported(fmt::format("expected {} operators of opset {} to {}, found {}",
                                       known.name, known.least, known.most, import.version()));
    const auto [found, is_new] = model_.opsets.emplace(domain, import.version());
    if (!is_new && found->second != import.version())
      return malformed(fmt::format("two opsets of domain \"{}\": {} and {}", printable(domain),
                                   found->second, import.version()));
  }
  model_.producer = proto_.producer_name();
  if (!proto_.producer_version().empty()) model_.producer += " " + proto_.producer_version();
  for (auto& entry : *proto_.mutable_metadata_props())
    model_.metadata.emplace(std::move(*entry.mutable_key()), std::move(*entry.mutable_value()));
  model_.graph_name = graph_.name();
  return {};
}

Result<void> Reader::add_constant(std::string name, const std::string& where,
                                  TensorPointer tensor) {
  if (name.empty()) return malformed(where + ": a constant without a name");
  if (!model_.constants.emplace(std::move(name), std::move(tensor)).second)
    return malformed(where + ": a constant of this name is already there");
  return {};
}

Result<void> Reader::read_initialisers() {
  if (graph_.sparse_initializer_size() > 0)
    return unsupported(fmt::format("constant \"{}\": sparse initialisers are not supported",
                                   printable(graph_.sparse_initializer(0).values().name())));
  for (onnx::TensorProto& proto : *graph_.mutable_initializer()) {
    const std::string where = fmt::format("constant \"{}\"", printable(proto.name()));
    auto tensor = read_tensor(proto, where, elements_);
    if (!tensor) return tl::unexpected(std::move(tensor.error()));
    if (auto done =
            add_constant(std::move(*proto.mutable_name()), where, shared(std::move(*tensor)));
        !done)
      return done;
  }
  return {};
}

Result<ValueInfo> Reader::read_value(const onnx::ValueInfoProto& proto, const char* role) const {
  const std::string where = fmt::format("{} \"{}\"", role, printable(proto.name()));
  if (proto.name().empty()) return malformed(where + ": expected a name");
  ValueInfo value;
  value.name = proto.name();
  value.has_type = value.has_shape = false;
  if (!proto.type().has_tensor_type()) return value;
  const auto& tensor = proto.type().tensor_type();
  const std::optional<ElementType> type = element_type(tensor.elem_type());
  if (!type && tensor.elem_type() != onnx::TensorProto::UNDEFINED)
    return unsupported(fmt::format("{}: elements of type {} are not supported", where,
                                   type_name(tensor.elem_type())));
  value.has_type = type.has_value();
  value.type = type.value_or(ElementType::kFloat32);
  value.has_shape = tensor.has_shape();
  if (tensor.shape().dim_size() > static_cast<int>(kMaxRank))
    return fail(ErrorCode::kTooLarge, fmt::format("{}: {} dimensions, at most {}", where,
                                                  tensor.shape().dim_size(), kMaxRank));
  for (const auto& dim : tensor.shape().dim()) {
    value.dims.push_back(dim.has_dim_value() ? std::max<int64_t>(dim.dim_value(), -1) : -1);
    value.dim_names.push_back(dim.dim_param());
  }
  if (!product_of(value.dims, limits_.elements))
    return fail(
        ErrorCode::kTooLarge,
        fmt::format("{}: shape [{}] has more than {} elements", where,
                    printable(fmt::format("{}", fmt::join(value.dims, ", "))), limits_.elements));
  return value;
}

Result<void> Reader::read_inputs() {
  for (const onnx::ValueInfoProto& proto : graph_.input()) {
    if (model_.constants.contains(proto.name())) continue;  // its default, up to IR 3 a must
    auto value = read_value(proto, "input");
    if (!value) return tl::unexpected(std::move(value.error()));
    const auto& type = proto.type();
    const std::string where =
        fmt::format("input \"{}\": expected a tensor, found ", printable(value->name));
    if (type.has_sequence_type()) return unsupported(where + "a sequence");
    if (type.has_map_type()) return unsupported(where + "a map");
    if (type.has_optional_type()) return unsupported(where + "an optional value");
    if (type.has_sparse_tensor_type()) return unsupported(where + "a sparse tensor");
    if (!value->has_type) return malformed(where + "no type");
    if (!value->has_shape) return unsupported(where + "one without a shape");
    model_.inputs.push_back(std::move(*value));
  }
  return {};
}

Result<void> Reader::read_outputs() {
  std::set<std::string> names;
  for (const onnx::ValueInfoProto& proto : graph_.output()) {
    auto value = read_value(proto, "output");
    if (!value) return tl::unexpected(std::move(value.error()));
    if (!names.insert(value->name).second)
      return malformed(fmt::format("output \"{}\" stands there twice", printable(value->name)));
    model_.outputs.push_back(std::move(*value));
  }
  if (names.empty()) return malformed("expected outputs of the graph, found none");
  return {};
}

// Every node's own name, unique: those that a file gives, as far as they are, come first.
std::vector<std::string> Reader::node_names() const {
  std::vector<std::string> names(static_cast<size_t>(graph_.node_size()));
  std::set<std::string> taken;
  const auto name = [&](int i, std::string wanted, const std::string& suffix) {
    while (!taken.insert(wanted).second) wanted += suffix;
    names[static_cast<size_t>(i)] = std::move(wanted);
  };
  for (const bool named : {true, false})
    for (int i = 0; i < graph_.node_size(); ++i) {
      const std::string suffix = fmt::format("#{}", i), &given = graph_.node(i).name();
      if (given.empty() != named) name(i, named ? given : suffix, suffix);
    }
  return names;
}

Result<void> Reader::check_domain(const std::string& domain, const std::string& title) {
  if (model_.opsets.contains(domain)) return {};
  // ONNX Runtime's own domain has one version, and files leave it out.
  if (domain == kMicrosoft) model_.opsets.emplace(domain, 1);
  if (domain.empty() || domain == kMl)
    return malformed(
        fmt::format("{}: expected an opset of {} operators among the model's imports, found none",
                    title, domain.empty() ? "ONNX" : kMl));
  return {};
}

Result<Attribute> Reader::read_attribute(AttributeProto& proto, const std::string& title) {
  const std::string where = fmt::format("{}: attribute \"{}\"", title, printable(proto.name()));
  if (proto.name().empty()) return malformed(where + " has no name");
  if (!proto.ref_attr_name().empty())
    return malformed(where + " refers to a function's, outside of one");
  const auto type = type_of(proto);
  if (!type) return malformed(where + " has a value that is not of its type");
  switch (*type) {
    case AttributeProto::INT:
      return proto.i();
    case AttributeProto::FLOAT:
      return proto.f();
    case AttributeProto::STRING:
      return std::move(*proto.mutable_s());
    case AttributeProto::INTS:
      return std::vector<int64_t>(proto.ints().begin(), proto.ints().end());
    case AttributeProto::FLOATS:
      return std::vector<float>(proto.floats().begin(), proto.floats().end());
    case AttributeProto::STRINGS: {
      std::vector<std::string> strings;
      for (std::string& text : *proto.mutable_strings()) strings.push_back(std::move(text));
      return strings;
    }
    case AttributeProto::TENSOR: {
      auto tensor = read_tensor(*proto.mutable_t(), where, elements_);
      if (!tensor) return tl::unexpected(std::move(tensor.error()));
      return shared(std::move(*tensor));
    }
    case AttributeProto::GRAPH:
    case AttributeProto::GRAPHS:
      return unsupported(
          where + " is a graph; nodes with graphs of their own (If, Loop, Scan) are not supported");
    case AttributeProto::UNDEFINED:
      return malformed(where + " has no value");
    default:
      return unsupported(where + " is " + kind_of(*type) + ", which is not supported");
  }
}

Result<Node> Reader::read_node(onnx::NodeProto& proto, std::string name) {
  Node node;
  node.name = std::move(name);
  node.op_type = proto.op_type();
  node.domain = domain_of(proto.domain());
  const std::string title = title_of(node.name, node.domain, node.op_type);
  if (node.op_type.empty()) return malformed(title + ": expected an operator, found none");
  for (std::string& input : *proto.mutable_input()) node.inputs.push_back(std::move(input));
  for (std::string& output : *proto.mutable_output()) node.outputs.push_back(std::move(output));
  for (AttributeProto& attribute : *proto.mutable_attribute()) {
    auto value = read_attribute(attribute, title);
    if (!value) return tl::unexpected(std::move(value.error()));
    if (!node.attributes.emplace(attribute.name(), std::move(*value)).second)
      return malformed(fmt::format("{}: attribute \"{}\" stands there twice", title,
                                   printable(attribute.name())));
  }
  return node;
}

Result<void> Reader::read_constant_node(Node& node, const std::string& title) {
  static const std::set<std::string> kValues = {"value",        "value_float", "value_floats",
                                                "value_int",    "value_ints",  "value_string",
                                                "value_strings"};
  if (!node.inputs.empty() || node.outputs.size() != 1 || node.outputs[0].empty())
    return malformed(fmt::format("{}: expected no input and one output, found {} and {}", title,
                                 node.inputs.size(), node.outputs.size()));
  if (node.attributes.size() != 1 || !kValues.contains(node.attributes.begin()->first))
    return malformed(title + ": expected one attribute, its value");
  Attribute& value = node.attributes.begin()->second;
  const bool is_counted = std::holds_alternative<TensorPointer>(value);
  TensorPointer tensor = constant_of(std::move(value));
  if (!is_counted) {
    if (tensor->size() > elements_)
      return fail(
          ErrorCode::kTooLarge,
          fmt::format("{}: more elements than the {} left for all constants", title, elements_));
    elements_ -= tensor->size();
  }
  return add_constant(std::move(node.outputs[0]), title, std::move(tensor));
}

Result<void> Reader::read_nodes() {
  if (std::cmp_greater(graph_.node_size(), limits_.nodes))
    return fail(ErrorCode::kTooLarge,
                fmt::format("{} nodes, at most {}", graph_.node_size(), limits_.nodes));
  std::set<std::pair<std::string, std::string>> functions;
  for (const auto& function : proto_.functions())
    functions.emplace(domain_of(function.domain()), function.name());

  std::vector<std::string> names = node_names();
  for (int i = 0; i < graph_.node_size(); ++i) {
    auto node = read_node(*graph_.mutable_node(i), std::move(names[static_cast<size_t>(i)]));
    if (!node) return tl::unexpected(std::move(node.error()));
    const std::string title = title_of(node->name, node->domain, node->op_type);
    if (functions.contains({node->domain, node->op_type}))
      return unsupported(
          title +
          ": calls a function of the file, which is not supported; "
          "inline it: onnx.inliner.inline_local_functions(MODEL, convert_version=True)");
    if (auto done = check_domain(node->domain, title); !done) return done;
    if (node->op_type == "Constant" && node->domain.empty()) {
      if (auto done = read_constant_node(*node, title); !done) return done;
      continue;
    }
    model_.nodes.push_back(std::move(*node));
  }
  // Trees alone need no operator of ONNX's own: then any version is right.
  model_.opsets.emplace("", kOpsets[0].most);
  return {};
}

}  // namespace

Result<Model> read_model(std::span<const uint8_t> file, const Limits& limits) {
  constexpr uint64_t kMostBytes = std::numeric_limits<int>::max();  // protobuf's
  if (file.size() > std::min(limits.file_bytes, kMostBytes))
    return fail(ErrorCode::kTooLarge,
                fmt::format("an ONNX model of {} bytes, at most {}", file.size(),
                            std::min(limits.file_bytes, kMostBytes)));
  if (file.empty()) return malformed("expected an ONNX model, found an empty file");
  if (auto error = scan(file, limits.parts_bytes)) return tl::unexpected(std::move(*error));
  onnx::ModelProto proto;
  if (!proto.ParsePartialFromArray(file.data(), static_cast<int>(file.size())))
    return malformed("expected an ONNX model, found bytes that are no protobuf message");
  if (!proto.has_graph()) return malformed("expected an ONNX model, found no graph");
  if (!proto.has_ir_version()) return malformed("expected an ONNX model, found no IR version");
  return Reader(proto, limits).read();
}

}  // namespace zkvm::onnx_file
