// What the chips share that write a layer's results (write_bytes.h, write_words.h): which row comes
// next, what its job is about, where its words go, and that its raw sums are those of the products.
//
//   first start real | clk place left words | positions position_end channel_end | .. | emit offset | ..
//   late: y[5] total[5]
#pragma once

#include <utility>

#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"

namespace zkvm::stark::chips {

/// The place of a row in its job. `real`: of this row and the next one; `taken`: RunRow's.
template <class B, class Row>
[[gnu::always_inline]] inline GoesOn<Expr<B>> begin_write(B& air, LayerKind kind, const Row& row,
                                                          const Row& next, const Expr<B>& real,
                                                          const Expr<B>& next_real,
                                                          const Expr<B>& taken) {
  using E = Expr<B>;
  const auto [run, job] =
      assert_runs<B>(air, {row.first, row.start, real, row.left, row.words, row.positions, taken},
                     {next.first, next.start, next_real, next.left, next.words, next.positions},
                     "all words", "next word");
  air.assert_zero("next place", job * (next.place - row.place - 1) + run);
  for (const auto& [was, is] : {std::pair<E, E>{row.clk, next.clk},
                                {row.positions, next.positions},
                                {row.position_end, next.position_end},
                                {row.channel_end, next.channel_end}})
    air.assert_zero("constants of a job", job * (is - was));
  air.receive(
      kLayerWrite, row.first,
      {number(kind), row.clk, row.place, row.left, row.words, row.position_end, row.channel_end});
  return {run, job};
}

/// Whether a position is emitted, and where to. `index`: its place among the row's.
template <class B, class Row>
[[gnu::always_inline]] inline void look_up_position(B& air, const Row& row, const Expr<B>& live,
                                                    unsigned index, const Expr<B>& emit,
                                                    const Expr<B>& offset) {
  air.assert_bool("emit", emit);
  air.assert_zero("emit", emit * (1 - live));
  air.send(kPosition, live, {row.position_end - row.left + index, emit, offset});
}

/// That y of all runs, by powers of lambda^outputs, is the total that the products have. `outputs`: of a
/// word.
template <class B, class Row>
[[gnu::always_inline]] inline void end_write(B& air, const Expr<B>& job, const Row& row,
                                             const Row& next, unsigned outputs) {
  // A run's first row adds its sum to lambda^outputs times what follows; the others hand on what follows.
  air.assert_zero("total",
                  row.total - row.start * row.y - job * next.total -
                      row.start * (job * (air.late(kLambda, outputs) * next.total - next.total)));
  const auto& t = row.total.c;
  air.receive(kLayerTotal, row.first, {row.clk, t[0], t[1], t[2], t[3], t[4]});
}

}  // namespace zkvm::stark::chips
