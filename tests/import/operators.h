// Operators of zk::nn beyond the tensor unit, of random parameters: one list, which a guest runs, and the host too, beside
// evaluate.h.
#pragma once

#include <zk/nn.h>

#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <type_traits>
#include <utility>

namespace operators {

using zk::nn::Tensor;

// xorshift.
class Random {
 public:
  constexpr explicit Random(uint32_t seed) : state_(seed * 2654435761u | 1) { next(), next(); }
  constexpr uint32_t next() {
    state_ ^= state_ << 13, state_ ^= state_ >> 17, state_ ^= state_ << 5;
    return state_;
  }
  constexpr int in(int least, int greatest) {
    return least + static_cast<int>((next() >> 8) % static_cast<uint32_t>(greatest - least + 1));
  }
  constexpr bool one_of(int n) { return in(1, n) == 1; }
  // Of few bits, so that sums meet ties.
  constexpr float scale() {
    return static_cast<float>(in(1, 40)) / static_cast<float>(1 << in(4, 9));
  }
  template <class T>
  constexpr int zero_point() {
    constexpr int kLeast = std::numeric_limits<T>::min();
    return one_of(3) ? kLeast : one_of(3) ? kLeast + 255 : kLeast + in(0, 255);
  }

 private:
  uint32_t state_;
};

// All bytes, extremes, or neighbours.
template <class X>
X random_tensor(Random& random) {
  constexpr int kLeast = std::numeric_limits<typename X::Element>::min();
  const int kind = random.in(0, 3), center = random.in(0, 250);
  X x;
  for (auto& element : x.data)
    element = static_cast<typename X::Element>(kLeast + (kind == 0   ? random.in(0, 1) * 255
                                                         : kind == 1 ? center + random.in(0, 5)
                                                                     : random.in(0, 255)));
  return x;
}

template <int kSeed>
using Signed = std::conditional_t<kSeed % 2 == 1, int8_t, uint8_t>;

// Average pools.

struct Geometry {
  int channels;
  std::array<int, 2> in, out, kernel, strides, dilations;
  std::array<int, 4> pads;
};
constexpr Geometry geometry(int seed) {
  Random random(static_cast<uint32_t>(seed));
  Geometry g{.channels = random.in(1, 3),
             .in = {},
             .out = {},
             .kernel = {},
             .strides = {},
             .dilations = {1, 1},
             .pads = {}};
  const bool rounds_up = random.one_of(2), whole = random.one_of(5);
  for (size_t axis = 0; axis < 2; ++axis) {
    g.in[axis] = random.in(1, 9);
    g.kernel[axis] = whole ? g.in[axis] : random.in(1, g.in[axis] < 4 ? g.in[axis] : 4);
    g.strides[axis] = random.in(1, 3);
    if (!whole) {
      g.pads[axis] = random.in(0, g.kernel[axis] - 1);
      g.pads[axis + 2] = random.in(0, g.kernel[axis] - 1);
    }
    const int room = g.in[axis] + g.pads[axis] + g.pads[axis + 2] - g.kernel[axis];
    g.out[axis] = room / g.strides[axis] + 1;
    const bool one_more = rounds_up && room % g.strides[axis] != 0;
    if (one_more && g.out[axis] * g.strides[axis] < g.in[axis] + g.pads[axis]) ++g.out[axis];
  }
  return g;
}
template <int kSeed>
constexpr auto make_average_pool() {
  using T = Signed<kSeed>;
  constexpr Geometry g = geometry(kSeed);
  Random random(kSeed + 1000);
  const float input = random.scale();
  const float output = random.one_of(3) ? input : random.one_of(2) ? input / 2 : random.scale();
  return zk::nn::AveragePool2dParams<Tensor<T, g.channels, g.out[0], g.out[1]>>{
      g.channels,
      g.in,
      g.out,
      g.kernel,
      g.strides,
      g.dilations,
      g.pads,
      random.one_of(2),
      {input, random.zero_point<T>()},
      {output, random.zero_point<T>()}};
}
template <int kSeed>
inline constexpr auto kAveragePool = make_average_pool<kSeed>();

// Products of matrices.

struct MatrixSizes {
  int batch, rows, inner, columns;
};
constexpr MatrixSizes matrix_sizes(int seed) {
  Random random(static_cast<uint32_t>(seed + 2000));
  return {random.in(1, 3), random.in(1, 9), random.in(1, 20), random.in(1, 9)};
}
template <int kSeed>
constexpr auto make_mat_mul() {
  using A = Signed<kSeed>;
  using B = Signed<kSeed / 2>;
  using Y = Signed<kSeed / 4>;
  constexpr MatrixSizes s = matrix_sizes(kSeed);
  Random random(kSeed + 3000);
  return zk::nn::MatMulParams<Tensor<Y, s.batch, s.rows, s.columns>>{
      s.batch,
      s.rows,
      s.inner,
      s.columns,
      random.zero_point<A>(),
      random.zero_point<B>(),
      random.zero_point<Y>(),
      random.scale() / static_cast<float>(1 << random.in(0, 8))};
}
template <int kSeed>
inline constexpr auto kMatMul = make_mat_mul<kSeed>();

// Softmax. The table is of an exp that is constexpr; operators_test.cc holds it against constants.h.

constexpr double exponential(double x) {
  constexpr double kLog2 = 0.6931471805599453094;
  int power = static_cast<int>(x / kLog2);
  const double rest = (x - power * 0.693147180369123816490) - power * 1.90821492927058770002e-10;
  double term = 1, sum = 1;
  for (int i = 1; i < 24; ++i) term *= rest / i, sum += term;
  // A float32 has no less than 2^-149.
  return power < -200 ? 0 : sum * std::bit_cast<double>(static_cast<uint64_t>(1023 + power) << 52);
}
constexpr float room_for(int width) {  // log(FLT_MAX / width)
  const float x = std::numeric_limits<float>::max() / static_cast<float>(width);
  double log = 88;
  for (int i = 0; i < 20; ++i) log += x * exponential(-log) - 1;
  return static_cast<float>(log);
}
struct SoftmaxNumbers {
  int rows, width;
  float input, output;
};
constexpr SoftmaxNumbers softmax_numbers(int seed) {
  Random random(static_cast<uint32_t>(seed + 4000));
  constexpr float kOutputs[] = {1.0f / 256, 1.0f / 255, 1.0f / 128, 0.0021f, 0.013f};
  return {random.in(1, 6), random.one_of(4) ? random.in(1, 3) : random.in(2, 40), random.scale(),
          kOutputs[random.in(0, 4)]};
}
template <int kSeed>
constexpr auto make_softmax() {
  using T = Signed<kSeed>;
  constexpr SoftmaxNumbers s = softmax_numbers(kSeed);
  Random random(kSeed + 5000);
  zk::nn::SoftmaxParams<Tensor<T, s.rows, s.width>> params{
      s.width,
      static_cast<uint32_t>(1.0f / s.output),
      random.one_of(2) ? std::numeric_limits<T>::min() : random.zero_point<T>(),
      {}};
  const double room = double{room_for(s.width)} - 5, scale = s.input;
  const double shift = (room > 0 ? room : 0) / scale;
  for (int i = 0; i < 256; ++i)
    params.exponentials[static_cast<size_t>(i)] =
        std::bit_cast<uint32_t>(static_cast<float>(exponential((i - 255 + shift) * scale)));
  return params;
}
template <int kSeed>
inline constexpr auto kSoftmax = make_softmax<kSeed>();

// Means.

struct RowSizes {
  int rows, width, count;
};
constexpr RowSizes row_sizes(int seed) {
  Random random(static_cast<uint32_t>(seed + 6000));
  const int width = random.in(1, 33);
  return {random.in(1, 9), width, random.in(1, width)};
}
template <int kSeed>
constexpr auto make_reduce_mean() {
  constexpr RowSizes s = row_sizes(kSeed);
  Random random(kSeed + 7000);
  const float input = random.scale();
  const float output = random.one_of(3) ? input : random.one_of(2) ? input / 4 : random.scale();
  return zk::nn::ReduceMeanParams<Tensor<Signed<kSeed / 2>, s.rows>>{
      s.width,
      {input, random.zero_point<Signed<kSeed>>()},
      {output, random.zero_point<Signed<kSeed / 2>>()}};
}
template <int kSeed>
inline constexpr auto kReduceMean = make_reduce_mean<kSeed>();

// Layer normalisation of an ONNX model's numbers, and what constants.h makes of them.

template <int kWidth>
struct NormalizationNumbers {
  std::array<float, kWidth> scale, bias;
  float epsilon, input, output;
  int zero_point;
};
template <int kSeed>
constexpr auto normalization_numbers() {
  constexpr int kWidth = row_sizes(kSeed).width;
  Random random(kSeed + 8000);
  NormalizationNumbers<kWidth> n{};
  for (float& x : n.scale) x = random.scale() * static_cast<float>(random.one_of(4) ? -1 : 1);
  for (float& x : n.bias) x = random.scale() * static_cast<float>(random.one_of(2) ? -1 : 1);
  n.epsilon = random.one_of(5) ? 0 : 1.0f / static_cast<float>(1 << random.in(4, 20));
  n.input = random.scale(), n.output = random.scale() / 4;
  n.zero_point = random.zero_point<Signed<kSeed>>();
  return n;
}
constexpr int64_t rounded(double x) {  // half to even
  const int64_t floor =
      static_cast<int64_t>(x) - (static_cast<double>(static_cast<int64_t>(x)) > x);
  const double rest = x - static_cast<double>(floor);
  return floor + (rest > 0.5 || (rest == 0.5 && floor % 2 != 0));
}
template <int kSeed>
constexpr auto make_layer_normalization() {
  constexpr RowSizes s = row_sizes(kSeed);
  constexpr auto n = normalization_numbers<kSeed>();
  const double unit = n.input, width = s.width;
  zk::nn::LayerNormalizationParams<Tensor<Signed<kSeed>, s.rows, s.width>, s.width> params{};
  params.epsilon =
      static_cast<uint64_t>(rounded(n.epsilon * width * width / (unit * unit) * 65536));
  int gain_shift = 30;
  for (const float x : n.scale)
    while (gain_shift > 10 && (x < 0 ? -x : x) / double{n.output} * (1 << gain_shift) >= 1 << 30)
      --gain_shift;
  params.shift = 22 + gain_shift;
  for (size_t i = 0; i < n.scale.size(); ++i) {
    params.gains[i] =
        static_cast<int32_t>(rounded(double{n.scale[i]} / n.output * (1 << gain_shift)));
    params.offsets[i] = rounded((double{n.bias[i]} / n.output + n.zero_point + 0.5) *
                                static_cast<double>(int64_t{1} << params.shift));
  }
  return params;
}
template <int kSeed>
inline constexpr auto kLayerNormalization = make_layer_normalization<kSeed>();

// Order.

template <int kSeed>
inline constexpr auto kArgMax = zk::nn::ArgMaxParams<Tensor<int32_t, row_sizes(kSeed).rows>>{
    row_sizes(kSeed).width, kSeed / 2 % 2 == 1, kSeed / 4 % 2 == 1};
template <int kSeed>
inline constexpr auto kTopK =
    zk::nn::TopKParams<Tensor<Signed<kSeed>, row_sizes(kSeed).rows, row_sizes(kSeed).count>,
                       Tensor<int32_t, row_sizes(kSeed).rows, row_sizes(kSeed).count>>{
        row_sizes(kSeed).width, row_sizes(kSeed).count, kSeed / 2 % 2 == 1};

// Rows of a table.

inline constexpr auto kRows = [] {
  std::array<uint8_t, 17 * 5> rows{};
  Random random(9000);
  for (uint8_t& x : rows) x = static_cast<uint8_t>(random.next() >> 9);
  return rows;
}();
inline constexpr zk::nn::GatherParams<Tensor<int8_t, 3, 4, 5>> kGather{17, 5, kRows.data()};

// Moves: of bytes to and from the places that random strides give, so that no byte is written twice.

template <int kSeed>
constexpr auto make_move() {
  Random random(kSeed + 10000);
  constexpr int kCopies = kSeed % 5 == 4 ? 24 : kSeed % 5;
  using Out = std::conditional_t<
      kSeed % 3 == 0, zk::nn::Features<int8_t, 5, 7, 6, {false, 8, 9, 3, 77}>,
      std::conditional_t<kSeed % 3 == 1, zk::nn::Features<uint8_t, 3, 9, 13, {true, 20, 0, 0, 5}>,
                         Tensor<int8_t, 4, 125>>>;
  zk::nn::MoveParams<Out, kCopies, 2> params{random.one_of(2) ? -1 : random.in(0, 255), {}, {}};
  for (auto& table : params.tables)
    for (uint8_t& x : table) x = static_cast<uint8_t>(random.next() >> 11);
  // The result in equal parts, one for each copy.
  const uint32_t part = 480 / (kCopies < 1 ? 1 : kCopies) / 4 * 4;
  for (int i = 0; i < kCopies; ++i) {
    auto& copy = params.copies[static_cast<size_t>(i)];
    copy.input = static_cast<uint32_t>(random.in(0, 1));
    copy.table = random.in(-2, 1);
    copy.to = part * static_cast<uint32_t>(i);
    copy.axes.fill({1, 0, 0});
    uint32_t room = part, reach = 0, step = 1;  // of what is written
    const bool words = random.one_of(3);
    for (int axis = 4; axis >= 0 && room > 1; --axis) {
      const uint32_t most = room < 12 ? room : 12;
      uint32_t count = static_cast<uint32_t>(random.in(1, static_cast<int>(most)));
      if (words && axis == 4) count = room < 4 ? 1 : count * 4 <= room ? count * 4 : 4;
      const int32_t from = axis == 4 && random.one_of(2) ? 1
                           : words                       ? (axis == 4 ? 1 : 4 * random.in(0, 3))
                                                         : random.in(0, 9);
      copy.axes[static_cast<size_t>(axis)] = {count, from, static_cast<int32_t>(step)};
      reach += (count - 1) * static_cast<uint32_t>(from);
      step *= count, room /= count;
      if (words && step % 4 != 0) break;
    }
    // Some axes go backwards.
    if (!words && random.one_of(2)) {
      auto& axis = copy.axes[4];
      copy.from = (axis.count - 1) * static_cast<uint32_t>(axis.from);
      axis.from = -axis.from;
    }
    // What the operands have is 700 bytes.
    for (auto& axis : copy.axes)
      while (reach >= 600 && axis.from > 0) {
        reach -= axis.count - 1;
        --axis.from;
      }
    copy.from += static_cast<uint32_t>(random.in(0, 24)) * 4;
  }
  return params;
}
template <int kSeed>
inline constexpr auto kMove = make_move<kSeed>();
using MoveInput = Tensor<uint8_t, 7, 100>;

// Calls take.operator()<parameters>(y, x...) for each operator, on random tensors.
template <class Take>
struct Runner {
  Random& random;
  Take& take;

  template <int kSeed>
  void run_one() {
    using T = Signed<kSeed>;
    {
      constexpr Geometry g = geometry(kSeed);
      const auto x = random_tensor<Tensor<T, g.channels, g.in[0], g.in[1]>>(random);
      take.template operator()<kAveragePool<kSeed>>(zk::nn::average_pool<kAveragePool<kSeed>>(x),
                                                    x);
    }
    {
      constexpr MatrixSizes s = matrix_sizes(kSeed);
      const auto a = random_tensor<Tensor<T, s.batch, s.rows, s.inner>>(random);
      const auto b = random_tensor<Tensor<Signed<kSeed / 2>, s.batch, s.inner, s.columns>>(random);
      take.template operator()<kMatMul<kSeed>>(zk::nn::mat_mul<kMatMul<kSeed>>(a, b), a, b);
    }
    {
      constexpr SoftmaxNumbers s = softmax_numbers(kSeed);
      const auto x = random_tensor<Tensor<T, s.rows, s.width>>(random);
      take.template operator()<kSoftmax<kSeed>, kSeed>(zk::nn::softmax<kSoftmax<kSeed>>(x), x);
    }
    constexpr RowSizes s = row_sizes(kSeed);
    const auto x = random_tensor<Tensor<T, s.rows, s.width>>(random);
    take.template operator()<kReduceMean<kSeed>>(zk::nn::reduce_mean<kReduceMean<kSeed>>(x), x);
    take.template operator()<kLayerNormalization<kSeed>, kSeed>(
        zk::nn::layer_normalization<kLayerNormalization<kSeed>>(x), x);
    take.template operator()<kArgMax<kSeed>>(zk::nn::arg_max<kArgMax<kSeed>>(x), x);
    take.template operator()<kTopK<kSeed>>(zk::nn::top_k<kTopK<kSeed>>(x), x);
    {
      const auto a = random_tensor<MoveInput>(random), b = random_tensor<MoveInput>(random);
      take.template operator()<kMove<kSeed>>(zk::nn::move<kMove<kSeed>>(a, b), a, b);
    }
  }

  template <int... kSeeds>
  void run(std::integer_sequence<int, kSeeds...>) {
    (run_one<kSeeds>(), ...);
    Tensor<int32_t, 3, 4> index;
    for (int32_t& i : index.data) i = random.in(-17, 16);
    take.template operator()<kGather>(zk::nn::gather_rows<kGather>(index), index);
  }
};

template <int kCount, class Take>
void for_each(Random& random, Take&& take) {
  Runner<std::remove_reference_t<Take>>{random, take}.run(
      std::make_integer_sequence<int, kCount>());
}

}  // namespace operators
