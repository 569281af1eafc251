// The protocol's prover in scalar code, section by section of stark/doc/protocol.md, slow and
// plain.
//
// Two uses: the fast prover must give the same bytes from the same randomness, and a cheater is
// this prover with one step replaced. A step that a test may replace is virtual. Shared and fixed
// slots are trees of their own (ReferenceTree), made once and lent to any number of proofs.
#pragma once

#include <functional>
#include <map>
#include <span>
#include <vector>

#include "stark/protocol/proof.h"
#include "stark/protocol/shape.h"
#include "stark/transcript/transcript.h"
#include "stark/witness/witness.h"

namespace zkvm::stark {

/// Random words of one purpose: `count` elements for column `column` of group `log_height` in a
/// tree; of salt, for salt word `column` of the rows of a tree of that height.
struct RandomPurpose {
  enum class Kind : uint8_t { kMask, kSalt, kBlindColumn, kChunkMask, kBlinding };
  Kind kind;
  TreeShape tree;
  uint8_t log_height;
  uint32_t column;
};
using RandomSource = std::function<std::vector<Fp>(const RandomPurpose&, size_t count)>;

/// F(x) = sum_j x^j f_j(x^(2^s)) at every point x of the LDE domain of a height s above the columns':
/// what a stack of the columns f_j is in the rows of a tree of this height.
[[nodiscard]] std::vector<Fp> stack_words(std::span<const std::vector<Fp>> columns,
                                          unsigned log_height, unsigned tree_log_height,
                                          unsigned log_blowup);

/// One committed tree: polynomials by group, rows on the LDE domain, and all digests.
struct ReferenceTree {
  struct Group {
    uint8_t log_height;
    std::vector<std::vector<Fp>> polynomials;  // coefficients, by column
    std::vector<StackedColumns> stacked;
  };
  std::vector<Group> groups;                // tallest first
  std::vector<std::vector<Fp>> salts;       // by salt word, over the rows
  std::vector<std::vector<Fp>> rows;        // stacks, group after group, then salt
  std::vector<std::vector<Digest>> levels;  // levels[m] has 2^m nodes

  [[nodiscard]] const Digest& root() const { return levels[0][0]; }
  [[nodiscard]] const Group& group(uint8_t log_height) const;
  /// Fills the rows of a tree of this height.
  void stack(unsigned log_height, unsigned log_blowup);
  /// Fills the levels from the rows.
  void hash();
  /// `indices`: of rows, distinct and ascending.
  [[nodiscard]] TreeOpening open(const std::vector<uint32_t>& indices) const;
};

class ReferenceProver {
 public:
  /// `slots`: the trees of the fixed and shared slots that are present, by slot.
  ReferenceProver(const VerifyingKey& key, const Params& params, Witness witness,
                  std::map<uint16_t, const ReferenceTree*> slots, RandomSource random);
  virtual ~ReferenceProver() = default;

  [[nodiscard]] Proof prove();
  [[nodiscard]] Statement statement() const;

  /// The tree of a slot whose columns are those of `witness`.
  static ReferenceTree make_slot(const VerifyingKey& key, const Params& params, uint16_t slot,
                                 const Witness& witness, const RandomSource& random);

 protected:
  using Columns = std::vector<std::vector<Fp>>;  // by column, over the rows of a group

  // Steps that cheaters replace. Each gets what the honest prover would go on with.
  virtual void on_statement(Statement&) {}
  virtual void on_columns(uint32_t tree, uint32_t group, Columns&) { (void)tree, (void)group; }
  virtual void on_polynomials(uint32_t tree, uint32_t group, Columns& coefficients) {
    (void)tree, (void)group, (void)coefficients;
  }
  /// The rows as they will be hashed.
  virtual void on_rows(uint32_t tree, ReferenceTree& made) { (void)tree, (void)made; }
  /// The late challenges, by their numbers.
  virtual void on_late_challenges(Fp5* drawn) { (void)drawn; }
  virtual void on_sums(std::vector<Fp5>&) {}
  virtual void on_openings(std::vector<Fp5>&) {}
  virtual void on_codeword(size_t layer, std::vector<Fp5>&) { (void)layer; }
  virtual void on_final(std::vector<Fp5>&) {}

  Shape shape_;
  Fp5 zeta_;                       // once drawn
  std::vector<uint32_t> indices_;  // query indices, once drawn

 private:
  void absorb_statement();
  void absorb_root(Phase phase);
  void commit_main();
  void commit_late();
  void commit_aux();
  void commit_quotient();
  void open_columns();
  void run_fri();
  void answer_queries();

  uint64_t grind(std::string_view label, unsigned bits);
  const ReferenceTree& tree(uint32_t index) const;
  [[nodiscard]] const std::vector<Fp>& polynomial(const GroupShape& group, ColumnRef ref) const;
  [[nodiscard]] const Columns& trace(uint32_t tree, size_t group) const;
  std::vector<std::vector<Fp>> mask(uint32_t tree, size_t group, const Columns& columns);
  void finish_tree(uint32_t tree, std::vector<Columns> coefficients);
  [[nodiscard]] Columns main_columns(size_t group);
  [[nodiscard]] Columns late_columns(size_t group);
  [[nodiscard]] Columns aux_columns(size_t group, Fp5& sum);
  [[nodiscard]] std::vector<Fp5> quotient(size_t group) const;
  [[nodiscard]] std::vector<ColumnRef> opened_columns(const GroupShape& group) const;
  [[nodiscard]] std::vector<Fp5> batch_codeword(std::span<const Fp5> coefficients) const;

  const VerifyingKey& key_;
  Witness witness_;
  std::map<uint16_t, const ReferenceTree*> slots_;
  RandomSource random_;
  Transcript transcript_;
  Proof proof_;
  std::map<uint32_t, ReferenceTree> own_trees_;      // of the phases
  std::map<uint32_t, std::vector<Columns>> traces_;  // of slots, main, late and aux, by group
  std::vector<ReferenceTree> layer_trees_;
  Fp5 late_[kLateChallenges];
  Fp5 gamma_, alpha_;
  std::vector<Fp5> beta_powers_;  // up to the widest tuple's
};

}  // namespace zkvm::stark
