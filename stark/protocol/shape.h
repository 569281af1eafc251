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

inline constexpr uint32_t kExtensionDegree = 5;
/// g: point e of the LDE domain of 2^n points is g root(n)^e, which is in no trace domain.
inline constexpr Fp kLdeShift = Fp::from(Fp::kGenerator);
inline constexpr uint32_t kSaltThreshold = 5;  // rows of fewer words are salted ...
inline constexpr uint32_t kSaltWords = 5;      // ... with this many
inline constexpr uint32_t kMaxTables = 8192;
inline constexpr uint64_t kMaxNodes = uint64_t{1} << 22;  // of the expressions of all tables
inline constexpr uint64_t kMaxTerms = uint64_t{1} << 22;  // of their affine forms, and one a form
inline constexpr uint32_t kBlindRows = 32;  // stark/doc/zero_knowledge.md, "The published sums"
inline constexpr uint32_t kMaxQueries = 4096;
inline constexpr unsigned kMaxGrind = 30;

/// What the prover may choose; absorbed by the transcript, judged by the soundness calculator.
struct Params {
  bool zk = true;
  uint8_t log_blowup = 1;  // 1..4
  uint16_t queries = 0;    // >= 1
  uint8_t grind_query = 20;
  uint8_t grind_round = 0;
  uint8_t log_final = 10;  // FRI stops at a domain of at most 2^log_final
  bool operator==(const Params&) const = default;

  [[nodiscard]] Result<void> check() const;
  [[nodiscard]] std::vector<uint8_t> serialise() const;

  /// Coefficients of the random part of a column opened on `queries` rows and at one point of E.
  [[nodiscard]] uint32_t mask_for_one_opening() const { return zk ? queries + 6u : 0; }
  /// ... at two points or in two proofs, each with its queries.
  [[nodiscard]] uint32_t mask_for_two() const { return zk ? 2u * queries + 11u : 0; }
};

struct TableSpec {
  uint16_t chip;
  uint8_t log_height;
  bool operator==(const TableSpec&) const = default;
};

[[nodiscard]] std::vector<uint8_t> serialise(std::span<const TableSpec> tables);

/// The phases in which a proof commits a tree of its own, in the transcript's order. Which of them a
/// proof has, Shape::phases says.
enum class Phase : uint8_t { kMain, kAux, kQuotient };

/// As the transcript calls it.
[[nodiscard]] const char* name(Phase phase);

struct TreeShape {
  // Numbers of the prover's random streams: new kinds come last.
  enum class Kind : uint8_t { kFixed, kShared, kMain, kAux, kQuotient };
  Kind kind;
  uint16_t slot = 0;  // kFixed and kShared
  // A fixed tree may be of a larger blowup: index e of a domain is row e 2^log_stride of the tree.
  uint8_t log_stride = 0;
};

/// A column of a group: the tree, and the column in the group's row of that tree.
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
  std::vector<TableShape> tables;
  std::vector<uint32_t> width;  // per tree: polynomial columns (salt not counted), 0 if none
  std::vector<bool> salted;     // per tree
  std::vector<std::vector<uint32_t>> mask;  // per tree and column: mask length
  std::vector<ColumnRef> next;              // columns opened at w zeta, in tree and column order
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
  [[nodiscard]] uint32_t row_words(uint32_t tree) const {
    return width[tree] + (salted[tree] ? kSaltWords : 0);
  }
};

/// A group whose batch codeword joins FRI in a layer, folded by 2^log_arity (0..2) to the size that
/// the layer is folded to.
struct FriJoin {
  uint32_t group;
  uint8_t log_arity;
};

/// Layer i of FRI: a codeword of 2^log_size values, folded by 2^log_arity, and with it the
/// codewords of the groups whose sizes lie between.
struct FriLayerShape {
  uint8_t log_size;
  uint8_t log_arity;
  uint32_t bound;              // coefficients of this layer's polynomial
  std::vector<FriJoin> joins;  // tallest first

  /// Log of the size after the fold, and of the number of rows of the layer's tree.
  [[nodiscard]] unsigned log_rows() const { return log_size - log_arity; }
  /// Polynomials that one challenge combines.
  [[nodiscard]] uint32_t parts() const;
  /// Of a row of its tree: the fibre of the layer, then of each group that is folded with it.
  [[nodiscard]] uint32_t row_words() const;
};

struct Shape {
  Params params;
  std::vector<TableSpec> tables;
  std::vector<Phase> phases;       // in their order
  std::vector<TreeShape> trees;    // present slots in key order, then one of each phase
  std::vector<GroupShape> groups;  // tallest first
  std::vector<FriLayerShape> layers;
  uint8_t log_final_size = 0;
  uint32_t final_bound = 0;

  /// Trees that come from outside the proof: they stand before those of the phases.
  [[nodiscard]] uint32_t slot_trees() const {
    return static_cast<uint32_t>(trees.size() - phases.size());
  }
  /// Place of a phase among the phases, and of its tree among the trees. REQUIRES: the shape has it.
  [[nodiscard]] uint32_t place(Phase phase) const;
  [[nodiscard]] uint32_t tree(Phase phase) const { return slot_trees() + place(phase); }
  /// Log of a group's LDE domain.
  [[nodiscard]] unsigned log_domain(const GroupShape& group) const {
    return group.log_height + params.log_blowup;
  }
  /// Columns of a tree's row that are opened at zeta: all but R.
  [[nodiscard]] uint32_t opened_width(const GroupShape& group, uint32_t tree) const;
  /// Opened values of a group, and of the whole proof.
  [[nodiscard]] uint32_t openings(const GroupShape& group) const;
  [[nodiscard]] uint32_t openings() const;
};

/// The shape of a proof of `key` with these tables, or why there is none.
/// Needs a consistent key (VerifyingKey::check). Errors: kParams, kTables, kNonCanonical.
[[nodiscard]] Result<Shape> make_shape(const VerifyingKey& key, const Params& params,
                                       std::span<const TableSpec> tables);

}  // namespace zkvm::stark
