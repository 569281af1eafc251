// The tensor unit's layers by instructions: the same bytes, from layers as plain_layers.h has them.
//
// A product takes about 1.9 instructions where a layer has four results of an output or more, else 2.1
// (taps.h). Takes from the heap, until it returns, twice the bytes of a linear layer's input: less by channels that
// no weight reads, more by what its windows see beyond it. With weights in memory a product takes 4.2, and no heap.
// The blob is our own: it is not checked.
#pragma once

#include <stdint.h>
#include <zk/check.h>

#include <bit>
#include <cstddef>
#include <cstring>
#include <type_traits>

#include "zk/nn/plain_layers.h"
#include "zk/nn/requantise.h"
#include "zk/nn/taps.h"

namespace zk::nn::soft {

static_assert(std::endian::native == std::endian::little);

// Words and halves of memory whose type is bytes, at their alignment.
using Word [[gnu::may_alias]] = uint32_t;
using Half [[gnu::may_alias]] = uint16_t;

inline uint32_t load(const std::byte* at) { return *reinterpret_cast<const Word*>(at); }
inline uint32_t load_half(const std::byte* at) { return *reinterpret_cast<const Half*>(at); }
inline void store(std::byte* at, uint32_t word) { *reinterpret_cast<Word*>(at) = word; }

// A struct of words.
template <class T>
  requires(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0)
T read(const std::byte* at) {
  T value;
  memcpy(&value, __builtin_assume_aligned(at, 4), sizeof(T));
  return value;
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

// The rule by its definition, before the clamp.
[[gnu::noinline, gnu::cold]] inline int32_t undecided(int32_t sum, const std::byte* output) {
  const float scale = std::bit_cast<float>(load(output + offsetof(PlainOutput, scale)));
  return rescale(sum, multiplier_of(scale)) +
         static_cast<int32_t>(load(output + offsetof(PlainOutput, zero_point)));
}

// Writes an output's results at kCount emits: bytes.
template <int kCount>
[[gnu::always_inline]] inline void write_bytes(const std::byte* blob, const std::byte* output,
                                               const uint32_t (&sums)[kCount],
                                               std::byte* const (&out)[kCount]) {
  const auto field = [output](size_t offset) { return load(output + offset); };
  const uint32_t shift = field(offsetof(PlainOutput, shift)),
                 at = field(offsetof(PlainOutput, out));
  const auto factor = static_cast<int32_t>(field(offsetof(PlainOutput, factor)));
  const auto addend = static_cast<int32_t>(field(offsetof(PlainOutput, addend)));
  const uint32_t function = field(offsetof(PlainOutput, function));
#pragma GCC unroll 4
  for (int i = 0; i < kCount; ++i) {
    const auto shifted = static_cast<int32_t>(sums[i] << shift);
    const int64_t product = static_cast<int64_t>(shifted) * factor;
    const int32_t h = static_cast<int32_t>(product >> 32) + addend;
    int32_t y = h >> kFractionBits;
    if ((h & ((1 << kFractionBits) - 2)) == 0) [[unlikely]]
      y = undecided(static_cast<int32_t>(sums[i]), output);
    if (static_cast<uint32_t>(y) > 255) {
      __asm__("" : "+r"(y));  // else Clang has no branch, and more instructions
      y = ~(y >> 31) & 255;
    }
    if (function != 0) [[unlikely]]
      y = static_cast<int32_t>(
          result_of(blob + function, static_cast<int32_t>(sums[i]), static_cast<uint32_t>(y)));
    out[i][at] = static_cast<std::byte>(y);
  }
}

// The same as words.
template <int kCount>
inline void write_sums(const std::byte* output, const uint32_t (&sums)[kCount],
                       std::byte* const (&out)[kCount]) {
  const uint32_t at = load(output + offsetof(PlainOutput, out));
  for (int i = 0; i < kCount; ++i) store(out[i] + at, sums[i]);
}

// A call of a linear layer.
struct LinearCall {
  const std::byte* blob;
  PlainLinear layer;
  const std::byte *lanes, *emits, *emits_end;
  std::byte* out;

  // Results of kOutputs outputs at kCount emits.
  template <int kOutputs, int kCount>
  void write(const std::byte* output, const uint32_t (&sums)[kOutputs][kCount],
             std::byte* const (&outs)[kCount]) const {
    const std::byte* end = output + kOutputs * sizeof(PlainOutput);
    const auto* of_output = sums;
    if (layer.sums != 0) {
      for (; output != end; output += sizeof(PlainOutput)) write_sums(output, *of_output++, outs);
    } else {
#pragma GCC unroll 1
      for (; output != end; output += sizeof(PlainOutput))
        write_bytes(blob, output, *of_output++, outs);
    }
  }
};

// A block of outputs: those, and its weights.
struct Block {
  const std::byte *outputs, *weights, *end;
};

// acc[i][p] += products of output i at the place that begins at x[p]. kNeighbours: these are neighbours.
template <bool kNeighbours, int kOutputs>
inline void add_products(const Block& block, const std::byte* const (&x)[kTileEmits],
                         uint32_t (&acc)[kOutputs][kTileEmits]) {
  const std::byte *words = block.weights, *end = block.end;
#pragma GCC unroll 1
  for (; words != end; words += 4 + 4 * kOutputs) {
    const uint32_t offset = load(words);
    uint32_t lanes[kTileEmits];
#pragma GCC unroll 4
    for (uint32_t p = 0; p < kTileEmits; ++p)
      lanes[p] = load(kNeighbours ? x[0] + offset + 4 * p : x[p] + offset);
#pragma GCC unroll 4
    for (int i = 0; i < kOutputs; ++i) {
      const uint32_t w = load(words + 4 + 4 * i);
#pragma GCC unroll 4
      for (uint32_t p = 0; p < kTileEmits; ++p)
        acc[i][p] += static_cast<uint32_t>(PairedTaps::product(lanes[p], w));
    }
  }
}

// A block at all emits, four at a time: kOutputs * 4 sums that stay in registers.
template <int kOutputs>
[[gnu::noinline]] void run_tiles(const LinearCall& call, const Block& block) {
  const std::byte* last = call.emits_end - kTileEmits * sizeof(PlainEmit);
#pragma GCC unroll 1
  for (const std::byte* emit = call.emits; emit != call.emits_end;
       emit += kTileEmits * sizeof(PlainEmit)) {
    if (emit > last) emit = last;  // it overlaps the tile before
    const std::byte* x[kTileEmits];
    uint32_t sums[kOutputs][kTileEmits];
#pragma GCC unroll 4
    for (uint32_t p = 0; p < kTileEmits; ++p)
      x[p] = call.lanes + load(emit + p * sizeof(PlainEmit));
    {
      uint32_t acc[kOutputs][kTileEmits];
#pragma GCC unroll 4
      for (int i = 0; i < kOutputs; ++i) {
        const uint32_t start = load(block.outputs + static_cast<size_t>(i) * sizeof(PlainOutput));
#pragma GCC unroll 4
        for (uint32_t& sum : acc[i]) sum = start;
      }
      if (x[3] - x[0] == 4 * (kTileEmits - 1)) {
        add_products<true>(block, x, acc);
      } else {
        add_products<false>(block, x, acc);
      }
#pragma GCC unroll 4
      for (int i = 0; i < kOutputs; ++i) {
#pragma GCC unroll 4
        for (uint32_t p = 0; p < kTileEmits; ++p) sums[i][p] = acc[i][p];
      }
    }
    std::byte* outs[kTileEmits];
#pragma GCC unroll 4
    for (uint32_t p = 0; p < kTileEmits; ++p)
      outs[p] = call.out + load(emit + p * sizeof(PlainEmit) + offsetof(PlainEmit, out));
    call.write(block.outputs, sums, outs);
  }
}

// A block at all emits, one by one.
template <int kOutputs>
[[gnu::noinline]] void run_rows(const LinearCall& call, const Block& block) {
  for (const std::byte* emit = call.emits; emit != call.emits_end; emit += sizeof(PlainEmit)) {
    uint32_t acc[kOutputs], sums[kOutputs][1];
#pragma GCC unroll 12
    for (int i = 0; i < kOutputs; ++i)
      acc[i] = load(block.outputs + static_cast<size_t>(i) * sizeof(PlainOutput));
    const std::byte *lanes = call.lanes + load(emit), *weights = block.weights;
    const auto add = [&acc](uint32_t x, const std::byte* w) {
#pragma GCC unroll 12
      for (int i = 0; i < kOutputs; ++i)
        acc[i] += static_cast<uint32_t>(PairedTaps::product(x, load(w + 4 * i)));
    };
#pragma GCC unroll 1
    while (weights != block.end) {
      const std::byte* x = lanes + load(weights);
      const uint32_t words = load(weights + 4);
      weights += 8;
      const std::byte* even = x + words / 2 * 8;
#pragma GCC unroll 1
      for (; x != even; x += 8) {
        add(load(x), weights);
        add(load(x + 4), weights + 4 * kOutputs);
        weights += 8 * kOutputs;
      }
      if (words % 2 != 0) {
        add(load(x), weights);
        weights += 4 * kOutputs;
      }
    }
#pragma GCC unroll 12
    for (int i = 0; i < kOutputs; ++i) sums[i][0] = acc[i];
    std::byte* const outs[] = {call.out + load(emit + offsetof(PlainEmit, out))};
    call.write(block.outputs, sums, outs);
  }
}

// Room for a linear layer's lanes. (Not a unique_ptr: to read <memory> takes as long as all the rest.)
struct LaneRoom {
  explicit LaneRoom(const PlainLinear& l)
      : bytes(new std::byte[4 * size_t{l.lane_words} * (l.before + l.inside + l.behind)]) {}
  LaneRoom(const LaneRoom&) = delete;
  LaneRoom& operator=(const LaneRoom&) = delete;
  ~LaneRoom() { delete[] bytes; }
  std::byte* const bytes;
};

inline void fill_lanes(const PlainLinear& l, const std::byte* offsets, const std::byte* in,
                       std::byte* lanes) {
  std::byte* next = lanes;
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
}

inline void linear(const std::byte* blob, const std::byte* at, const std::byte* in,
                   std::byte* out) {
  const PlainLinear l = read<PlainLinear>(at);
  const std::byte* offsets = at + sizeof(l);
  const LaneRoom lanes(l);
  fill_lanes(l, offsets, in, lanes.bytes);
  const std::byte* emits = offsets + 4 * size_t{l.lane_words};
  const std::byte* constants = emits + size_t{l.emits} * sizeof(PlainEmit);
  const LinearCall call{blob, l, lanes.bytes, emits, constants, out};
  for (uint32_t c = 0; c < l.constants; ++c) {
    const PlainConstant constant =
        read<PlainConstant>(constants + size_t{c} * sizeof(PlainConstant));
    for (const std::byte* e = emits; e != constants; e += sizeof(PlainEmit))
      store(out + load(e + offsetof(PlainEmit, out)) + constant.out, constant.word);
  }
  const std::byte* next = constants + size_t{l.constants} * sizeof(PlainConstant);
  for (uint32_t i = 0; i < l.blocks; ++i) {
    const PlainBlock b = read<PlainBlock>(next);
    Block block;
    block.outputs = next + sizeof(b);
    block.weights = block.outputs + size_t{b.outputs} * sizeof(PlainOutput);
    next = block.end = block.weights + b.bytes;
    if (l.tiles != 0) {
      switch (b.outputs) {
        case 1:
          run_tiles<1>(call, block);
          break;
        case 2:
          run_tiles<2>(call, block);
          break;
        case 3:
          run_tiles<3>(call, block);
          break;
        default:
          run_tiles<4>(call, block);
      }
    } else {
      switch (b.outputs) {
        case 1:
          run_rows<1>(call, block);
          break;
        case 2:
          run_rows<2>(call, block);
          break;
        case 4:
          run_rows<4>(call, block);
          break;
        case 6:
          run_rows<6>(call, block);
          break;
        case 8:
          run_rows<8>(call, block);
          break;
        default:
          run_rows<12>(call, block);
      }
    }
  }
}

// kTaps: as many, which stay in registers; or 0.
template <uint32_t kTaps>
inline void max_pool(const std::byte* at, const std::byte* in, std::byte* out) {
  const PlainPool pool = read<PlainPool>(at);
  const std::byte* emits = at + sizeof(pool);
  const std::byte* taps = emits + size_t{pool.emits} * sizeof(PlainEmit);
  const uint32_t count = kTaps == 0 ? pool.taps : kTaps;
  uint32_t offsets[kTaps == 0 ? 1 : kTaps];
  for (uint32_t t = 0; t < kTaps; ++t) offsets[t] = load(taps + 4 * t);
  for (const std::byte* e = emits; e != taps; e += sizeof(PlainEmit)) {
    const PlainEmit emit = read<PlainEmit>(e);
    const std::byte* from = in + emit.in;
    std::byte* to = out + emit.out;
    for (uint32_t quad = 0; quad < pool.quads; ++quad, from += pool.quad_step, to += 4) {
      uint32_t most[4] = {};
#pragma GCC unroll 4
      for (uint32_t t = 0; t < count; ++t) {
        const std::byte* x = from + (kTaps == 0 ? load(taps + 4 * size_t{t}) : offsets[t]);
#pragma GCC unroll 4
        for (int lane = 0; lane < 4; ++lane) {
          const auto byte = static_cast<uint32_t>(x[lane]);
          if (most[lane] < byte) most[lane] = byte;
        }
      }
#pragma GCC unroll 4
      for (int lane = 0; lane < 4; ++lane) to[lane] = static_cast<std::byte>(most[lane]);
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

// acc[m] += (x - z) w for the 16 products of a quad at a tap and four outputs, whose words are at `w`. Returns the sum of
// the quad's x - z.
template <bool kByOutputs>
[[gnu::always_inline]] inline int32_t add_quad(const std::byte* x, int32_t zero, const std::byte* w,
                                               uint32_t lane_step, int32_t (&acc)[4]) {
  int32_t lanes[4], sum = 0;
#pragma GCC unroll 4
  for (int k = 0; k < 4; ++k) sum += lanes[k] = static_cast<int32_t>(x[k]) - zero;
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i, w += lane_step) {
#pragma GCC unroll 4
    for (int byte = 0; byte < 4; ++byte) {
      const int channel = kByOutputs ? i : byte, output = kByOutputs ? byte : i;
      acc[output] += lanes[channel] * static_cast<int32_t>(w[byte]);
    }
  }
  return sum;
}

// A call of a layer whose weights are in memory.
struct WeightsCall {
  const std::byte* blob;
  PlainWeights layer;
  const std::byte *taps, *emits, *emits_end, *outputs, *weights;

  // Sums of the outputs 4 j and on of a group at position q, biases apart.
  template <bool kByOutputs>
  [[gnu::noinline]] void sums(const std::byte* in, uint32_t q, uint32_t group, uint32_t j,
                              int32_t (&acc)[4]) const {
    const auto zero = static_cast<int32_t>(layer.zero);
    const uint32_t lane_step = layer.lane_step, quad_step = layer.quad_step;
    const size_t next_quad = size_t{layer.taps} * layer.product_step;
    const std::byte* of_group = in + size_t{group} * layer.group_quads * layer.quad_step;
    const std::byte* w =
        weights + size_t{group} * layer.group_quads * next_quad + size_t{j} * layer.row_step;
    int32_t of_x = 0, local[4] = {};  // in registers, which bytes do not alias
    for (uint32_t tap = 0; tap < layer.taps; ++tap, w += layer.product_step) {
      const uint32_t p = q - layer.back + load(taps + 4 * size_t{tap});
      if (p >= layer.positions) continue;  // or it is negative
      const std::byte *x = of_group + size_t{p} * layer.step, *of_quad = w;
#pragma GCC unroll 1
      for (uint32_t quad = 0; quad < layer.group_quads; ++quad) {
        of_x += add_quad<kByOutputs>(x, zero, of_quad, lane_step, local);
        x += quad_step;
        of_quad += next_quad;
      }
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) acc[i] = local[i] - of_x * static_cast<int32_t>(layer.weight_zero);
  }

  void run(const std::byte* in, std::byte* out) const {
    const uint32_t rows = layer.group_outputs / 4;
    for (const std::byte* e = emits; e != emits_end; e += sizeof(PlainEmit)) {
      const PlainEmit emit = read<PlainEmit>(e);
      uint32_t output = 0;
      for (uint32_t group = 0; group < layer.groups; ++group) {
        for (uint32_t j = 0; j < rows; ++j) {
          int32_t acc[4];
          layer.by_outputs != 0 ? sums<true>(in, emit.in, group, j, acc)
                                : sums<false>(in, emit.in, group, j, acc);
          for (const int32_t sum : acc) write(output++, sum, out + emit.out);
        }
      }
    }
  }

  void write(uint32_t output, int32_t sum, std::byte* to) const {
    if (layer.bias != 0)
      sum += static_cast<int32_t>(load(weights + layer.bias + 4 * size_t{output}));
    if (layer.sums != 0) return store(to + 4 * size_t{output}, static_cast<uint32_t>(sum));
    const uint32_t of_output[] = {static_cast<uint32_t>(sum)};
    std::byte* const outs[] = {to};
    write_bytes(blob, outputs + size_t{output} * sizeof(PlainOutput), of_output, outs);
  }
};

inline void weighted(const std::byte* blob, const std::byte* at, const std::byte* in,
                     const std::byte* w, std::byte* out) {
  WeightsCall call{};
  call.blob = blob;
  call.layer = read<PlainWeights>(at);
  call.taps = at + sizeof(PlainWeights);
  call.emits = call.taps + 4 * size_t{call.layer.taps};
  call.emits_end = call.outputs = call.emits + size_t{call.layer.emits} * sizeof(PlainEmit);
  call.weights = w;
  // What the unit has no bias for is a trap there.
  if (call.layer.bias != 0)
    for (uint32_t o = 0; o < call.layer.groups * call.layer.group_outputs; ++o)
      ZK_CHECK(load(w + call.layer.bias + 4 * size_t{o}) + (1u << 28) < 1u << 29);
  call.run(in, out);
}

// Whose call is one with so many inputs.
inline const std::byte* layer_of(const std::byte* blob, uint32_t number, bool two_inputs) {
  ZK_CHECK(load(blob) == kPlainMagic && number < load(blob + 4));
  const std::byte* at = blob + load(blob + 8 + 4 * size_t{number});
  ZK_CHECK((load(at) >= static_cast<uint32_t>(PlainKind::kPair)) == two_inputs);
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
    const bool is_2x2 = soft::load(at + offsetof(PlainPool, taps)) == 4;
    (is_2x2 ? soft::max_pool<4> : soft::max_pool<0>)(at, from, static_cast<std::byte*>(out));
  }
}

// The same of a layer with two inputs, or one and weights in memory; they may be one.
inline void soft_pair(const std::byte* blob, uint32_t number, const void* a, const void* b,
                      void* out) {
  const std::byte* at = soft::layer_of(blob, number, true);
  const bool is_pair = soft::load(at) == static_cast<uint32_t>(PlainKind::kPair);
  (is_pair ? soft::pair : soft::weighted)(blob, at, static_cast<const std::byte*>(a),
                                          static_cast<const std::byte*>(b),
                                          static_cast<std::byte*>(out));
}

}  // namespace zk::nn
