// How the rows of a call follow one another in a table.
//
// A *job* is a sequence of rows of which the first alone has `first` set. It may consist of *runs*, each of
// which begins with a row that has `start` set. Counters end both: `left` falls by one from row to row
// of a run (of a job, where there are no runs), `runs` from run to run; the last one is 1.
//
// SOUNDNESS: job = real' - first' and run = real' - start' are boolean because first' <= start' <= real',
// and run <= job. A row that is not real is followed by none that goes on, so a job's rows are all real.
// A row that none of its run follows must have left = 1, one that none of its job follows runs = 1. As a
// table has fewer rows than p, runs and jobs end where they should, and there is no job without a first
// row: a table that is one circle of rows would have to count down to where it began.
#pragma once

#include "stark/chips/words.h"

namespace zkvm::stark::chips {

/// Of a row in a job without runs; returns whether the next row belongs to it. `next_*`: of that row.
/// `all`, `next_row`: labels, what the rows are.
template <class B>
[[gnu::always_inline]] inline Expr<B> assert_job(B& air, const Expr<B>& first, const Expr<B>& real,
                                                 const Expr<B>& left, const Expr<B>& next_first,
                                                 const Expr<B>& next_real, const Expr<B>& next_left,
                                                 const char* all, const char* next_row) {
  air.assert_bool("first", first);
  air.assert_bool("real", real);
  air.assert_bool("first <= real", real - first);
  const Expr<B> job = next_real - next_first;
  air.assert_zero("goes on after padding", (1 - real) * job);
  air.assert_zero(all, (real - job) * (left - 1));
  air.assert_zero(next_row, job * (next_left - left + 1));
  return job;
}

/// The columns that say where a row stands in its run and its job. `positions`: rows of each run.
template <class E>
struct RunRow {
  const E &first, &start, &real, &left, &runs, &positions;
};
/// Whether the next row belongs to this row's run, and to its job.
template <class E>
struct GoesOn {
  E run, job;
};

/// Of a row in a job of runs. `all`, `next_run`: labels, what the runs are.
template <class B>
[[gnu::always_inline]] inline GoesOn<Expr<B>> assert_runs(B& air, const RunRow<Expr<B>>& row,
                                                          const RunRow<Expr<B>>& next,
                                                          const char* all, const char* next_run) {
  air.assert_bool("first", row.first);
  air.assert_bool("start", row.start);
  air.assert_bool("real", row.real);
  air.assert_bool("first <= start", row.start - row.first);
  air.assert_bool("start <= real", row.real - row.start);
  const Expr<B> run = next.real - next.start, job = next.real - next.first;
  air.assert_zero("goes on after padding", (1 - row.real) * job);
  air.assert_zero("all positions", (row.real - run) * (row.left - 1));
  air.assert_zero(all, (row.real - job) * (row.runs - 1));
  air.assert_zero("positions of a run", row.start * (row.left - row.positions));
  air.assert_zero("next position", run * (next.left - row.left + 1));
  air.assert_zero(next_run, job * (next.runs - row.runs + 1) - run);
  return {run, job};
}

}  // namespace zkvm::stark::chips
