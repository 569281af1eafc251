// What operators outside the tensor unit need of their parameters, computed once on the host: guests have neither exp nor
// floats.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "host/layers/lower.h"

namespace zkvm::importer {

// QLinearSoftmax of rows of `width` elements: t[i] = float32(exp((i - 255) sx + s)), what an element that lies 255 - i below
// the greatest of its row counts; s = max(0, log(FLT_MAX / width) - 5) keeps sums finite.
std::array<float, 256> softmax_table(float input_scale, uint32_t width);
// floor(1 / sy), which the runtime has in place of 1 / sy.
float softmax_factor(float output_scale);
inline constexpr float kMaxSoftmaxFactor =
    1 << 20;  // above it float64's quotients are no longer exact

// LayerNormalization along rows of D elements x, in integers:
//
//     S = sum x, V = D sum x^2 - S^2, W = 2^16 V + epsilon       d = D x - S
//     W 2^n in [2^62, 2^64), n even; root = floor(sqrt(W 2^n)); inverse = floor((2^63 - 1) / root)
//     t = floor(d inverse / 2^(33 - n/2))                        2^22 (x - mean) / sqrt(variance + epsilon)
//     y = clamp(floor((t gains[i] + offsets[i]) / 2^shift))      offsets contain bias, zero point and a half
//
// where W = 0: t = 0. D <= 2^15; all fits 64 bits, and t 32.
struct NormalizationConstants {
  uint64_t epsilon;              // 2^16 epsilon D^2 / sx^2
  int shift;                     // 32 to 52
  std::vector<int32_t> gains;    // 2^(shift - 22) scale / sy
  std::vector<int64_t> offsets;  // 2^shift (bias / sy + zy + 1/2)
};
inline constexpr uint32_t kMaxNormalizedWidth = 1 << 15;
NormalizationConstants normalization_constants(std::span<const float> scale,
                                               std::span<const float> bias, float epsilon,
                                               const layers::Quantisation& input,
                                               const layers::Quantisation& output);

}  // namespace zkvm::importer
