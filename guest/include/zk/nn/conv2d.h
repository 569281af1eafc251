// Two-dimensional convolution, bit-exact with ONNX Runtime's QLinearConv, alone or with a 2x2 max
// pool.
#pragma once

#include <stdint.h>

#include <array>
#include <bit>
#include <limits>

#include "zk/nn/layer.h"
#include "zk/nn/unit.h"

namespace zk::nn {

// Parameters of a convolution as ONNX has them: one group, no dilation, the same padding and stride
// on all sides; weights [output][channel][kernel row][kernel column], zero point 0, one scale per
// output; bias in units of input.scale * weight scale. A ReLU is the clamp, as in DenseParams.
template <Byte T, int kOutputs_, int kChannels_, int kKernelH_, int kKernelW_, int kPad_ = 0,
          int kStride_ = 1>
struct Conv2dParams {
  using Element = T;
  static constexpr int kOutputs = kOutputs_, kChannels = kChannels_;
  static constexpr int kKernelH = kKernelH_, kKernelW = kKernelW_;
  static constexpr int kPad = kPad_, kStride = kStride_;
  static constexpr int kTaps = kChannels * kKernelH * kKernelW;

  std::array<int8_t, kOutputs * kTaps> weights;
  std::array<int32_t, kOutputs> bias;
  std::array<float, kOutputs> weight_scales;
  Quantisation input, output;
};

// The input is laid out as padded rows of pixels, channels innermost, so that a kernel row is one
// run of kKernelW * kChannels taps.
template <int kChannels, int kKernelH, int kKernelW>
struct Conv2dOrder {
  template <int kLanes>
  struct Of {
    static constexpr int kRun = kKernelW * kChannels;
    static constexpr int kRunWords = (kRun + kLanes - 1) / kLanes;
    static constexpr int kWords = kKernelH * kRunWords;

    static constexpr int tap(int word, int lane) {
      const int row = word / kRunWords, at = word % kRunWords * kLanes + lane;
      if (at >= kRun) return -1;
      const int column = at / kChannels, channel = at % kChannels;
      return (channel * kKernelH + row) * kKernelW + column;
    }
  };
};

// The words of a laid-out input: word i holds tap i and, if paired, tap i + 1, so that a run of
// taps may start anywhere.
template <class Taps, Byte T, int kSize>
class Lanes;

template <Byte T, int kSize>
class Lanes<PairedTaps, T, kSize> {
 public:
  void fill(T x) {
    const uint16_t high = static_cast<uint16_t>(x - kMin);
    for (Pair& pair : pairs_) pair = {static_cast<uint16_t>(high + 1), high};
  }
  void set(int i, T x) {
    const uint16_t high = static_cast<uint16_t>(x - kMin);
    pairs_[i].high = high;
    pairs_[i + 1].low = static_cast<uint16_t>(high + 1);
  }
  // The last word's high lane meets a weight of 0, but must hold something.
  void finish() { pairs_[kSize].high = 0; }

  struct Pair {
    alignas(4) uint16_t low;
    uint16_t high;
  };
  using Word = Pair;
  const Pair* words() const { return pairs_ + 1; }
  static uint32_t load(const Pair& pair) { return std::bit_cast<uint32_t>(pair); }

 private:
  static constexpr int kMin = std::numeric_limits<T>::min();
  Pair pairs_[kSize + 1];
};

template <Byte T, int kSize>
class Lanes<SingleTaps, T, kSize> {
 public:
  using Word = uint32_t;
  void fill(T x) {
    for (uint32_t& word : words_) word = static_cast<uint32_t>(x);
  }
  void set(int i, T x) { words_[i] = static_cast<uint32_t>(x); }
  void finish() {}
  const uint32_t* words() const { return words_; }
  static uint32_t load(uint32_t word) { return word; }

 private:
  uint32_t words_[kSize];
};

// kPool: the greatest of each 2x2 window of outputs, stride 2. Requantisation is monotone, so the
// greatest accumulator gives the greatest output, and only that one is requantised.
template <const auto& kParams, int kHeight, int kWidth, bool kPool>
struct Conv2dLayer {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using T = typename Params::Element;
  static constexpr int kChannels = Params::kChannels, kStride = Params::kStride;
  using Base =
      Layer<kParams, Conv2dOrder<kChannels, Params::kKernelH, Params::kKernelW>::template Of, 4>;
  static constexpr int kOutputs = Base::kOutputs;

  static constexpr int kPaddedH = kHeight + 2 * Params::kPad, kPaddedW = kWidth + 2 * Params::kPad;
  static constexpr int kConvH = (kPaddedH - Params::kKernelH) / kStride + 1;
  static constexpr int kConvW = (kPaddedW - Params::kKernelW) / kStride + 1;
  static_assert(kPaddedH >= Params::kKernelH && kPaddedW >= Params::kKernelW,
                "zk::nn::conv2d: the kernel is larger than the padded input");
  static_assert(!kPool || (kConvH >= 2 && kConvW >= 2),
                "zk::nn::conv2d_max_pool: the convolution's output is smaller than a 2x2 window");
  static constexpr int kOutH = kPool ? kConvH / 2 : kConvH, kOutW = kPool ? kConvW / 2 : kConvW;

  // Positions that share each load of a weight: a pool window, or some neighbours in a row.
  static constexpr int kTileH = kPool ? 2 : 1, kTileW = kPool ? 2 : lesser(4, kConvW);
  static constexpr int kTile = kTileH * kTileW;

  using Input = Lanes<typename Base::Taps, T, kPaddedH * kPaddedW * kChannels>;
  static constexpr int kRowLanes = kPaddedW * kChannels;

  static void lay_out(const T* x, Input& lanes) {
    if constexpr (Params::kPad > 0) lanes.fill(static_cast<T>(kParams.input.zero_point));
    for (int channel = 0; channel < kChannels; ++channel) {
      for (int row = 0; row < kHeight; ++row) {
        int at = ((row + Params::kPad) * kPaddedW + Params::kPad) * kChannels + channel;
        for (int column = 0; column < kWidth; ++column, at += kChannels) lanes.set(at, *x++);
      }
    }
    lanes.finish();
  }

  using Word = typename Input::Word;
  // Where position p of a tile starts, in words from the tile's first.
  static constexpr int offset(int p) {
    return (p / kTileW * kRowLanes + p % kTileW * kChannels) * kStride;
  }

  // result[i][p] = start + dot product of output `first` + i at position p of the tile that starts
  // at `word`: kSize * kTile accumulators that stay in registers.
  template <int kSize>
  static void accumulate(const Word* word, int first, int32_t (&result)[kSize][kTile]) {
    constexpr int kRunWords = Base::Words::kRunWords, kLanes = Base::Taps::kLanes;
    const auto* weight = Base::weights(first);
    int32_t acc[kSize][kTile];
#pragma GCC unroll 16
    for (int i = 0; i < kSize; ++i) {
      const int32_t start = Base::start(first + i);
#pragma GCC unroll 16
      for (int p = 0; p < kTile; ++p) acc[i][p] = start;
    }
#pragma GCC unroll 1
    for (int row = 0; row < Params::kKernelH; ++row, word += kRowLanes - kRunWords * kLanes) {
#pragma GCC unroll 1
      for (const Word* end = word + kRunWords * kLanes; word != end; word += kLanes) {
        uint32_t lanes[kTile];
#pragma GCC unroll 16
        for (int p = 0; p < kTile; ++p) lanes[p] = Input::load(word[offset(p)]);
#pragma GCC unroll 16
        for (int i = 0; i < kSize; ++i) {
          const auto w = *weight++;
#pragma GCC unroll 16
          for (int p = 0; p < kTile; ++p) acc[i][p] += Base::Taps::product(lanes[p], w);
        }
      }
    }
#pragma GCC unroll 16
    for (int i = 0; i < kSize; ++i) {
#pragma GCC unroll 16
      for (int p = 0; p < kTile; ++p) result[i][p] = acc[i][p];
    }
  }

  static void run(const T* x, Tensor<T, kOutputs, kOutH, kOutW>& y) {
    Input lanes;
    lay_out(x, lanes);
    for (int row = 0; row < kOutH; ++row) {
      for (int next = 0; next < kOutW; next += kPool ? 1 : kTileW) {
        // The last tile of a row may overlap the one before.
        const int column = kPool ? next : lesser(next, kOutW - kTileW);
        const Word* word =
            lanes.words() +
            (row * kTileH * kRowLanes + column * (kPool ? 2 : 1) * kChannels) * kStride;
        Base::for_each_block([&]<int kSize>(int first) {
          int32_t acc[kSize][kTile];
          accumulate<kSize>(word, first, acc);
          store<kSize>(acc, first, row, column, y);
        });
      }
    }
  }

  template <int kSize>
  static void store(const int32_t (&acc)[kSize][kTile], int first, int row, int column,
                    Tensor<T, kOutputs, kOutH, kOutW>& y) {
#pragma GCC unroll 1
    for (int i = 0; i < kSize; ++i) {
      if constexpr (kPool) {
        const int32_t greatest =
            greater(greater(acc[i][0], acc[i][1]), greater(acc[i][2], acc[i][3]));
        y(first + i, row, column) = Base::requantised(first + i, greatest);
      } else {
        for (int p = 0; p < kTile; ++p)
          y(first + i, row, column + p) = Base::requantised(first + i, acc[i][p]);
      }
    }
  }
};

// y[o][i][j] = requantised(bias[o] + sum of weights[o] times the window of x at (i, j) * stride -
// pad). x [channels][height][width]; returns [outputs][(height + 2 pad - kernel) / stride +
// 1][likewise]. Works in 4 bytes of stack per padded element. Source: ONNX QLinearConv.
template <const auto& kParams, Byte T, int kChannels, int kHeight, int kWidth>
  requires(!OnUnit<kParams>)
auto conv2d(const Tensor<T, kChannels, kHeight, kWidth>& x) {
  using L = Conv2dLayer<kParams, kHeight, kWidth, false>;
  static_assert(std::is_same_v<T, typename L::T> && kChannels == L::kChannels,
                "zk::nn::conv2d: the input's type or channels are not what the parameters say");
  Tensor<T, L::kOutputs, L::kOutH, L::kOutW> y;
  L::run(x.data, y);
  return y;
}

// max_pool<2>(conv2d<kParams>(x)), at a quarter of the requantisations.
template <const auto& kParams, Byte T, int kChannels, int kHeight, int kWidth>
  requires(!OnUnit<kParams>)
auto conv2d_max_pool(const Tensor<T, kChannels, kHeight, kWidth>& x) {
  using L = Conv2dLayer<kParams, kHeight, kWidth, true>;
  static_assert(
      std::is_same_v<T, typename L::T> && kChannels == L::kChannels,
      "zk::nn::conv2d_max_pool: the input's type or channels are not what the parameters say");
  Tensor<T, L::kOutputs, L::kOutH, L::kOutW> y;
  L::run(x.data, y);
  return y;
}

}  // namespace zk::nn
