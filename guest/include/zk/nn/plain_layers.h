// How layers of the tensor unit (vm/layer/layer.h) stand in the read-only data of a program that computes
// them by instructions: host/layers/plain.h writes it, soft_unit.h reads it.
//
// All is little-endian words; offsets are bytes from the blob's start. The blob begins on a word.
//
//   blob     kPlainMagic, layers; the offset of each layer
//   linear   PlainLinear; a PlainEmit for each emit; a PlainConstant for each word that has outputs which do
//            not depend on the input; then `blocks` blocks of outputs
//   block    PlainBlock, `outputs` PlainOutput, and weights: words of zk/nn/taps.h, each of two channels,
//              of tiles    `words` times: offset in the lanes, weight[outputs]
//              otherwise   `words` runs: offset in the lanes, count; weight[count][outputs]
//   pool     PlainPool; a PlainEmit for each emit; the offset of each tap in the input
//   pair     PlainPair; a PlainPairEmit for each emit
//   function kPlainTable, then 256 bytes; or the number of steps, from[steps], then value[steps] and bytes
//            up to a word
//
// The *lanes* of a linear layer are words of two neighbouring channels (x + 1) | y << 16, those with a weight
// alone: [lane word][place]. A place is a position, from that of the first emit and tap on; outside the
// input's positions a lane is `zero`.
#pragma once

#include <stdint.h>

namespace zk::nn {

inline constexpr uint32_t kPlainMagic = 0x314c505a;  // "ZPL1"

enum class PlainKind : uint32_t { kLinear = 0, kMaxPool = 1, kPair = 2 };

struct PlainEmit {
  uint32_t
      in;  // linear: bytes from the lanes' start, 4 a place; pool: bytes from the input's start
  uint32_t out;  // bytes from the output's start
};

struct PlainPairEmit {
  uint32_t a, b, out;
};

// Behind it `lane_words` offsets: from the input's start to the two bytes of a lane word at position 0.
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
  uint32_t outputs;    // with tiles at most kTileOutputs, otherwise one of kRowOutputs
  uint32_t words;      // or runs
  uint32_t bytes;      // of the weights that follow
  uint32_t functions;  // 1: some output has one
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

}  // namespace zk::nn
