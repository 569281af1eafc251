// What the families of operators share: the symbol table, float expressions between DequantizeLinear and
// QuantizeLinear, and one node's inputs and attributes, checked. Private to lower().
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstring>
#include <functional>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "host/import/lower.h"

namespace zkvm::importer::lowering {

using onnx_file::ElementType;
using onnx_file::Tensor;
using onnx_file::TensorPointer;

// Why a model is refused. Thrown by what reads nodes, caught by lower() alone.
struct Refusal {
  Error error;
};

inline constexpr uint64_t kMaxElements = uint64_t{1} << 28;  // of a tensor
inline constexpr uint64_t kMaxTotalElements = uint64_t{1}
                                              << 26;  // of all that is made of the model
inline constexpr size_t kMaxPorts = 1024;             // inputs, and as many outputs

class NodeView;
class Lowering;
struct Expr;
using ExprPointer = std::shared_ptr<const Expr>;

// Bytes of a constant and what they mean, per tensor (one scale) or along an axis.
struct QuantisedTensor {
  TensorPointer tensor;  // int8, uint8 or int32
  std::vector<float> scales;
  std::vector<int32_t> zero_points;  // as many as scales
  size_t axis = 0;
};

// A float32 tensor. Nothing computes it before a QuantizeLinear says to which bytes; without one it belongs to the
// network's tail.
struct Expr {
  enum class Kind : uint8_t {
    kInput,  // of the model, not quantised yet
    kLeaf,   // bytes, dequantised by the value's own quantisation
    kWords,  // an int32 value as float32, or a float32 value as it stands
    kConstant,
    kMove,  // elements of `inputs` in another order
    kNode,  // an operator
  };
  Kind kind;
  std::string name;  // ONNX's, of the tensor
  Dims dims;
  const onnx_file::Node* node = nullptr;  // that it is the output of
  std::vector<ExprPointer> inputs = {};   // of kMove and kNode; null: left out

  ValueId value = 0;                 // kLeaf, kWords
  std::string bytes = {};            // kLeaf: ONNX's name of the value, where it has one
  TensorPointer constant = nullptr;  // kConstant: float32, or
  std::optional<QuantisedTensor> quantised = {};  // kConstant: what DequantizeLinear reads
  std::vector<uint32_t> from = {};                // kMove, as Move::from
  float fill = 0;
  std::string move_kind = {};  // kMove: of the operator, before it gets a number

  // kNode, one of two. Of an elementwise operator: one element of each input that is there -> one of the result.
  std::function<float(std::span<const float>)> function = {};
  // Of others: the integer operator that makes these bytes; `label` names it in the report. It refuses in the name
  // of the node where there is none.
  std::function<ValueId(const Quantisation&, const std::string& label)> quantise = {};
  // Of linear operators: the int32 sums, and what they are multiplied by to be this tensor (of each output along
  // the axis, or one).
  struct Sums {
    ValueId value;
    std::vector<float> scales;
    size_t axis;
  };
  std::function<Sums()> sums = {};
  // Of linear operators: with constants added that are one for each output. `add` is the node that does so; nothing
  // where their shape is another.
  std::function<ExprPointer(NodeView& add, const ExprPointer& self, const ExprPointer& bias)>
      with_bias = {};
  // Elementwise and min(max(x, low), high) of its first input.
  struct Bounds {
    float low = -std::numeric_limits<float>::infinity(),
          high = std::numeric_limits<float>::infinity();
  };
  std::optional<Bounds> bounds = {};
  uint32_t depth = 0;  // operators upon one another
};

// An int32 tensor at run time: the value's elements in their order, by other dimensions perhaps.
struct Words {
  ValueId value;
  Dims dims;
};

// What a name of the model stands for. ValueId: bytes.
using Symbol = std::variant<TensorPointer, ValueId, Words, ExprPointer>;

using Handler = void (*)(NodeView& node);
// By "domain:operator"; ONNX's own domain is "".
using Handlers = std::map<std::string_view, Handler>;
// Each family's own.
Handlers
quantise_handlers();  // quantise.cc: QuantizeLinear, DequantizeLinear, what is dynamically quantised
Handlers linear_handlers();       // linear.cc: convolutions and products
Handlers pool_handlers();         // pool.cc
Handlers elementwise_handlers();  // elementwise.cc: functions of one or two bytes
Handlers row_handlers();          // rows.cc: Softmax, means, LayerNormalization, ArgMax, TopK
Handlers move_handlers();         // move.cc: elements in another order
Handlers constant_handlers();     // constant.cc: what exists for constants alone
// TreeEnsemble* and what else there is in ai.onnx.ml (tree.cc).
Handlers tree_handlers();

class Lowering {
 public:
  Lowering(const onnx_file::Model& model, const LowerOptions& options);
  // Throws Refusal, as all that follows.
  Network run();

  const onnx_file::Model& model() const { return model_; }
  const Value& value(ValueId id) const { return network_.values[id]; }
  Dims dims_of(const Symbol& symbol) const;

  // REQUIRES: 1 to kMaxElements elements, checked by NodeView::check_size.
  ValueId add_bytes(const std::string& name, Dims dims, Quantisation q);
  // Bytes of which nobody has said yet what they mean.
  ValueId add_raw_bytes(const std::string& name, Dims dims, bool is_signed);
  ValueId add_words(const std::string& name, Dims dims);
  ValueId add_floats(const std::string& name, Dims dims);
  // The same bytes, meaning q: where they mean something else already, another value. q.is_signed is the value's.
  ValueId as(ValueId id, Quantisation q);
  bool is_known(ValueId id) const { return known_[id]; }
  // The name that QuantizeLinear gives it; the first one counts, and inputs keep theirs.
  void rename(ValueId id, const std::string& name);

  // `kind` is Operator::name before it gets a number.
  template <class What>
  void add(const std::string& kind, const onnx_file::Node* node, const std::string& label,
           What what) {
    if constexpr (std::is_same_v<What, Move>) moves_.emplace(what.y, network_.operators.size());
    network_.operators.push_back({kind, node ? node->name : "", label, std::move(what)});
  }
  // REQUIRES: names of the file in it are printable().
  void warn(std::string line) { network_.warnings.push_back(std::move(line)); }

  // An operator on float32. Refused where too many stand upon one another without a QuantizeLinear.
  ExprPointer made(Expr expr, const NodeView& who) const;
  // Elements that one model may have in all its tensors.
  void charge(uint64_t elements, const NodeView& who);
  void charge(uint64_t elements, const std::string& tensor);

  // Bytes that mean just what the expression does, with no rounding: those of a leaf, or of a Relu of one and the like.
  std::optional<ValueId> exact_bytes(const ExprPointer& expr, NodeView& who);
  // Once for a model: what its QDQ form means.
  void warn_of_form();

  // Bytes that mean the expression, rounded as QuantizeLinear does it. Elementwise expressions must have at most two
  // leaves. `who` is what the message names.
  ValueId quantise(const ExprPointer& expr, const Quantisation& q, NodeView& who,
                   const std::string& label = "");

  // An input of the model that is read in float32 itself: a kInput.
  ValueId float_input(const ExprPointer& expr, NodeView& who);
  // What the numbers of an int32 value stand for, if it becomes an output.
  void set_labels(ValueId id, std::vector<std::string> labels) { labels_[id] = std::move(labels); }
  // An operator of ONNX upon a float32 tensor, which the file has as part of another: for the tail.
  ExprPointer add_tail_node(onnx_file::Node node, const ExprPointer& input, const NodeView& who);

 private:
  friend class NodeView;
  void add_inputs();
  void add_outputs();
  // The value with these dimensions: a copy where an input or an output has others.
  ValueId shaped(const Words& words, const std::string& name);
  void read(const onnx_file::Node& node);
  ValueId quantised_input(const ExprPointer& expr, const Quantisation& q, NodeView& who);
  void tail_of(const ExprPointer& expr, std::set<const Expr*>* done);
  void add_port(ValueId value, const std::string& name, onnx_file::ElementType model_type);
  // The port's name: of a value that the tail reads, or of bytes that are an output.
  std::string cut_at(ValueId value, const std::string& name);

  const onnx_file::Model& model_;
  const LowerOptions& options_;
  Network network_;
  std::vector<bool> known_;  // of each value: whether its quantisation is
  std::map<std::string, Symbol> symbols_;
  std::map<ValueId, size_t> moves_;  // operators: of values that were moved
  uint64_t elements_ = 0;
  std::map<std::string, ValueId> inputs_;  // of float inputs: what they were quantised to
  std::map<ValueId, size_t> cuts_;         // ports
  std::map<ValueId, std::vector<std::string>> labels_;
  std::list<onnx_file::Node> tail_made_;  // what is not of the file
  using Key = std::tuple<const Expr*, bool, float, int>;
  std::map<Key, std::pair<ExprPointer, ValueId>>
      quantised_;  // what was made already; keeps the expressions alive
  std::set<std::string> tail_constants_;
  std::set<const onnx_file::Node*> tail_nodes_;
  std::set<ValueId> named_;
  std::map<const Expr*, std::pair<ExprPointer, ValueId>> exact_;
};

// One node as a family of operators reads it: whatever is not as it must be is refused in the node's name.
class NodeView {
 public:
  NodeView(Lowering* lowering, const onnx_file::Node& node) : lowering_(*lowering), node_(node) {}

  Lowering& lowering() const { return lowering_; }
  const onnx_file::Node& node() const { return node_; }
  int64_t opset() const;  // of the node's domain; 1 where the model does not say

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> text, Args&&... args) const {
    refuse_with(onnx_file::ErrorCode::kUnsupported, fmt::format(text, std::forward<Args>(args)...));
  }
  template <class... Args>
  [[noreturn]] void malformed(fmt::format_string<Args...> text, Args&&... args) const {
    refuse_with(onnx_file::ErrorCode::kMalformed, fmt::format(text, std::forward<Args>(args)...));
  }
  [[noreturn]] void refuse_with(onnx_file::ErrorCode code, const std::string& message) const;

  bool has(size_t input) const {
    return input < node_.inputs.size() && !node_.inputs[input].empty();
  }
  bool has_output(size_t output) const {
    return output < node_.outputs.size() && !node_.outputs[output].empty();
  }
  const std::string& input_name(size_t input) const;
  const std::string& output_name(size_t output = 0) const;
  const Symbol& symbol(size_t input) const;
  Dims dims(size_t input) const { return lowering_.dims_of(symbol(input)); }
  // A constant of the model, or one that was computed of those.
  bool is_constant(size_t input) const;
  TensorPointer constant(size_t input) const;
  std::vector<int64_t> integers(size_t input) const;  // of a constant
  float scalar(size_t input) const;                   // a float32 constant of one element
  // The input as an expression: a constant float32 becomes one.
  ExprPointer expr(size_t input) const;
  // The input's bytes, meaning q; a constant becomes an operator of its own.
  ValueId bytes(size_t input, const Quantisation& q) const;
  bool is_signed(
      size_t input) const;  // whether the bytes are int8; refused where they are no bytes

  // Of inputs of one element each: a scale, and a zero point that may be left out (then it is 0 of the type).
  float scale(size_t input) const;
  Quantisation quantisation(size_t scale, size_t zero_point, bool is_signed) const;
  // Of an output, whose type is the zero point's; without one uint8.
  Quantisation output_quantisation(size_t scale, size_t zero_point) const;
  int zero_point(size_t input, bool is_signed) const;

  // Attributes; one that no function here was asked for is refused by check_attributes().
  int64_t integer(const char* name, int64_t otherwise) const;
  int64_t required_integer(const char* name) const;
  float real(const char* name, float otherwise) const;
  std::string text(const char* name, const std::string& otherwise) const;
  std::optional<std::vector<int64_t>> integer_list(const char* name) const;
  std::optional<std::vector<float>> real_list(const char* name) const;
  const onnx_file::Attribute* attribute(const char* name) const;
  void check_attributes() const;

  uint64_t check_size(const Dims& dims) const;   // elements; refuses none and too many
  size_t axis(int64_t axis, size_t rank) const;  // -1 is the last

  void define(Symbol symbol, size_t output = 0) const;

 private:
  Lowering& lowering_;
  const onnx_file::Node& node_;
  mutable std::set<std::string> seen_;
};

// Shapes -----------------------------------------------------------------------------------------
Dims broadcast(const NodeView& node, const Dims& a, const Dims& b);
Dims to_dims(const std::vector<int64_t>& dims);

// The window of a convolution or pool over dims [1, C, H, W] or [1, C, L], whose attributes it reads.
struct WindowAndDims {
  layers::Window window = {};  // pads at the ends raised to what ceil_mode covers
  Dims positions = {};         // of each axis behind the channels
};
WindowAndDims read_window(NodeView& node, const Dims& dims, const std::vector<int64_t>& kernel,
                          bool is_pool, bool ceil_mode);

// Expressions (expr.cc) --------------------------------------------------------------------------
TensorPointer floats_of(const Expr& constant);  // of a kConstant, dequantised
ExprPointer constant_expr(const std::string& name, TensorPointer tensor);
TensorPointer float_tensor(const Dims& dims, const std::vector<float>& values);
TensorPointer typed_integers(ElementType type, const Dims& dims,
                             const std::vector<int64_t>& values);
TensorPointer integer_tensor(const Dims& dims, const std::vector<int64_t>& values);
// even(clamp(x / scale)) + zero point, as QuantizeLinear; NaN and -inf give the least value. As the byte in memory.
uint8_t quantise_float(float x, const Quantisation& q);
float dequantise_byte(uint8_t byte, const Quantisation& q);
float round_half_even(float x);

// Moves (move.cc) --------------------------------------------------------------------------------
struct Order {
  Dims dims;
  std::vector<uint32_t> from;  // as Move::from
};
Order identity_order(const Dims& dims, Dims as);
Order transposed(const Dims& dims, const std::vector<size_t>& permutation);
// The elements of `inputs` in this order: constants stay constants, expressions are moved as late as need be.
// `fill` is where the order fills.
Symbol moved(NodeView& node, const std::string& kind, const std::vector<Symbol>& inputs,
             const Order& order, const std::string& name, std::optional<TensorPointer> fill = {});
// Of bytes.
ValueId moved_bytes(NodeView& node, const std::string& kind, ValueId x, const Order& order,
                    const std::string& name, uint8_t fill = 0);

// Rows (rows.cc) ---------------------------------------------------------------------------------
// LayerNormalization as means, differences and a root: its bytes; nothing where the expression is something else.
std::optional<ValueId> quantise_written_out(const ExprPointer& expr, const Quantisation& q,
                                            NodeView& who, const std::string& label);

// Elementwise (elementwise.cc) -------------------------------------------------------------------
ValueId quantise_elementwise(Lowering& lowering, const ExprPointer& expr, const Quantisation& q,
                             NodeView& who, const std::string& label);
// Of an expression of one leaf: a table from its bytes to bytes of its own quantisation that mean the result exactly, for
// all 256; nothing where there is none.
struct ExactTable {
  ValueId leaf;
  std::vector<uint8_t> table;
};
std::optional<ExactTable> exact_table(const Lowering& lowering, const ExprPointer& expr);
// Where the expression is elementwise around one move: the move of an expression that is elementwise of bytes.
ExprPointer moved_last(const ExprPointer& expr);
// A Move of one input through a table of 256.
ValueId tabulated(Lowering& lowering, ValueId x, const Quantisation& q, std::vector<uint8_t> table,
                  const std::string& kind, const onnx_file::Node* node, const std::string& label,
                  const std::string& name);

// Behind all nodes (finish.cc): moves are composed, tables folded into layers, operators numbered.
void finish(Network* network);

}  // namespace zkvm::importer::lowering
