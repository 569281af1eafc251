// Tables of many heights in one proof: the tokens of all tables are sent by some and received by
// others, in an order shuffled over all tables.
//
//   x counts up from 0 in each table and restarts after the last row; cube = x^3 of this row;
//   the row sends (x, cube) and receives (seen, seen_cube).
#pragma once

#include <algorithm>
#include <random>

#include "tests/stark/toys/toy.h"

namespace zkvm::stark::toys {

inline constexpr Bus<2> kTokens{1, "tokens"};  // x, x^3

struct Counter {
  static constexpr const char* kName = "counter";
  static constexpr const char* kColumns = "x cube restart seen seen_cube";
  template <class T>
  struct Cols {
    T x, cube, restart, seen, seen_cube;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    air.assert_equal("cube", row.cube, row.x * row.x * row.x);
    air.assert_bool("restart", row.restart);
    air.assert_zero("count", (1 - row.restart) * (next.x - row.x - 1));
    air.assert_zero("start at zero", row.restart * next.x);
    air.send(kTokens, 1, {row.x, row.cube});
    air.receive(kTokens, 1, {row.seen, row.seen_cube});
  }
};

using MixedChips = ChipList<Counter>;
extern template Circuit make_circuit(MixedChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, mixed_asserts);

/// Every height up to 2^20 that 128 bits allow at the default parameters: masks need 2^12 rows.
inline std::vector<uint8_t> every_height() { return {20, 19, 18, 17, 16, 15, 14, 13, 12}; }

/// One table per entry of log_heights (repetitions allowed).
inline Toy mixed(const std::vector<uint8_t>& log_heights) {
  Toy toy{"mixed", make_circuit(MixedChips{}, {.kernels = &mixed_asserts}), {}, {}, {}};
  std::vector<uint32_t> tokens;
  for (const uint8_t log : log_heights)
    for (uint32_t x = 0; x < 1u << log; ++x) tokens.push_back(x);
  std::mt19937 random(6);
  std::ranges::shuffle(tokens, random);
  const auto cube = [](Fp x) { return x * x * x; };
  size_t next = 0;
  for (const uint8_t log : log_heights) {
    std::vector<Counter::Cols<Fp>> rows(size_t{1} << log);
    for (uint32_t i = 0; i < rows.size(); ++i) {
      const Fp x = Fp::from(i), seen = Fp::from(tokens[next++]);
      rows[i] = {x, cube(x), Fp::from(i + 1 == rows.size()), seen, cube(seen)};
    }
    toy.witness.tables.push_back(make_table<Counter>(0, log, std::move(rows)));
  }
  toy.witness.sort();
  for (const Table& table : toy.witness.tables) toy.live_rows.push_back(table.height());

  toy.cheats.push_back(change_cell(toy, "a wrong cube", "counter", 3, "cube", Fp{}, "cube"));
  toy.cheats.push_back(
      change_cell(toy, "an early restart", "counter", 3, "restart", Fp::one(), "start at zero"));
  toy.cheats.push_back({"a token swallowed by the smallest table",
                        [](Witness& w) {
                          Table& t = w.tables.back();
                          t.cell(0, 3) = t.cell(1, 3);
                          t.cell(0, 4) = t.cell(1, 4);
                        },
                        "tokens"});
  return toy;
}

}  // namespace zkvm::stark::toys
