// The counts of stark/doc/zero_knowledge.md, on real proofs: every mask is long enough for what is
// opened of its column, the opened functionals are independent, proofs share no opened value, and
// attacks that read an unmasked proof learn nothing from a masked one.
#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "tests/stark/support/cheater.h"

namespace zkvm::stark {
namespace {

Randomness::Seed seed_of(uint8_t byte) {
  Randomness::Seed seed = kTestSeed;
  seed[7] = byte;
  return seed;
}

/// Row e of the LDE domain of 2^log_domain points.
Fp point(unsigned log_domain, uint64_t e) {
  return Fp::from(Fp::kGenerator) * pow(Fp::root_of_unity(static_cast<int>(log_domain)), e);
}

// ------------------------------------------------------------------------------------------ counts

/// F-linear functionals of a column that one proof shows.
uint32_t opened_functionals(uint32_t queries, bool next) {
  return next ? 2 * (queries + 5) : queries + 5;
}

void expect_masks_cover(const Shape& shape) {
  const uint32_t q = shape.params.queries;
  for (const GroupShape& group : shape.groups) {
    for (uint32_t t = 0; t < shape.tree(Phase::kQuotient); ++t) {
      const TreeShape& tree = shape.trees[t];
      for (uint32_t c = 0; c < group.width[t]; ++c) {
        const uint32_t mask = group.mask[t][c];
        if (tree.kind == TreeShape::Kind::kFixed) {
          EXPECT_EQ(mask, 0u);  // public
          continue;
        }
        const bool next = std::ranges::binary_search(group.next, ColumnRef{t, c});
        // One more than shown: each unopened value stays uniform. A shared tree is in two proofs.
        const uint32_t proofs = tree.kind == TreeShape::Kind::kShared ? 2 : 1;
        EXPECT_GT(mask, proofs * opened_functionals(q, next && proofs == 1))
            << "tree " << t << " column " << c;
        EXPECT_FALSE(next && proofs == 2) << "a shared column that is read on the next row";
      }
      if (tree.kind != TreeShape::Kind::kFixed && group.width[t] > 0) {
        EXPECT_TRUE(group.width[t] >= kSaltThreshold || group.salted[t]);
      }
    }
    EXPECT_GT(group.chunk_mask, opened_functionals(q, false));
    // R has as many coefficients as the longest committed polynomial.
    uint32_t longest = group.split + group.chunk_mask;
    longest = std::max(longest, group.quotient_size - group.split);
    for (const auto& tree : group.mask)
      for (const uint32_t mask : tree) longest = std::max(longest, group.height() + mask);
    EXPECT_GE(group.bound, longest);
  }
}

TEST(ZeroKnowledge, MasksCoverWhatIsOpened) {
  for (toys::Toy& toy : toys::all_toys(8)) {
    SCOPED_TRACE(toy.name);
    toy.witness.sort();
    const auto shape = make_shape(toy.circuit.key(), quick_params(), toy.witness.specs());
    ASSERT_TRUE(shape);
    expect_masks_cover(*shape);
  }
  for (toys::Toy& toy : toys::all_toys(12)) {  // and with as many queries as 128 bits need
    SCOPED_TRACE(toy.name);
    toy.witness.sort();
    const auto params = secure_params(toy);
    ASSERT_TRUE(params) << params.error().message;
    const auto shape = make_shape(toy.circuit.key(), *params, toy.witness.specs());
    ASSERT_TRUE(shape);
    expect_masks_cover(*shape);
  }
}

// -------------------------------------------------------------------------------------------- rank

using Matrix = std::vector<std::vector<Fp>>;

size_t rank_of(Matrix rows) {
  size_t rank = 0;
  const size_t width = rows.empty() ? 0 : rows[0].size();
  for (size_t c = 0; c < width && rank < rows.size(); ++c) {
    size_t pivot = rank;
    while (pivot < rows.size() && rows[pivot][c] == Fp{}) ++pivot;
    if (pivot == rows.size()) continue;
    std::swap(rows[pivot], rows[rank]);
    const Fp scale = inverse(rows[rank][c]);
    for (size_t r = rank + 1; r < rows.size(); ++r) {
      const Fp factor = rows[r][c] * scale;
      if (factor == Fp{}) continue;
      for (size_t k = c; k < width; ++k) rows[r][k] -= factor * rows[rank][k];
    }
    ++rank;
  }
  return rank;
}

/// The functional rho -> Z_H(x) rho(x) on `mask` coefficients.
void add_point(Matrix& rows, Fp x, size_t height, uint32_t mask) {
  Fp power = pow(x, height) - Fp::one();
  auto& row = rows.emplace_back();
  for (uint32_t k = 0; k < mask; ++k, power *= x) row.push_back(power);
}
/// The same at a point of E: five functionals.
void add_point(Matrix& rows, const Fp5& x, size_t height, uint32_t mask) {
  const size_t first = rows.size();
  rows.resize(first + 5);
  Fp5 power = pow(x, height) - Fp::one();
  for (uint32_t k = 0; k < mask; ++k, power *= x)
    for (int c = 0; c < 5; ++c) rows[first + c].push_back(power.c[c]);
}

/// What a proof shows of a column of this group, as rows over the mask's coefficients.
void add_proof(Matrix& rows, std::set<uint32_t>& points, const Cheater& proof,
               const GroupShape& group, bool next, uint32_t mask) {
  const unsigned log_domain = proof.shape().log_domain(group);
  const uint32_t size = 1u << log_domain, step = 1u << proof.shape().params.log_blowup;
  for (const uint32_t e : proof.indices())
    for (const uint32_t at : {e % size, (e + step) % size}) {
      if (at != e % size && !next) continue;
      if (points.insert(at).second) add_point(rows, point(log_domain, at), group.height(), mask);
    }
  add_point(rows, proof.zeta(), group.height(), mask);
  if (next)
    add_point(rows, proof.zeta() * Fp::root_of_unity(group.log_height), group.height(), mask);
}

TEST(ZeroKnowledge, OpenedFunctionalsAreIndependent) {
  for (toys::Toy& toy : small_toys()) {
    SCOPED_TRACE(toy.name);
    const ToyProver prover(toy, quick_params());
    Cheater proof = make_cheater(prover, toy, quick_params());
    (void)proof.prove();
    for (const GroupShape& group : proof.shape().groups)
      for (const bool next : {false, true}) {
        Matrix rows;
        std::set<uint32_t> points;
        const Params params = quick_params();
        const uint32_t mask = next ? params.mask_for_two() : params.mask_for_one_opening();
        add_proof(rows, points, proof, group, next, mask);
        EXPECT_LT(rows.size(), mask);
        EXPECT_EQ(rank_of(rows), rows.size());
        // Still so with any one row more: nothing opened determines an unopened value.
        uint32_t unopened = 0;
        while (points.contains(unopened)) ++unopened;
        add_point(rows, point(proof.shape().log_domain(group), unopened), group.height(), mask);
        EXPECT_EQ(rank_of(rows), rows.size());
      }
  }
}

TEST(ZeroKnowledge, OpenedFunctionalsOfTwoProofsThatShareATreeAreIndependent) {
  toys::Toy toy = toys::memory(8, 8, /*shared=*/true);
  const Params params = quick_params();
  const ToyProver prover(toy, params);
  Cheater first = make_cheater(prover, toy, params);
  Cheater second(prover.key(), params, toy.witness, prover.reference_slots(),
                 random_source(seed_of(1), params.log_blowup));
  (void)first.prove();
  (void)second.prove();
  ASSERT_NE(first.indices(), second.indices());
  const GroupShape& group = first.shape().groups[0];
  Matrix rows;
  std::set<uint32_t> points;
  add_proof(rows, points, first, group, false, params.mask_for_two());
  add_proof(rows, points, second, group, false, params.mask_for_two());
  EXPECT_LT(rows.size(), params.mask_for_two());
  EXPECT_EQ(rank_of(rows), rows.size());
  // A mask for one proof would not have done: the test can tell.
  Matrix shorter = rows;
  for (auto& row : shorter) row.resize(params.mask_for_one_opening());
  EXPECT_LT(rank_of(shorter), rows.size());
}

// ------------------------------------------------------------------------------------- two proofs

/// All words that a proof shows of columns that are not fixed.
std::multiset<uint32_t> shown_words(const Shape& shape, const Proof& proof) {
  std::multiset<uint32_t> out;
  for (size_t t = 0; t < proof.trees.size(); ++t) {
    if (t < shape.trees.size() && shape.trees[t].kind == TreeShape::Kind::kFixed) continue;
    out.insert(proof.trees[t].rows.begin(), proof.trees[t].rows.end());
  }
  const auto add = [&](const std::vector<Fp5>& values) {
    for (const Fp5& value : values)
      for (const Fp c : value.c) out.insert(c.wire);
  };
  add(proof.openings);
  // The last sum follows from the others and the statement (it is 0 if nothing is public).
  add({proof.sums.begin(), proof.sums.end() - 1});
  add(proof.final_polynomial);
  return out;
}

TEST(ZeroKnowledge, TwoProofsOfOneStatementShareNoOpenedValue) {
  for (toys::Toy& toy : small_toys()) {
    SCOPED_TRACE(toy.name);
    const Params params = quick_params();
    const ToyProver prover(toy, params);
    const Shape shape = make_cheater(prover, toy, params).shape();
    const auto prove_with = [&](uint8_t byte, uint8_t slot_byte) {
      // Shared trees anew, too: the same tree opened twice may show a row twice.
      std::map<uint16_t, std::unique_ptr<CommittedTree>> trees;
      SlotTrees slots = prover.slots();
      for (auto& [slot, tree] : slots)
        if (prover.key().slots[slot].kind == Slot::Kind::kShared) {
          trees[slot] = std::make_unique<CommittedTree>(
              commit_slot(prover.key(), params, slot, toy.witness,
                          seed_of(static_cast<uint8_t>(slot_byte + slot))));
          tree = trees[slot].get();
        }
      ProverOptions options;
      options.params = params;
      options.seed = seed_of(byte);
      auto proof = prove(toy.circuit, toy.witness, slots, options);
      ZK_CHECK(proof.has_value());
      return *std::move(proof);
    };
    const Proof first = prove_with(1, 50), second = prove_with(2, 100);
    const auto a = shown_words(shape, first), b = shown_words(shape, second);
    std::vector<uint32_t> common;
    std::ranges::set_intersection(a, b, std::back_inserter(common));
    // Some 10^4 words each of 2^31: a coincidence or so per hundred pairs of proofs.
    EXPECT_LE(common.size(), 2u) << a.size() << " and " << b.size() << " words";
    EXPECT_TRUE(prove_with(1, 50) == first);  // the seed is all that there is of randomness
  }
}

// ---------------------------------------------------------------------------------------- attacks

/// Coefficients of the polynomial of least degree through these points (Newton).
Fp interpolated(const std::vector<Fp>& x, std::vector<Fp> y, Fp at) {
  for (size_t level = 1; level < x.size(); ++level)
    for (size_t i = x.size(); i-- > level;) y[i] = (y[i] - y[i - 1]) * inverse(x[i] - x[i - level]);
  Fp value;
  for (size_t i = x.size(); i-- > 0;) value = value * (at - x[i]) + y[i];
  return value;
}

struct OpenedColumn {
  std::vector<Fp> x, y;
};

/// Column `column` of the only group's main tree, as the proof shows it.
OpenedColumn opened_column(const Shape& shape, const std::vector<uint32_t>& indices,
                           const Proof& proof, uint32_t column) {
  const GroupShape& group = shape.groups[0];
  const unsigned log_domain = shape.log_domain(group);
  const auto& rows = proof.trees[shape.tree(Phase::kMain)].rows;
  OpenedColumn out;
  for (const uint32_t e : distinct_below(indices, log_domain)) {
    out.y.push_back(
        Fp::from_wire(rows[out.x.size() * group.row_words(shape.tree(Phase::kMain)) + column]));
    out.x.push_back(point(log_domain, e));
  }
  return out;
}

/// How many of the trace's cells the polynomial through the opened values gives.
size_t cells_recovered(const toys::Toy& toy, const Shape& shape,
                       const std::vector<uint32_t>& indices, const Proof& proof) {
  const Table& table = toy.witness.tables[0];
  size_t right = 0;
  std::vector<Fp> row(table.width);
  for (uint32_t c = 0; c < table.width; ++c) {
    const OpenedColumn opened = opened_column(shape, indices, proof, c);
    for (uint64_t r = 0; r < table.height(); ++r) {
      table.read(r, 1, row.data());
      const Fp at = pow(Fp::root_of_unity(table.log_height), r);
      right += interpolated(opened.x, opened.y, at) == row[c];
    }
  }
  return right;
}

TEST(ZeroKnowledge, TheWitnessCannotBeInterpolated) {
  // Without masks a table with no more rows than are opened lies open ...
  toys::Toy tiny = toys::permutation(3);
  Params plain = quick_params(/*zk=*/false);
  plain.queries = 40;
  const ToyProver plain_prover(tiny, plain);
  Cheater bare = make_cheater(plain_prover, tiny, plain);
  const Proof bare_proof = bare.prove();
  EXPECT_EQ(cells_recovered(tiny, bare.shape(), bare.indices(), bare_proof),
            4 * tiny.witness.tables[0].height());

  // ... with them, opened rows determine nothing: fewer than masks have coefficients, let alone the
  // table rows.
  toys::Toy toy = toys::permutation(8);
  const ToyProver prover(toy, quick_params());
  Cheater masked = make_cheater(prover, toy, quick_params());
  const Proof proof = masked.prove();
  EXPECT_EQ(cells_recovered(toy, masked.shape(), masked.indices(), proof), 0u);
}

/// Opened cells of main column `column` that are those of the candidate's unmasked polynomial.
size_t agreeing_rows(const Cheater& prover, const Proof& proof, const toys::Toy& candidate,
                     uint32_t column) {
  const OpenedColumn opened = opened_column(prover.shape(), prover.indices(), proof, column);
  const Table& table = candidate.witness.tables[0];
  std::vector<Fp> x, y, row(table.width);
  for (uint64_t r = 0; r < table.height(); ++r) {
    table.read(r, 1, row.data());
    x.push_back(pow(Fp::root_of_unity(table.log_height), r));
    y.push_back(row[column]);
  }
  size_t agree = 0;
  for (size_t i = 0; i < opened.x.size(); ++i)
    agree += interpolated(x, y, opened.x[i]) == opened.y[i];
  return agree;
}

// Who can guess the witness may want to confirm the guess. A prover that leaves out its masks is
// not refused (it harms itself alone), but here it shows.
TEST(ZeroKnowledge, AGuessedWitnessCannotBeConfirmed) {
  toys::Toy toy = toys::permutation(8);
  const ToyProver prover(toy, quick_params());
  for (const bool omitted : {true, false}) {
    Cheater cheater(prover.key(), quick_params(), toy.witness, prover.reference_slots(),
                    omitted ? RandomSource([](const RandomPurpose&, size_t count) {
                      return std::vector<Fp>(count);
                    })
                            : prover.random());
    const Proof proof = cheater.prove();
    const size_t rows = distinct_below(cheater.indices(), 9).size();
    for (uint32_t c = 0; c < 4; ++c)
      EXPECT_EQ(agreeing_rows(cheater, proof, toy, c), omitted ? rows : 0) << "column " << c;
  }
}

}  // namespace
}  // namespace zkvm::stark
