// Fixed-shape tensors, of bytes mostly, in ONNX's element order: row-major, the last dimension contiguous.
#pragma once

#include <stdint.h>

#include <concepts>
#include <limits>

namespace zk::nn {

template <class T>
concept Byte = std::same_as<T, int8_t> || std::same_as<T, uint8_t>;

// What tensors hold: bytes, and at a network's ends indices, sums and floats.
template <class T>
concept Scalar = Byte<T> || std::same_as<T, int32_t> || std::same_as<T, float>;

// std::min and std::max, without <algorithm>: to read that takes a small guest's compiler as long as all the rest.
template <class T>
constexpr const T& lesser(const T& a, const T& b) {
  return b < a ? b : a;
}
template <class T>
constexpr const T& greater(const T& a, const T& b) {
  return a < b ? b : a;
}

// Value of a quantised element x: scale * (x - zero_point).
struct Quantisation {
  float scale;
  int zero_point;
};

// What ONNX allows, and layers assert.
constexpr bool is_scale(float scale) {
  return scale > 0 && scale <= std::numeric_limits<float>::max();
}
template <Byte T>
constexpr bool is_zero_point(int zero_point) {
  return zero_point >= std::numeric_limits<T>::min() && zero_point <= std::numeric_limits<T>::max();
}

// `data` starts on a word, so that kernels may load four elements at once.
template <Scalar T, int... kDims>
struct Tensor {
  using Element = T;
  static constexpr int kSize = (kDims * ... * 1);

  alignas(4) T data[kSize];

  // Index by coordinates, one per dimension; REQUIRES: each within its dimension.
  template <std::convertible_to<int>... I>
    requires(sizeof...(I) == sizeof...(kDims))
  constexpr T& operator()(I... i) {
    return data[offset(i...)];
  }
  template <std::convertible_to<int>... I>
    requires(sizeof...(I) == sizeof...(kDims))
  constexpr const T& operator()(I... i) const {
    return data[offset(i...)];
  }

 private:
  template <class... I>
  static constexpr int offset(I... i) {
    int at = 0;
    ((at = at * kDims + static_cast<int>(i)), ...);
    return at;
  }
};

}  // namespace zk::nn
