// Recorder and checker: what chips turn into, what is refused, and what is named when it fails.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "stark/air/circuit.h"
#include "stark/witness/checker.h"
#include "tests/stark/toys/all.h"

namespace zkvm::stark {
namespace {

using ::testing::HasSubstr;

constexpr Bus<2> kBus{1, "pairs"};

/// The complaints about a circuit of one chip; empty if there are none.
template <class Chip>
std::string complaints(const CircuitOptions& options = {}) {
  const auto circuit = Circuit::make(ChipList<Chip>{}, options);
  return circuit ? "" : circuit.error().message;
}

struct Good {
  static constexpr const char* kName = "good";
  static constexpr const char* kColumns = "a[2] flag";
  template <class T>
  struct Cols {
    T a[2], flag;
  };
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    typename B::Expr sum = 0;
    for (int i = 0; i < 2; ++i) sum = sum + row.a[i] * (i + 1);
    air.assert_zero("next", row.flag * (next.a[1] - sum) * (row.a[0] - 3));
    air.assert_bool("flag", row.flag);
    air.send(kBus, row.flag, {row.a[0] * 2 - row.a[1] + 5, 7});
    air.receive(kBus, 3, {row.a[0], row.a[1]});
  }
};

TEST(Recorder, WritesProgramAndForms) {
  const RecordedChip chip = record_chip<Good>();
  EXPECT_TRUE(chip.errors.empty());
  EXPECT_EQ(chip.key.name, "good");
  EXPECT_EQ(chip.key.main_width, 3);
  EXPECT_THAT(chip.columns, ::testing::ElementsAre("a[0]", "a[1]", "flag"));
  EXPECT_THAT(chip.asserts, ::testing::ElementsAre("next", "flag"));
  EXPECT_THAT(chip.key.next, ::testing::ElementsAre(1));
  EXPECT_THAT(chip.degrees(), ::testing::ElementsAre(3, 2));
  const Fp one = Fp::one();
  const std::vector<Interaction>& found = chip.key.interactions;
  ASSERT_EQ(found.size(), 2);
  EXPECT_EQ(found[0], (Interaction{1,
                                   Interaction::Kind::kSend,
                                   1,
                                   {0, {{2, one.wire}}},
                                   {{Fp::from(5).wire, {{0, Fp::from(2).wire}, {1, (-one).wire}}},
                                    {Fp::from(7).wire, {}}}}));
  EXPECT_EQ(found[1].max_multiplicity, 3);
  // The program: operands before users, in the order of the source; the flag's node is shared.
  using Op = ExpressionNode::Op;
  const std::vector<ExpressionNode> expected = {{Op::kColumn, 2},
                                                {Op::kNext, 1},
                                                {Op::kColumn, 0},
                                                {Op::kColumn, 1},
                                                {Op::kConst, Fp::from(2).wire},
                                                {Op::kMul, 3, 4},
                                                {Op::kAdd, 2, 5},
                                                {Op::kSub, 1, 6},
                                                {Op::kMul, 0, 7},
                                                {Op::kConst, Fp::from(3).wire},
                                                {Op::kSub, 2, 9},
                                                {Op::kMul, 8, 10},
                                                {Op::kConst, one.wire},
                                                {Op::kSub, 0, 12},
                                                {Op::kMul, 0, 13}};
  EXPECT_EQ(chip.key.nodes, expected);
  EXPECT_THAT(chip.key.asserts, ::testing::ElementsAre(11, 14));
}

TEST(Recorder, KeysOfToysParse) {
  for (const toys::Toy& toy : toys::all_toys(4)) {
    const auto parsed = VerifyingKey::parse(toy.circuit.key().serialise());
    ASSERT_TRUE(parsed.has_value()) << toy.name << ": " << parsed.error().message;
    EXPECT_EQ(*parsed, toy.circuit.key());
  }
}

// Mistakes, each with what the author is told.

struct OneColumn {
  static constexpr const char* kName = "bad";
  static constexpr const char* kColumns = "x y";
  template <class T>
  struct Cols {
    T x, y;
  };
};

struct TooHighDegree : OneColumn {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_zero("fourth power", row.x * row.x * row.x * row.y);
  }
};
TEST(Recorder, RefusesDegreeFour) {
  EXPECT_EQ(complaints<TooHighDegree>(),
            "chip bad: assert \"fourth power\" has degree 4, at most 3 is possible");
}

struct QuadraticTuple : OneColumn {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kBus, 1, {row.x, row.x * row.y});
  }
};
TEST(Recorder, RefusesTuplesThatAreNotAffine) {
  EXPECT_EQ(complaints<QuadraticTuple>(),
            "chip bad: send to bus pairs: tuple element 1 is not affine in the current row");
}

struct NextRowTuple : OneColumn {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    air.receive(kBus, 1, {row.x, next.y});
  }
};
TEST(Recorder, RefusesTuplesOfTheNextRow) {
  EXPECT_EQ(complaints<NextRowTuple>(),
            "chip bad: receive from bus pairs: tuple element 1 is not affine in the current row");
}

struct UnboundedMultiplicity : OneColumn {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kBus, row.x + row.y, {row.x, row.y});
    air.assert_bool("x", row.x);
  }
};
TEST(Recorder, RefusesMultiplicitiesThatAreNotBoolean) {
  EXPECT_EQ(complaints<UnboundedMultiplicity>(),
            "chip bad: bus pairs: column y of the multiplicity is not asserted to be boolean");
}

struct NegativeMultiplicity : OneColumn {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("x", row.x);
    air.assert_bool("y", row.y);
    air.send(kBus, row.x - row.y, {row.x, row.y});
  }
};
TEST(Recorder, RefusesNegativeMultiplicities) {
  EXPECT_EQ(complaints<NegativeMultiplicity>(),
            "chip bad: bus pairs: multiplicity ranges over -1..1, expected within 0..65535");
}

struct Multiplicities : OneColumn {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("x", row.x);
    air.assert_bool("y", row.y);
    air.assert_bool("at most one", row.x + row.y);
    air.send(kBus, row.x + row.y, {0, 0});
    air.send(kBus, 1 - row.x, {0, 0});
    air.send(kBus, row.x * 2 + row.y + 3, {0, 0});
    air.answer(kBus, row.x * 1000 - row.y, {0, 0});
  }
};
TEST(Recorder, BoundsMultiplicities) {
  const RecordedChip chip = record_chip<Multiplicities>();
  EXPECT_THAT(chip.errors, ::testing::IsEmpty());
  std::vector<uint32_t> found;
  for (const auto& i : chip.key.interactions) found.push_back(i.max_multiplicity);
  EXPECT_THAT(found, ::testing::ElementsAre(1, 1, 6, 0));
}

struct LateChip {
  static constexpr const char* kName = "bad";
  static constexpr const char* kColumns = "x y sum[5]";
  static constexpr uint16_t kLateWidth = 5;
  static constexpr uint32_t kLateDegree = 1;
  template <class T>
  struct Cols {
    T x, y;
    Ext<T> sum;
  };
};

struct LateTuple : LateChip {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kBus, 1, {row.x, row.sum.c[0] + air.late(kMu, 1).c[0]});
  }
};
struct LateFactorInATuple : LateChip {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kBus, 1, {row.x, row.y * air.late(kLambda, 2).c[1]});
  }
};
TEST(Recorder, RefusesLateChallengesInTuples) {
  for (const std::string& said : {complaints<LateTuple>(), complaints<LateFactorInATuple>()})
    EXPECT_EQ(said, "chip bad: send to bus pairs: tuple element 1 is not affine in the current row");
}

struct LateMultiplicity : LateChip {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("chosen", row.sum.c[2]);
    air.send(kBus, row.sum.c[2], {row.x, row.y});
    air.answer(kBus, row.sum.c[3], {row.x, row.y});
  }
};
TEST(Recorder, RefusesLateMultiplicities) {
  EXPECT_EQ(complaints<LateMultiplicity>(),
            "chip bad: send to bus pairs: column sum[2] of the multiplicity is late\n"
            "chip bad: answer on bus pairs: column sum[3] of the multiplicity is late");
}

struct LatePower : LateChip {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_zero("sum", row.sum - row.x * air.late(2, 1) - row.x * air.late(kMu, 65));
  }
};
TEST(Recorder, RefusesOtherLateChallenges) {
  EXPECT_THAT(complaints<LatePower>(),
              ::testing::AllOf(HasSubstr("late challenge 2 to the power 1: expected 0..1, 1..64"),
                               HasSubstr("late challenge 1 to the power 65: expected 0..1, 1..64")));
}

// A product of challenges counts as one of their degrees together.
struct LateProduct : LateChip {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_zero("sum", row.sum - row.x * (air.late(kLambda, 3) * air.late(kMu, 2)));
  }
};
TEST(Recorder, RefusesALateDegreeThatIsTooSmall) {
  EXPECT_THAT(complaints<LateProduct>(), HasSubstr("late degree: expected 5..1024, found 1"));
}

struct LateColumnsAmongOthers : LateChip {
  static constexpr const char* kColumns = "x sum[5] y";
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_zero("x", row.x);
  }
};
TEST(Recorder, RefusesLateColumnsThatAreNotTheLast) {
  EXPECT_THAT(complaints<LateColumnsAmongOthers>(),
              HasSubstr("column sum[1] is late, but not one of five"));
}

// The formula of Ext is E's.
TEST(Recorder, ProductsInEAreTheFields) {
  std::mt19937 random(3);
  for (int i = 0; i < 50; ++i) {
    Ext<RowValue> a, b;
    Fp5 x, y;
    for (int c = 0; c < 5; ++c) {
      a.c[c] = x.c[c] = Fp::from(random() % Fp::kModulus);
      b.c[c] = y.c[c] = Fp::from(random() % Fp::kModulus);
    }
    const Ext<RowValue> product = a * b;
    for (int c = 0; c < 5; ++c) EXPECT_EQ(product.c[c].value, (x * y).c[c]);
  }
}

struct OtherWidth : OneColumn {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kBus, 1, {row.x, row.y});
    air.receive(Bus<1>{1, "singles"}, 1, {row.x});
  }
};
TEST(Recorder, RefusesOneIdentifierForTwoBuses) {
  EXPECT_THAT(complaints<OtherWidth>(),
              HasSubstr("bus 1 is singles with tuples of 1, elsewhere pairs with tuples of 2"));
}

struct InSlot : OneColumn {
  static constexpr SlotUse kSlots[] = {{"table", 1}};
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_zero("x", row.x);
  }
};
TEST(Recorder, SlotsAndHeightsMustFit) {
  const CircuitOptions::NamedSlot slot{"table", Slot::Kind::kFixed};
  EXPECT_THAT(complaints<InSlot>(), HasSubstr("the circuit has no slot table"));
  EXPECT_THAT(complaints<InSlot>({.slots = {slot}}), HasSubstr("the circuit must give its height"));
  EXPECT_EQ(complaints<InSlot>({.slots = {slot}, .log_heights = {{"bad", 3}}}), "");
}

struct Free : OneColumn {
  static constexpr const char* kName = "free";
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_zero("y", row.y);
  }
};
TEST(Circuit, ChipsAreInstantiated) {
  const auto fixed = Slot::Kind::kFixed;
  using List = ChipList<InSlot, Free>;
  CircuitOptions options = {
      .slots = {{"table", fixed}, {"other", fixed}},
      .templates = {"bad"},
      .instances = {{"bad", "first", {}, 3}, {"bad", "second", {{"table", "other"}}, 4}}};
  const auto circuit = Circuit::make(List{}, options);
  ASSERT_TRUE(circuit) << circuit.error().message;
  std::vector<std::string> names;
  for (const ChipKey& chip : circuit->key().chips) names.push_back(chip.name);
  EXPECT_THAT(names, ::testing::ElementsAre("free", "first", "second"));
  const ChipKey& first = circuit->key().chips[circuit->chip("first")];
  ChipKey second = circuit->key().chips[circuit->chip("second")];
  EXPECT_EQ(first.log_height, 3);
  EXPECT_EQ(first.slots[0].slot, circuit->slot("table"));
  EXPECT_EQ(second.log_height, 4);
  EXPECT_EQ(second.slots[0].slot, circuit->slot("other"));
  second.name = first.name, second.log_height = first.log_height, second.slots = first.slots;
  EXPECT_EQ(first, second);

  options.instances = {};
  EXPECT_FALSE(Circuit::make(List{}, options));  // a slot that no chip reads has no columns
  options.slots = {};
  ASSERT_TRUE(Circuit::make(List{}, options));
  EXPECT_EQ(Circuit::make(List{}, options)->key().chips.size(), 1);
}

TEST(Circuit, RefusesInstancesThatDoNotFit) {
  const auto message = [](ChipInstance instance) {
    const CircuitOptions::NamedSlot slot{"table", Slot::Kind::kFixed};
    const auto circuit =
        Circuit::make(ChipList<InSlot, Free>{},
                      {.slots = {slot}, .templates = {"bad"}, .instances = {std::move(instance)}});
    return circuit ? "" : circuit.error().message;
  };
  EXPECT_EQ(message({"bad", "one", {}, 3}), "");
  EXPECT_EQ(message({"worse", "one", {}, 3}), "chip one: there is no chip worse");
  EXPECT_THAT(message({"bad", "one", {{"table", "chair"}}, 3}), HasSubstr("has no slot chair"));
  EXPECT_THAT(message({"bad", "one"}), HasSubstr("the circuit must give its height"));
  EXPECT_THAT(message({"free", "one", {}, 3}), HasSubstr("there are no slot columns"));
  EXPECT_THAT(message({"free", "free"}), HasSubstr("chip free: there are two of this name"));
}

struct Placed : InSlot {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kBus, 1, {row.x + 3, row.y});
    air.receive(kBus, 1, {row.x, row.y});
  }
};
struct PlacedAndCounted : InSlot {
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kBus, 1, {row.x, row.y});
    air.send(Bus<1>{2, "counts"}, 1, {row.x});
  }
};
template <class Chip>
Result<Circuit> with_base(uint32_t base, uint16_t bus) {
  return Circuit::make(
      ChipList<Chip>{},
      {.slots = {{"table", Slot::Kind::kFixed}},
       .templates = {"bad"},
       .instances = {
           {.chip = "bad", .name = "one", .log_height = 3, .base = base, .base_bus = bus}}});
}
// What is a place on one bus is something else on another: nothing else moves.
TEST(Circuit, ABaseIsOfOneBus) {
  const auto circuit = with_base<Placed>(40, kBus.id);
  ASSERT_TRUE(circuit) << circuit.error().message;
  const std::vector<Interaction>& moved = circuit->key().chips[0].interactions;
  EXPECT_EQ(Fp::from_wire(moved[0].tuple[0].constant).value(), 43);
  EXPECT_EQ(Fp::from_wire(moved[0].tuple[1].constant).value(), 0);
  EXPECT_EQ(Fp::from_wire(moved[1].tuple[0].constant).value(), 40);

  const auto mixed = with_base<PlacedAndCounted>(40, kBus.id);
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().message,
            fmt::format("chip one: its base is for bus {}, but it has tuples on bus 2", kBus.id));
  EXPECT_TRUE(with_base<PlacedAndCounted>(0, kBus.id));
  EXPECT_FALSE(with_base<Placed>(40, 0));
}

TEST(Checker, AcceptsHonestToys) {
  for (const toys::Toy& toy : toys::all_toys(5)) {
    const CheckReport report = check_witness(toy.circuit, toy.witness);
    EXPECT_TRUE(report.ok()) << toy.name << "\n" << report.to_string();
  }
}

TEST(Checker, NamesEveryCheat) {
  for (const toys::Toy& toy : toys::all_toys(5))
    for (const toys::Cheat& cheat : toy.cheats) {
      Witness witness = toy.witness;
      cheat.apply(witness);
      const CheckReport report = check_witness(toy.circuit, witness, 1000);
      std::vector<std::string> labels;
      for (const CheckFailure& failure : report.failures) labels.push_back(failure.label);
      EXPECT_THAT(labels, ::testing::Contains(cheat.caught_by)) << toy.name << ": " << cheat.name;
    }
}

// A change of any main cell of a live row is noticed, and the report names that table and row, unless
// only sums of many rows are compared.
TEST(Checker, NamesEveryChangedCell) {
  for (toys::Toy& toy : toys::all_toys(4))
    for (size_t t = 0; t < toy.witness.tables.size(); ++t) {
      Table& table = toy.witness.tables[t];
      const RecordedChip& chip = toy.circuit.recorded(table.chip);
      const uint64_t live = toy.live_rows[t];
      for (const uint64_t row : {uint64_t{0}, live / 2, live - 1})
        for (uint32_t column = chip.key.slot_width(); column < table.width; ++column) {
          Fp& cell = table.cell(row, column);
          const Fp honest = cell;
          cell += Fp::from(12345);
          const CheckReport report = check_witness(toy.circuit, toy.witness, 1000);
          const std::string where = fmt::format("{} (table {}, row {})",
                                                toy.circuit.key().chips[table.chip].name, t, row);
          EXPECT_FALSE(report.ok()) << toy.name << ": " << chip.columns[column];
          if (chip.key.late_width == 0) {
            EXPECT_THAT(report.to_string(), HasSubstr(where))
                << toy.name << ": " << chip.columns[column];
          }
          cell = honest;
        }
    }
}

TEST(Checker, ReportReadsWell) {
  toys::Toy toy = toys::fibonacci(3);
  toy.witness.tables[0].cell(5, 3) = Fp::from(7);
  toy.witness.publics.pop_back();
  EXPECT_EQ(check_witness(toy.circuit, toy.witness).to_string(),
            "fibonacci (table 0, row 4): \"sum\" is -6, not 0\n"
            "    first = 0, last = 0, a = 5, b = 8; "
            "next first = 0, next last = 0, next a = 8, next b = 7\n"
            "fibonacci (table 0, row 5): \"shift\" is 6, not 0\n"
            "    first = 0, last = 0, a = 8, b = 7; "
            "next first = 0, next last = 0, next a = 13, next b = 21\n"
            "fibonacci (table 0, row 5): \"sum\" is 6, not 0\n"
            "    first = 0, last = 0, a = 8, b = 7; "
            "next first = 0, next last = 0, next a = 13, next b = 21\n"
            "bus ends: sent minus received is 1, not 0, for (1, 21, 34)\n"
            "    fibonacci (table 0, row 7) sends it 1 times\n");
}

TEST(Checker, StopsListingAtTheLimit) {
  toys::Toy toy = toys::permutation(6);
  for (uint64_t row = 0; row < 64; ++row) toy.witness.tables[0].cell(row, 0) += Fp::one();
  const CheckReport report = check_witness(toy.circuit, toy.witness, 3);
  EXPECT_EQ(report.failures.size(), 3);
  EXPECT_EQ(report.total, 128);
  EXPECT_THAT(report.to_string(), HasSubstr("... and 125 more"));
}

TEST(Checker, SharedStateIsHandedOver) {
  const toys::TwoProofs two = toys::two_proofs(6, 4);
  EXPECT_TRUE(check_witness(two.circuit, two.first).ok());
  EXPECT_TRUE(check_witness(two.circuit, two.second).ok());
  const auto bank = [&](const Witness& w) {
    return *std::ranges::find(w.tables, two.circuit.chip("bank"), &Table::chip);
  };
  Table before = bank(two.second), after = bank(two.first);
  for (uint64_t row = 0; row < after.height(); ++row)
    EXPECT_EQ(before.cell(row, 1), after.cell(row, 2));
}

}  // namespace
}  // namespace zkvm::stark
