// Tensors as the tensor unit has them. What `conv2d`, `dense` and the like return of a model's layers, by the
// unit or by instructions; the header that describes these chooses the layouts (host/layers/layout.h), user code
// says `auto`.
#pragma once

#include <stdint.h>

#include "zk/nn/tensor.h"

namespace zk::nn {

// Position-major: pixel (i, j) is the words of position  lead + i row + j, channels innermost, those beyond
// the last one padding. Planar: one byte a pixel, plane by plane, `row` from one row to the next.
// Pixels beyond the width, before the first row and behind the last are gaps. In blocks: position-major, and a position
// is block x block pixels, row by row; row, lead and tail count positions.
struct Layout {
  bool planar;
  int row, lead, tail;
  int gap;           // the stored byte that gaps hold; -1: nobody reads them
  int padding = -1;  // likewise of a pixel's bytes beyond the last channel
  int block = 1;     // divides height and width
};

// [channels][height][width]. Bytes are stored as the unit has them: an int8 x as x + 128.
template <Byte T, int kChannels_, int kHeight_, int kWidth_, Layout kLayout>
struct Features {
  using Element = T;
  static constexpr int kChannels = kChannels_, kHeight = kHeight_, kWidth = kWidth_;
  static constexpr int kSize = kChannels * kHeight * kWidth;
  static constexpr int kQuads = (kChannels + 3) / 4;  // words of a pixel, position-major
  static constexpr int kBlock = kLayout.block;
  static constexpr int kRows = kHeight / kBlock, kColumns = kWidth / kBlock;  // of positions
  static constexpr int kPositions =
      kLayout.lead + (kRows - 1) * kLayout.row + kColumns + kLayout.tail;
  static constexpr int kPositionWords = kQuads * kBlock * kBlock;
  static constexpr int kWords =
      kLayout.planar ? (kChannels * kHeight * kLayout.row + 3) / 4 : kPositions * kPositionWords;
  static constexpr Layout layout() { return kLayout; }

  uint32_t words[kWords];

  static constexpr int byte_of(int channel, int i, int j) {
    if (kLayout.planar) return (channel * kHeight + i) * kLayout.row + j;
    const int position = kLayout.lead + i / kBlock * kLayout.row + j / kBlock;
    return ((position * kBlock + i % kBlock) * kBlock + j % kBlock) * kQuads * 4 + channel;
  }
  uint8_t* bytes() { return reinterpret_cast<uint8_t*>(words); }
  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(words); }

  T operator()(int channel, int i = 0, int j = 0) const {
    return static_cast<T>(bytes()[byte_of(channel, i, j)] ^ kFlip);
  }
  void set(int channel, int i, int j, T x) {
    bytes()[byte_of(channel, i, j)] = static_cast<uint8_t>(x) ^ kFlip;
  }
  static constexpr uint8_t kFlip = std::same_as<T, int8_t> ? 0x80 : 0;

  // What the layer that reads it takes for padding. Once: nobody writes there but this.
  void fill_gaps() {
    if constexpr (kLayout.gap >= 0) {
      constexpr uint32_t kGap = 0x01010101u * static_cast<uint32_t>(kLayout.gap);
      if constexpr (kLayout.planar) {
        constexpr int kWholes = (kWidth + 3) / 4 * 4, kLines = kChannels * kHeight;
        if constexpr (kWidth < kWholes) {
          for (int row = 0; row < kLines; ++row)
            for (int j = kWidth; j < kWholes; ++j)
              bytes()[row * kLayout.row + j] = static_cast<uint8_t>(kLayout.gap);
        }
        if constexpr (kWholes < kLayout.row) {
          constexpr int kRow = kLayout.row / 4;
          uint32_t* at = words + kWholes / 4;
#pragma GCC unroll 4
          for (int row = 0; row < kLines; ++row, at += kRow) fill<kRow - kWholes / 4>(at, kGap);
        }
      } else {
        fill<kLayout.lead * kPositionWords>(words, kGap);
        uint32_t* at = words + (kLayout.lead + kColumns) * kPositionWords;
        for (int row = 1; row < kRows; ++row, at += kLayout.row * kPositionWords)
          fill<(kLayout.row - kColumns) * kPositionWords>(at, kGap);
        fill<kLayout.tail * kPositionWords>(words + kWords - kLayout.tail * kPositionWords, kGap);
      }
    }
  }

  // The same of what lies beyond the last channel, where it is no layer that writes the pixels.
  void fill_padding() {
    if constexpr (kLayout.padding >= 0 && !kLayout.planar && kChannels % 4 != 0) {
      for (int i = 0; i < kHeight; ++i)
        for (int j = 0; j < kWidth; ++j)
          for (int channel = kChannels; channel < 4 * kQuads; ++channel)
            bytes()[byte_of(channel, i, j)] = static_cast<uint8_t>(kLayout.padding);
    }
  }

 private:
  template <int kCount>
  static void fill(uint32_t* at, uint32_t word) {
#pragma GCC unroll 8
    for (int i = 0; i < kCount; ++i) at[i] = word;
  }
};

// 32-bit sums that the unit writes: kWords of them in a layout's order, padding included.
template <int kWords_>
struct Sums {
  static constexpr int kWords = kWords_;
  uint32_t words[kWords];
  const uint8_t* bytes() const { return reinterpret_cast<const uint8_t*>(words); }
};

}  // namespace zk::nn
