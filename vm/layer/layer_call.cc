#include "vm/layer/layer_call.h"

#include <zk/abi.h>
#include <zk/check.h>

#include <cstring>
#include <vector>

namespace zkvm::vm {
namespace {

// Whether an operand at `base` is as a call needs it; each(f) calls f(address) for each word.
template <class Each>
bool may_access(uint32_t base, uint64_t extent, const Memory& memory, Each each) {
  if (base % 4 != 0 || base + extent > kAddressEnd) return false;
  if (memory.allows(base, static_cast<uint32_t>(extent), true)) return true;
  bool all = true;
  each([&](uint32_t address) { all = all && memory.allows(address, 4, true); });
  return all;
}

}  // namespace

uint32_t call_number(const Layer& layer) {
  if (layer.memory_weights) return zk::abi::kSysLayerWeights;
  return layer.kind == Layer::Kind::kPair ? zk::abi::kSysLayerPair : zk::abi::kSysLayer;
}

bool may_read(const LayerCall& call, const Memory& memory) {
  return may_access(call.in, call.layer->in_extent(), memory,
                    [&](auto f) { for_words_read(call, f); });
}

bool may_read_b(const LayerCall& call, const Memory& memory) {
  return may_access(call.b, second_extent(*call.layer), memory,
                    [&](auto f) { for_words_of_b(call, f); });
}

bool may_write(const LayerCall& call, const Memory& memory) {
  return may_access(call.out, call.layer->out_extent(), memory,
                    [&](auto f) { for_words_written(call, f); });
}

std::optional<BadBias> bad_bias(const LayerCall& call, const Memory& memory) {
  for (uint32_t o = 0; o < call.layer->bias_words(); ++o) {
    const uint32_t address = call.b + bias_offset(*call.layer, o);
    int32_t bias;
    std::memcpy(&bias, memory.window() + address, 4);
    if (bias < -kMemoryBiasEnd || bias >= kMemoryBiasEnd)
      return BadBias{address, static_cast<uint32_t>(bias)};
  }
  return std::nullopt;
}

void touch_layer(const LayerCall& call, Memory& memory) {
  const auto touch = [&](uint32_t address) { ZK_CHECK(memory.touch_word(address, 4, true)); };
  for_words_read(call, touch);
  for_words_of_b(call, touch);
  for_words_written(call, touch);
}

void run_layer(const LayerCall& call, Memory& memory) {
  touch_layer(call, memory);
  std::vector<uint32_t> words;
  words.reserve(call.layer->words_read());
  const auto read = [&](uint32_t address) {
    std::memcpy(&words.emplace_back(), memory.window() + address, 4);
  };
  for_words_read(call, read);
  for_words_of_b(call, read);
  const std::vector<uint32_t> results = layer_results(*call.layer, words);
  size_t i = 0;
  for_words_written(
      call, [&](uint32_t address) { std::memcpy(memory.window() + address, &results[i++], 4); });
}

}  // namespace zkvm::vm
