// The tensor unit's layers by instructions: the same bytes, from layers as plain_layers.h has them.
//
// A product takes about 1.9 instructions where a layer has four results of an output or more, else 2.1
// (taps.h). Works on the heap, in twice the bytes of a linear layer's input, less channels that no weight
// reads, more by what its windows see beyond it.
#pragma once

#include <stdint.h>
#include <zk/check.h>

#include <bit>
#include <cstddef>
#include <cstring>
#include <memory>
#include <type_traits>

#include "zk/nn/plain_layers.h"
#include "zk/nn/requantise.h"
#include "zk/nn/taps.h"

namespace zk::nn::soft {

static_assert(std::endian::native == std::endian::little);

inline uint32_t load(const std::byte* at) {
  uint32_t word;
  memcpy(&word, __builtin_assume_aligned(at, 4), 4);
  return word;
}
inline void store(std::byte* at, uint32_t word) {
  memcpy(__builtin_assume_aligned(at, 4), &word, 4);
}
inline uint32_t load_half(const std::byte* at) {
  uint16_t half;
  memcpy(&half, __builtin_assume_aligned(at, 2), 2);
  return half;
}

// A struct of words.
template <class T>
  requires(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0)
T read(const std::byte* at) {
  T value;
  memcpy(&value, __builtin_assume_aligned(at, 4), sizeof(T));
  return value;
}

inline uint32_t clamped(int32_t y) {
  return static_cast<uint32_t>(y) > 255 ? static_cast<uint32_t>(~(y >> 31) & 255)
                                        : static_cast<uint32_t>(y);
}

// What a function makes of a sum, whose byte by the rule is `y`.
[[gnu::noinline]] inline uint32_t result_of(const std::byte* function, int32_t sum, uint32_t y) {
  const uint32_t steps = load(function);
  if (steps == kPlainTable) return static_cast<uint32_t>(function[4 + y]);
  // The last step that is not above, or the first.
  uint32_t low = 0, high = steps;
  while (high - low > 1) {
    const uint32_t middle = (low + high) / 2;
    (static_cast<int32_t>(load(function + 4 + 4 * middle)) <= sum ? low : high) = middle;
  }
  return static_cast<uint32_t>(function[4 + 4 * steps + low]);
}

// Where a place's lanes are, and its outputs.
struct Place {
  const std::byte* lanes;
  std::byte* out;
};

// Writes an output's byte at kCount places.
template <int kCount>
inline void requantise_at(const std::byte* blob, const std::byte* output,
                          const uint32_t (&sums)[kCount], std::byte* const (&out)[kCount]) {
  const PlainOutput o = read<PlainOutput>(output);
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) {
    const auto sum = static_cast<int32_t>(sums[i]);
    const int64_t product = static_cast<int64_t>(static_cast<int32_t>(sums[i] << o.shift)) *
                            static_cast<int32_t>(o.factor);
    const int32_t h = static_cast<int32_t>(product >> 32) + static_cast<int32_t>(o.addend);
    int32_t y = h >> kFractionBits;
    if ((h & ((1 << kFractionBits) - 2)) == 0) [[unlikely]]
      y = rescale_undecided(sum, std::bit_cast<float>(o.scale)) +
          static_cast<int32_t>(o.zero_point);
    uint32_t byte = clamped(y);
    if (o.function != 0) byte = result_of(blob + o.function, sum, byte);
    out[i][o.out] = static_cast<std::byte>(byte);
  }
}

// sums[i][p]: output i of a block at place p. kOutputs * 4 sums that stay in registers. kNeighbours: the
// places are neighbours.
template <int kOutputs, bool kNeighbours>
[[gnu::noinline]] void sum_tile(const std::byte* outputs, const std::byte* words,
                                const std::byte* end, const Place (&places)[kTileEmits],
                                uint32_t (&sums)[kTileOutputs][kTileEmits]) {
  uint32_t acc[kOutputs][kTileEmits];
#pragma GCC unroll 4
  for (int i = 0; i < kOutputs; ++i) {
    const uint32_t start = load(outputs + static_cast<size_t>(i) * sizeof(PlainOutput));
#pragma GCC unroll 4
    for (uint32_t& sum : acc[i]) sum = start;
  }
  const std::byte *p0 = places[0].lanes, *p1 = places[1].lanes, *p2 = places[2].lanes,
                  *p3 = places[3].lanes;
#pragma GCC unroll 1
  for (; words != end; words += 4 + 4 * kOutputs) {
    const uint32_t offset = load(words);
    uint32_t lanes[kTileEmits];
    if constexpr (kNeighbours) {
      const std::byte* at = p0 + offset;
      lanes[0] = load(at), lanes[1] = load(at + 4), lanes[2] = load(at + 8),
      lanes[3] = load(at + 12);
    } else {
      lanes[0] = load(p0 + offset), lanes[1] = load(p1 + offset), lanes[2] = load(p2 + offset);
      lanes[3] = load(p3 + offset);
    }
#pragma GCC unroll 4
    for (int i = 0; i < kOutputs; ++i) {
      const uint32_t w = load(words + 4 + 4 * i);
#pragma GCC unroll 4
      for (uint32_t p = 0; p < kTileEmits; ++p)
        acc[i][p] += static_cast<uint32_t>(PairedTaps::product(lanes[p], w));
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < kOutputs; ++i) {
#pragma GCC unroll 4
    for (uint32_t p = 0; p < kTileEmits; ++p) sums[i][p] = acc[i][p];
  }
}

// sums[i]: output i of a block of one place.
template <int kOutputs>
[[gnu::noinline]] void sum_row(const std::byte* outputs, const std::byte* runs, uint32_t count,
                               const std::byte* lanes, uint32_t (&sums)[12]) {
  uint32_t acc[kOutputs];
#pragma GCC unroll 12
  for (int i = 0; i < kOutputs; ++i)
    acc[i] = load(outputs + static_cast<size_t>(i) * sizeof(PlainOutput));
  const auto add = [&acc](uint32_t x, const std::byte* weights) {
#pragma GCC unroll 12
    for (int i = 0; i < kOutputs; ++i)
      acc[i] += static_cast<uint32_t>(PairedTaps::product(x, load(weights + 4 * i)));
  };
#pragma GCC unroll 1
  for (; count > 0; --count) {
    const std::byte* x = lanes + load(runs);
    const uint32_t words = load(runs + 4);
    runs += 8;
    const std::byte* even = x + words / 2 * 8;
#pragma GCC unroll 1
    for (; x != even; x += 8) {
      add(load(x), runs);
      add(load(x + 4), runs + 4 * kOutputs);
      runs += 8 * kOutputs;
    }
    if (words % 2 != 0) {
      add(load(x), runs);
      runs += 4 * kOutputs;
    }
  }
#pragma GCC unroll 12
  for (int i = 0; i < kOutputs; ++i) sums[i] = acc[i];
}

// A linear layer's lanes.
inline std::unique_ptr<std::byte[]> lanes_of(const PlainLinear& l, const std::byte* offsets,
                                             const std::byte* in) {
  const size_t words = size_t{l.lane_words} * (l.before + l.inside + l.behind);
  std::unique_ptr<std::byte[]> lanes(new std::byte[4 * words]);
  std::byte* next = lanes.get();
  const uint32_t zero = l.zero, step = l.step;
  const auto zeros = [&next, zero](uint32_t count) {
    for (std::byte* end = next + 4 * size_t{count}; next != end; next += 4) store(next, zero);
  };
  for (uint32_t word = 0; word < l.lane_words; ++word) {
    zeros(l.before);
    const std::byte* from = in + l.in + load(offsets + 4 * size_t{word});
#pragma GCC unroll 2
    for (std::byte* end = next + 4 * size_t{l.inside}; next != end; next += 4, from += step) {
      const uint32_t two = load_half(from);
      store(next, ((two | two << 8) & 0x00ff00ff) + 1);
    }
    zeros(l.behind);
  }
  return lanes;
}

inline void linear(const std::byte* blob, const std::byte* at, const std::byte* in,
                   std::byte* out) {
  const PlainLinear l = read<PlainLinear>(at);
  const std::byte* offsets = at + sizeof(l);
  const std::unique_ptr<std::byte[]> lanes = lanes_of(l, offsets, in);
  const std::byte* emits = offsets + 4 * size_t{l.lane_words};
  const std::byte* constants = emits + size_t{l.emits} * sizeof(PlainEmit);
  const std::byte* block = constants + size_t{l.constants} * sizeof(PlainConstant);
  const auto place = [&](uint32_t emit) {
    const PlainEmit e = read<PlainEmit>(emits + size_t{emit} * sizeof(PlainEmit));
    return Place{lanes.get() + e.in, out + e.out};
  };
  for (uint32_t c = 0; c < l.constants; ++c) {
    const PlainConstant constant =
        read<PlainConstant>(constants + size_t{c} * sizeof(PlainConstant));
    for (const std::byte* e = emits; e != constants; e += sizeof(PlainEmit))
      store(out + load(e + offsetof(PlainEmit, out)) + constant.out, constant.word);
  }

  for (uint32_t i = 0; i < l.blocks; ++i) {
    const PlainBlock b = read<PlainBlock>(block);
    const std::byte* outputs = block + sizeof(b);
    const std::byte* weights = outputs + size_t{b.outputs} * sizeof(PlainOutput);
    block = weights + b.bytes;
    if (l.tiles != 0) {
      const uint32_t last = l.emits - kTileEmits;
      for (uint32_t emit = 0;; emit += kTileEmits) {
        if (emit > last) emit = last;  // it overlaps the tile before
        const Place places[] = {place(emit), place(emit + 1), place(emit + 2), place(emit + 3)};
        uint32_t sums[kTileOutputs][kTileEmits];
        const bool neighbours = places[3].lanes - places[0].lanes == 4 * (kTileEmits - 1);
        const auto sum = [&]<int kOutputs>() {
          (neighbours ? sum_tile<kOutputs, true> : sum_tile<kOutputs, false>)(outputs, weights,
                                                                              block, places, sums);
        };
        if (b.outputs == 4) {
          sum.template operator()<4>();
        } else if (b.outputs == 3) {
          sum.template operator()<3>();
        } else if (b.outputs == 2) {
          sum.template operator()<2>();
        } else {
          sum.template operator()<1>();
        }
        std::byte* const outs[] = {places[0].out, places[1].out, places[2].out, places[3].out};
        const std::byte* output = outputs;
        for (uint32_t k = 0; k < b.outputs; ++k, output += sizeof(PlainOutput)) {
          if (l.sums != 0) {
            const uint32_t to = load(output + offsetof(PlainOutput, out));
            for (uint32_t p = 0; p < kTileEmits; ++p) store(outs[p] + to, sums[k][p]);
          } else {
            requantise_at<kTileEmits>(blob, output, sums[k], outs);
          }
        }
        if (emit == last) break;
      }
    } else {
      for (uint32_t emit = 0; emit < l.emits; ++emit) {
        const Place to = place(emit);
        uint32_t sums[12];
        const auto sum = [&]<int kOutputs>() {
          sum_row<kOutputs>(outputs, weights, b.words, to.lanes, sums);
        };
        switch (b.outputs) {
          case 1:
            sum.template operator()<1>();
            break;
          case 2:
            sum.template operator()<2>();
            break;
          case 4:
            sum.template operator()<4>();
            break;
          case 6:
            sum.template operator()<6>();
            break;
          case 8:
            sum.template operator()<8>();
            break;
          default:
            sum.template operator()<12>();
            break;
        }
        const std::byte* output = outputs;
        for (uint32_t k = 0; k < b.outputs; ++k, output += sizeof(PlainOutput)) {
          if (l.sums != 0) {
            store(to.out + load(output + offsetof(PlainOutput, out)), sums[k]);
          } else {
            const uint32_t one[] = {sums[k]};
            std::byte* const there[] = {to.out};
            requantise_at<1>(blob, output, one, there);
          }
        }
      }
    }
  }
}

inline void max_pool(const std::byte* at, const std::byte* in, std::byte* out) {
  const PlainPool pool = read<PlainPool>(at);
  const std::byte* emits = at + sizeof(pool);
  const std::byte* taps = emits + size_t{pool.emits} * sizeof(PlainEmit);
  const std::byte* end = taps + 4 * size_t{pool.taps};
  for (const std::byte* e = emits; e != taps; e += sizeof(PlainEmit)) {
    const PlainEmit emit = read<PlainEmit>(e);
    const std::byte* from = in + emit.in;
    std::byte* to = out + emit.out;
    for (uint32_t quad = 0; quad < pool.quads; ++quad, from += pool.quad_step, to += 4) {
      std::byte most[4] = {};
      for (const std::byte* tap = taps; tap != end; tap += 4) {
        const std::byte* x = from + load(tap);
#pragma GCC unroll 4
        for (int lane = 0; lane < 4; ++lane)
          if (most[lane] < x[lane]) most[lane] = x[lane];
      }
      memcpy(to, most, 4);
    }
  }
}

inline void pair(const std::byte* blob, const std::byte* at, const std::byte* a, const std::byte* b,
                 std::byte* out) {
  const PlainPair p = read<PlainPair>(at);
  const std::byte* table = blob + p.table;
  const std::byte* e = at + sizeof(p);
  for (uint32_t i = 0; i < p.emits; ++i, e += sizeof(PlainPairEmit)) {
    const PlainPairEmit emit = read<PlainPairEmit>(e);
    const std::byte *x = a + emit.a, *y = b + emit.b;
    std::byte* to = out + emit.out;
    for (uint32_t quad = 0; quad < p.quads;
         ++quad, x += p.quad_step_a, y += p.quad_step_b, to += 4) {
#pragma GCC unroll 4
      for (int lane = 0; lane < 4; ++lane)
        to[lane] = table[static_cast<size_t>(x[lane]) << 8 | static_cast<size_t>(y[lane])];
    }
  }
}

inline const std::byte* layer_of(const std::byte* blob, uint32_t number, bool is_pair) {
  ZK_CHECK(load(blob) == kPlainMagic && number < load(blob + 4));
  const std::byte* at = blob + load(blob + 8 + 4 * size_t{number});
  ZK_CHECK((load(at) == static_cast<uint32_t>(PlainKind::kPair)) == is_pair);
  return at;
}

}  // namespace zk::nn::soft

namespace zk::nn {

// What the ecall of the tensor unit does (vm/layer/layer.h), of layer `number` of a blob of plain_layers.h.
// Blob, `in` and `out` begin on a word; `out` overlaps no input.
inline void soft_layer(const std::byte* blob, uint32_t number, const void* in, void* out) {
  const std::byte* at = soft::layer_of(blob, number, false);
  const auto* from = static_cast<const std::byte*>(in);
  if (soft::load(at) == static_cast<uint32_t>(PlainKind::kLinear)) {
    soft::linear(blob, at, from, static_cast<std::byte*>(out));
  } else {
    soft::max_pool(at, from, static_cast<std::byte*>(out));
  }
}

// The same of a layer with two inputs; they may be one.
inline void soft_pair(const std::byte* blob, uint32_t number, const void* a, const void* b,
                      void* out) {
  soft::pair(blob, soft::layer_of(blob, number, true), static_cast<const std::byte*>(a),
             static_cast<const std::byte*>(b), static_cast<std::byte*>(out));
}

}  // namespace zk::nn
