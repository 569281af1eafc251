// params_from_onnx MODEL.onnx NAMESPACE HEADER
//
// Writes the parameters of each QLinearConv (kConv1, kConv2, ...), QGemm and QLinearMatMul
// (kDense1, ...) and QLinearAveragePool (kAveragePool1, ...) of a model that ONNX Runtime quantised
// as constexpr zk::nn parameters, in the graph's order. How the layers follow one another is the
// guest's own source.
#include <fmt/core.h>
#include <onnx/onnx_pb.h>

#include <cstdint>
#include <cstring>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <type_traits>
#include <vector>

namespace {

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

template <class T>
std::string list(const std::vector<T>& values) {
  std::string text;
  for (size_t i = 0; i < values.size(); ++i) {
    if constexpr (std::is_same_v<T, float>) {
      text += fmt::format("{:a}f,", values[i]);
    } else {
      text += fmt::format("{},", static_cast<int>(values[i]));
    }
    if (i % 24 == 23) text += '\n';
  }
  return text;
}

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
  template <class T>
  std::vector<T> values(int i) const {
    return model_.values<T>(input(i));
  }
  std::vector<int64_t> shape(int i) const { return model_.shape(input(i)); }

  int zero_point(int i) const {
    return model_.is_uint8(input(i)) ? values<uint8_t>(i).at(0) : values<int8_t>(i).at(0);
  }
  // The activations' type; both ends of a layer must agree.
  std::string element(int input_zero_point, int output_zero_point) const {
    const bool is_uint8 = model_.is_uint8(input(input_zero_point));
    if (is_uint8 != model_.is_uint8(input(output_zero_point)))
      fail("input and output types differ");
    return is_uint8 ? "uint8_t" : "int8_t";
  }
  std::string quantisation(int scale, int zero) const {
    return fmt::format("{{{:a}f, {}}}", values<float>(scale).at(0), zero_point(zero));
  }

  // Attribute `name`, whose integers must all be equal; `otherwise` if it is absent.
  int64_t uniform(const std::string& name, int64_t otherwise) const {
    for (const onnx::AttributeProto& attribute : node_.attribute()) {
      if (attribute.name() != name) continue;
      if (attribute.ints().empty()) return attribute.i();
      for (const int64_t i : attribute.ints()) {
        if (i != attribute.ints(0)) fail(name + ": expected the same on all sides");
      }
      return attribute.ints(0);
    }
    return otherwise;
  }
  void expect(const std::string& name, int64_t value, int64_t otherwise) const {
    const int64_t found = uniform(name, otherwise);
    if (found != value) fail(fmt::format("{}: expected {}, found {}", name, value, found));
  }

 private:
  const Model& model_;
  const onnx::NodeProto& node_;
};

// The initialiser of DenseParams and Conv2dParams; inputs 0-5 are the same for all three operators.
std::string parameters(const Node& node, const std::vector<int8_t>& weights, int64_t outputs,
                       const std::vector<int32_t>& bias, int output_scale, int output_zero_point) {
  for (const int8_t zero : node.values<int8_t>(5)) {
    if (zero != 0) node.fail("expected weights with zero point 0");
  }
  std::vector<float> scales = node.values<float>(4);
  if (scales.size() == 1) scales.assign(static_cast<size_t>(outputs), scales[0]);
  return fmt::format(
      "{{\n.weights = {{{}}},\n.bias = {{{}}},\n.weight_scales = {{{}}},\n"
      ".input = {}, .output = {}}};\n\n",
      list(weights), list(bias), list(scales), node.quantisation(1, 2),
      node.quantisation(output_scale, output_zero_point));
}

std::string conv(const Node& node, int ordinal) {
  node.expect("group", 1, 1);
  node.expect("dilations", 1, 1);
  const std::vector<int64_t> shape = node.shape(3);
  return fmt::format("inline constexpr zk::nn::Conv2dParams<{}, {}, {}, {}, {}, {}, {}> kConv{}",
                     node.element(2, 7), shape.at(0), shape.at(1), shape.at(2), shape.at(3),
                     node.uniform("pads", 0), node.uniform("strides", 1), ordinal) +
         parameters(node, node.values<int8_t>(3), shape.at(0), node.values<int32_t>(8), 6, 7);
}

std::string dense_type(const Node& node, int output_zero_point, int64_t outputs, int64_t inputs,
                       int ordinal) {
  return fmt::format("inline constexpr zk::nn::DenseParams<{}, {}, {}> kDense{}",
                     node.element(2, output_zero_point), outputs, inputs, ordinal);
}

std::string gemm(const Node& node, int ordinal) {
  node.expect("transA", 0, 0);
  node.expect("transB", 1, 0);
  const std::vector<int64_t> shape = node.shape(3);
  return dense_type(node, 8, shape.at(0), shape.at(1), ordinal) +
         parameters(node, node.values<int8_t>(3), shape.at(0), node.values<int32_t>(6), 7, 8);
}

std::string mat_mul(const Node& node, int ordinal) {
  const std::vector<int64_t> shape = node.shape(3);
  const auto inputs = static_cast<size_t>(shape.at(0)), outputs = static_cast<size_t>(shape.at(1));
  const std::vector<int8_t> transposed = node.values<int8_t>(3);
  std::vector<int8_t> weights;
  for (size_t output = 0; output < outputs; ++output) {
    for (size_t i = 0; i < inputs; ++i) weights.push_back(transposed[i * outputs + output]);
  }
  return dense_type(node, 7, shape.at(1), shape.at(0), ordinal) +
         parameters(node, weights, shape.at(1), std::vector<int32_t>(outputs), 6, 7);
}

std::string average_pool(const Node& node, int ordinal) {
  return fmt::format(
      "inline constexpr zk::nn::AveragePoolParams kAveragePool{}{{.input = {}, .output = {}}};\n\n",
      ordinal, node.quantisation(1, 2), node.quantisation(3, 4));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) fail("usage: params_from_onnx MODEL.onnx NAMESPACE HEADER");
  const Model model(argv[1]);
  std::string text = fmt::format(
      "// Made from {} by params_from_onnx.\n#pragma once\n\n#include <zk/nn.h>\n\nnamespace {} "
      "{{\n\n",
      std::string(argv[1]).substr(std::string(argv[1]).rfind('/') + 1), argv[2]);
  int convs = 0, denses = 0, pools = 0;
  for (const onnx::NodeProto& proto : model.graph().node()) {
    const Node node(model, proto);
    if (node.type() == "QLinearConv") {
      text += conv(node, ++convs);
    } else if (node.type() == "QGemm") {
      text += gemm(node, ++denses);
    } else if (node.type() == "QLinearMatMul") {
      text += mat_mul(node, ++denses);
    } else if (node.type() == "QLinearAveragePool") {
      text += average_pool(node, ++pools);
    } else if (node.type() != "QuantizeLinear" && node.type() != "DequantizeLinear" &&
               node.type() != "Flatten" && node.type() != "MaxPool") {
      node.fail("not an operator that zk::nn has");
    }
  }
  std::ofstream header(argv[3], std::ios::binary);
  header << text << "}  // namespace " << argv[2] << "\n";
  if (!header.flush()) fail(std::string(argv[3]) + ": cannot write");
}
