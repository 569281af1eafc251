#include "host/import/as_written.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <memory>
#include <numeric>
#include <optional>
#include <random>
#include <span>
#include <string_view>
#include <utility>

namespace zkvm::importer {
namespace {

using onnx_file::ElementType;
using Shape = std::vector<int64_t>;

constexpr int64_t kMaxElements = int64_t{1} << 26;  // of a tensor

// A float64 holds every element of these types; a float32 tensor's are float32 values.
struct Values {
  ElementType type;
  Shape dims;
  std::vector<double> of;
};
using ValuesPointer = std::shared_ptr<const Values>;

// Why a node is not computed.
struct Uncovered {
  std::string message;
};

int64_t product(std::span<const int64_t> dims) {
  int64_t all = 1;
  for (const int64_t dim : dims) {
    if (dim < 0 || (dim > 0 && all > kMaxElements / dim))
      throw Uncovered{"a tensor of too many elements"};
    all *= dim;
  }
  return all;
}

void expect(bool condition, const char* what) {
  if (!condition) throw Uncovered{what};
}

template <class T>
std::vector<double> widened(std::span<const uint8_t> bytes) {
  std::vector<double> values(bytes.size() / sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    T x;
    std::memcpy(&x, bytes.data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<double>(x);
  }
  return values;
}

std::vector<double> widened(ElementType type, std::span<const uint8_t> bytes) {
  switch (type) {
    case ElementType::kFloat32:
      return widened<float>(bytes);
    case ElementType::kUint8:
    case ElementType::kBool:
      return widened<uint8_t>(bytes);
    case ElementType::kInt8:
      return widened<int8_t>(bytes);
    case ElementType::kInt32:
      return widened<int32_t>(bytes);
    case ElementType::kInt64:
      return widened<int64_t>(bytes);
    case ElementType::kFloat64:
      return widened<double>(bytes);
    default:
      throw Uncovered{"elements of another type"};
  }
}

template <class T>
std::vector<uint8_t> narrowed(std::span<const double> values) {
  std::vector<uint8_t> bytes(values.size() * sizeof(T));
  for (size_t i = 0; i < values.size(); ++i) {
    const T x = static_cast<T>(values[i]);
    std::memcpy(bytes.data() + i * sizeof(T), &x, sizeof(T));
  }
  return bytes;
}

Array array_of(const Values& values) {
  Array array{ArrayType::kFloat32, {values.dims.begin(), values.dims.end()}, {}};
  switch (values.type) {
    case ElementType::kUint8:
      array.type = ArrayType::kUint8;
      array.bytes = narrowed<uint8_t>(values.of);
      break;
    case ElementType::kInt8:
      array.type = ArrayType::kInt8;
      array.bytes = narrowed<int8_t>(values.of);
      break;
    case ElementType::kInt32:
      array.type = ArrayType::kInt32;
      array.bytes = narrowed<int32_t>(values.of);
      break;
    case ElementType::kInt64:
      array.type = ArrayType::kInt64;
      array.bytes = narrowed<int64_t>(values.of);
      break;
    default:
      array.bytes = narrowed<float>(values.of);
  }
  return array;
}

ElementType element_type(ArrayType type) {
  switch (type) {
    case ArrayType::kFloat32:
      return ElementType::kFloat32;
    case ArrayType::kFloat64:
      return ElementType::kFloat64;
    case ArrayType::kUint8:
      return ElementType::kUint8;
    case ArrayType::kInt8:
      return ElementType::kInt8;
    case ArrayType::kInt32:
      return ElementType::kInt32;
    case ArrayType::kInt64:
      return ElementType::kInt64;
    default:
      throw Uncovered{"elements of another type"};
  }
}

float f32(double x) { return static_cast<float>(x); }

// A window over two axes; of one axis the first is 1 long.
struct Window {
  std::array<int64_t, 2> in, out, kernel, strides, dilations, front, back;
};

class Evaluation {
 public:
  Evaluation(const onnx_file::Model& model, const std::set<std::string>& names)
      : model_(model), names_(names) {
    for (size_t i = 0; i < model.nodes.size(); ++i)
      for (const std::string& input : model.nodes[i].inputs) last_read_[input] = i;
  }

  void define(const std::string& name, Values values) {
    values_[name] = std::make_shared<const Values>(std::move(values));
  }

  std::map<std::string, Array> run() {
    for (size_t i = 0; i < model_.nodes.size(); ++i) {
      node_ = &model_.nodes[i];
      compute();
      for (const std::string& input : node_->inputs)
        if (last_read_.at(input) == i && !names_.contains(input)) values_.erase(input);
    }
    std::map<std::string, Array> arrays;
    for (const std::string& name : names_)
      if (const auto at = values_.find(name); at != values_.end())
        arrays.emplace(name, array_of(*at->second));
    return arrays;
  }

  const onnx_file::Node* node() const { return node_; }

 private:
  bool has(size_t i) const { return i < node_->inputs.size() && !node_->inputs[i].empty(); }

  ValuesPointer input(size_t i) const {
    expect(has(i), "an input is missing");
    if (const auto at = values_.find(node_->inputs[i]); at != values_.end()) return at->second;
    const auto at = model_.constants.find(node_->inputs[i]);
    expect(at != model_.constants.end(), "an input is missing");
    return std::make_shared<const Values>(
        Values{at->second->type, at->second->dims, widened(at->second->type, at->second->bytes)});
  }

  template <class T>
  std::optional<T> attribute(const char* name) const {
    const auto at = node_->attributes.find(name);
    if (at == node_->attributes.end()) return std::nullopt;
    const T* value = std::get_if<T>(&at->second);
    expect(value != nullptr, "an attribute of another type");
    return *value;
  }
  int64_t integer(const char* name, int64_t otherwise) const {
    return attribute<int64_t>(name).value_or(otherwise);
  }
  Shape list(const char* name, Shape otherwise) const {
    return attribute<Shape>(name).value_or(std::move(otherwise));
  }
  float real(const char* name, float otherwise) const {
    return attribute<float>(name).value_or(otherwise);
  }
  int64_t opset() const {
    const auto at = model_.opsets.find(node_->domain);
    return at == model_.opsets.end() ? 1 : at->second;
  }

  static size_t axis_of(int64_t axis, size_t rank) {
    if (axis < 0) axis += static_cast<int64_t>(rank);
    expect(axis >= 0 && axis < static_cast<int64_t>(std::max<size_t>(rank, 1)),
           "an axis out of range");
    return static_cast<size_t>(axis);
  }
  Shape integers(size_t i) const {
    const ValuesPointer numbers = input(i);
    for (const double number : numbers->of)
      expect(std::abs(number) <= 9e18, "a number out of range");
    return {numbers->of.begin(), numbers->of.end()};
  }
  // Axes that an attribute lists, or since an opset an input.
  std::optional<Shape> axes_listed() const {
    if (const auto listed = attribute<Shape>("axes")) return listed;
    return has(1) ? std::optional(integers(1)) : std::nullopt;
  }

  void output(ElementType type, Shape dims, std::vector<double> of, size_t i = 0) {
    expect(product(dims) == static_cast<int64_t>(of.size()), "shapes that contradict each other");
    if (i < node_->outputs.size() && !node_->outputs[i].empty())
      define(node_->outputs[i], {type, std::move(dims), std::move(of)});
  }
  void floats(Shape dims, std::vector<double> of) {
    output(ElementType::kFloat32, std::move(dims), std::move(of));
  }

  void map(const std::function<float(float)>& function) {
    const ValuesPointer x = input(0);
    expect(x->type == ElementType::kFloat32, "elements that are not float32");
    std::vector<double> y(x->of.size());
    for (size_t i = 0; i < y.size(); ++i) y[i] = function(f32(x->of[i]));
    floats(x->dims, std::move(y));
  }

  static Shape broadcast(const Shape& a, const Shape& b) {
    Shape dims(std::max(a.size(), b.size()), 1);
    for (const Shape* from : {&a, &b})
      for (size_t i = 0; i < from->size(); ++i) {
        int64_t& dim = dims[dims.size() - from->size() + i];
        expect(dim == 1 || (*from)[i] == 1 || dim == (*from)[i],
               "shapes that contradict each other");
        dim = std::max(dim, (*from)[i]);
      }
    product(dims);
    return dims;
  }
  // Of each element of `to`, which of `from` numpy broadcasts to it.
  static std::vector<size_t> order(const Shape& from, const Shape& to) {
    std::vector<size_t> places(static_cast<size_t>(product(to)));
    std::vector<int64_t> strides(to.size(), 0);
    int64_t stride = 1;
    for (size_t i = from.size(); i-- > 0;) {
      if (from[i] != 1) strides[to.size() - from.size() + i] = stride;
      stride *= from[i];
    }
    for (size_t i = 0; i < places.size(); ++i) {
      int64_t rest = static_cast<int64_t>(i), place = 0;
      for (size_t axis = to.size(); axis-- > 0; rest /= to[axis])
        place += rest % to[axis] * strides[axis];
      places[i] = static_cast<size_t>(place);
    }
    return places;
  }

  void combine(const std::function<float(float, float)>& function) {
    const ValuesPointer a = input(0), b = input(1);
    expect(a->type == b->type && node_->inputs.size() == 2, "elements of two types");
    const bool is_float = a->type == ElementType::kFloat32;
    expect(is_float || a->type == ElementType::kInt64 || a->type == ElementType::kInt32,
           "elements of another type");
    const Shape dims = broadcast(a->dims, b->dims);
    const std::vector<size_t> of_a = order(a->dims, dims), of_b = order(b->dims, dims);
    std::vector<double> y(of_a.size());
    for (size_t i = 0; i < y.size(); ++i) {
      const double left = a->of[of_a[i]], right = b->of[of_b[i]];
      // Integers are shapes.
      expect(is_float || std::max(std::abs(left), std::abs(right)) < 1 << 24, "great integers");
      expect(is_float || right != 0 || node_->op_type != "Div", "a division by 0");
      y[i] = function(f32(left), f32(right));
      if (!is_float) y[i] = std::trunc(y[i]);
    }
    output(a->type, dims, std::move(y));
  }

  // Of each element of x, the number of its scale.
  std::vector<size_t> scale_places(const Shape& dims, const Values& scale) const {
    if (scale.of.size() == 1) return std::vector<size_t>(static_cast<size_t>(product(dims)), 0);
    const size_t axis = axis_of(integer("axis", 1), dims.size());
    expect(scale.dims.size() == 1 && axis < dims.size() && scale.dims[0] == dims[axis],
           "scales of blocks");
    Shape aligned(dims.size() - axis, 1);
    aligned[0] = dims[axis];
    return order(aligned, dims);
  }

  void quantise() {
    const ValuesPointer x = input(0), scale = input(1);
    expect(x->type == ElementType::kFloat32 && scale->type == ElementType::kFloat32,
           "elements that are not float32");
    const ValuesPointer zero = has(2) ? input(2) : nullptr;
    const ElementType type = zero ? zero->type : ElementType::kUint8;
    expect(type == ElementType::kInt8 || type == ElementType::kUint8,
           "bytes of another type than int8 and uint8");
    const int low = type == ElementType::kInt8 ? -128 : 0, high = low + 255;
    const std::vector<size_t> at = scale_places(x->dims, *scale);
    std::vector<double> y(x->of.size());
    for (size_t i = 0; i < y.size(); ++i) {
      const float z = zero ? f32(zero->of.at(at[i])) : 0;
      const float v = f32(x->of[i]) / f32(scale->of[at[i]]);
      const float least = static_cast<float>(low) - z, greatest = static_cast<float>(high) - z;
      y[i] = (v >= least ? std::nearbyint(std::min(v, greatest)) : least) + z;
    }
    output(type, x->dims, std::move(y));
  }

  void dequantise() {
    const ValuesPointer x = input(0), scale = input(1);
    expect(scale->type == ElementType::kFloat32, "scales that are not float32");
    const ValuesPointer zero = has(2) ? input(2) : nullptr;
    const std::vector<size_t> at = scale_places(x->dims, *scale);
    std::vector<double> y(x->of.size());
    for (size_t i = 0; i < y.size(); ++i)
      y[i] = f32(x->of[i] - (zero ? zero->of.at(at[i]) : 0)) * f32(scale->of[at[i]]);
    floats(x->dims, std::move(y));
  }

  Window window(const Shape& dims, const Shape& kernel) const {
    const size_t rank = dims.size() - 2, skip = 2 - rank;
    expect(kernel.size() == rank, "a window of other axes");
    const Shape strides = list("strides", Shape(rank, 1)),
                dilations = list("dilations", Shape(rank, 1)), pads = list("pads", Shape(2 * rank));
    expect(strides.size() == rank && dilations.size() == rank && pads.size() == 2 * rank,
           "a window of other axes");
    const std::string pad = attribute<std::string>("auto_pad").value_or("NOTSET");
    const bool ceil = integer("ceil_mode", 0) != 0;
    Window w{{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {0, 0}, {0, 0}};
    for (size_t i = 0; i < rank; ++i) {
      const size_t k = i + skip;
      w.in[k] = dims[i + 2], w.kernel[k] = kernel[i], w.strides[k] = strides[i];
      w.dilations[k] = dilations[i];
      for (const int64_t number : {kernel[i], strides[i], dilations[i]})
        expect(number > 0 && number < (1 << 20), "a window out of range");
      const int64_t reach = (kernel[i] - 1) * dilations[i] + 1;
      if (pad == "NOTSET" || pad.empty()) {
        w.front[k] = pads[i], w.back[k] = pads[i + rank];
      } else if (pad != "VALID") {
        expect(pad == "SAME_UPPER" || pad == "SAME_LOWER", "an unknown auto_pad");
        const int64_t all =
            std::max<int64_t>(0, ((w.in[k] - 1) / strides[i]) * strides[i] + reach - w.in[k]);
        w.front[k] = pad == "SAME_UPPER" ? all / 2 : all - all / 2;
        w.back[k] = all - w.front[k];
      }
      expect(w.front[k] >= 0 && w.back[k] >= 0 && w.front[k] < (1 << 20) && w.back[k] < (1 << 20),
             "pads out of range");
      const int64_t room = w.in[k] + w.front[k] + w.back[k] - reach;
      expect(room >= 0, "a window beyond its input");
      w.out[k] = (room + (ceil ? strides[i] - 1 : 0)) / strides[i] + 1;
      if (ceil && (w.out[k] - 1) * strides[i] >= w.in[k] + w.front[k]) --w.out[k];
    }
    return w;
  }
  static Shape windowed(const Shape& dims, int64_t channels, const Window& w) {
    Shape result{dims[0], channels};
    if (dims.size() == 4) result.push_back(w.out[0]);
    result.push_back(w.out[1]);
    return result;
  }

  void convolve() {
    const ValuesPointer x = input(0), weights = input(1), bias = has(2) ? input(2) : nullptr;
    const Shape& dims = x->dims;
    expect((dims.size() == 3 || dims.size() == 4) && weights->dims.size() == dims.size(),
           "another rank than 3 and 4");
    const Window w = window(dims, {weights->dims.begin() + 2, weights->dims.end()});
    const int64_t groups = integer("group", 1), outputs = weights->dims[0],
                  inputs = weights->dims[1], area = w.in[0] * w.in[1];
    expect(groups > 0 && outputs % groups == 0 && inputs * groups == dims[1] &&
               (!bias || bias->of.size() == static_cast<size_t>(outputs)),
           "shapes that contradict each other");
    const Shape shape = windowed(dims, outputs, w);
    std::vector<double> y(static_cast<size_t>(product(shape)));
    size_t next = 0;
    for (int64_t n = 0; n < dims[0]; ++n)
      for (int64_t o = 0; o < outputs; ++o)
        for (int64_t i = 0; i < w.out[0]; ++i)
          for (int64_t j = 0; j < w.out[1]; ++j) {
            double sum = bias ? bias->of[static_cast<size_t>(o)] : 0;
            for (int64_t c = 0; c < inputs; ++c) {
              const double* from = &x->of[static_cast<size_t>(
                  (n * dims[1] + o / (outputs / groups) * inputs + c) * area)];
              const double* weight =
                  &weights->of[static_cast<size_t>((o * inputs + c) * w.kernel[0] * w.kernel[1])];
              for (int64_t k = 0; k < w.kernel[0]; ++k) {
                const int64_t row = i * w.strides[0] - w.front[0] + k * w.dilations[0];
                if (row < 0 || row >= w.in[0]) continue;
                for (int64_t l = 0; l < w.kernel[1]; ++l) {
                  const int64_t column = j * w.strides[1] - w.front[1] + l * w.dilations[1];
                  if (column < 0 || column >= w.in[1]) continue;
                  sum += from[row * w.in[1] + column] * weight[k * w.kernel[1] + l];
                }
              }
            }
            y[next++] = f32(sum);
          }
    floats(shape, std::move(y));
  }

  // Calls take(element) for the elements inside the input of each window, and done(those, all that are counted).
  template <class Take, class Done>
  void pool(const Take& take, const Done& done, bool global = false) {
    const ValuesPointer x = input(0);
    const Shape& dims = x->dims;
    expect((dims.size() == 3 || dims.size() == 4) && node_->outputs.size() == 1,
           "another rank than 3 and 4");
    const Window w =
        window(dims, global ? Shape(dims.begin() + 2, dims.end()) : list("kernel_shape", Shape()));
    const bool padding = integer("count_include_pad", 0) != 0;
    const Shape shape = windowed(dims, dims[1], w);
    std::vector<double> y(static_cast<size_t>(product(shape)));
    size_t next = 0;
    for (int64_t plane = 0; plane < dims[0] * dims[1]; ++plane)
      for (int64_t i = 0; i < w.out[0]; ++i)
        for (int64_t j = 0; j < w.out[1]; ++j) {
          int64_t inside = 0, counted = 0;
          for (int64_t k = 0; k < w.kernel[0]; ++k) {
            const int64_t row = i * w.strides[0] - w.front[0] + k * w.dilations[0];
            for (int64_t l = 0; l < w.kernel[1]; ++l) {
              const int64_t column = j * w.strides[1] - w.front[1] + l * w.dilations[1];
              counted += row < w.in[0] + w.back[0] && column < w.in[1] + w.back[1];
              if (row < 0 || row >= w.in[0] || column < 0 || column >= w.in[1]) continue;
              take(x->of[static_cast<size_t>((plane * w.in[0] + row) * w.in[1] + column)],
                   inside++ == 0);
            }
          }
          y[next++] = done(padding ? counted : inside);
        }
    output(x->type, shape, std::move(y));
  }
  void max_pool(bool global) {
    double greatest = 0;
    pool([&](double x, bool first) { greatest = first ? x : std::max(greatest, x); },
         [&](int64_t) { return greatest; }, global);
  }
  void average_pool(bool global) {
    expect(input(0)->type == ElementType::kFloat32, "elements that are not float32");
    double sum = 0;
    pool([&](double x, bool first) { sum = first ? x : sum + x; },
         [&](int64_t n) { return f32(sum / static_cast<double>(n)); }, global);
  }

  // y[rows][columns] = sums of a[rows][depth] b[depth][columns]
  static void multiply(const double* a, const double* b, double* y, int64_t rows, int64_t depth,
                       int64_t columns) {
    std::vector<double> sums(static_cast<size_t>(columns));
    for (int64_t i = 0; i < rows; ++i, y += columns, a += depth) {
      std::ranges::fill(sums, 0);
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = 0; j < columns; ++j)
          sums[static_cast<size_t>(j)] += a[k] * b[k * columns + j];
      std::ranges::copy(sums, y);
    }
  }
  static Values transposed(const Values& x, const std::vector<size_t>& from) {
    Values y{x.type, Shape(from.size()), std::vector<double>(x.of.size())};
    std::vector<size_t> strides(from.size(), 1), moved(from.size());
    for (size_t i = from.size(); i-- > 1;)
      strides[i - 1] = strides[i] * static_cast<size_t>(x.dims[i]);
    for (size_t i = 0; i < from.size(); ++i)
      y.dims[i] = x.dims[from[i]], moved[i] = strides[from[i]];
    for (size_t i = 0; i < y.of.size(); ++i) {
      size_t rest = i, place = 0;
      for (size_t axis = from.size(); axis-- > 0; rest /= static_cast<size_t>(y.dims[axis]))
        place += rest % static_cast<size_t>(y.dims[axis]) * moved[axis];
      y.of[i] = x.of[place];
    }
    return y;
  }

  void gemm() {
    const auto operand = [&](size_t i, const char* name) {
      ValuesPointer x = input(i);
      expect(x->dims.size() == 2 && x->type == ElementType::kFloat32, "no matrix of float32");
      return integer(name, 0) != 0 ? std::make_shared<const Values>(transposed(*x, {1, 0})) : x;
    };
    const ValuesPointer a = operand(0, "transA"), b = operand(1, "transB");
    expect(a->dims[1] == b->dims[0], "shapes that contradict each other");
    const Shape dims{a->dims[0], b->dims[1]};
    std::vector<double> y(static_cast<size_t>(product(dims)));
    multiply(a->of.data(), b->of.data(), y.data(), dims[0], a->dims[1], dims[1]);
    const double alpha = real("alpha", 1), beta = real("beta", 1);
    const ValuesPointer c = has(2) ? input(2) : nullptr;
    if (c) expect(broadcast(c->dims, dims) == dims, "shapes that contradict each other");
    const std::vector<size_t> at = c ? order(c->dims, dims) : std::vector<size_t>();
    for (size_t i = 0; i < y.size(); ++i) y[i] = f32(alpha * y[i] + (c ? beta * c->of[at[i]] : 0));
    floats(dims, std::move(y));
  }

  void mat_mul() {
    const ValuesPointer a = input(0), b = input(1);
    expect(a->dims.size() >= 2 && b->dims.size() >= 2 && a->type == ElementType::kFloat32 &&
               b->type == ElementType::kFloat32,
           "no matrices of float32");
    const auto batch = [](const Values& x) { return Shape(x.dims.begin(), x.dims.end() - 2); };
    const int64_t rows = a->dims.end()[-2], depth = a->dims.back(), columns = b->dims.back();
    expect(b->dims.end()[-2] == depth, "shapes that contradict each other");
    Shape dims = broadcast(batch(*a), batch(*b));
    const std::vector<size_t> of_a = order(batch(*a), dims), of_b = order(batch(*b), dims);
    dims.push_back(rows), dims.push_back(columns);
    std::vector<double> y(static_cast<size_t>(product(dims)));
    for (size_t i = 0; i < of_a.size(); ++i)
      multiply(a->of.data() + of_a[i] * static_cast<size_t>(rows * depth),
               b->of.data() + of_b[i] * static_cast<size_t>(depth * columns),
               y.data() + i * static_cast<size_t>(rows * columns), rows, depth, columns);
    for (double& element : y) element = f32(element);
    floats(dims, std::move(y));
  }

  void softmax() {
    const ValuesPointer x = input(0);
    const bool old = opset() < 13;
    const size_t axis = axis_of(integer("axis", old ? 1 : -1), x->dims.size());
    const int64_t behind = product(std::span(x->dims).subspan(std::min(axis + 1, x->dims.size())));
    expect(old || behind == 1, "another axis than the last");
    const int64_t width = product(std::span(x->dims).subspan(axis));
    std::vector<double> y = x->of;
    expect(x->type == ElementType::kFloat32 && width > 0, "elements that are not float32");
    for (auto row = y.begin(); row != y.end(); row += width) {
      const double greatest = *std::max_element(row, row + width);
      double sum = 0;
      for (auto at = row; at != row + width; ++at) sum += * at = std::exp(*at - greatest);
      for (auto at = row; at != row + width; ++at) *at = f32(*at / sum);
    }
    floats(x->dims, std::move(y));
  }

  void reduce_mean() {
    const ValuesPointer x = input(0);
    const Shape axes = axes_listed().value_or(Shape());
    expect(axes.size() == 1 && x->type == ElementType::kFloat32 &&
               axis_of(axes[0], x->dims.size()) + 1 == x->dims.size() && x->dims.back() > 0,
           "a mean of other axes than the last");
    const auto width = static_cast<size_t>(x->dims.back());
    std::vector<double> y(x->of.size() / width);
    for (size_t i = 0; i < y.size(); ++i) {
      double sum = 0;
      for (size_t j = 0; j < width; ++j) sum += x->of[i * width + j];
      y[i] = f32(f32(sum) / static_cast<float>(width));
    }
    Shape dims(x->dims.begin(), x->dims.end() - 1);
    if (integer("keepdims", 1) != 0) dims.push_back(1);
    floats(dims, std::move(y));
  }

  void batch_normalise() {
    const ValuesPointer x = input(0), scale = input(1), bias = input(2), mean = input(3),
                        variance = input(4);
    expect(x->dims.size() >= 2 && x->type == ElementType::kFloat32, "no channels of float32");
    const auto channels = static_cast<size_t>(x->dims[1]);
    for (const ValuesPointer& each : {scale, bias, mean, variance})
      expect(each->of.size() == channels, "shapes that contradict each other");
    const size_t area = x->of.size() / (channels * static_cast<size_t>(x->dims[0]));
    std::vector<double> y(x->of.size());
    for (size_t i = 0; i < y.size(); ++i) {
      const size_t c = i / area % channels;
      const float factor =
          f32(scale->of[c]) * (1.0f / std::sqrt(f32(variance->of[c]) + real("epsilon", 1e-5f)));
      y[i] = f32(x->of[i]) * factor + (f32(bias->of[c]) - f32(mean->of[c]) * factor);
    }
    floats(x->dims, std::move(y));
  }

  void concatenate() {
    const ValuesPointer first = input(0);
    const size_t axis = axis_of(integer("axis", 0), first->dims.size());
    Shape dims = first->dims;
    dims.at(axis) = 0;
    std::vector<ValuesPointer> parts;
    for (size_t i = 0; i < node_->inputs.size(); ++i) {
      parts.push_back(input(i));
      Shape rest = parts[i]->dims;
      expect(rest.size() == dims.size() && parts[i]->type == first->type, "parts of other types");
      const int64_t dim = std::exchange(rest[axis], dims[axis]);
      expect(rest == dims, "shapes that contradict each other");
      dims[axis] += dim;
    }
    std::vector<double> y;
    y.reserve(static_cast<size_t>(product(dims)));
    const int64_t before = product(std::span(dims).first(axis));
    for (int64_t i = 0; i < before; ++i)
      for (const ValuesPointer& part : parts) {
        const auto bytes = static_cast<int64_t>(part->of.size()) / before;
        y.insert(y.end(), part->of.begin() + i * bytes, part->of.begin() + (i + 1) * bytes);
      }
    output(first->type, dims, std::move(y));
  }

  void as_shape(Shape dims) {
    const ValuesPointer x = input(0);
    output(x->type, std::move(dims), x->of);
  }
  void reshape() {
    const ValuesPointer x = input(0);
    Shape dims = integers(1);
    std::optional<size_t> open;
    int64_t known = 1;
    for (size_t i = 0; i < dims.size(); ++i) {
      if (dims[i] == 0 && integer("allowzero", 0) == 0) {
        expect(i < x->dims.size(), "shapes that contradict each other");
        dims[i] = x->dims[i];
      }
      if (dims[i] == -1) {
        open = i;
      } else {
        expect(dims[i] > 0 && dims[i] <= kMaxElements && known <= kMaxElements,
               "shapes that contradict each other");
        known *= dims[i];
      }
    }
    if (open) dims[*open] = static_cast<int64_t>(x->of.size()) / known;
    as_shape(std::move(dims));
  }
  void flatten() {
    const Shape dims = input(0)->dims;
    int64_t axis = integer("axis", 1);
    if (axis < 0) axis += static_cast<int64_t>(dims.size());
    expect(axis >= 0 && axis <= static_cast<int64_t>(dims.size()), "an axis out of range");
    const auto at = static_cast<size_t>(axis);
    as_shape({product(std::span(dims).first(at)), product(std::span(dims).subspan(at))});
  }
  void squeeze() {
    const Shape dims = input(0)->dims;
    const std::optional<Shape> axes = axes_listed();
    std::set<size_t> gone;
    for (const int64_t axis : axes.value_or(Shape())) gone.insert(axis_of(axis, dims.size()));
    Shape result;
    for (size_t i = 0; i < dims.size(); ++i)
      if (axes ? !gone.contains(i) : dims[i] != 1) result.push_back(dims[i]);
    as_shape(std::move(result));
  }
  void unsqueeze() {
    const Shape dims = input(0)->dims, axes = axes_listed().value_or(Shape());
    std::set<size_t> added;
    for (const int64_t axis : axes) added.insert(axis_of(axis, dims.size() + axes.size()));
    expect(added.size() == axes.size(), "an axis twice");
    Shape result;
    auto next = dims.begin();
    for (size_t i = 0; i < dims.size() + axes.size(); ++i)
      result.push_back(added.contains(i) ? 1 : *next++);
    as_shape(std::move(result));
  }
  void transpose() {
    const ValuesPointer x = input(0);
    Shape reversed(x->dims.size());
    std::iota(reversed.rbegin(), reversed.rend(), 0);
    std::vector<size_t> from;
    for (const int64_t axis : list("perm", reversed)) from.push_back(axis_of(axis, x->dims.size()));
    expect(std::set(from.begin(), from.end()).size() == x->dims.size() &&
               from.size() == x->dims.size(),
           "no permutation");
    Values y = transposed(*x, from);
    output(y.type, std::move(y.dims), std::move(y.of));
  }

  void clip() {
    const ValuesPointer x = input(0);
    double low = -std::numeric_limits<double>::infinity(), high = -low;
    if (opset() < 11) {
      if (const auto least = attribute<float>("min")) low = *least;
      if (const auto greatest = attribute<float>("max")) high = *greatest;
    } else {
      if (has(1)) low = input(1)->of.at(0);
      if (has(2)) high = input(2)->of.at(0);
    }
    std::vector<double> y = x->of;
    for (double& element : y) element = std::min(std::max(element, low), high);
    output(x->type, x->dims, std::move(y));
  }

  void shape() {
    const Shape dims = input(0)->dims;
    const auto rank = static_cast<int64_t>(dims.size());
    const auto place = [&](const char* name, int64_t otherwise) {
      const int64_t at = integer(name, otherwise);
      return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank);
    };
    const int64_t start = place("start", 0), end = std::max(start, place("end", rank));
    output(ElementType::kInt64, {end - start}, {dims.begin() + start, dims.begin() + end});
  }
  void constant_of_shape() {
    const auto value = attribute<onnx_file::TensorPointer>("value");
    const Shape dims = integers(0);
    const auto elements = static_cast<size_t>(product(dims));
    if (!value) return floats(dims, std::vector<double>(elements, 0));
    output((*value)->type, dims,
           std::vector<double>(elements, widened((*value)->type, (*value)->bytes).at(0)));
  }
  void cast() {
    const ValuesPointer x = input(0);
    static const std::map<int64_t, ElementType> kTypes = {{1, ElementType::kFloat32},
                                                          {2, ElementType::kUint8},
                                                          {3, ElementType::kInt8},
                                                          {6, ElementType::kInt32},
                                                          {7, ElementType::kInt64}};
    const auto to = kTypes.find(integer("to", 0));
    expect(to != kTypes.end(), "elements of another type");
    std::vector<double> y = x->of;
    const bool is_float = to->second == ElementType::kFloat32;
    for (double& element : y) {
      element = is_float ? f32(element) : std::trunc(element);
      const bool is_byte = to->second == ElementType::kInt8 || to->second == ElementType::kUint8;
      const double low = to->second == ElementType::kUint8 ? 0 : is_byte ? -128 : INT32_MIN;
      const double high = is_byte ? low + 255 : INT32_MAX;
      expect(is_float || (element >= low && element <= high), "a number beyond its type");
    }
    output(to->second, x->dims, std::move(y));
  }

  // Slices along `axis`, each by its number.
  void take(const Values& x, size_t axis, const std::vector<int64_t>& numbers, Shape dims,
            size_t result = 0) {
    const int64_t before = product(std::span(x.dims).first(axis)),
                  behind = product(std::span(x.dims).subspan(axis + 1));
    std::vector<double> y;
    y.reserve(static_cast<size_t>(product(dims)));
    for (int64_t i = 0; i < before; ++i)
      for (const int64_t number : numbers) {
        expect(number >= 0 && number < x.dims[axis], "an index out of range");
        const auto from = x.of.begin() + (i * x.dims[axis] + number) * behind;
        y.insert(y.end(), from, from + behind);
      }
    output(x.type, std::move(dims), std::move(y), result);
  }
  void gather() {
    const ValuesPointer x = input(0), index = input(1);
    const size_t axis = axis_of(integer("axis", 0), x->dims.size());
    expect(axis < x->dims.size(), "an axis out of range");
    std::vector<int64_t> numbers = integers(1);
    for (int64_t& number : numbers)
      if (number < 0) number += x->dims[axis];
    Shape dims(x->dims.begin(), x->dims.begin() + static_cast<ptrdiff_t>(axis));
    dims.insert(dims.end(), index->dims.begin(), index->dims.end());
    dims.insert(dims.end(), x->dims.begin() + static_cast<ptrdiff_t>(axis) + 1, x->dims.end());
    take(*x, axis, numbers, std::move(dims));
  }
  void slice() {
    ValuesPointer x = input(0);
    const auto given = [&](const char* name, size_t i) {
      return has(i) ? integers(i) : list(name, Shape());
    };
    const Shape starts = given("starts", 1), ends = given("ends", 2);
    Shape axes = given("axes", 3), steps = given("steps", 4);
    if (axes.empty()) axes.resize(starts.size()), std::iota(axes.begin(), axes.end(), 0);
    if (steps.empty()) steps.assign(starts.size(), 1);
    expect(ends.size() == starts.size() && axes.size() == starts.size() &&
               steps.size() == starts.size() && !starts.empty(),
           "lists of other lengths");
    for (size_t i = 0; i < starts.size(); ++i) {
      const size_t axis = axis_of(axes[i], x->dims.size());
      expect(axis < x->dims.size() && steps[i] != 0, "an axis out of range");
      const int64_t dim = x->dims[axis], low = steps[i] > 0 ? 0 : -1,
                    high = steps[i] > 0 ? dim : dim - 1;
      const auto place = [&](int64_t at) { return std::clamp(at < 0 ? at + dim : at, low, high); };
      std::vector<int64_t> numbers;
      const int64_t end = place(ends[i]);
      for (int64_t at = place(starts[i]); steps[i] > 0 ? at < end : at > end; at += steps[i])
        numbers.push_back(at);
      Shape dims = x->dims;
      dims[axis] = static_cast<int64_t>(numbers.size());
      take(*x, axis, numbers, std::move(dims));
      x = values_.at(node_->outputs.at(0));
    }
  }
  void split() {
    const ValuesPointer x = input(0);
    const size_t axis = axis_of(integer("axis", 0), x->dims.size());
    expect(axis < x->dims.size(), "an axis out of range");
    const auto parts = static_cast<int64_t>(node_->outputs.size());
    Shape sizes = list("split", Shape());
    if (has(1)) sizes = integers(1);
    const int64_t dim = x->dims[axis], even = (dim + parts - 1) / parts;
    for (int64_t left = dim; sizes.size() < node_->outputs.size(); left -= even)
      sizes.push_back(std::clamp<int64_t>(left, 0, even));
    expect(sizes.size() == node_->outputs.size(), "lists of other lengths");
    int64_t next = 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      expect(sizes[i] >= 0 && sizes[i] <= dim - next, "shapes that contradict each other");
      std::vector<int64_t> numbers(static_cast<size_t>(sizes[i]));
      std::iota(numbers.begin(), numbers.end(), next);
      next += sizes[i];
      Shape dims = x->dims;
      dims[axis] = sizes[i];
      take(*x, axis, numbers, std::move(dims), i);
    }
  }

  void layer_normalise() {
    const ValuesPointer x = input(0), scale = input(1), bias = has(2) ? input(2) : nullptr;
    const auto rank = x->dims.size();
    expect(rank > 0 && axis_of(integer("axis", -1), rank) + 1 == rank &&
               node_->outputs.size() == 1 && x->type == ElementType::kFloat32,
           "another axis than the last");
    const auto width = static_cast<size_t>(x->dims.back());
    expect(scale->of.size() == width && (!bias || bias->of.size() == width),
           "shapes that contradict each other");
    std::vector<double> y = x->of;
    for (size_t row = 0; row < y.size(); row += width) {
      double mean = 0, variance = 0;
      for (size_t i = 0; i < width; ++i) mean += y[row + i] / static_cast<double>(width);
      for (size_t i = 0; i < width; ++i)
        variance += (y[row + i] - mean) * (y[row + i] - mean) / static_cast<double>(width);
      const double deviation = std::sqrt(variance + real("epsilon", 1e-5f));
      for (size_t i = 0; i < width; ++i)
        y[row + i] = f32((y[row + i] - mean) / deviation * scale->of[i] + (bias ? bias->of[i] : 0));
    }
    floats(x->dims, std::move(y));
  }

  void compute() {
    static const std::map<std::string_view, void (*)(Evaluation&)> kOperators = {
        {"Abs", [](Evaluation& e) { e.map([](float x) { return std::abs(x); }); }},
        {"Add", [](Evaluation& e) { e.combine([](float a, float b) { return a + b; }); }},
        {"AveragePool", [](Evaluation& e) { e.average_pool(false); }},
        {"BatchNormalization", [](Evaluation& e) { e.batch_normalise(); }},
        {"Cast", [](Evaluation& e) { e.cast(); }},
        {"Clip", [](Evaluation& e) { e.clip(); }},
        {"Concat", [](Evaluation& e) { e.concatenate(); }},
        {"ConstantOfShape", [](Evaluation& e) { e.constant_of_shape(); }},
        {"Conv", [](Evaluation& e) { e.convolve(); }},
        {"DequantizeLinear", [](Evaluation& e) { e.dequantise(); }},
        {"Div", [](Evaluation& e) { e.combine([](float a, float b) { return a / b; }); }},
        {"Dropout", [](Evaluation& e) { e.as_shape(e.input(0)->dims); }},
        {"Erf", [](Evaluation& e) { e.map([](float x) { return f32(std::erf(double{x})); }); }},
        {"Exp", [](Evaluation& e) { e.map([](float x) { return f32(std::exp(double{x})); }); }},
        {"Flatten", [](Evaluation& e) { e.flatten(); }},
        {"Floor", [](Evaluation& e) { e.map([](float x) { return std::floor(x); }); }},
        {"Gather", [](Evaluation& e) { e.gather(); }},
        {"Gemm", [](Evaluation& e) { e.gemm(); }},
        {"GlobalAveragePool", [](Evaluation& e) { e.average_pool(true); }},
        {"GlobalMaxPool", [](Evaluation& e) { e.max_pool(true); }},
        {"HardSigmoid",
         [](Evaluation& e) {
           const float alpha = e.real("alpha", 0.2f), beta = e.real("beta", 0.5f);
           e.map([=](float x) { return std::min(std::max(x * alpha + beta, 0.0f), 1.0f); });
         }},
        {"HardSwish",
         [](Evaluation& e) {
           e.map([](float x) { return x * std::min(std::max(x * (1.0f / 6) + 0.5f, 0.0f), 1.0f); });
         }},
        {"Identity", [](Evaluation& e) { e.as_shape(e.input(0)->dims); }},
        {"LayerNormalization", [](Evaluation& e) { e.layer_normalise(); }},
        {"LeakyRelu",
         [](Evaluation& e) {
           const float alpha = e.real("alpha", 0.01f);
           e.map([=](float x) { return x >= 0 ? x : alpha * x; });
         }},
        {"MatMul", [](Evaluation& e) { e.mat_mul(); }},
        {"Max", [](Evaluation& e) { e.combine([](float a, float b) { return std::max(a, b); }); }},
        {"MaxPool", [](Evaluation& e) { e.max_pool(false); }},
        {"Min", [](Evaluation& e) { e.combine([](float a, float b) { return std::min(a, b); }); }},
        {"Mul", [](Evaluation& e) { e.combine([](float a, float b) { return a * b; }); }},
        {"Neg", [](Evaluation& e) { e.map([](float x) { return -x; }); }},
        {"PRelu",
         [](Evaluation& e) { e.combine([](float x, float a) { return x >= 0 ? x : a * x; }); }},
        {"Pow", [](Evaluation& e) { e.combine([](float a, float b) { return std::pow(a, b); }); }},
        {"QuantizeLinear", [](Evaluation& e) { e.quantise(); }},
        {"ReduceMean", [](Evaluation& e) { e.reduce_mean(); }},
        {"Relu", [](Evaluation& e) { e.map([](float x) { return std::max(x, 0.0f); }); }},
        {"Reshape", [](Evaluation& e) { e.reshape(); }},
        {"Shape", [](Evaluation& e) { e.shape(); }},
        {"Sigmoid",
         [](Evaluation& e) { e.map([](float x) { return f32(1 / (1 + std::exp(-double{x}))); }); }},
        {"Slice", [](Evaluation& e) { e.slice(); }},
        {"Softmax", [](Evaluation& e) { e.softmax(); }},
        {"Split", [](Evaluation& e) { e.split(); }},
        {"Sqrt", [](Evaluation& e) { e.map([](float x) { return std::sqrt(x); }); }},
        {"Squeeze", [](Evaluation& e) { e.squeeze(); }},
        {"Sub", [](Evaluation& e) { e.combine([](float a, float b) { return a - b; }); }},
        {"Tanh", [](Evaluation& e) { e.map([](float x) { return f32(std::tanh(double{x})); }); }},
        {"Transpose", [](Evaluation& e) { e.transpose(); }},
        {"Unsqueeze", [](Evaluation& e) { e.unsqueeze(); }},
    };
    const auto at = kOperators.find(node_->op_type);
    const bool is_onnx =
        node_->domain.empty() || node_->domain == "ai.onnx" ||
        (node_->domain == "com.microsoft" &&
         (node_->op_type == "QuantizeLinear" || node_->op_type == "DequantizeLinear"));
    expect(is_onnx && at != kOperators.end(), "no operator that is computed in float32 here");
    at->second(*this);
  }

  const onnx_file::Model& model_;
  const std::set<std::string>& names_;
  std::map<std::string, size_t> last_read_;
  std::map<std::string, ValuesPointer> values_;
  const onnx_file::Node* node_ = nullptr;
};

tl::unexpected<zkvm::Error> unfit(std::string message) {
  return tl::unexpected(zkvm::Error{zkvm::ErrorCode::kUnfitTensors, std::move(message)});
}

}  // namespace

Result<std::map<std::string, Array>> evaluate_as_written(const onnx_file::Model& model,
                                                         const std::map<std::string, Array>& inputs,
                                                         const std::set<std::string>& names) {
  Evaluation evaluation(model, names);
  try {
    for (const auto& [name, array] : inputs) {
      const ElementType type = element_type(array.type);
      evaluation.define(
          name, {type, {array.shape.begin(), array.shape.end()}, widened(type, array.bytes)});
    }
    return evaluation.run();
  } catch (const Uncovered& uncovered) {
    const onnx_file::Node* node = evaluation.node();
    return tl::unexpected(Error{
        onnx_file::ErrorCode::kUnsupported,
        node == nullptr ? uncovered.message
                        : fmt::format("node {} ({}): {}", onnx_file::printable(node->name),
                                      onnx_file::printable(node->op_type), uncovered.message)});
  }
}

zkvm::Result<CheckReport> distance_to_as_written(const onnx_file::Model& model,
                                                 const Network& network, const ModelInfo& info,
                                                 const std::map<std::string, Array>& arrays) {
  std::map<std::string, Array> all;
  std::set<std::string> names;
  for (const TensorInfo& output : info.outputs) names.insert(output.name);
  for (const TensorInfo& input : info.inputs) {
    const auto at = arrays.find(input.name);
    if (at == arrays.end() || at->second.shape.empty() || at->second.shape[0] == 0)
      return unfit(fmt::format("input '{}': expected an array with an axis of examples, found none",
                               onnx_file::printable(input.name)));
    all.insert(*at);
  }
  const uint64_t examples = all.empty() ? 0 : all.begin()->second.shape[0];
  for (uint64_t i = 0; i < examples; ++i) {
    std::map<std::string, Array> one;
    for (size_t k = 0; k < info.inputs.size(); ++k) {
      const TensorInfo& input = info.inputs[k];
      const Array& array = all.at(input.name);
      const size_t bytes = array.bytes.size() / array.shape[0];
      if (array.shape[0] != examples ||
          array.elements() != examples * elements_of(network.values[network.inputs[k].value].dims))
        return unfit(fmt::format("input '{}': expected {} examples of {} elements, found {}",
                                 onnx_file::printable(input.name), examples, input.elements(),
                                 shape_text(array.shape)));
      const Dims& dims = network.values[network.inputs[k].value].dims;
      Array& example = one[input.name] =
          Array{array.type,
                {dims.begin(), dims.end()},
                {array.bytes.begin() + static_cast<ptrdiff_t>(i * bytes),
                 array.bytes.begin() + static_cast<ptrdiff_t>((i + 1) * bytes)}};
      // As check() reads it: the float32 of what is a float64, or bytes already.
      const bool is_float = network.inputs[k].model_type == ElementType::kFloat32;
      if (!is_float || array.type == ArrayType::kFloat32) continue;
      std::vector<double> values;
      try {
        values = widened(element_type(array.type), example.bytes);
      } catch (const Uncovered& uncovered) {
        return unfit(
            fmt::format("input '{}': {}", onnx_file::printable(input.name), uncovered.message));
      }
      const TensorScale scale = input.scale.value_or(TensorScale{});
      if (array.type != ArrayType::kFloat64)
        for (double& x : values) x = scale.scale * f32(x - scale.zero_point);
      example.type = ArrayType::kFloat32;
      example.bytes = narrowed<float>(values);
    }
    auto outputs = evaluate_as_written(model, one, names);
    if (!outputs) return unfit(outputs.error().message);
    for (auto& [name, array] : *outputs) {
      array.shape.insert(array.shape.begin(), examples);
      const auto [at, is_new] = all.try_emplace(name, std::move(array));
      if (!is_new)
        at->second.bytes.insert(at->second.bytes.end(), array.bytes.begin(), array.bytes.end());
    }
  }
  return check(network, info, all);
}

zkvm::Result<std::map<std::string, Array>> random_inputs(const ModelInfo& info, uint64_t examples) {
  std::mt19937_64 random(1);
  std::map<std::string, Array> arrays;
  for (const TensorInfo& input : info.inputs) {
    if (input.type != TensorType::kInt8 && input.type != TensorType::kUint8)
      return unfit(fmt::format("input '{}': expected bytes, of which there are random ones",
                               onnx_file::printable(input.name)));
    Array array{input.type == TensorType::kInt8 ? ArrayType::kInt8 : ArrayType::kUint8,
                {input.shape.begin(), input.shape.end()},
                {}};
    array.shape.insert(array.shape.begin(), examples);
    array.bytes.resize(examples * input.elements());
    for (uint8_t& byte : array.bytes) byte = static_cast<uint8_t>(random() >> 56);
    arrays.emplace(input.name, std::move(array));
  }
  return arrays;
}

}  // namespace zkvm::importer
