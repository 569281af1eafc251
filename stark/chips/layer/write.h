// What the two chips share that write a layer's results (write_bytes.h, write_words.h): which row comes
// next, what its job is about, where its word goes, and that its raw sums are those of the products.
//
//   first start real | clk place left words | positions position_end channel_end | emit offset | ..
//   late: y[5] total[5]
#pragma once

#include <type_traits>
#include <utility>

#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"

namespace zkvm::stark::chips {

template <class Row>
[[gnu::always_inline]] inline auto run_of_writing(const Row& row) {
  return RunRow<std::remove_cvref_t<decltype(row.real)>>{row.first, row.start, row.real,
                                                         row.left,  row.words, row.positions};
}

/// The place of a row in its job, and which word it writes, if any.
template <class B, class Row>
[[gnu::always_inline]] inline GoesOn<Expr<B>> begin_write(B& air, LayerKind kind, const Row& row,
                                                          const Row& next) {
  using E = Expr<B>;
  const auto [run, job] =
      assert_runs<B>(air, run_of_writing(row), run_of_writing(next), "all words", "next word");
  air.assert_zero("next place", job * (next.place - row.place - 1) + run);
  for (const auto& [was, is] : {std::pair<E, E>{row.clk, next.clk},
                                {row.positions, next.positions},
                                {row.position_end, next.position_end},
                                {row.channel_end, next.channel_end}})
    air.assert_zero("constants of a job", job * (is - was));
  air.receive(
      kLayerWrite, row.first,
      {number(kind), row.clk, row.place, row.left, row.words, row.position_end, row.channel_end});
  air.assert_bool("emit", row.emit);
  air.assert_zero("emit", row.emit * (1 - row.real));
  air.send(kPosition, row.real, {row.position_end - row.left, row.emit, row.offset});
  return {run, job};
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
