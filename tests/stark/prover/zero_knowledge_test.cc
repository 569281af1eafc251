// The counts of stark/doc/zero_knowledge.md, on real proofs: every mask is long enough for what is
// opened of its column, the opened functionals are independent, proofs share no opened value, and
// attacks that read an unmasked proof learn nothing from a masked one.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <set>

#include "tests/stark/support/cheater.h"

namespace zkvm::stark {
namespace {

Randomness::Seed seed_of(uint8_t byte) {
  Randomness::Seed seed = kTestSeed;
  seed[7] = byte;
  return seed;
}

constexpr uint8_t kLogStacks[] = {0, 1, 2};

/// Point e of the LDE domain of a height.
Fp point(const Shape& shape, unsigned log_height, uint64_t e) {
  const auto log_domain = static_cast<int>(log_height + shape.params.log_blowup);
  return lde_shift(log_height) * pow(Fp::root_of_unity(log_domain), e);
}

// ------------------------------------------------------------------------------------------ counts

/// F-linear functionals of a column that one proof shows at most: each row as if it showed the
/// column itself.
uint32_t opened_functionals(uint32_t queries, bool next) {
  return next ? 2 * (queries + 5) : queries + 5;
}

/// Short masks: a stack, all of whose places are filled, shows no more than a word a query, and each of
/// its columns at one point or two.
void expect_short_masks_cover(const Shape& shape, const GroupShape& group) {
  const uint32_t q = shape.params.queries;
  for (uint32_t t = shape.slot_trees(); t < shape.tree(Phase::kQuotient); ++t)
    for (const StackedColumns& part : group.stacked[t]) {
      const uint32_t places = 1u << part.log_stack;
      EXPECT_EQ((part.end - part.first) % places, 0u);
      EXPECT_EQ(part.restart, part.end);
      // Its words are those of an index of the tallest group's domain.
      EXPECT_LE(group.log_height + part.log_stack, shape.groups[0].log_height);
      for (uint32_t c = part.first; c < part.end; ++c) {
        const bool next = std::ranges::binary_search(group.next, ColumnRef{t, c});
        EXPECT_GE(places * group.mask[t][c], q + places * (next ? 10 : 5) + places);
        EXPECT_GE(group.extra_coset, group.mask[t][c]);
        EXPECT_GE(group.bound, group.height() + group.mask[t][c]);
      }
    }
  EXPECT_GE(group.bound, group.split + group.chunk_mask);
  EXPECT_GE(group.bound, group.quotient_size - group.split);
  EXPECT_GE(shape.blinding_size() << shape.params.log_stack,
            group.bound << (shape.log_height - group.log_height));
  const auto& chunks = group.stacked[shape.tree(Phase::kQuotient)];
  ASSERT_EQ(chunks.size(), 1u);
  EXPECT_EQ(chunks[0].end, 1u << chunks[0].log_stack);
  const uint32_t fillers = chunks[0].end - 10;
  EXPECT_GE(group.height(), q + 6);  // a filler has as many coefficients
  EXPECT_GE(group.chunk_mask, 6u);
  // More queries than fillers over one row: at most C(q, fillers + 1) of n choices each.
  const double rows = std::exp2(group.log_height + shape.params.log_blowup);
  EXPECT_LT(std::lgamma(q + 1) - std::lgamma(fillers + 2) -
                std::lgamma(std::max<double>(q - fillers, 1)) - fillers * std::log(rows),
            -100 * std::log(2));
}

void expect_masks_cover(const Shape& shape) {
  const uint32_t q = shape.params.queries;
  for (const GroupShape& group : shape.groups) {
    if (group.short_masks) {
      expect_short_masks_cover(shape, group);
      continue;
    }
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
    }
    EXPECT_GT(group.chunk_mask, opened_functionals(q, false));
    // R has as many coefficients as the longest stack.
    uint32_t longest = group.split + group.chunk_mask;
    longest = std::max(longest, group.quotient_size - group.split);
    for (const auto& tree : group.mask)
      for (const uint32_t mask : tree) longest = std::max(longest, group.height() + mask);
    EXPECT_GE(group.bound, longest);
    EXPECT_GE(shape.blinding_size() << shape.params.log_stack,
              longest << (shape.log_height - group.log_height));
  }
  // A row none of whose cells are opened cannot be searched for: five words of the tree's tallest
  // group that the row before does not tell of, or salt.
  for (uint32_t t = 0; t < shape.trees.size(); ++t) {
    if (shape.trees[t].kind == TreeShape::Kind::kFixed) continue;
    const auto tallest = std::ranges::find_if(
        shape.groups, [&](const GroupShape& group) { return group.width[t] > 0; });
    std::set<uint32_t> hiding;
    for (uint32_t c = 0; c < shape.opened_width(*tallest, t); ++c)
      hiding.insert(shape.place(*tallest, {t, c}).word);
    for (const ColumnRef ref : tallest->next)
      if (ref.tree == t) hiding.erase(shape.place(*tallest, ref).word);
    // Words of short masks say no more than a row of the tallest group of all: where that has none ...
    const bool lower = &*tallest != &shape.groups[0] &&
                       std::ranges::any_of(shape.groups, [&](const GroupShape& group) {
                         return group.width[t] > 0 && group.short_masks;
                       });
    EXPECT_EQ(hiding.size() < 5 || lower, shape.trees[t].salted) << "tree " << t;
  }
}

TEST(ZeroKnowledge, MasksCoverWhatIsOpened) {
  for (const uint8_t log_stack : kLogStacks) {
    for (toys::Toy& toy : toys::all_toys(8)) {
      SCOPED_TRACE(toy.name);
      toy.witness.sort();
      const auto shape =
          make_shape(toy.circuit.key(), quick_params(/*zk=*/true, log_stack), toy.witness.specs());
      ASSERT_TRUE(shape);
      expect_masks_cover(*shape);
    }
    for (toys::Toy& toy : toys::all_toys(12)) {  // and with as many queries as 128 bits need
      SCOPED_TRACE(toy.name);
      toy.witness.sort();
      const auto params = secure_params(toy, log_stack);
      ASSERT_TRUE(params) << params.error().message;
      const auto shape = make_shape(toy.circuit.key(), *params, toy.witness.specs());
      ASSERT_TRUE(shape);
      expect_masks_cover(*shape);
    }
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

/// The columns of one stack, with masks of one length.
struct MaskedStack {
  const GroupShape& group;
  unsigned log_stack;
  uint32_t columns;
  uint32_t mask;

  [[nodiscard]] size_t unknowns() const { return size_t{columns} * mask; }
};

/// What index e of the domain shows of the stack, as a row over the coefficients of all rho_j: the
/// functional (rho_j) -> sum_j x_h^j Z_H(x_n) rho_j(x_n).
void add_index(Matrix& rows, const Shape& shape, const MaskedStack& stack, uint64_t e) {
  const Fp x = point(shape, stack.group.log_height, e);  // of an index of a taller domain, too
  const Fp x_h = point(shape, stack.group.log_height + stack.log_stack, e);
  auto& row = rows.emplace_back();
  Fp place = pow(x, stack.group.height()) - Fp::one();
  for (uint32_t j = 0; j < stack.columns; ++j, place *= x_h) {
    Fp power = place;
    for (uint32_t k = 0; k < stack.mask; ++k, power *= x) row.push_back(power);
  }
}
/// Each of its columns at a point of E: five functionals.
void add_point(Matrix& rows, const Fp5& x, const MaskedStack& stack) {
  for (uint32_t j = 0; j < stack.columns; ++j) {
    const size_t first = rows.size();
    for (int c = 0; c < 5; ++c) rows.emplace_back(stack.unknowns());
    Fp5 power = pow(x, stack.group.height()) - Fp::one();
    for (uint32_t k = 0; k < stack.mask; ++k, power *= x)
      for (int c = 0; c < 5; ++c) rows[first + c][j * stack.mask + k] = power.c[c];
  }
}

/// What a proof shows of this stack; `indices` gets those of its rows.
void add_proof(Matrix& rows, std::set<uint32_t>& indices, const Cheater& proof,
               const MaskedStack& stack, bool next) {
  const unsigned log_domain =
      stack.group.log_height + stack.log_stack + proof.shape().params.log_blowup;
  for (const uint32_t e : distinct_below(proof.indices(), log_domain))
    if (indices.insert(e).second) add_index(rows, proof.shape(), stack, e);
  add_point(rows, proof.zeta(), stack);
  if (next) add_point(rows, proof.zeta() * Fp::root_of_unity(stack.group.log_height), stack);
}

uint32_t unopened(const std::set<uint32_t>& indices) {
  uint32_t index = 0;
  while (indices.contains(index)) ++index;
  return index;
}

// A full stack, and a column that stands alone in its stack: that is shown at as few points as if
// there were no stacks, so whoever knows some rows may know others' word. Salt is for those.
TEST(ZeroKnowledge, OpenedFunctionalsAreIndependent) {
  for (const uint8_t log_stack : kLogStacks)
    for (toys::Toy& toy : small_toys()) {
      SCOPED_TRACE(toy.name + " in stacks of 2^" + std::to_string(log_stack));
      const Params params = quick_params(/*zk=*/true, log_stack);
      const ToyProver prover(toy, params);
      Cheater proof = make_cheater(prover, toy, params);
      (void)proof.prove();
      for (const GroupShape& group : proof.shape().groups)
        for (const bool next : {false, true})
          for (const unsigned s : {0u, unsigned{proof.shape().log_height} - group.log_height}) {
            const MaskedStack stack{group, s, 1u << s,
                                    next ? params.mask_for_two() : params.mask_for_one_opening()};
            Matrix rows;
            std::set<uint32_t> indices;
            add_proof(rows, indices, proof, stack, next);
            EXPECT_LT(rows.size(), stack.unknowns());
            EXPECT_EQ(rank_of(rows), rows.size());
            // Still so with any one row more: nothing opened determines an unopened value.
            add_index(rows, proof.shape(), stack, unopened(indices));
            EXPECT_EQ(rank_of(rows), rows.size());
          }
    }
}

// Stacks of the sizes that a proof with short masks has; and the chunks' fillers, which have to hide all
// words of their stack and are opened themselves.
TEST(ZeroKnowledge, OpenedFunctionalsOfShortMasksAreIndependent) {
  toys::Toy toy = toys::mixed({14, 9, 9, 9, 9, 8, 8, 8, 8, 8, 8, 8, 7});
  std::set<unsigned> sizes;
  for (const uint8_t log_blowup : {uint8_t{1}, uint8_t{2}}) {
    Params params = quick_params(/*zk=*/true, /*log_stack=*/1);
    params.log_blowup = log_blowup;
    params.queries = 60;
    const ToyProver prover(toy, params);
    Cheater proof = make_cheater(prover, toy, params);
    (void)proof.prove();
    const Shape& shape = proof.shape();
    size_t stacks = 0;
    for (const GroupShape& group : shape.groups) {
      EXPECT_EQ(group.short_masks, group.log_height <= 9 && (60u + 6) <= group.height() &&
                                       (group.height() << log_blowup) >= 240);
      if (!group.short_masks) continue;
      for (const uint32_t t : {shape.tree(Phase::kMain), shape.tree(Phase::kAux)})
        for (const StackedColumns& part : group.stacked[t]) {
          const bool next = std::ranges::binary_search(group.next, ColumnRef{t, part.first});
          const MaskedStack stack{group, part.log_stack, 1u << part.log_stack,
                                  group.mask[t][part.first]};
          Matrix rows;
          std::set<uint32_t> indices;
          add_proof(rows, indices, proof, stack, next);
          EXPECT_LT(rows.size(), stack.unknowns());
          EXPECT_EQ(rank_of(rows), rows.size());
          add_index(rows, shape, stack, unopened(indices));
          EXPECT_EQ(rank_of(rows), rows.size());
          // What one coefficient less a column would hide is determined: the test can tell.
          for (uint32_t j = 1; j < stack.columns; ++j)
            add_index(rows, shape, stack, unopened(indices) + j);
          const uint32_t fewer = stack.mask - (next ? 11 : 6);
          for (auto& row : rows) {
            std::vector<Fp> cut;
            for (uint32_t j = 0; j < stack.columns; ++j)
              cut.insert(cut.end(), row.begin() + j * stack.mask,
                         row.begin() + j * stack.mask + fewer);
            row = std::move(cut);
          }
          EXPECT_LT(rank_of(rows), rows.size());
          sizes.insert(part.log_stack);
          ++stacks;
        }
      const StackedColumns& chunks = group.stacked[shape.tree(Phase::kQuotient)][0];
      Matrix rows;
      for (const uint32_t e : distinct_below(
               proof.indices(), group.log_height + chunks.log_stack + unsigned{log_blowup})) {
        const Fp x = point(shape, group.log_height, e);
        const Fp z = point(shape, group.log_height + chunks.log_stack, e);
        auto& row = rows.emplace_back();
        Fp place = pow(z, 10);
        for (uint32_t j = 10; j < chunks.end; ++j, place *= z) {
          Fp power = place;
          for (uint32_t k = 0; k < group.height(); ++k, power *= x) row.push_back(power);
        }
      }
      const size_t unknowns = rows[0].size();
      for (uint32_t j = 0; j < chunks.end - 10; ++j) {
        const size_t first = rows.size();
        for (int c = 0; c < 5; ++c) rows.emplace_back(unknowns);
        Fp5 power = Fp5::one();
        for (uint32_t k = 0; k < group.height(); ++k, power *= proof.zeta())
          for (int c = 0; c < 5; ++c) rows[first + c][j * group.height() + k] = power.c[c];
      }
      EXPECT_EQ(rank_of(rows), rows.size());
      // One filler alone does not do, where two queries are over one row.
      Matrix one;
      for (const auto& row : rows) one.emplace_back(row.begin(), row.begin() + group.height());
      EXPECT_LT(rank_of(one), rows.size());
    }
    EXPECT_GE(stacks, 4u);
  }
  EXPECT_EQ(sizes, (std::set<unsigned>{3, 4, 5, 6}));
}

TEST(ZeroKnowledge, OpenedFunctionalsOfTwoProofsThatShareATreeAreIndependent) {
  toys::Toy toy = toys::memory(8, 8, /*shared=*/true);
  for (const uint8_t log_stack : kLogStacks) {
    const Params params = quick_params(/*zk=*/true, log_stack);
    const ToyProver prover(toy, params);
    Cheater first = make_cheater(prover, toy, params);
    Cheater second(prover.key(), params, toy.witness, prover.reference_slots(),
                   random_source(seed_of(1), params.log_blowup));
    (void)first.prove();
    (void)second.prove();
    ASSERT_NE(first.indices(), second.indices());
    // Slots' own tallest columns stand alone.
    const MaskedStack stack{first.shape().groups[0], 0, 1, params.mask_for_two()};
    Matrix rows;
    std::set<uint32_t> indices;
    add_proof(rows, indices, first, stack, false);
    add_proof(rows, indices, second, stack, false);
    EXPECT_LT(rows.size(), params.mask_for_two());
    EXPECT_EQ(rank_of(rows), rows.size());
    // A mask for one proof would not have done: the test can tell.
    Matrix shorter = rows;
    for (auto& row : shorter) row.resize(params.mask_for_one_opening());
    EXPECT_LT(rank_of(shorter), rows.size());
  }
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
  size_t turn = 0;
  for (toys::Toy& toy : small_toys()) {
    SCOPED_TRACE(toy.name);
    const Params params = params_by_turn(turn++);
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

/// A word of the rows of main.
struct OpenedWord {
  std::vector<Fp> x, y;
};

OpenedWord opened_word(const Shape& shape, const std::vector<uint32_t>& indices, const Proof& proof,
                       uint32_t word) {
  const uint32_t tree = shape.tree(Phase::kMain);
  OpenedWord out;
  for (const uint32_t e : opened_rows(shape, tree, indices)) {
    const size_t row = out.x.size() * shape.trees[tree].row_words;
    out.y.push_back(Fp::from_wire(proof.trees[tree].rows[row + word]));
    out.x.push_back(point(shape, shape.log_height, e));
  }
  return out;
}

/// f_j(y) of a stack F, which is known by its values: F(x) = sum_j x^j f_j(y) at all x with
/// x^(2^s) = y, and `x` is one.
Fp place_of(const OpenedWord& stack, unsigned log_stack, uint32_t place, Fp x) {
  const size_t count = size_t{1} << log_stack;
  Fp sum;
  for (size_t k = 0; k < count; ++k, x *= Fp::root_of_unity(static_cast<int>(log_stack)))
    sum += interpolated(stack.x, stack.y, x) * inverse(pow(x, place));
  return sum * inverse(Fp::from(count));
}

/// How many cells of the first table, of the tallest group, the polynomials through the opened
/// words give.
size_t cells_recovered(const toys::Toy& toy, const Shape& shape,
                       const std::vector<uint32_t>& indices, const Proof& proof) {
  const Table& table = toy.witness.tables[0];
  const unsigned s = shape.params.log_stack;
  size_t right = 0;
  std::vector<Fp> row(table.width);
  for (uint32_t c = 0; c < table.width; ++c) {
    const auto [word, place, log_stack] =
        shape.place(shape.groups[0], {shape.tree(Phase::kMain), c});
    EXPECT_EQ(log_stack, s);
    const OpenedWord opened = opened_word(shape, indices, proof, word);
    for (uint64_t r = 0; r < table.height(); ++r) {
      table.read(r, 1, row.data());
      const Fp x = pow(Fp::root_of_unity(static_cast<int>(table.log_height + s)), r);
      right += place_of(opened, s, place, x) == row[c];
    }
  }
  return right;
}

TEST(ZeroKnowledge, TheWitnessCannotBeInterpolated) {
  for (const uint8_t log_stack : kLogStacks) {
    SCOPED_TRACE(int{log_stack});
    // Without masks a table with no more rows than are opened lies open ...
    toys::Toy tiny = toys::permutation(3);
    Params plain = quick_params(/*zk=*/false, log_stack);
    plain.queries = static_cast<uint16_t>(40 << log_stack);
    const ToyProver plain_prover(tiny, plain);
    Cheater bare = make_cheater(plain_prover, tiny, plain);
    const Proof bare_proof = bare.prove();
    EXPECT_EQ(cells_recovered(tiny, bare.shape(), bare.indices(), bare_proof),
              4 * tiny.witness.tables[0].height());

    // ... with them, opened rows determine nothing: fewer than masks have coefficients, let alone
    // the table rows.
    toys::Toy toy = toys::permutation(8);
    const Params params = quick_params(/*zk=*/true, log_stack);
    const ToyProver prover(toy, params);
    Cheater masked = make_cheater(prover, toy, params);
    const Proof proof = masked.prove();
    EXPECT_EQ(cells_recovered(toy, masked.shape(), masked.indices(), proof), 0u);
  }
}

/// At x, of the polynomial with these values on the trace domain.
Fp extended(const std::vector<Fp>& values, Fp x) {
  const Fp root = Fp::root_of_unity(std::countr_zero(values.size()));
  Fp sum, at = Fp::one();
  for (const Fp value : values) {
    sum += value * at * inverse(x - at);
    at *= root;
  }
  return sum * (pow(x, values.size()) - Fp::one()) * inverse(Fp::from(values.size()));
}

/// Opened words that are those of the candidate's unmasked columns: words of main that the first
/// table fills alone.
size_t agreeing_rows(const Cheater& prover, const Proof& proof, const toys::Toy& candidate,
                     uint32_t word) {
  const Shape& shape = prover.shape();
  const unsigned s = shape.params.log_stack;
  const OpenedWord opened = opened_word(shape, prover.indices(), proof, word);
  const Table& table = candidate.witness.tables[0];
  std::vector<Fp> row(table.width);
  std::vector<std::vector<Fp>> y(size_t{1} << s);
  for (uint64_t r = 0; r < table.height(); ++r) {
    table.read(r, 1, row.data());
    for (size_t j = 0; j < y.size(); ++j) y[j].push_back(row[(word << s) + j]);
  }
  size_t agree = 0;
  for (size_t i = 0; i < opened.x.size(); ++i) {
    Fp value, power = Fp::one();
    for (size_t j = 0; j < y.size(); ++j, power *= opened.x[i])
      value += power * extended(y[j], pow(opened.x[i], y.size()));
    agree += value == opened.y[i];
  }
  return agree;
}

// Who can guess the witness may want to confirm the guess. A prover that leaves out its masks is
// not refused (it harms itself alone), but here it shows.
TEST(ZeroKnowledge, AGuessedWitnessCannotBeConfirmed) {
  toys::Toy toy = toys::permutation(8);
  for (const uint8_t log_stack : kLogStacks) {
    const Params params = quick_params(/*zk=*/true, log_stack);
    const ToyProver prover(toy, params);
    for (const bool omitted : {true, false}) {
      Cheater cheater(prover.key(), params, toy.witness, prover.reference_slots(),
                      omitted ? RandomSource([](const RandomPurpose&, size_t count) {
                        return std::vector<Fp>(count);
                      })
                              : prover.random());
      const Proof proof = cheater.prove();
      const size_t rows = distinct_below(cheater.indices(), 9u + log_stack).size();
      for (uint32_t word = 0; word < 4u >> log_stack; ++word)
        EXPECT_EQ(agreeing_rows(cheater, proof, toy, word), omitted ? rows : 0)
            << "word " << word << ", stacks of 2^" << int{log_stack};
    }
  }
}

}  // namespace
}  // namespace zkvm::stark
