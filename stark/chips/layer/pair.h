// The words that a pair writes, one a row: four times a fixed function of two bytes.
//
//   first real | clk place left list_end table | quad a b offset | a_byte[4] b_byte[4] value[4] |
//   old[2] time age_hi
//
// Looks up which word of a and which of b are next, and these words; value_i is what the table has for
// the i-th bytes of both. Writes the word to place + offset at time 4 clk + 2. Buses: job 1, list 1,
// pixels 2, pair bytes 4, memory 2, range16 1, range14 1: 12.
//
// Why it is sound: the list of pairs, which is fixed, has one row for each number that a job counts
// through. Words come from read.h under (clk, operand, quad, position), which one row each answers, so
// a's are those of a1 and b's those of a2; and their bytes are below 2^8. So table + 256 a + b, a table
// being a multiple of 2^16 (and all of them below p), names a row of that table alone. What is written
// is below 2^8 because the tables are.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"

namespace zkvm::stark::chips {

struct LayerPair {
  static constexpr const char* kName = "layer pair";
  static constexpr const char* kColumns =
      "first real clk place left list_end table quad a b offset a_byte[4] b_byte[4] value[4] "
      "old[2] "
      "time age_hi";
  template <class T>
  struct Cols {
    T first, real;
    T clk, place, left, list_end, table;
    T quad, a, b, offset;
    Bytes<T> a_word, b_word, value;
    FoundInRam<T> old;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    const E job = assert_job<B>(air, row.first, row.real, row.left, next.first, next.real,
                                next.left, "all words", "next word");
    for (const auto& [was, is] : {std::pair<E, E>{row.clk, next.clk},
                                  {row.place, next.place},
                                  {row.list_end, next.list_end},
                                  {row.table, next.table}})
      air.assert_zero("constants of a job", job * (is - was));
    air.receive(
        kLayerWrite, row.first,
        {number(LayerKind::kPair), row.clk, row.place, row.left, row.table, row.list_end, 0});

    air.send(kPairOperands, row.real,
             {row.list_end - row.left, row.quad, row.a, row.b, row.offset});
    const E(&a)[4] = row.a_word.byte;
    const E(&b)[4] = row.b_word.byte;
    air.send(kPixel, row.real, {row.clk, 0, row.quad, row.a, a[0], a[1], a[2], a[3]});
    air.send(kPixel, row.real, {row.clk, 1, row.quad, row.b, b[0], b[1], b[2], b[3]});
    for (int i = 0; i < 4; ++i)
      air.send(kPairByte, row.real, {row.table + a[i] * 256 + b[i], row.value.byte[i]});
    access_ram(air, row.real, row.place + row.offset, row.old, limbs_of(row.value),
               row.clk * 4 + 2);
  }
};

}  // namespace zkvm::stark::chips
