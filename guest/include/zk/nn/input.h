// Tensors from a guest's private input.
#pragma once

#include <zk/blake3.h>
#include <zk/io.h>
#if defined(__riscv)
#include <zk/syscall.h>
#endif

#include <algorithm>
#include <array>
#include <bit>

#include "zk/nn/features.h"

namespace zk::nn {

// read_bytes of a row: a few instructions, where a call of that takes some 50.
template <int kBytes>
inline void read_row(uint32_t* row) {
#if defined(__riscv)
  if constexpr (kBytes < 1 << 16) {  // else the VM may give less
    if (abi::read(row, kBytes) != kBytes) [[unlikely]]
      fail("zkvm: the input ended before zk::nn::read_tensor had its value");
    return;
  }
#endif
  read_bytes(std::as_writable_bytes(std::span(row, kBytes / 4)));
}

template <int kWords>
inline void row_of_words(const uint32_t* from, uint32_t* to) {
  for (int i = 0; i < kWords; ++i) to[i] = from[i];
}

// x is what read_tensor makes of a tensor's bytes, which begin at `words`. (Not a result: with a second return in
// read_tensor clang would copy x.)
template <class X>
void take_tensor(const uint32_t* words, X& x) {
  if constexpr (requires { x.data; }) {
    std::array<uint32_t, sizeof(X) / 4> copy;
    std::copy_n(words, copy.size(), copy.data());
    if constexpr (std::same_as<typename X::Element, int8_t>) {
      for (uint32_t& word : copy) word ^= 0x80808080;
    }
    x = std::bit_cast<X>(copy);
  } else {
    constexpr Layout kLayout = X::layout();
    if constexpr (kLayout.planar && kLayout.row % 4 == 0 && X::kWidth % 4 == 0) {
      uint32_t* row = x.words;
      for (int i = 0; i < X::kChannels * X::kHeight; ++i, row += kLayout.row / 4)
        row_of_words<X::kWidth / 4>(words + i * (X::kWidth / 4), row);
    } else {
      const auto* next = reinterpret_cast<const uint8_t*>(words);
      for (int channel = 0; channel < X::kChannels; ++channel)
        for (int i = 0; i < X::kHeight; ++i)
          for (int j = 0; j < X::kWidth; ++j) x.bytes()[X::byte_of(channel, i, j)] = *next++;
    }
    x.fill_gaps();
    x.fill_padding();
  }
}

// X::kSize bytes in ONNX's element order, padded to whole words, as tensors are stored in the unit: an int8
// x as x + 128 (so the bytes of a picture are int8 with zero point -128 as they stand). X is a Tensor
// or what a layer of the tensor unit reads; a planar one is read in place.
template <class X>
X read_tensor() {
  constexpr bool kSigned = std::same_as<typename X::Element, int8_t>;
  X x;
  if constexpr (requires { x.data; }) {
    constexpr int kWords = sizeof(X) / 4;
    auto words = zk::read<std::array<uint32_t, kWords>>();
    if constexpr (kSigned) {
      for (uint32_t& word : words) word ^= 0x80808080;
    }
    static_assert(sizeof(words) == sizeof(x));
    x = std::bit_cast<X>(words);
  } else {
    constexpr Layout kLayout = X::layout();
    if constexpr (kLayout.planar && kLayout.row == X::kWidth) {
      read_into(x.words);
    } else if constexpr (kLayout.planar && kLayout.row % 4 == 0 && X::kWidth % 4 == 0) {
      constexpr int kRow = kLayout.row / 4;
#pragma GCC unroll 1
      for (uint32_t* row = x.words; row != x.words + X::kChannels * X::kHeight * kRow; row += kRow)
        read_row<X::kWidth>(row);
    } else {
      take_tensor(zk::read<std::array<uint32_t, (X::kSize + 3) / 4>>().data(), x);
    }
    x.fill_gaps();
    x.fill_padding();
  }
  return x;
}

// As read_tensor, of an input that is public: its bytes as they stand in the guest's input, padded to whole words, go
// into `digest`.
template <class X>
X read_public_tensor(Blake3& digest) {
  constexpr int kBytes = [] {
    if constexpr (requires(X x) { x.data; })
      return static_cast<int>(sizeof(X));
    else
      return X::kSize;
  }();
  const auto words = zk::read<std::array<uint32_t, (kBytes + 3) / 4>>();
  digest.update(bytes_of(words));
  X x;
  take_tensor(words.data(), x);
  return x;
}

// As read_tensor, of an input whose channels are the innermost axis, [height][width][channels]: that is the unit's own
// order, so it is read in place.
template <class X>
X read_pixels() {
  constexpr Layout kLayout = X::layout();
  static_assert(!kLayout.planar && kLayout.block == 1 && X::kChannels % 4 == 0,
                "expected features whose pixels are whole words, row by row");
  X x;
  uint32_t* row = x.words + kLayout.lead * X::kQuads;
  for (int i = 0; i < X::kHeight; ++i, row += kLayout.row * X::kQuads)
    read_row<X::kWidth * X::kChannels>(row);
  x.fill_gaps();
  return x;
}

// The weights of a UnitWeights layer, as the host has laid them out.
template <class Layer>
typename Layer::Weights read_weights() {
  typename Layer::Weights w;
  read_into(w.words);
  return w;
}

}  // namespace zk::nn
