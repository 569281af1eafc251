// How layers of the tensor unit (vm/layer/layer.h) stand in the read-only data of a program that computes
// them by instructions: host/layers/plain.h writes it, soft_unit.h reads it.
//
// All is little-endian words; offsets are bytes from the blob's start. The blob begins on a word.
//
//   blob      kPlainMagic, how many layers; the offset of each layer
//   linear    PlainLinear; the offset of each lane word in the input, at the first position that is read; a
//             PlainEmit for each emit; a PlainConstant for each word that has outputs which do not depend on the
//             input; then blocks of the other outputs
//   block     PlainBlock, a PlainOutput for each output, and weights, words of zk/nn/taps.h:
//             with tiles    {offset in the lanes, weight[outputs]}, any number of them
//             otherwise     runs of {offset in the lanes, count, weight[count][outputs]}
//   pool      PlainPool; a PlainEmit for each emit; the offset of each tap in the input
//   pair      PlainPair; a PlainPairEmit for each emit
//   weights   PlainWeights, of a linear layer whose weights are in memory; each tap; a PlainEmit for each emit, whose
//             `in` is its position; a PlainOutput for each output
//   function  kPlainTable, then 256 bytes; or the number of steps, from[steps], value[steps], bytes up to a word
//
// The *lanes* of a linear layer are words of two neighbouring channels, (x + 1) | y << 16, those that some weight
// reads: [lane word][place]. Places are positions, from that of the first emit and the first tap to that of the
// last ones; outside the input x and y are the layer's zero.
#pragma once

#include <stdint.h>

namespace zk::nn {

inline constexpr uint32_t kPlainMagic = 0x314c505a;  // "ZPL1"

enum class PlainKind : uint32_t { kLinear = 0, kMaxPool = 1, kPair = 2, kWeights = 3 };

struct PlainEmit {
  uint32_t in;   // bytes from the lanes' start, 4 a place; of a pool, from the input's
  uint32_t out;  // bytes from the output's start
};

struct PlainPairEmit {
  uint32_t a, b, out;
};

// Of a layer of one place, lane words may be written as places of one lane word: the lanes are the same.
struct PlainLinear {
  PlainKind kind;
  uint32_t sums;            // 1: outputs are words
  uint32_t tiles;           // 1: blocks are for four emits at once, of which there are that many
  uint32_t zero;            // a lane word of zeros
  uint32_t lane_words;      // of a place
  uint32_t before;          // places before the first position that is read
  uint32_t inside, behind;  // places there, and behind it
  uint32_t in;              // bytes from the input's start to the first position that is read
  uint32_t step;            // bytes from a position to the next
  uint32_t emits, constants, blocks;
};

struct PlainConstant {
  uint32_t out;  // bytes from an emit's
  uint32_t word;
};

struct PlainBlock {
  uint32_t outputs;  // with tiles at most kTileOutputs, otherwise one of kRowOutputs
  uint32_t bytes;    // of the weights
};
inline constexpr uint32_t kTileOutputs = 4, kTileEmits = 4;
inline constexpr uint32_t kRowOutputs[] = {1, 2, 4, 6, 8, 12};

// An output: its sum is `start` and the products, modulo 2^32, and its result
//
//   clamp((floor(sum 2^shift factor / 2^32) + addend) / 2^11) to 0..255
//
// which is requantise.h's fast way with half a unit and the zero point added before the division. Where the
// fraction is next to a tie, or always (a factor and addend of 0), it is the definition, with `scale`.
struct PlainOutput {
  uint32_t start, shift, factor, addend;
  uint32_t out;         // bytes from an emit's
  uint32_t scale;       // float32
  uint32_t zero_point;  // as it is stored
  uint32_t function;    // of the clamped result, or with steps of the sum: its offset, or 0
};
inline constexpr uint32_t kPlainTable = 0;

// All taps of all emits lie in the input.
struct PlainPool {
  PlainKind kind;
  uint32_t quads, quad_step, taps, emits;
};

struct PlainPair {
  PlainKind kind;
  uint32_t quads, quad_step_a, quad_step_b;
  uint32_t table;  // offset of 65,536 bytes
  uint32_t emits;
};

// As in vm/layer/layer.h.
struct PlainWeights {
  PlainKind kind;
  uint32_t sums;  // 1: outputs are words
  uint32_t positions, back, step, group_quads, quad_step, zero;
  uint32_t groups, group_outputs;
  uint32_t by_outputs, weight_zero;
  uint32_t lane_step, row_step, product_step;
  uint32_t bias;  // bytes from the weights' start, or 0: there are none
  uint32_t taps, emits;
};

}  // namespace zk::nn
