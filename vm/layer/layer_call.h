// A call of a layer by a guest: which words of memory it reads and writes, and may it.
#pragma once

#include <cstdint>

#include "vm/layer/layer.h"
#include "vm/memory.h"

namespace zkvm::vm {

struct LayerCall {
  const Layer* layer = nullptr;
  uint32_t in = 0, out = 0;  // the operands' bases
  uint32_t b = 0;            // of a pair, whose a is `in`; or w, of weights in memory
};

// Whether the base is a multiple of 4, the extent ends within kAddressEnd and every word accessed is
// declared writable: also of what is read, because the proof has operands in RAM alone. Words of the
// extent that are not accessed need not be declared.
[[nodiscard]] bool may_read(const LayerCall& call, const Memory& memory);
[[nodiscard]] bool may_read_b(const LayerCall& call, const Memory& memory);  // of pairs
[[nodiscard]] bool may_read_w(const LayerCall& call, const Memory& memory);  // of memory_weights
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
void for_words_of_b(const LayerCall& call, F f) {
  for (uint32_t quad = 0; quad < call.layer->quads; ++quad)
    for (uint32_t p = 0; p < call.layer->positions_b; ++p)
      f(call.b + b_offset(*call.layer, quad, p));
}
template <class F>
void for_words_of_w(const LayerCall& call, F f) {
  const Layer& layer = *call.layer;
  if (!layer.memory_weights) return;
  const uint32_t rows = layer.group_outputs() / 4;
  for (uint32_t n = 0; n < layer.products_summed(); ++n)
    for (uint32_t j = 0; j < rows; ++j)
      for (uint32_t i = 0; i < 4; ++i) f(call.b + w_offset(layer, n, j, i));
  for (uint32_t o = 0; o < layer.bias_words(); ++o) f(call.b + bias_offset(layer, o));
}
template <class F>
void for_words_written(const LayerCall& call, F f) {
  const uint32_t words = call.layer->output_words();
  const auto emits = static_cast<uint32_t>(call.layer->emits.size());
  for (uint32_t word = 0; word < words; ++word)
    for (uint32_t emit = 0; emit < emits; ++emit) f(call.out + out_offset(*call.layer, word, emit));
}

// All below REQUIRE: may_read() and may_write(), of b or w, too.
// Marks the granules of the words accessed, and no other.
void touch_layer(const LayerCall& call, Memory& memory);
// Touches, reads all, then writes all: operands may overlap.
void run_layer(const LayerCall& call, Memory& memory);

}  // namespace zkvm::vm
