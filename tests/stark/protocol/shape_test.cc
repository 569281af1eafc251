// Keys and shapes: what a proof looks like before any value is known, and which keys, parameters
// and table lists are refused.
#include "stark/protocol/shape.h"

#include <gtest/gtest.h>

#include "stark/field/field.h"
#include "stark/protocol/late.h"
#include "stark/protocol/proof.h"
#include "stark/protocol/statement.h"
#include "tests/peak_memory.h"

namespace zkvm::stark {
namespace {

constexpr uint32_t kOne = Fp::one().wire;

AffineForm column(uint16_t c) { return {0, {{c, kOne}}}; }

/// A chip of `main` columns, one assert (column 0 squared minus column 0), `sends` one-entry sends
/// on bus 1.
ChipKey small_chip(const char* name, uint16_t main, int sends) {
  ChipKey chip;
  chip.name = name;
  chip.main_width = main;
  chip.nodes = {{ExpressionNode::Op::kColumn, 0},
                {ExpressionNode::Op::kMul, 0, 0},
                {ExpressionNode::Op::kSub, 1, 0}};
  chip.asserts = {2};
  for (int i = 0; i < sends; ++i)
    chip.interactions.push_back({1, Interaction::Kind::kSend, 1, column(0), {column(0)}});
  return chip;
}

/// Chips: 0 "add" (4 columns, 3 sends), 1 "wide" (7 columns, next column 2), 2 "range" (fixed 2^9
/// table).
VerifyingKey sample_key() {
  VerifyingKey key;
  key.slots = {{.kind = Slot::Kind::kFixed, .root = {1, 2, 3}, .rows = {{9, 1}}}};
  key.chips = {small_chip("add", 4, 3), small_chip("wide", 7, 2), small_chip("range", 1, 0)};
  key.chips[1].next = {2};
  key.chips[2].slots = {{0, 0, 1}};
  key.chips[2].log_height = 9;
  key.chips[2].interactions = {{1, Interaction::Kind::kAnswer, 0, column(1), {column(0)}}};
  return key;
}

Params small_params() {
  Params params;
  params.queries = 20;
  return params;
}

TEST(Key, BytesRoundTrip) {
  const VerifyingKey key = sample_key();
  ASSERT_TRUE(key.check());
  const auto bytes = key.serialise();
  const auto read = VerifyingKey::parse(bytes);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, key);
  EXPECT_EQ(read->serialise(), bytes);
}

TEST(Key, RowsOfSlotsMustFit) {
  const auto refused = [](auto change) {
    VerifyingKey key = sample_key();
    change(key);
    const auto checked = key.check();
    EXPECT_FALSE(checked);
    const auto parsed = VerifyingKey::parse(key.serialise());
    EXPECT_FALSE(parsed);
    return !checked && !parsed && checked.error().code == ErrorCode::kKey &&
           parsed.error().code == ErrorCode::kKey;
  };
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.slots[0].rows.clear(); }));
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.slots[0].rows[0].width = 0; }));
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.slots[0].rows[0].log_height = 10; }));
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.slots[0].rows.push_back({8, 1}); }));  // nobody's
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.slots[0].rows.push_back({9, 1}); }));
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.chips[2].slots[0].first = 1; }));
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.chips[2].slots[0].first = 0xffff; }));
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.chips[2].slots[0].width = 2; }));
  EXPECT_TRUE(refused([](VerifyingKey& k) { k.slots.push_back(k.slots[0]); }));  // nobody reads it
  EXPECT_TRUE(refused([](VerifyingKey& k) {  // twice the same columns, in one chip
    k.chips[2].slots.push_back(k.chips[2].slots[0]);
  }));
  // All slots together may have so many columns, not one more.
  VerifyingKey wide = sample_key();
  for (uint8_t n = 0; n < 4; ++n) {
    wide.slots.push_back(wide.slots[0]);
    wide.chips.push_back(wide.chips[2]);
    wide.chips.back().name += std::to_string(n);
    wide.chips.back().slots[0].slot = static_cast<uint16_t>(n + 1);
    wide.slots.back().rows[0].width = 0xffff;
  }
  EXPECT_TRUE(wide.check()) << wide.check().error().message;
  wide.slots[0].rows[0].width = 5;
  EXPECT_FALSE(wide.check());
}

// Several chips may read the same columns; they are in the tree, and opened, once.
TEST(Shape, ChipsMayReadTheSameColumns) {
  VerifyingKey key = sample_key();
  key.slots[0].rows = {{9, 5}};
  key.chips.push_back(key.chips[2]);
  key.chips[3].name = "range too";
  key.chips[3].next = {0};
  key.chips[2].next = {0};
  ASSERT_TRUE(key.check()) << key.check().error().message;
  const auto shape = make_shape(key, small_params(), std::vector<TableSpec>{{2, 9}, {3, 9}});
  ASSERT_TRUE(shape) << shape.error().message;
  const GroupShape& group = shape->groups[0];
  EXPECT_EQ(group.width[0], 5u);  // those that nobody reads included
  EXPECT_EQ(group.mask[0], std::vector<uint32_t>(5));
  EXPECT_EQ(group.tables[0].columns[0], (ColumnRef{0, 0}));
  EXPECT_EQ(group.tables[1].columns[0], (ColumnRef{0, 0}));
  EXPECT_NE(group.tables[0].columns[1], group.tables[1].columns[1]);  // main
  EXPECT_EQ(std::ranges::count(group.next, ColumnRef{0, 0}), 1);
  // A slot is whole or absent, as ever.
  EXPECT_EQ(make_shape(key, small_params(), std::vector<TableSpec>{{2, 9}}).error().code,
            ErrorCode::kTables);
}

TEST(Key, EveryTruncationIsRefused) {
  const auto bytes = sample_key().serialise();
  for (size_t length = 0; length < bytes.size(); ++length)
    EXPECT_FALSE(VerifyingKey::parse(std::span(bytes).first(length))) << length;
  auto longer = bytes;
  longer.push_back(0);
  const auto read = VerifyingKey::parse(longer);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kTrailing);
}

TEST(Key, EveryByteChangeIsRefusedOrReadBackAsItself) {
  const auto bytes = sample_key().serialise();
  for (size_t i = 0; i < bytes.size(); ++i)
    for (const int bit : {0, 3, 7}) {
      auto changed = bytes;
      changed[i] ^= static_cast<uint8_t>(1 << bit);
      const auto read = VerifyingKey::parse(changed);
      if (read) {
        EXPECT_EQ(read->serialise(), changed) << "byte " << i;
      }
    }
}

TEST(Key, RefusesWhatWouldBreakSoundness) {
  const auto refused = [](auto change) {
    VerifyingKey key = sample_key();
    change(key);
    return !key.check() && !VerifyingKey::parse(key.serialise());
  };
  EXPECT_TRUE(refused([](auto& k) { k.chips[0].interactions[0].bus = kBlindBus; }));
  EXPECT_TRUE(refused([](auto& k) { k.chips[0].interactions[0].max_multiplicity = 0; }));
  EXPECT_TRUE(refused([](auto& k) { k.chips[2].interactions[0].max_multiplicity = 1; }));
  EXPECT_TRUE(refused([](auto& k) {  // degree 4
    k.chips[0].nodes.push_back({ExpressionNode::Op::kMul, 1, 1});
    k.chips[0].asserts.push_back(3);
  }));
  EXPECT_TRUE(refused([](auto& k) { k.chips[0].nodes[1].a = 1; }));  // its own operand
  EXPECT_TRUE(refused(
      [](auto& k) { k.chips[0].nodes[0] = {ExpressionNode::Op::kNext, 0}; }));  // not marked
  EXPECT_TRUE(refused([](auto& k) { k.chips[1].next = {2, 2}; }));
  EXPECT_TRUE(refused([](auto& k) { k.chips[0].log_height = 9; }));  // no slot columns
  EXPECT_TRUE(refused([](auto& k) { k.chips[2].log_height = kFreeHeight; }));
  EXPECT_TRUE(refused([](auto& k) {  // a shared column on the next row: more openings than mask
    k.slots[0].kind = Slot::Kind::kShared;
    k.chips[2].next = {0};
  }));
  EXPECT_TRUE(refused([](auto& k) { k.tuple_width = 2; }));
  const auto late_node = [&](uint8_t coordinate, uint8_t power, uint16_t width) {
    return refused([=](auto& k) {
      k.chips[0].nodes.push_back({ExpressionNode::Op::kLate, coordinate, power});
      k.chips[0].late_width = width;
      k.chips[0].late_degree = 1;
    });
  };
  EXPECT_FALSE(late_node(9, 64, 1));
  EXPECT_TRUE(late_node(10, 1, 1));  // a third challenge
  EXPECT_TRUE(late_node(0, 0, 1));   // the constant 1
  EXPECT_TRUE(late_node(0, 65, 1));
  EXPECT_TRUE(late_node(0, 1, 0));     // no late columns: no challenge would be drawn
  EXPECT_TRUE(late_node(0, 1, 4096));  // more columns than a chip may have
  EXPECT_TRUE(
      refused([](auto& k) { k.chips[0].nodes[0].op = static_cast<ExpressionNode::Op>(7); }));
  // An assert of lambda^64 mu^64 lambda: what a row adds is 129 at least.
  const auto late_degree = [&](uint32_t declared) {
    return refused([=](auto& k) {
      k.chips[0].nodes = {{ExpressionNode::Op::kLate, 0, 64}, {ExpressionNode::Op::kLate, 5, 64},
                          {ExpressionNode::Op::kMul, 0, 1},   {ExpressionNode::Op::kLate, 4, 1},
                          {ExpressionNode::Op::kMul, 2, 3},   {ExpressionNode::Op::kSub, 4, 0}};
      k.chips[0].asserts = {5};
      k.chips[0].late_width = 5;
      k.chips[0].late_degree = declared;
    });
  };
  EXPECT_TRUE(late_degree(128));
  EXPECT_FALSE(late_degree(129));
  EXPECT_FALSE(late_degree(kMaxLateDegree));
  EXPECT_TRUE(late_degree(kMaxLateDegree + 1));
  EXPECT_TRUE(refused([](auto& k) { k.chips[0].late_degree = 1; }));  // without late columns
  EXPECT_TRUE(refused([](auto& k) { k.chips[0].late_width = 5; }));   // of degree 0
  EXPECT_TRUE(refused([](auto& k) {                                   // a late multiplicity
    k.chips[0].late_width = 5;
    k.chips[0].late_degree = 1;
    k.chips[0].interactions[0].multiplicity = column(4);
  }));
  EXPECT_TRUE(refused([](auto& k) {  // a power of 2^22 by repeated squaring
    auto& nodes = k.chips[0].nodes;
    nodes = {{ExpressionNode::Op::kLate, 0, 1}};
    for (uint32_t i = 0; i < 22; ++i) nodes.push_back({ExpressionNode::Op::kMul, i, i});
    k.chips[0].asserts = {22};
    k.chips[0].late_width = 5;
    k.chips[0].late_degree = kMaxLateDegree;
  }));
  EXPECT_TRUE(refused([](auto& k) { k.chips[1].main_width = 0; }));
  EXPECT_TRUE(refused([](auto& k) {  // (v) and (v, 0) on one bus
    k.tuple_width = 2;
    k.chips[0].interactions[0].tuple.push_back({});
  }));
  EXPECT_TRUE(refused([](auto& k) { k.chips[0].interactions[0].tuple[0].terms[0].column = 4; }));
  EXPECT_TRUE(
      refused([](auto& k) { k.chips[0].nodes[0] = {ExpressionNode::Op::kConst, Fp::kModulus}; }));
}

/// A chip of one answer, whose affine forms and their terms are `count` in all.
ChipKey chip_of_terms(uint32_t count) {
  constexpr uint16_t kColumns = 255;
  ChipKey chip = small_chip("terms", kColumns, 0);
  auto& answer = chip.interactions.emplace_back(
      Interaction{1, Interaction::Kind::kAnswer, 0, column(0), std::vector<AffineForm>(32)});
  uint32_t left = count - 2 - 32;
  for (AffineForm& form : answer.tuple)
    for (uint16_t c = 0; c < kColumns && left > 0; ++c, --left) form.terms.push_back({c, kOne});
  EXPECT_EQ(left, 0u);
  return chip;
}

// A stranger's key of kilobytes, all of whose terms occur in as many tables as a proof may have.
TEST(Shape, RefusesMoreTermsThanItMayKeep) {
  constexpr uint32_t kMost = kMaxTerms / kMaxTables;
  const std::vector<TableSpec> tables(kMaxTables, {0, 12});
  VerifyingKey key;
  key.tuple_width = 32;
  key.chips = {chip_of_terms(kMost)};
  EXPECT_TRUE(make_shape(key, small_params(), tables));

  for (const uint32_t count : {kMost + 1, 2 * kMost - 1}) {
    key.chips = {chip_of_terms(count)};
    const auto parsed = VerifyingKey::parse(key.serialise());
    ASSERT_TRUE(parsed) << parsed.error().message;
    const size_t peak = test::peak_memory_of([&] {
      const auto shape = make_shape(*parsed, small_params(), tables);
      ASSERT_FALSE(shape);
      EXPECT_EQ(shape.error().code, ErrorCode::kTables);
      EXPECT_EQ(shape.error().message, "tables: more than 4194304 affine forms and terms in all");
    });
    EXPECT_LT(peak, size_t{1} << 16);  // unrefused: 50 MB and more
  }

  // Forms without terms cost memory, too.
  const Interaction bare{1, Interaction::Kind::kAnswer, 0, {}, std::vector<AffineForm>(32)};
  key.chips[0].interactions.assign(kMost / 33 + 1, bare);
  EXPECT_FALSE(make_shape(key, small_params(), tables));
}

TEST(Shape, CountsColumnsMasksAndDegrees) {
  const VerifyingKey key = sample_key();
  const std::vector<TableSpec> tables = {{0, 12}, {1, 12}, {2, 9}};
  const auto shape = make_shape(key, small_params(), tables);
  ASSERT_TRUE(shape) << shape.error().message;
  ASSERT_EQ(shape->trees.size(), 4u);  // fixed slot, main, aux, quotient
  ASSERT_EQ(shape->groups.size(), 2u);

  const GroupShape& tall = shape->groups[0];
  EXPECT_EQ(tall.width[shape->tree(Phase::kMain)], 4u + 7 + 1);  // and blind
  EXPECT_EQ(tall.interactions.size(), 3u + 2 + 1);
  EXPECT_EQ(tall.pairs(), 3u);
  EXPECT_EQ(tall.width[shape->tree(Phase::kAux)], 5u * 3 + 5);
  EXPECT_EQ(tall.width[shape->tree(Phase::kQuotient)], 15u);
  EXPECT_EQ(tall.next.size(), 1u + 5);
  EXPECT_EQ(tall.next[0], (ColumnRef{shape->tree(Phase::kMain), 4 + 2}));
  EXPECT_EQ(tall.mask_max, 2u * 20 + 11);  // because of the next column
  EXPECT_EQ(tall.constraints(), 2u + 3 + 1);
  EXPECT_EQ(tall.bound, tall.split + 26);
  EXPECT_EQ(shape->openings(tall), 12u + 20 + 10 + 6);

  const GroupShape& low = shape->groups[1];
  EXPECT_EQ(low.width[0], 1u);
  EXPECT_EQ(low.width[shape->tree(Phase::kMain)], 1u + 1 + 2);  // own, blind, value and count
  EXPECT_EQ(low.width[shape->tree(Phase::kAux)], 5u * 2 + 5);
  EXPECT_EQ(low.width[shape->tree(Phase::kQuotient)], 10u);  // R is the tallest group's alone
  EXPECT_EQ(low.mask[0][0], 0u);
  EXPECT_EQ(low.mask_max, 26u);
  EXPECT_EQ(low.bound, low.height() + 52);
  EXPECT_EQ(low.extra_coset, 128u);
}

// 2^5 times lower than the tallest group: 20 queries are shared by the columns of a stack.
TEST(Shape, ShortMasks) {
  const VerifyingKey key = sample_key();
  const std::vector<TableSpec> tables = {{0, 14}, {1, 14}, {2, 9}};
  const auto shape = make_shape(key, small_params(), tables);
  ASSERT_TRUE(shape) << shape.error().message;
  const uint32_t main = shape->tree(Phase::kMain), aux = shape->tree(Phase::kAux);
  const uint32_t quotient = shape->tree(Phase::kQuotient);
  EXPECT_FALSE(shape->groups[0].short_masks);
  const GroupShape& low = shape->groups[1];
  EXPECT_TRUE(low.short_masks);
  // Own, blind, value and count; two pairs, acc; chunks: and fillers.
  using Parts = std::vector<std::array<uint32_t, 3>>;
  const auto parts = [&](uint32_t tree) {
    Parts out;
    for (const StackedColumns& part : low.stacked[tree])
      out.push_back({part.first, part.end, part.log_stack});
    return out;
  };
  EXPECT_EQ(parts(main), (Parts{{0, 16, 4}}));
  EXPECT_EQ(parts(aux), (Parts{{0, 16, 4}, {16, 24, 3}}));
  EXPECT_EQ(parts(quotient), (Parts{{0, 32, 5}}));
  EXPECT_EQ(low.blind, 1u);
  EXPECT_EQ(low.acc, 16u);
  EXPECT_EQ(low.width[0], 1u);
  EXPECT_EQ(parts(0), (Parts{{0, 1, shape->trees[0].log_height - 9u}}));  // a slot's are its own
  EXPECT_EQ(low.mask[main], std::vector<uint32_t>(16, 2 + 6));
  EXPECT_EQ(low.mask[aux][15], 2u + 6);
  EXPECT_EQ(low.mask[aux][16], 3u + 11);
  EXPECT_EQ(low.mask[aux][23], 3u + 11);
  EXPECT_EQ(low.next.size(), 8u);
  EXPECT_EQ(low.mask_max, 8u);
  EXPECT_EQ(low.split, 512u + 9);
  EXPECT_EQ(low.bound, 512u + 9 + 6);
  EXPECT_EQ(low.extra_coset, 32u);
  EXPECT_EQ(shape->openings(low), 1u + 16 + 24 + 32 + 8);
  EXPECT_EQ(shape->stacks(low, aux), 2u);
  EXPECT_EQ(shape->batched(low), 1u + 1 + 2 + 1 + 1);
  const StackPlace acc = shape->place(low, {aux, 17});
  EXPECT_EQ(acc.word, low.stacked[aux][0].first_word + 1);
  EXPECT_EQ(acc.place, 1u);
  EXPECT_EQ(acc.log_stack, 3u);

  // Not without zk, not a height nearer, nor with more queries than rows, nor too few rows for them.
  const auto is_short = [&](Params params, uint8_t tallest) {
    const std::vector<TableSpec> of = {{0, tallest}, {2, 9}};
    const auto made = make_shape(key, params, of);
    return made && made->groups[1].short_masks;
  };
  Params params = small_params();
  EXPECT_TRUE(is_short(params, 14));
  EXPECT_FALSE(is_short(params, 13));
  params.zk = false;
  EXPECT_FALSE(is_short(params, 14));
  params.zk = true;
  params.queries = 256;
  EXPECT_TRUE(is_short(params, 16));
  params.queries = 257;
  EXPECT_FALSE(is_short(params, 16));  // 4 q of 2^10 points
}

TEST(Shape, ShortMasksNeedRowsForTheFillers) {
  VerifyingKey key;
  key.chips = {small_chip("any", 3, 0)};
  const auto is_short = [&](uint8_t log_blowup, uint16_t queries) {
    const Params params{.log_blowup = log_blowup, .queries = queries};
    const auto made = make_shape(key, params, std::vector<TableSpec>{{0, 17}, {0, 9}});
    return made && made->groups[1].short_masks;
  };
  EXPECT_TRUE(is_short(2, 506));
  EXPECT_FALSE(is_short(2, 507));  // q + 6 of 2^9 rows
  EXPECT_TRUE(is_short(1, 256));
  EXPECT_FALSE(is_short(1, 257));  // 4 q of 2^10 points
}

// Masks of shared columns are those of two proofs, of which each may have another tallest group.
TEST(Shape, NoShortMasksBesideSharedColumns) {
  VerifyingKey key;
  key.slots = {{.kind = Slot::Kind::kShared, .rows = {{9, 1}}}};
  key.chips = {small_chip("tall", 3, 0), small_chip("kept", 1, 0), small_chip("free", 2, 0)};
  key.chips[1].log_height = 9;
  key.chips[1].slots = {{0, 0, 1}};
  const auto is_short = [&](std::vector<TableSpec> tables) {
    const auto shape = make_shape(key, small_params(), tables);
    EXPECT_TRUE(shape) << shape.error().message;
    return shape->groups[1].short_masks;
  };
  EXPECT_TRUE(is_short({{0, 14}, {2, 9}}));
  EXPECT_FALSE(is_short({{0, 14}, {1, 9}}));
  EXPECT_FALSE(is_short({{0, 14}, {1, 9}, {2, 9}}));
}

// The extra coset holds every column's masks, acc's too, which are no part of k. (112 queries and all
// stacks of 64: 3 k = 24 and 25 of acc.)
TEST(Shape, TheExtraCosetHoldsAllMasks) {
  VerifyingKey key;
  key.chips = {small_chip("tall", 1, 0), small_chip("low", 47, 12)};
  for (const uint16_t queries : {uint16_t{112}, uint16_t{176}, uint16_t{200}, uint16_t{240}}) {
    const Params params{.log_blowup = 2, .queries = queries};
    const auto shape = make_shape(key, params, std::vector<TableSpec>{{0, 16}, {1, 8}});
    ASSERT_TRUE(shape) << shape.error().message;
    for (const GroupShape& group : shape->groups)
      for (const auto& tree : group.mask)
        for (const uint32_t mask : tree) EXPECT_GE(group.extra_coset, mask) << queries;
  }
}

// Full stacks of 64 at most, and a last one that is as low as it may be.
TEST(Shape, StacksOfShortMasks) {
  VerifyingKey key;
  key.chips = {small_chip("tall", 1, 0), small_chip("low", 1, 0)};
  const auto sizes = [&](uint16_t columns, uint8_t tallest) {
    key.chips[1].main_width = columns - 3;  // blind, value, count
    const std::vector<TableSpec> tables = {{0, tallest}, {1, 8}};
    const auto shape = make_shape(key, small_params(), tables);
    EXPECT_TRUE(shape) << shape.error().message;
    std::vector<std::pair<uint32_t, int>> out;
    for (const StackedColumns& part : shape->groups[1].stacked[shape->tree(Phase::kMain)])
      out.emplace_back(part.end - part.first, part.log_stack);
    return out;
  };
  using Sizes = std::vector<std::pair<uint32_t, int>>;
  EXPECT_EQ(sizes(4, 14), (Sizes{{16, 4}}));
  EXPECT_EQ(sizes(16, 14), (Sizes{{16, 4}}));
  EXPECT_EQ(sizes(17, 14), (Sizes{{32, 5}}));
  EXPECT_EQ(sizes(33, 14), (Sizes{{64, 6}}));
  EXPECT_EQ(sizes(64, 22), (Sizes{{64, 6}}));
  EXPECT_EQ(sizes(65, 22), (Sizes{{64, 6}, {16, 4}}));
  EXPECT_EQ(sizes(97, 22), (Sizes{{128, 6}}));
  EXPECT_EQ(sizes(200, 22), (Sizes{{192, 6}, {16, 4}}));
  EXPECT_EQ(sizes(40, 13), (Sizes{{32, 5}, {16, 4}}));  // no stack is taller than the tallest group
}

// Words are counted by hand: the tallest group of 2^12 rows first, then that of 2^9.
// The late tree stands between main's and aux's, if a table has late columns, and has those of all.
TEST(Shape, LateColumnsHaveATreeOfTheirOwn) {
  VerifyingKey key = sample_key();
  key.chips[0].late_width = 5;
  key.chips[0].late_degree = 2;
  ASSERT_TRUE(key.check());
  const Params params = small_params();
  const std::vector<TableSpec> with = {{1, 10}, {0, 9}}, without = {{1, 10}};
  const auto late = make_shape(key, params, with), plain = make_shape(key, params, without);
  ASSERT_TRUE(late && plain);
  EXPECT_FALSE(plain->has(Phase::kLate));
  EXPECT_EQ(plain->trees.size(), 3u);
  ASSERT_TRUE(late->has(Phase::kLate));
  ASSERT_EQ(late->trees.size(), 4u);
  const uint32_t tree = late->tree(Phase::kLate);
  EXPECT_EQ(tree, late->tree(Phase::kMain) + 1);
  EXPECT_EQ(tree, late->tree(Phase::kAux) - 1);
  EXPECT_EQ(late->trees[tree].log_height, late->log_height);
  EXPECT_EQ(late->groups[0].width[tree], 0u);
  EXPECT_EQ(late->groups[1].width[tree], 5u);
  const std::vector<ColumnRef>& columns = late->groups[1].tables[0].columns;
  ASSERT_EQ(columns.size(), key.chips[0].columns());
  EXPECT_EQ(columns.back(), (ColumnRef{tree, 4}));
  for (const uint32_t mask : late->groups[1].mask[tree])
    EXPECT_EQ(mask, params.mask_for_one_opening());
  EXPECT_EQ(late->late_degree, 2u << 9);
  EXPECT_TRUE(late->trees[tree].salted);  // three stacks
}

TEST(Shape, StacksFillTheRows) {
  VerifyingKey key = sample_key();
  const std::vector<TableSpec> tables = {{0, 12}, {1, 12}, {2, 9}};
  Params params = small_params();
  auto shape = make_shape(key, params, tables);
  ASSERT_TRUE(shape) << shape.error().message;
  const auto expect_tree = [&](uint32_t tree, unsigned log_height, uint32_t words) {
    EXPECT_EQ(shape->trees[tree].log_height, log_height) << tree;
    EXPECT_EQ(shape->trees[tree].row_words, words) << tree;
    EXPECT_EQ(merkle_shape(*shape, tree).log_size, log_height + 1) << tree;
    EXPECT_EQ(merkle_shape(*shape, tree).width, words) << tree;
  };
  EXPECT_EQ(shape->log_height, 12);
  expect_tree(0, 9, 1);
  expect_tree(1, 12, 12 + 1);
  expect_tree(2, 12, 15 + 5 + 2 + 1);
  expect_tree(3, 12, 10 + 5 + 2);
  EXPECT_EQ(shape->blinding_word(), 10u);
  EXPECT_EQ(shape->bound, 8 * shape->groups[1].bound);  // the smaller group's masks count 8-fold
  EXPECT_EQ(shape->blinding_size(), shape->bound);

  params.log_stack = 1;
  shape = make_shape(key, params, tables);
  ASSERT_TRUE(shape) << shape.error().message;
  EXPECT_EQ(shape->log_height, 13);
  expect_tree(0, 9, 1);
  expect_tree(1, 13, 6 + 1);
  expect_tree(2, 13, 8 + 3 + 1 + 1);  // acc begins a new stack
  expect_tree(3, 13, 5 + 5 + 1);      // and so does R
  EXPECT_EQ(shape->blinding_word(), 5u);
  EXPECT_EQ(shape->bound, 16 * shape->groups[1].bound);
  EXPECT_EQ(shape->blinding_size(), shape->bound / 2);
  const GroupShape& tall = shape->groups[0];
  const GroupShape& low = shape->groups[1];
  const auto place = [&](const GroupShape& group, uint32_t tree, uint32_t column) {
    const StackPlace at = shape->place(group, {tree, column});
    return std::pair(at.word, at.place);
  };
  EXPECT_EQ(place(tall, 1, 5), std::pair(2u, 1u));
  EXPECT_EQ(place(tall, 2, 14), std::pair(7u, 0u));
  EXPECT_EQ(place(tall, 2, 15), std::pair(8u, 0u));  // acc
  EXPECT_EQ(place(tall, 2, 19), std::pair(10u, 0u));
  EXPECT_EQ(place(tall, 3, 9), std::pair(4u, 1u));
  EXPECT_EQ(place(tall, 3, 13), std::pair(6u, 1u));  // R
  EXPECT_EQ(place(low, 0, 0), std::pair(0u, 0u));
  EXPECT_EQ(place(low, 1, 3), std::pair(6u, 3u));
  EXPECT_EQ(place(low, 2, 9), std::pair(11u, 9u));
  EXPECT_EQ(place(low, 2, 14), std::pair(12u, 4u));
  EXPECT_EQ(place(low, 3, 9), std::pair(10u, 9u));

  // Whoever shares a stack with a column that is read on the next row is opened there, too.
  EXPECT_EQ(std::vector(tall.next.begin(), tall.next.begin() + 3),
            (std::vector<ColumnRef>{{1, 6}, {1, 7}, {2, 15}}));
  EXPECT_EQ(tall.next.size(), 2u + 5);
  EXPECT_EQ(tall.mask[1][6], 2u * 20 + 11);
  EXPECT_EQ(tall.mask[1][7], 2u * 20 + 11);
  EXPECT_EQ(tall.mask[1][8], 20u + 6);
  EXPECT_EQ(shape->openings(tall), 12u + 20 + 10 + 7);
  EXPECT_EQ(shape->batched(tall), 6u + 11 + 5 + 1 + 3);
  EXPECT_EQ(shape->batched(low), 1u + 1 + 2 + 1 + 1);
  EXPECT_EQ(shape->batched(), 32u);

  // A shared tree, of one full stack.
  key.slots[0].kind = Slot::Kind::kShared;
  key.slots[0].root = {};
  shape = make_shape(key, params, tables);
  ASSERT_TRUE(shape) << shape.error().message;
  expect_tree(0, 9, 1 + 5);
  expect_tree(1, 13, 6 + 1);
  params.zk = false;
  shape = make_shape(key, params, tables);
  ASSERT_TRUE(shape) << shape.error().message;
  expect_tree(0, 9, 1);
  expect_tree(3, 13, 5 + 1);
  EXPECT_EQ(shape->bound, 1u << 13);
}

TEST(Shape, PointsOfALowerHeightAreSquares) {
  for (const unsigned log_blowup : {1u, 4u})
    for (unsigned h = 1; h + log_blowup <= 24; ++h)
      for (const uint32_t e : {0u, 1u, (1u << h) + 1}) {
        const auto point = [&](unsigned height) {
          const auto log = static_cast<int>(height + log_blowup);
          return lde_shift(height) * pow(Fp::root_of_unity(log), e % (1u << log));
        };
        EXPECT_EQ(point(h) * point(h), point(h - 1)) << h;
        EXPECT_NE(pow(point(h), uint64_t{1} << h), Fp::one()) << h;  // no trace domain's point
      }
}

TEST(Shape, OneCodewordIsFoldedToASmallOne) {
  const VerifyingKey key = sample_key();
  const std::vector<TableSpec> tables = {{0, 14}, {1, 13}, {2, 9}};
  const auto folds = [](const Shape& shape) {
    std::vector<std::pair<int, int>> out;
    for (const auto& layer : shape.layers) out.emplace_back(layer.log_size, layer.log_arity);
    return out;
  };
  Params params = small_params();
  auto shape = make_shape(key, params, tables);
  ASSERT_TRUE(shape);
  EXPECT_EQ(folds(*shape), (std::vector<std::pair<int, int>>{{15, 3}, {12, 3}}));
  EXPECT_EQ(shape->layers[0].parts(), 8u);
  EXPECT_EQ(shape->layers[0].row_words(), 5 * 8u);
  EXPECT_EQ(shape->layers[0].bound, 32 * shape->groups[2].bound);
  EXPECT_EQ(shape->log_final_size, 9);
  EXPECT_EQ(shape->final_bound, (shape->groups[2].bound + 1) / 2);
  EXPECT_LT(shape->final_bound, 512u);

  params.log_stack = 2;
  shape = make_shape(key, params, tables);
  ASSERT_TRUE(shape);
  EXPECT_EQ(folds(*shape), (std::vector<std::pair<int, int>>{{17, 3}, {14, 3}, {11, 3}}));
  EXPECT_EQ(shape->log_final_size, 8);
  EXPECT_EQ(shape->final_bound, (shape->groups[2].bound + 3) / 4);

  params.log_stack = 0;
  params.log_final = 1;  // the last fold is by less than 8
  shape = make_shape(key, params, tables);
  ASSERT_TRUE(shape);
  EXPECT_EQ(folds(*shape),
            (std::vector<std::pair<int, int>>{{15, 3}, {12, 3}, {9, 3}, {6, 3}, {3, 3}}));
  EXPECT_EQ(shape->final_bound, 1u);
}

TEST(Shape, RefusesTablesThatDoNotFit) {
  const VerifyingKey key = sample_key();
  const auto code = [&](std::vector<TableSpec> tables, Params params = small_params()) {
    const auto shape = make_shape(key, params, tables);
    return shape ? std::optional<ErrorCode>() : shape.error().code;
  };
  EXPECT_EQ(code({{0, 12}, {2, 9}}), std::nullopt);
  EXPECT_EQ(code({{0, 12}, {0, 12}, {0, 11}, {2, 9}}), std::nullopt);  // rows may be spread
  EXPECT_EQ(code({}), ErrorCode::kTables);
  EXPECT_EQ(code({{3, 12}}), ErrorCode::kTables);
  EXPECT_EQ(code({{0, 23}}), ErrorCode::kTables);
  EXPECT_EQ(code({{0, 255}}), ErrorCode::kTables);
  EXPECT_EQ(code({{0, 9}, {0, 12}}), ErrorCode::kNonCanonical);
  EXPECT_EQ(code({{1, 12}, {0, 12}}), ErrorCode::kNonCanonical);
  EXPECT_EQ(code({{2, 10}}), ErrorCode::kTables);         // fixed height
  EXPECT_EQ(code({{2, 9}, {2, 9}}), ErrorCode::kTables);  // slot columns twice
  EXPECT_EQ(code({{0, 6}}), ErrorCode::kTables);          // masks do not fit
  Params no_queries = small_params();
  no_queries.queries = 0;
  EXPECT_EQ(code({{0, 12}}, no_queries), ErrorCode::kParams);
  Params too_wide = small_params();
  too_wide.log_blowup = 4;
  EXPECT_EQ(code({{0, 21}}, too_wide), ErrorCode::kTables);  // beyond the field's two-adicity
  Params stacked = small_params();
  stacked.log_stack = 1;
  EXPECT_EQ(code({{0, 22}}, stacked), std::nullopt);
  stacked.log_stack = 2;
  EXPECT_EQ(code({{0, 22}}, stacked), ErrorCode::kTables);
  stacked.log_stack = 5;
  EXPECT_EQ(code({{0, 12}}, stacked), ErrorCode::kParams);
}

// ZERO-KNOWLEDGE: five words of the tallest group that nobody can guess, or salt. What the next row
// shows of itself is none, nor is R.
TEST(Shape, MaskedTreesThatHideTooLittleAreSalted) {
  const VerifyingKey key = sample_key();
  Params params = small_params();
  const auto salted = [&](std::vector<TableSpec> tables) {
    const auto shape = make_shape(key, params, tables);
    EXPECT_TRUE(shape) << shape.error().message;
    std::vector<bool> out;
    for (const TreeShape& tree : shape->trees) out.push_back(tree.salted);
    return out;
  };
  using Salted = std::vector<bool>;
  // 4 columns, blind, value and count; two pairs and acc; ten chunks and R.
  EXPECT_EQ(salted({{0, 12}}), (Salted{false, false, false}));
  params.log_stack = 1;
  EXPECT_EQ(salted({{0, 12}}), (Salted{true, false, false}));
  EXPECT_EQ(salted({{0, 12}, {0, 12}}), (Salted{false, false, false}));
  EXPECT_EQ(salted({{0, 12}, {0, 11}}), (Salted{true, false, false}));
  // 7 columns, one of them a next one, and three: five stacks, of which one does not count.
  EXPECT_EQ(salted({{1, 12}}), (Salted{true, false, false}));
  params.log_stack = 2;
  EXPECT_EQ(salted({{0, 12}}), (Salted{true, true, true}));
  EXPECT_EQ(salted({{0, 12}, {0, 12}, {0, 12}}), (Salted{true, false, true}));
  EXPECT_EQ(salted({{0, 12}, {0, 12}, {0, 12}, {2, 9}}), (Salted{false, true, false, true}));
  const std::vector<TableSpec> tables = {{0, 12}};
  const auto shape = make_shape(key, params, tables);
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->trees[0].row_words, 2u + 5);
  EXPECT_EQ(shape->trees[1].row_words, 4u + 2 + 5);
  EXPECT_EQ(shape->trees[2].row_words, 3u + 5 + 5);
  EXPECT_EQ(shape->blinding_word(), 3u);
  params.zk = false;
  EXPECT_EQ(salted({{0, 12}}), (Salted{false, false, false}));

  // Late columns of a middle group, which hide enough, and of one with short masks below it: words of
  // these are not those of the middle one's rows.
  params.zk = true;
  params.log_stack = 0;
  VerifyingKey late = key;
  late.chips.push_back(small_chip("late", 1, 0));
  late.chips.back().late_width = 12;
  late.chips.back().late_degree = 1;
  const auto late_salted = [&](std::vector<TableSpec> tables) {
    const auto shape = make_shape(late, params, tables);
    EXPECT_TRUE(shape) << shape.error().message;
    return shape->trees[shape->tree(Phase::kLate)].salted;
  };
  EXPECT_FALSE(late_salted({{0, 14}, {3, 13}}));
  EXPECT_FALSE(late_salted({{0, 14}, {3, 13}, {3, 10}}));
  EXPECT_TRUE(late_salted({{0, 14}, {3, 13}, {3, 9}}));
  EXPECT_FALSE(late_salted({{0, 14}, {3, 14}, {3, 9}}));
  EXPECT_TRUE(late_salted({{0, 14}, {3, 9}}));

  // A shared slot's, which is made before any proof is.
  params.zk = true;
  Slot slot{.kind = Slot::Kind::kShared, .rows = {{9, 5}, {8, 1}}};
  EXPECT_FALSE(is_salted(slot, params));
  slot.rows = {{9, 4}, {8, 20}};
  EXPECT_TRUE(is_salted(slot, params));
  slot.kind = Slot::Kind::kFixed;
  EXPECT_FALSE(is_salted(slot, params));
}

TEST(Shape, AFixedTreeMayBeOfALargerBlowup) {
  VerifyingKey key = sample_key();
  key.slots[0].log_blowup = 3;
  const std::vector<TableSpec> tables = {{0, 12}, {2, 9}};
  const auto shape = make_shape(key, small_params(), tables);
  ASSERT_TRUE(shape);
  ASSERT_EQ(shape->params.log_blowup, 1);
  EXPECT_EQ(shape->trees[0].log_stride, 2);
  EXPECT_EQ(shape->trees[shape->tree(Phase::kMain)].log_stride, 0);
  EXPECT_EQ(merkle_shape(*shape, 0).log_size, 9u + 3);
  const std::vector<uint32_t> indices = {5, 5 + (1 << 10), 4000, 7};
  EXPECT_EQ(opened_rows(*shape, 0, indices),
            (std::vector<uint32_t>{5 << 2, 7 << 2, (4000 % 1024) << 2}));

  Params params = small_params();
  params.log_blowup = 4;
  EXPECT_EQ(make_shape(key, params, tables).error().code, ErrorCode::kParams);
  EXPECT_TRUE(make_shape(key, params, std::vector<TableSpec>{{0, 12}}));  // the slot is absent
  key.slots[0].log_blowup = 4;  // 2^21 rows at blowup 16 pass the field's two-adicity
  key.chips[2].log_height = key.slots[0].rows[0].log_height = 20;
  EXPECT_TRUE(make_shape(key, small_params(), std::vector<TableSpec>{{2, 20}}));
  key.chips[2].log_height = key.slots[0].rows[0].log_height = 21;
  EXPECT_EQ(make_shape(key, small_params(), std::vector<TableSpec>{{2, 21}}).error().code,
            ErrorCode::kTables);
  for (const uint8_t bad : {uint8_t{0}, uint8_t{5}, uint8_t{255}}) {
    key.slots[0].log_blowup = bad;
    EXPECT_EQ(key.check().error().code, ErrorCode::kKey);
  }
}

TEST(Shape, ASlotIsWholeOrAbsent) {
  VerifyingKey key = sample_key();
  key.chips.push_back(key.chips[2]);
  key.chips[3].name = "range2";
  ASSERT_TRUE(key.check());
  EXPECT_TRUE(make_shape(key, small_params(), std::vector<TableSpec>{{2, 9}, {3, 9}}));
  EXPECT_TRUE(make_shape(key, small_params(), std::vector<TableSpec>{{0, 9}}));
  const auto half = make_shape(key, small_params(), std::vector<TableSpec>{{2, 9}});
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().code, ErrorCode::kTables);
}

TEST(Shape, BusesStayBelowP) {
  VerifyingKey key = sample_key();
  key.chips[0].interactions[0].max_multiplicity = 1u << 18;
  const auto shape = make_shape(key, small_params(), std::vector<TableSpec>{{0, 12}, {2, 9}});
  ASSERT_TRUE(shape);
  EXPECT_TRUE(check_multiplicities(*shape, {}));
  const auto tall = make_shape(key, small_params(), std::vector<TableSpec>{{0, 13}, {2, 9}});
  ASSERT_TRUE(tall);
  const auto refused = check_multiplicities(*tall, {});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kMultiplicities);

  Statement statement;
  statement.publics.push_back({1, 1, Fp::from(Fp::kModulus - 1).wire, {kOne}});
  EXPECT_FALSE(check_multiplicities(*shape, statement));
  statement.publics[0].multiplicity = kOne;
  EXPECT_TRUE(check_multiplicities(*shape, statement));
}

TEST(Shape, StatementMustFit) {
  VerifyingKey key = sample_key();
  key.slots[0].kind = Slot::Kind::kShared;
  key.slots[0].root = {};
  const auto shape = make_shape(key, small_params(), std::vector<TableSpec>{{0, 12}, {2, 9}});
  ASSERT_TRUE(shape);
  EXPECT_EQ(shape->groups[1].mask[0][0], 2u * 20 + 11);  // two proofs open it
  Statement good;
  good.shared = {{0, {}}};
  EXPECT_TRUE(check_statement(key, *shape, good));
  EXPECT_FALSE(check_statement(key, *shape, {}));
  Statement twice = good;
  twice.shared.push_back({0, {}});
  EXPECT_FALSE(check_statement(key, *shape, twice));
  Statement bad = good;
  bad.publics = {{kBlindBus, 1, kOne, {kOne}}};
  EXPECT_FALSE(check_statement(key, *shape, bad));
  bad.publics = {{1, 2, kOne, {kOne}}};
  EXPECT_FALSE(check_statement(key, *shape, bad));
  bad.publics = {{1, 1, Fp::kModulus, {kOne}}};
  EXPECT_FALSE(check_statement(key, *shape, bad));
  bad.publics = {{2, 1, kOne, {kOne}}};  // a bus that no chip uses
  EXPECT_FALSE(check_statement(key, *shape, bad));
  bad.publics = {{1, 1, kOne, {kOne, kOne}}};
  EXPECT_FALSE(check_statement(key, *shape, bad));
}

}  // namespace
}  // namespace zkvm::stark
