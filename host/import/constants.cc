#include "host/import/constants.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace zkvm::importer {
namespace {

// x 2^shift, rounded; saturated to +-2^bits - 1 at most.
int64_t fixed_point(double x, int shift, int bits) {
  const double limit = std::ldexp(1.0, bits) - 1;
  return static_cast<int64_t>(std::nearbyint(std::clamp(std::ldexp(x, shift), -limit, limit)));
}

}  // namespace

std::array<float, 256> softmax_table(float input_scale, uint32_t width) {
  const float room = std::log(std::numeric_limits<float>::max() / static_cast<float>(width));
  const double scale = input_scale, shift = std::max(0.0, double{room} - 5) / scale;
  std::array<float, 256> table;
  for (int i = 0; i < 256; ++i)
    table[static_cast<size_t>(i)] = static_cast<float>(std::exp((i - 255 + shift) * scale));
  return table;
}

float softmax_factor(float output_scale) { return std::floor(1.0f / output_scale); }

NormalizationConstants normalization_constants(std::span<const float> scale,
                                               std::span<const float> bias, float epsilon,
                                               const layers::Quantisation& input,
                                               const layers::Quantisation& output) {
  constexpr int kFraction = 22;  // bits of t
  const double width = static_cast<double>(scale.size()), unit = input.scale;
  double greatest = 0;
  for (const float x : scale) greatest = std::max(greatest, std::abs(double{x} / output.scale));
  int gain_shift = 30;
  while (gain_shift > 10 && std::ldexp(greatest, gain_shift) >= std::ldexp(1.0, 30)) --gain_shift;
  NormalizationConstants constants{
      .epsilon = static_cast<uint64_t>(
          fixed_point(std::max(0.0f, epsilon) * width * width / (unit * unit), 16, 62)),
      .shift = kFraction + gain_shift,
      .gains = {},
      .offsets = {}};
  for (size_t i = 0; i < scale.size(); ++i) {
    constants.gains.push_back(
        static_cast<int32_t>(fixed_point(double{scale[i]} / output.scale, gain_shift, 30)));
    const double offset = double{bias[i]} / output.scale + output.zero_point + 0.5;
    constants.offsets.push_back(fixed_point(offset, constants.shift, 61));
  }
  return constants;
}

}  // namespace zkvm::importer
