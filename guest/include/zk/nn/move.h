// All that only moves elements: reshapes, transposes, slices, concatenations, padding, repeats; and functions of one
// byte, as tables. One primitive, and the model's names for it.
#pragma once

#include <stdint.h>

#include <array>
#include <cstddef>
#include <cstring>
#include <type_traits>
#include <utility>

#include "zk/nn/features.h"
#include "zk/nn/tensor.h"

namespace zk::nn {

// `count` bytes, or runs of them, `from` and `to` bytes apart.
struct MoveAxis {
  uint32_t count;
  int32_t from, to;
  constexpr bool operator==(const MoveAxis&) const = default;
};

// In place of the number of a table: bytes stay, or x becomes x ^ 0x80 (an int8 to or from x + 128).
inline constexpr int32_t kNoTable = -1, kFlipTable = -2;

// For each index within the axes' counts: byte `to` + sum index axis.to of the result is byte `from` + sum index axis.from
// of operand `input`, through a table.
struct MoveCopy {
  uint32_t input;
  int32_t table;
  uint32_t from, to;
  std::array<MoveAxis, 5> axes;  // outermost first; count 1 where there is none
};

// Bytes are *stored* bytes: a Tensor's data as they are in memory, or the bytes of Features, whose layout and offset
// binary are in the strides and tables. host/import/copies.h makes the copies.
template <class Out, int kCopies, int kTables>
struct MoveParams {
  using Output = Out;
  int fill;  // the byte that all of the result holds first; -1: zero where no copy writes
  std::array<MoveCopy, kCopies> copies;  // no byte is written twice
  std::array<std::array<uint8_t, 256>, kTables> tables;
};

template <const auto& kParams>
concept IsMove = requires {
  kParams.copies;
  kParams.tables;
};

template <class X>
auto stored_bytes(X& x) {
  if constexpr (requires { x.words; }) {
    return x.bytes();
  } else if constexpr (std::is_const_v<X>) {
    return reinterpret_cast<const uint8_t*>(x.data);
  } else {
    return reinterpret_cast<uint8_t*>(x.data);
  }
}

// Four bytes at a multiple of four.
inline uint32_t load_word(const uint8_t* at) {
  uint32_t word;
  memcpy(&word, __builtin_assume_aligned(at, 4), 4);
  return word;
}
inline void store_word(uint8_t* at, uint32_t word) {
  memcpy(__builtin_assume_aligned(at, 4), &word, 4);
}

// One copy, all of it known to the compiler.
template <const auto& kParams, int kCopy>
struct FixedCopy {
  static constexpr MoveCopy kThis = kParams.copies[kCopy];

  static constexpr int innermost() {
    int axis = 4;
    while (axis > 0 && kThis.axes[axis].count == 1) --axis;
    return axis;
  }
  static constexpr int kInner = innermost();
  static constexpr MoveAxis kRun = kThis.axes[kInner];

  static constexpr bool by_words() {
    bool aligned =
        kRun.from == 1 && kRun.to == 1 && kThis.table < 0 && (kThis.from | kThis.to) % 4 == 0;
    for (int axis = 0; axis < kInner; ++axis)
      if (kThis.axes[axis].count > 1)
        aligned = aligned && kThis.axes[axis].from % 4 == 0 && kThis.axes[axis].to % 4 == 0;
    return aligned;
  }

  template <int kAxis = 0>
  static void run(const uint8_t* from, uint8_t* to) {
    constexpr MoveAxis kSteps = kThis.axes[kAxis];
    if constexpr (kAxis == kInner) {
      run_innermost(from, to);
    } else if constexpr (kSteps.count == 1) {
      run<kAxis + 1>(from, to);
    } else {
#pragma GCC unroll 1
      for (uint32_t i = 0; i < kSteps.count; ++i, from += kSteps.from, to += kSteps.to)
        run<kAxis + 1>(from, to);
    }
  }

  // Calls step(from, to) kCount times, kFrom and kTo bytes apart, eight to a round of a loop.
  template <uint32_t kCount, int32_t kFrom, int32_t kTo, class Step>
  static void repeat(const uint8_t* from, uint8_t* to, Step&& step) {
    constexpr uint32_t kBlock = 8, kBlocks = kCount / kBlock;
    constexpr ptrdiff_t kBlockFrom = ptrdiff_t{kBlock} * kFrom, kBlockTo = ptrdiff_t{kBlock} * kTo;
#pragma GCC unroll 1
    for (uint32_t block = 0; block < kBlocks; ++block, from += kBlockFrom, to += kBlockTo) {
#pragma GCC unroll 8
      for (int32_t i = 0; i < 8; ++i) step(from + i * kFrom, to + i * kTo);
    }
#pragma GCC unroll 8
    for (int32_t i = 0; i < static_cast<int32_t>(kCount % kBlock); ++i)
      step(from + i * kFrom, to + i * kTo);
  }

  static void run_innermost(const uint8_t* from, uint8_t* to) {
    if constexpr (by_words() && kThis.table == kNoTable && kRun.count >= 64) {
      memcpy(__builtin_assume_aligned(to, 4), __builtin_assume_aligned(from, 4), kRun.count);
      return;
    }
    constexpr uint32_t kWords = by_words() ? kRun.count / 4 : 0;
    constexpr uint32_t kFlip = kThis.table == kFlipTable ? 0x80808080 : 0;
    repeat<kWords, 4, 4>(from, to,
                         [](const uint8_t* x, uint8_t* y) { store_word(y, load_word(x) ^ kFlip); });
    constexpr uint32_t kRest = kRun.count - 4 * kWords;
    from += ptrdiff_t{4 * kWords} * kRun.from;
    to += ptrdiff_t{4 * kWords} * kRun.to;
    if constexpr (kThis.table >= 0) {
      const uint8_t* const table = kParams.tables[kThis.table].data();
      repeat<kRest, kRun.from, kRun.to>(from, to,
                                        [=](const uint8_t* x, uint8_t* y) { *y = table[*x]; });
    } else {
      repeat<kRest, kRun.from, kRun.to>(
          from, to, [](const uint8_t* x, uint8_t* y) { *y = *x ^ static_cast<uint8_t>(kFlip); });
    }
  }
};

// One copy of many: its description is read at run time.
template <int kAxis = 0>
void run_copy(const MoveCopy& copy, const uint8_t* table, const uint8_t* from, uint8_t* to) {
  const MoveAxis axis = copy.axes[kAxis];
  if constexpr (kAxis < 4) {
    for (uint32_t i = 0; i < axis.count; ++i, from += axis.from, to += axis.to)
      run_copy<kAxis + 1>(copy, table, from, to);
  } else if (table != nullptr) {
    for (uint32_t i = 0; i < axis.count; ++i, from += axis.from, to += axis.to) *to = table[*from];
  } else {
    const uint8_t flip = copy.table == kFlipTable ? 0x80 : 0;
    for (uint32_t i = 0; i < axis.count; ++i, from += axis.from, to += axis.to) *to = *from ^ flip;
  }
}

template <const auto& kParams>
struct Mover {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  using Out = typename Params::Output;
  static constexpr int kCopies = static_cast<int>(kParams.copies.size());
  static constexpr int kMostFixed = 16;  // more would be more code than data

  // Whether copies write all that the result's operators may read.
  static constexpr bool covers_all() {
    uint64_t count = 0;
    for (const MoveCopy& copy : kParams.copies) {
      uint64_t bytes = 1;
      for (const MoveAxis& axis : copy.axes) bytes *= axis.count;
      count += bytes;
    }
    if constexpr (requires { Out::kWords; }) return count == uint64_t{Out::kWords} * 4;
    return count == Out::kSize * sizeof(typename Out::Element);
  }

  static void fill(uint8_t* to) {
    constexpr uint32_t kByte = kParams.fill < 0 ? 0 : static_cast<uint32_t>(kParams.fill);
    static_assert(sizeof(Out) % 4 == 0);
    constexpr uint32_t kEnd = sizeof(Out) / 32 * 32;
#pragma GCC unroll 1
    for (uint32_t i = 0; i < kEnd; i += 32) {
#pragma GCC unroll 8
      for (uint32_t j = 0; j < 32; j += 4) store_word(to + i + j, 0x01010101u * kByte);
    }
    for (uint32_t i = kEnd; i < sizeof(Out); i += 4) store_word(to + i, 0x01010101u * kByte);
  }

  template <class... In>
  static void run(Out& y, const In&... in) {
    const uint8_t* const sources[] = {stored_bytes(in)...};
    uint8_t* const to = stored_bytes(y);
    if constexpr (!covers_all()) fill(to);
    if constexpr (requires { y.fill_gaps(); }) {
      y.fill_gaps();
      y.fill_padding();
    }
    if constexpr (kCopies <= kMostFixed) {
      [&]<int... kCopy>(std::integer_sequence<int, kCopy...>) {
        (FixedCopy<kParams, kCopy>::run(
             sources[kParams.copies[kCopy].input] + kParams.copies[kCopy].from,
             to + kParams.copies[kCopy].to),
         ...);
      }(std::make_integer_sequence<int, kCopies>());
    } else {
      for (const MoveCopy& copy : kParams.copies) {
        const uint8_t* table = copy.table < 0 ? nullptr : kParams.tables[copy.table].data();
        run_copy(copy, table, sources[copy.input] + copy.from, to + copy.to);
      }
    }
  }
};

// The result that a MoveParams describes, of operands that are Tensors of bytes or Features.
template <const auto& kParams, class... In>
  requires IsMove<kParams>
auto move(const In&... in) {
  typename Mover<kParams>::Out y;
  Mover<kParams>::run(y, in...);
  return y;
}

// The model's names for it: `concat<kConcat1>(a, b)`.
#define ZK_NN_MOVE(name)                      \
  template <const auto& kParams, class... In> \
    requires IsMove<kParams>                  \
  auto name(const In&... in) {                \
    return zk::nn::move<kParams>(in...);      \
  }
ZK_NN_MOVE(reshape)
ZK_NN_MOVE(flatten)
ZK_NN_MOVE(squeeze)
ZK_NN_MOVE(unsqueeze)
ZK_NN_MOVE(transpose)
ZK_NN_MOVE(slice)
ZK_NN_MOVE(split)
ZK_NN_MOVE(concat)
ZK_NN_MOVE(pad)
ZK_NN_MOVE(resize)
ZK_NN_MOVE(expand)
ZK_NN_MOVE(tile)
ZK_NN_MOVE(gather)  // of constant indices
// Functions of one byte: sigmoid, tanh, another scale.
ZK_NN_MOVE(lookup)
#undef ZK_NN_MOVE

}  // namespace zk::nn
