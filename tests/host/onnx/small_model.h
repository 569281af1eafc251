// Small ONNX models, made with protobuf's own classes and changed by the tests.
#pragma once

#include <onnx/onnx_pb.h>

#include <cstdint>
#include <string>
#include <vector>

namespace zkvm::onnx_file::test {

inline std::vector<uint8_t> bytes_of(const onnx::ModelProto& model) {
  std::vector<uint8_t> bytes(model.ByteSizeLong());
  model.SerializeToArray(bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

inline onnx::NodeProto* add_node(onnx::ModelProto& model, const std::string& op_type,
                                 const std::vector<std::string>& inputs,
                                 const std::vector<std::string>& outputs,
                                 const std::string& name = "") {
  onnx::NodeProto* node = model.mutable_graph()->add_node();
  node->set_op_type(op_type);
  for (const std::string& input : inputs) node->add_input(input);
  for (const std::string& output : outputs) node->add_output(output);
  if (!name.empty()) node->set_name(name);
  return node;
}

inline onnx::AttributeProto* add_attribute(onnx::NodeProto* node, const std::string& name,
                                           onnx::AttributeProto::AttributeType type) {
  onnx::AttributeProto* attribute = node->add_attribute();
  attribute->set_name(name);
  attribute->set_type(type);
  return attribute;
}

inline void set_type(onnx::ValueInfoProto* value, int32_t type, const std::vector<int64_t>& dims) {
  auto* tensor = value->mutable_type()->mutable_tensor_type();
  tensor->set_elem_type(type);
  tensor->mutable_shape();
  for (const int64_t dim : dims) tensor->mutable_shape()->add_dim()->set_dim_value(dim);
}

inline void add_input(onnx::ModelProto& model, const std::string& name, int32_t type,
                      const std::vector<int64_t>& dims) {
  onnx::ValueInfoProto* value = model.mutable_graph()->add_input();
  value->set_name(name);
  set_type(value, type, dims);
}

inline void set_tensor(onnx::TensorProto* tensor, int32_t type, const std::vector<int64_t>& dims) {
  tensor->set_data_type(type);
  for (const int64_t dim : dims) tensor->add_dims(dim);
}

inline onnx::TensorProto* add_constant(onnx::ModelProto& model, const std::string& name,
                                       int32_t type, const std::vector<int64_t>& dims) {
  onnx::TensorProto* tensor = model.mutable_graph()->add_initializer();
  tensor->set_name(name);
  set_tensor(tensor, type, dims);
  return tensor;
}

// x [1, 4] -> node "relu" -> y [1, 4].
inline onnx::ModelProto small_model() {
  onnx::ModelProto model;
  model.set_ir_version(8);
  model.add_opset_import()->set_version(17);
  model.mutable_graph()->set_name("small");
  add_input(model, "x", onnx::TensorProto::FLOAT, {1, 4});
  onnx::ValueInfoProto* output = model.mutable_graph()->add_output();
  output->set_name("y");
  set_type(output, onnx::TensorProto::FLOAT, {1, 4});
  add_node(model, "Relu", {"x"}, {"y"}, "relu");
  return model;
}

}  // namespace zkvm::onnx_file::test
