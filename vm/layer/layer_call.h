// A call of a layer by a guest: which words of memory it reads and writes, and may it.
#pragma once

#include <cstdint>
#include <optional>

#include "vm/layer/layer.h"
#include "vm/memory.h"

namespace zkvm::vm {

struct LayerCall {
  const Layer* layer = nullptr;
  uint32_t in = 0, out = 0;  // the operands' bases
  uint32_t b = 0;            // of a pair, whose a is `in`; w of a layer with weights in memory
};

// What a7 is in a call of the layer, by its operands (zk/abi.h).
[[nodiscard]] uint32_t call_number(const Layer& layer);
// Whether a call has `b`.
[[nodiscard]] inline bool has_second_input(const Layer& layer) {
  return layer.kind == Layer::Kind::kPair || layer.memory_weights;
}
[[nodiscard]] inline uint64_t second_extent(const Layer& layer) {
  return layer.memory_weights ? layer.w_extent() : layer.b_extent();
}

// Whether the base is a multiple of 4, the extent ends within kAddressEnd and every word accessed is
// declared writable: also of what is read, because the proof has operands in RAM alone. Words of the
// extent that are not accessed need not be declared.
[[nodiscard]] bool may_read(const LayerCall& call, const Memory& memory);
[[nodiscard]] bool may_read_b(const LayerCall& call, const Memory& memory);  // b or w
[[nodiscard]] bool may_write(const LayerCall& call, const Memory& memory);

// f(address) of each word read (quad by quad, of b or w behind all of `in`), or written (output word by
// output word: the order of layer_results).
template <class F>
void for_words_read(const LayerCall& call, F f) {
  for (uint32_t quad = 0; quad < call.layer->quads; ++quad)
    for (uint32_t p = 0; p < call.layer->positions; ++p)
      f(call.in + in_offset(*call.layer, quad, p));
}
template <class F>
void for_words_of_w(const LayerCall& call, F f) {
  const Layer& layer = *call.layer;
  const auto products = static_cast<uint32_t>(layer.products_summed());
  const uint32_t rows = layer.group_outputs() / 4;
  for (uint32_t n = 0; n < products; ++n)
    for (uint32_t j = 0; j < rows; ++j)
      for (uint32_t i = 0; i < 4; ++i) f(call.b + w_offset(layer, n, j, i));
  for (uint32_t o = 0; o < layer.bias_words(); ++o) f(call.b + bias_offset(layer, o));
}
template <class F>
void for_words_of_b(const LayerCall& call, F f) {
  if (call.layer->memory_weights) return for_words_of_w(call, f);
  for (uint32_t quad = 0; quad < call.layer->quads; ++quad)
    for (uint32_t p = 0; p < call.layer->positions_b; ++p)
      f(call.b + b_offset(*call.layer, quad, p));
}
template <class F>
void for_words_written(const LayerCall& call, F f) {
  const uint32_t words = call.layer->output_words();
  const auto emits = static_cast<uint32_t>(call.layer->emits.size());
  for (uint32_t word = 0; word < words; ++word)
    for (uint32_t emit = 0; emit < emits; ++emit) f(call.out + out_offset(*call.layer, word, emit));
}

// A word of w that is no bias: outside [-kMemoryBiasEnd, kMemoryBiasEnd); nothing if there is none.
// REQUIRES: may_read_b().
struct BadBias {
  uint32_t address, word;
};
[[nodiscard]] std::optional<BadBias> bad_bias(const LayerCall& call, const Memory& memory);

// All below REQUIRE: may_read(), may_write() and may_read_b() where there is a second input; no bad_bias().
// Marks the granules of the words accessed, and no other.
void touch_layer(const LayerCall& call, Memory& memory);
// Touches, reads all, then writes all: operands may overlap.
void run_layer(const LayerCall& call, Memory& memory);

}  // namespace zkvm::vm
