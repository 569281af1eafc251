// The verifying key: what the recorder learns from the chips, and all that a verifier needs to know
// of them. Format: stark/doc/format.md; meaning: stark/doc/protocol.md section 5.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "stark/protocol/bytes.h"
#include "stark/protocol/error.h"
#include "stark/protocol/interaction_kind.h"

namespace zkvm::stark {

inline constexpr uint32_t kMaxTupleWidth = 32;
inline constexpr uint32_t kMaxChipColumns = 4096;
inline constexpr uint32_t kMaxSlotColumns = 1u << 18;  // of all slots of a key together
inline constexpr uint8_t kFreeHeight = 255;
inline constexpr uint8_t kMaxLogBlowup = 4;
inline constexpr uint8_t kMaxLogHeight = 22;
inline constexpr uint16_t kBlindBus = 0;  // reserved: protocol.md section 5, "Implicit columns"
inline constexpr unsigned kMaxDegree = 3;

/// One operation of a chip's expressions; operands are earlier nodes. kConst: a is a wire word;
/// kColumn and kNext: a is a column of the chip; kLate: coordinate a mod 5 of late challenge a / 5
/// to the power b (late.h).
struct ExpressionNode {
  enum class Op : uint8_t {
    kConst = 0, kColumn = 1, kNext = 2, kAdd = 3, kSub = 4, kMul = 5, kLate = 6
  };
  Op op;
  uint32_t a = 0;
  uint32_t b = 0;

  /// Whether a and b are nodes.
  [[nodiscard]] bool is_inner() const { return op >= Op::kAdd && op <= Op::kMul; }
  bool operator==(const ExpressionNode&) const = default;
};

/// constant + sum of coefficient * column, over the current row. Field elements in wire form.
struct AffineForm {
  struct Term {
    uint16_t column;
    uint32_t coefficient;
    bool operator==(const Term&) const = default;
  };
  uint32_t constant = 0;
  std::vector<Term> terms;  // columns ascending, coefficients non-zero
  bool operator==(const AffineForm&) const = default;
};

struct Interaction {
  using Kind = InteractionKind;
  uint16_t bus;
  Kind kind;
  uint32_t max_multiplicity;  // 0 for kAnswer, whose multiplicity is free
  AffineForm multiplicity;
  std::vector<AffineForm> tuple;
  bool operator==(const Interaction&) const = default;
};

struct ChipKey {
  /// Columns [first, first + width) of the slot's row at the chip's height. Several chips may read
  /// the same ones.
  struct SlotColumns {
    uint16_t slot;
    uint16_t first;
    uint16_t width;
    bool operator==(const SlotColumns&) const = default;
  };
  std::string name;
  uint8_t log_height = kFreeHeight;  // fixed if and only if the chip has slot columns
  std::vector<SlotColumns> slots;    // by slot and first column, ascending
  uint16_t main_width = 0;
  uint16_t late_width = 0;     // committed once the late challenges are drawn
  uint32_t late_degree = 0;    // of what a row adds in them at most (soundness.md, "Late columns")
  std::vector<uint16_t> next;  // columns read on the next row, ascending
  std::vector<ExpressionNode> nodes;
  std::vector<uint32_t> asserts;  // nodes that must be zero on every row
  std::vector<Interaction> interactions;

  /// Columns in slots: they come first, then main ones, then late ones.
  [[nodiscard]] uint32_t slot_width() const;
  /// All of them.
  [[nodiscard]] uint32_t columns() const { return slot_width() + main_width + late_width; }
  bool operator==(const ChipKey&) const = default;
};

struct Slot {
  enum class Kind : uint8_t { kFixed = 0, kShared = 1 };
  /// The tree's row at one height.
  struct Row {
    uint8_t log_height;
    uint16_t width;  // columns; those that no chip reads are committed and opened all the same
    bool operator==(const Row&) const = default;
  };
  Kind kind;
  // kFixed only. A proof of any log_blowup up to this one can use the tree: its domains are every
  // 2^k-th point of the tree's.
  uint8_t log_blowup = 1;
  Digest root{};
  std::vector<Row> rows = {};  // tallest first; a chip reads at each of these heights

  /// Columns at a height, 0 if there are none.
  [[nodiscard]] uint32_t width(uint8_t log_height) const;
  bool operator==(const Slot&) const = default;
};

struct VerifyingKey {
  uint8_t tuple_width = 1;  // K: the widest tuple
  std::vector<Slot> slots;
  std::vector<ChipKey> chips;
  bool operator==(const VerifyingKey&) const = default;

  /// The canonical bytes, whose BLAKE3 the transcript absorbs. Needs a consistent key.
  [[nodiscard]] std::vector<uint8_t> serialise() const;

  /// Reads untrusted bytes. Every index, order and degree that others rely on is checked here; not
  /// that greatest multiplicities are true of the asserts: a key is trusted as much as whoever
  /// recorded it. Errors: kTruncated, kTrailing, kFormat, kNonCanonical, kKey.
  [[nodiscard]] static Result<VerifyingKey> parse(std::span<const uint8_t> bytes);

  /// The consistency checks of parse, for keys made by the recorder.
  [[nodiscard]] Result<void> check() const;
};

/// Degree of every node in the columns, more than kMaxDegree being kMaxDegree + 1. Nodes must be
/// consistent (operands earlier than their users).
[[nodiscard]] std::vector<unsigned> node_degrees(std::span<const ExpressionNode> nodes);

/// The greatest total degree of an assert in the late challenges, columns being constants; more than
/// kMaxLateDegree is kMaxLateDegree + 1.
[[nodiscard]] unsigned late_degree(std::span<const ExpressionNode> nodes,
                                   std::span<const uint32_t> asserts);

/// The width of every bus that the key names. SOUNDNESS: one width per bus, or (v) and (v, 0) would
/// have the same fingerprint. Errors: kKey.
[[nodiscard]] Result<std::map<uint16_t, size_t>> bus_widths(const VerifyingKey& key);

}  // namespace zkvm::stark
