// params_from_onnx MODEL.onnx NAMESPACE HEADER LAYERS
//
// Writes what zk::nn needs of each QLinearConv (kConv1, kConv2, ...), QGemm and QLinearMatMul (kDense1, ...),
// MaxPool (kMaxPool1, ... where it is not the 2x2 one behind a convolution), QLinearAveragePool
// (kAveragePool1, ...), QLinearAdd (kAdd1, ...) and QLinearMul (kMul1, ...) of a model that ONNX Runtime
// quantised, in the graph's order; and the type Input, where the model has one input. How the layers follow
// one another is the guest's own source.
//
// These are descriptors: which layer of the file LAYERS it is, and the types of its operands; of an average pool,
// parameters. LAYERS is for zkvm_add_guest's LAYERS, and so is LAYERS.plain, which is written beside it.
#include <fmt/core.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "host/layers/network.h"
#include "host/layers/plain.h"
#include "vm/layer/section.h"

namespace {

using zkvm::layers::Shape;

[[noreturn]] void fail(const std::string& message) {
  fmt::print(stderr, "params_from_onnx: {}\n", message);
  exit(2);
}

// The constants and single-integer-list attributes of one model, with the checks that a reader
// needs.
class Model {
 public:
  explicit Model(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file || !model_.ParseFromIstream(&file)) fail(path + ": not a readable ONNX model");
    for (const onnx::TensorProto& tensor : model_.graph().initializer()) {
      constants_[tensor.name()] = &tensor;
    }
  }

  const onnx::GraphProto& graph() const { return model_.graph(); }
  bool is_constant(const std::string& name) const { return constants_.contains(name); }

  std::vector<int64_t> shape(const std::string& name) const {
    const onnx::TensorProto& t = constant(name);
    return {t.dims().begin(), t.dims().end()};
  }

  bool is_uint8(const std::string& name) const {
    return constant(name).data_type() == onnx::TensorProto::UINT8;
  }

  // Elements of a constant tensor of T.
  template <class T>
  std::vector<T> values(const std::string& name) const {
    constexpr int kType = std::is_same_v<T, float>     ? onnx::TensorProto::FLOAT
                          : std::is_same_v<T, int8_t>  ? onnx::TensorProto::INT8
                          : std::is_same_v<T, uint8_t> ? onnx::TensorProto::UINT8
                                                       : onnx::TensorProto::INT32;
    const onnx::TensorProto& t = constant(name);
    if (t.data_type() != kType) {
      fail(fmt::format("{}: expected element type {}, found {}", name, kType, t.data_type()));
    }
    std::vector<T> values;
    if (t.has_raw_data()) {
      values.resize(t.raw_data().size() / sizeof(T));
      memcpy(values.data(), t.raw_data().data(), values.size() * sizeof(T));
    } else if constexpr (std::is_same_v<T, float>) {
      values.assign(t.float_data().begin(), t.float_data().end());
    } else {
      for (const int32_t x : t.int32_data()) values.push_back(static_cast<T>(x));
    }
    size_t expected = 1;
    for (const int64_t dim : t.dims()) expected *= static_cast<size_t>(dim);
    if (values.size() != expected) {
      fail(fmt::format("{}: expected {} elements, found {}", name, expected, values.size()));
    }
    return values;
  }

 private:
  const onnx::TensorProto& constant(const std::string& name) const {
    const auto found = constants_.find(name);
    if (found == constants_.end()) fail(name + ": not a constant of the model");
    return *found->second;
  }

  onnx::ModelProto model_;
  std::map<std::string, const onnx::TensorProto*> constants_;
};

// One operator of the graph, with readers of its inputs.
class Node {
 public:
  Node(const Model& model, const onnx::NodeProto& node) : model_(model), node_(node) {}

  const std::string& type() const { return node_.op_type(); }
  [[noreturn]] void fail(const std::string& message) const {
    ::fail(fmt::format("{} node {}: {}", node_.op_type(), node_.name(), message));
  }

  const std::string& input(int i) const {
    if (i >= node_.input_size()) fail(fmt::format("expected an input {}", i));
    return node_.input(i);
  }
  const std::string& output() const {
    if (node_.output_size() < 1) fail("expected an output");
    return node_.output(0);
  }
  template <class T>
  std::vector<T> values(int i) const {
    return model_.values<T>(input(i));
  }
  std::vector<int64_t> shape(int i) const { return model_.shape(input(i)); }

  // Of the activations' scale and zero point.
  zkvm::layers::Quantisation quantisation(int scale, int zero) const {
    const bool is_uint8 = model_.is_uint8(input(zero));
    return {!is_uint8, values<float>(scale).at(0),
            is_uint8 ? values<uint8_t>(zero).at(0) : values<int8_t>(zero).at(0)};
  }

  std::vector<int64_t> integers(const std::string& name, std::vector<int64_t> otherwise) const {
    for (const onnx::AttributeProto& attribute : node_.attribute()) {
      if (attribute.name() != name) continue;
      if (attribute.ints().empty()) return {attribute.i()};
      return {attribute.ints().begin(), attribute.ints().end()};
    }
    return otherwise;
  }
  void expect(const std::string& name, int64_t value, int64_t otherwise) const {
    const int64_t found = integers(name, {otherwise}).at(0);
    if (found != value) fail(fmt::format("{}: expected {}, found {}", name, value, found));
  }

  // Of a convolution or pool with this kernel.
  zkvm::layers::Window window(const std::vector<int64_t>& kernel) const {
    for (const onnx::AttributeProto& attribute : node_.attribute())
      if (attribute.name() == "auto_pad" && attribute.s() != "NOTSET")
        fail("auto_pad: expected NOTSET, found " + attribute.s());
    zkvm::layers::Window window;
    const auto read = [&](const char* what, auto& to, const std::vector<int64_t>& from) {
      if (from.size() != to.size())
        fail(fmt::format("{}: expected {} numbers, found {}", what, to.size(), from.size()));
      for (size_t i = 0; i < to.size(); ++i) to[i] = static_cast<uint32_t>(from[i]);
    };
    read("kernel_shape", window.kernel, kernel);
    read("strides", window.strides, integers("strides", {1, 1}));
    read("dilations", window.dilations, integers("dilations", {1, 1}));
    read("pads", window.pads, integers("pads", {0, 0, 0, 0}));
    return window;
  }

 private:
  const Model& model_;
  const onnx::NodeProto& node_;
};

const char* element(bool is_signed) { return is_signed ? "int8_t" : "uint8_t"; }

// A tensor between nodes.
struct Tensor {
  Shape shape;
  bool is_signed = true;
  std::optional<size_t> op = {};  // of the network, that writes it; else it is one of its inputs
  size_t number = 0;              // as zkvm::layers::Operator counts: once all nodes are read
};

// One layer: its name in the header, and what becomes of it there.
struct Described {
  std::string name;
  std::string text = {};            // its definition, where the unit does not have it
  std::optional<size_t> op = {};    // its operator in the network: one that the unit has
  std::optional<size_t> pool = {};  // the operator of the 2x2 max pool behind it
  bool exchanged = false;           // of a pair: the unit's a is the model's second input
};

// The model, gathered node by node.
class Reader {
 public:
  explicit Reader(const Model& model) {
    for (const onnx::ValueInfoProto& input : model.graph().input())
      if (!model.is_constant(input.name())) {
        const int type = input.type().tensor_type().elem_type();
        add(input.name(), {shape_of(input), type != onnx::TensorProto::UINT8});
        inputs_.push_back(input.name());
      }
    for (const onnx::NodeProto& proto : model.graph().node())
      for (const std::string& name : proto.input()) ++uses_[name];
    for (const onnx::ValueInfoProto& output : model.graph().output()) ++uses_[output.name()];
    for (const onnx::NodeProto& proto : model.graph().node()) read(Node(model, proto));
    number_tensors();
  }

  const zkvm::layers::Network& network() const { return network_; }
  const std::vector<Described>& described() const { return described_; }
  const Tensor& input_of(size_t op) const { return tensors_[reads_[op].first]; }
  const Tensor& second_of(size_t op) const { return tensors_[reads_[op].second]; }
  const Tensor& output_of(size_t op) const { return tensors_[writes_[op]]; }
  // What the model reads, if it is one tensor.
  const Tensor* input() const {
    return inputs_.size() == 1 ? &tensors_[names_.at(inputs_[0])] : nullptr;
  }

 private:
  void read(const Node& node) {
    if (node.type() == "QLinearConv") {
      conv(node);
    } else if (node.type() == "QGemm") {
      gemm(node);
    } else if (node.type() == "QLinearMatMul") {
      mat_mul(node);
    } else if (node.type() == "MaxPool") {
      max_pool(node);
    } else if (node.type() == "QLinearAveragePool") {
      average_pool(node);
    } else if (node.type() == "QLinearAdd" || node.type() == "QLinearMul") {
      pairwise(node);
    } else if (node.type() == "QuantizeLinear" || node.type() == "DequantizeLinear" ||
               node.type() == "Flatten") {
      const size_t tensor = names_[node.output()] = input_tensor(node);  // the same bytes
      if (node.type() == "QuantizeLinear")
        tensors_[tensor].is_signed = node.quantisation(1, 2).is_signed;
    } else {
      node.fail("not an operator that zk::nn has");
    }
  }

  // [batch], channels, height, width; or [batch], elements.
  static Shape shape_of(const onnx::ValueInfoProto& input) {
    const auto& dims = input.type().tensor_type().shape().dim();
    const auto size = [&](int i) {
      if (!dims[i].has_dim_value() || dims[i].dim_value() <= 0)
        fail(fmt::format("{}: dimension {}: expected a number", input.name(), i));
      return static_cast<uint32_t>(dims[i].dim_value());
    };
    if (dims.size() == 4) return {size(1), size(2), size(3)};
    if (dims.size() == 2) return {size(1), 1, 1};
    fail(fmt::format("{}: expected 2 or 4 dimensions, found {}", input.name(), dims.size()));
  }

  size_t add(const std::string& name, Tensor tensor) {
    names_[name] = tensors_.size();
    tensors_.push_back(tensor);
    return tensors_.size() - 1;
  }
  size_t input_tensor(const Node& node, int input = 0) const {
    const auto found = names_.find(node.input(input));
    if (found == names_.end())
      node.fail(node.input(input) + ": expected an output of a node before");
    return found->second;
  }
  void add_op(const Node& node, decltype(zkvm::layers::Operator::what) what,
              const zkvm::layers::Window& window, bool is_signed, uint32_t outputs) {
    const size_t from = input_tensor(node);
    const auto positions = window.positions(tensors_[from].shape);
    if (!positions) node.fail("expected a window within the padded input");
    const size_t op = network_.operators.size();
    reads_.push_back({from, from});
    writes_.push_back(
        add(node.output(), {{outputs, (*positions)[0], (*positions)[1]}, is_signed, op}));
    network_.operators.push_back({0, std::move(what)});
  }

  // Inputs 0-5 are the same for all three linear operators.
  void linear(const Node& node, const std::string& name, const zkvm::layers::Window& window,
              uint32_t groups, uint32_t outputs, const std::vector<int8_t>& weights,
              const std::vector<int32_t>& bias, int output) {
    for (const int8_t zero : node.values<int8_t>(5))
      if (zero != 0) node.fail("expected weights with zero point 0");
    zkvm::layers::Linear l{.name = name, .outputs = outputs, .groups = groups, .window = window};
    l.weights.assign(weights.begin(), weights.end());
    l.bias = bias;
    l.weight_scales = node.values<float>(4);
    l.input = node.quantisation(1, 2);
    l.output = node.quantisation(output, output + 1);
    if (l.input.is_signed != l.output.is_signed) node.fail("input and output types differ");
    tensors_[input_tensor(node)].is_signed = l.input.is_signed;
    described_.push_back({.name = name, .op = network_.operators.size()});
    add_op(node, l, window, l.output.is_signed, outputs);
  }

  void conv(const Node& node) {
    const std::vector<int64_t> shape = node.shape(3);
    if (shape.size() != 4) node.fail("expected weights of 4 dimensions");
    const zkvm::layers::Window window = node.window({shape[2], shape[3]});
    const auto groups = static_cast<uint32_t>(node.integers("group", {1}).at(0));
    linear(node, fmt::format("Conv{}", ++convs_), window, groups, static_cast<uint32_t>(shape[0]),
           node.values<int8_t>(3), node.values<int32_t>(8), 6);
  }

  void dense(const Node& node, int64_t outputs, int64_t inputs, const std::vector<int8_t>& weights,
             const std::vector<int32_t>& bias, int output) {
    const Shape& from = tensors_[input_tensor(node)].shape;
    if (uint64_t{from.channels} * from.height * from.width != static_cast<uint64_t>(inputs))
      node.fail(fmt::format("expected an input of {} elements, found {} x {} x {}", inputs,
                            from.channels, from.height, from.width));
    linear(node, fmt::format("Dense{}", ++denses_), {.kernel = {from.height, from.width}}, 1,
           static_cast<uint32_t>(outputs), weights, bias, output);
  }

  void gemm(const Node& node) {
    node.expect("transA", 0, 0);
    node.expect("transB", 1, 0);
    const std::vector<int64_t> shape = node.shape(3);
    dense(node, shape.at(0), shape.at(1), node.values<int8_t>(3), node.values<int32_t>(6), 7);
  }

  void mat_mul(const Node& node) {
    const std::vector<int64_t> shape = node.shape(3);
    const auto inputs = static_cast<size_t>(shape.at(0)),
               outputs = static_cast<size_t>(shape.at(1));
    const std::vector<int8_t> transposed = node.values<int8_t>(3);
    std::vector<int8_t> weights;
    for (size_t output = 0; output < outputs; ++output)
      for (size_t i = 0; i < inputs; ++i) weights.push_back(transposed[i * outputs + output]);
    dense(node, shape.at(1), shape.at(0), weights, std::vector<int32_t>(outputs), 6);
  }

  // Behind a convolution that nobody else reads, a 2x2 pool is a part of it: conv2d_max_pool.
  void max_pool(const Node& node) {
    node.expect("ceil_mode", 0, 0);
    const zkvm::layers::Window window = node.window(node.integers("kernel_shape", {}));
    const size_t from = input_tensor(node), op = network_.operators.size();
    const bool is_2x2 = window.kernel == std::array<uint32_t, 2>{2, 2} &&
                        window.strides == window.kernel &&
                        window.dilations == std::array<uint32_t, 2>{1, 1} &&
                        std::ranges::count(window.pads, 0u) == 4;
    const bool is_fused = is_2x2 && !described_.empty() && described_.back().op &&
                          described_.back().name.starts_with("Conv") && uses_[node.input(0)] == 1 &&
                          tensors_[from].op == described_.back().op;
    const std::string name = fmt::format("MaxPool{}", is_fused ? pools_ : ++pools_);
    if (is_fused) {
      described_.back().pool = op;
    } else {
      described_.push_back({.name = name, .op = op});
    }
    add_op(node, zkvm::layers::MaxPool{is_fused ? described_.back().name + " pool" : name, window},
           window, tensors_[from].is_signed, tensors_[from].shape.channels);
  }

  // Not in the unit: what ONNX Runtime computes is no function of the integer sum. Its output is a
  // tensor that the guest's instructions write.
  void average_pool(const Node& node) {
    const auto input = node.quantisation(1, 2), output = node.quantisation(3, 4);
    const Shape from = tensors_[input_tensor(node)].shape;
    const zkvm::layers::Window window = node.window(node.integers("kernel_shape", {}));
    const auto positions = window.positions(from);
    if (!positions) node.fail("expected a window within the padded input");
    add(node.output(), {{from.channels, (*positions)[0], (*positions)[1]}, output.is_signed});
    const std::string name = fmt::format("AveragePool{}", ++average_pools_);
    described_.push_back(
        {name, fmt::format("inline constexpr zk::nn::AveragePoolParams k{}{{.input "
                           "= {{{:a}f, {}}}, .output = {{{:a}f, {}}}}};\n",
                           name, input.scale, input.zero_point, output.scale, output.zero_point)});
  }

  // As the unit has it, a is the input that is not one pixel.
  void pairwise(const Node& node) {
    const bool is_sum = node.type() == "QLinearAdd";
    const size_t first = input_tensor(node, 0), second = input_tensor(node, 3);
    const Shape &of_first = tensors_[first].shape, &of_second = tensors_[second].shape;
    const Shape pixel{of_first.channels, 1, 1};
    // Of two tensors of one element, too, ONNX Runtime takes the first for the one that is constant.
    const bool exchanged = of_first == pixel && (of_second != pixel || of_first.channels == 1);
    zkvm::layers::Pairwise pair{
        .name = fmt::format("{}{}", is_sum ? "Add" : "Mul", is_sum ? ++adds_ : ++muls_),
        .op = is_sum ? zkvm::layers::Pairwise::Op::kAdd : zkvm::layers::Pairwise::Op::kMul,
        .a = node.quantisation(1, 2),
        .b = node.quantisation(4, 5),
        .output = node.quantisation(6, 7)};
    tensors_[first].is_signed = pair.a.is_signed;
    tensors_[second].is_signed = pair.b.is_signed;
    if (exchanged) std::swap(pair.a, pair.b);
    const size_t op = network_.operators.size();
    const Shape shape = exchanged ? of_second : of_first;
    described_.push_back({.name = pair.name, .op = op, .exchanged = exchanged});
    reads_.push_back(exchanged ? std::pair(second, first) : std::pair(first, second));
    writes_.push_back(add(node.output(), {shape, pair.output.is_signed, op}));
    network_.operators.push_back({0, pair});
  }

  void number_tensors() {
    for (Tensor& tensor : tensors_)
      if (!tensor.op) {
        tensor.number = network_.inputs.size();
        network_.inputs.push_back(tensor.shape);
      }
    for (Tensor& tensor : tensors_)
      if (tensor.op) tensor.number = network_.inputs.size() + *tensor.op;
    for (size_t i = 0; i < network_.operators.size(); ++i) {
      network_.operators[i].input = tensors_[reads_[i].first].number;
      network_.operators[i].second = tensors_[reads_[i].second].number;
    }
  }

  std::vector<Tensor> tensors_;
  std::map<std::string, size_t> names_;
  std::map<std::string, int> uses_;  // of a tensor, by nodes and as the model's output
  std::vector<std::string> inputs_;
  std::vector<std::pair<size_t, size_t>> reads_;  // tensors of each operator: of pairs two
  std::vector<size_t> writes_;
  zkvm::layers::Network network_;
  std::vector<Described> described_;
  int convs_ = 0, denses_ = 0, pools_ = 0, average_pools_ = 0, adds_ = 0, muls_ = 0;
};

// The type of a tensor on the unit.
std::string unit_type(const Tensor& tensor, const zkvm::layers::Plan& plan) {
  const auto& [layout, is_result] = plan.tensors[tensor.number];
  const auto& [channels, height, width] = layout.shape;
  if (is_result) return fmt::format("zk::nn::Tensor<{}, {}>", element(tensor.is_signed), channels);
  return fmt::format("zk::nn::Features<{}, {}, {}, {}, zk::nn::Layout{{{}, {}, {}, {}, {}}}>",
                     element(tensor.is_signed), channels, height, width, layout.planar, layout.row,
                     layout.lead, layout.tail, layout.gap ? int{*layout.gap} : -1);
}

std::string unit_definition(const Described& described, const Reader& reader,
                            const zkvm::layers::Plan& plan, const std::string& name) {
  if (!described.op) return described.text;
  const auto layer = [&](size_t op) {
    return fmt::format("zk::nn::UnitLayer<zk_layers_{}, {},\n  {},\n  {}>", name, op,
                       unit_type(reader.input_of(op), plan), unit_type(reader.output_of(op), plan));
  };
  if (described.name.starts_with("Add") || described.name.starts_with("Mul")) {
    const size_t op = *described.op;
    std::string first = unit_type(reader.input_of(op), plan);
    std::string second = unit_type(reader.second_of(op), plan);
    if (described.exchanged) std::swap(first, second);
    return fmt::format(
        "inline constexpr zk::nn::UnitPair<zk_layers_{}, {},\n  {},\n  {},\n  {}, {}> k{}{{}};\n",
        name, op, first, second, unit_type(reader.output_of(op), plan), described.exchanged,
        described.name);
  }
  const std::string type = described.pool
                               ? fmt::format("zk::nn::UnitPooled<\n {},\n {}>",
                                             layer(*described.op), layer(*described.pool))
                               : layer(*described.op);
  return fmt::format("inline constexpr {} k{}{{}};\n", type, described.name);
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary);
  file << bytes;
  if (!file.flush()) fail(path + ": cannot write");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) fail("usage: params_from_onnx MODEL.onnx NAMESPACE HEADER LAYERS");
  const std::string model_path = argv[1], name = argv[2];
  const Model model(model_path);
  const Reader reader(model);
  const auto plan = zkvm::layers::plan(reader.network());

  if (!plan) fail("not on the tensor unit: " + plan.error().message);
  std::string text = fmt::format("extern \"C\" const std::byte zk_layers_{}[];\n", name);
  for (const Described& d : reader.described()) text += unit_definition(d, reader, *plan, name);
  if (const Tensor* input = reader.input())
    text += fmt::format("using Input = {};\n", unit_type(*input, *plan));
  write_file(
      argv[3],
      fmt::format("// Made from {} by params_from_onnx.\n#pragma once\n\n#include <zk/nn.h>\n\n"
                  "namespace {} {{\n\n{}\n}}  // namespace {}\n",
                  model_path.substr(model_path.rfind('/') + 1), name, text, name));
  const auto write_bytes = [](const std::string& path, const std::vector<uint8_t>& bytes) {
    write_file(path, {bytes.begin(), bytes.end()});
  };
  const std::string layers = argv[4];
  write_bytes(layers,
              plan->layers.empty() ? std::vector<uint8_t>{} : zkvm::vm::write_layers(plan->layers));
  write_bytes(layers + ".plain", zkvm::layers::write_plain(plan->layers));
}
