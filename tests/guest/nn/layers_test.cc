// Whole layers against ONNX Runtime, on the host, and layers against each other.
#include "tests/guest/nn/layers.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <span>

#include "tests/guest/nn/vectors.h"

namespace {

using zk::nn::Tensor;

// The vectors must keep reaching both kernels.
template <const auto& kParams>
using Dense = zk::nn::DenseLayer<kParams>::Base;
static_assert(std::is_same_v<Dense<layers::kDense2>::Taps, zk::nn::PairedTaps>);
static_assert(std::is_same_v<Dense<layers::kDense3>::Taps, zk::nn::SingleTaps>);
static_assert(std::is_same_v<zk::nn::Conv2dLayer<layers::kConv1, 7, 9, false>::Base::Taps,
                             zk::nn::PairedTaps>);
static_assert(std::is_same_v<zk::nn::Conv2dLayer<layers::kConv3, 6, 10, false>::Base::Taps,
                             zk::nn::SingleTaps>);

TEST(Layers, EqualOnnxRuntime) {
  const std::vector<uint8_t> inputs = read_vector("inputs.bin"),
                             outputs = read_vector("outputs.bin");
  size_t in = 0, out = 0;
  for (int sample = 0; sample < kSamples; ++sample) {
    int index = 0;
    layers::for_each([&](auto x, auto layer) {
      ASSERT_LE(in + sizeof(x.data), inputs.size());
      memcpy(x.data, inputs.data() + in, sizeof(x.data));
      in += sizeof(x.data);
      const auto y = layer(x);
      ASSERT_LE(out + sizeof(y.data), outputs.size());
      EXPECT_EQ(memcmp(y.data, outputs.data() + out, sizeof(y.data)), 0)
          << "sample " << sample << ", layer " << index;
      out += sizeof(y.data);
      ++index;
    });
  }
  EXPECT_EQ(in, inputs.size());
  EXPECT_EQ(out, outputs.size());
}

template <class T>
T random_tensor(std::mt19937& random) {
  T x;
  for (auto& element : x.data) element = static_cast<typename T::Element>(random());
  return x;
}

TEST(Layers, FusedMaxPoolEqualsTwoSteps) {
  std::mt19937 random(1);
  for (int i = 0; i < 50; ++i) {
    const auto compare = [](const auto& fused, const auto& steps) {
      ASSERT_EQ(sizeof(fused), sizeof(steps));
      EXPECT_EQ(memcmp(fused.data, steps.data, sizeof(fused.data)), 0);
    };
    const auto a =
        random_tensor<Tensor<int8_t, 3, 7, 9>>(random);  // odd sizes: the rest is dropped
    compare(zk::nn::conv2d_max_pool<layers::kConv1>(a),
            zk::nn::max_pool<2>(zk::nn::conv2d<layers::kConv1>(a)));
    const auto b = random_tensor<Tensor<int8_t, 4, 9, 9>>(random);  // stride 2
    compare(zk::nn::conv2d_max_pool<layers::kConv2>(b),
            zk::nn::max_pool<2>(zk::nn::conv2d<layers::kConv2>(b)));
    const auto c = random_tensor<Tensor<uint8_t, 2, 6, 10>>(random);  // single taps
    compare(zk::nn::conv2d_max_pool<layers::kConv3>(c),
            zk::nn::max_pool<2>(zk::nn::conv2d<layers::kConv3>(c)));
  }
}

// Ratios near 3/4 and 1/2 of a unit per input step, but not exactly: ties that only float32's
// roundings decide.
inline constexpr zk::nn::AveragePoolParams kThirds{.input = {0.3f, -1}, .output = {0.1f, 2}};
inline constexpr zk::nn::AveragePoolParams kSevenths{.input = {0.7f, 4}, .output = {0.35f, -9}};

template <const auto& kParams>
void check_average_pool(std::mt19937& random) {
  auto x = random_tensor<Tensor<int8_t, 64, 8, 8>>(random);
  for (int8_t& element : x.data)
    element = static_cast<int8_t>(element >> (random() & 3));  // not all saturate
  const auto y = zk::nn::average_pool<2, kParams>(x);
  for (int i = 0; i < y.kSize; ++i) {
    const int channel = i / 16, row = i / 4 % 4 * 2, column = i % 4 * 2;
    float sum = 0;
    for (const int at : {0, 1, 8, 9}) {
      sum += kParams.input.scale *
             static_cast<float>((&x(channel, row, column))[at] - kParams.input.zero_point);
    }
    const float real =
        sum / 4 / kParams.output.scale + static_cast<float>(kParams.output.zero_point);
    ASSERT_EQ(y.data[i], static_cast<int8_t>(std::clamp(std::nearbyint(real), -128.0f, 127.0f)))
        << real;
  }
}

TEST(Layers, AveragePoolEqualsFloat32) {
  std::mt19937 random(3);
  for (int i = 0; i < 300; ++i) {
    check_average_pool<kThirds>(random);
    check_average_pool<kSevenths>(random);
  }
}

TEST(Layers, DenseTakesAnyShape) {
  std::mt19937 random(2);
  const auto flat = random_tensor<Tensor<uint8_t, 63>>(random);
  Tensor<uint8_t, 7, 3, 3> shaped;
  memcpy(shaped.data, flat.data, sizeof(flat.data));
  EXPECT_TRUE(std::ranges::equal(zk::nn::dense<layers::kDense2>(shaped).data,
                                 zk::nn::dense<layers::kDense2>(flat).data));
}

// Outputs that have nothing in common: ordinary ones; a unit that is never active (no weights, or
// some, and a great bias); scales far apart; constants at and within the clamp; a bias that the
// fast way has no room for.
template <class T, int kZeroPoint>
constexpr auto mixed_outputs() {
  constexpr int kOutputs = 14, kInputs = 11;
  zk::nn::DenseParams<T, kOutputs, kInputs> p{};
  for (int i = 0; i < kOutputs * kInputs; ++i)
    p.weights[i] = static_cast<int8_t>(i * 37 % 251 - 125);
  for (int o = 0; o < kOutputs; ++o) p.bias[o] = 700 * o - 3000, p.weight_scales[o] = 0x1p-9f;
  const auto without_weights = [&](int o, int32_t bias, float scale) {
    for (int i = 0; i < kInputs; ++i) p.weights[o * kInputs + i] = 0;
    p.bias[o] = bias;
    p.weight_scales[o] = scale;
  };
  without_weights(0, -2147268905, 0x1p-33f);
  without_weights(1, 2147483647, 0x1p-31f);
  without_weights(2, INT32_MIN, 0x1.8p-30f);
  without_weights(3, 17, 0.3f);
  without_weights(4, 0, 1);
  p.bias[5] = -2000000000, p.weight_scales[5] = 0x1p-20f;
  p.bias[6] = 2000000000, p.weight_scales[6] = 0x1.1p-29f;  // rounds to 0 or 1: no constant
  p.bias[7] = 1999999999, p.weight_scales[7] = 0x1.5p-27f;
  p.weight_scales[8] = 0x1p-40f;
  p.weight_scales[9] = 0x1.234p6f;
  p.weight_scales[10] = 3.7f;
  p.input = {0.5f, kZeroPoint};
  p.output = {0.75f, kZeroPoint};
  return p;
}
constexpr auto kMixedSigned = mixed_outputs<int8_t, -3>();
constexpr auto kMixedUnsigned = mixed_outputs<uint8_t, 0>();
constexpr auto kMixedHigh = mixed_outputs<uint8_t, 255>();
// They used to make each other slow.
static_assert(zk::nn::Outputs<kMixedSigned>::kRescale.pre_shift >= 0);
static_assert(zk::nn::Outputs<kMixedUnsigned>::kRescale.pre_shift >= 0);

template <const auto& kParams>
void expect_the_definition() {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using T = typename Params::Element;
  std::mt19937 random(3);
  for (int round = 0; round < 3000; ++round) {
    auto x = random_tensor<Tensor<T, Params::kTaps>>(random);
    if (round < 2) {
      for (T& element : x.data) {
        element = round == 0 ? std::numeric_limits<T>::min() : std::numeric_limits<T>::max();
      }
    }
    const auto y = zk::nn::dense<kParams>(x);
    for (int o = 0; o < Params::kOutputs; ++o) {
      int64_t sum = kParams.bias[o];
      for (int i = 0; i < Params::kTaps; ++i) {
        sum += kParams.weights[o * Params::kTaps + i] * (x.data[i] - kParams.input.zero_point);
      }
      const auto acc = static_cast<int32_t>(sum);
      const float scale =
          zk::nn::output_scale(kParams.input.scale, kParams.weight_scales[o], kParams.output.scale);
      ASSERT_EQ(y.data[o], zk::nn::saturate<T>(zk::nn::rescale(acc, zk::nn::multiplier_of(scale)),
                                               kParams.output.zero_point))
          << "round " << round << ", output " << o;
    }
  }
}

TEST(Dense, OutputsOfEveryKindInOneLayer) {
  expect_the_definition<kMixedSigned>();
  expect_the_definition<kMixedUnsigned>();
  expect_the_definition<kMixedHigh>();
}

TEST(Parameters, ScalesAndZeroPoints) {
  using zk::nn::is_output_scale, zk::nn::is_scale, zk::nn::is_zero_point;
  EXPECT_TRUE(is_scale(1e-38f) && is_scale(1e38f));
  for (const float scale : {0.0f, -0.1f, INFINITY, -INFINITY, NAN}) EXPECT_FALSE(is_scale(scale));
  EXPECT_TRUE(is_output_scale(1e-10f, 1e-10f, 1e-10f));
  EXPECT_FALSE(is_output_scale(1e-30f, 1e-10f, 1));       // underflows
  EXPECT_FALSE(is_output_scale(1e-30f, 1e-10f, 1e-30f));  // on the way
  EXPECT_FALSE(is_output_scale(1e30f, 1, 1e-30f));
  EXPECT_TRUE(is_zero_point<int8_t>(-128) && is_zero_point<int8_t>(127));
  EXPECT_FALSE(is_zero_point<int8_t>(-129) || is_zero_point<int8_t>(128));
  EXPECT_FALSE(is_zero_point<uint8_t>(-1) || is_zero_point<uint8_t>(256));
}

TEST(Tensor, IsRowMajor) {
  Tensor<int8_t, 2, 3, 4> x{};
  x(1, 2, 3) = 7;
  x(0, 1, 0) = 5;
  EXPECT_EQ(x.data[23], 7);
  EXPECT_EQ(x.data[4], 5);
  EXPECT_EQ(std::as_const(x)(1, 2, 3), 7);
}

TEST(Relu, ClampsBelowTheZeroPoint) {
  const Tensor<int8_t, 4> x{{-128, -3, -2, 127}};
  EXPECT_TRUE(
      std::ranges::equal(zk::nn::relu(x, -2).data, std::to_array<int8_t>({-2, -2, -2, 127})));
}

TEST(ArgMax, TakesTheFirstOfEquals) {
  EXPECT_EQ(zk::nn::arg_max(Tensor<int8_t, 5>{{-4, 9, -128, 9, 8}}), 1);
  EXPECT_EQ(zk::nn::arg_max(Tensor<uint8_t, 3>{{0, 0, 255}}), 2);
}

// Every pair of weights, with activations at their ends: the one `mul` gives both products,
// exactly.
template <class T>
void check_pairs() {
  constexpr int kMin = std::numeric_limits<T>::min();
  int fitting = 0;
  for (int w0 = -128; w0 <= 127; ++w0) {
    for (int w1 = -128; w1 <= 127; ++w1) {
      if (!zk::nn::pair_fits(w0, w1)) continue;
      ++fitting;
      for (const int a : {0, 1, 2, 127, 128, 254, 255}) {
        for (const int b : {0, 1, 2, 127, 128, 254, 255}) {
          const uint32_t word = static_cast<uint32_t>(a + 1) + (static_cast<uint32_t>(b) << 16);
          const int32_t product =
              zk::nn::PairedTaps::product(word, zk::nn::PairedTaps::weight(w0, w1));
          const int x0 = a + kMin, x1 = b + kMin;
          ASSERT_EQ(product - zk::nn::PairedTaps::excess<T>(w0, w1), x0 * w0 + x1 * w1)
              << w0 << ' ' << w1;
        }
      }
    }
  }
  EXPECT_GT(fitting, 256 * 256 / 2);
}

TEST(Taps, OneMultiplicationIsTwoProducts) {
  check_pairs<int8_t>();
  check_pairs<uint8_t>();
}

TEST(Taps, SevenBitWeightsAlwaysPair) {
  for (int w0 = -64; w0 <= 64; ++w0) {
    for (int w1 = -64; w1 <= 64; ++w1) EXPECT_TRUE(zk::nn::pair_fits(w0, w1));
  }
  EXPECT_FALSE(zk::nn::pair_fits(64, 65));
  EXPECT_FALSE(zk::nn::pair_fits(-128, -1));
}

}  // namespace
