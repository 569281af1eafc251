// A network in integers, as `zkvm import` understood an ONNX file: tensors of bytes, and operators whose results
// are exact. lower.h makes it of a model, evaluate.h computes it on the host, plan.h chooses where its tensors lie
// and what the tensor unit computes, write.h writes the guest.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <variant>
#include <vector>

#include "host/layers/lower.h"
#include "host/onnx/model.h"

namespace zkvm::importer {

using layers::Quantisation;
using onnx_file::Error;
using onnx_file::ErrorCode;
using onnx_file::Result;

using Dims = std::vector<uint32_t>;  // ONNX's, a batch of 1 included; none: one element
uint64_t elements_of(const Dims& dims);
std::string text_of(const Dims& dims);               // "1x16x5x5"
std::vector<uint64_t> strides_of(const Dims& dims);  // of each axis, in elements
// The element of a tensor of dims `from` that each element of `to` is, which numpy broadcasts it to.
std::vector<uint32_t> broadcast_order(const Dims& from, const Dims& to);
// Whether an order takes all elements, each in its place.
bool is_identity(std::span<const uint32_t> order, uint64_t elements);

// Element types of tensors at run time. Row-major, little-endian.
enum class Type : uint8_t { kInt8, kUint8, kInt32, kFloat32 };
constexpr bool is_byte(Type type) { return type == Type::kInt8 || type == Type::kUint8; }
constexpr uint32_t bytes_of(Type type) { return is_byte(type) ? 1 : 4; }  // of an element

struct Value {
  std::string name;  // ONNX's name of the tensor that it is, or comes nearest to
  Type type = Type::kInt8;
  Dims dims;
  Quantisation q = {};  // of kInt8 and kUint8; q.is_signed agrees with the type
};

// How the operators below name their operands: numbers of Network::values.
using ValueId = uint32_t;

// QLinearConv. dims of x are [1, C, H, W] or [1, C, L] (then H is 1), those of y likewise.
// With `rows` it is a product with a fixed matrix instead (QLinearMatMul, QGemm): the last axis of x is its channels, all
// others are rows; the window is 1 x 1; y has the last axis replaced by `outputs`.
struct Linear {
  // Of weights that the model has (the import makes some itself: a mean's ones).
  struct ModelWeights {
    // The byte, of an int8 plus 128, that stands for 0; none where outputs have zero points of their own.
    std::optional<uint8_t> stored_zero;
    std::vector<float> scales;  // one, or one of each output, also where `layer` has sums
  };
  ValueId x, y;
  bool rows = false;
  // .name is Operator::name. y is kInt32 where .sums. `scales` instead of .input.scale * .weight_scales / .output.scale
  // where they are not empty: what float32(sum) is multiplied by, of each output or one.
  layers::Linear layer;
  std::vector<float> scales = {};
  std::optional<ModelWeights> from_model = {};
};
// MaxPool of [1, C, H, W] or [1, C, L]; quantisation of y is x's.
struct MaxPool {
  ValueId x, y;
  layers::Window window;
};
// Any function of two bytes: table[256 a + b], bytes as they are in memory (two's complement). Shapes of a and b are
// broadcast as numpy does it, at most to y's; their types may differ.
struct Pair {
  ValueId a, b, y;
  std::shared_ptr<const std::vector<uint8_t>> table;  // 65,536
};
// Elements of inputs in another order: all that reshapes, transposes, slices, concatenates, pads, repeats, and any
// function of one byte.
struct Move {
  static constexpr uint32_t kFill = UINT32_MAX;  // in `from`: the byte `fill`
  std::vector<ValueId>
      inputs;  // all of types of one byte, or all kInt32: then without fill and tables
  ValueId y;
  std::vector<uint32_t>
      from;  // of each element of y, in order: an element of all inputs, counted through
  uint8_t fill = 0;
  // Of each input, or none at all: what its bytes become; 256, or empty where they stay.
  std::vector<std::vector<uint8_t>> tables = {};
};
// QLinearAveragePool of [1, C, H, W] or [1, C, L]: float32 in the runtime's order, which is not a function of the sum.
struct AveragePool {
  ValueId x, y;
  layers::Window window;
  bool count_include_pad = false;
};
// QLinearMatMul of two tensors that are both computed: a [.., m, k], b [.., k, n], leading axes equal (Moves have broadcast
// them). scale = float32(float32(sa sb) / sy).
struct MatMul {
  ValueId a, b, y;
  float scale;
  bool on_unit = false;  // as plan.h says
};
// QLinearSoftmax along the last axis (Moves have brought it there).
struct Softmax {
  ValueId x, y;
};
// Integer rules of our own, along the last axis: page host/import/rules.md.
struct ReduceMean {
  ValueId x, y;
};
struct LayerNormalization {
  ValueId x, y;
  std::vector<float> scale, bias;  // of each element of the last axis
  float epsilon;
};
// Rows of a fixed table [rows][width] by index: y = [dims of index.., width]. An index out of range ends the run.
struct Gather {
  ValueId index, y;  // kInt32; bytes
  std::shared_ptr<const std::vector<uint8_t>> table;
  uint32_t rows, width;
};
// Along the last axis of bytes; y is kInt32: indices, of equals the first (`last`: the last); of TopK those of the k greatest (or
// least) by value, then by index, and behind them (values) the elements.
struct ArgMax {
  ValueId x, y;
  bool least = false, last = false;
};
struct TopK {
  ValueId x, values, indices;
  bool least = false;
};
// A constant of the model that an operator reads as a tensor.
struct Constant {
  ValueId y;
  std::vector<uint8_t> bytes;
};
// ai.onnx.ml's trees on kFloat32 features, [n] or [1, n]: tree.h has what they are.
struct TreeEnsemble;
struct Trees {
  static constexpr ValueId kNone = UINT32_MAX;
  ValueId x;
  ValueId label;   // kInt32, one element: the class's number; kNone of a regressor
  ValueId scores;  // kFloat32, before any post transform
  std::shared_ptr<const TreeEnsemble> trees;
};

struct Operator {
  std::string name;     // of the guest's line and the report: "conv1", "dense2"; unique
  std::string node;     // the ONNX node that it came from, or the last of those: "/features/0/Conv"
  std::string op_type;  // as the report shows it: "QLinearConv", "Conv + Relu"
  std::variant<Linear, MaxPool, Pair, Move, AveragePool, MatMul, Softmax, ReduceMean,
               LayerNormalization, Gather, ArgMax, TopK, Constant, Trees>
      what;
};

// One of the model's inputs or outputs, and what its bytes mean to who has the model.
struct Port {
  ValueId value;
  std::string name;                   // ONNX's, of the model's own input or output
  onnx_file::ElementType model_type;  // of the model's: kFloat32 where the file quantises it itself
  std::vector<std::string> labels = {};
  std::string output =
      {};  // the model's output that it is, by ONNX's name; "" where only the tail reads it
};

// What of a graph stands behind the last quantised tensors, in float32: written as functions for who reads the journal.
struct TailNode {
  std::string node, op_type;
  std::vector<std::string> inputs, outputs;  // ONNX's names
  std::map<std::string, onnx_file::Attribute> attributes;
  int64_t opset = 18;  // of the operator's domain; 18: of nodes that the lowering made
};

struct Network {
  std::string name;
  std::vector<Value> values;
  std::vector<Operator> operators;  // each behind those whose results it reads
  std::vector<Port> inputs;
  std::vector<Port>
      outputs;  // where the graph was cut: of the tensors that the tail reads, named by them
  std::vector<TailNode> tail;
  std::vector<std::string>
      model_outputs;                  // ONNX's names of the outputs of the whole graph, in order
  std::vector<std::string> warnings;  // lines for the report
  bool is_qdq =
      false;  // float operators between DequantizeLinear and QuantizeLinear: several functions
};

// Calls read with each operand that `op` reads, in its function's order, then write with those that it writes; they may
// be replaced where `op` is not const.
template <class Op, class Read, class Write>
void for_each_operand(Op& op, Read&& read, Write&& write) {
  std::visit(
      [&](auto& what) {
        using What = std::remove_cvref_t<decltype(what)>;
        if constexpr (std::is_same_v<What, Pair> || std::is_same_v<What, MatMul>) {
          read(what.a), read(what.b), write(what.y);
        } else if constexpr (std::is_same_v<What, Move>) {
          for (auto& x : what.inputs) read(x);
          write(what.y);
        } else if constexpr (std::is_same_v<What, Gather>) {
          read(what.index), write(what.y);
        } else if constexpr (std::is_same_v<What, TopK>) {
          read(what.x), write(what.values), write(what.indices);
        } else if constexpr (std::is_same_v<What, Constant>) {
          write(what.y);
        } else if constexpr (std::is_same_v<What, Trees>) {
          read(what.x);
          if (what.label != Trees::kNone) write(what.label);
          write(what.scores);
        } else {
          read(what.x), write(what.y);
        }
      },
      op.what);
}

}  // namespace zkvm::importer
