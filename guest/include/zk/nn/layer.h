// What dense and convolution layers share: weights and scales laid out for the target at compile
// time.
#pragma once

#include <stdint.h>

#include <algorithm>
#include <array>
#include <type_traits>

#include "zk/nn/requantise.h"
#include "zk/nn/taps.h"
#include "zk/nn/tensor.h"

namespace zk::nn {

// Everything that a layer computes from its parameters before it runs.
//
// `kParams` is a constexpr object of namespace scope: DenseParams or Conv2dParams. `Order<Lanes>`
// says which tap of an output stands in each lane of each word: `kWords`, and `tap(word, lane)`, -1
// for none. A dot product goes through its words once, for `kMaxBlock` or fewer outputs at a time,
// and the weights stand in exactly the order in which it reads them: block, word, output.
template <const auto& kParams, template <int> class Order, int kMaxBlock>
class Layer {
  using Params = std::remove_cvref_t<decltype(kParams)>;

  static constexpr int tap_weight(int output, int tap) {
    return tap < 0 ? 0 : kParams.weights[output * Params::kTaps + tap];
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
    return requantise<Element, kRescale.pre_shift>(acc, kData.factors[output], kData.scales[output],
                                                   kParams.output.zero_point);
  }

 private:
  struct Data {
    std::array<Weight, kOutputs * kWords> weights;
    std::array<int32_t, kOutputs> start, factors;
    std::array<float, kOutputs> scales;
  };

  static constexpr float scale(int output) {
    return output_scale(kParams.input.scale, kParams.weight_scales[output], kParams.output.scale);
  }

  static constexpr FastRescale fast_rescale() {
    float largest = 0;
    int64_t bound = 0;
    for (int output = 0; output < kOutputs; ++output) {
      largest = std::max(largest, scale(output));
      int64_t sum = 0;
      for (int tap = 0; tap < Params::kTaps; ++tap) {
        const int weight = tap_weight(output, tap);
        sum += weight < 0 ? -weight : weight;
      }
      const int64_t bias = kParams.bias[output];
      bound = std::max(bound, 255 * sum + (bias < 0 ? -bias : bias));
    }
    return FastRescale::of(largest, bound);
  }
  static constexpr FastRescale kRescale = fast_rescale();

  static constexpr Data lay_out() {
    Data data{};
    for_each_block([&]<int kSize>(int first) {
      Weight* at = data.weights.data() + first * kWords;
      for (int word = 0; word < kWords; ++word) {
        const int tap0 = Words::tap(word, 0);
        const int tap1 = Taps::kLanes == 2 ? Words::tap(word, 1) : -1;
        for (int output = first; output < first + kSize; ++output) {
          const int w0 = tap_weight(output, tap0), w1 = tap_weight(output, tap1);
          *at++ = Taps::weight(w0, w1);
          data.start[output] -=
              Taps::template excess<Element>(w0, w1) + kParams.input.zero_point * (w0 + w1);
        }
      }
    });
    for (int output = 0; output < kOutputs; ++output) {
      data.start[output] += kParams.bias[output];
      data.scales[output] = scale(output);
      data.factors[output] = kRescale.factor(scale(output));
    }
    return data;
  }
  static constexpr Data kData = lay_out();
};

}  // namespace zk::nn
