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
//
// A chip may have several positions of a run in a row, its *lanes*: live[0] is `real`, and those behind
// it are live in turn, all of them where the run goes on. `left` falls by as many as are live.
//
// SOUNDNESS: so it falls by the number of lanes, N, up to a run's last row, which has as many live ones as
// are left, 1 to N. N times a table's rows is below p, too: the number of rows follows from that of
// positions, and which lanes are dead.
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

/// That lanes are live in turn. Returns how many are, of a real row.
template <class B, size_t kLanes>
[[gnu::always_inline]] inline Expr<B> assert_lanes(B& air, const Expr<B> (&live)[kLanes]) {
  Expr<B> taken = 1;
  for (size_t i = 1; i < kLanes; ++i) {
    air.assert_bool("live", live[i]);
    air.assert_bool("live in turn", live[i - 1] - live[i]);
    taken = taken + live[i];
  }
  return taken;
}
/// That all are where the run goes on.
template <class B, size_t kLanes>
[[gnu::always_inline]] inline void assert_full_rows(B& air, const Expr<B> (&live)[kLanes],
                                                    const Expr<B>& run) {
  if constexpr (kLanes > 1) air.assert_zero("full rows", run * (1 - live[kLanes - 1]));
}

/// The columns that say where a row stands in its run and its job. `positions`: of each run; `taken`: how
/// many of them a real row has.
template <class E>
struct RunRow {
  const E &first, &start, &real, &left, &runs, &positions;
  E taken = 1;
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
  air.assert_zero("all positions", (row.real - run) * (row.left - row.taken));
  air.assert_zero(all, (row.real - job) * (row.runs - 1));
  air.assert_zero("positions of a run", row.start * (row.left - row.positions));
  air.assert_zero("next position", run * (next.left - row.left + row.taken));
  air.assert_zero(next_run, job * (next.runs - row.runs + 1) - run);
  return {run, job};
}

}  // namespace zkvm::stark::chips
