// The greatest and the mean of windows.
#include <algorithm>
#include <cmath>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

namespace {

void check_dims(const NodeView& node, const Dims& dims) {
  if (dims.size() != 3 && dims.size() != 4)
    node.refuse("input of {}: expected 1 or 2 dimensions behind batch and channels", text_of(dims));
}

struct Pool {
  WindowAndDims window;
  Dims dims;  // of the result
  bool count_include_pad = false;
};

Pool read_pool(NodeView& node, const Dims& dims, bool is_global) {
  check_dims(node, dims);
  const auto given = is_global ? std::vector<int64_t>(dims.begin() + 2, dims.end())
                               : node.integer_list("kernel_shape").value_or(std::vector<int64_t>{});
  if (given.empty())
    node.malformed("kernel_shape: expected {} numbers, found none", dims.size() - 2);
  Pool pool;
  pool.window =
      read_window(node, dims, given, true, !is_global && node.integer("ceil_mode", 0) != 0);
  pool.dims = {1, dims[1]};
  pool.dims.insert(pool.dims.end(), pool.window.positions.begin(), pool.window.positions.end());
  node.check_size(pool.dims);
  return pool;
}

ValueId emit_max_pool(Lowering& lowering, const onnx_file::Node& node, ValueId x, const Pool& pool,
                      const std::string& label, const std::string& name) {
  const Value& of_x = lowering.value(x);
  const ValueId y = lowering.is_known(x)
                        ? lowering.add_bytes(name, pool.dims, of_x.q)
                        : lowering.add_raw_bytes(name, pool.dims, of_x.type == Type::kInt8);
  lowering.add("max_pool", &node, label, MaxPool{x, y, pool.window.window});
  return y;
}

void pool_greatest(NodeView& node, bool is_global) {
  if (node.has_output(1)) node.refuse("output {}: expected no indices", node.output_name(1));
  node.integer("storage_order", 0);  // of the indices
  const Dims dims = node.dims(0);
  const Pool pool = read_pool(node, dims, is_global);
  Lowering* lowering = &node.lowering();
  const onnx_file::Node* of = &node.node();
  const std::string& name = node.output_name();
  if (const auto* value = std::get_if<ValueId>(&node.symbol(0)))
    return node.define(emit_max_pool(*lowering, *of, *value, pool, of->op_type, name));
  const ExprPointer x = node.expr(0);
  // Dequantising and quantising keep the order, so the greatest may be taken of bytes.
  Expr expr{.kind = Expr::Kind::kLeaf, .name = name, .dims = pool.dims};
  if (x->kind == Expr::Kind::kLeaf) {
    expr.value = emit_max_pool(*lowering, *of, x->value, pool, of->op_type, name);
  } else {
    expr.kind = Expr::Kind::kNode;
    expr.node = of;
    expr.inputs = {x};
    expr.quantise = [lowering, of, x, pool, name](const Quantisation& q, const std::string& label) {
      NodeView view(lowering, *of);
      return emit_max_pool(*lowering, *of, lowering->quantise(x, q, view), pool,
                           of->op_type + label, name);
    };
  }
  node.define(lowering->made(std::move(expr), node));
}
void max_pool(NodeView& node) { pool_greatest(node, false); }
void global_max_pool(NodeView& node) { pool_greatest(node, true); }

// REQUIRES: x means what its value says.
ValueId emit_average_pool(NodeView& node, ValueId x, const Pool& pool, const Quantisation& q,
                          const std::string& label) {
  Lowering& lowering = node.lowering();
  const ValueId y = lowering.add_bytes(node.output_name(), pool.dims, q);
  lowering.add("average_pool", &node.node(), label,
               AveragePool{x, y, pool.window.window, pool.count_include_pad});
  return y;
}

// even(f32(sum(x - zx)) * (sx / (sy n))) + zy: a depthwise convolution by ones.
ValueId emit_global_average_pool(NodeView& node, ValueId x, const Quantisation& q,
                                 const std::string& label) {
  Lowering& lowering = node.lowering();
  const Value of_x = lowering.value(x);
  check_dims(node, of_x.dims);
  if (of_x.dims[0] != 1) node.refuse("batch of {}: expected 1", of_x.dims[0]);
  const uint32_t channels = of_x.dims[1];
  const uint64_t count = elements_of(of_x.dims) / channels;
  Dims dims(of_x.dims.size(), 1);
  dims[1] = channels;
  Linear linear{.x = x, .y = 0, .layer = {}, .scales = {}, .from_model = {}};
  linear.layer.outputs = linear.layer.groups = channels;
  linear.layer.window.kernel = {of_x.dims.size() == 4 ? of_x.dims[2] : 1, of_x.dims.back()};
  linear.layer.weights.assign(elements_of(of_x.dims), 1);
  linear.layer.bias.assign(channels, 0);
  linear.layer.weight_scales = {1.0f};
  linear.layer.input = of_x.q;
  linear.layer.output = q;
  const float divisor = q.scale * static_cast<float>(count);
  linear.scales = {of_x.q.scale / divisor};
  if (!std::isnormal(linear.scales[0]))
    node.refuse("scales: expected a normal float32 of {} / ({} * {})", of_x.q.scale, q.scale,
                count);
  linear.y = lowering.add_bytes(node.output_name(), dims, q);
  lowering.add("global_average_pool", &node.node(), label, std::move(linear));
  return linear.y;
}

void qlinear_average_pool(NodeView& node) {
  const ValueId x = node.bytes(0, node.quantisation(1, 2, node.is_signed(0)));
  if (node.integer("channels_last", 0) != 0) node.refuse("channels_last: expected 0");
  Pool pool = read_pool(node, node.dims(0), false);
  pool.count_include_pad = node.integer("count_include_pad", 0) != 0;
  node.define(
      emit_average_pool(node, x, pool, node.output_quantisation(3, 4), node.node().op_type));
}

void qlinear_global_average_pool(NodeView& node) {
  const ValueId x = node.bytes(0, node.quantisation(1, 2, node.is_signed(0)));
  if (node.integer("channels_last", 0) != 0) node.refuse("channels_last: expected 0");
  node.define(
      emit_global_average_pool(node, x, node.output_quantisation(3, 4), node.node().op_type));
}

ValueId pooled_bytes(NodeView& node) {
  const ExprPointer x = node.expr(0);
  if (const auto value = node.lowering().exact_bytes(x, node)) {
    if (x->kind != Expr::Kind::kLeaf)
      node.lowering().warn(
          fmt::format("{}: reads {} of bytes, not bytes, so ONNX Runtime computes it in float32: "
                      "near ties it may differ by 1",
                      onnx_file::printable(node.node().name), x->node->op_type));
    return *value;
  }
  node.refuse(
      "input {}: expected bytes through DequantizeLinear, found {} in float32; quantise behind it",
      node.input_name(0), x->node ? x->node->op_type : "a tensor");
}

void average_pool(NodeView& node) {
  const ExprPointer x = node.expr(0);
  Pool pool = read_pool(node, x->dims, false);
  pool.count_include_pad = node.integer("count_include_pad", 0) != 0;
  Lowering* lowering = &node.lowering();
  const onnx_file::Node* of = &node.node();
  Expr expr{.kind = Expr::Kind::kNode,
            .name = node.output_name(),
            .dims = pool.dims,
            .node = of,
            .inputs = {x}};
  expr.quantise = [lowering, of, pool](const Quantisation& q, const std::string& label) {
    NodeView view(lowering, *of);
    return emit_average_pool(view, pooled_bytes(view), pool, q, of->op_type + label);
  };
  node.define(lowering->made(std::move(expr), node));
}

void global_average_pool(NodeView& node) {
  const ExprPointer x = node.expr(0);
  check_dims(node, x->dims);
  Dims dims(x->dims.size(), 1);
  dims[0] = x->dims[0];
  dims[1] = x->dims[1];
  Lowering* lowering = &node.lowering();
  const onnx_file::Node* of = &node.node();
  Expr expr{.kind = Expr::Kind::kNode,
            .name = node.output_name(),
            .dims = dims,
            .node = of,
            .inputs = {x}};
  expr.quantise = [lowering, of](const Quantisation& q, const std::string& label) {
    NodeView view(lowering, *of);
    return emit_global_average_pool(view, pooled_bytes(view), q, of->op_type + label);
  };
  node.define(lowering->made(std::move(expr), node));
}

}  // namespace

Handlers pool_handlers() {
  return {{"MaxPool", max_pool},
          {"GlobalMaxPool", global_max_pool},
          {"AveragePool", average_pool},
          {"GlobalAveragePool", global_average_pool},
          {"com.microsoft:QLinearAveragePool", qlinear_average_pool},
          {"com.microsoft:QLinearGlobalAveragePool", qlinear_global_average_pool}};
}

}  // namespace zkvm::importer::lowering
