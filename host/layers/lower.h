// From what a layer is in ONNX to what the tensor unit computes (vm/layer/layer.h), for given layouts
// of its input and output.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "host/layers/layout.h"
#include "vm/layer/layer.h"

namespace zkvm::layers {

enum class LayerErrorCode {
  kDescription,  // it contradicts itself, or has no meaning
  kLayout,       // the input's or output's layout does not serve it
  kUnfit,        // the tensor unit has no such layer: sums, counts or extents are too large
};
struct LayerError {
  LayerErrorCode code;
  std::string message;  // one line: which layer, what, expected, found
};
template <class T>
using Result = tl::expected<T, LayerError>;

// Element x means scale (x - zero_point); x is an int8 or a uint8.
struct Quantisation {
  bool is_signed = true;
  float scale = 1;
  int zero_point = 0;

  [[nodiscard]] uint8_t stored_zero() const {
    return static_cast<uint8_t>(is_signed ? zero_point + 128 : zero_point);
  }
};

// The window of a convolution or pool: rows, then columns; pads as ONNX orders them: top, left,
// bottom, right.
struct Window {
  std::array<uint32_t, 2> kernel = {1, 1}, strides = {1, 1}, dilations = {1, 1};
  std::array<uint32_t, 4> pads = {};

  // Positions of the window; nothing where it is larger than the padded input.
  [[nodiscard]] std::optional<std::array<uint32_t, 2>> positions(const Shape& input) const;
  // What `count` windows on an axis (0: rows) of `size` pixels cover before and behind these, in blocks of as many
  // pixels. REQUIRES: `block` divides size; count is positions().
  struct Beyond {
    uint32_t before, behind;
  };
  [[nodiscard]] Beyond beyond(int axis, uint32_t size, uint32_t count, uint32_t block) const;
};

// QLinearConv: y[o] = rule(bias[o] + sum w[o][c][i][j] (x[..] - input.zero_point)). QGemm and
// QLinearMatMul of one row are the convolution whose kernel is the whole input.
struct Linear {
  std::string name;
  uint32_t outputs = 1, groups = 1;
  Window window = {};
  std::vector<int16_t> weights = {};  // [output][channel of its group][row][column], in [-255, 255]
  std::vector<int32_t> bias = {};     // of each output
  std::vector<float> weight_scales = {};  // of each output, or one
  Quantisation input = {}, output = {};
  std::vector<uint8_t> table = {};  // what each stored byte is replaced by at last: 256, or none
  // The results are the sums, as 32-bit words; output, scales, table are not used.
  bool sums = false;
  // What float32(sum) is multiplied by, of each output or one; empty: float32(float32(input.scale
  // weight_scale) / output.scale).
  std::vector<float> scales = {};
  // Weights, in [-zero, 255 - zero], and biases, in [-2^28, 2^28), are an operand of each call, and not here.
  struct Operand {
    uint8_t zero = 128;
    bool has_bias = true;
  };
  std::optional<Operand> operand = {};
};

// Where the operand of a Linear has its weights and biases.
struct WeightsOperand {
  struct Place {
    uint64_t
        number;  // of a weight, [output][channel of its group][row][column]; of a bias: its output
    uint64_t byte;
  };
  uint64_t bytes = 0, weight_bytes = 0;  // weights are before biases; multiples of 4
  uint8_t zero = 0;                      // what all bytes before are that have no weight
  std::vector<Place> weights;  // a weight: byte less `zero`. Some have no place, some several
  std::vector<Place> biases;   // int32, little-endian; those of no output are 0

  // The bytes of an operand. Error: kDescription, of a value that it cannot have.
  [[nodiscard]] Result<std::vector<uint8_t>> lay_out(std::span<const int16_t> weights,
                                                     std::span<const int32_t> bias) const;
};

// QLinearMatMul of two activations: a [rows][inner] and b [inner][columns], or `transposed`: [columns][inner]. Rows
// are the pixels of tensors of height 1, the last axis is their channels. `batch` of them, one behind the other.
struct MatMul {
  std::string name;
  bool transposed = false;
  uint32_t batch = 1;
  Quantisation a = {}, b = {}, output = {};
  float scale = 1;                  // that float32(sum) is multiplied by
  std::vector<uint8_t> table = {};  // as of a Linear
  bool sums = false;
};

// MaxPool; padding is smaller than all elements, as in ONNX.
struct MaxPool {
  std::string name;
  Window window;
};

// QLinearAdd and QLinearMul of two activations of one type. b has a's shape, or one pixel for all of them:
// ONNX may have it first then. (ONNX Runtime's sum does not commute, and exchanges its operands where the first
// one is constant along rows; so this a is always its first.)
struct Pairwise {
  enum class Op : uint8_t { kAdd, kMul, kTable };
  std::string name;
  Op op = Op::kAdd;
  Quantisation a = {}, b = {}, output = {};  // of kAdd and kMul
  vm::PairTable given = {};                  // of kTable: any function, as stored bytes

  // What is wrong with the quantisations of a kAdd or kMul, or nothing.
  [[nodiscard]] std::optional<std::string> complaint() const;
  // As stored bytes: [256 a + b]. float32, by ONNX Runtime's formulas on a CPU with FMA.
  // REQUIRES: no kTable.
  [[nodiscard]] std::vector<uint8_t> table() const;
};

// The layer from a tensor in layout `in` to one in `out` (with `sums` each byte of `out` is a word); ids are
// 0. An output that is the same byte for every input gets no weights and no bias: quantisers give dead
// channels biases that no sum in the proof could hold. The layer has no complaint(), unless it has more
// than kMaxLayerRows table_rows() or kMaxLayerProducts products(): split.h cuts it.
[[nodiscard]] Result<vm::Layer> lower(const Linear& linear, const Layout& in, const Layout& out);
[[nodiscard]] Result<vm::Layer> lower(const MaxPool& pool, const Layout& in, const Layout& out);
// The layer is of one matrix of the batch. Of each b as many pixels are there as are a multiple of 4, whatever those behind
// the last hold; where `inner` is no multiple of 4, channels beyond the last hold the zero of a (or, transposed, of b).
[[nodiscard]] Result<vm::Layer> lower(const MatMul& product, const Layout& a, const Layout& b,
                                      const Layout& out);
// Of both inputs' layouts rows and leads are the same, or b is one pixel without a lead.
[[nodiscard]] Result<vm::Layer> lower(const Pairwise& pair, const Layout& a, const Layout& b,
                                      const Layout& out);

// Of a linear.operand. Error: kDescription, kLayout or kUnfit, with which lower() refuses it, too.
[[nodiscard]] Result<WeightsOperand> weights_operand(const Linear& linear, const Layout& in,
                                                     const Layout& out);

// Whether `lower` computes it as one product of a matrix and all words of the input: it has one
// position, so any layout serves and gaps have weight 0.
[[nodiscard]] bool is_dense(const Linear& linear, const Shape& input);

// Neighbouring outputs of a row that come of one word of a planar input: strides 1, 2 and 4.
[[nodiscard]] inline uint32_t planar_phases(const Linear& linear) {
  const uint32_t stride = linear.window.strides[1];
  return stride == 1 || stride == 2 || stride == 4 ? 4 / stride : 0;
}

}  // namespace zkvm::layers
