// Where a guest keeps a tensor [channels][height][width] of bytes that the tensor unit reads or writes.
// Bytes are offset binary: an int8 x is stored as x + 128.
//
//   position-major   pixel (i, j) is the words of position  lead + i row + j, quads() of them, channels
//                    innermost; those beyond the last channel are padding
//   in blocks        position-major, and a position is block x block pixels, row by row, each as above: so a
//                    convolution of this stride reads a position a window, where it else would read all pixels
//                    and use one of block^2
//   planar           a quad is four neighbouring pixels of one channel: byte  c height row + i row + j.
//                    A first layer of 1 or 3 channels reads it as the host gives it
//
// `row` >= width (both in positions): the pixels between are *gaps*, one of which ends a row and begins the next, as a
// convolution's padding needs it. What lies before and behind the tensor counts as padding of
// itself (vm/layer/layer.h), so only a max pool needs `lead` and `tail`.
#pragma once

#include <cstdint>
#include <optional>

namespace zkvm::layers {

struct Shape {
  uint32_t channels = 1, height = 1, width = 1;
  bool operator==(const Shape&) const = default;
};

struct Layout {
  Shape shape;
  bool planar = false;
  uint32_t row = 1;             // pixels from a row to the next; positions, in blocks
  uint32_t lead = 0, tail = 0;  // gap pixels before the first row and behind the last; planar: 0
  // What gaps hold; nothing where nobody reads them, and who writes the tensor may write them too.
  std::optional<uint8_t> gap;
  // Likewise of a pixel's bytes beyond the last channel.
  std::optional<uint8_t> padding = {};
  uint32_t block = 1;  // divides height and width; planar: 1

  [[nodiscard]] uint32_t quads() const { return (shape.channels + 3) / 4; }  // position-major
  [[nodiscard]] uint64_t position_quads() const { return uint64_t{quads()} * block * block; }
  [[nodiscard]] uint64_t positions() const {
    return uint64_t{lead} + uint64_t{shape.height / block - 1} * row + shape.width / block + tail;
  }
  [[nodiscard]] uint64_t plane() const { return uint64_t{shape.height} * row; }  // planar
  // Of the buffer; a multiple of 4.
  [[nodiscard]] uint64_t bytes() const {
    return planar ? (shape.channels * plane() + 3) / 4 * 4 : positions() * position_quads() * 4;
  }
  [[nodiscard]] uint64_t byte_of(uint32_t c, uint32_t i, uint32_t j) const {
    if (planar) return c * plane() + uint64_t{i} * row + j;
    const uint64_t position = uint64_t{lead} + uint64_t{i / block} * row + j / block;
    return ((position * block + i % block) * block + j % block) * quads() * 4 + c;
  }
  bool operator==(const Layout&) const = default;
};

}  // namespace zkvm::layers
