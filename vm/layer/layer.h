// Layers of a network as the tensor unit computes them: one `ecall` is one layer (layer_call.h says how
// the VM runs it, section.h how an ELF file holds it, stark/chips/layer/ how it is proven).
//
// Activations are bytes, unsigned, in *offset binary*: an int8 x is stored as x + 128. They lie
// position-major: a *quad* is the word of four channels k at one position p, at
//
//   in + p step + quad quad_step          0 <= p < positions, 0 <= quad < quads
//
// A linear layer (dense, matrix product, convolution of any kernel, stride, dilation, groups) is, with
// z = zero, x[p] = z outside [0, positions) and D = back,
//
//   raw[q][o] = sum over taps t, channels k of (x[q - D + d_t][k] - z) w[o][t][k]      0 <= q < rows()
//   byte at  out + offset + o  =  function_o(raw[q][o] + bias_o)      for each (q, offset) of `emits`
//
// d_t = taps[t], 0 <= d_t <= D. (A 3 x 3 kernel on rows of S pixels: 0, 1, 2, S, S + 1, ..; padding is
// pixels of value z that stand in memory between rows.) Outputs and quads fall into `groups` equal
// parts; outputs of a part see quads of it alone. With `sums` the results are words instead of bytes:
//
//   word at  out + offset + 4 o  =  raw[q][o] + bias_o, in two's complement
//
// The weights of a linear layer are its own, or an operand in memory, w (MemoryWeights).
//
// A max pool has taps but neither weights nor groups: byte k of quad at out + offset + 4 quad is the
// greatest of x[q - D + d_t][k] over the taps, all of which lie in [0, positions).
//
// A pair has two inputs, a as above and b at  b + p step_b + quad quad_step_b  for the same quads, and any
// fixed function of two bytes, as a table (a sum or product of tensors of one quantisation or several):
//
//   byte k of quad at  out + offset + 4 quad  =  table[256 a[p][k] + b[p'][k]]     for each (p, offset)
//
// p' = p, or 0 where b has one position, which all share. D = 0, and the one tap is 0. Both inputs may be
// one tensor.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace zkvm::vm {

// What becomes of an accumulator: any piecewise constant function from integers to bytes.
struct LayerFunction {
  struct Step {
    int32_t from;  // this value from here on
    uint8_t value;
    bool operator==(const Step&) const = default;
  };
  // ONNX Runtime's rule, which grows with x: clamp(half_even(float32(float32(x) scale)) + zero_point)
  // to int8 (stored as its value + 128) or uint8. `scale` is float32(float32(sx sw) / sy), positive and
  // normal, as bits.
  uint32_t scale = 0;
  int16_t zero_point = 0;
  bool is_signed = false;
  // What each stored byte of the rule is replaced by, 256 of them; empty: nothing is.
  std::vector<uint8_t> table;
  // If it is not empty: the function itself, and all above is 0 and empty. By `from`; the first step's
  // value holds below it, too.
  std::vector<Step> steps;

  [[nodiscard]] uint8_t operator()(int32_t x) const;
  // The longest steps on [low, high], the first from `low`. REQUIRES: low <= high.
  [[nodiscard]] std::vector<Step> steps_on(int32_t low, int32_t high) const;
  bool operator==(const LayerFunction&) const = default;
};

// What a pair makes of two bytes: 65,536 bytes, [256 a + b], shared by all layers that have them.
class PairTable {
 public:
  static constexpr size_t kBytes = 1u << 16;

  PairTable() = default;  // none
  // REQUIRES: kBytes of them.
  explicit PairTable(std::vector<uint8_t> bytes);
  [[nodiscard]] bool has_value() const { return bytes_ != nullptr; }
  // Empty if there is none.
  [[nodiscard]] std::span<const uint8_t> bytes() const;
  bool operator==(const PairTable& other) const;

 private:
  std::shared_ptr<const std::vector<uint8_t>> bytes_;
};

// Greatest |raw + bias| of a layer, whatever its input: in the proof a sum is one element of F, and twice
// this is below p.
inline constexpr int64_t kMaxLayerSum = (int64_t{1} << 30) - (int64_t{1} << 24);
// Of an operand, in bytes: the banks that it lies in are tables of the proof, and must not be its most.
inline constexpr uint32_t kMaxLayerExtent = 1u << 26;
inline constexpr uint32_t kMaxLayerWords = 1u << 21;  // of an operand, that are accessed
inline constexpr uint32_t kMaxLayerRows = 1u << 21;   // of a table of the proof, for one call
inline constexpr uint32_t kMaxLayerWeights = 1u << 26;
inline constexpr uint32_t kMaxLayerTaps = 1u << 16;
// Of a call, weights that are 0 and positions that are not emitted included: it is one cycle, and takes
// seconds at most.
inline constexpr uint64_t kMaxLayerProducts = uint64_t{1} << 34;
inline constexpr size_t kMaxLayerName = 63;
// Biases in memory are in [-kMemoryBiasEnd, kMemoryBiasEnd); a call with another one traps.
inline constexpr int32_t kMemoryBiasEnd = 1 << 28;
// Of the sums that steps tell apart where weights are in memory: one interval may be all of it.
inline constexpr int64_t kMaxMemoryWeightsSpan = (int64_t{1} << 30) - (int64_t{1} << 25);

struct Layer {
  enum class Kind : uint8_t { kLinear = 0, kMaxPool = 1, kPair = 2 };
  struct Emit {
    uint32_t position;  // q
    uint32_t offset;    // bytes, a multiple of 4
    bool operator==(const Emit&) const = default;
  };
  // Weights in memory instead of the layer: a call has one more operand, w. They are bytes less `zero`. With
  // products numbered n = quad taps + tap, OG outputs in a group and 0 <= j < OG / 4, 0 <= i < 4, there is a
  // word (n, j, i) at
  //
  //   w + n product_step + j row_step + i lane_step
  //
  // whose byte k belongs to channel k of the quad and output 4 j + i of the group ([output][channel]: A B^T),
  // or whose byte m, by_outputs, to channel i and output 4 j + m ([channel][output]: A B).
  struct MemoryWeights {
    bool by_outputs = false;
    uint8_t zero = 0;
    uint32_t lane_step = 4, row_step = 16, product_step = 16;  // bytes, multiples of 4
    // Where int32 biases of all outputs stand, from w, behind all weights; nowhere: they are 0.
    std::optional<uint32_t> bias = std::nullopt;
    bool operator==(const MemoryWeights&) const = default;
  };

  uint32_t id = 0;   // what a guest calls it by; unique in a program
  std::string name;  // for messages and profiles; printable ASCII
  Kind kind = Kind::kLinear;
  uint32_t positions = 1, back = 0, step = 4, quads = 1, quad_step = 4;
  uint8_t zero = 0;
  std::vector<uint32_t> taps = {0};
  std::vector<Emit> emits = {{0, 0}};  // by position
  // Of linear layers.
  uint32_t outputs = 4;  // a multiple of 4 groups
  uint32_t groups = 1;   // divides quads
  bool sums = false;
  // In [-255, 255]; [quad][tap][channel of the quad][output of its group].
  std::vector<int16_t> weights;
  std::vector<int32_t> bias;             // of each output
  std::vector<LayerFunction> functions;  // each once
  std::vector<uint16_t> function_of;     // of each output; empty with `sums`
  std::optional<MemoryWeights> memory_weights =
      std::nullopt;  // then `weights` and `bias` are empty
  // Of pairs; 0 and none of others. positions_b is 1 or `positions`.
  uint32_t positions_b = 0, step_b = 0, quad_step_b = 0;
  PairTable pair_table;

  bool operator==(const Layer&) const = default;

  [[nodiscard]] uint32_t rows() const { return positions + back; }
  [[nodiscard]] uint32_t group_outputs() const { return outputs / groups; }
  [[nodiscard]] uint32_t output_quads() const {
    return kind == Kind::kLinear ? outputs / 4 : quads;
  }
  // p' of a pair.
  [[nodiscard]] uint32_t position_of_b(uint32_t position) const {
    return positions_b == 1 ? 0 : position;
  }
  // Words that it writes at each position that it emits.
  [[nodiscard]] uint32_t output_words() const { return sums ? outputs : output_quads(); }
  [[nodiscard]] int16_t weight(uint32_t quad, uint32_t tap, uint32_t channel,
                               uint32_t output) const {
    const size_t row = (size_t{quad} * taps.size() + tap) * 4 + channel;
    return weights[row * group_outputs() + output];
  }
  // Words that a pool compares: windows, word after word.
  [[nodiscard]] uint64_t windows() const {
    return kind == Kind::kMaxPool ? uint64_t{quads} * emits.size() * taps.size() : 0;
  }
  // Pairs of a quad and a tap whose products a linear layer adds up.
  [[nodiscard]] uint64_t products_summed() const {
    return kind == Kind::kLinear ? uint64_t{quads} * taps.size() : 0;
  }
  // Of w: words of weights, and biases.
  [[nodiscard]] uint64_t weight_words() const {
    return memory_weights ? products_summed() * group_outputs() : 0;
  }
  [[nodiscard]] uint64_t bias_words() const {
    return memory_weights && memory_weights->bias ? outputs : 0;
  }
  // Its own, or in memory.
  [[nodiscard]] uint64_t weight_count() const {
    return memory_weights ? 4 * weight_words() : weights.size();
  }
  // Words that a call reads, of all its inputs.
  [[nodiscard]] uint64_t words_read() const {
    return uint64_t{quads} * positions + uint64_t{quads} * positions_b + weight_words() +
           bias_words();
  }
  [[nodiscard]] uint64_t words_written() const { return uint64_t{output_words()} * emits.size(); }
  // Rows that a writing chip of the proof has for a call.
  [[nodiscard]] uint64_t written_rows() const {
    switch (kind) {
      case Kind::kLinear:
        return uint64_t{rows()} * output_words();
      case Kind::kMaxPool:
        return windows();
      case Kind::kPair:
        return words_written();
    }
    return 0;
  }
  // The most rows that a table of the proof has for a call: what a segment is cut by.
  [[nodiscard]] uint64_t table_rows() const {
    return std::max({words_read(), products_summed(), written_rows()});
  }
  // Bytes from an operand's base to behind the last one accessed.
  [[nodiscard]] uint64_t in_extent() const {
    return uint64_t{positions - 1} * step + uint64_t{quads - 1} * quad_step + 4;
  }
  [[nodiscard]] uint64_t b_extent() const {  // of pairs
    return uint64_t{positions_b - 1} * step_b + uint64_t{quads - 1} * quad_step_b + 4;
  }
  [[nodiscard]] uint64_t weights_extent() const;  // of memory_weights, without biases
  [[nodiscard]] uint64_t w_extent() const;        // with them
  [[nodiscard]] uint64_t out_extent() const;
  // Products of a call, of weights that are there.
  [[nodiscard]] uint64_t products() const;
  // What a call takes to execute, in instructions, roughly.
  [[nodiscard]] uint64_t work() const { return table_rows() + products() / 16; }

  // The least and greatest raw + bias of an output, whatever the input bytes, and those of weights in memory.
  struct Range {
    int64_t low, high;
  };
  [[nodiscard]] std::vector<Range> ranges() const;

  // What is wrong with it, or nothing: all that the VM, the image and the proof rely on. Among it: that
  // no word is read twice, or written twice; that sums stay within kMaxLayerSum; that counts and extents
  // are within the limits above.
  [[nodiscard]] std::optional<std::string> complaint() const;

 private:
  [[nodiscard]] std::optional<std::string> complaint_of_b() const;
  [[nodiscard]] std::optional<std::string> complaint_of_w() const;
  [[nodiscard]] Range range_of_any_weights() const;
};

// raw of a linear layer: raw[q * outputs + o]. `words`: quad-major, words[quad * positions + p]; those of weights in
// memory behind them, by (n, j, i).
[[nodiscard]] std::vector<int32_t> layer_sums(const Layer& layer, std::span<const uint32_t> words);

// The words that a call writes: of each output word in turn those of all emits,
// [word * emits.size() + emit]. `words`: as above; of a pair behind them those of b, by quads too; biases in memory
// last, by output.
[[nodiscard]] std::vector<uint32_t> layer_results(const Layer& layer,
                                                  std::span<const uint32_t> words);

// Address of a word that a call accesses, less the operand's base; in the orders above.
[[nodiscard]] inline uint32_t in_offset(const Layer& layer, uint32_t quad, uint32_t position) {
  return position * layer.step + quad * layer.quad_step;
}
[[nodiscard]] inline uint32_t b_offset(const Layer& layer, uint32_t quad, uint32_t position) {
  return position * layer.step_b + quad * layer.quad_step_b;
}
[[nodiscard]] inline uint32_t w_offset(const Layer& layer, uint32_t n, uint32_t j, uint32_t i) {
  const Layer::MemoryWeights& w = *layer.memory_weights;
  return n * w.product_step + j * w.row_step + i * w.lane_step;
}
[[nodiscard]] inline uint32_t bias_offset(const Layer& layer, uint32_t output) {
  return *layer.memory_weights->bias + 4 * output;
}
[[nodiscard]] inline uint32_t out_offset(const Layer& layer, uint32_t word, uint32_t emit) {
  return layer.emits[emit].offset + 4 * word;
}

}  // namespace zkvm::vm
