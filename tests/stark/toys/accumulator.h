// A range-checked accumulator: a public total is the sum of 2^n private values below 2^8.
//
//   sum chip    fixed: first last    main: value total     looks every value up in the range table
//   range chip  fixed: value         main: count           answers as often as it was asked
#pragma once

#include <random>

#include "tests/stark/toys/toy.h"

namespace zkvm::stark::toys {

inline constexpr Bus<1> kRange8{1, "range8"};  // value < 2^8
inline constexpr Bus<1> kTotal{2, "total"};    // the public sum

struct Sum {
  static constexpr const char* kName = "sum";
  static constexpr const char* kColumns = "first last value total";
  static constexpr SlotUse kSlots[] = {{"ends", 2}};
  template <class T>
  struct Cols {
    T first, last, value, total;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    air.assert_bool("last", row.last);
    air.assert_zero("start", row.first * (row.total - row.value));
    air.assert_zero("add", (1 - row.last) * (next.total - row.total - next.value));
    air.send(kRange8, 1, {row.value});
    air.send(kTotal, row.last, {row.total});
  }
};

struct Range8 {
  static constexpr const char* kName = "range8";
  static constexpr const char* kColumns = "value count";
  static constexpr SlotUse kSlots[] = {{"values", 1}};
  template <class T>
  struct Cols {
    T value, count;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(kRange8, row.count, {row.value});
  }
};

using AccumulatorChips = ChipList<Sum, Range8>;
extern template Circuit make_circuit(AccumulatorChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, accumulator_asserts);

/// log_range: height of the range table, at least 8; values above 255 repeat 0.
inline Toy accumulator(uint8_t log_height, uint8_t log_range = 8) {
  Toy toy{"accumulator",
          make_circuit(AccumulatorChips{},
                       {.slots = {{"ends", Slot::Kind::kFixed}, {"values", Slot::Kind::kFixed}},
                        .log_heights = {{"sum", log_height}, {"range8", log_range}},
                        .kernels = &accumulator_asserts}),
          {},
          {},
          {}};
  std::mt19937 random(1);
  std::vector<Sum::Cols<Fp>> rows(size_t{1} << log_height);
  std::vector<uint64_t> counts(size_t{1} << log_range);
  Fp total;
  for (auto& row : rows) {
    const auto value = static_cast<uint32_t>(random() % 256);
    ++counts[value];
    total += Fp::from(value);
    row = {Fp{}, Fp{}, Fp::from(value), total};
  }
  rows.front().first = rows.back().last = Fp::one();
  std::vector<Range8::Cols<Fp>> range;
  for (uint32_t i = 0; i < counts.size(); ++i)
    range.push_back({Fp::from(i < 256 ? i : 0), Fp::from(counts[i])});

  toy.witness.tables.push_back(make_table<Sum>(0, log_height, std::move(rows)));
  toy.witness.tables.push_back(make_table<Range8>(1, log_range, std::move(range)));
  toy.witness.sort();
  for (const Table& table : toy.witness.tables) toy.live_rows.push_back(table.height());
  toy.witness.publics = {public_interaction(kTotal, -1, {total})};

  const size_t sums = table_of(toy, "sum"), ranges = table_of(toy, "range8");
  toy.cheats.push_back(
      change_cell(toy, "a value out of range", "sum", 3, "value", Fp::from(256), "range8"));
  toy.cheats.push_back(change_cell(toy, "a wrong total", "sum", 3, "total", Fp::from(9), "add"));
  toy.cheats.push_back(
      change_cell(toy, "a miscounted value", "range8", 3, "count", Fp::from(99999), "range8"));
  toy.cheats.push_back({"a negative value that balances the sum",  // p - 1 and its look-up count
                        [=](Witness& w) {
                          Table& t = w.tables[sums];
                          const Fp old = t.cell(0, 2);
                          w.tables[ranges].cell(old.value(), 1) -= Fp::one();
                          t.cell(0, 2) = t.cell(0, 3) = -Fp::one();
                        },
                        "range8"});
  toy.cheats.push_back({"another public total",
                        [](Witness& w) { w.publics[0].tuple[0] = Fp::from(5).wire; }, "total"});
  return toy;
}

}  // namespace zkvm::stark::toys
