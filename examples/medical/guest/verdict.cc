// Proves: "I know weights and a patient's record with these commitments, and the network of these weights takes
// the record for malignant" (or not). Weights and record are private; the journal has the model id, the record's
// commitment, and 1 or 0, a uint32.
#include <zk/commitment.h>
#include <zk/zk.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <span>

#include "medical_network.h"
#include "standard.h"

namespace {

// As QuantizeLinear has it. A record is what the prover says, so a NaN, too, becomes some byte.
int8_t quantised(float x) {
  const float code = std::rint(x / kScale);
  if (!(code > float{-128 - kZeroPoint})) return -128;
  return static_cast<int8_t>(std::min(code, float{127 - kZeroPoint}) + kZeroPoint);
}

}  // namespace

int main() {
  static medical::ModelWeights weights;
  std::array<float, medical::Features::kChannels> record;
  // Both private. Into the journal go their commitments: the model id, and the record's.
  zk::read_committed_file(std::as_writable_bytes(std::span(&weights, 1)));
  zk::read_committed_into(record, {record.size()});

  medical::Features features;
  for (size_t i = 0; i < record.size(); ++i)
    features.set(static_cast<int>(i), 0, 0, quantised((record[i] - kMean[i]) / kDeviation[i]));
  const auto& [malignant, benign] = medical::infer(weights, features).scores.data;
  zk::commit(uint32_t{malignant >= benign});
}
