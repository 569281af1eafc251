// Requantisation in integers against the host's IEEE float32.
#include "zk/nn/requantise.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

namespace {

using zk::nn::Byte;
using zk::nn::FastRescale;

float product_of(int32_t acc, float scale) { return static_cast<float>(acc) * scale; }

int32_t rescale_in_float(int32_t acc, float scale) {
  const float clamped = std::min(std::max(product_of(acc, scale), -1048576.0f), 1048576.0f);
  return static_cast<int32_t>(std::nearbyint(clamped));
}

template <Byte T>
T requantise_in_float(int32_t acc, float scale, int zero_point) {
  const int y = rescale_in_float(acc, scale) + zero_point;
  return static_cast<T>(
      std::clamp<int>(y, std::numeric_limits<T>::min(), std::numeric_limits<T>::max()));
}

// requantise<T, pre_shift>, with pre_shift known at run time.
template <Byte T>
T requantise(int pre_shift, int32_t acc, int32_t factor, float scale, int zero_point) {
  using Function = T (*)(int32_t, int32_t, float, int);
  static constexpr auto kTable = []<int... i>(std::integer_sequence<int, i...>) {
    return std::array<Function, sizeof...(i)>{zk::nn::requantise<T, i - 1>...};
  }(std::make_integer_sequence<int, 32>());
  return kTable[static_cast<unsigned>(pre_shift + 1)](acc, factor, scale, zero_point);
}

struct Scales {
  std::mt19937_64 random{3};

  // mantissa * 2^exponent: random, with few bits (which makes exact ties), or at the ends.
  float next() {
    const uint64_t r = random();
    uint32_t mantissa = static_cast<uint32_t>(r) & 0x7fffff;
    if (r >> 60 < 4) mantissa &= 0x7fffffu << (r >> 56 & 15) << 8;
    if (r >> 60 == 4) mantissa = 0x7fffff;
    const int exponent = static_cast<int>(r >> 32 & 31) - 28;  // 2^-28 ... 2^3
    return std::ldexp(static_cast<float>(mantissa | 0x800000), exponent - 23);
  }
};

// The accumulators that matter for a scale: around every tie within the clamp, every power of two
// and the ends.
std::vector<int32_t> hard_accumulators(float scale, std::mt19937_64& random) {
  std::vector<int32_t> accs{0, 1, -1, INT32_MIN, INT32_MIN + 1, INT32_MAX};
  const auto around = [&accs](double x) {
    if (std::abs(x) > 2147483000.0) return;
    for (int i = -1; i <= 2; ++i) accs.push_back(static_cast<int32_t>(std::floor(x)) + i);
  };
  for (int k = -260; k <= 260; ++k) around((k + 0.5) / static_cast<double>(scale));
  for (int bit = 1; bit < 31; ++bit) {
    around(std::ldexp(1.0, bit));
    around(-std::ldexp(1.0, bit));
    accs.push_back(static_cast<int32_t>(random() >> 32) >> bit);
  }
  return accs;
}

TEST(Requantise, EqualsFloat32AroundEveryTie) {
  Scales scales;
  int64_t checked = 0, exact_ties = 0, made_ties = 0, fast = 0;
  for (int n = 0; n < 6000; ++n) {
    const float scale = scales.next();
    const auto multiplier = zk::nn::multiplier_of(scale);
    const int zero_point = static_cast<int>(scales.random() & 255) - 128;
    const auto accs = hard_accumulators(scale, scales.random);
    for (const int32_t acc : accs) {
      const int32_t expected = rescale_in_float(acc, scale);
      ASSERT_EQ(zk::nn::rescale(acc, multiplier), expected) << acc << " * " << scale;
      // How often the roundings of float32 matter: the product is a tie, exactly or by rounding.
      const float y = product_of(acc, scale);
      if (std::abs(y) < 300 && y - std::floor(y) == 0.5f) {
        const bool exact =
            static_cast<double>(acc) * static_cast<double>(scale) == static_cast<double>(y);
        ++(exact ? exact_ties : made_ties);
      }
    }
    // The fast path, for a layer whose greatest scale is up to 2^8 times this one.
    const float largest = std::ldexp(scale, static_cast<int>(scales.random() & 7));
    for (const int bits : {16, 20, 24, 28, 31}) {
      const int64_t bound = (int64_t{1} << bits) - 1;
      const FastRescale layer = FastRescale::of(largest, bound);
      const int32_t factor = layer.factor(scale);
      fast += layer.pre_shift >= 0;
      for (const int32_t acc : accs) {
        if (std::abs(int64_t{acc}) > bound) continue;
        ASSERT_EQ(requantise<int8_t>(layer.pre_shift, acc, factor, scale, zero_point),
                  requantise_in_float<int8_t>(acc, scale, zero_point))
            << acc << " * " << scale << ", largest " << largest << ", bound 2^" << bits;
        ASSERT_EQ(requantise<uint8_t>(layer.pre_shift, acc, factor, scale, zero_point + 128),
                  requantise_in_float<uint8_t>(acc, scale, zero_point + 128))
            << acc << " * " << scale << ", largest " << largest << ", bound 2^" << bits;
        ++checked;
      }
    }
  }
  EXPECT_GT(checked, 20'000'000);
  EXPECT_GT(exact_ties, 10'000);
  EXPECT_GT(made_ties, 1'000);
  EXPECT_GT(fast, 10'000);
  RecordProperty("accumulators", std::to_string(checked));
}

// One layer's scale, every accumulator it can meet.
TEST(Requantise, EqualsFloat32Everywhere) {
  for (const float scale : {0.00031234f, 0.0078125f, 0.00001f}) {
    constexpr int64_t kBound = (1 << 21) - 1;
    const FastRescale layer = FastRescale::of(scale, kBound);
    ASSERT_GE(layer.pre_shift, 0);
    const int32_t factor = layer.factor(scale);
    for (int32_t acc = -kBound; acc <= kBound; ++acc) {
      ASSERT_EQ(requantise<int8_t>(layer.pre_shift, acc, factor, scale, -17),
                requantise_in_float<int8_t>(acc, scale, -17))
          << acc << " * " << scale;
    }
  }
}

TEST(Requantise, RoundsAccumulatorsBeyond24Bits) {
  // 2^24 + 1 is no float32; it becomes 2^24, and 2^24 + 3 becomes 2^24 + 4.
  const auto one = zk::nn::multiplier_of(std::ldexp(1.0f, -10));
  EXPECT_EQ(zk::nn::rescale((1 << 24) + 512, one), 1 << 14);  // a tie, to even
  EXPECT_EQ(zk::nn::rescale((1 << 24) + 513, one), 1 << 14);  // made a tie by the conversion
  EXPECT_EQ(zk::nn::rescale((1 << 24) + 515, one), (1 << 14) + 1);
  EXPECT_EQ(zk::nn::rescale(INT32_MIN, one), -(1 << 20));
}

}  // namespace
