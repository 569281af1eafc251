#include "host/import/tail.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <limits>
#include <set>
#include <utility>

#include "host/import/identifiers.h"
#include "host/import/tail_loops.h"

namespace zkvm::importer {
namespace {

using onnx_file::ElementType;
using onnx_file::TensorPointer;
using Shape = std::vector<int64_t>;

constexpr int64_t kMaxElements = 1 << 26;              // of a tensor
constexpr uint64_t kMaxConstants = uint64_t{1} << 20;  // elements that are written as text
constexpr size_t kMaxNodes = 10'000;
constexpr size_t kMaxAxes = 16;

// Why a tail is not written.
struct Unknown {
  std::string message;
};

int64_t product(const Shape& dims) {
  int64_t all = 1;
  for (const int64_t dim : dims) all *= dim;
  return all;
}

std::string shape_text(const Shape& dims) {
  return dims.empty() ? "one" : fmt::format("{}", fmt::join(dims, "x"));
}
// (1, 10), (10,), ()
std::string tuple_text(const Shape& numbers) {
  return fmt::format("({}{})", fmt::join(numbers, ", "), numbers.size() == 1 ? "," : "");
}

// A function of elements {x} and {y}; {a} and {b} are numbers, of attributes.
struct Function {
  std::string cpp, python;
};

class TailWriter {
 public:
  TailWriter(const Network& network, const std::string& name) : network_(network), name_(name) {
    // What the functions' own lines say, and Python's words that are none of C++.
    for (const char* word :
         {"i",    "j",       "k",        "l",     "m",      "n",        "numpy",
          "math", "journal", "example",  "part",  "result", "greatest", "sum",
          "best", "at",      "outputs",  "_f",    "_erf",   "_softmax", "_log_softmax",
          "and",  "as",      "assert",   "async", "await",  "def",      "del",
          "elif", "except",  "finally",  "from",  "global", "import",   "in",
          "is",   "lambda",  "nonlocal", "pass",  "raise",  "with",     "yield",
          "len",  "none"})
      names_.take(word);
    for (size_t i = 7; i <= kMaxAxes; ++i) names_.take(fmt::format("i{}", i));
    names_.take(name);
  }

  Tail write() {
    if (network_.tail.size() > kMaxNodes)
      throw Unknown{
          fmt::format("expected at most {} nodes, found {}", kMaxNodes, network_.tail.size())};
    add_ports();
    for (const TailNode& node : network_.tail) add(node);
    add_outputs();
    tail_.cpp = header();
    tail_.python = module();
    return std::move(tail_);
  }

 private:
  struct Tensor {
    ElementType type = ElementType::kFloat32;
    Shape dims;
    std::string variable = {};         // of both languages; elements in ONNX's order
    std::string python_variable = {};  // where another shape has another name there
    TensorPointer constant = nullptr;  // then it has no variable
    Quantisation q = {};
    [[nodiscard]] const std::string& python() const {
      return python_variable.empty() ? variable : python_variable;
    }
  };

  // Names ----------------------------------------------------------------------------------------
  std::string identifier(const std::string& onnx) { return names_.add(onnx); }

  // Tensors --------------------------------------------------------------------------------------
  Tensor& tensor(const std::string& name) {
    const auto found = tensors_.find(name);
    if (found == tensors_.end())
      unknown("input {}: made of what is not in float32", printable(name));
    return found->second;
  }
  void define(const std::string& name, Tensor tensor) {
    if (!tensors_.emplace(name, std::move(tensor)).second)
      unknown("output {}: expected a new name", printable(name));
  }
  static std::string printable(const std::string& text) {
    // No comment of C++ goes on in the next line.
    std::string one = onnx_file::printable(text);
    std::ranges::replace(one, '\\', '/');
    return one;
  }

  template <class... Args>
  [[noreturn]] void unknown(fmt::format_string<Args...> text, Args&&... args) const {
    const std::string message = fmt::format(text, std::forward<Args>(args)...);
    if (node_ == nullptr) throw Unknown{message};
    throw Unknown{
        fmt::format("{} node {}: {}", printable(node_->op_type), printable(node_->node), message)};
  }

  void add_ports() {
    int64_t at = 0;
    std::set<std::string> seen;
    for (const Port& port : network_.outputs) {
      const Value& value = network_.values[port.value];
      Tensor made;
      made.dims.assign(value.dims.begin(), value.dims.end());
      made.variable = identifier(port.name);
      made.q = value.q;
      const char* type = "int32_t";
      const char* numpy_type = "<i4";
      int64_t width = 4;
      switch (value.type) {
        case Type::kInt8:
          made.type = ElementType::kInt8, type = "int8_t", numpy_type = "i1", width = 1;
          break;
        case Type::kUint8:
          made.type = ElementType::kUint8, type = "uint8_t", numpy_type = "u1", width = 1;
          break;
        case Type::kInt32:
          made.type = ElementType::kInt32;
          break;
        case Type::kFloat32:
          made.type = ElementType::kFloat32, type = "float", numpy_type = "<f4";
          break;
      }
      const int64_t count = product(made.dims);
      parameters_ +=
          fmt::format("{}const {}* {}", parameters_.empty() ? "" : ", ", type, made.variable);
      contents_ += fmt::format("//   {}: {} {}, \"{}\", from byte {} on\n", made.variable, type,
                               shape_text(made.dims), printable(port.name), at);
      python_ += fmt::format("    {} = numpy.frombuffer(part, \"{}\", {}, {}).reshape({})\n",
                             made.variable, numpy_type, count, at, tuple_text(made.dims));
      at += (count * width + 3) / 4 * 4;
      define(port.name, std::move(made));
    }
    journal_bytes_ = at;
    python_ += "    with numpy.errstate(all=\"ignore\"):\n";
  }

  // A tensor that C++ and Python compute.
  Tensor fresh(const std::string& name, Shape dims, ElementType type = ElementType::kFloat32) {
    if (dims.size() > kMaxAxes)
      unknown("expected at most {} axes, found {}", kMaxAxes, dims.size());
    int64_t all = 1;
    for (const int64_t dim : dims) {
      if (dim < 1 || dim > kMaxElements / all)
        unknown("expected at most {} elements and no dimension of 0", kMaxElements);
      all *= dim;
    }
    Tensor made{.type = type, .dims = std::move(dims), .variable = identifier(name)};
    tail_.bytes += static_cast<uint64_t>(all) * 4;
    cpp_ += fmt::format("  // {} {}: {}\n  std::vector<{}> {}({});\n", printable(node_->op_type),
                        printable(node_->node), shape_text(made.dims),
                        type == ElementType::kFloat32 ? "float" : "int32_t", made.variable, all);
    return made;
  }
  void python(const Tensor& to, const std::string& expression) {
    python_ += fmt::format("        {} = {}  # {}: {}\n", to.python(), expression,
                           printable(node_->op_type), shape_text(to.dims));
  }

  // Of floats, or of integers that Cast made floats.
  std::string cpp_element(const Tensor& x, const std::string& index) const {
    if (x.constant && product(x.dims) == 1) return literal(floats(x)[0]);
    const std::string element = fmt::format("{}[{}]", x.variable, index);
    if (x.type == ElementType::kFloat32) return element;
    if (x.type == ElementType::kInt32) return fmt::format("static_cast<float>({})", element);
    unknown("expected float32, found {}", onnx_file::name_of(x.type));
  }
  static std::string literal(float x) {
    return std::signbit(x) ? fmt::format("({})", cpp_float(x)) : cpp_float(x);
  }
  std::string python_floats(const Tensor& x) const {
    if (x.constant && product(x.dims) == 1 && x.dims.empty())
      return fmt::format("_f({})", python_float(floats(x)[0]));
    if (x.type == ElementType::kFloat32 || x.constant) return x.python();
    if (x.type == ElementType::kInt32) return x.python() + ".astype(numpy.float32)";
    unknown("expected float32, found {}", onnx_file::name_of(x.type));
  }
  std::vector<float> floats(const Tensor& x) const {
    if (!x.constant) unknown("expected a constant, found a tensor that is computed");
    if (x.constant->type == ElementType::kFloat32) return x.constant->values<float>();
    if (x.constant->type != ElementType::kInt64 && x.constant->type != ElementType::kInt32)
      unknown("expected float32, found constants of {}", onnx_file::name_of(x.constant->type));
    std::vector<float> values;
    for (const int64_t value : x.constant->integers()) values.push_back(static_cast<float>(value));
    return values;
  }
  // An operand of arithmetic: constants of several elements get a variable in both languages.
  Tensor operand(size_t input) {
    Tensor& x = tensor(input_name(input));
    if (!x.constant) {
      if (x.type != ElementType::kFloat32 && x.type != ElementType::kInt32)
        unknown("input {}: expected float32, found {}", printable(input_name(input)),
                onnx_file::name_of(x.type));
      return x;
    }
    if (x.variable.empty() && !(product(x.dims) == 1 && x.dims.empty())) {
      x.variable = identifier(input_name(input));
      const std::vector<float> values = floats(x);
      const bool one = values.size() == 1;
      if (!one) constant_text(x.variable, values);
      std::string list;
      for (const float value : values) list += (list.empty() ? "" : ", ") + python_float(value);
      python_constants_ += fmt::format("{} = numpy.array([{}], numpy.float32).reshape({})\n",
                                       x.variable, list, tuple_text(x.dims));
    }
    return x;
  }
  void constant_text(const std::string& variable, const std::vector<float>& values) {
    charge(values.size());
    std::string list;
    for (const float value : values) list += (list.empty() ? "" : ", ") + cpp_float(value);
    constants_ += fmt::format("  static constexpr float {}[] = {{{}}};\n", variable, list);
  }
  void charge(size_t elements) {
    if ((written_ += elements) > kMaxConstants)
      unknown("expected at most {} elements of constants in all, found more", kMaxConstants);
  }

  // Nodes ----------------------------------------------------------------------------------------
  const std::string& input_name(size_t input) const {
    if (!has(input)) unknown("expected an input {}", input);
    return node_->inputs[input];
  }
  bool has(size_t input) const {
    return input < node_->inputs.size() && !node_->inputs[input].empty();
  }
  const std::string& output_name(size_t output = 0) const {
    if (output >= node_->outputs.size()) unknown("expected an output {}", output);
    return node_->outputs[output];
  }
  std::vector<int64_t> integers(size_t input) {
    const Tensor& x = tensor(input_name(input));
    if (!x.constant ||
        (x.constant->type != ElementType::kInt64 && x.constant->type != ElementType::kInt32))
      unknown("input {}: expected constant integers", printable(input_name(input)));
    return x.constant->integers();
  }
  template <class T>
  std::optional<T> attribute(const char* name) {
    seen_.insert(name);
    const auto found = node_->attributes.find(name);
    if (found == node_->attributes.end()) return std::nullopt;
    const T* value = std::get_if<T>(&found->second);
    if (value == nullptr) unknown("{}: an attribute of another type", name);
    return *value;
  }
  int64_t integer(const char* name, int64_t otherwise) {
    return attribute<int64_t>(name).value_or(otherwise);
  }
  float real(const char* name, float otherwise) {
    return attribute<float>(name).value_or(otherwise);
  }
  size_t axis_of(int64_t axis, size_t rank) const {
    const auto axes = static_cast<int64_t>(rank);
    if (axis < -axes || axis >= axes) unknown("axis {}: expected one of {}", axis, rank);
    return static_cast<size_t>(axis < 0 ? axis + axes : axis);
  }
  // Axes as an input since `opset`, as an attribute before.
  std::optional<Shape> axes(size_t input, int64_t since) {
    if (node_->opset < since) return attribute<Shape>("axes");
    return has(input) ? std::optional(integers(input)) : std::nullopt;
  }

  void add(const TailNode& node) {
    node_ = &node;
    seen_.clear();
    using Handler = void (TailWriter::*)();
    static const std::map<std::string_view, Handler> kHandlers = {
        {"Constant", &TailWriter::constant},
        {"DequantizeLinear", &TailWriter::dequantise},
        {"Softmax", &TailWriter::softmax},
        {"LogSoftmax", &TailWriter::softmax},
        {"Identity", &TailWriter::identity},
        {"Reshape", &TailWriter::reshape},
        {"Flatten", &TailWriter::flatten},
        {"Squeeze", &TailWriter::squeeze},
        {"Unsqueeze", &TailWriter::unsqueeze},
        {"Transpose", &TailWriter::transpose},
        {"Concat", &TailWriter::concat},
        {"Split", &TailWriter::split},
        {"Slice", &TailWriter::slice},
        {"Gather", &TailWriter::gather},
        {"Expand", &TailWriter::expand},
        {"ReduceMean", &TailWriter::reduce},
        {"ReduceSum", &TailWriter::reduce},
        {"ReduceMax", &TailWriter::reduce},
        {"ReduceMin", &TailWriter::reduce},
        {"ReduceL2", &TailWriter::reduce},
        {"GlobalAveragePool", &TailWriter::reduce},
        {"ArgMax", &TailWriter::arg_extreme},
        {"ArgMin", &TailWriter::arg_extreme}};
    if (const auto handler = kHandlers.find(node.op_type); handler != kHandlers.end()) {
      (this->*handler->second)();
    } else if (const auto function = function_of()) {
      elementwise(*function);
    } else {
      unknown("not an operator that is written as a function");
    }
    for (const auto& [attribute, value] : node.attributes)
      if (!seen_.contains(attribute)) unknown("{}: an unknown attribute", printable(attribute));
    node_ = nullptr;
  }

  void constant() {
    const auto value = attribute<TensorPointer>("value");
    if (!value) unknown("expected a value");
    Tensor made;
    made.type = (*value)->type, made.dims = (*value)->dims, made.constant = *value;
    define(output_name(), std::move(made));
  }

  void dequantise() {
    const Tensor x = tensor(input_name(0));
    const std::vector<float> scales = floats(tensor(input_name(1)));
    if (x.constant || scales.empty() || x.type == ElementType::kFloat32)
      unknown("expected a port of integers, and a scale");
    int64_t zero = 0;
    if (has(2)) {
      const Tensor& point = tensor(input_name(2));
      if (!point.constant || product(point.dims) != 1 || point.constant->type != x.type)
        unknown("zero point: expected one of the tensor's type");
      zero = point.constant->integers()[0];
    }
    const size_t axis = scales.size() == 1 ? 0 : axis_of(integer("axis", 1), x.dims.size());
    seen_.insert("axis");
    if (scales.size() != 1 && std::cmp_not_equal(scales.size(), x.dims[axis]))
      unknown("expected a scale for each of {} elements, found {}", x.dims[axis], scales.size());
    define(output_name(), dequantised(output_name(), x, scales, zero, axis));
  }
  Tensor dequantised(const std::string& name, const Tensor& x, const std::vector<float>& scales,
                     int64_t zero, size_t axis) {
    const Tensor y = fresh(name, x.dims);
    std::string scale = cpp_float(scales[0]),
                python_scale = fmt::format("_f({})", python_float(scales[0]));
    std::vector<int64_t> along(x.dims.size());
    if (scales.size() != 1) {
      scale = identifier(name + "_scales");
      constant_text(scale, scales);
      std::string list;
      for (const float s : scales) list += (list.empty() ? "" : ", ") + python_float(s);
      Shape dims(x.dims.size(), 1);
      dims[axis] = x.dims[axis];
      python_constants_ += fmt::format("{} = numpy.array([{}], numpy.float32).reshape({})\n", scale,
                                       list, tuple_text(dims));
      python_scale = scale;
      along[axis] = 1;
    }
    cpp_ += loops(
        x.dims, {{row_major(x.dims)}, {along}}, 0, 2, [&](const auto& at, size_t, size_t indent) {
          const std::string element = fmt::format("{}[{}]", x.variable, at[0]);
          return fmt::format("{}{}[{}] = {} * static_cast<float>({});\n", std::string(indent, ' '),
                             y.variable, at[0],
                             scales.size() == 1 ? scale : fmt::format("{}[{}]", scale, at[1]),
                             zero == 0  ? element
                             : zero < 0 ? fmt::format("{} + {}", element, -zero)
                                        : fmt::format("{} - {}", element, zero));
        });
    std::string number = x.python() + ".astype(numpy.float32)";
    if (zero != 0) number = fmt::format("({} - _f({}))", number, zero);
    python(y, fmt::format("{} * {}", python_scale, number));
    return y;
  }

  // Elementwise ----------------------------------------------------------------------------------
  // In C++ and Python; {x} the first operand, {y} the second. Nothing where there is no such function.
  std::optional<Function> function_of() {
    static const std::map<std::string_view, Function> kFunctions = {
        {"Add", {"{x} + {y}", "{x} + {y}"}},
        {"Sum", {"{x} + {y}", "{x} + {y}"}},
        {"Sub", {"{x} - {y}", "{x} - {y}"}},
        {"Mul", {"{x} * {y}", "{x} * {y}"}},
        {"Div", {"{x} / {y}", "{x} / {y}"}},
        {"Pow", {"std::pow({x}, {y})", "numpy.power({x}, {y})"}},
        {"Min", {"std::min({x}, {y})", "numpy.minimum({x}, {y})"}},
        {"Max", {"std::max({x}, {y})", "numpy.maximum({x}, {y})"}},
        {"PRelu", {"{x} < 0 ? {x} * {y} : {x}", "numpy.where({x} < 0, {x} * {y}, {x})"}},
        {"Relu", {"std::max({x}, 0.0f)", "numpy.maximum({x}, _f(0))"}},
        {"Sigmoid", {"1.0f / (1.0f + std::exp(-{x}))", "_f(1) / (_f(1) + numpy.exp(-{x}))"}},
        {"Tanh", {"std::tanh({x})", "numpy.tanh({x})"}},
        {"Exp", {"std::exp({x})", "numpy.exp({x})"}},
        {"Log", {"std::log({x})", "numpy.log({x})"}},
        {"Sqrt", {"std::sqrt({x})", "numpy.sqrt({x})"}},
        {"Neg", {"-{x}", "-{x}"}},
        {"Abs", {"std::abs({x})", "numpy.abs({x})"}},
        {"Reciprocal", {"1.0f / {x}", "_f(1) / {x}"}},
        {"Floor", {"std::floor({x})", "numpy.floor({x})"}},
        {"Ceil", {"std::ceil({x})", "numpy.ceil({x})"}},
        {"Round", {"std::nearbyint({x})", "numpy.rint({x})"}},
        {"Erf", {"std::erf({x})", "_erf({x})"}},
        {"Softplus",
         {"std::max({x}, 0.0f) + std::log1p(std::exp(-std::abs({x})))",
          "numpy.maximum({x}, _f(0)) + numpy.log1p(numpy.exp(-numpy.abs({x})))"}},
        {"Softsign", {"{x} / (1.0f + std::abs({x}))", "{x} / (_f(1) + numpy.abs({x}))"}},
        {"HardSwish",
         {"{x} * std::max(0.0f, std::min(1.0f, {x} * 0.16666667f + 0.5f))",
          "{x} * numpy.maximum(_f(0), numpy.minimum(_f(1), {x} * _f(0.16666667) + _f(0.5)))"}}};
    const std::string& op = node_->op_type;
    if (const auto found = kFunctions.find(op); found != kFunctions.end()) return found->second;
    const auto with = [&](float a, float b, Function text) {
      const auto put = [](std::string* line, const char* mark, const std::string& number) {
        for (size_t at; (at = line->find(mark)) != std::string::npos;) line->replace(at, 3, number);
      };
      put(&text.cpp, "{a}", literal(a)), put(&text.cpp, "{b}", literal(b));
      put(&text.python, "{a}", fmt::format("_f({})", python_float(a)));
      put(&text.python, "{b}", fmt::format("_f({})", python_float(b)));
      return text;
    };
    if (op == "LeakyRelu")
      return with(real("alpha", 0.01f), 0,
                  {"{x} < 0 ? {x} * {a} : {x}", "numpy.where({x} < 0, {x} * {a}, {x})"});
    if (op == "Elu")
      return with(real("alpha", 1), 0,
                  {"{x} < 0 ? {a} * (std::exp({x}) - 1.0f) : {x}",
                   "numpy.where({x} < 0, {a} * (numpy.exp({x}) - _f(1)), {x})"});
    if (op == "HardSigmoid") {
      const float alpha = real("alpha", 0.2f), beta = real("beta", 0.5f);
      return with(alpha, beta,
                  {"std::max(0.0f, std::min(1.0f, {x} * {a} + {b}))",
                   "numpy.maximum(_f(0), numpy.minimum(_f(1), {x} * {a} + {b}))"});
    }
    if (op == "Clip") {
      constexpr float kMost = std::numeric_limits<float>::max();
      float low = -kMost, high = kMost;
      if (node_->opset < 11) {
        low = real("min", low), high = real("max", high);
      } else {
        if (has(1)) low = one_float(1);
        if (has(2)) high = one_float(2);
      }
      return with(
          low, high,
          {"std::min(std::max({x}, {a}), {b})", "numpy.minimum(numpy.maximum({x}, {a}), {b})"});
    }
    if (op == "Gelu") {
      const std::string form = attribute<std::string>("approximate").value_or("none");
      if (form == "none")
        return with(
            0.5f, 0.70710678f,
            {"{a} * {x} * (1.0f + std::erf({x} * {b}))", "{a} * {x} * (_f(1) + _erf({x} * {b}))"});
      if (form != "tanh") return std::nullopt;
      return with(0.79788456f, 0.035677408f,
                  {"0.5f * {x} * (1.0f + std::tanh({x} * ({b} * {x} * {x} + {a})))",
                   "_f(0.5) * {x} * (_f(1) + numpy.tanh({x} * ({b} * {x} * {x} + {a})))"});
    }
    if (op == "QuickGelu" || op == "Swish")
      return with(real("alpha", op == "Swish" ? 1.0f : 1.702f), 0,
                  {"{x} / (1.0f + std::exp(-{a} * {x}))", "{x} / (_f(1) + numpy.exp(-{a} * {x}))"});
    return std::nullopt;
  }
  float one_float(size_t input) {
    const std::vector<float> values = floats(tensor(input_name(input)));
    if (values.size() != 1) unknown("expected one number, found {}", values.size());
    return values[0];
  }

  Shape broadcast(const Shape& a, const Shape& b) const {
    Shape dims(std::max(a.size(), b.size()), 1);
    for (size_t i = 0; i < dims.size(); ++i) {
      const int64_t of_a = i < a.size() ? a[a.size() - 1 - i] : 1,
                    of_b = i < b.size() ? b[b.size() - 1 - i] : 1;
      if (of_a != of_b && of_a != 1 && of_b != 1)
        unknown("expected shapes that fit, found {} and {}", shape_text(a), shape_text(b));
      dims[dims.size() - 1 - i] = of_a == 1 ? of_b : of_a;
    }
    return dims;
  }
  // Of a tensor of `from`, as numpy broadcasts it to `to`.
  static Operand broadcast_operand(const Shape& from, const Shape& to) {
    const std::vector<int64_t> strides = row_major(from);
    Operand operand{std::vector<int64_t>(to.size())};
    for (size_t i = 0; i < from.size(); ++i)
      if (from[i] != 1) operand.strides[to.size() - from.size() + i] = strides[i];
    return operand;
  }
  static std::string filled(std::string text, const std::string& x, const std::string& y) {
    std::string result;
    for (size_t at = 0; at < text.size();) {
      const std::string_view mark = std::string_view(text).substr(at, 3);
      if (mark == "{x}" || mark == "{y}") {
        result += mark == "{x}" ? x : y;
        at += 3;
      } else {
        result += text[at++];
      }
    }
    return result;
  }

  void elementwise(const Function& function) {
    const bool is_binary = function.cpp.find("{y}") != std::string::npos;
    const bool is_clip = node_->op_type == "Clip";
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < (is_clip ? 1 : node_->inputs.size()); ++i) inputs.push_back(operand(i));
    const bool is_variadic =
        node_->op_type == "Sum" || node_->op_type == "Min" || node_->op_type == "Max";
    if (inputs.empty() || (!is_variadic && inputs.size() != (is_binary ? 2u : 1u)))
      unknown("expected {} inputs, found {}", is_binary ? 2 : 1, inputs.size());
    Shape dims = inputs[0].dims;
    for (const Tensor& input : inputs) dims = broadcast(dims, input.dims);
    if (node_->op_type == "PRelu" && dims != inputs[0].dims)
      unknown("slope: expected no more axes");
    const Tensor y = fresh(output_name(), dims);
    std::vector<Operand> operands = {{row_major(dims)}};
    for (const Tensor& input : inputs) operands.push_back(broadcast_operand(input.dims, dims));
    cpp_ += loops(dims, operands, 0, 2, [&](const auto& at, size_t, size_t indent) {
      std::string all = cpp_element(inputs[0], at[1]);
      if (!is_binary) all = filled(function.cpp, all, "");
      for (size_t i = 1; i < inputs.size(); ++i)
        all = filled(function.cpp, all, cpp_element(inputs[i], at[i + 1]));
      return fmt::format("{}{}[{}] = {};\n", std::string(indent, ' '), y.variable, at[0], all);
    });
    std::string all = python_floats(inputs[0]);
    if (!is_binary) all = filled(function.python, all, "");
    for (size_t i = 1; i < inputs.size(); ++i)
      all = filled(function.python, all, python_floats(inputs[i]));
    python(y, all);
    define(output_name(), y);
  }

  // Rows -----------------------------------------------------------------------------------------
  // Strides of a row-major tensor's axes that are inside rows, or outside.
  static Shape kept(const Shape& of, const std::vector<bool>& inside, bool want) {
    Shape result;
    for (size_t i = 0; i < of.size(); ++i)
      if (inside[i] == want) result.push_back(of[i]);
    return result;
  }

  void softmax() {
    const Tensor x = operand(0);
    const bool is_log = node_->op_type == "LogSoftmax";
    const bool all_behind = node_->opset < 13;
    const size_t axis = axis_of(integer("axis", all_behind ? 1 : -1), x.dims.size());
    std::vector<bool> inside(x.dims.size());
    for (size_t i = axis; i < inside.size(); ++i) inside[i] = all_behind || i == axis;
    const Tensor y = fresh(output_name(), x.dims);
    const Shape strides = row_major(x.dims), row = kept(x.dims, inside, true),
                row_strides = kept(strides, inside, true);
    cpp_ += loops(kept(x.dims, inside, false), {{kept(strides, inside, false)}}, 0, 2,
                  [&](const auto& at, size_t next, size_t indent) {
                    const std::string in(indent, ' ');
                    const Operand element{row_strides, 0, at[0] == "0" ? "" : at[0]};
                    const auto inner = [&](const std::string& statement) {
                      return loops(row, {element}, next, indent + 2,
                                   [&](const auto& index, size_t, size_t deep) {
                                     return std::string(deep, ' ') +
                                            filled(statement, cpp_element(x, index[0]),
                                                   fmt::format("{}[{}]", y.variable, index[0])) +
                                            "\n";
                                   });
                    };
                    std::string text =
                        in + "{\n" + in +
                        "  float greatest = -std::numeric_limits<float>::infinity();\n";
                    text += inner("greatest = std::max(greatest, {x});");
                    text += in + "  float sum = 0;\n";
                    text += inner(is_log ? "sum += std::exp({x} - greatest);"
                                         : "sum += {y} = std::exp({x} - greatest);");
                    if (is_log) text += in + "  sum = std::log(sum);\n";
                    text += inner(is_log ? "{y} = {x} - greatest - sum;" : "{y} /= sum;");
                    return text + in + "}\n";
                  });
    std::vector<int64_t> numbers;
    for (size_t i = 0; i < inside.size(); ++i)
      if (inside[i]) numbers.push_back(static_cast<int64_t>(i));
    python(y, fmt::format("{}({}, {})", is_log ? "_log_softmax" : "_softmax", python_floats(x),
                          tuple_text(numbers)));
    define(output_name(), y);
  }

  void reduce() {
    const Tensor x = operand(0);
    const std::string& op = node_->op_type;
    std::vector<bool> inside(x.dims.size());
    bool keep = true;
    if (op == "GlobalAveragePool") {
      for (size_t i = 2; i < inside.size(); ++i) inside[i] = true;
    } else {
      const auto given = axes(1, op == "ReduceSum" ? 13 : 18);
      keep = integer("keepdims", 1) != 0;
      const bool none_is_all = integer("noop_with_empty_axes", 0) == 0;
      if ((!given || given->empty()) && none_is_all) inside.assign(x.dims.size(), true);
      if (given)
        for (const int64_t axis : *given) inside[axis_of(axis, x.dims.size())] = true;
    }
    Shape dims, numbers;
    for (size_t i = 0; i < inside.size(); ++i) {
      if (!inside[i])
        dims.push_back(x.dims[i]);
      else if (keep)
        dims.push_back(1);
      if (inside[i]) numbers.push_back(static_cast<int64_t>(i));
    }
    const Tensor y = fresh(output_name(), dims);
    const Shape strides = row_major(x.dims), outer = kept(x.dims, inside, false),
                row = kept(x.dims, inside, true);
    const bool is_mean = op == "ReduceMean" || op == "GlobalAveragePool";
    const bool is_extreme = op == "ReduceMax" || op == "ReduceMin";
    cpp_ += loops(
        outer, {{kept(strides, inside, false)}, {row_major(outer)}}, 0, 2,
        [&](const auto& at, size_t next, size_t indent) {
          const std::string in(indent, ' '), in2(indent + 2, ' ');
          std::string text = in + "{\n" + in2 + "float result = ";
          text += !is_extreme         ? "0"
                  : op == "ReduceMax" ? "-std::numeric_limits<float>::infinity()"
                                      : "std::numeric_limits<float>::infinity()";
          text += ";\n";
          text += loops(
              row, {{kept(strides, inside, true), 0, at[0] == "0" ? "" : at[0]}}, next, indent + 2,
              [&](const auto& index, size_t, size_t deep) {
                const std::string element = cpp_element(x, index[0]);
                return std::string(deep, ' ') +
                       (op == "ReduceMax" ? fmt::format("result = std::max(result, {});\n", element)
                        : op == "ReduceMin"
                            ? fmt::format("result = std::min(result, {});\n", element)
                        : op == "ReduceL2" ? fmt::format("result += {0} * {0};\n", element)
                                           : fmt::format("result += {};\n", element));
              });
          const std::string value =
              is_mean ? fmt::format("result / {}", cpp_float(static_cast<float>(product(row))))
              : op == "ReduceL2" ? "std::sqrt(result)"
                                 : "result";
          text += fmt::format("{}{}[{}] = {};\n", in2, y.variable, at[1], value);
          return text + in + "}\n";
        });
    const std::string how =
        fmt::format("axis={}, keepdims={}", tuple_text(numbers), keep ? "True" : "False");
    const std::string from = python_floats(x);
    python(y, is_mean             ? fmt::format("numpy.mean({}, {})", from, how)
              : op == "ReduceMax" ? fmt::format("numpy.max({}, {})", from, how)
              : op == "ReduceMin" ? fmt::format("numpy.min({}, {})", from, how)
              : op == "ReduceL2"  ? fmt::format("numpy.sqrt(numpy.sum({0} * {0}, {1}))", from, how)
                                  : fmt::format("numpy.sum({}, {})", from, how));
    define(output_name(), y);
  }

  void arg_extreme() {
    const Tensor x = operand(0);
    const bool least = node_->op_type == "ArgMin";
    const size_t axis = axis_of(integer("axis", 0), x.dims.size());
    const bool keep = integer("keepdims", 1) != 0, last = integer("select_last_index", 0) != 0;
    std::vector<bool> inside(x.dims.size());
    inside[axis] = true;
    Shape dims = x.dims;
    if (keep)
      dims[axis] = 1;
    else
      dims.erase(dims.begin() + static_cast<ptrdiff_t>(axis));
    const Tensor y = fresh(output_name(), dims, ElementType::kInt32);
    const Shape strides = row_major(x.dims), outer = kept(x.dims, inside, false);
    cpp_ += loops(
        outer, {{kept(strides, inside, false)}, {row_major(outer)}}, 0, 2,
        [&](const auto& at, size_t, size_t indent) {
          const std::string in(indent, ' ');
          const auto element = [&](const char* number) {
            return cpp_element(
                x, fmt::format("{} + {} * static_cast<size_t>({})", at[0], strides[axis], number));
          };
          return fmt::format(
              "{0}{{\n{0}  int32_t best = 0;\n{0}  for (int32_t at = 1; at < {1}; ++at)\n"
              "{0}    if ({2} {3} {4}) best = at;\n{0}  {5}[{6}] = best;\n{0}}}\n",
              in, x.dims[axis], element("at"), least ? (last ? "<=" : "<") : (last ? ">=" : ">"),
              element("best"), y.variable, at[1]);
        });
    const char* function = least ? "argmin" : "argmax";
    const std::string from = python_floats(x);
    python(y,
           last ? fmt::format("({} - numpy.{}(numpy.flip({}, {}), axis={}, keepdims={}))",
                              x.dims[axis] - 1, function, from, axis, axis, keep ? "True" : "False")
                : fmt::format("numpy.{}({}, axis={}, keepdims={})", function, from, axis,
                              keep ? "True" : "False"));
    define(output_name(), y);
  }

  // Moves ----------------------------------------------------------------------------------------
  // The same elements by other dimensions.
  void as(const Tensor& x, Shape dims) {
    if (dims.size() > kMaxAxes)
      unknown("expected at most {} axes, found {}", kMaxAxes, dims.size());
    Tensor y = x;
    y.dims = std::move(dims);
    if (!x.constant) {
      y.python_variable = identifier(output_name());
      python(y, fmt::format("{}.reshape({})", x.python(), tuple_text(y.dims)));
    } else {
      auto other = std::make_shared<onnx_file::Tensor>(*x.constant);
      other->dims = y.dims;
      y.constant = std::move(other);
      y.variable.clear();
    }
    define(output_name(), std::move(y));
  }
  // A tensor whose elements are moved: not one of integers that are parameters.
  Tensor moved_input(size_t input) {
    const Tensor& x = tensor(input_name(input));
    return x.constant ? operand(input) : x;
  }
  Tensor fresh_like(const std::string& name, Shape dims, const Tensor& x) {
    if (x.type != ElementType::kFloat32 && x.type != ElementType::kInt32)
      unknown("expected float32, found {}", onnx_file::name_of(x.type));
    return fresh(name, std::move(dims), x.type);
  }
  std::string element(const Tensor& x, const std::string& index) const {
    return x.type == ElementType::kInt32 ? fmt::format("{}[{}]", x.variable, index)
                                         : cpp_element(x, index);
  }
  std::string copy(const Tensor& y, const Shape& dims, const Operand& to, const Tensor& x,
                   const Operand& from) const {
    return loops(dims, {to, from}, 0, 2, [&](const auto& at, size_t, size_t indent) {
      return fmt::format("{}{}[{}] = {};\n", std::string(indent, ' '), y.variable, at[0],
                         element(x, at[1]));
    });
  }

  void identity() {
    const Tensor x = tensor(input_name(0));
    as(x, x.dims);
  }
  void reshape() {
    const Tensor x = tensor(input_name(0));
    Shape dims = integers(1);
    const bool zero_is_kept = integer("allowzero", 0) == 0;
    std::optional<size_t> open;
    int64_t known = 1;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] == 0 && zero_is_kept && i < x.dims.size()) dims[i] = x.dims[i];
      if (dims[i] == -1 && !open) {
        open = i;
      } else if (dims[i] < 1 || dims[i] > kMaxElements || (known *= dims[i]) > kMaxElements) {
        unknown("shape: found a dimension of {}", dims[i]);
      }
    }
    if (open) dims[*open] = product(x.dims) / known;
    if (product(dims) != product(x.dims))
      unknown("shape: expected {} elements, found {}", product(x.dims), shape_text(dims));
    as(x, dims);
  }
  void flatten() {
    const Tensor x = tensor(input_name(0));
    const int64_t axis = integer("axis", 1), rank = static_cast<int64_t>(x.dims.size());
    if (axis < -rank || axis > rank) unknown("axis {}: expected one of {}", axis, rank);
    const auto split_at = x.dims.begin() + (axis < 0 ? axis + rank : axis);
    as(x, {product(Shape(x.dims.begin(), split_at)), product(Shape(split_at, x.dims.end()))});
  }
  void squeeze() {
    const Tensor x = tensor(input_name(0));
    const auto given = axes(1, 13);
    std::vector<bool> gone(x.dims.size());
    if (given)
      for (const int64_t axis : *given) gone[axis_of(axis, x.dims.size())] = true;
    Shape dims;
    for (size_t i = 0; i < gone.size(); ++i) {
      if (!given) gone[i] = x.dims[i] == 1;
      if (gone[i] && x.dims[i] != 1) unknown("axis {}: expected 1, found {}", i, x.dims[i]);
      if (!gone[i]) dims.push_back(x.dims[i]);
    }
    as(x, dims);
  }
  void unsqueeze() {
    const Tensor x = tensor(input_name(0));
    const Shape given = axes(1, 13).value_or(Shape{});
    if (given.size() > 16) unknown("axes: expected at most 16, found {}", given.size());
    std::vector<bool> is_new(x.dims.size() + given.size());
    for (const int64_t axis : given) is_new[axis_of(axis, is_new.size())] = true;
    if (std::cmp_not_equal(std::ranges::count(is_new, true), given.size()))
      unknown("axes: expected each once");
    Shape dims;
    size_t next = 0;
    for (const bool is_one : is_new) dims.push_back(is_one ? 1 : x.dims[next++]);
    as(x, dims);
  }

  void transpose() {
    const Tensor x = moved_input(0);
    Shape order = attribute<Shape>("perm").value_or(Shape{});
    const size_t rank = x.dims.size();
    if (order.empty())
      for (size_t i = 0; i < rank; ++i) order.push_back(static_cast<int64_t>(rank - 1 - i));
    std::vector<bool> seen(rank);
    Shape dims;
    const Shape strides = row_major(x.dims);
    Operand from;
    if (order.size() != rank) unknown("perm: expected {} numbers", rank);
    for (const int64_t axis : order) {
      const size_t at = axis_of(axis, rank);
      if (seen[at]) unknown("perm: expected each axis once");
      seen[at] = true;
      dims.push_back(x.dims[at]);
      from.strides.push_back(strides[at]);
    }
    const Tensor y = fresh_like(output_name(), dims, x);
    cpp_ += copy(y, dims, {row_major(dims)}, x, from);
    python(y, fmt::format("numpy.transpose({}, {})", x.python(), tuple_text(order)));
    define(output_name(), y);
  }

  void concat() {
    std::vector<Tensor> inputs;
    for (size_t i = 0; i < node_->inputs.size(); ++i) inputs.push_back(moved_input(i));
    if (inputs.empty()) unknown("expected inputs");
    const size_t axis = axis_of(integer("axis", 1), inputs[0].dims.size());
    Shape dims = inputs[0].dims;
    dims[axis] = 0;
    std::string list;
    for (const Tensor& input : inputs) {
      Shape same = input.dims;
      if (same.size() == dims.size()) same[axis] = dims[axis];
      if (same != dims || input.type != inputs[0].type)
        unknown("expected tensors alike, found {} and {}", shape_text(input.dims),
                shape_text(inputs[0].dims));
      dims[axis] += input.dims[axis];
      list += (list.empty() ? "" : ", ") +
              (input.variable.empty() ? python_floats(input) : input.python());
    }
    const Tensor y = fresh_like(output_name(), dims, inputs[0]);
    const Shape strides = row_major(dims);
    int64_t at = 0;
    for (const Tensor& input : inputs) {
      cpp_ += copy(y, input.dims, {strides, at * strides[axis]}, input, {row_major(input.dims)});
      at += input.dims[axis];
    }
    python(y, fmt::format("numpy.concatenate(({},), {})", list, axis));
    define(output_name(), y);
  }

  // `dims` of x from `from` on; python is what follows its name.
  void cut(size_t output, const Tensor& x, const Shape& dims, const Operand& from,
           const std::string& python_slices) {
    const Tensor y = fresh_like(output_name(output), dims, x);
    cpp_ += copy(y, dims, {row_major(dims)}, x, from);
    python(y, x.python() + python_slices);
    define(output_name(output), y);
  }

  void split() {
    const Tensor x = moved_input(0);
    const size_t axis = axis_of(integer("axis", 0), x.dims.size());
    Shape sizes;
    const auto count = static_cast<int64_t>(node_->outputs.size());
    if (node_->opset < 13)
      sizes = attribute<Shape>("split").value_or(Shape{});
    else if (has(1))
      sizes = integers(1);
    integer("num_outputs", count);
    if (sizes.empty() && count > 0) {
      const int64_t each = (x.dims[axis] + count - 1) / count;
      for (int64_t i = 0, left = x.dims[axis]; i < count; ++i, left -= each)
        sizes.push_back(std::min(each, left));
    }
    int64_t at = 0;
    if (std::cmp_not_equal(sizes.size(), count)) unknown("split: expected {} numbers", count);
    for (const int64_t size : sizes)
      if (size < 1 || size > x.dims[axis] || (at += size) > x.dims[axis])
        unknown("split: expected sizes from 1 and {} in all, found {}", x.dims[axis], size);
    if (at != x.dims[axis]) unknown("split: expected {} in all, found {}", x.dims[axis], at);
    const Shape strides = row_major(x.dims);
    at = 0;
    for (size_t i = 0; i < sizes.size(); at += sizes[i++]) {
      if (output_name(i).empty()) continue;
      Shape dims = x.dims;
      dims[axis] = sizes[i];
      std::string slices;
      for (size_t a = 0; a < axis; ++a) slices += ":, ";
      cut(i, x, dims, {strides, at * strides[axis]},
          fmt::format("[{}{}:{}]", slices, at, at + sizes[i]));
    }
  }

  void slice() {
    const Tensor x = moved_input(0);
    if (node_->opset < 10) unknown("expected opset 10 or later, found {}", node_->opset);
    const Shape starts = integers(1), ends = integers(2);
    const size_t rank = x.dims.size();
    Shape axes, steps(starts.size(), 1);
    if (has(3))
      axes = integers(3);
    else
      for (size_t i = 0; i < starts.size(); ++i) axes.push_back(static_cast<int64_t>(i));
    if (has(4)) steps = integers(4);
    if (ends.size() != starts.size() || axes.size() != starts.size() ||
        steps.size() != starts.size())
      unknown("expected as many starts as ends, axes and steps");
    const Shape strides = row_major(x.dims);
    Shape dims = x.dims;
    Operand from{strides};
    std::vector<std::string> texts(rank, ":");
    for (size_t i = 0; i < starts.size(); ++i) {
      const size_t axis = axis_of(axes[i], rank);
      const int64_t size = x.dims[axis], step = steps[i];
      if (step == 0 || step < -kMaxElements || step > kMaxElements || texts[axis] != ":")
        unknown("step {} of axis {}", step, axis);
      const auto bound = [&](int64_t at) {
        if (at < 0) at += size;  // the least int64 stays negative
        return step > 0 ? std::clamp<int64_t>(at, 0, size) : std::clamp<int64_t>(at, -1, size - 1);
      };
      const int64_t start = step > 0 ? bound(starts[i]) : std::max<int64_t>(bound(starts[i]), 0),
                    end = bound(ends[i]);
      const int64_t distance = step > 0 ? end - start : start - end;
      const int64_t stride = std::abs(step);
      dims[axis] = distance <= 0 ? 0 : (distance + stride - 1) / stride;
      from.offset += start * strides[axis];
      from.strides[axis] *= step;
      texts[axis] = fmt::format("{}:{}{}", start, end < 0 ? "" : fmt::format("{}", end),
                                step == 1 ? "" : fmt::format(":{}", step));
    }
    cut(0, x, dims, from, fmt::format("[{}]", fmt::join(texts, ", ")));
  }

  void gather() {
    const Tensor x = moved_input(0);
    const size_t axis = axis_of(integer("axis", 0), x.dims.size());
    const Tensor& index = tensor(input_name(1));
    Shape at = integers(1);
    for (int64_t& i : at) {
      if (i < -x.dims[axis] || i >= x.dims[axis])
        unknown("index {}: expected one of {}", i, x.dims[axis]);
      if (i < 0) i += x.dims[axis];
    }
    charge(at.size());
    const auto split_at = x.dims.begin() + static_cast<ptrdiff_t>(axis);
    const Shape before(x.dims.begin(), split_at), behind(split_at + 1, x.dims.end());
    Shape dims = before;
    dims.insert(dims.end(), index.dims.begin(), index.dims.end());
    dims.insert(dims.end(), behind.begin(), behind.end());
    const Tensor y = fresh_like(output_name(), dims, x);
    const std::string table = identifier(output_name() + "_indices");
    constants_ +=
        fmt::format("  static constexpr int {}[] = {{{}}};\n", table, fmt::join(at, ", "));
    const int64_t inner = product(behind), count = static_cast<int64_t>(at.size());
    cpp_ +=
        loops({product(before), count, inner},
              {{{count * inner, inner, 1}}, {{x.dims[axis] * inner, 0, 1}}, {{0, 1, 0}}}, 0, 2,
              [&](const auto& i, size_t, size_t indent) {
                return fmt::format("{}{}[{}] = {};\n", std::string(indent, ' '), y.variable, i[0],
                                   element(x, fmt::format("{} + {} * static_cast<size_t>({}[{}])",
                                                          i[1], inner, table, i[2])));
              });
    python(y, fmt::format("numpy.take({}, numpy.array([{}]).reshape({}), axis={})", x.python(),
                          fmt::join(at, ", "), tuple_text(index.dims), axis));
    define(output_name(), y);
  }

  void expand() {
    const Tensor x = moved_input(0);
    const Shape shape = integers(1);
    for (const int64_t dim : shape)
      if (dim < 1 || dim > kMaxElements) unknown("shape: found a dimension of {}", dim);
    const Shape dims = broadcast(x.dims, shape);
    const Tensor y = fresh_like(output_name(), dims, x);
    cpp_ += copy(y, dims, {row_major(dims)}, x, broadcast_operand(x.dims, dims));
    python(y, fmt::format("numpy.broadcast_to({}, {})",
                          x.variable.empty() ? python_floats(x) : x.python(), tuple_text(dims)));
    define(output_name(), y);
  }

  // Outputs --------------------------------------------------------------------------------------
  void add_outputs() {
    Identifiers members;
    std::set<std::string> done;
    for (const std::string& name : network_.model_outputs) {
      if (!done.insert(name).second) continue;
      const TailNode as_node{name, "DequantizeLinear", {}, {}, {}};
      node_ = &as_node;
      const Port* port = nullptr;
      for (const Port& each : network_.outputs)
        if (each.output == name) port = &each;
      Tensor x = tensor(port ? port->name : name);
      const bool is_bytes = x.type == ElementType::kInt8 || x.type == ElementType::kUint8;
      if (port && port->model_type == ElementType::kFloat32 && x.type != ElementType::kFloat32)
        x = dequantised(name, x, {is_bytes ? x.q.scale : 1.0f}, is_bytes ? x.q.zero_point : 0, 0);
      node_ = nullptr;
      if (x.constant) unknown("output {}: found a constant", printable(name));
      TailOutput output;
      output.name = name, output.member = members.add(name);
      const char* type = "float";
      switch (x.type) {
        case ElementType::kFloat32:
          output.type = Type::kFloat32;
          break;
        case ElementType::kInt32:
          output.type = Type::kInt32, type = "int32_t";
          break;
        case ElementType::kInt8:
          output.type = Type::kInt8, type = "int8_t";
          break;
        default:
          output.type = Type::kUint8, type = "uint8_t";
      }
      output.dims.assign(x.dims.begin(), x.dims.end());
      output.q = x.q;
      members_ += fmt::format("  std::vector<{}> {};  // {}, \"{}\"\n", type, output.member,
                              shape_text(x.dims), printable(name));
      const int64_t count = product(x.dims);
      tail_.bytes += static_cast<uint64_t>(count) * 4;
      results_ += fmt::format("{}{{{}, {} + {}}}", results_.empty() ? "" : ", ", data_of(x),
                              data_of(x), count);
      python_results_ +=
          fmt::format("            {}: numpy.asarray({}),\n", python_string(name), x.python());
      tail_.outputs.push_back(std::move(output));
    }
  }
  // A pointer to the elements: ports are pointers already.
  std::string data_of(const Tensor& x) const {
    for (const Port& port : network_.outputs)
      if (tensors_.at(port.name).variable == x.variable) return x.variable;
    return x.variable + ".data()";
  }

  std::string header() const {
    return fmt::format(
        R"(// Outputs of the model, computed in float32 from what a guest of {0} commits. Made by `zkvm import`.
//
// outputs() takes the elements of the journal's tensors, in its order and ONNX's:
{1}#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

namespace {0} {{

struct ModelOutputs {{
{2}}};

inline ModelOutputs outputs({3}) {{
{4}{5}  return {{{6}}};
}}

}}  // namespace {0}
)",
        name_, contents_, members_, parameters_, constants_, cpp_, results_);
  }

  std::string module() const {
    std::string text = fmt::format(
        R"("""Outputs of the model, computed in float32 from what a guest of {} commits. Made by `zkvm import`."""

{}import numpy

_f = numpy.float32
JOURNAL_BYTES = {}  # of an example
)",
        name_, uses("_erf(") ? "import math\n\n" : "", journal_bytes_);
    if (uses("_erf(")) text += "_erf = numpy.vectorize(math.erf, otypes=[numpy.float32])\n";
    text += python_constants_;
    if (uses("_softmax("))
      text += R"(

def _softmax(x, axis):
    y = numpy.exp(x - numpy.max(x, axis=axis, keepdims=True))
    return y / numpy.sum(y, axis=axis, keepdims=True)
)";
    if (uses("_log_softmax("))
      text += R"(

def _log_softmax(x, axis):
    y = x - numpy.max(x, axis=axis, keepdims=True)
    return y - numpy.log(numpy.sum(numpy.exp(y), axis=axis, keepdims=True))
)";
    text += fmt::format(R"(

def outputs(journal, example=0):
    """A dict of arrays by ONNX's names. `journal`: the bytes of one; `example`: which of a batch."""
    part = journal[example * JOURNAL_BYTES : (example + 1) * JOURNAL_BYTES]
    if len(part) != JOURNAL_BYTES:
        raise ValueError(f"journal: expected {{JOURNAL_BYTES}} bytes of example {{example}}, found {{len(part)}}")
{}        return {{
{}        }}
)",
                        python_, python_results_);
    return text;
  }
  bool uses(std::string_view function) const {
    for (size_t at = python_.find(function); at != std::string::npos;
         at = python_.find(function, at + 1))
      if (at == 0 ||
          (!std::isalnum(static_cast<unsigned char>(python_[at - 1])) && python_[at - 1] != '_'))
        return true;
    return false;
  }

  const Network& network_;
  const std::string& name_;
  Tail tail_;
  std::map<std::string, Tensor> tensors_;  // by ONNX's names
  Identifiers names_;
  const TailNode* node_ = nullptr;  // that is written just now
  std::set<std::string> seen_;      // its attributes that were read
  int64_t journal_bytes_ = 0;
  uint64_t written_ = 0;
  std::string parameters_, contents_, members_, constants_, cpp_, results_;
  std::string python_, python_constants_, python_results_;
};

}  // namespace

std::string tail_operators(const Network& network) {
  std::vector<std::string> operators;
  for (const TailNode& node : network.tail)
    if (node.op_type != "Constant" && node.op_type != "Identity")
      operators.push_back(onnx_file::printable(node.op_type));
  return fmt::format("{}", fmt::join(operators, ", "));
}

Result<Tail> write_tail(const Network& network, const std::string& name) {
  try {
    return TailWriter(network, name).write();
  } catch (const Unknown& found) {
    return tl::unexpected(Error{ErrorCode::kUnsupported, found.message});
  }
}

}  // namespace zkvm::importer
