// The buses of the tensor unit: what its chips and fixed tables say to one another. What a layer is:
// vm/layer/layer.h; how all of this shows that a call computes it: stark/doc/layers.md.
#pragma once

#include <cstdint>

#include "stark/chips/words.h"

namespace zkvm::stark::chips {

// A call's number is its clk. Quads, positions and products are counted down: of n, the first has the
// number n, the last 1.

/// id lo, id hi, kind, positions, step, jump, quads, zero, key, products, rows, output words, position
/// end, channel end, input's extent, output's extent: a layer's fixed row (layer_tables.h). step and
/// jump are in words, extents in bytes. Of a pair: id lo, id hi, kind, positions, step, jump, quads, b's
/// extent, b's step, b's jump, words, b's positions, list end, table, a's extent, output's extent.
inline constexpr Bus<16> kLayer{12, "layer"};
/// clk, operand, place, positions, step, jump, quads, zero: the words of an input, which a call reads.
/// Operand: 0, or 1 for a pair's b.
inline constexpr Bus<8> kLayerRead{13, "layer read"};
/// clk, key, products: the pairs of quad and tap that a call adds up.
inline constexpr Bus<3> kLayerProducts{14, "layer products"};
/// kind, clk, place, rows, output words, position end, channel end: the words that a call writes. Of a
/// pool: position end is that of the list of windows, and the two beside it are 0; of a pair: kind, clk,
/// place, words, table, list end, 0.
inline constexpr Bus<7> kLayerWrite{15, "layer write"};
/// clk, operand, quad, X of its four channels: sums over positions, weighed by powers of mu.
inline constexpr Bus<23> kActivations{16, "activations"};
/// key, quad, exponents of mu and lambda, V of the quad's channels: sums over a group's outputs of
/// weights, by powers of lambda.
inline constexpr Bus<24> kWeights{17, "weights"};
/// challenge, exponent, its power.
inline constexpr Bus<7> kPower{18, "power"};
/// clk, sum over positions and outputs of all raw sums, by powers of mu and lambda.
inline constexpr Bus<6> kLayerTotal{19, "layer total"};
/// number in the list of positions, whether it is emitted, offset in words.
inline constexpr Bus<3> kPosition{20, "position"};
/// number of a word of output, functions of its four outputs, their biases.
inline constexpr Bus<9> kChannel{21, "channel"};
/// function, byte, edge, reach, wide: the function has this byte on [edge, edge + reach], reach < 2^16, if
/// wide = 0; on all sums from edge on, if wide = 1; on all up to edge, if wide = -1 (reach is 0 then).
inline constexpr Bus<5> kStep{22, "step"};
/// clk, operand, quad, position, four bytes: a word that a call has read, for pools and pairs.
inline constexpr Bus<8> kPixel{23, "pixel"};
/// number in the list of a pool, quad, position, whether it ends a window, offset of the result.
inline constexpr Bus<5> kWindow{24, "window"};
/// number in the list of a pair, quad, position of a, position of b, offset of the result.
inline constexpr Bus<5> kPairOperands{25, "pair operands"};
/// table + 256 a + b, the byte that it has for a and b. Tables are numbered by 2^16, 2 2^16, ..
inline constexpr Bus<2> kPairByte{26, "pair byte"};

/// key, zero, lane, row step, product jump, rows of a product, by outputs, whether there are biases,
/// their place, their number, extent: the words that a layer of two operands has its weights in. Key: of
/// its first product. Lane, steps and the place of the biases (from the base on) are in words, the extent
/// is in bytes and covers the biases.
inline constexpr Bus<11> kOperand{27, "operand"};
/// clk, place, products, rows of a product, lane, row step, product jump, zero, by outputs: the weights
/// that a call reads.
inline constexpr Bus<9> kReadWeights{28, "read weights"};
/// clk, place, number, positions of the output: the biases that a call reads.
inline constexpr Bus<4> kReadBias{29, "read bias"};
/// clk, key, products, whether there are biases: as kLayerProducts, of weights in memory.
inline constexpr Bus<4> kMemoryProducts{30, "memory products"};
/// key, quad, exponents of mu and lambda: a product whose weights are in memory.
inline constexpr Bus<4> kProduct{31, "product"};
/// clk, product, V of the quad's channels: as on kWeights, of a product, which is sent once.
inline constexpr Bus<22> kMemoryWeights{32, "memory weights"};
/// clk, sum over all positions and outputs of the biases, by powers of mu and lambda.
inline constexpr Bus<6> kBiasSum{33, "bias sum"};

/// What becomes of a layer's sums; what a layer without products is; and, again, what becomes of sums
/// where weights are in memory.
enum class LayerKind : uint8_t {
  kBytes = 0,
  kWords = 1,
  kMaxPool = 2,
  kPair = 3,
  kBytesOfTwo = 4,
  kWordsOfTwo = 5
};
constexpr uint32_t number(LayerKind kind) { return static_cast<uint32_t>(kind); }

// The tuples of long sums, the same for who answers and who asks.
template <class E>
struct ActivationsTuple {
  E values[23];
};
template <class E>
[[gnu::always_inline]] inline ActivationsTuple<E> activations_tuple(const E& clk, const E& operand,
                                                                    const E& quad,
                                                                    const Ext<E> (&x)[4]) {
  ActivationsTuple<E> out{{clk, operand, quad}};
  for (int i = 0; i < 20; ++i) out.values[3 + i] = x[i / 5].c[i % 5];
  return out;
}
template <class E>
struct WeightsTuple {
  E values[24];
};
template <class E>
[[gnu::always_inline]] inline WeightsTuple<E> weights_tuple(const E& key, const E& quad,
                                                            const E& mu_power,
                                                            const E& lambda_power,
                                                            const Ext<E> (&v)[4]) {
  WeightsTuple<E> out{{key, quad, mu_power, lambda_power}};
  for (int i = 0; i < 20; ++i) out.values[4 + i] = v[i / 5].c[i % 5];
  return out;
}
template <class E>
struct MemoryWeightsTuple {
  E values[22];
};
template <class E>
[[gnu::always_inline]] inline MemoryWeightsTuple<E> memory_weights_tuple(const E& clk,
                                                                         const E& product,
                                                                         const Ext<E> (&v)[4]) {
  MemoryWeightsTuple<E> out{{clk, product}};
  for (int i = 0; i < 20; ++i) out.values[2 + i] = v[i / 5].c[i % 5];
  return out;
}

}  // namespace zkvm::stark::chips
