#include "host/import/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>

#include "host/import/constants.h"
#include "host/import/tree.h"

namespace zkvm::importer {
namespace {

using Failure = std::optional<Error>;
using Bytes = std::vector<uint8_t>;

size_t size_of(const Value& value) {
  size_t size = 1;
  for (const uint32_t dim : value.dims) size *= dim;
  return size;
}

uint32_t last_axis(const Value& value) { return value.dims.empty() ? 1 : value.dims.back(); }

// The element that a byte in memory is.
int element(const Quantisation& q, uint8_t byte) {
  return q.is_signed ? static_cast<int8_t>(byte) : byte;
}

// A whole number, saturated to the type, as a byte in memory.
uint8_t saturated(double x, const Quantisation& q) {
  const double least = q.is_signed ? -128 : 0, greatest = least + 255;
  return static_cast<uint8_t>(static_cast<int>(std::clamp(x, least, greatest)));
}

// The rule of QLinearConv, QLinearMatMul and QGemm. nearbyint: half to even.
uint8_t requantised(int64_t sum, float scale, const Quantisation& q) {
  const float y = static_cast<float>(sum) * scale;
  return saturated(double{std::nearbyint(y)} + q.zero_point, q);
}

// [1, C, H, W] or [1, C, L], whose H is 1.
layers::Shape shape_of(const Value& value) {
  const Dims& dims = value.dims;
  if (dims.size() < 4) return {dims.size() > 1 ? dims[1] : 1, 1, dims.size() > 2 ? dims[2] : 1};
  return {dims[1], dims[2], dims[3]};
}

// Calls visit(i, j, place): i and j of the kernel, and the input's element there, row by row; -1 in the
// padding.
template <class Visit>
void for_each_of_window(const layers::Window& window, const layers::Shape& in, uint32_t row,
                        uint32_t column, Visit&& visit) {
  for (uint32_t i = 0; i < window.kernel[0]; ++i) {
    for (uint32_t j = 0; j < window.kernel[1]; ++j) {
      const int64_t y =
          int64_t{row} * window.strides[0] + int64_t{i} * window.dilations[0] - window.pads[0];
      const int64_t x =
          int64_t{column} * window.strides[1] + int64_t{j} * window.dilations[1] - window.pads[1];
      const bool inside = y >= 0 && y < in.height && x >= 0 && x < in.width;
      visit(i, j, inside ? y * in.width + x : int64_t{-1});
    }
  }
}

class Evaluator {
 public:
  explicit Evaluator(const Network& network) : network_(network), values_(network.values.size()) {}

  Result<std::vector<Bytes>> run(std::span<const Bytes> inputs) {
    if (inputs.size() != network_.inputs.size())
      return tl::unexpected(
          error("inputs: expected {}, found {}", network_.inputs.size(), inputs.size()));
    for (size_t i = 0; i < inputs.size(); ++i) {
      const ValueId value = network_.inputs[i].value;
      const size_t expected =
          size_of(network_.values[value]) * bytes_of(network_.values[value].type);
      if (inputs[i].size() != expected)
        return tl::unexpected(error("input {}: expected {} bytes, found {}",
                                    network_.inputs[i].name, expected, inputs[i].size()));
      values_[value] = inputs[i];
    }
    for (const Operator& op : network_.operators) {
      name_ = &op.name;
      const Failure failure = std::visit([&](const auto& what) { return compute(what); }, op.what);
      if (failure) return tl::unexpected(*failure);
    }
    return std::move(values_);
  }

 private:
  template <class... Args>
  static Error error(fmt::format_string<Args...> text, Args&&... args) {
    return {ErrorCode::kMalformed, fmt::format(text, std::forward<Args>(args)...)};
  }
  template <class... Args>
  Error failed(fmt::format_string<Args...> text, Args&&... args) const {
    return error("{}: {}", *name_, fmt::format(text, std::forward<Args>(args)...));
  }

  const Value& value(ValueId id) const { return network_.values[id]; }
  size_t size(ValueId id) const { return size_of(value(id)); }
  // Of results, zeros at first.
  Bytes& allocate(ValueId id) { return values_[id] = Bytes(size(id) * bytes_of(value(id).type)); }
  // Whether operands have been written, with as many bytes as their dims say.
  Failure missing(std::initializer_list<ValueId> operands) const {
    for (const ValueId id : operands)
      if (id >= values_.size() || values_[id].size() != size(id) * bytes_of(value(id).type))
        return failed("operand {}: expected one that is written before, of its dims' size", id);
    return std::nullopt;
  }
  int at(ValueId id, size_t i) const { return element(value(id).q, values_[id][i]); }
  void set_int32(ValueId id, size_t i, int32_t x) { std::memcpy(&values_[id][4 * i], &x, 4); }
  int32_t int32_at(ValueId id, size_t i) const {
    int32_t x;
    std::memcpy(&x, &values_[id][4 * i], 4);
    return x;
  }

  Failure compute(const Linear& linear) {
    if (Failure failure = missing({linear.x})) return failure;
    allocate(linear.y);
    return linear.rows ? rows(linear) : windows(linear);
  }

  // What output o of a layer, the i-th element of y, is where its sum, bias included, is `sum`.
  Failure finish(const Linear& linear, uint32_t o, int64_t sum, size_t i) {
    const layers::Linear& layer = linear.layer;
    if (layer.sums) {
      if (sum < std::numeric_limits<int32_t>::min() || sum > std::numeric_limits<int32_t>::max())
        return failed("sum: expected an int32, found {}", sum);
      set_int32(linear.y, i, static_cast<int32_t>(sum));
      return std::nullopt;
    }
    const auto of_output = [&](const std::vector<float>& x) { return x[x.size() == 1 ? 0 : o]; };
    float scale;
    if (linear.scales.empty()) {
      const float product = layer.input.scale * of_output(layer.weight_scales);
      scale = product / layer.output.scale;
    } else {
      scale = of_output(linear.scales);
    }
    uint8_t y = requantised(sum, scale, layer.output);
    if (!layer.table.empty()) {  // of stored bytes
      const uint8_t flip = layer.output.is_signed ? 0x80 : 0;
      y = layer.table[y ^ flip] ^ flip;
    }
    values_[linear.y][i] = y;
    return std::nullopt;
  }

  Failure rows(const Linear& linear) {
    const uint32_t channels = last_axis(value(linear.x)), outputs = linear.layer.outputs;
    const size_t count = size(linear.x) / channels;
    if (size(linear.y) != count * outputs ||
        linear.layer.weights.size() != size_t{channels} * outputs)
      return failed("shapes of rows: {} to {}", size(linear.x), size(linear.y));
    for (size_t row = 0; row < count; ++row) {
      for (uint32_t o = 0; o < outputs; ++o) {
        int64_t sum = linear.layer.bias[o];
        for (uint32_t c = 0; c < channels; ++c)
          sum += linear.layer.weights[size_t{o} * channels + c] *
                 (at(linear.x, row * channels + c) - linear.layer.input.zero_point);
        if (Failure failure = finish(linear, o, sum, row * outputs + o)) return failure;
      }
    }
    return std::nullopt;
  }

  Failure windows(const Linear& linear) {
    const layers::Linear& layer = linear.layer;
    const layers::Shape in = shape_of(value(linear.x)), out = shape_of(value(linear.y));
    const uint32_t in_group = in.channels / layer.groups, out_group = layer.outputs / layer.groups;
    const auto& kernel = layer.window.kernel;
    const size_t taps = size_t{kernel[0]} * kernel[1], plane = size_t{in.height} * in.width;
    if (out.channels != layer.outputs || layer.weights.size() != layer.outputs * in_group * taps)
      return failed("shapes: {} outputs, {} weights", out.channels, layer.weights.size());
    std::vector<int32_t> x(size(linear.x));  // less the zero point
    for (size_t i = 0; i < x.size(); ++i) x[i] = at(linear.x, i) - layer.input.zero_point;
    size_t next = 0;
    for (uint32_t o = 0; o < out.channels; ++o) {
      const int16_t* weights = &layer.weights[o * in_group * taps];
      const int32_t* group = &x[o / out_group * in_group * plane];
      for (uint32_t row = 0; row < out.height; ++row) {
        for (uint32_t column = 0; column < out.width; ++column) {
          int64_t sum = layer.bias[o];
          for_each_of_window(layer.window, in, row, column,
                             [&](uint32_t i, uint32_t j, int64_t place) {
                               if (place < 0) return;
                               for (uint32_t c = 0; c < in_group; ++c)
                                 sum += weights[c * taps + i * kernel[1] + j] *
                                        group[c * plane + static_cast<size_t>(place)];
                             });
          if (Failure failure = finish(linear, o, sum, next++)) return failure;
        }
      }
    }
    return std::nullopt;
  }

  // Calls visit(channel, row, column) for the elements of y in order.
  template <class Visit>
  static void for_each_position(const layers::Shape& out, Visit&& visit) {
    for (uint32_t c = 0; c < out.channels; ++c)
      for (uint32_t row = 0; row < out.height; ++row)
        for (uint32_t column = 0; column < out.width; ++column) visit(c, row, column);
  }

  Failure compute(const MaxPool& pool) {
    if (Failure failure = missing({pool.x})) return failure;
    const layers::Shape in = shape_of(value(pool.x)), out = shape_of(value(pool.y));
    Bytes& y = allocate(pool.y);
    size_t next = 0;
    for_each_position(out, [&](uint32_t c, uint32_t row, uint32_t column) {
      int greatest = value(pool.x).q.is_signed ? -128 : 0;
      for_each_of_window(pool.window, in, row, column, [&](uint32_t, uint32_t, int64_t place) {
        if (place < 0) return;
        greatest = std::max(
            greatest, at(pool.x, size_t{c} * in.height * in.width + static_cast<size_t>(place)));
      });
      y[next++] = static_cast<uint8_t>(greatest);
    });
    return std::nullopt;
  }

  // QLinearAveragePool: the mean is of the cells inside the input; with count_include_pad of the whole window, even
  // where ceil_mode lets it reach beyond the padding. A window that is the whole input is another function.
  Failure compute(const AveragePool& pool) {
    if (Failure failure = missing({pool.x})) return failure;
    const layers::Shape in = shape_of(value(pool.x)), out = shape_of(value(pool.y));
    const Quantisation &from = value(pool.x).q, &to = value(pool.y).q;
    if (pool.window.kernel == std::array{in.height, in.width} &&
        pool.window.pads == std::array<uint32_t, 4>{} &&
        pool.window.dilations == std::array{1u, 1u})
      return global_average(pool);
    Bytes& y = allocate(pool.y);
    size_t next = 0;
    for_each_position(out, [&](uint32_t c, uint32_t row, uint32_t column) {
      float sum = 0;
      int count = 0;
      for_each_of_window(pool.window, in, row, column, [&](uint32_t, uint32_t, int64_t place) {
        if (place < 0) {
          if (pool.count_include_pad) ++count;
          return;
        }
        const int x = at(pool.x, size_t{c} * in.height * in.width + static_cast<size_t>(place));
        const float term = from.scale * static_cast<float>(x - from.zero_point);
        sum += term;
        ++count;
      });
      const float mean = sum / static_cast<float>(count), scaled = mean / to.scale;
      const float result = scaled + static_cast<float>(to.zero_point);
      y[next++] = saturated(std::nearbyint(result), to);
    });
    return std::nullopt;
  }

  // QLinearGlobalAveragePool.
  Failure global_average(const AveragePool& pool) {
    const layers::Shape in = shape_of(value(pool.x));
    const Quantisation &from = value(pool.x).q, &to = value(pool.y).q;
    const size_t count = size_t{in.height} * in.width;
    const float divisor = to.scale * static_cast<float>(count), scale = from.scale / divisor;
    Bytes& y = allocate(pool.y);
    if (y.size() * count != size(pool.x)) return failed("result: expected one element a channel");
    for (size_t c = 0; c < y.size(); ++c) {
      int64_t sum = 0;
      for (size_t i = 0; i < count; ++i) sum += at(pool.x, c * count + i) - from.zero_point;
      y[c] = requantised(sum, scale, to);
    }
    return std::nullopt;
  }

  // The element of a tensor of `dims` that numpy's broadcasting has in place i of one of `target`.
  static size_t broadcast(size_t i, const Dims& target, const Dims& dims) {
    size_t place = 0, stride = 1;
    for (size_t axis = 1; axis <= target.size(); ++axis) {
      const uint32_t extent = target[target.size() - axis];
      const size_t coordinate = i % extent;
      i /= extent;
      if (axis > dims.size()) continue;
      const uint32_t own = dims[dims.size() - axis];
      if (own != 1) place += coordinate * stride;
      stride *= own;
    }
    return place;
  }
  static bool broadcasts(const Dims& target, const Dims& dims) {
    for (size_t axis = 1; axis <= dims.size(); ++axis) {
      const uint32_t own = dims[dims.size() - axis];
      if (own != 1 && (axis > target.size() || own != target[target.size() - axis])) return false;
    }
    return true;
  }

  Failure compute(const Pair& pair) {
    if (Failure failure = missing({pair.a, pair.b})) return failure;
    const Dims& dims = value(pair.y).dims;
    if (!broadcasts(dims, value(pair.a).dims) || !broadcasts(dims, value(pair.b).dims))
      return failed("operands: expected shapes that broadcast to the result's");
    Bytes& y = allocate(pair.y);
    for (size_t i = 0; i < y.size(); ++i) {
      const uint8_t a = values_[pair.a][broadcast(i, dims, value(pair.a).dims)];
      const uint8_t b = values_[pair.b][broadcast(i, dims, value(pair.b).dims)];
      y[i] = (*pair.table)[size_t{a} << 8 | b];
    }
    return std::nullopt;
  }

  // Elements of four bytes move, too; they have no table, and `fill` is each byte's.
  Failure compute(const Move& move) {
    const size_t width = bytes_of(value(move.y).type);
    Bytes all;  // of all inputs, mapped
    for (size_t i = 0; i < move.inputs.size(); ++i) {
      if (Failure failure = missing({move.inputs[i]})) return failure;
      if (bytes_of(value(move.inputs[i]).type) != width)
        return failed("operand {}: expected elements of {} bytes", i, width);
      const Bytes* table =
          move.tables.empty() || move.tables[i].empty() ? nullptr : &move.tables[i];
      for (const uint8_t byte : values_[move.inputs[i]])
        all.push_back(table ? (*table)[byte] : byte);
    }
    Bytes& y = allocate(move.y);
    if (move.from.size() * width != y.size())
      return failed("elements: expected {}, found {}", y.size() / width, move.from.size());
    for (size_t i = 0; i < move.from.size(); ++i) {
      const size_t from = size_t{move.from[i]} * width;
      if (move.from[i] != Move::kFill && from >= all.size())
        return failed("element {}: expected one of {}, found {}", i, all.size() / width,
                      move.from[i]);
      for (size_t byte = 0; byte < width; ++byte)
        y[i * width + byte] = move.from[i] == Move::kFill ? move.fill : all[from + byte];
    }
    return std::nullopt;
  }

  Failure compute(const MatMul& product) {
    if (Failure failure = missing({product.a, product.b})) return failure;
    const Dims &a = value(product.a).dims, &b = value(product.b).dims;
    if (a.size() < 2 || b.size() != a.size() || a.back() != b[b.size() - 2] ||
        !std::equal(a.begin(), a.end() - 2, b.begin()))
      return failed("operands: expected [.., m, k] and [.., k, n]");
    const size_t m = a[a.size() - 2], k = a.back(), n = b.back(), count = size(product.a) / (m * k);
    const Quantisation &qa = value(product.a).q, &qb = value(product.b).q;
    Bytes& y = allocate(product.y);
    if (y.size() != count * m * n) return failed("result: expected {} elements", count * m * n);
    for (size_t matrix = 0; matrix < count; ++matrix) {
      for (size_t row = 0; row < m; ++row) {
        for (size_t column = 0; column < n; ++column) {
          int64_t sum = 0;
          for (size_t i = 0; i < k; ++i)
            sum += (at(product.a, (matrix * m + row) * k + i) - qa.zero_point) *
                   (at(product.b, (matrix * k + i) * n + column) - qb.zero_point);
          y[(matrix * m + row) * n + column] = requantised(sum, product.scale, value(product.y).q);
        }
      }
    }
    return std::nullopt;
  }

  Failure compute(const Softmax& softmax) {
    if (Failure failure = missing({softmax.x})) return failure;
    const Quantisation &from = value(softmax.x).q, &to = value(softmax.y).q;
    const uint32_t width = last_axis(value(softmax.x));
    const std::array<float, 256> table = softmax_table(from.scale, width);
    const float factor = softmax_factor(to.scale);
    if (!(factor <= kMaxSoftmaxFactor))
      return failed("scale of the result: expected at least 2^-20, found {}", to.scale);
    Bytes& y = allocate(softmax.y);
    for (size_t first = 0; first < y.size(); first += width) {
      int greatest = -128;
      for (size_t i = 0; i < width; ++i) greatest = std::max(greatest, at(softmax.x, first + i));
      const auto term = [&](size_t i) {
        return table[static_cast<size_t>(255 - greatest + at(softmax.x, first + i))];
      };
      float sum = 0;
      for (size_t i = 0; i < width; ++i) sum += term(i);
      for (size_t i = 0; i < width; ++i) {
        const double quotient = double{term(i)} * factor / sum;
        y[first + i] = saturated(std::nearbyint(quotient) + to.zero_point, to);
      }
    }
    return std::nullopt;
  }

  // round_half_even(sum(x - zx) sx / (n sy)) + zy, the quotient as it is in the rational numbers.
  Failure compute(const ReduceMean& mean) {
    if (Failure failure = missing({mean.x})) return failure;
    const Quantisation &from = value(mean.x).q, &to = value(mean.y).q;
    const uint32_t width = last_axis(value(mean.x));
    const size_t count = size(mean.x) / width;
    Bytes& y = allocate(mean.y);
    if (y.size() != count) return failed("result: expected {} elements, found {}", count, y.size());
    int exponent_x, exponent_y;
    const auto mantissa = [](float scale, int* exponent) {
      return static_cast<int64_t>(std::ldexp(std::frexp(scale, exponent), 24));
    };
    const int64_t x = mantissa(from.scale, &exponent_x),
                  n = mantissa(to.scale, &exponent_y) * width;
    for (size_t row = 0; row < count; ++row) {
      int64_t sum = 0;
      for (size_t i = 0; i < width; ++i) sum += at(mean.x, row * width + i) - from.zero_point;
      y[row] = saturated(rounded_quotient(sum * x, n, exponent_x - exponent_y) + to.zero_point, to);
    }
    return std::nullopt;
  }

  // round_half_even(2^exponent numerator / denominator), saturated to +-1000; |numerator| < 2^62.
  static double rounded_quotient(int64_t numerator, int64_t denominator, int exponent) {
    __extension__ using Wide = unsigned __int128;
    const bool negative = numerator < 0;
    Wide above = static_cast<Wide>(negative ? -numerator : numerator),
         below = static_cast<Wide>(denominator);
    if (above == 0 || exponent < -63) return 0;
    if (exponent > 63) return negative ? -1000 : 1000;
    if (exponent >= 0) above <<= exponent;
    if (exponent < 0) below <<= -exponent;
    const Wide floor = std::min<Wide>(above / below, 1000);
    const Wide rest = above - floor * below;
    double result = static_cast<double>(static_cast<uint64_t>(floor));
    if (floor < 1000 && (2 * rest > below || (2 * rest == below && floor % 2 == 1))) ++result;
    return negative ? -result : result;
  }

  // constants.h has the rule.
  Failure compute(const LayerNormalization& norm) {
    if (Failure failure = missing({norm.x})) return failure;
    const uint32_t width = last_axis(value(norm.x));
    if (width > kMaxNormalizedWidth || norm.scale.size() != width || norm.bias.size() != width)
      return failed("last axis: expected at most {} elements, found {}", kMaxNormalizedWidth,
                    width);
    const Quantisation& to = value(norm.y).q;
    const NormalizationConstants constants =
        normalization_constants(norm.scale, norm.bias, norm.epsilon, value(norm.x).q, to);
    Bytes& y = allocate(norm.y);
    for (size_t first = 0; first < y.size(); first += width) {
      int64_t sum = 0, squares = 0;
      for (size_t i = 0; i < width; ++i) {
        const int64_t x = at(norm.x, first + i);
        sum += x, squares += x * x;
      }
      const uint64_t variance = static_cast<uint64_t>(width * squares - sum * sum);
      const uint64_t w = (variance << 16) + constants.epsilon;
      const int shift = std::countl_zero(w) / 2 * 2;
      const uint64_t inverse = w == 0 ? 0 : (~uint64_t{0} >> 1) / square_root(w << shift);
      for (size_t i = 0; i < width; ++i) {
        const int64_t d = width * int64_t{at(norm.x, first + i)} - sum;
        const int64_t t = w == 0 ? 0 : (d * static_cast<int64_t>(inverse)) >> (33 - shift / 2);
        const int64_t result = (t * constants.gains[i] + constants.offsets[i]) >> constants.shift;
        y[first + i] = saturated(static_cast<double>(result), to);
      }
    }
    return std::nullopt;
  }
  static uint64_t square_root(uint64_t x) {  // floor
    uint64_t root = 0;
    for (uint64_t bit = uint64_t{1} << 31; bit != 0; bit >>= 1)
      if ((root + bit) * (root + bit) <= x) root += bit;
    return root;
  }

  // ONNX's: a negative index counts from the end.
  Failure compute(const Gather& gather) {
    if (Failure failure = missing({gather.index})) return failure;
    Bytes& y = allocate(gather.y);
    if (y.size() != size(gather.index) * gather.width ||
        gather.table->size() != size_t{gather.rows} * gather.width)
      return failed("shapes: expected a table of {} rows of {}", gather.rows, gather.width);
    for (size_t i = 0; i < size(gather.index); ++i) {
      const int64_t index = int32_at(gather.index, i),
                    row = index < 0 ? index + gather.rows : index;
      if (row < 0 || row >= gather.rows)
        return failed("index: expected {}..{}, found {}", -int64_t{gather.rows}, gather.rows - 1,
                      index);
      std::copy_n(gather.table->begin() + row * gather.width, gather.width,
                  y.begin() + static_cast<ptrdiff_t>(i * gather.width));
    }
    return std::nullopt;
  }

  Failure compute(const ArgMax& arg_max) {
    if (Failure failure = missing({arg_max.x})) return failure;
    const uint32_t width = last_axis(value(arg_max.x));
    const size_t count = size(arg_max.x) / width;
    allocate(arg_max.y);
    if (size(arg_max.y) != count) return failed("result: expected {} elements", count);
    for (size_t row = 0; row < count; ++row) {
      size_t best = 0;
      for (size_t i = 1; i < width; ++i) {
        const int x = at(arg_max.x, row * width + i), y = at(arg_max.x, row * width + best);
        if (arg_max.least ? x < y : x > y) best = i;
        if (arg_max.last && x == y) best = i;
      }
      set_int32(arg_max.y, row, static_cast<int32_t>(best));
    }
    return std::nullopt;
  }

  Failure compute(const TopK& top) {
    if (Failure failure = missing({top.x})) return failure;
    const uint32_t width = last_axis(value(top.x)), k = last_axis(value(top.values));
    const size_t count = size(top.x) / width;
    allocate(top.values), allocate(top.indices);
    if (k > width || size(top.values) != count * k || size(top.indices) != count * k)
      return failed("result: expected {} rows of at most {}", count, width);
    std::vector<size_t> order(width);
    for (size_t row = 0; row < count; ++row) {
      std::iota(order.begin(), order.end(), size_t{0});
      std::ranges::sort(order, [&](size_t i, size_t j) {
        const int x = at(top.x, row * width + i), y = at(top.x, row * width + j);
        return x == y ? i < j : top.least ? x < y : x > y;
      });
      for (size_t i = 0; i < k; ++i) {
        values_[top.values][row * k + i] = values_[top.x][row * width + order[i]];
        set_int32(top.indices, row * k + i, static_cast<int32_t>(order[i]));
      }
    }
    return std::nullopt;
  }

  Failure compute(const Constant& constant) {
    if (allocate(constant.y).size() != constant.bytes.size())
      return failed("constant: expected {} bytes", values_[constant.y].size());
    values_[constant.y] = constant.bytes;
    return std::nullopt;
  }

  Failure compute(const Trees& trees) {
    if (Failure failure = missing({trees.x})) return failure;
    const TreeEnsemble& ensemble = *trees.trees;
    if (size(trees.x) != ensemble.features || size(trees.scores) != ensemble.scores())
      return failed("expected {} features and {} scores, found {} and {}", ensemble.features,
                    ensemble.scores(), size(trees.x), size(trees.scores));
    std::vector<float> x(ensemble.features);
    std::memcpy(x.data(), values_[trees.x].data(), values_[trees.x].size());
    const TreeResult result = evaluate_tree(ensemble, x);
    Bytes& scores = allocate(trees.scores);
    std::memcpy(scores.data(), result.scores.data(), scores.size());
    if (trees.label != Trees::kNone) {
      allocate(trees.label);
      set_int32(trees.label, 0, result.label);
    }
    return std::nullopt;
  }

  const Network& network_;
  std::vector<Bytes> values_;
  const std::string* name_ = nullptr;  // of the operator being computed
};

}  // namespace

Result<std::vector<Bytes>> evaluate_all(const Network& network, std::span<const Bytes> inputs) {
  return Evaluator(network).run(inputs);
}

Result<std::vector<Bytes>> evaluate(const Network& network, std::span<const Bytes> inputs) {
  Result<std::vector<Bytes>> all = evaluate_all(network, inputs);
  if (!all) return all;
  std::vector<Bytes> outputs;
  for (const Port& port : network.outputs) outputs.push_back((*all)[port.value]);
  return outputs;
}

}  // namespace zkvm::importer
