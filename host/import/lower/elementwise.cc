// Functions of one element of each input: tables of one byte or two.
#include <algorithm>
#include <cmath>
#include <map>

#include "host/import/lower/functions.h"
#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

namespace {

using Function = std::function<float(std::span<const float>)>;
using Arguments = std::span<const float>;

// An elementwise expression as a list of steps, each behind those that it reads.
struct Program {
  struct Step {
    const Expr* expr;
    std::vector<size_t> arguments;
  };
  std::vector<Step> steps;
  std::vector<ValueId> leaves;         // distinct
  std::vector<size_t> leaf_of;         // of each step that is a leaf: which
  std::vector<const Expr*> constants;  // of more than one element
};

constexpr size_t kMaxSteps = 256;
constexpr size_t kMaxClasses = 4096;
constexpr uint64_t kPairElements = 65536;

// REQUIRES: what stands between is elementwise: check_between.
void add_step(const ExprPointer& expr, std::map<const Expr*, size_t>* known, Program* program) {
  if (known->contains(expr.get())) return;
  Program::Step step{expr.get(), {}};
  if (expr->kind == Expr::Kind::kLeaf) {
    if (std::ranges::find(program->leaves, expr->value) == program->leaves.end())
      program->leaves.push_back(expr->value);
  } else if (expr->kind == Expr::Kind::kConstant) {
    if (elements_of(expr->dims) != 1) program->constants.push_back(expr.get());
  } else {
    for (const ExprPointer& input : expr->inputs)
      if (input) {
        add_step(input, known, program);
        step.arguments.push_back(known->at(input.get()));
      }
  }
  known->emplace(expr.get(), program->steps.size());
  program->steps.push_back(std::move(step));
}

// Refuses what is no elementwise function of leaves and constants.
void check_between(const NodeView& who, const ExprPointer& root) {
  std::vector<const Expr*> open = {root.get()};
  std::set<const Expr*> seen;
  while (!open.empty()) {
    const Expr* expr = open.back();
    open.pop_back();
    if (!seen.insert(expr).second) continue;
    if (seen.size() > kMaxSteps)
      who.refuse(
          "expected at most {} operators between DequantizeLinear and QuantizeLinear, found more",
          kMaxSteps);
    if (expr->kind == Expr::Kind::kLeaf || expr->kind == Expr::Kind::kConstant) continue;
    if (expr->kind != Expr::Kind::kNode || !expr->function)
      who.refuse(
          "{}: expected bytes through DequantizeLinear, found {} in float32 between them and "
          "QuantizeLinear; "
          "quantise behind it",
          expr->name,
          expr->kind == Expr::Kind::kInput ? "the model's input"
          : expr->node                     ? expr->node->op_type
                                           : "a tensor");
    for (const ExprPointer& input : expr->inputs)
      if (input) open.push_back(input.get());
  }
}

// What stands between quantised tensors, for messages: "Add, Mul, Exp".
std::string names_of(const Program& program) {
  std::string names;
  for (const Program::Step& step : program.steps)
    if (step.expr->node) names += (names.empty() ? "" : ", ") + step.expr->node->op_type;
  return names;
}

class Evaluator {
 public:
  explicit Evaluator(const Program& program) : program_(program), values_(program.steps.size()) {
    for (size_t i = 0; i < program.steps.size(); ++i) {
      const Expr& expr = *program.steps[i].expr;
      if (expr.kind == Expr::Kind::kConstant && elements_of(expr.dims) == 1)
        values_[i] = floats_of(expr)->values<float>()[0];
    }
  }
  // `leaves` and `constants` as Program orders them.
  float operator()(Arguments leaves, Arguments constants) {
    for (size_t i = 0; i < program_.steps.size(); ++i) {
      const auto& [expr, arguments] = program_.steps[i];
      if (expr->kind == Expr::Kind::kLeaf) {
        values_[i] = leaves[static_cast<size_t>(std::ranges::find(program_.leaves, expr->value) -
                                                program_.leaves.begin())];
      } else if (expr->kind == Expr::Kind::kConstant) {
        if (const auto at = std::ranges::find(program_.constants, expr);
            at != program_.constants.end())
          values_[i] = constants[static_cast<size_t>(at - program_.constants.begin())];
      } else {
        inputs_.clear();
        for (const size_t argument : arguments) inputs_.push_back(values_[argument]);
        values_[i] = expr->function(inputs_);
      }
    }
    return values_.back();
  }

 private:
  const Program& program_;
  std::vector<float> values_, inputs_;
};

// The distinct combinations of the constants' elements, and which one serves each element of `dims`.
struct Classes {
  Dims dims;
  std::vector<uint32_t> class_of;
  std::vector<std::vector<float>> constants;  // of each class
};
Classes classes_of(const NodeView& who, const Program& program) {
  Classes classes;
  for (const Expr* constant : program.constants)
    classes.dims = broadcast(who, classes.dims, constant->dims);
  who.check_size(classes.dims);
  std::vector<std::vector<float>> values;
  std::vector<std::vector<uint32_t>> orders;
  for (const Expr* constant : program.constants) {
    values.push_back(floats_of(*constant)->values<float>());
    orders.push_back(broadcast_order(constant->dims, classes.dims));
  }
  std::map<std::vector<uint32_t>, uint32_t> known;
  for (uint64_t i = 0; i < elements_of(classes.dims); ++i) {
    std::vector<uint32_t> key;
    std::vector<float> of_this;
    for (size_t c = 0; c < values.size(); ++c) {
      of_this.push_back(values[c][orders[c][i]]);
      uint32_t bits = 0;
      std::memcpy(&bits, &of_this.back(), 4);
      key.push_back(bits);
    }
    const auto [at, is_new] =
        known.try_emplace(key, static_cast<uint32_t>(classes.constants.size()));
    if (is_new) classes.constants.push_back(of_this);
    if (classes.constants.size() > kMaxClasses)
      who.refuse("constants: expected at most {} different ones, found more; quantise them too",
                 kMaxClasses);
    classes.class_of.push_back(at->second);
  }
  return classes;
}

std::string guest_name(const onnx_file::Node* node) {
  static const std::map<std::string, std::string> names = {
      {"Add", "add"}, {"Mul", "mul"},        {"Sub", "sub"},
      {"Div", "div"}, {"QLinearAdd", "add"}, {"QLinearMul", "mul"}};
  const auto found = node ? names.find(node->op_type) : names.end();
  return found == names.end() ? "pair" : found->second;
}

// QLinearAdd and QLinearMul ----------------------------------------------------------------------

// ONNX Runtime's sum has its operands in other roles where the first one is constant along the inner dimensions, and
// where both have one element.
bool is_exchanged(const Dims& a, const Dims& b) {
  for (size_t i = 0; i < std::max(a.size(), b.size()); ++i) {
    const uint32_t of_a = i < a.size() ? a[a.size() - 1 - i] : 1,
                   of_b = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (of_a == 1 && of_b == 1) continue;
    return of_a == 1;
  }
  return true;
}

// [256 a + b], as bytes are in memory. All three are of one type.
std::vector<uint8_t> sum_or_product(const NodeView& who, bool is_sum, bool exchanged,
                                    const Quantisation& a, const Quantisation& b,
                                    const Quantisation& y) {
  const layers::Pairwise pair{
      .name = "",
      .op = is_sum ? layers::Pairwise::Op::kAdd : layers::Pairwise::Op::kMul,
      .a = exchanged ? b : a,
      .b = exchanged ? a : b,
      .output = y};
  const float ra = pair.a.scale / y.scale, rb = pair.b.scale / y.scale;
  const float both = pair.a.scale * pair.b.scale, scale = both / y.scale;
  if (!std::isnormal(ra) || !std::isnormal(rb) || !std::isnormal(scale))
    who.refuse("scales: expected quotients that are normal float32, found {}, {} and {}", a.scale,
               b.scale, y.scale);
  if (const auto complaint = pair.complaint()) who.refuse("{}", *complaint);
  const std::vector<uint8_t> stored = pair.table();
  const size_t flip = y.is_signed ? 0x80 : 0;
  std::vector<uint8_t> table(stored.size());
  for (size_t i = 0; i < 256; ++i)
    for (size_t j = 0; j < 256; ++j)
      table[exchanged ? 256 * j + i : 256 * i + j] =
          static_cast<uint8_t>(stored[256 * (i ^ flip) + (j ^ flip)] ^ flip);
  return table;
}

struct Operand {
  ValueId value = 0;
  TensorPointer constant = nullptr;
  Dims dims = {};
  Quantisation q = {};
};

ValueId emit_sum_or_product(NodeView& who, bool is_sum, const Operand& a, const Operand& b,
                            const Quantisation& q, const onnx_file::Node* node,
                            const std::string& label, const std::string& name) {
  Lowering& lowering = who.lowering();
  const Dims dims = broadcast(who, a.dims, b.dims);
  lowering.charge(kPairElements, who);
  const auto table = sum_or_product(who, is_sum, is_exchanged(a.dims, b.dims), a.q, b.q, q);
  who.check_size(dims);
  const auto row = [&](auto&& index) {
    std::vector<uint8_t> bytes(256);
    for (size_t i = 0; i < 256; ++i) bytes[i] = table[index(i)];
    return bytes;
  };
  const auto one = [&](ValueId x, const std::vector<uint8_t>& bytes) {
    const Dims from = lowering.value(x).dims;
    const ValueId y = lowering.add_bytes(name, dims, q);
    lowering.add("table", node, label,
                 Move{.inputs = {x},
                      .y = y,
                      .from = broadcast_order(from, dims),
                      .fill = 0,
                      .tables = {bytes}});
    return y;
  };
  const auto is_one_byte = [](const Operand& operand) {
    return operand.constant && operand.constant->size() == 1;
  };
  if (!a.constant && !b.constant && a.value == b.value && a.dims == b.dims)
    return one(a.value, row([](size_t i) { return 257 * i; }));
  if (is_one_byte(b) && !a.constant)
    return one(a.value, row([&](size_t i) { return 256 * i + b.constant->bytes[0]; }));
  if (is_one_byte(a) && !b.constant)
    return one(b.value, row([&](size_t i) { return 256 * size_t{a.constant->bytes[0]} + i; }));
  const auto value_of = [&](const Operand& operand, const char* which) {
    if (!operand.constant) return operand.value;
    who.check_size(operand.dims);
    const ValueId value = lowering.add_bytes(name + which, operand.dims, operand.q);
    lowering.add("constant", node, "Constant", Constant{value, operand.constant->bytes});
    return value;
  };
  const ValueId first = value_of(a, "_a"), second = value_of(b, "_b");
  const ValueId y = lowering.add_bytes(name, dims, q);
  lowering.add(is_sum ? "add" : "mul", node, label,
               Pair{first, second, y, std::make_shared<const std::vector<uint8_t>>(table)});
  return y;
}

void qlinear_pair(NodeView& node, bool is_sum) {
  const auto operand = [&](size_t input) {
    Operand result;
    result.dims = node.dims(input);
    result.q = node.quantisation(input + 1, input + 2, node.is_signed(input));
    if (node.is_constant(input))
      result.constant = node.constant(input);
    else
      result.value = node.bytes(input, result.q);
    return result;
  };
  const Operand a = operand(0), b = operand(3);
  const Quantisation q = node.output_quantisation(6, 7);
  if (a.q.is_signed != b.q.is_signed || a.q.is_signed != q.is_signed)
    node.malformed("types: expected one, found int8 and uint8");
  if (a.constant && b.constant)
    node.refuse("inputs: expected one that is computed, found constants");
  node.define(emit_sum_or_product(node, is_sum, a, b, q, &node.node(), node.node().op_type,
                                  node.output_name()));
}
void qlinear_add(NodeView& node) { qlinear_pair(node, true); }
void qlinear_mul(NodeView& node) { qlinear_pair(node, false); }

// Add and Mul of two quantised tensors of one type are QLinearAdd and QLinearMul in ONNX Runtime's default session.
std::optional<Operand> fused_operand(const Lowering& lowering, const ExprPointer& expr,
                                     bool is_signed) {
  Operand operand;
  operand.dims = expr->dims;
  if (expr->kind == Expr::Kind::kLeaf) {
    operand.value = expr->value;
    operand.q = lowering.value(expr->value).q;
  } else if (const auto& q = expr->quantised;
             q && q->scales.size() == 1 && q->tensor->type != ElementType::kInt32) {
    operand.constant = q->tensor;
    operand.q = {.is_signed = q->tensor->type == ElementType::kInt8,
                 .scale = q->scales[0],
                 .zero_point = q->zero_points[0]};
  } else {
    return std::nullopt;
  }
  return operand.q.is_signed == is_signed ? std::optional(operand) : std::nullopt;
}

}  // namespace

ValueId tabulated(Lowering& lowering, ValueId x, const Quantisation& q, std::vector<uint8_t> table,
                  const std::string& kind, const onnx_file::Node* node, const std::string& label,
                  const std::string& name) {
  const Dims dims = lowering.value(x).dims;
  lowering.charge(elements_of(dims), name);
  const ValueId y = lowering.add_bytes(name, dims, q);
  lowering.add(kind, node, label,
               Move{.inputs = {x},
                    .y = y,
                    .from = identity_order(dims, dims).from,
                    .fill = 0,
                    .tables = {std::move(table)}});
  return y;
}

ValueId quantise_elementwise(Lowering& lowering, const ExprPointer& expr, const Quantisation& q,
                             NodeView& who, const std::string& label) {
  const onnx_file::Node* node = expr->node;
  const std::string op_type = (node ? node->op_type : "QuantizeLinear") + label;
  if (node && (node->op_type == "Add" || node->op_type == "Mul") && expr->function) {
    const auto a = fused_operand(lowering, expr->inputs[0], q.is_signed);
    const auto b = fused_operand(lowering, expr->inputs[1], q.is_signed);
    if (a && b)
      return emit_sum_or_product(who, node->op_type == "Add", *a, *b, q, node, op_type, expr->name);
  }
  Program program;
  std::map<const Expr*, size_t> known;
  check_between(who, expr);
  add_step(expr, &known, &program);
  const auto& leaves = program.leaves;
  if (leaves.size() > 2)
    who.refuse(
        "expected at most two quantised tensors in what is quantised together, found {} in {}; "
        "quantise between",
        leaves.size(), names_of(program));
  if (leaves.empty())
    who.refuse("expected a quantised tensor, found constants in {}", names_of(program));
  if (leaves.size() == 2 && !program.constants.empty())
    who.refuse(
        "expected two quantised tensors or constants of many elements, found both in {}; quantise "
        "between",
        names_of(program));
  Evaluator evaluate(program);
  const auto float_of = [&](size_t leaf, int byte) {
    return dequantise_byte(static_cast<uint8_t>(byte), lowering.value(leaves[leaf]).q);
  };
  who.check_size(expr->dims);

  if (leaves.size() == 2) {
    lowering.charge(kPairElements, who);
    auto table = std::make_shared<std::vector<uint8_t>>(65536);
    for (int a = 0; a < 256; ++a)
      for (int b = 0; b < 256; ++b) {
        const float inputs[] = {float_of(0, a), float_of(1, b)};
        (*table)[static_cast<size_t>(256 * a + b)] = quantise_float(evaluate(inputs, {}), q);
      }
    const ValueId y = lowering.add_bytes(expr->name, expr->dims, q);
    lowering.add(guest_name(node), node, op_type, Pair{leaves[0], leaves[1], y, table});
    return y;
  }

  const Value x = lowering.value(leaves[0]);
  const auto row = [&](std::span<const float> constants) {
    std::vector<uint8_t> table(256);
    for (int a = 0; a < 256; ++a) {
      const float input = float_of(0, a);
      table[static_cast<size_t>(a)] = quantise_float(evaluate({&input, 1}, constants), q);
    }
    return table;
  };
  if (program.constants.empty()) {
    const std::vector<uint8_t> table = row({});
    const bool same_type = (x.type == Type::kInt8) == q.is_signed;
    bool is_identity =
        same_type && x.dims == expr->dims && x.q.scale == q.scale && x.q.zero_point == q.zero_point;
    for (size_t i = 0; i < 256; ++i) is_identity &= table[i] == i;
    if (is_identity) return leaves[0];
    const ValueId y = lowering.add_bytes(expr->name, expr->dims, q);
    lowering.add("table", node, op_type,
                 Move{.inputs = {leaves[0]},
                      .y = y,
                      .from = broadcast_order(x.dims, expr->dims),
                      .fill = 0,
                      .tables = {table}});
    return y;
  }

  const Classes classes = classes_of(who, program);
  const size_t count = classes.constants.size();
  if (count <= 256) {
    lowering.charge(kPairElements, who);
    // A pair whose second byte says which constants.
    auto table = std::make_shared<std::vector<uint8_t>>(65536);
    for (size_t c = 0; c < count; ++c) {
      const std::vector<uint8_t> of_class = row(classes.constants[c]);
      for (size_t a = 0; a < 256; ++a) (*table)[256 * a + c] = of_class[a];
    }
    const ValueId which = lowering.add_bytes(expr->name + "_constants", classes.dims,
                                             {.is_signed = false, .scale = 1, .zero_point = 0});
    lowering.add("constant", node, "Constant",
                 Constant{which, {classes.class_of.begin(), classes.class_of.end()}});
    const ValueId y = lowering.add_bytes(expr->name, expr->dims, q);
    lowering.add(guest_name(node), node, op_type, Pair{leaves[0], which, y, table});
    return y;
  }
  const uint64_t each = elements_of(x.dims);
  if (count * each >= Move::kFill)
    who.refuse(
        "constants: found {} different ones for {} elements, which are too many; quantise them too",
        count, each);
  lowering.charge(count * 256, who);
  // One table of 256 for each combination, and the tensor listed as often.
  Move move{.inputs = std::vector<ValueId>(count, leaves[0]),
            .y = 0,
            .from = broadcast_order(x.dims, expr->dims)};
  const std::vector<uint32_t> class_at = broadcast_order(classes.dims, expr->dims);
  for (size_t i = 0; i < move.from.size(); ++i)
    move.from[i] += static_cast<uint32_t>(classes.class_of[class_at[i]] * each);
  for (const std::vector<float>& constants : classes.constants)
    move.tables.push_back(row(constants));
  move.y = lowering.add_bytes(expr->name, expr->dims, q);
  lowering.add("table", node, op_type, std::move(move));
  return move.y;
}

std::optional<ExactTable> exact_table(const Lowering& lowering, const ExprPointer& expr) {
  // One leaf and constants of one element, few enough that nobody need be refused.
  Program program;
  std::vector<ExprPointer> open = {expr};
  std::set<const Expr*> seen;
  std::optional<ValueId> leaf;
  while (!open.empty()) {
    const ExprPointer at = open.back();
    open.pop_back();
    if (!seen.insert(at.get()).second) continue;
    if (seen.size() > kMaxSteps) return std::nullopt;
    if (at->kind == Expr::Kind::kLeaf && (!leaf || leaf == at->value) && at->dims == expr->dims) {
      leaf = at->value;
    } else if (at->kind == Expr::Kind::kNode && at->function) {
      for (const ExprPointer& input : at->inputs)
        if (input) open.push_back(input);
    } else if (at->kind != Expr::Kind::kConstant || elements_of(at->dims) != 1) {
      return std::nullopt;
    }
  }
  if (!leaf || expr->kind != Expr::Kind::kNode) return std::nullopt;
  std::map<const Expr*, size_t> known;
  add_step(expr, &known, &program);
  Evaluator evaluate(program);
  const Quantisation q = lowering.value(*leaf).q;
  ExactTable result{*leaf, std::vector<uint8_t>(256)};
  for (size_t i = 0; i < 256; ++i) {
    const float x = dequantise_byte(static_cast<uint8_t>(i), q), y = evaluate({&x, 1}, {});
    result.table[i] = quantise_float(y, q);
    if (dequantise_byte(result.table[i], q) != y) return std::nullopt;
  }
  return result;
}

ExprPointer moved_last(const ExprPointer& expr) {
  // The operators between, and the move.
  std::vector<ExprPointer> open = {expr};
  std::set<const Expr*> seen;
  ExprPointer move;
  while (!open.empty()) {
    const ExprPointer at = open.back();
    open.pop_back();
    if (!seen.insert(at.get()).second) continue;
    if (at->kind == Expr::Kind::kConstant && elements_of(at->dims) == 1) continue;
    if (at->kind == Expr::Kind::kMove && (!move || move == at)) {
      move = at;
      continue;
    }
    if (at->kind != Expr::Kind::kNode || !at->function) return nullptr;
    for (const ExprPointer& input : at->inputs)
      if (input) open.push_back(input);
  }
  if (!move || move->dims != expr->dims ||
      std::ranges::find(move->from, Move::kFill) != move->from.end())
    return nullptr;
  std::map<const Expr*, ExprPointer> copies;
  const std::function<ExprPointer(const ExprPointer&, const ExprPointer&)> copy =
      [&](const ExprPointer& of, const ExprPointer& inner) -> ExprPointer {
    if (!of || of->kind == Expr::Kind::kConstant) return of;
    if (of == move) return inner;
    if (const auto known = copies.find(of.get()); known != copies.end()) return known->second;
    Expr result = *of;
    result.dims = inner->dims;
    for (ExprPointer& input : result.inputs) input = copy(input, inner);
    return copies[of.get()] = std::make_shared<const Expr>(std::move(result));
  };
  Expr result = *move;
  result.name = expr->name;
  for (ExprPointer& input : result.inputs) {
    copies.clear();
    input = copy(expr, input);
  }
  return std::make_shared<const Expr>(std::move(result));
}

namespace {

// An operator on float32: constants are folded, all else waits for QuantizeLinear.
void define_function(NodeView& node, const std::vector<ExprPointer>& inputs, Function function,
                     std::optional<Expr::Bounds> bounds = {}) {
  Dims dims = inputs[0]->dims;
  for (const ExprPointer& input : inputs) dims = broadcast(node, dims, input->dims);
  const std::string& name = node.output_name();
  if (std::ranges::all_of(inputs,
                          [](const ExprPointer& e) { return e->kind == Expr::Kind::kConstant; })) {
    if (elements_of(dims) > 0) node.check_size(dims);
    std::vector<std::vector<float>> values;
    std::vector<std::vector<uint32_t>> orders;
    for (const ExprPointer& input : inputs) {
      values.push_back(floats_of(*input)->values<float>());
      orders.push_back(broadcast_order(input->dims, dims));
    }
    std::vector<float> result, arguments(inputs.size());
    for (uint64_t i = 0; i < elements_of(dims); ++i) {
      for (size_t j = 0; j < inputs.size(); ++j) arguments[j] = values[j][orders[j][i]];
      result.push_back(function(arguments));
    }
    return node.define(float_tensor(dims, result));
  }
  Expr expr{.kind = Expr::Kind::kNode,
            .name = name,
            .dims = dims,
            .node = &node.node(),
            .inputs = inputs};
  expr.function = std::move(function);
  expr.bounds = bounds;
  node.define(node.lowering().made(std::move(expr), node));
}

void define_unary(NodeView& node, float (*function)(float)) {
  define_function(node, {node.expr(0)}, [function](Arguments x) { return function(x[0]); });
}
template <float (*kFunction)(float)>
void unary(NodeView& node) {
  define_unary(node, kFunction);
}

float negative(float x) { return -x; }
float absolute(float x) { return std::abs(x); }
float root(float x) { return std::sqrt(x); }
float reciprocal(float x) { return 1.0f / x; }
float floor_of(float x) { return std::floor(x); }
float ceiling(float x) { return std::ceil(x); }
float sign(float x) { return x > 0 ? 1.0f : x < 0 ? -1.0f : 0.0f; }
float softsign(float x) { return x / (1.0f + std::abs(x)); }
float hard_swish(float x) {
  const float gate = std::max(0.0f, std::min(1.0f, (1.0f / 6.0f) * x + 0.5f));
  return x * gate;
}
float mish(float x) { return x * tanh_f(softplus_f(x)); }

// Integers are computed where both are constants; else float32.
bool integer_constants(NodeView& node) {
  for (size_t i = 0; i < node.node().inputs.size(); ++i) {
    const auto* tensor = std::get_if<TensorPointer>(&node.symbol(i));
    if (tensor == nullptr ||
        ((*tensor)->type != ElementType::kInt64 && (*tensor)->type != ElementType::kInt32))
      return false;
  }
  return true;
}

int64_t wrapped(int64_t a, int64_t b, const std::string& op) {
  const auto x = static_cast<uint64_t>(a), y = static_cast<uint64_t>(b);
  return static_cast<int64_t>(op == "Add" ? x + y : op == "Sub" ? x - y : x * y);
}

void fold_integers(NodeView& node) {
  const std::string& op = node.node().op_type;
  std::vector<int64_t> result = node.integers(0);
  Dims dims = node.dims(0);
  const ElementType type = node.constant(0)->type;
  for (size_t input = 1; input < node.node().inputs.size(); ++input) {
    const Dims other_dims = node.dims(input), all = broadcast(node, dims, other_dims);
    if (elements_of(all) > 0) node.check_size(all);
    const std::vector<uint32_t> of_a = broadcast_order(dims, all),
                                of_b = broadcast_order(other_dims, all);
    const std::vector<int64_t> b = node.integers(input);
    std::vector<int64_t> next(of_a.size());
    for (size_t i = 0; i < next.size(); ++i) {
      const int64_t x = result[of_a[i]], y = b[of_b[i]];
      if (op == "Div") {
        if (y == 0 || (y == -1 && x == std::numeric_limits<int64_t>::min()))
          node.malformed("found a division of {} by {}", x, y);
        next[i] = x / y;
      } else if (op == "Min") {
        next[i] = std::min(x, y);
      } else if (op == "Max") {
        next[i] = std::max(x, y);
      } else if (op == "Add" || op == "Sub" || op == "Mul") {
        next[i] = wrapped(x, y, op);
      } else {
        node.refuse("of integers: not an operator that zkvm import computes");
      }
    }
    result = std::move(next);
    dims = all;
  }
  node.define(typed_integers(type, dims, result));
}

void binary(NodeView& node, float (*function)(float, float)) {
  if (node.node().inputs.size() != 2)
    node.malformed("expected 2 inputs, found {}", node.node().inputs.size());
  if (!node.node().attributes.empty() && node.opset() < 7)
    node.refuse("broadcast: expected opset 7 or later, found {}", node.opset());
  if (integer_constants(node)) return fold_integers(node);
  define_function(node, {node.expr(0), node.expr(1)},
                  [function](Arguments x) { return function(x[0], x[1]); });
}
template <float (*kFunction)(float, float)>
void two(NodeView& node) {
  binary(node, kFunction);
}
float add(float a, float b) { return a + b; }
float subtract(float a, float b) { return a - b; }
float multiply(float a, float b) { return a * b; }
float divide(float a, float b) { return a / b; }
// The runtime's ends are NaN where an operand is.
float least_of(float a, float b) { return std::isnan(a) ? a : std::isnan(b) ? b : std::min(a, b); }
float greatest_of(float a, float b) {
  return std::isnan(a) ? a : std::isnan(b) ? b : std::max(a, b);
}

void sum(NodeView& node) {
  if (node.node().inputs.size() == 2 && !integer_constants(node)) {
    const ExprPointer a = node.expr(0), b = node.expr(1);
    ExprPointer both;
    if (a->with_bias && b->kind == Expr::Kind::kConstant)
      both = a->with_bias(node, a, b);
    else if (b->with_bias && a->kind == Expr::Kind::kConstant)
      both = b->with_bias(node, b, a);
    if (both) return node.define(both);
  }
  binary(node, add);
}

void extremes(NodeView& node, bool is_max) {
  if (integer_constants(node)) return fold_integers(node);
  std::vector<ExprPointer> inputs;
  for (size_t i = 0; i < node.node().inputs.size(); ++i) inputs.push_back(node.expr(i));
  if (inputs.empty()) node.malformed("expected inputs, found none");
  std::optional<Expr::Bounds> bounds;
  if (inputs.size() == 2) {
    // A constant of one element makes it a clamp of the other operand.
    if (inputs[0]->kind == Expr::Kind::kConstant) std::swap(inputs[0], inputs[1]);
    if (inputs[1]->kind == Expr::Kind::kConstant && elements_of(inputs[1]->dims) == 1 &&
        inputs[1]->dims.size() <= inputs[0]->dims.size()) {
      const float bound = floats_of(*inputs[1])->values<float>()[0];
      if (!std::isnan(bound)) {
        bounds = Expr::Bounds{};
        (is_max ? bounds->low : bounds->high) = bound;
      }
    }
  }
  define_function(
      node, inputs,
      [is_max](Arguments x) {
        float result = x[0];
        for (const float other : x.subspan(1))
          result = is_max ? greatest_of(result, other) : least_of(result, other);
        return result;
      },
      bounds);
}
void least(NodeView& node) { extremes(node, false); }
void greatest(NodeView& node) { extremes(node, true); }

// Bytes whose elements are clamped as the integers that they are; constants are folded.
void clamp_integers(NodeView& node, int64_t low, int64_t high) {
  const bool is_signed = node.is_signed(0);
  std::vector<uint8_t> table(256);
  for (size_t i = 0; i < 256; ++i) {
    const int64_t x = is_signed ? static_cast<int8_t>(i) : static_cast<int64_t>(i);
    table[i] = static_cast<uint8_t>(std::min(std::max(x, low), high));
  }
  if (const auto* tensor = std::get_if<TensorPointer>(&node.symbol(0))) {
    Tensor result = **tensor;
    for (uint8_t& byte : result.bytes) byte = table[byte];
    return node.define(std::make_shared<const Tensor>(std::move(result)));
  }
  Lowering& lowering = node.lowering();
  const ValueId x = std::get<ValueId>(node.symbol(0));
  const Dims dims = lowering.value(x).dims;
  const std::string& name = node.output_name();
  const ValueId y = lowering.is_known(x) ? lowering.add_bytes(name, dims, lowering.value(x).q)
                                         : lowering.add_raw_bytes(name, dims, is_signed);
  node.check_size(dims);
  lowering.add("clip", &node.node(), node.node().op_type,
               Move{.inputs = {x},
                    .y = y,
                    .from = identity_order(dims, dims).from,
                    .fill = 0,
                    .tables = {table}});
  node.define(y);
}

bool has_bytes(const NodeView& node) {
  if (std::holds_alternative<ValueId>(node.symbol(0))) return true;
  const auto* tensor = std::get_if<TensorPointer>(&node.symbol(0));
  return tensor &&
         ((*tensor)->type == ElementType::kInt8 || (*tensor)->type == ElementType::kUint8);
}

void define_clamp(NodeView& node, Expr::Bounds bounds) {
  define_function(
      node, {node.expr(0)},
      [bounds](Arguments x) {
        return x[0] < bounds.low ? bounds.low : x[0] > bounds.high ? bounds.high : x[0];
      },
      bounds);
}
void relu(NodeView& node) {
  if (has_bytes(node)) return clamp_integers(node, 0, 255);
  define_clamp(node, {.low = 0});
}
void clip(NodeView& node) {
  if (has_bytes(node)) {
    const auto bound = [&](size_t input, int64_t otherwise) {
      if (!node.has(input)) return otherwise;
      const std::vector<int64_t> values = node.integers(input);
      if (values.size() != 1)
        node.malformed("bound {}: expected one element", node.input_name(input));
      return values[0];
    };
    const int64_t low = bound(1, -128), high = bound(2, 255);
    return clamp_integers(node, low, high);
  }
  Expr::Bounds bounds;
  if (node.opset() < 11) {
    bounds = {node.real("min", std::numeric_limits<float>::lowest()),
              node.real("max", std::numeric_limits<float>::max())};
  } else {
    const auto bound = [&](size_t input, float* to) {
      if (!node.has(input)) return;
      const ExprPointer expr = node.expr(input);
      if (expr->kind != Expr::Kind::kConstant || elements_of(expr->dims) != 1)
        node.refuse("bound {}: expected one constant", node.input_name(input));
      *to = floats_of(*expr)->values<float>()[0];
    };
    bound(1, &bounds.low);
    bound(2, &bounds.high);
  }
  if (std::isnan(bounds.low) || std::isnan(bounds.high))
    node.refuse("bounds: expected numbers, found NaN");
  if (bounds.low > bounds.high)
    bounds.low = bounds.high;  // as ONNX has it: all elements are the upper bound
  define_clamp(node, bounds);
}

void leaky_relu(NodeView& node) {
  const float alpha = node.real("alpha", 0.01f);
  define_function(node, {node.expr(0)},
                  [alpha](Arguments x) { return x[0] >= 0 ? x[0] : alpha * x[0]; });
}
void parametric_relu(NodeView& node) {
  ExprPointer slope = node.expr(1);
  const Dims dims = node.dims(0);
  if (slope->dims.size() > dims.size())
    node.malformed("slope of {}: expected at most {} dimensions", text_of(slope->dims),
                   dims.size());
  define_function(node, {node.expr(0), slope},
                  [](Arguments x) { return x[0] < 0 ? x[1] * x[0] : x[0]; });
}
void hard_sigmoid(NodeView& node) {
  const float alpha = node.real("alpha", 0.2f), beta = node.real("beta", 0.5f);
  define_function(node, {node.expr(0)}, [alpha, beta](Arguments x) {
    const float line = alpha * x[0];
    return std::max(0.0f, std::min(1.0f, line + beta));
  });
}
void elu(NodeView& node) {
  const float alpha = node.real("alpha", 1);
  define_function(node, {node.expr(0)},
                  [alpha](Arguments x) { return x[0] >= 0 ? x[0] : alpha * (exp_f(x[0]) - 1.0f); });
}
void selu(NodeView& node) {
  const float alpha = node.real("alpha", 1.67326319217681884765625f),
              gamma = node.real("gamma", 1.05070102214813232421875f);
  define_function(node, {node.expr(0)}, [alpha, gamma](Arguments x) {
    return gamma * (x[0] > 0 ? x[0] : alpha * exp_f(x[0]) - alpha);
  });
}
void celu(NodeView& node) {
  const float alpha = node.real("alpha", 1);
  define_function(node, {node.expr(0)}, [alpha](Arguments x) {
    return std::max(0.0f, x[0]) + std::min(0.0f, alpha * (exp_f(x[0] / alpha) - 1.0f));
  });
}
void thresholded_relu(NodeView& node) {
  const float alpha = node.real("alpha", 1);
  define_function(node, {node.expr(0)},
                  [alpha](Arguments x) { return x[0] > alpha ? x[0] : 0.0f; });
}
void softplus(NodeView& node) { define_unary(node, softplus_f); }
void swish(NodeView& node) {
  const float alpha = node.real("alpha", node.node().domain.empty() ? 1.0f : 1.702f);
  define_function(node, {node.expr(0)},
                  [alpha](Arguments x) { return x[0] * sigmoid_f(alpha * x[0]); });
}
float tanh_gelu(float x) {
  constexpr float kB = 0.7978845608028654f, kC = 0.035677408136300125f;
  const float inner = x * (kC * x * x + kB);
  return 0.5f * x * (1.0f + tanh_f(inner));
}
void gelu(NodeView& node) {
  const std::string form = node.text("approximate", "none");
  if (form != "none" && form != "tanh")
    node.malformed("approximate: expected none or tanh, found {}", form);
  define_unary(node, form == "none" ? gelu_f : tanh_gelu);
}
void round_even(NodeView& node) { define_unary(node, round_half_even); }

// y = x scale / sqrt(variance + epsilon) + (bias - mean ..): per channel.
void batch_normalization(NodeView& node) {
  const float epsilon = node.real("epsilon", 1e-5f);
  node.real("momentum", 0.9f);
  if (node.integer("training_mode", 0) != 0) node.refuse("training_mode: expected 0");
  if (node.integer("spatial", 1) != 1) node.refuse("spatial: expected 1");
  for (size_t i = 1; i < node.node().outputs.size(); ++i)
    if (node.has_output(i))
      node.refuse("output {}: expected none but the first", node.output_name(i));
  const Dims dims = node.dims(0);
  if (dims.size() < 2) node.malformed("input of {}: expected batch and channels", text_of(dims));
  std::vector<std::vector<float>> parameters;
  for (size_t i = 1; i < 5; ++i) {
    const ExprPointer expr = node.expr(i);
    if (expr->kind != Expr::Kind::kConstant || expr->dims != Dims{dims[1]})
      node.refuse("input {}: expected {} constants, one of each channel", node.input_name(i),
                  dims[1]);
    parameters.push_back(floats_of(*expr)->values<float>());
  }
  std::vector<float> factors, offsets;
  for (uint32_t c = 0; c < dims[1]; ++c) {
    const float factor = parameters[0][c] * (1.0f / std::sqrt(parameters[3][c] + epsilon));
    const float shifted = parameters[2][c] * factor;
    factors.push_back(factor);
    offsets.push_back(parameters[1][c] - shifted);
  }
  Dims of_channels(dims.size() - 1, 1);
  of_channels[0] = dims[1];
  define_function(
      node,
      {node.expr(0),
       constant_expr(node.output_name() + "_factor", float_tensor(of_channels, factors)),
       constant_expr(node.output_name() + "_offset", float_tensor(of_channels, offsets))},
      [](Arguments x) {
        const float scaled = x[0] * x[1];
        return scaled + x[2];
      });
}

// com.microsoft's operators of one byte.
void qlinear_table(NodeView& node, const Function& function) {
  Lowering& lowering = node.lowering();
  const ValueId x = node.bytes(0, node.quantisation(1, 2, node.is_signed(0)));
  const Quantisation of_x = lowering.value(x).q, q = node.output_quantisation(3, 4);
  std::vector<uint8_t> table(256);
  for (size_t i = 0; i < 256; ++i) {
    const float input = dequantise_byte(static_cast<uint8_t>(i), of_x);
    table[i] = quantise_float(function({&input, 1}), q);
  }
  node.define(tabulated(lowering, x, q, std::move(table), "table", &node.node(),
                        node.node().op_type, node.output_name()));
}
void qlinear_sigmoid(NodeView& node) {
  qlinear_table(node, [](Arguments x) { return sigmoid_f(x[0]); });
}
void qlinear_leaky_relu(NodeView& node) {
  const float alpha = node.real("alpha", 0.01f);
  qlinear_table(node, [alpha](Arguments x) { return x[0] >= 0 ? x[0] : alpha * x[0]; });
}

}  // namespace

Handlers elementwise_handlers() {
  return {{"Add", sum},
          {"Sub", two<subtract>},
          {"Mul", two<multiply>},
          {"Div", two<divide>},
          {"Pow", two<pow_f>},
          {"Min", least},
          {"Max", greatest},
          {"Relu", relu},
          {"Clip", clip},
          {"LeakyRelu", leaky_relu},
          {"PRelu", parametric_relu},
          {"Sigmoid", unary<sigmoid_f>},
          {"Tanh", unary<tanh_f>},
          {"HardSigmoid", hard_sigmoid},
          {"HardSwish", unary<hard_swish>},
          {"Gelu", gelu},
          {"com.microsoft:Gelu", unary<gelu_f>},
          {"com.microsoft:QuickGelu", swish},
          {"Swish", swish},
          {"Erf", unary<erf_f>},
          {"Neg", unary<negative>},
          {"Abs", unary<absolute>},
          {"Sqrt", unary<root>},
          {"Exp", unary<exp_f>},
          {"Log", unary<log_f>},
          {"Reciprocal", unary<reciprocal>},
          {"Softplus", softplus},
          {"Softsign", unary<softsign>},
          {"Elu", elu},
          {"Selu", selu},
          {"Celu", celu},
          {"ThresholdedRelu", thresholded_relu},
          {"Mish", unary<mish>},
          {"Floor", unary<floor_of>},
          {"Ceil", unary<ceiling>},
          {"Round", round_even},
          {"Sign", unary<sign>},
          {"BatchNormalization", batch_normalization},
          {"com.microsoft:QLinearAdd", qlinear_add},
          {"com.microsoft:QLinearMul", qlinear_mul},
          {"com.microsoft:QLinearSigmoid", qlinear_sigmoid},
          {"com.microsoft:QLinearLeakyRelu", qlinear_leaky_relu}};
}

}  // namespace zkvm::importer::lowering
