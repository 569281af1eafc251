// The words that a max pool writes: one word of its input a row, window after window.
//
//   first real | clk place left key_end | quad position last offset | byte[4] best[4] most[4] |
//   old[2] time age_hi
//
// Looks up which word is next, and that word; most_i = max(best_i, byte_i), best being what the rows
// before in this window have, 0 in its first. The window's last row writes `most` to place + offset at
// time 4 clk + 2. Buses: job 1, window 1, pixel 1, bytes 4, memory 2, range16 1, range14 1.
//
// Why it is sound: the fixed list of windows has a row for each number that a job counts through, and
// its last one ends a window. most_i is one of byte_i and best_i, and neither is above it: both
// differences are below 2^8. Bytes come from read.h, so they and what is written are below 2^8.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"

namespace zkvm::stark::chips {

struct LayerPool {
  static constexpr const char* kName = "layer pool";
  static constexpr const char* kColumns =
      "first real clk place left key_end quad position last offset byte[4] best[4] most[4] old[2] "
      "time age_hi";
  template <class T>
  struct Cols {
    T first, real;
    T clk, place, left, key_end;
    T quad, position, last, offset;
    Bytes<T> word, best, most;
    FoundInRam<T> old;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    const E job = assert_job<B>(air, row.first, row.real, row.left, next.first, next.real,
                                next.left, "all words", "next word");
    for (const auto& [was, is] :
         {std::pair<E, E>{row.clk, next.clk}, {row.place, next.place}, {row.key_end, next.key_end}})
      air.assert_zero("constants of a job", job * (is - was));
    air.receive(kLayerWrite, row.first,
                {number(LayerKind::kMaxPool), row.clk, row.place, row.left, 0, row.key_end, 0});

    air.assert_bool("last", row.last);
    air.assert_zero("last", row.last * (1 - row.real));
    air.send(kWindow, row.real,
             {row.key_end - row.left, row.quad, row.position, row.last, row.offset});
    const E(&byte)[4] = row.word.byte;
    air.send(kPixel, row.real,
             {row.clk, 0, row.quad, row.position, byte[0], byte[1], byte[2], byte[3]});
    for (int i = 0; i < 4; ++i) {
      const E &best = row.best.byte[i], &most = row.most.byte[i];
      air.assert_zero("a window begins with 0", row.first * best);
      air.assert_zero("next best", job * (next.best.byte[i] - most + row.last * most));
      air.assert_zero("one of both", (most - best) * (most - byte[i]));
      air.send(kBytes, row.real, {most - best, most - byte[i]});
    }
    access_ram(air, row.last, row.place + row.offset, row.old, limbs_of(row.most), row.clk * 4 + 2);
  }
};

}  // namespace zkvm::stark::chips
