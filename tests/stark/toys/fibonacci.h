// Fibonacci: the n-th pair of the sequence that starts with a public pair is another public pair.
//
//   fixed        main
//   first last   a   b
//     1    0     1   1       sends (0, a, b); the verifier receives (0, 1, 1)
//     0    0     1   2
//     ...
//     0    1     x   y       sends (1, a, b); the verifier receives (1, x, y)
//
// Sound because the selectors are fixed: the first row is bound by the bus, each next row by the
// row before, and the constraints are off only where the last row meets the first.
#pragma once

#include "tests/stark/toys/toy.h"

namespace zkvm::stark::toys {

inline constexpr Bus<3> kEnds{1, "ends"};  // which end (0 first, 1 last), a, b

struct Fibonacci {
  static constexpr const char* kName = "fibonacci";
  static constexpr const char* kColumns = "first last a b";
  static constexpr SlotUse kSlots[] = {{"ends", 2}};
  template <class T>
  struct Cols {
    T first, last, a, b;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    air.assert_bool("first", row.first);
    air.assert_bool("last", row.last);
    const auto not_last = 1 - row.last;
    air.assert_zero("shift", not_last * (next.a - row.b));
    air.assert_zero("sum", not_last * (next.b - row.a - row.b));
    air.send(kEnds, row.first, {0, row.a, row.b});
    air.send(kEnds, row.last, {1, row.a, row.b});
  }
};

using FibonacciChips = ChipList<Fibonacci>;
extern template Circuit make_circuit(FibonacciChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, fibonacci_asserts);

inline Toy fibonacci(uint8_t log_height) {
  Toy toy{"fibonacci",
          make_circuit(FibonacciChips{}, {.slots = {{"ends", Slot::Kind::kFixed}},
                                          .log_heights = {{"fibonacci", log_height}},
                                          .kernels = &fibonacci_asserts}),
          {},
          {uint64_t{1} << log_height},
          {}};
  std::vector<Fibonacci::Cols<Fp>> rows(size_t{1} << log_height);
  Fp a = Fp::one(), b = Fp::one();
  for (auto& row : rows) {
    row = {Fp{}, Fp{}, a, b};
    b = a + b;
    a = row.b;
  }
  rows.front().first = rows.back().last = Fp::one();
  const Fibonacci::Cols<Fp> last = rows.back();
  toy.witness.publics = {public_interaction(kEnds, -1, {Fp{}, Fp::one(), Fp::one()}),
                         public_interaction(kEnds, -1, {Fp::one(), last.a, last.b})};
  toy.witness.tables.push_back(make_table<Fibonacci>(0, log_height, std::move(rows)));

  toy.cheats.push_back(change_cell(toy, "one wrong sum", "fibonacci", 5, "b", Fp::from(7), "sum"));
  toy.cheats.push_back(change_cell(toy, "another start", "fibonacci", 0, "a", Fp::from(2), "ends"));
  toy.cheats.push_back({"another public result",
                        [](Witness& w) { w.publics[1].tuple[1] = Fp::from(3).wire; }, "ends"});
  toy.cheats.push_back(
      {"a public result left out", [](Witness& w) { w.publics.pop_back(); }, "ends"});
  toy.cheats.push_back({"a result that ends early",  // stops counting, repeats the last pair
                        [](Witness& w) {
                          Table& t = w.tables[0];
                          for (uint32_t c : {2u, 3u})
                            t.cell(t.height() - 1, c) = t.cell(t.height() - 2, c);
                        },
                        "shift"});
  return toy;
}

}  // namespace zkvm::stark::toys
