// ai.onnx.ml: trees, and what stands before and behind them.
#include "host/import/tree.h"

#include <algorithm>
#include <numeric>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {
namespace {

void linear(NodeView& node) {
  node.refuse(
      "found a float32 product, which has no integer meaning; of ai.onnx.ml zkvm import has trees, "
      "Scaler before "
      "them and ZipMap behind");
}
void normalizer(NodeView& node) {
  node.refuse(
      "found that each feature is divided by something of all; train the trees on features that "
      "are not "
      "normalised by row");
}
void vector_machine(NodeView& node) {
  node.refuse("not an operator that zkvm import has; of ai.onnx.ml it has trees");
}

// y = (x - offset) scale, one pair or one for each feature.
void scaler(NodeView& node) {
  const ExprPointer x = node.expr(0);
  const std::vector<float> offset = node.real_list("offset").value_or(std::vector<float>{}),
                           scale = node.real_list("scale").value_or(std::vector<float>{});
  const size_t features = x->dims.empty() ? 1 : x->dims.back();
  if (offset.size() != scale.size() || (scale.size() != 1 && scale.size() != features))
    node.malformed("expected 1 or {} offsets and scales, found {} and {}", features, offset.size(),
                   scale.size());
  const Dims dims = {static_cast<uint32_t>(scale.size())};
  Expr expr{.kind = Expr::Kind::kNode,
            .name = node.output_name(),
            .dims = x->dims,
            .node = &node.node(),
            .inputs = {x, constant_expr(node.node().name + "_offset", float_tensor(dims, offset)),
                       constant_expr(node.node().name + "_scale", float_tensor(dims, scale))}};
  expr.function = [](std::span<const float> a) { return (a[0] - a[1]) * a[2]; };
  node.define(node.lowering().made(std::move(expr), node));
}

// What the trees read: the model's own input, and what is done with it first.
struct Features {
  ExprPointer input;
  std::vector<FeatureStep> steps;
};

Features features_of(NodeView& node) {
  using Op = FeatureStep::Op;
  Features result{node.expr(0), {}};
  ExprPointer& x = result.input;
  const uint64_t count = elements_of(x->dims);
  while (x->kind != Expr::Kind::kInput) {
    if (x->kind == Expr::Kind::kMove && x->inputs.size() == 1 &&
        elements_of(x->inputs[0]->dims) == count) {
      std::vector<uint32_t> same(count);
      std::iota(same.begin(), same.end(), 0u);
      if (x->from == same) {  // another shape
        x = x->inputs[0];
        continue;
      }
    }
    const std::string op =
        x->kind == Expr::Kind::kNode && x->node != nullptr ? x->node->op_type : "";
    const auto constant = [&](size_t i) {
      const Expr& expr = *x->inputs[i];
      const uint64_t size = elements_of(expr.dims);
      if (size != 1 && size != count)
        node.refuse("{} before it: expected 1 or {} constants, found {}", op, count, size);
      return floats_of(expr)->values<float>();
    };
    if (op == "Scaler") {
      result.steps.push_back({Op::kMultiply, constant(2)});
      result.steps.push_back({Op::kSubtract, constant(1)});
      x = x->inputs[0];
      continue;
    }
    const bool arithmetic = op == "Add" || op == "Sub" || op == "Mul" || op == "Div";
    if (arithmetic && x->inputs.size() == 2) {
      const bool reversed = x->inputs[0]->kind == Expr::Kind::kConstant;
      const bool by_constant = reversed || x->inputs[1]->kind == Expr::Kind::kConstant;
      if (by_constant && elements_of(x->inputs[reversed ? 1 : 0]->dims) == count &&
          !(op == "Div" && reversed)) {
        const Op step = op == "Add"   ? Op::kAdd
                        : op == "Mul" ? Op::kMultiply
                        : op == "Div" ? Op::kDivide
                        : reversed    ? Op::kSubtractFrom
                                      : Op::kSubtract;
        result.steps.push_back({step, constant(reversed ? 0 : 1)});
        x = x->inputs[reversed ? 1 : 0];
        continue;
      }
    }
    node.refuse(
        "input {}: expected the model's float32 input, perhaps through Scaler or Add, Sub, Mul, "
        "Div by constants, "
        "found {}",
        node.input_name(0),
        !op.empty()                        ? op
        : x->kind == Expr::Kind::kWords    ? "integers; export the model with float32 features"
        : x->kind == Expr::Kind::kLeaf     ? "bytes"
        : x->kind == Expr::Kind::kConstant ? "constants"
                                           : "features in another order");
  }
  std::ranges::reverse(result.steps);
  return result;
}

template <class T>
T checked(Result<T> result) {
  if (!result) throw Refusal{result.error()};
  return std::move(*result);
}

void trees(NodeView& node) {
  Lowering& lowering = node.lowering();
  for (const auto& [name, value] : node.node().attributes)
    node.attribute(name.c_str());  // read_trees refuses strangers
  if (std::holds_alternative<Words>(node.symbol(0)))
    node.refuse(
        "input {}: expected float32 features, found integers; export the model with float32 "
        "features",
        node.input_name(0));
  const Features features = features_of(node);
  const uint64_t count = elements_of(features.input->dims);
  if (features.input->dims.empty() || features.input->dims.back() != count)
    node.refuse("input {}: expected one row of features, found {}; batches are made by --batch",
                node.input_name(0), text_of(features.input->dims));
  const std::string where = fmt::format("{} node {}", node.node().op_type, node.node().name);
  TreeEnsemble ensemble = checked(read_trees(node.node(), static_cast<uint32_t>(count)));
  ensemble = checked(before_steps(std::move(ensemble), features.steps, where));
  checked(flatten(ensemble, where));

  const bool has_class = ensemble.finish != TreeEnsemble::Finish::kScores;
  const size_t scores_output = has_class ? 1 : 0;
  const bool has_scores = node.has_output(scores_output);
  const std::string name =
      has_scores ? node.output_name(scores_output) : node.node().name + "_scores";
  const auto post = ensemble.post;
  if (post == TreeEnsemble::Post::kSoftmaxZero || post == TreeEnsemble::Post::kProbit)
    node.refuse("post_transform: expected NONE, LOGISTIC or SOFTMAX, found {}",
                post == TreeEnsemble::Post::kProbit ? "PROBIT" : "SOFTMAX_ZERO");
  const std::string raw = post == TreeEnsemble::Post::kNone ? name : name + "_before_transform";

  const Dims dims = {1, ensemble.scores()};
  Trees operands{.x = lowering.float_input(features.input, node),
                 .label = Trees::kNone,
                 .scores = 0,
                 .trees = nullptr};
  if (has_class) {
    operands.label = lowering.add_words(
        node.has_output(0) ? node.output_name(0) : node.node().name + "_class", {1});
    lowering.set_labels(operands.label, ensemble.labels);
    if (node.has_output(0)) node.define(Words{operands.label, {1}}, 0);
  }
  operands.scores = lowering.add_floats(raw, dims);
  if (has_scores) {
    Expr expr{.kind = Expr::Kind::kWords, .name = raw, .dims = dims};
    expr.value = operands.scores;
    ExprPointer scores = lowering.made(std::move(expr), node);
    if (post != TreeEnsemble::Post::kNone) {
      onnx_file::Node transform{
          .name = node.node().name + "_post_transform",
          .op_type = post == TreeEnsemble::Post::kLogistic ? "Sigmoid" : "Softmax",
          .domain = "",
          .inputs = {raw},
          .outputs = {name},
          .attributes = {}};
      if (post == TreeEnsemble::Post::kSoftmax) transform.attributes.emplace("axis", int64_t{-1});
      scores = lowering.add_tail_node(std::move(transform), scores, node);
    }
    node.define(scores, scores_output);
  }
  operands.trees = std::make_shared<const TreeEnsemble>(std::move(ensemble));
  lowering.add("trees", &node.node(), node.node().op_type, std::move(operands));
}

// A map from class to score, of which the scores stay.
void zip_map(NodeView& node) {
  for (const auto& [name, value] : node.node().attributes) node.attribute(name.c_str());
  node.define(node.symbol(0));
}

}  // namespace

Handlers tree_handlers() {
  return {{"ai.onnx.ml:TreeEnsembleClassifier", trees},
          {"ai.onnx.ml:TreeEnsembleRegressor", trees},
          {"ai.onnx.ml:TreeEnsemble", trees},
          {"ai.onnx.ml:Scaler", scaler},
          {"ai.onnx.ml:ZipMap", zip_map},
          {"ai.onnx.ml:LinearClassifier", linear},
          {"ai.onnx.ml:LinearRegressor", linear},
          {"ai.onnx.ml:Normalizer", normalizer},
          {"ai.onnx.ml:SVMClassifier", vector_machine},
          {"ai.onnx.ml:SVMRegressor", vector_machine}};
}

}  // namespace zkvm::importer::lowering
