// The recorder: runs a chip's eval() once on symbols and writes down what the verifying key says
// about it (key.h): the expressions of its asserts and the affine forms of its interactions. It
// also refuses chips that the proof system could not carry: degree above 3, interactions that are
// not affine in the current row, multiplicities without a bound.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "stark/air/chip.h"
#include "stark/field/field.h"
#include "stark/protocol/key.h"

namespace zkvm::stark {

class Recorder;

/// A symbolic polynomial in the columns: a constant, or a node of a recorder.
class Symbol {
 public:
  Symbol() = default;
  template <std::integral I>
  Symbol(I integer) : constant_(Fp::from_signed(static_cast<int64_t>(integer))) {}
  Symbol(Fp constant) : constant_(constant) {}

  friend Symbol operator+(const Symbol& a, const Symbol& b) {
    return combine(ExpressionNode::Op::kAdd, a, b);
  }
  friend Symbol operator-(const Symbol& a, const Symbol& b) {
    return combine(ExpressionNode::Op::kSub, a, b);
  }
  friend Symbol operator*(const Symbol& a, const Symbol& b) {
    return combine(ExpressionNode::Op::kMul, a, b);
  }
  Symbol operator-() const { return Symbol(0) - *this; }

 private:
  friend class Recorder;
  Symbol(Recorder* recorder, uint32_t node) : recorder_(recorder), node_(node) {}
  static Symbol combine(ExpressionNode::Op op, const Symbol& a, const Symbol& b);

  Recorder* recorder_ = nullptr;  // null: a constant
  uint32_t node_ = 0;
  Fp constant_;
};

/// A chip as recorded, with the names that only messages need.
struct RecordedChip {
  ChipKey key;
  std::vector<std::string> columns;
  std::vector<std::string> asserts;  // labels, in the order of key.asserts
  struct BusUse {
    uint16_t id;
    std::string name;
    size_t width;
  };
  std::vector<BusUse> buses;              // of key.interactions, in their order
  std::vector<std::string> slots;         // names, in the order of kSlots
  std::vector<std::string> errors;        // what makes the chip unusable; each names chip and label
  std::vector<unsigned> degrees() const;  // of the asserts
};

class Recorder : public AirBuilderBase<Recorder, Symbol> {
 public:
  /// `late_width`: of the columns, the last ones.
  Recorder(std::string chip, const char* columns, size_t late_width = 0);

  /// Symbols of the columns of the current or the next row.
  [[nodiscard]] std::vector<Symbol> row(bool next);
  /// What was recorded. The key's slots and height are the circuit's to fill in.
  [[nodiscard]] RecordedChip finish();

  void zero(const char* label, const Symbol& x);
  void boolean(const char* label, const Symbol& x);
  Symbol late_coordinate(unsigned challenge, unsigned power, unsigned coordinate);
  void interact(InteractionKind kind, uint16_t bus, const char* bus_name,
                const Symbol& multiplicity, const Symbol* tuple, size_t width);

 private:
  friend class Symbol;
  struct PendingInteraction {
    Interaction interaction;
    std::string bus_name;
  };

  uint32_t add(ExpressionNode::Op op, uint32_t a, uint32_t b);
  uint32_t node_of(const Symbol& x);
  /// The form of a node, if it is affine in the current row.
  [[nodiscard]] std::optional<AffineForm> affine(uint32_t x) const;
  /// The same of x, with an error if it is not.
  std::optional<AffineForm> affine(const Symbol& x, const std::string& where);
  uint32_t bound_multiplicity(const AffineForm& form, const std::string& where);
  void emit_expressions(ChipKey& key) const;
  void error(const std::string& message);

  std::string chip_;
  std::vector<std::string> columns_;
  size_t late_width_;
  std::vector<ExpressionNode> nodes_;
  std::vector<unsigned> degrees_;
  struct HashOfNode {
    size_t operator()(const ExpressionNode& node) const {
      const uint64_t both = uint64_t{node.a} << 32 | node.b;
      return static_cast<size_t>((both ^ uint64_t(node.op) << 29) * 0x9e3779b97f4a7c15 >> 20);
    }
  };
  std::unordered_map<ExpressionNode, uint32_t, HashOfNode> index_;  // hash-consing
  std::vector<uint32_t> asserts_;
  std::vector<std::string> labels_;
  std::vector<AffineForm> boolean_;
  std::vector<PendingInteraction> interactions_;
  std::vector<std::string> errors_;
};

/// Column names of a text like "a[2] b real": a[0], a[1], b, real.
[[nodiscard]] std::vector<std::string> column_names(const char* text);

template <ChipDefinition Chip>
RecordedChip record_chip() {
  Recorder recorder(Chip::kName, Chip::kColumns, kLateWidth<Chip>);
  const std::vector<Symbol> row = recorder.row(false);
  const std::vector<Symbol> next = recorder.row(true);
  eval_chip<Chip>(recorder, row.data(), next.data());
  RecordedChip chip = recorder.finish();
  size_t in_slots = 0;
  if constexpr (kHasSlots<Chip>)
    for (const SlotUse& use : Chip::kSlots) {
      chip.slots.emplace_back(use.slot);
      chip.key.slots.push_back({0, 0, use.width});
      in_slots += use.width;
    }
  chip.key.main_width = static_cast<uint16_t>(kWidth<Chip> - in_slots - kLateWidth<Chip>);
  chip.key.late_width = static_cast<uint16_t>(kLateWidth<Chip>);
  chip.key.late_degree = kLateDegree<Chip>;
  return chip;
}

}  // namespace zkvm::stark
