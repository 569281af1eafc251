// Proves: "I know weights with this commitment, and on days with these features their network decided so". The
// weights are private; the features are public data, of which the journal has the SHA-256. Journal: the model id,
// that digest, and a byte for each day, 1 for long and 0 for flat, padded to whole words.
#include <zk/commitment.h>
#include <zk/sha256.h>
#include <zk/zk.h>

#include <array>
#include <cstddef>
#include <span>

#include "rule_network.h"

namespace {

constexpr int kFeatures = rule::Features::kChannels, kMaxDays = 366;
static_assert(kFeatures % 4 == 0, "a day's features are whole words");

bool is_long(const rule::ModelWeights& weights, const int8_t* day) {
  rule::Features features;
  for (int i = 0; i < kFeatures; ++i) features.set(i, 0, 0, day[i]);
  const auto& [flat, up] = rule::infer(weights, features).scores.data;
  return up > flat;
}

}  // namespace

int main() {
  // Private; into the journal goes their commitment, the model id.
  static rule::ModelWeights weights;
  zk::read_committed_file(std::as_writable_bytes(std::span(&weights, 1)));

  // Public: [day][feature], to the end of the input.
  alignas(4) static std::array<int8_t, kMaxDays * kFeatures> days;
  const size_t bytes = zk::read_some(std::as_writable_bytes(std::span(days)));
  const size_t count = bytes / kFeatures;
  zk::commit(zk::sha256(zk::bytes_of(std::span(days).first(count * kFeatures))));

  static std::array<uint8_t, kMaxDays> decisions;
  for (size_t day = 0; day < count; ++day)
    decisions[day] = is_long(weights, &days[day * kFeatures]);
  zk::commit(std::span(decisions).first(count));
}
