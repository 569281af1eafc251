// Layers lowered for the tensor unit, run as the VM runs them on buffers as a guest keeps them, against plain
// loops over what ONNX says: whatever the geometry, every element is the same, and no gap is touched.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zk/nn/requantise.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "host/layers/network.h"
#include "tests/vm/random_layer.h"
#include "vm/layer/layer_call.h"

namespace zkvm::layers {
namespace {

using testing::HasSubstr;

// A tensor's elements as ONNX orders them, as stored bytes; or sums.
using Elements = std::vector<int32_t>;

uint32_t size_of(const Shape& shape) { return shape.channels * shape.height * shape.width; }

// Calls visit(kernel index, input index) for each element of the window that lies within the input.
template <class Visit>
void for_each_in_window(const Window& window, const Shape& in, uint32_t i, uint32_t j,
                        Visit&& visit) {
  for (uint32_t ki = 0; ki < window.kernel[0]; ++ki)
    for (uint32_t kj = 0; kj < window.kernel[1]; ++kj) {
      const int64_t y =
          int64_t{i} * window.strides[0] + int64_t{ki} * window.dilations[0] - window.pads[0];
      const int64_t x =
          int64_t{j} * window.strides[1] + int64_t{kj} * window.dilations[1] - window.pads[1];
      if (y < 0 || y >= in.height || x < 0 || x >= in.width) continue;
      visit(ki * window.kernel[1] + kj, static_cast<size_t>(y) * in.width + static_cast<size_t>(x));
    }
}

int32_t requantised(const Linear& l, uint32_t o, int64_t sum) {
  const float w = l.weight_scales[l.weight_scales.size() == 1 ? 0 : o];
  const int32_t y = zk::nn::rescale(
      static_cast<int32_t>(sum),
      zk::nn::multiplier_of(zk::nn::output_scale(l.input.scale, w, l.output.scale)));
  const int zero_point = l.output.zero_point;
  const int byte = l.output.is_signed ? zk::nn::saturate<int8_t>(y, zero_point) + 128
                                      : zk::nn::saturate<uint8_t>(y, zero_point);
  return l.table.empty() ? byte : l.table[static_cast<size_t>(byte)];
}

Elements reference(const Linear& l, const Shape& in, const Elements& x, const Shape& out) {
  Elements y;
  const uint32_t in_group = in.channels / l.groups, out_group = l.outputs / l.groups;
  const uint32_t taps = l.window.kernel[0] * l.window.kernel[1], plane = in.height * in.width;
  for (uint32_t o = 0; o < out.channels; ++o)
    for (uint32_t i = 0; i < out.height; ++i)
      for (uint32_t j = 0; j < out.width; ++j) {
        int64_t sum = l.bias[o];
        for_each_in_window(l.window, in, i, j, [&](size_t tap, size_t at) {
          for (uint32_t c = 0; c < in_group; ++c)
            sum += int64_t{l.weights[(o * in_group + c) * taps + tap]} *
                   (x[(o / out_group * in_group + c) * plane + at] - l.input.stored_zero());
        });
        y.push_back(l.sums ? static_cast<int32_t>(sum) : requantised(l, o, sum));
      }
  return y;
}

Elements reference(const MaxPool& pool, const Shape& in, const Elements& x, const Shape& out) {
  Elements y;
  for (uint32_t c = 0; c < out.channels; ++c)
    for (uint32_t i = 0; i < out.height; ++i)
      for (uint32_t j = 0; j < out.width; ++j) {
        int32_t most = 0;
        for_each_in_window(pool.window, in, i, j, [&](size_t, size_t at) {
          most = std::max(most, x[c * in.height * in.width + at]);
        });
        y.push_back(most);
      }
  return y;
}

Elements reference(const Pairwise& pair, const Shape& shape, const Elements& a, const Elements& b) {
  Elements y;
  const uint32_t plane = shape.height * shape.width;
  const int offset = pair.a.is_signed ? 128 : 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const int xa = a[i] - offset, xb = b[b.size() == a.size() ? i : i / plane] - offset;
    float exact;
    if (pair.op == Pairwise::Op::kAdd) {
      const float ra = pair.a.scale / pair.output.scale, rb = pair.b.scale / pair.output.scale;
      const float of_zeros = std::fmaf(ra, static_cast<float>(pair.a.zero_point),
                                       rb * static_cast<float>(pair.b.zero_point));
      const float k = static_cast<float>(pair.output.zero_point) - of_zeros;
      exact = std::fmaf(static_cast<float>(xa), ra, std::fmaf(static_cast<float>(xb), rb, k));
    } else {
      const auto product = static_cast<float>((xa - pair.a.zero_point) * (xb - pair.b.zero_point));
      const float scale = pair.a.scale * pair.b.scale / pair.output.scale;
      const float scaled = product * scale;
      exact = scaled + static_cast<float>(pair.output.zero_point);
    }
    const double even = std::nearbyint(static_cast<double>(exact));
    y.push_back(static_cast<int32_t>(std::clamp(even, -double(offset), 255.0 - offset)) + offset);
  }
  return y;
}

Elements reference(const MatMul& product, const Shape& of_a, const Elements& a, const Shape& of_b,
                   const Elements& b) {
  const uint32_t rows = of_a.width / product.batch, rows_b = of_b.width / product.batch;
  const uint32_t inner = of_a.channels, columns = product.transposed ? rows_b : of_b.channels;
  Elements y(size_t{columns} * of_a.width);
  for (uint32_t column = 0; column < columns; ++column)
    for (uint32_t row = 0; row < of_a.width; ++row) {
      int64_t sum = 0;
      for (uint32_t k = 0; k < inner; ++k) {
        const uint32_t channel = product.transposed ? k : column;
        const uint32_t pixel = row / rows * rows_b + (product.transposed ? column : k);
        sum += int64_t{a[k * of_a.width + row] - product.a.stored_zero()} *
               (b[channel * of_b.width + pixel] - product.b.stored_zero());
      }
      const int32_t rounded =
          zk::nn::rescale(static_cast<int32_t>(sum), zk::nn::multiplier_of(product.scale));
      const int z = product.output.zero_point;
      const int byte = product.output.is_signed ? zk::nn::saturate<int8_t>(rounded, z) + 128
                                                : zk::nn::saturate<uint8_t>(rounded, z);
      y[column * of_a.width + row] = product.sums ? static_cast<int32_t>(sum)
                                     : product.table.empty()
                                         ? byte
                                         : product.table[static_cast<size_t>(byte)];
    }
  return y;
}

// A guest's buffer, gaps filled; `unit` bytes an element.
std::vector<uint8_t> buffer(const Layout& layout, uint32_t unit = 1) {
  return std::vector<uint8_t>(layout.bytes() * unit, layout.gap.value_or(0xa5));
}
void write(const Elements& x, const Layout& layout, std::vector<uint8_t>* bytes) {
  const Shape& s = layout.shape;
  for (uint32_t c = 0; c < s.channels; ++c)
    for (uint32_t i = 0; i < s.height; ++i)
      for (uint32_t j = 0; j < s.width; ++j)
        (*bytes)[layout.byte_of(c, i, j)] =
            static_cast<uint8_t>(x[(c * s.height + i) * s.width + j]);
}
uint32_t load(const std::vector<uint8_t>& bytes, size_t at) {
  return bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16 | uint32_t{bytes[at + 3]} << 24;
}

// What a call does to memory.
void call(const Part& part, const std::vector<uint8_t>& in, const std::vector<uint8_t>& b,
          std::vector<uint8_t>* out) {
  const vm::Layer& layer = part.layer;
  ASSERT_LE(part.in + layer.in_extent(), in.size());
  ASSERT_LE(part.out + layer.out_extent(), out->size());
  std::vector<uint32_t> words;
  if (vm::has_second_input(layer)) ASSERT_LE(part.b + vm::second_extent(layer), b.size());
  const vm::LayerCall call{.layer = &layer, .in = part.in, .out = part.out, .b = part.b};
  vm::for_words_read(call, [&](uint32_t at) { words.push_back(load(in, at)); });
  vm::for_words_of_b(call, [&](uint32_t at) { words.push_back(load(b, at)); });
  const std::vector<uint32_t> results = vm::layer_results(layer, words);
  size_t next = 0;
  vm::for_words_written(call, [&](uint32_t at) {
    for (uint32_t lane = 0; lane < 4; ++lane)
      (*out)[at + lane] = static_cast<uint8_t>(results[next] >> (8 * lane));
    ++next;
  });
}

// What those of a layer do, one after the other.
void call(const std::vector<Part>& parts, const std::vector<uint8_t>& in,
          const std::vector<uint8_t>& b, std::vector<uint8_t>* out) {
  for (const Part& part : parts) call(part, in, b, out);
}
std::vector<Part> parts_of(const Plan& plan, size_t op) {
  std::vector<Part> parts;
  for (const auto& [layer, in, b, out] : plan.calls[op])
    parts.push_back({plan.layers[layer], in, b, out});
  return parts;
}
// Few rows of a call, or many.
uint64_t any_rows(std::mt19937& random) {
  return random() % 2 == 0 ? kLargestCall : 1 + random() % 100;
}

// What the calls of a product do, those for each matrix of the batch.
struct LayoutsOfProduct {
  Layout a, b, out;
};
void call(const std::vector<Part>& parts, const MatMul& product, const LayoutsOfProduct& layouts,
          const std::vector<uint8_t>& a, const std::vector<uint8_t>& b, std::vector<uint8_t>* out) {
  const auto [of_a, of_b, of_out] = layouts;
  for (uint32_t i = 0; i < product.batch; ++i) {
    const auto from = [&](const std::vector<uint8_t>& bytes, const Layout& layout, uint32_t unit) {
      const uint64_t matrix =
          uint64_t{layout.shape.width} / product.batch * layout.quads() * 4 * unit;
      return std::vector(bytes.begin() + static_cast<std::ptrdiff_t>(matrix * i), bytes.end());
    };
    std::vector<uint8_t> results = from(*out, of_out, product.sums ? 4 : 1);
    call(parts, from(a, of_a, 1), from(b, of_b, 1), &results);
    std::ranges::copy(results, out->end() - std::ssize(results));
  }
}

// Elements of a layer's output: its bytes, or sums.
Elements elements_of(const std::vector<uint8_t>& bytes, const Layout& layout, bool sums) {
  Elements elements;
  const Shape& s = layout.shape;
  for (uint32_t c = 0; c < s.channels; ++c)
    for (uint32_t i = 0; i < s.height; ++i)
      for (uint32_t j = 0; j < s.width; ++j) {
        const size_t at = layout.byte_of(c, i, j);
        elements.push_back(sums ? static_cast<int32_t>(load(bytes, 4 * at)) : bytes[at]);
      }
  return elements;
}
Elements any_elements(uint32_t count, std::mt19937& random) {
  Elements x(count);
  const bool extreme = random() % 4 == 0;
  for (int32_t& e : x)
    e = extreme ? 255 * static_cast<int32_t>(random() % 2) : static_cast<int32_t>(random() % 256);
  return x;
}

// Runs all layers of the network on random inputs and compares each output with the reference. Adds to
// `different` for each output that is not one value alone. Layers of every second
// network are cut into calls of few rows; adds to `cut` for each one.
void check(const Network& network, std::mt19937& random, int& different, int& cut) {
  const auto planned = plan(network, any_rows(random));
  ASSERT_TRUE(planned) << planned.error().message;
  ASSERT_EQ(planned->calls.size(), network.operators.size());
  for (const auto& calls : planned->calls) cut += calls.size() > 1;
  std::vector<Elements> elements;
  std::vector<std::vector<uint8_t>> buffers;
  for (size_t i = 0; i < network.inputs.size(); ++i) {
    const Elements x = any_elements(size_of(network.inputs[i]), random);
    const Layout& layout = planned->tensors[i].layout;
    buffers.push_back(buffer(layout));
    for (uint32_t j = 0; layout.padding && j < layout.shape.width; ++j)  // of products' inputs
      for (uint32_t c = layout.shape.channels; c < 4 * layout.quads(); ++c)
        buffers.back()[layout.byte_of(c, 0, j)] = *layout.padding;
    write(x, planned->tensors[i].layout, &buffers.back());
    elements.push_back(x);
  }
  for (size_t i = 0; i < network.operators.size(); ++i) {
    const Operator& op = network.operators[i];
    const PlannedTensor& out = planned->tensors[network.inputs.size() + i];
    const Shape &in_shape = planned->tensors[op.input].layout.shape, &shape = out.layout.shape;
    const auto* linear = std::get_if<Linear>(&op.what);
    const auto* product = std::get_if<MatMul>(&op.what);
    const bool sums = linear && linear->sums;
    std::vector<uint8_t> bytes = buffer(out.layout, sums ? 4 : 1);
    if (product != nullptr)
      call(parts_of(*planned, i), *product,
           {planned->tensors[op.input].layout, planned->tensors[op.second].layout, out.layout},
           buffers[op.input], buffers[op.second], &bytes);
    else
      call(parts_of(*planned, i), buffers[op.input], buffers[op.second], &bytes);
    const auto* pair = std::get_if<Pairwise>(&op.what);
    const Elements expected =
        pair != nullptr ? reference(*pair, in_shape, elements[op.input], elements[op.second])
        : product != nullptr
            ? reference(*product, in_shape, elements[op.input],
                        planned->tensors[op.second].layout.shape, elements[op.second])
        : linear != nullptr
            ? reference(*linear, in_shape, elements[op.input], shape)
            : reference(std::get<MaxPool>(op.what), in_shape, elements[op.input], shape);
    Elements found = elements_of(bytes, out.layout, sums);
    if (!sums && out.is_result && linear->output.is_signed)  // in its own type
      for (int32_t& e : found) e ^= 0x80;
    ASSERT_EQ(found, expected) << "operator " << i;
    if (out.layout.gap) {  // nobody touched the gaps
      std::vector<uint8_t> untouched = buffer(out.layout);
      for (uint32_t y = 0; y < shape.height; ++y)
        for (uint32_t x = 0; x < shape.width; ++x)
          for (uint32_t c = 0; c < 4 * out.layout.quads(); ++c) {
            const size_t at = out.layout.byte_of(c, y, x);
            untouched[at] = bytes[at];
          }
      EXPECT_EQ(untouched, bytes) << "operator " << i;
    }
    different += !std::ranges::all_of(expected, [&](int32_t e) { return e == expected[0]; });
    elements.push_back(expected);
    buffers.push_back(bytes);
  }
}

class Random {
 public:
  explicit Random(uint32_t seed) : random_(seed) {}
  std::mt19937& engine() { return random_; }
  // In [low, high].
  uint32_t in(uint32_t low, uint32_t high) { return low + random_() % (high - low + 1); }
  bool one_in(uint32_t n) { return random_() % n == 0; }

  Window window(const Shape& in, uint32_t greatest_kernel) {
    for (;;) {
      Window w;
      for (size_t axis = 0; axis < 2; ++axis) {
        w.kernel[axis] = this->in(1, greatest_kernel);
        w.strides[axis] = one_in(2) ? 1 : this->in(1, 4);
        w.dilations[axis] = one_in(2) ? 1 : this->in(1, 3);
      }
      if (!one_in(3))
        for (uint32_t& pad : w.pads) pad = this->in(0, 3);
      if (w.positions(in)) return w;
    }
  }
  Quantisation quantisation(bool is_signed) {
    Quantisation q{is_signed, 0.01f + 0.001f * static_cast<float>(in(0, 50)), 0};
    q.zero_point = one_in(3) ? 0 : one_in(2) ? 255 : static_cast<int>(in(0, 255));
    if (is_signed) q.zero_point -= 128;
    return q;
  }
  Linear linear(const Shape& in, const Quantisation& input, const Window& window, uint32_t groups,
                uint32_t outputs) {
    Linear l{.name = "linear", .outputs = outputs, .groups = groups, .window = window};
    l.input = input;
    l.output = quantisation(input.is_signed);
    const uint32_t taps = in.channels / groups * window.kernel[0] * window.kernel[1];
    const int most = one_in(3) ? 255 : one_in(2) ? 127 : 3;
    for (uint32_t i = 0; i < outputs * taps; ++i) {
      const int w = one_in(4) ? 0 : static_cast<int>(this->in(0, 2 * static_cast<uint32_t>(most)));
      l.weights.push_back(static_cast<int16_t>(w - most));
    }
    for (uint32_t o = 0; o < outputs; ++o) {
      l.bias.push_back(static_cast<int32_t>(this->in(0, 20000)) - 10000);
      if (!one_in(8)) continue;
      // A dead channel, as quantisers leave it.
      l.bias.back() = std::numeric_limits<int32_t>::min() + static_cast<int32_t>(this->in(1, 100));
      std::fill_n(l.weights.begin() + o * taps, taps, int16_t{0});
    }
    const float greatest =
        l.output.scale / (l.input.scale * static_cast<float>(most * static_cast<int>(taps)));
    l.weight_scales.resize(one_in(2) ? 1 : outputs);
    for (float& scale : l.weight_scales)
      scale = greatest * static_cast<float>(this->in(1, 12)) / (one_in(2) ? 1.0f : 3.7f);
    if (one_in(5))
      for (int i = 0; i < 256; ++i) l.table.push_back(static_cast<uint8_t>(random_()));
    return l;
  }

 private:
  std::mt19937 random_;
};

// One layer and, mostly, one that reads it and whose padding its buffer has to hold.
TEST(Layers, EqualLoopsOverTheDefinitionWhateverTheGeometry) {
  int different = 0, planar = 0, grouped = 0, pools = 0, cut = 0;
  for (uint32_t seed = 0; seed < 20000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    Network network;
    // Depthwise, a few groups of a few channels, or one.
    const uint32_t kind = random.in(0, 3);
    const uint32_t groups = kind == 0 ? random.in(1, 9) : kind == 1 ? random.in(2, 3) : 1;
    const uint32_t in_group = kind == 0 ? 1 : random.in(1, kind == 1 ? 5 : 7);
    const uint32_t out_group = kind == 0 ? random.in(1, 2) : random.in(1, 6);
    Shape shape{groups * in_group, random.in(1, 11), random.in(1, 11)};
    network.inputs = {shape};
    Quantisation type = random.quantisation(random.one_in(2));
    const Window window = random.window(shape, 7);
    network.operators = {{0, random.linear(shape, type, window, groups, groups * out_group)}};
    auto& first = std::get<Linear>(network.operators[0].what);
    if (random.one_in(4)) {
      const auto positions = *window.positions(shape);
      const Shape next{first.outputs, positions[0], positions[1]};
      if (random.one_in(2)) {
        network.operators.push_back({1, MaxPool{"pool", random.window(next, 3)}});
        ++pools;
      } else {
        first.table.clear();
        network.operators.push_back(
            {1, random.linear(next, first.output, random.window(next, 3), 1, random.in(1, 9))});
      }
    } else if (random.one_in(8)) {
      first.sums = true;
      for (int32_t& bias : first.bias) bias = std::clamp(bias, -1'000'000, 1'000'000);
    }
    check(network, random.engine(), different, cut);
    if (testing::Test::HasFatalFailure()) return;
    const auto planned = plan(network);
    planar += planned->tensors[0].layout.planar;
    grouped += planned->layers[0].groups > 1;
  }
  EXPECT_GT(different, 15000);
  EXPECT_GT(cut, 2000);
  EXPECT_GT(planar, 3000);
  EXPECT_GT(grouped, 1500);
  EXPECT_GT(pools, 2000);
}

// The same layers with weights and biases as an operand, at both ends of what these may be.
TEST(Layers, WeightsInMemoryEqualLoopsOverTheDefinition) {
  int different = 0, planar = 0, grouped = 0, at_ends = 0, cut = 0;
  for (uint32_t seed = 0; seed < 3000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const uint32_t kind = random.in(0, 3);
    const uint32_t groups = kind == 0 ? random.in(1, 9) : kind == 1 ? random.in(2, 3) : 1;
    const uint32_t in_group = kind == 0 ? 1 : random.in(1, kind == 1 ? 5 : 7);
    const Shape shape{groups * in_group, random.in(1, 11), random.in(1, 11)};
    const Window window = random.window(shape, 5);
    Linear linear = random.linear(shape, random.quantisation(random.one_in(2)), window, groups,
                                  groups * random.in(1, 5));
    linear.sums = random.one_in(4);
    Linear::Operand operand{.zero = 128, .has_bias = !random.one_in(4)};
    if (random.one_in(2)) operand.zero = static_cast<uint8_t>(255 * random.in(0, 1));
    for (int16_t& w : linear.weights)
      w = std::clamp<int16_t>(w, static_cast<int16_t>(-operand.zero),
                              static_cast<int16_t>(255 - operand.zero));
    for (int32_t& bias : linear.bias) {
      bias = std::clamp(bias, -vm::kMemoryBiasEnd, vm::kMemoryBiasEnd - 1);
      if (random.one_in(9)) bias = vm::kMemoryBiasEnd - 1;
      if (!operand.has_bias) bias = 0;
      at_ends += bias == -vm::kMemoryBiasEnd || bias == vm::kMemoryBiasEnd - 1;
    }
    // In the layouts that it has with weights of its own.
    const auto planned = plan({{shape}, {{0, linear}}});
    ASSERT_TRUE(planned) << planned.error().message;
    const Layout &in = planned->tensors[0].layout, &out = planned->tensors[1].layout;
    Linear without = linear;
    without.operand = operand;
    EXPECT_FALSE(lower(without, in, out)) << "it has weights of its own, too";
    without.weights.clear();
    without.bias.clear();
    const auto layer = lower(without, in, out);
    ASSERT_TRUE(layer) << layer.error().message;
    const auto places = weights_operand(without, in, out);
    ASSERT_TRUE(places) << places.error().message;
    const auto w = places->lay_out(linear.weights, linear.bias);
    ASSERT_TRUE(w) << w.error().message;
    EXPECT_EQ(w->size(), layer->w_extent());
    const Elements x = any_elements(size_of(shape), random.engine());
    std::vector<uint8_t> from = buffer(in), to = buffer(out, linear.sums ? 4 : 1);
    write(x, in, &from);
    const auto parts = split(*layer, any_rows(random.engine()));
    ASSERT_TRUE(parts) << parts.error().message;
    cut += parts->size() > 1;
    call(*parts, from, *w, &to);
    const Elements expected = reference(linear, shape, x, out.shape);
    ASSERT_EQ(elements_of(to, out, linear.sums), expected);
    different += !std::ranges::all_of(expected, [&](int32_t e) { return e == expected[0]; });
    planar += in.planar;
    grouped += layer->groups > 1;
  }
  EXPECT_GT(different, 2000);
  EXPECT_GT(cut, 200);
  EXPECT_GT(planar, 500);
  EXPECT_GT(grouped, 200);
  EXPECT_GT(at_ends, 1000);
}

TEST(Layers, OperandsThatThereAreNotAreRefused) {
  Linear linear{.name = "dense", .outputs = 3, .weight_scales = {0.1f}};
  const Layout in{.shape = {2, 1, 1}, .gap = {}}, out{.shape = {3, 1, 1}, .gap = {}};
  linear.operand = Linear::Operand{.zero = 10};
  const auto places = weights_operand(linear, in, out);
  ASSERT_TRUE(places) << places.error().message;
  const auto refuses = [&](const std::vector<int16_t>& weights, const std::vector<int32_t>& bias,
                           const char* says) {
    const auto w = places->lay_out(weights, bias);
    ASSERT_FALSE(w) << says;
    EXPECT_THAT(w.error().message, HasSubstr(says));
  };
  EXPECT_TRUE(
      places->lay_out(std::vector<int16_t>{-10, 245, 0, 0, 0, 0}, std::vector<int32_t>{1, 2, 3}));
  refuses({-11, 0, 0, 0, 0, 0}, {1, 2, 3}, "weight of an operand: expected -10..245, found -11");
  refuses({0, 0, 0, 0, 0, 246}, {1, 2, 3}, "found 246");
  refuses({0, 0, 0, 0, 0}, {1, 2, 3}, "weights of an operand: expected 6");
  refuses({0, 0, 0, 0, 0, 0}, {1, 2}, "biases of an operand: expected 3");
  refuses({0, 0, 0, 0, 0, 0}, {1 << 28, 2, 3}, "bias of an operand");
  refuses({0, 0, 0, 0, 0, 0}, {1, 2, -(1 << 28) - 1}, "found -268435457");
  linear.operand.reset();
  EXPECT_FALSE(weights_operand(linear, in, out));
}

// a b and a b^T, of any sizes, some of them at a time, with what is behind them in memory anything.
TEST(Layers, ProductsOfActivationsEqualLoopsOverTheDefinition) {
  int different = 0, odd = 0, cut = 0;
  for (uint32_t seed = 0; seed < 600; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const uint32_t rows = random.in(1, 9), inner = random.in(1, 14), columns = random.in(1, 9);
    const uint32_t batch = random.one_in(2) ? 1 : random.in(2, 3);
    MatMul product{.name = "product",
                   .transposed = random.one_in(2),
                   .batch = batch,
                   .sums = random.one_in(4)};
    product.a = random.quantisation(random.one_in(2));
    product.b = random.quantisation(random.one_in(2));
    product.output = random.quantisation(random.one_in(2));
    product.scale = 1.0f / static_cast<float>(random.in(30, 600) * inner);
    if (random.one_in(3))
      for (int i = 0; i < 256; ++i) product.table.push_back(static_cast<uint8_t>(255 - i));
    const uint32_t lead = batch == 1 ? random.in(0, 2) : 0,
                   of_b = product.transposed ? columns : inner;
    Layout a{.shape = {inner, 1, batch * rows},
             .row = batch * rows,
             .lead = lead,
             .tail = random.in(0, 2),
             .gap = {}};
    const Layout b{.shape = {product.transposed ? inner : columns, 1, batch * of_b},
                   .row = batch * of_b,
                   .tail = (4 - of_b % 4) % 4,
                   .gap = {}};
    const Layout out{
        .shape = {columns, 1, batch * rows}, .row = batch * rows, .lead = lead, .gap = {}};
    if (inner % 4 != 0) {
      EXPECT_FALSE(lower(product, a, b, out)) << "channels that it has not are anything";
      a.padding = product.a.stored_zero();
      ++odd;
    }
    if (b.tail != 0) {
      Layout shorter = b;
      --shorter.tail;
      EXPECT_FALSE(lower(product, a, shorter, out));
    }
    const auto layer = lower(product, a, b, out);
    ASSERT_TRUE(layer) << layer.error().message;
    const Elements x = any_elements(inner * batch * rows, random.engine()),
                   y = any_elements(batch * inner * columns, random.engine());
    const auto memory = [&](const Elements& elements, const Layout& layout) {
      std::vector<uint8_t> bytes(layout.bytes());
      for (uint8_t& byte : bytes) byte = static_cast<uint8_t>(random.in(0, 255));
      for (uint32_t j = 0; layout.padding && j < layout.shape.width; ++j)
        for (uint32_t c = layout.shape.channels; c < 4 * layout.quads(); ++c)
          bytes[layout.byte_of(c, 0, j)] = *layout.padding;
      write(elements, layout, &bytes);
      return bytes;
    };
    std::vector<uint8_t> to = buffer(out, product.sums ? 4 : 1);
    const auto parts = split(*layer, any_rows(random.engine()));
    ASSERT_TRUE(parts) << parts.error().message;
    cut += parts->size() > 1;
    call(*parts, product, {a, b, out}, memory(x, a), memory(y, b), &to);
    const Elements expected = reference(product, a.shape, x, b.shape, y);
    ASSERT_EQ(elements_of(to, out, product.sums), expected);
    different += !std::ranges::all_of(expected, [&](int32_t e) { return e == expected[0]; });
  }
  EXPECT_GT(different, 450);
  EXPECT_GT(cut, 20);
  EXPECT_GT(odd, 300);
}

// A tensor that convolutions of stride 2 read, whatever writes it.
TEST(Layers, StridesOfTwoReadBlocks) {
  int different = 0, in_blocks = 0, padded = 0, grouped = 0, odd = 0, cut = 0;
  for (uint32_t seed = 0; seed < 1500; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const bool depthwise = random.one_in(2);
    Shape shape{random.in(1, 9), random.in(3, 12), random.in(3, 12)};
    if (random.one_in(2)) shape.height += shape.height % 2, shape.width += shape.width % 2;
    Network network;
    network.inputs = {shape};
    Quantisation type = random.quantisation(random.one_in(2));
    size_t read = 0;
    if (const uint32_t writer = random.in(0, 3); writer < 2) {
      Window same{.kernel = {3, 3}, .pads = {1, 1, 1, 1}};
      if (writer == 1) same = {};
      const uint32_t outputs = random.in(1, 9);
      network.operators = {{0, random.linear(shape, type, same, 1, outputs)}};
      std::get<Linear>(network.operators[0].what).table.clear();
      type = std::get<Linear>(network.operators[0].what).output;
      shape.channels = outputs, read = 1;
    } else if (writer == 2) {
      network.operators = {{0, MaxPool{"pool", {.kernel = {3, 3}, .pads = {1, 1, 1, 1}}}}};
      read = 1;
    }
    for (uint32_t readers = random.in(1, 2); readers > 0; --readers) {
      Window window;
      do {
        window = random.window(shape, 4);
        window.strides = {random.one_in(8) ? 4u : 2u, random.one_in(8) ? 4u : 2u};
      } while (!window.positions(shape));
      const uint32_t groups = depthwise ? shape.channels : 1;
      network.operators.push_back(
          {read, random.linear(shape, type, window, groups, depthwise ? groups : random.in(1, 9))});
      grouped += groups > 1;
    }
    check(network, random.engine(), different, cut);
    if (testing::Test::HasFatalFailure()) return;
    const Layout layout = plan(network)->tensors[read].layout;
    in_blocks += layout.block == 2;
    padded += layout.block == 2 && layout.gap;
    odd += shape.height % 2 + shape.width % 2 > 0;
    EXPECT_TRUE(layout.block == 1 || shape.height % 2 + shape.width % 2 == 0);
  }
  EXPECT_GT(different, 1500);
  EXPECT_GT(cut, 800);
  EXPECT_GT(in_blocks, 200);
  EXPECT_GT(padded, 100);
  EXPECT_GT(grouped, 500);
  EXPECT_GT(odd, 300);
}

// As MobileNetV2 has it: a row is written for each window, not for each pixel.
TEST(Layers, BlocksSaveRows) {
  Random random(1);
  const Shape shape{24, 28, 28};
  const Quantisation type = random.quantisation(true);
  Network network{{shape}, {{0, random.linear(shape, type, {}, 1, 144)}}};
  const auto& expand = std::get<Linear>(network.operators[0].what);
  const Window window{.kernel = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 1, 1}};
  network.operators.push_back({1, random.linear({144, 28, 28}, expand.output, window, 144, 144)});
  const auto planned = plan(network);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->tensors[1].layout.block, 2u);
  EXPECT_LT(planned->layers[1].rows(), 14u * 15 + 20);
  auto& depthwise = std::get<Linear>(network.operators[1].what);
  depthwise.window.strides = {1, 1};
  const auto as_it_was = plan(network);
  ASSERT_TRUE(as_it_was) << as_it_was.error().message;
  EXPECT_EQ(as_it_was->tensors[1].layout.block, 1u);
}

// Products of what a layer writes, whose channels end where they do; and what reads them.
TEST(Layers, ProductsOfActivationsInNetworks) {
  int different = 0, cut = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const uint32_t batch = random.in(1, 3), rows = random.in(1, 6), inner = random.in(1, 9),
                   columns = random.in(1, 9);
    const Quantisation input = random.quantisation(true), of_b = random.quantisation(true);
    const Shape tokens{random.in(1, 9), 1, batch * rows}, b{columns, 1, batch * inner};
    Network network;
    network.inputs = {tokens, b};
    const Linear first = random.linear(tokens, input, {}, 1, inner);
    MatMul product{.name = "product", .batch = batch, .b = of_b};
    product.a = first.output;
    if (!first.table.empty()) product.a = random.quantisation(true);
    product.output = random.quantisation(true);
    product.scale = 1.0f / static_cast<float>(random.in(30, 600) * inner);
    network.operators = {{0, first}, {2, product, 1}};
    // Its result is read by a layer, and once more as a factor: of b transposed.
    network.operators.push_back(
        {3, random.linear({columns, 1, batch * rows}, product.output, {}, 1, random.in(1, 7))});
    MatMul second{.name = "second", .batch = batch, .b = of_b};
    second.transposed = true;
    second.a = product.output;
    second.output = random.quantisation(true);
    second.scale = product.scale;
    network.operators.push_back({3, second, 1});
    check(network, random.engine(), different, cut);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(different, 750);
  EXPECT_GT(cut, 30);
}

// Of two inputs, one of which others read, too, whose padding both have then; or of one input twice; or of one
// and a pixel.
TEST(Layers, PairsEqualTheDefinitionInAnyLayout) {
  int different = 0, cut = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const Shape shape{random.in(1, 9), random.in(1, 6), random.in(1, 6)};
    const bool is_signed = random.one_in(2);
    const uint32_t kind = random.in(0, 3);
    Network network;
    network.inputs = {shape, kind == 0 ? Shape{shape.channels, 1, 1} : shape};
    Pairwise pair{.name = "pair", .op = random.one_in(2) ? Pairwise::Op::kAdd : Pairwise::Op::kMul};
    pair.a = random.quantisation(is_signed);
    pair.b = random.quantisation(is_signed);
    pair.output = random.quantisation(is_signed);
    if (random.one_in(3)) pair.b.scale = pair.output.scale = pair.a.scale;  // ties
    pair.output.scale *= pair.op == Pairwise::Op::kAdd ? 1.7f : 2;
    network.operators = {{0, pair, kind == 1 ? size_t{0} : 1}};
    const size_t read = random.in(0, kind == 0 ? 0 : 1);
    if (kind == 2)
      network.operators.push_back(
          {read, random.linear(shape, read == 0 ? pair.a : pair.b, random.window(shape, 3), 1, 5)});
    if (kind == 3) network.operators.push_back({read, MaxPool{"pool", random.window(shape, 3)}});
    if (kind == 3) {  // rows of the other's padding
      const Quantisation& type = read == 0 ? pair.b : pair.a;
      network.operators.push_back(
          {1 - read, random.linear(shape, type, random.window(shape, 3), 1, 5)});
    }
    if (random.one_in(2)) {
      network.operators.push_back(
          {2, random.linear(shape, pair.output, random.window(shape, 3), 1, 5)});
    }
    check(network, random.engine(), different, cut);
    if (testing::Test::HasFatalFailure()) return;
  }
  EXPECT_GT(different, 300);
  EXPECT_GT(cut, 70);
}

TEST(Layers, PairsThatContradictThemselvesAreRefused) {
  const Shape shape{4, 3, 3};
  const auto refused = [&](auto&& change, const Shape& second, LayerErrorCode code,
                           const char* text) {
    Pairwise pair{.name = "add1"};
    change(pair);
    const auto planned = plan({{shape, second}, {{0, pair, 1}}});
    ASSERT_FALSE(planned) << text;
    EXPECT_EQ(planned.error().code, code) << planned.error().message;
    EXPECT_THAT(planned.error().message, HasSubstr(text));
  };
  constexpr auto kBad = LayerErrorCode::kDescription;
  const auto nothing = [](Pairwise&) {};
  refused(nothing, {4, 3, 1}, kBad, "b: expected 4 x 3 x 3 or 4 x 1 x 1, found 4 x 3 x 1");
  refused(nothing, {1, 1, 1}, kBad, "b: expected");
  refused([](Pairwise& p) { p.b.is_signed = false; }, shape, kBad, "types: expected one");
  refused([](Pairwise& p) { p.b.zero_point = 128; }, shape, kBad, "zero point: expected a value");
  refused([](Pairwise& p) { p.output.scale = 0; }, shape, kBad, "scale: expected a positive");
  refused([](Pairwise& p) { p.a.scale = 1e30f, p.output.scale = 1e-30f; }, shape, kBad, "quotient");
  refused([](Pairwise& p) { p.a.scale = 0x1p25f, p.output.scale = 1; }, shape, kBad,
          "scales: expected results of less than 2^31");
  refused([](Pairwise& p) { p.op = Pairwise::Op::kMul, p.a.scale = 0x1p18f, p.output.scale = 1; },
          shape, kBad, "scales: expected results of less than 2^31");
  const Layout a{.shape = shape, .row = 4, .gap = {}}, out{.shape = shape, .row = 3, .gap = {}};
  const auto of_layout = [&](const Layout& b, const char* text) {
    const auto layer = lower(Pairwise{.name = "add1"}, a, b, out);
    ASSERT_FALSE(layer) << text;
    EXPECT_EQ(layer.error().code, LayerErrorCode::kLayout);
    EXPECT_THAT(layer.error().message, HasSubstr(text));
  };
  of_layout({.shape = shape, .row = 3, .gap = {}},
            "expected a row of 4 and 0 pixels before, found 3");
  of_layout({.shape = shape, .row = 4, .lead = 1, .gap = {}}, "0 pixels before, found 4 and 1");
  of_layout({.shape = {4, 1, 1}, .row = 1, .lead = 1, .gap = {}}, "0 pixels before, found 1 and 1");
  of_layout({.shape = shape, .planar = true, .row = 4, .gap = {}}, "planar");
}

// Sums as great as a layer may have them, at both ends of the input.
// Of any layout, and whoever else reads the tensor.
TEST(Layers, GlobalAveragesHaveARowForFourChannels) {
  int different = 0, global = 0, with_gaps = 0, unlike = 0, cut = 0;
  for (uint32_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const Shape shape{4 * random.in(1, 4), random.in(1, 6), random.in(2, 6)};
    const Quantisation type = random.quantisation(random.one_in(2));
    Window window{.kernel = {shape.height, shape.width}};
    if (random.one_in(4)) window.kernel[0] += 1, window.pads = {random.in(0, 1), 0, 0, 0};
    if (window.kernel[0] > shape.height) window.pads[0] = 1;
    Linear average = random.linear(shape, type, window, shape.channels, shape.channels);
    const auto taps = static_cast<ptrdiff_t>(average.weights.size() / shape.channels);
    for (uint32_t c = 1; c < shape.channels; ++c)
      std::copy_n(average.weights.begin(), taps, average.weights.begin() + c * taps);
    std::ranges::fill(average.bias, 77);
    average.weight_scales.resize(1);
    const uint32_t kind = random.in(0, 5);
    if (kind == 0) average.weights.back() = average.weights.back() == 0 ? 1 : 0;
    if (kind == 1) average.bias[2] += 1;
    if (kind == 2) average.weight_scales.assign(shape.channels, average.weight_scales[0]);
    if (kind == 3) average.sums = true;
    if (kind == 4) average.weight_scales.assign(shape.channels, average.weight_scales[0]);
    if (kind == 4) average.weight_scales[1] *= 1.5f;
    Network network{{shape}, {{0, average}}};
    if (random.one_in(2))
      network.operators.push_back({0, random.linear(shape, type, random.window(shape, 3), 1, 5)});
    check(network, random.engine(), different, cut);
    if (testing::Test::HasFatalFailure()) return;
    const auto planned = plan(network);
    const bool is_global = planned->layers[0].rows() == shape.channels / 4;
    EXPECT_EQ(is_global, kind > 1 && kind != 4);
    global += is_global;
    with_gaps += is_global && planned->tensors[0].layout.row > shape.width;
    unlike += !is_global;
  }
  EXPECT_GT(different, 200);
  EXPECT_GT(cut, 25);
  EXPECT_GT(global, 150);
  EXPECT_GT(with_gaps, 20);
  EXPECT_GT(unlike, 50);
}

TEST(Layers, BlocksThatDoNotServeAreRefused) {
  const Shape shape{4, 4, 4};
  const auto blocks = [&](uint32_t block, uint32_t row) {
    return Layout{.shape = shape, .row = row, .gap = uint8_t{128}, .block = block};
  };
  const Layout out{.shape = {1, 2, 2}, .row = 2, .gap = {}};
  Random random(1);
  const Window window{.kernel = {3, 3}, .strides = {2, 2}, .pads = {1, 1, 0, 0}};
  const Linear linear = random.linear(shape, {}, window, 1, 1);
  EXPECT_TRUE(lower(linear, blocks(2, 3), out));
  const auto refused = [](const auto& what, const Layout& in, const Layout& to, const char* text) {
    const auto layer = lower(what, in, to);
    ASSERT_FALSE(layer);
    EXPECT_EQ(layer.error().code, LayerErrorCode::kLayout);
    EXPECT_THAT(layer.error().message, HasSubstr(text));
  };
  refused(linear, blocks(3, 3), out, "expected blocks that divide 4 x 4 pixels, found blocks of 3");
  refused(linear, blocks(0, 4), out, "expected blocks that divide 4 x 4 pixels, found blocks of 0");
  refused(linear, blocks(4, 2), out, "expected blocks that divide strides of 2 x 2, found 4 x 4");
  refused(linear, blocks(2, 1), out, "rows of at least 2 positions");
  refused(linear, blocks(2, 2), out, "gaps of the input: expected 1 positions, found 0");
  Layout other = blocks(2, 3);
  other.gap.reset();
  refused(linear, other, out, "gaps of the input: expected 128, found anything");
  other.planar = true;
  refused(linear, other, out, "found blocks of 2 x 2, planar");
  const MaxPool pool{"pool", {.strides = {2, 2}}};
  refused(pool, blocks(2, 2), {.shape = {4, 2, 2}, .row = 2, .gap = {}}, "no blocks");
  Pairwise pair{.name = "pair"};
  pair.output.scale = 2;
  const auto both = lower(pair, blocks(1, 4), blocks(2, 4), blocks(1, 4));
  ASSERT_FALSE(both);
  EXPECT_THAT(both.error().message, HasSubstr("inputs: expected no blocks, found 1 and 2"));
  EXPECT_TRUE(lower(pair, blocks(1, 4), blocks(1, 4), blocks(2, 2)));
}

TEST(Layers, ExtremeWeightsAndZeroPoints) {
  for (const int16_t w : {int16_t{-255}, int16_t{255}})
    for (const int zero_point : {0, 255}) {
      std::mt19937 random(1);
      Linear l{.name = "dense", .outputs = 5, .window = {.kernel = {30, 30}}};
      l.weights.assign(5 * 18 * 900, w);
      l.bias.assign(5, w);
      l.weight_scales = {1e-9f};
      l.input = {false, 1, zero_point};
      l.output = {true, 0.01f, 0};
      int different = 0, cut = 0;
      check({{{18, 30, 30}}, {{0, l}}}, random, different, cut);
    }
}

Linear small() {
  Linear l{.name = "conv1", .outputs = 2, .window = {.kernel = {3, 3}, .pads = {1, 1, 1, 1}}};
  l.weights.assign(2 * 4 * 9, 1);
  l.bias.assign(2, 0);
  l.weight_scales = {0.01f};
  return l;
}
const Shape kInput{4, 6, 6};

// A bias that a dead channel may have is refused where the output depends on the input.
TEST(Layers, GreatBiasesOfLivingOutputsAreRefused) {
  Linear l = small();
  l.bias[1] = std::numeric_limits<int32_t>::min() + 10000;
  auto planned = plan({{kInput}, {{0, l}}});
  ASSERT_TRUE(planned) << "its output is the least byte, whatever the input";
  EXPECT_EQ(planned->layers[0].bias[1], 0);
  l.bias[1] = 1 << 30;
  l.weight_scales = {0x1p-31f};  // half a step there
  planned = plan({{kInput}, {{0, l}}});
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, LayerErrorCode::kUnfit);
  EXPECT_THAT(planned.error().message, HasSubstr("conv1: output 1: expected sums of at most"));
}

// Any layer, cut anywhere: the same bytes, and no other ones are touched. Parts have the weights of one row of the image.
TEST(Layers, PartsWriteWhatTheWholeDoes) {
  int cut = 0, kinds[4] = {}, outside = 0;
  for (uint64_t seed = 0; seed < 6000; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    vm::test::LayerGenerator random(seed);
    vm::Layer layer = random.layer();
    if (layer.kind == vm::Layer::Kind::kLinear && random.one_in(3)) {
      layer = random.weights_in_memory(layer);
      if (layer.complaint()) continue;
    }
    const auto parts = split(layer, 1 + random.below(20));
    ASSERT_TRUE(parts) << parts.error().message;
    if (parts->size() == 1) {
      EXPECT_EQ(parts->front().layer, layer);
      continue;
    }
    const auto any = [&](uint64_t bytes) {
      std::vector<uint8_t> out(bytes);
      for (uint8_t& byte : out) byte = static_cast<uint8_t>(random.below(256));
      return out;
    };
    const std::vector<uint8_t> in = any(layer.in_extent());
    std::vector<uint8_t> b = any(vm::has_second_input(layer) ? vm::second_extent(layer) : 0);
    random.set_biases(layer, b.data());
    std::vector<uint8_t> expected = any(layer.out_extent()), found = expected;
    call(Part{.layer = layer}, in, b, &expected);
    call(*parts, in, b, &found);
    ASSERT_EQ(found, expected);
    for (const Part& part : *parts) {
      EXPECT_EQ(part.layer.back, parts->front().layer.back);
      EXPECT_EQ(part.layer.taps, parts->front().layer.taps);
      EXPECT_EQ(part.layer.weights, layer.weights);
    }
    ++cut;
    ++kinds[layer.memory_weights ? 3 : static_cast<int>(layer.kind)];
    const auto [least, most] = std::ranges::minmax(layer.taps);
    outside += layer.emits.front().position + most < layer.back ||
               layer.emits.back().position + least >= layer.back + layer.positions;
  }
  EXPECT_GT(cut, 2000);
  for (const int kind : kinds) EXPECT_GT(kind, 100);
  EXPECT_GT(outside, 300);
}

// Whole rows of the output, as equal as they can be, of no more rows of a table than asked for.
TEST(Layers, PartsAreRowsOfTheOutput) {
  Linear l = small();
  l.window = {.kernel = {3, 3}, .pads = {1, 1, 1, 1}};
  const auto planned = plan({{{4, 40, 30}}, {{0, l}}}, 400);
  ASSERT_TRUE(planned) << planned.error().message;
  const std::vector<vm::Layer>& layers = planned->layers;
  const std::vector<Call>& calls = planned->calls[0];
  ASSERT_EQ(calls.size(), 5u);
  for (size_t i = 0; i < calls.size(); ++i) {
    const vm::Layer& layer = layers[calls[i].layer];
    EXPECT_LE(layer.table_rows(), 400u);
    EXPECT_EQ(layer.emits.size(), 8u * 30);
    EXPECT_EQ(layer.name, "conv1 " + std::to_string(i + 1) + "/5");
    EXPECT_EQ(calls[i].out, i * 8 * 30 * 4);
    // A row before, but at the edge, where the layer pads.
    EXPECT_EQ(calls[i].in, i == 0 ? 0 : (i * 8 - 1) * 31 * 4 - 4);
  }
  EXPECT_EQ(layers[1].emits, layers[2].emits) << "one list in the image";
}

TEST(Layers, WhatNoCallCouldHaveIsCut) {
  Linear l = small();
  l.outputs = 16;
  l.window = {};
  l.weights.assign(16 * 4, 1);
  l.bias.assign(16, 0);
  const Network network{{{4, 1024, 1024}}, {{0, l}}};
  const auto planned = plan(network);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->layers.size(), 8u);
  for (const vm::Layer& layer : planned->layers) EXPECT_LE(layer.table_rows(), kLargestCall);

  const auto refused = [&](const Network& of, uint64_t most_rows, const char* text) {
    const auto none = plan(of, most_rows);
    ASSERT_FALSE(none) << text;
    EXPECT_EQ(none.error().code, LayerErrorCode::kUnfit);
    EXPECT_THAT(none.error().message, HasSubstr(text));
  };
  refused(network, 100,
          "conv1: calls of at most 100 rows of a table: expected at most 4096 of them and "
          "134217728 weights, found 41944 and");
  // One position, of which nothing is cut.
  Linear dense{.name = "dense1", .outputs = 4096, .weight_scales = {0.1f}};
  dense.operand = Linear::Operand{};
  refused({{{4096, 1, 1}}, {{0, dense}}}, kLargestCall,
          "dense1: words of weights in memory: expected 1..2097152, found 4198400");
}

TEST(Layers, WhatHasTooManyProductsIsCut) {
  Linear l{.name = "conv1", .outputs = 512, .weight_scales = {0.1f}};
  l.window = {.kernel = {3, 3}, .pads = {1, 1, 1, 1}};
  l.operand = Linear::Operand{};
  const auto planned = plan({{{512, 112, 112}}, {{0, l}}}, vm::kMaxLayerRows);
  ASSERT_TRUE(planned) << planned.error().message;
  EXPECT_EQ(planned->layers.size(), 2u);
  for (const vm::Layer& layer : planned->layers) EXPECT_LE(layer.products(), vm::kMaxLayerProducts);
}

// Where a row of the output is too much, too: a part that ended in the middle of one and went on in the next would have
// a list of its own, and a large layer's lists would be too long for an image.
TEST(Layers, PartsOfRowsAreAlike) {
  const auto planned =
      plan({{{1024, 20, 20}}, {{0, MaxPool{"pool", {.kernel = {13, 13}, .pads = {6, 6, 6, 6}}}}}});
  ASSERT_TRUE(planned) << planned.error().message;
  ASSERT_GT(planned->layers.size(), 20u);
  EXPECT_EQ(planned->layers.size() % 20, 0u);
  for (const vm::Layer& layer : planned->layers)
    EXPECT_EQ(layer.emits.size(), planned->layers[0].emits.size());
}

// Each part has functions of its own, which a section counts.
TEST(Layers, PartsAreCountedInTheProgram) {
  Linear l{.name = "conv1", .outputs = 1024, .weights = std::vector<int16_t>(4096, 1)};
  l.bias.assign(1024, 0);
  for (int i = 0; i < 1024; ++i) l.weight_scales.push_back(0.1f + 0.0001f * static_cast<float>(i));
  l.table.assign(256, 7);
  for (size_t i = 0; i < 256; ++i) l.table[i] = static_cast<uint8_t>(255 - i);
  const auto planned = plan({{{4, 92, 92}}, {{0, l}}}, 1 << 14);
  ASSERT_FALSE(planned);
  EXPECT_EQ(planned.error().code, LayerErrorCode::kUnfit);
  EXPECT_THAT(planned.error().message, HasSubstr("expected at most 131072 functions with tables"));
}

TEST(Layers, EqualRulesAreOneFunction) {
  Linear l = small();
  EXPECT_EQ(plan({{kInput}, {{0, l}}})->layers[0].functions.size(), 2u);  // and that of padding
  l.weight_scales = {0.01f, 0.02f};
  EXPECT_EQ(plan({{kInput}, {{0, l}}})->layers[0].functions.size(), 3u);
}

TEST(Layers, DescriptionsThatContradictThemselvesAreRefused) {
  const auto refused = [](auto&& change, LayerErrorCode code, const char* text) {
    Linear l = small();
    change(l);
    const auto planned = plan({{kInput}, {{0, l}}});
    ASSERT_FALSE(planned) << text;
    EXPECT_EQ(planned.error().code, code) << planned.error().message;
    EXPECT_THAT(planned.error().message, HasSubstr(text));
  };
  constexpr auto kBad = LayerErrorCode::kDescription;
  refused([](Linear& l) { l.weights.pop_back(); }, kBad, "weights: expected 72, found 71");
  refused([](Linear& l) { l.weights[0] = 256; }, LayerErrorCode::kUnfit,
          "expected -255..255, found 256");
  refused([](Linear& l) { l.bias.pop_back(); }, kBad, "biases: expected 2, found 1");
  refused([](Linear& l) { l.weight_scales = {0, 1, 2}; }, kBad, "scales: expected 2, found 3");
  refused([](Linear& l) { l.weight_scales = {0}; }, kBad, "scale: expected a positive normal");
  refused([](Linear& l) { l.input.zero_point = 128; }, kBad, "zero points");
  refused([](Linear& l) { l.table = {1}; }, kBad, "table: expected 256, found 1");
  refused([](Linear& l) { l.groups = 3; }, kBad, "groups: expected a divisor of 4 channels");
  refused([](Linear& l) { l.window.kernel[0] = 9; }, kBad, "window");
  refused([](Linear& l) { l.window.strides[0] = 0; }, kBad, "window");

  const auto of_layout = [](const Layout& in, const char* text) {
    const auto layer = lower(small(), in, {.shape = {2, 6, 6}, .row = 6, .gap = {}});
    ASSERT_FALSE(layer) << text;
    EXPECT_EQ(layer.error().code, LayerErrorCode::kLayout);
    EXPECT_THAT(layer.error().message, HasSubstr(text));
  };
  of_layout({.shape = kInput, .row = 5, .gap = 128}, "rows of at least 6 positions");
  of_layout({.shape = kInput, .row = 6, .gap = 128},
            "gaps of the input: expected 1 positions, found 0");
  of_layout({.shape = kInput, .row = 7, .gap = 127}, "gaps of the input: expected 128, found 127");
  of_layout({.shape = kInput, .row = 7, .gap = {}},
            "gaps of the input: expected 128, found anything");
}

}  // namespace
}  // namespace zkvm::layers
