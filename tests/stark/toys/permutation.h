// A permutation: the pairs (c, d) are the pairs (a, b) in another order. No asserts at all: what
// binds the columns is the bus alone.
#pragma once

#include <algorithm>
#include <random>

#include "tests/stark/toys/toy.h"

namespace zkvm::stark::toys {

inline constexpr Bus<2> kPairs{1, "pairs"};  // both elements

struct Permutation {
  static constexpr const char* kName = "permutation";
  static constexpr const char* kColumns = "a b c d";
  template <class T>
  struct Cols {
    T a, b, c, d;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kPairs, 1, {row.a, row.b});
    air.receive(kPairs, 1, {row.c, row.d});
  }
};

using PermutationChips = ChipList<Permutation>;
extern template Circuit make_circuit(PermutationChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, permutation_asserts);

inline Toy permutation(uint8_t log_height) {
  Toy toy{"permutation",
          make_circuit(PermutationChips{}, {.kernels = &permutation_asserts}),
          {},
          {uint64_t{1} << log_height},
          {}};
  std::mt19937 random(2);
  std::vector<std::pair<Fp, Fp>> pairs(size_t{1} << log_height);
  for (auto& pair : pairs) pair = {Fp::from(random()), Fp::from(random())};
  auto shuffled = pairs;
  std::ranges::shuffle(shuffled, random);
  std::vector<Permutation::Cols<Fp>> rows;
  for (size_t i = 0; i < pairs.size(); ++i)
    rows.push_back({pairs[i].first, pairs[i].second, shuffled[i].first, shuffled[i].second});
  toy.witness.tables.push_back(make_table<Permutation>(0, log_height, std::move(rows)));

  toy.cheats.push_back(change_cell(toy, "an element that was not there", "permutation", 1, "c",
                                   Fp::from(1), "pairs"));
  toy.cheats.push_back(
      {"two pairs that swap their second elements",
       [](Witness& w) { std::swap(w.tables[0].cell(0, 3), w.tables[0].cell(1, 3)); }, "pairs"});
  toy.cheats.push_back({"one pair twice, another not at all",
                        [](Witness& w) {
                          for (uint32_t c : {2u, 3u})
                            w.tables[0].cell(0, c) = w.tables[0].cell(1, c);
                        },
                        "pairs"});
  return toy;
}

}  // namespace zkvm::stark::toys
