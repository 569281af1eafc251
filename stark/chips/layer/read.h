// The words that a layer reads, four activations each; one row a word: quad after quad, in each the
// positions.
//
//   first start real | clk operand place left quads | positions step jump zero |
//   byte[4] time age_hi | count pixels | late: x0[5] .. x3[5]
//
// A run is a quad. Reads the word at `place` at time 4 clk + operand; the next one is `step` words further, the
// next quad's first `jump` words behind this one's last. On the run's first row
//
//   x_k = sum over its positions p of mu^p (byte_k(p) - zero)
//
// which it answers `count` times, and each row answers its word `pixels` times. Buses: job 1, memory 2,
// range16 1, range14 1, bytes 2, activations 1, pixel 1.
//
// Why it is sound: counters (jobs.h) and addresses follow from the job's constants, which are
// copied from row to row; a job is received once, and a call opens one for each operand, so one row
// alone answers (clk, operand, quad), and one (clk, operand, quad, position). Bytes are below 2^8 and make up the word that memory holds. x is determined by the
// row and the run's later ones, to the run's end, which main columns say. Late degree: x grows by a
// factor of mu in each row. What is not the start of a run, or not real, answers nothing.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"

namespace zkvm::stark::chips {

struct LayerRead {
  static constexpr const char* kName = "layer read";
  static constexpr const char* kColumns =
      "first start real clk operand place left quads positions step jump zero byte[4] time age_hi "
      "count pixels x0[5] x1[5] x2[5] x3[5]";
  static constexpr uint16_t kLateWidth = 20;
  static constexpr uint32_t kLateDegree = 1;
  template <class T>
  struct Cols {
    T first, start, real;
    T clk, operand, place, left, quads;
    T positions, step, jump, zero;
    Bytes<T> word;
    T time, age_hi;
    T count, pixels;
    Ext<T> x[4];
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    const auto [run, job] =
        assert_runs<B>(air, {row.first, row.start, row.real, row.left, row.quads, row.positions},
                       {next.first, next.start, next.real, next.left, next.quads, next.positions},
                       "all quads", "next quad");
    air.assert_zero("next place",
                    job * (next.place - row.place - row.jump) - run * (row.step - row.jump));
    air.assert_bool("operand", row.operand);
    for (const auto& [was, is] : {std::pair<E, E>{row.clk, next.clk},
                                  {row.operand, next.operand},
                                  {row.positions, next.positions},
                                  {row.step, next.step},
                                  {row.jump, next.jump},
                                  {row.zero, next.zero}})
      air.assert_zero("constants of a job", job * (is - was));
    air.receive(
        kLayerRead, row.first,
        {row.clk, row.operand, row.place, row.left, row.step, row.jump, row.quads, row.zero});

    const E(&byte)[4] = row.word.byte;
    const Limbs<E> word = limbs_of(row.word);
    access_ram(air, row.real, row.place, {word, row.time, row.age_hi}, word,
               row.clk * 4 + row.operand);
    air.send(kBytes, row.real, {byte[0], byte[1]});
    air.send(kBytes, row.real, {byte[2], byte[3]});

    for (int k = 0; k < 4; ++k)
      air.assert_zero("sum of activations",
                      row.x[k] - run * (air.late(kMu, 1) * next.x[k]) - (byte[k] - row.zero));
    air.assert_zero("answers on a quad's first row", row.count * (1 - row.start));
    air.answer(kActivations, row.count,
               activations_tuple(row.clk, row.operand, row.quads, row.x).values);
    air.assert_zero("answers on real rows", row.pixels * (1 - row.real));
    air.answer(kPixel, row.pixels,
               {row.clk, row.operand, row.quads, row.left, byte[0], byte[1], byte[2], byte[3]});
  }
};

}  // namespace zkvm::stark::chips
