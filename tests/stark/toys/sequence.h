// Two tables of one chip list the same values up to their last rows: sums weighed by powers of mu are
// equal. Beside product.h for what it lacks: late columns that are not read on the next row, high
// powers, a late chip that occurs twice and without slots, and groups, the tallest among them, that
// have no late columns or tables with and without them.
//
//   listing chip   main: sends receives last value   late: part[6] sum
//   square chip    main: value square count          answers which values are known
#pragma once

#include "tests/stark/toys/product.h"

namespace zkvm::stark::toys {

inline constexpr Bus<5> kSequence{1, "sequence"};  // sum from a row to the last
inline constexpr Bus<1> kKnown{2, "known"};        // a value of the square chip

struct Listing {
  static constexpr const char* kName = "listing";
  static constexpr const char* kColumns =
      "sends receives last value part0[5] part1[5] part2[5] part3[5] part4[5] part5[5] sum[5]";
  static constexpr uint32_t kParts = 6;
  static constexpr uint16_t kLateWidth = 5 * (kParts + 1);
  static constexpr uint32_t kLateDegree = 54;  // a part has 51 at most, a step of sum 3
  template <class T>
  struct Cols {
    T sends, receives, last, value;
    Ext<T> part[kParts], sum;
  };
  static constexpr unsigned power(uint32_t part) { return 10 * part + 1; }

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    const auto& s = row.sum.c;
    air.assert_bool("sends", row.sends);
    air.assert_bool("receives", row.receives);
    air.assert_bool("last", row.last);
    Ext<typename B::Expr> rest = row.sum;
    for (uint32_t k = 0; k < kParts; ++k) {
      air.assert_zero("part", row.part[k] - row.value * air.late(k % 2, power(k)));
      rest = rest - row.part[k];
    }
    air.assert_zero("sum", rest - (1 - row.last) * (air.late(kMu, 3) * next.sum));
    air.send(kSequence, row.sends, {s[0], s[1], s[2], s[3], s[4]});
    air.receive(kSequence, row.receives, {s[0], s[1], s[2], s[3], s[4]});
    air.send(kKnown, 1, {row.value});
  }
};

struct Square {
  static constexpr const char* kName = "square";
  static constexpr const char* kColumns = "value square count";
  template <class T>
  struct Cols {
    T value, square, count;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_equal("square", row.value * row.value, row.square);
    air.answer(kKnown, row.count, {row.value});
  }
};

using SequenceChips = ChipList<Listing, Square>;
extern template Circuit make_circuit(SequenceChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, sequence_asserts);

inline void late_listing(const Witness&, const Table& table, const LatePowers& late, Fp* rows) {
  constexpr size_t kWidth = Listing::kLateWidth, kSum = kWidth - 5;
  // The last row's next is the first: of a cycle without a last row no sum would come out.
  uint64_t end = table.height();
  while (table.cells[(end - 1) * table.width + 2] != Fp::one()) --end;
  Fp5 sum;
  for (uint64_t i = 0; i < table.height(); ++i) {
    const uint64_t r = (end + table.height() - 1 - i) % table.height();
    const Fp* cells = &table.cells[r * table.width];
    if (cells[2] == Fp::one()) sum = {};
    sum = sum * late(kMu, 3);
    for (uint32_t k = 0; k < Listing::kParts; ++k) {
      const Fp5 part = late(k % 2, Listing::power(k)) * cells[3];
      product_detail::put(rows, kWidth * r + 5 * k, part);
      sum += part;
    }
    product_detail::put(rows, kWidth * r + kSum, sum);
  }
}

/// Lists of 2^log_height and half as many rows, and squares of 4 times as many and as many.
inline Toy sequence(uint8_t log_height) {
  constexpr uint32_t kLength = 7;
  const auto log_half = static_cast<uint8_t>(log_height - 1);
  const auto log_tall = static_cast<uint8_t>(log_height + 2);
  Toy toy{"sequence", make_circuit(SequenceChips{}, {.kernels = &sequence_asserts}), {}, {}, {}};
  const Fp zero{}, one = Fp::one();
  std::vector<uint64_t> counts(size_t{1} << log_tall);
  for (const uint8_t log : {log_height, log_half}) {
    std::vector<Listing::Cols<Fp>> rows(size_t{1} << log);
    for (uint32_t i = 0; i < rows.size(); ++i) {
      const uint32_t value = i < kLength ? 3 * i + 1 : i % 5;
      rows[i].value = Fp::from(value);
      ++counts[value];
    }
    (log == log_height ? rows[0].sends : rows[0].receives) = one;
    rows[kLength - 1].last = one;
    Table table = make_table<Listing>(0, log, std::move(rows));
    table.make_late = late_listing;
    toy.witness.tables.push_back(std::move(table));
  }
  for (const uint8_t log : {log_tall, log_height}) {
    std::vector<Square::Cols<Fp>> rows;
    for (uint32_t i = 0; i < 1u << log; ++i)
      rows.push_back({Fp::from(i), Fp::from(uint64_t{i} * i),
                      log == log_tall ? Fp::from(counts[i]) : zero});
    toy.witness.tables.push_back(make_table<Square>(1, log, std::move(rows)));
  }
  toy.witness.sort();
  for (const Table& table : toy.witness.tables) toy.live_rows.push_back(table.height());

  size_t low = 0;
  while (toy.witness.tables[low].chip != 0 || toy.witness.tables[low].log_height != log_half) ++low;
  const auto move_count = [](Witness& w, Fp from, Fp to) {  // so that the values are known
    for (Table& table : w.tables)
      if (table.chip == 1) {
        table.cell(from.value(), 2) -= Fp::one();
        table.cell(to.value(), 2) += Fp::one();
        return;
      }
  };
  toy.cheats.push_back({"another value in one list",
                        [=](Witness& w) {
                          Fp& value = w.tables[low].cell(2, 3);
                          move_count(w, value, Fp::from(2));
                          value = Fp::from(2);
                        },
                        "sequence"});
  toy.cheats.push_back({"two values swapped",
                        [=](Witness& w) {
                          std::swap(w.tables[low].cell(2, 3), w.tables[low].cell(3, 3));
                        },
                        "sequence"});
  toy.cheats.push_back({"a list that ends early",
                        [=](Witness& w) {
                          w.tables[low].cell(kLength - 1, 2) = zero;
                          w.tables[low].cell(kLength - 2, 2) = one;
                        },
                        "sequence"});
  toy.cheats.push_back({"a part of another value",
                        [=](Witness& w) {
                          product_detail::change_late(w.tables[low], [](Fp* rows) {
                            rows[Listing::kLateWidth * 3 + 5 * 4 + 1] += Fp::one();
                          });
                        },
                        "part"});
  toy.cheats.push_back({"a sum of other parts",
                        [=](Witness& w) {
                          product_detail::change_late(w.tables[low], [](Fp* rows) {
                            rows[Listing::kLateWidth * 3 + 5 * Listing::kParts] += Fp::one();
                          });
                        },
                        "sum"});
  return toy;
}

}  // namespace zkvm::stark::toys
