// Multiply-accumulate for RV32IM: two int8 products with one `mul`.
//
// A *tap* is one product x * w of a dot product. Activations enter as lanes: u = x - min(T) + 1 in
// [1, 256] for the low lane and v = x - min(T) in [0, 255] for the high one. A word holds two taps:
//
//     X = u + 2^16 v           W = w1 + 2^16 w0   (mod 2^32)
//     X W = u w1 + 2^16 (u w0 + v w1)             (mod 2^32)
//
// so an arithmetic shift right by 16 gives u w0 + v w1 + floor(u w1 / 2^16), provided that this
// fits 16 signed bits. The last term is 0 if w1 >= 0 and -1 if w1 < 0, because 1 <= u and |u w1| <=
// 2^15: a constant of the weights, as are the lanes' offsets. All constants go into the bias at
// compile time, and what remains in the loop is `lw, mul, srai, add` for two taps.
//
// The sum fits for every pair of weights in [-64, 64], which is what ONNX Runtime's `reduce_range`
// gives, and for most others; `pair_fits` decides. Layers with a pair that does not fit use
// SingleTaps.
#pragma once

#include <stdint.h>

#include <limits>

#include "zk/nn/tensor.h"

namespace zk::nn {

constexpr bool pair_fits(int w0, int w1) {
  const auto positive = [](int w) { return w > 0 ? w : 0; };
  const int high = 256 * positive(w0) + 255 * positive(w1);
  const int low = -256 * positive(-w0) - 255 * positive(-w1) - (w1 < 0 ? 1 : 0);
  return high <= 32767 && low >= -32768;
}

struct PairedTaps {
  static constexpr int kLanes = 2;
  using Weight = uint32_t;

  static constexpr Weight weight(int w0, int w1) {
    return static_cast<uint32_t>(w1) + (static_cast<uint32_t>(w0) << 16);
  }
  static constexpr int32_t product(uint32_t x, Weight w) {
    return static_cast<int32_t>(x * w) >> 16;
  }
  // What the products of this pair exceed x0 w0 + x1 w1 by, where x are the elements themselves.
  template <Byte T>
  static constexpr int excess(int w0, int w1) {
    constexpr int kMin = std::numeric_limits<T>::min();
    return (1 - kMin) * w0 - kMin * w1 - (w1 < 0 ? 1 : 0);
  }
};

// One tap per word, for weights that do not pair: X = x, W = w.
struct SingleTaps {
  static constexpr int kLanes = 1;
  using Weight = int8_t;

  static constexpr Weight weight(int w0, int) { return static_cast<int8_t>(w0); }
  static constexpr int32_t product(uint32_t x, Weight w) { return static_cast<int32_t>(x) * w; }
  template <Byte T>
  static constexpr int excess(int, int) {
    return 0;
  }
};

}  // namespace zk::nn
