// C = A D B: a public product of three private matrices, D diagonal, shown with one product for each
// inner index instead of one for each of N K M terms (Freivalds). Late columns weigh rows of A by
// powers of mu and columns of B by powers of lambda:
//
//   sum_ij mu^i lambda^j c_ij = sum_l d_l (sum_i mu^i a_il) (sum_j lambda^j b_lj)
//
//   left chip      fixed: first last index                 main: value   late: sum
//   right chip     the same with lambda
//   contract chip  fixed: real first last index            main: scale   late: left right total
//   product chip   fixed: real first last begin end index  main: value   late: inner total
//
// Sums run towards the first row of a run, so that exponents begin at 0 and padding weighs nothing.
// A circuit of several products would have their number in each tuple, too.
#pragma once

#include <map>
#include <random>

#include "tests/stark/toys/toy.h"

namespace zkvm::stark::toys {

inline constexpr Bus<6> kLeftSum{1, "left sum"};    // inner index, sum over the rows of A
inline constexpr Bus<6> kRightSum{2, "right sum"};  // inner index, sum over the columns of B
inline constexpr Bus<5> kSide{3, "side"};           // the right-hand side of the equation
inline constexpr Bus<2> kEntry{4, "entry"};         // i M + j, c_ij

template <unsigned kChallenge>
struct Factor {
  static constexpr const char* kName = kChallenge == kMu ? "left" : "right";
  static constexpr const char* kColumns = "first last index value sum[5]";
  static constexpr SlotUse kSlots[] = {{kName, 3}};
  static constexpr uint16_t kLateWidth = 5;
  static constexpr uint32_t kLateDegree = 1;  // sum: one power a row
  template <class T>
  struct Cols {
    T first, last, index, value;
    Ext<T> sum;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    air.assert_bool("first", row.first);
    air.assert_zero("sum",
                    row.sum - (1 - row.last) * (air.late(kChallenge, 1) * next.sum) - row.value);
    air.send(kChallenge == kMu ? kLeftSum : kRightSum, row.first,
             {row.index, row.sum.c[0], row.sum.c[1], row.sum.c[2], row.sum.c[3], row.sum.c[4]});
  }
};

struct Contract {
  static constexpr const char* kName = "contract";
  static constexpr const char* kColumns = "real first last index scale left[5] right[5] total[5]";
  static constexpr SlotUse kSlots[] = {{"contract", 4}};
  static constexpr uint16_t kLateWidth = 15;
  static constexpr uint32_t kLateDegree = 1;  // the sum of products has the two factors' degrees
  template <class T>
  struct Cols {
    T real, first, last, index, scale;
    Ext<T> left, right, total;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    const auto &x = row.left.c, &y = row.right.c, &t = row.total.c;
    air.assert_bool("real", row.real);
    air.assert_bool("first", row.first);
    air.assert_zero("total", row.total - row.scale * (row.left * row.right) -
                                 (1 - row.last) * next.total);
    air.receive(kLeftSum, row.real, {row.index, x[0], x[1], x[2], x[3], x[4]});
    air.receive(kRightSum, row.real, {row.index, y[0], y[1], y[2], y[3], y[4]});
    air.send(kSide, row.first, {t[0], t[1], t[2], t[3], t[4]});
  }
};

struct Product {
  static constexpr const char* kName = "product";
  static constexpr const char* kColumns =
      "real first last begin end index value inner[5] total[5]";
  static constexpr SlotUse kSlots[] = {{"product", 6}};
  static constexpr uint16_t kLateWidth = 10;
  static constexpr uint32_t kLateDegree = 1;  // inner: lambda a row; total: mu a run
  template <class T>
  struct Cols {
    T real, first, last, begin, end, index, value;
    Ext<T> inner, total;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    const auto& t = row.total.c;
    air.assert_bool("real", row.real);
    air.assert_bool("begin", row.begin);
    air.assert_zero("inner",
                    row.inner - (1 - row.last) * (air.late(kLambda, 1) * next.inner) - row.value);
    // A run begins: its sum, and mu times what follows. Elsewhere what follows.
    air.assert_zero("total", row.total - row.first * row.inner - (1 - row.end) * next.total -
                                 row.first * (1 - row.end) *
                                     (air.late(kMu, 1) * next.total - next.total));
    air.send(kEntry, row.real, {row.index, row.value});
    air.receive(kSide, row.begin, {t[0], t[1], t[2], t[3], t[4]});
  }
};

using Left = Factor<kMu>;
using Right = Factor<kLambda>;
using ProductChips = ChipList<Left, Right, Contract, Product>;
extern template Circuit make_circuit(ProductChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, product_asserts);

namespace product_detail {

inline Fp5 get(const std::vector<Fp>& cells, size_t at) {
  return {{cells[at], cells[at + 1], cells[at + 2], cells[at + 3], cells[at + 4]}};
}

inline void put(Fp* rows, size_t at, const Fp5& x) { std::copy_n(x.c, 5, rows + at); }

/// Late columns of a factor, from the cells of its table.
template <unsigned kChallenge>
void late_factor(const Witness&, const Table& table, const LatePowers& late, Fp* rows) {
  Fp5 next;
  for (uint64_t r = table.height(); r-- > 0;) {
    const Fp* cells = &table.cells[r * table.width];
    if (cells[1] == Fp::one()) next = {};
    next = next * late(kChallenge, 1) + cells[3];
    put(rows, 5 * r, next);
  }
}

/// Of the contraction: what the factors of the witness send, and the sum of the products.
inline void late_contract(const Witness& witness, const Table& table, const LatePowers& late,
                          Fp* rows) {
  std::map<uint32_t, Fp5> sums[2];  // by index, of A and B
  for (const Table& factor : witness.tables) {
    if (factor.chip > 1) continue;
    const std::vector<Fp> made = witness.late_columns(factor, 5, late);
    for (uint64_t r = 0; r < factor.height(); ++r) {
      const Fp* cells = &factor.cells[r * factor.width];
      if (cells[0] == Fp::one()) sums[factor.chip][cells[2].value()] = get(made, 5 * r);
    }
  }
  Fp5 total;
  for (uint64_t r = table.height(); r-- > 0;) {
    const Fp* cells = &table.cells[r * table.width];
    if (cells[2] == Fp::one()) total = {};
    const bool real = cells[0] == Fp::one();
    const Fp5 left = real ? sums[0][cells[3].value()] : Fp5{};
    const Fp5 right = real ? sums[1][cells[3].value()] : Fp5{};
    total += left * right * cells[4];
    put(rows, 15 * r, left);
    put(rows, 15 * r + 5, right);
    put(rows, 15 * r + 10, total);
  }
}

inline void late_product(const Witness&, const Table& table, const LatePowers& late, Fp* rows) {
  Fp5 inner, total;
  for (uint64_t r = table.height(); r-- > 0;) {
    const Fp* cells = &table.cells[r * table.width];
    if (cells[2] == Fp::one()) inner = {};
    if (cells[4] == Fp::one()) total = {};
    inner = inner * late(kLambda, 1) + cells[6];
    if (cells[1] == Fp::one()) total = inner + total * late(kMu, 1);
    put(rows, 10 * r, inner);
    put(rows, 10 * r + 5, total);
  }
}

/// The table's late columns as they are made, and then changed.
inline void change_late(Table& table, std::function<void(Fp* rows)> change) {
  table.make_late = [made = table.make_late, change = std::move(change)](
                        const Witness& witness, const Table& of, const LatePowers& late, Fp* rows) {
    made(witness, of, late, rows);
    change(rows);
  };
}

}  // namespace product_detail

/// 4 x 3, 3 x 3 and 3 x 4 matrices, so C has rank 3 at most; every table has padding rows.
inline Toy product(uint8_t log_height) {
  constexpr uint32_t kN = 4, kInner = 3, kM = 4;
  const auto at_least = [&](uint8_t log) { return std::max(log, log_height); };
  const uint8_t log_left = static_cast<uint8_t>(at_least(4) + 1), log_right = at_least(4);
  const uint8_t log_contract = at_least(2), log_product = at_least(5);
  const auto fixed = Slot::Kind::kFixed;
  Toy toy{"product",
          make_circuit(ProductChips{},
                       {.slots = {{"left", fixed},
                                  {"right", fixed},
                                  {"contract", fixed},
                                  {"product", fixed}},
                        .log_heights = {{"left", log_left},
                                        {"right", log_right},
                                        {"contract", log_contract},
                                        {"product", log_product}},
                        .kernels = &product_asserts}),
          {},
          {},
          {}};
  std::mt19937 random(6);
  const auto draw = [&] { return Fp::from(random() % Fp::kModulus); };
  std::vector<Fp> a(kN * kInner), d(kInner), b(kInner * kM);
  for (auto* matrix : {&a, &d, &b})
    for (Fp& x : *matrix) x = draw();

  const Fp zero{}, one = Fp::one();
  std::vector<Left::Cols<Fp>> left;
  std::vector<Right::Cols<Fp>> right;
  std::vector<Contract::Cols<Fp>> contract;
  for (uint32_t l = 0; l < kInner; ++l) {
    const Fp index = Fp::from(l);
    for (uint32_t i = 0; i < kN; ++i)
      left.push_back({i == 0 ? one : zero, i + 1 == kN ? one : zero, index, a[i * kInner + l], {}});
    for (uint32_t j = 0; j < kM; ++j)
      right.push_back({j == 0 ? one : zero, j + 1 == kM ? one : zero, index, b[l * kM + j], {}});
    contract.push_back(
        {one, l == 0 ? one : zero, l + 1 == kInner ? one : zero, index, d[l], {}, {}, {}});
  }
  std::vector<Product::Cols<Fp>> entries;
  for (uint32_t i = 0; i < kN; ++i)
    for (uint32_t j = 0; j < kM; ++j) {
      Fp sum;
      for (uint32_t l = 0; l < kInner; ++l) sum += a[i * kInner + l] * d[l] * b[l * kM + j];
      const bool first = j == 0, last = j + 1 == kM;
      entries.push_back({one, first ? one : zero, last ? one : zero, first && i == 0 ? one : zero,
                         last && i + 1 == kN ? one : zero, Fp::from(i * kM + j), sum, {}, {}});
      toy.witness.publics.push_back(
          public_interaction(kEntry, -1, {Fp::from(i * kM + j), sum}));
    }
  const auto add = [&](Table table, Table::LateProducer late) {
    table.make_late = std::move(late);
    toy.witness.tables.push_back(std::move(table));
  };
  add(make_table<Left>(0, log_left, left, {zero, one, zero, zero, {}}),
      product_detail::late_factor<kMu>);
  add(make_table<Right>(1, log_right, right, {zero, one, zero, zero, {}}),
      product_detail::late_factor<kLambda>);
  add(make_table<Contract>(2, log_contract, contract, {zero, zero, one, zero, zero, {}, {}, {}}),
      product_detail::late_contract);
  add(make_table<Product>(3, log_product, entries,
                          {zero, zero, one, zero, one, zero, zero, {}, {}}),
      product_detail::late_product);
  toy.witness.sort();
  for (const Table& table : toy.witness.tables) {
    const uint64_t rows[] = {left.size(), right.size(), contract.size(), entries.size()};
    toy.live_rows.push_back(rows[table.chip]);
  }

  const size_t lefts = table_of(toy, "left"), contracts = table_of(toy, "contract"),
               products = table_of(toy, "product");
  toy.cheats.push_back(
      change_cell(toy, "another entry of A", "left", 5, "value", Fp::from(7), "side"));
  toy.cheats.push_back(
      change_cell(toy, "another entry of B", "right", 6, "value", Fp::from(7), "side"));
  toy.cheats.push_back(
      change_cell(toy, "another entry of D", "contract", 2, "scale", Fp::from(7), "side"));
  toy.cheats.push_back({"a wrong product",
                        [=](Witness& w) {
                          w.tables[products].cell(9, 6) = Fp::from(7);
                          w.publics[9].tuple[1] = Fp::from(7).wire;
                        },
                        "side"});
  toy.cheats.push_back({"two products swapped",
                        [=](Witness& w) {
                          std::swap(w.tables[products].cell(1, 6), w.tables[products].cell(2, 6));
                          std::swap(w.publics[1].tuple[1], w.publics[2].tuple[1]);
                        },
                        "side"});
  const auto late = [&](const char* name, size_t table, std::function<void(Fp*)> change,
                        const char* caught_by) {
    toy.cheats.push_back({name,
                          [=](Witness& w) {
                            product_detail::change_late(w.tables[table], change);
                          },
                          caught_by});
  };
  late("a sum that begins with something else", lefts, [](Fp* rows) { rows[5 * 3] += Fp::one(); },
       "sum");
  late("another sum of A, which the contraction believes", lefts,
       [](Fp* rows) { rows[5 * 4 + 2] += Fp::one(); }, "sum");
  late("a sum that A's table did not send", contracts,
       [](Fp* rows) { rows[15 * 2 + 4] += Fp::one(); }, "left sum");
  late("sums of two inner indices swapped", contracts,
       [](Fp* rows) { std::swap_ranges(rows, rows + 5, rows + 15); }, "left sum");
  late("a total that is not the sum", contracts, [](Fp* rows) { rows[10] += Fp::one(); }, "total");
  late("a product's sum that is skipped", products,
       [](Fp* rows) { std::fill_n(rows + 10 * 4, 5, Fp{}); }, "inner");
  late("a total that is handed on wrong", products,
       [](Fp* rows) { rows[10 * 2 + 5] += Fp::one(); }, "total");
  return toy;
}

}  // namespace zkvm::stark::toys
