// What dense and convolution layers share: weights and scales laid out for the target at compile
// time.
#pragma once

#include <stdint.h>

#include <array>
#include <limits>
#include <type_traits>

#include "zk/nn/requantise.h"
#include "zk/nn/taps.h"
#include "zk/nn/tensor.h"

namespace zk::nn {

// What a layer's outputs can be, whatever the input; and what its parameters must be.
template <const auto& kParams>
class Outputs {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using Element = typename Params::Element;
  static constexpr int kOutputs = Params::kOutputs;

  static constexpr bool scales_are_scales() {
    bool good = is_scale(kParams.input.scale) && is_scale(kParams.output.scale);
    for (const float scale : kParams.weight_scales) good = good && is_scale(scale);
    return good;
  }
  static constexpr bool output_scales_are_normal() {
    bool good = true;
    for (const float scale : kParams.weight_scales) {
      good = good && is_output_scale(kParams.input.scale, scale, kParams.output.scale);
    }
    return good;
  }
  static_assert(scales_are_scales(),
                "zk::nn: every scale must be positive, and no infinity or NaN");
  static_assert(!scales_are_scales() || output_scales_are_normal(),
                "zk::nn: input scale * weight scale / output scale must be a normal float32");
  static_assert(is_zero_point<Element>(kParams.input.zero_point) &&
                    is_zero_point<Element>(kParams.output.zero_point),
                "zk::nn: zero points must be values of the element type");

 public:
  static constexpr float scale(int output) {
    return output_scale(kParams.input.scale, kParams.weight_scales[output], kParams.output.scale);
  }

  struct Kind {
    int64_t bound;  // of |accumulator|
    bool constant;  // the least accumulator and the greatest give one element
    int y;          // then: that element, less the zero point
  };
  static constexpr std::array<Kind, kOutputs> kinds() {
    constexpr int kLeast = std::numeric_limits<Element>::min() - kParams.input.zero_point;
    constexpr int kGreatest = std::numeric_limits<Element>::max() - kParams.input.zero_point;
    std::array<Kind, kOutputs> out{};
    for (int output = 0; output < kOutputs; ++output) {
      int64_t least = kParams.bias[output], greatest = least;
      for (int tap = 0; tap < Params::kTaps; ++tap) {
        const int weight = kParams.weights[output * Params::kTaps + tap];
        least += weight * (weight < 0 ? kGreatest : kLeast);
        greatest += weight * (weight < 0 ? kLeast : kGreatest);
      }
      Kind& kind = out[output];
      kind.bound = greater(-least, greatest);
      if (kind.bound > std::numeric_limits<int32_t>::max()) continue;
      const auto element = [&](int64_t acc) {  // grows with acc
        return saturate<Element>(rescale(static_cast<int32_t>(acc), multiplier_of(scale(output))),
                                 kParams.output.zero_point);
      };
      kind.constant = element(least) == element(greatest);
      kind.y = element(least) - kParams.output.zero_point;
    }
    return out;
  }
  static constexpr std::array<Kind, kOutputs> kKinds = kinds();

  // The fast way of as many outputs as possible: the others do not make these slow.
  static constexpr FastRescale fast_rescale() {
    int most = 0;
    bool constants = false;
    for (const Kind& kind : kKinds) constants = constants || kind.constant;
    FastRescale best{constants ? FastRescale::least_pre_shift(1) : -1};
    for (int pre_shift = 0; pre_shift < 31; ++pre_shift) {
      int count = 0;
      for (int output = 0; output < kOutputs; ++output) {
        const Kind& kind = kKinds[output];
        if (!kind.constant && FastRescale{pre_shift}.fits(scale(output), kind.bound)) ++count;
      }
      if (count > most) best = {pre_shift}, most = count;
    }
    return best;
  }
  static constexpr FastRescale kRescale = fast_rescale();
};

// Everything that a layer computes from its parameters before it runs.
//
// `kParams` is a constexpr object of namespace scope: DenseParams or Conv2dParams. `Order<Lanes>`
// says which tap of an output stands in each lane of each word: `kWords`, and `tap(word, lane)`, -1
// for none. A dot product goes through its words once, for `kMaxBlock` or fewer outputs at a time,
// and the weights stand in exactly the order in which it reads them: block, word, output.
template <const auto& kParams, template <int> class Order, int kMaxBlock>
class Layer {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using Range = Outputs<kParams>;
  static constexpr FastRescale kRescale = Range::kRescale;

  static constexpr int tap_weight(int output, int tap) {
    return tap < 0 || Range::kKinds[output].constant
               ? 0
               : kParams.weights[output * Params::kTaps + tap];
  }

  static constexpr bool weights_pair() {
    using Pairs = Order<PairedTaps::kLanes>;
    for (int word = 0; word < Pairs::kWords; ++word) {
      const int tap0 = Pairs::tap(word, 0), tap1 = Pairs::tap(word, 1);
      for (int output = 0; output < kOutputs; ++output) {
        if (!pair_fits(tap_weight(output, tap0), tap_weight(output, tap1))) return false;
      }
    }
    return true;
  }

 public:
  using Element = typename Params::Element;
  static constexpr int kOutputs = Params::kOutputs;

  using Taps = std::conditional_t<weights_pair(), PairedTaps, SingleTaps>;
  using Words = Order<Taps::kLanes>;
  using Weight = typename Taps::Weight;
  static constexpr int kWords = Words::kWords;

  // Calls block.operator()<kSize>(first output) for blocks of nearly equal size.
  template <class Block>
  static constexpr void for_each_block(Block&& block) {
    constexpr int kBlocks = (kOutputs + kMaxBlock - 1) / kMaxBlock;
    constexpr int kSize = kOutputs / kBlocks, kLarger = kOutputs % kBlocks;
    int first = 0;
    if constexpr (kLarger > 0) {
      for (; first < kLarger * (kSize + 1); first += kSize + 1) {
        block.template operator()<kSize + 1>(first);
      }
    }
    for (; first < kOutputs; first += kSize) block.template operator()<kSize>(first);
  }

  // The weights of the block that starts at output `first`.
  static const Weight* weights(int first) { return kData.weights.data() + first * kWords; }

  // What the accumulator of an output starts from: the bias, less what zero points and lanes add.
  static int32_t start(int output) { return kData.start[output]; }

  static Element requantised(int output, int32_t acc) {
    const int32_t factor = kData.factors[output];
    if constexpr (kSomeAreSlow) {
      if (factor == kSlow) [[unlikely]]
        return requantise<Element, -1>(acc, 0, kData.scales[output], kParams.output.zero_point);
    }
    return requantise<Element, kRescale.pre_shift>(acc, factor, kData.scales[output],
                                                   kParams.output.zero_point);
  }

 private:
  struct Data {
    std::array<Weight, kOutputs * kWords> weights;
    std::array<int32_t, kOutputs> start, factors;
    std::array<float, kOutputs> scales;
  };

  // An output that is a constant gets no weights, and for accumulator and scale a pair that gives
  // the constant and goes the fast way: y 2^n and 2^-n.
  static constexpr int kConstantShift =
      kRescale.pre_shift < 0 ? 0 : greater(0, FastRescale::least_pre_shift(1) - kRescale.pre_shift);

  static constexpr int32_t kSlow = -1;  // in place of a factor

  static constexpr Data lay_out() {
    Data data{};
    std::array<int64_t, kOutputs> start{};
    for_each_block([&]<int kSize>(int first) {
      Weight* at = data.weights.data() + first * kWords;
      for (int word = 0; word < kWords; ++word) {
        const int tap0 = Words::tap(word, 0);
        const int tap1 = Taps::kLanes == 2 ? Words::tap(word, 1) : -1;
        for (int output = first; output < first + kSize; ++output) {
          const int w0 = tap_weight(output, tap0), w1 = tap_weight(output, tap1);
          *at++ = Taps::weight(w0, w1);
          start[output] -=
              Taps::template excess<Element>(w0, w1) + kParams.input.zero_point * (w0 + w1);
        }
      }
    });
    for (int output = 0; output < kOutputs; ++output) {
      const auto& kind = Range::kKinds[output];
      int64_t bound = kind.bound;
      data.scales[output] = Range::scale(output);
      if (kind.constant) {
        constexpr int kOne = 1 << kConstantShift;
        start[output] = kind.y * kOne;
        bound = greater(start[output], -start[output]);
        data.scales[output] = 1.0f / kOne;
      } else {
        start[output] += kParams.bias[output];
      }
      data.start[output] = static_cast<int32_t>(start[output]);  // modulo 2^32, as sums are
      data.factors[output] =
          kRescale.fits(data.scales[output], bound) ? kRescale.factor(data.scales[output]) : kSlow;
    }
    return data;
  }
  static constexpr Data kData = lay_out();

  static constexpr bool some_are_slow() {
    for (const int32_t factor : kData.factors)
      if (factor == kSlow) return true;
    return false;
  }
  static constexpr bool kSomeAreSlow = kRescale.pre_shift >= 0 && some_are_slow();
};

}  // namespace zk::nn
