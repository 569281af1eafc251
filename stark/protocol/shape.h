// The shape of a proof: everything that follows from the verifying key, the parameters and the list
// of tables, before a single committed value is known. Prover, verifier and soundness calculator
// read the same Shape, so that none of them can count columns, masks or degrees differently from
// the others. Meaning: stark/doc/protocol.md sections 5, 6, 9 and 10.
#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "stark/field/field.h"
#include "stark/protocol/key.h"

namespace zkvm::stark {

class ByteReader;

inline constexpr uint32_t kExtensionDegree = 5;
inline constexpr uint32_t kSaltStacks = 5;  // a tree of fewer words that hide a row is salted ...
inline constexpr uint32_t kSaltWords = 5;   // ... with so many words a row
inline constexpr uint8_t kMaxLogStack = 4;
inline constexpr uint32_t kMaxTables = 8192;
inline constexpr uint64_t kMaxNodes = uint64_t{1} << 22;  // of the expressions of all tables
inline constexpr uint64_t kMaxTerms = uint64_t{1} << 22;  // of their affine forms, and one a form
inline constexpr uint32_t kBlindRows = 32;  // stark/doc/zero_knowledge.md, "The published sums"
inline constexpr uint32_t kMaxQueries = 4096;
inline constexpr unsigned kMaxGrind = 30;
inline constexpr unsigned kMaxLogArity = 3;  // of a FRI layer: halvings in one fold

/// Point e of the LDE domain of a height 2^h at rate 2^-b is lde_shift(h) root(h + b)^e. The shifts
/// square into one another, so that the points of a lower height are powers of those of a greater
/// one: x_e^2 at height h + 1 is point e mod 2^(h + b) at height h. No power of 2 kills the order of
/// 3, so that no domain meets a trace domain. REQUIRES: log_height <= 24.
[[nodiscard]] constexpr Fp lde_shift(unsigned log_height) {
  Fp shift = Fp::from(Fp::kGenerator);
  for (unsigned h = log_height; h < Fp::kTwoAdicity; ++h) shift *= shift;
  return shift;
}

/// Short masks, protocol.md section 9: of groups that are so much lower than the tallest one.
inline constexpr unsigned kShortLift = 5;
inline constexpr unsigned kMaxLogShortStack = 6;  // columns of theirs in a stack, at most 2^this
inline constexpr unsigned kMinLogShortStack = 4;  // places that such a stack has, filled up, ...
inline constexpr unsigned kLogAccStack = 3;       // ... if acc's, ...
inline constexpr unsigned kLogChunkStack = 5;     // ... if the chunks'

/// Words of a row that stacks of up to 2^log_stack columns take; column `restart` begins a new one.
[[nodiscard]] constexpr uint32_t stacked_words(uint32_t columns, uint32_t restart,
                                               unsigned log_stack) {
  const auto words = [&](uint32_t count) { return (count + (1u << log_stack) - 1) >> log_stack; };
  return columns <= restart ? words(columns) : words(restart) + words(columns - restart);
}

/// Columns of a group in a tree that stand in stacks of up to 2^log_stack, in order; these are the words
/// of the tree's row from first_word on.
struct StackedColumns {
  uint32_t first = 0, end = 0;
  uint32_t restart = 0;  // begins a new stack; `end` if none does
  uint8_t log_stack = 0;
  uint32_t first_word = 0;

  [[nodiscard]] uint32_t words() const {
    return stacked_words(end - first, restart - first, log_stack);
  }
  bool operator==(const StackedColumns&) const = default;
};

/// What the prover may choose; absorbed by the transcript, judged by the soundness calculator.
struct Params {
  bool zk = true;
  uint8_t log_blowup = 1;  // 1..4
  uint16_t queries = 0;    // >= 1
  uint8_t grind_query = 20;
  uint8_t grind_round = 0;
  uint8_t log_final = 10;  // FRI stops at a domain of at most 2^log_final
  uint8_t log_stack = 0;   // 0..4: columns of the tallest tables in one word of a row
  bool operator==(const Params&) const = default;

  [[nodiscard]] Result<void> check() const;
  [[nodiscard]] std::vector<uint8_t> serialise() const;
  /// Reads untrusted bytes as serialise() writes them. Errors: kTruncated, kParams.
  [[nodiscard]] static Result<Params> read(ByteReader& in);

  /// Coefficients of the random part of a column opened on `queries` rows and at one point of E.
  [[nodiscard]] uint32_t mask_for_one_opening() const { return zk ? queries + 6u : 0; }
  /// ... at two points or in two proofs, each with its queries.
  [[nodiscard]] uint32_t mask_for_two() const { return zk ? 2u * queries + 11u : 0; }
  /// ... where 2^log_columns columns, all masked, show no more than `queries` words together; opened at
  /// one point of E or at two.
  [[nodiscard]] uint32_t short_mask(unsigned log_columns, unsigned points) const {
    const uint32_t columns = 1u << log_columns;
    return (queries + columns - 1) / columns + 1 + 5 * points;
  }
};

struct TableSpec {
  uint16_t chip;
  uint8_t log_height;
  bool operator==(const TableSpec&) const = default;
};

[[nodiscard]] std::vector<uint8_t> serialise(std::span<const TableSpec> tables);

/// Whether the rows of a shared slot's tree have salt. ZERO-KNOWLEDGE: shape.cc, hiding_words().
[[nodiscard]] bool is_salted(const Slot& slot, const Params& params);

/// The phases in which a proof commits a tree of its own, in the transcript's order. Which of them a
/// proof has, Shape::phases says.
enum class Phase : uint8_t { kMain, kLate, kAux, kQuotient };

/// As the transcript calls it.
[[nodiscard]] const char* name(Phase phase);

struct TreeShape {
  // Numbers of the prover's random streams: new kinds come last.
  enum class Kind : uint8_t { kFixed, kShared, kMain, kAux, kQuotient, kLate };
  Kind kind;
  uint16_t slot = 0;  // kFixed and kShared
  // A fixed tree may be of a larger blowup: index e of a domain is row e 2^log_stride of the tree.
  uint8_t log_stride = 0;
  uint8_t log_height = 0;  // of its rows: the shape's, or that of the slot's tallest columns
  bool salted = false;
  uint32_t row_words = 0;  // salt included
};

/// A column of a group: the tree, and its number among the group's columns there.
struct ColumnRef {
  uint32_t tree;
  uint32_t column;
  auto operator<=>(const ColumnRef&) const = default;
};

/// AffineForm and Interaction of key.h with the columns of the group in place of the chip's.
struct GroupAffineForm {
  struct Term {
    ColumnRef column;
    uint32_t coefficient;
  };
  uint32_t constant = 0;
  std::vector<Term> terms;
};
struct GroupInteraction {
  uint16_t bus;
  bool positive;              // sends add, receives and answers subtract
  uint32_t max_multiplicity;  // 0: an answer
  GroupAffineForm multiplicity;
  std::vector<GroupAffineForm> tuple;
};

struct TableShape {
  uint32_t table;  // index in the table list
  uint16_t chip;
  std::vector<ColumnRef> columns;  // of the chip's columns, in the chip's order
};

/// All tables of one height.
struct GroupShape {
  uint8_t log_height = 0;
  bool short_masks = false;
  std::vector<TableShape> tables;
  std::vector<uint32_t> width;  // per tree: columns, those of R and fillers included; 0 if none
  std::vector<std::vector<StackedColumns>>
      stacked;                              // per tree, in column order; none if no columns
  std::vector<std::vector<uint32_t>> mask;  // per tree and column: mask length; not of R
  uint32_t blind = 0;                       // the column of main that blinds the sum; with zk
  uint32_t acc = 0;                         // the first of the running sum's in aux
  std::vector<ColumnRef> next;  // columns opened at w zeta, in tree and column order: whole stacks
  std::vector<GroupInteraction> interactions;
  uint32_t asserts = 0;

  uint32_t mask_max = 0;       // k: over the columns other than acc
  uint32_t split = 0;          // m: Q = Qa + X^m Qb
  uint32_t chunk_mask = 0;     // k1
  uint32_t quotient_size = 0;  // L: coefficients of Q
  uint32_t bound = 0;          // B: coefficients of any committed polynomial
  uint32_t extra_coset = 1;    // M

  [[nodiscard]] uint32_t height() const { return 1u << log_height; }
  [[nodiscard]] uint32_t pairs() const {
    return static_cast<uint32_t>(interactions.size() + 1) / 2;
  }
  /// Asserts, pair equations, running sum.
  [[nodiscard]] uint32_t constraints() const { return asserts + pairs() + 1; }
};

/// Layer i of FRI: a codeword of 2^log_size values, folded by 2^log_arity.
struct FriLayerShape {
  uint8_t log_size;
  uint8_t log_arity;
  uint32_t bound;  // coefficients of this layer's polynomial

  /// Log of the size after the fold, and of the number of rows of the layer's tree.
  [[nodiscard]] unsigned log_rows() const { return log_size - log_arity; }
  /// Polynomials that a fold combines.
  [[nodiscard]] uint32_t parts() const { return 1u << log_arity; }
  /// Of a row of its tree: a fibre.
  [[nodiscard]] uint32_t row_words() const { return parts() * kExtensionDegree; }
};

/// Where a column stands in the rows of its tree.
struct StackPlace {
  uint32_t word;       // its stack
  uint32_t place;      // j: the stack is F(X) = sum_j X^j f_j(X^(2^s))
  unsigned log_stack;  // s
};

struct Shape {
  Params params;
  std::vector<TableSpec> tables;
  std::vector<Phase> phases;       // in their order
  std::vector<TreeShape> trees;    // present slots in key order, then one of each phase
  std::vector<GroupShape> groups;  // tallest first
  uint8_t log_height = 0;          // H: of the phases' trees, log_stack above the tallest group
  uint32_t bound = 0;              // coefficients of the batch, of R and of any stack
  std::vector<FriLayerShape> layers;
  uint8_t log_final_size = 0;
  uint32_t final_bound = 0;
  // D: of what the tables say of late columns, in the late challenges: the sum over the tables of
  // height * late_degree.
  uint64_t late_degree = 0;

  /// Trees that come from outside the proof: they stand before those of the phases.
  [[nodiscard]] uint32_t slot_trees() const {
    return static_cast<uint32_t>(trees.size() - phases.size());
  }
  /// Place of a phase among the phases (their number if the shape lacks it), and of its tree among
  /// the trees.
  [[nodiscard]] uint32_t place(Phase phase) const;
  [[nodiscard]] uint32_t tree(Phase phase) const { return slot_trees() + place(phase); }
  [[nodiscard]] bool has(Phase phase) const { return place(phase) < phases.size(); }
  /// Log of a group's LDE domain, and of the common one.
  [[nodiscard]] unsigned log_domain(const GroupShape& group) const {
    return group.log_height + params.log_blowup;
  }
  [[nodiscard]] unsigned log_domain() const { return log_height + params.log_blowup; }
  /// Where a column of a group stands.
  [[nodiscard]] StackPlace place(const GroupShape& group, ColumnRef column) const;
  /// Words of a group in a tree's row: of all its columns, of those that are opened at zeta.
  [[nodiscard]] uint32_t stacks(const GroupShape& group, uint32_t tree) const;
  [[nodiscard]] uint32_t opened_stacks(const GroupShape& group, uint32_t tree) const;
  /// The words of R in the row of the quotient's tree: five from this one on. REQUIRES: zk.
  [[nodiscard]] uint32_t blinding_word() const;
  /// Coefficients of each of R's columns, of which 2^log_stack make up a coordinate.
  [[nodiscard]] uint32_t blinding_size() const { return bound >> params.log_stack; }
  /// Columns of a group in a tree that are opened at zeta: all but R's.
  [[nodiscard]] uint32_t opened_width(const GroupShape& group, uint32_t tree) const;
  /// Opened values of a group, and of the whole proof.
  [[nodiscard]] uint32_t openings(const GroupShape& group) const;
  [[nodiscard]] uint32_t openings() const;
  /// Challenges of the batch: one for each stack that is opened at zeta, then one for each that is
  /// opened at w zeta; of a group, and of the whole proof.
  [[nodiscard]] uint32_t batched(const GroupShape& group) const;
  [[nodiscard]] uint32_t batched() const;
  /// Hashes that all nonces together are expected to take.
  [[nodiscard]] uint64_t expected_hashes() const;
};

/// The shape of a proof of `key` with these tables, or why there is none.
/// Needs a consistent key (VerifyingKey::check). Errors: kParams, kTables, kNonCanonical.
[[nodiscard]] Result<Shape> make_shape(const VerifyingKey& key, const Params& params,
                                       std::span<const TableSpec> tables);

}  // namespace zkvm::stark
