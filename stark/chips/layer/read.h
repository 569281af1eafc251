// The words that a layer reads, four activations each: quad after quad, in each the positions. In two
// forms: one word a row, for all layers; and four, the lanes of a row, for those with products.
//
//   read       first start real | clk place left quads | positions step jump zero |
//              byte[4] time age_hi | count | operand pixels | late: x0[5] .. x3[5]
//   read wide  first start real live1 .. live3 | clk place left quads | positions step jump zero |
//              (byte[4] time age_hi) x 4 | count | late: x0[5] .. x3[5]
//
// A run is a quad. A row reads the word at `place` at time 4 clk + operand; the next position's is `step`
// words further, the next quad's first `jump` words behind this one's last. On the run's first row
//
//   x_k = sum over its positions p of mu^p (byte_k(p) - zero)
//
// which it answers `count` times, and in the narrow form each row answers its word `pixels` times. Buses:
// job 1, activations 1, each word 6 (memory 2, range16 1, range14 1, bytes 2); pixel 1.
//
// Why it is sound: counters and lanes (jobs.h) and addresses follow from the job's constants, which are
// copied from row to row; a job is received once, in one of the forms, and a call opens one for each
// operand, so one row alone answers (clk, operand, quad), and one (clk, operand, quad, position). The wide
// form takes no operand but 0, and answers no words: a pool's or pair's would miss them. Bytes are below 2^8
// and make up the word that memory holds. x is determined by the row and the run's later ones, to the run's
// end, which main columns say; a lane that is not live adds nothing to it and is on no bus. Late degree: x
// grows by a factor of mu, or mu^4, in each row. What is not the start of a run, or not real, answers
// nothing.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"

namespace zkvm::stark::chips {

namespace read_detail {
template <class T>
struct Word {
  Bytes<T> word;
  T time, age_hi;
};
template <class T, bool kNarrow>
struct ForAnyLayer {};
template <class T>
struct ForAnyLayer<T, true> {
  T operand, pixels;
};
}  // namespace read_detail

template <unsigned kLanes_>
struct LayerReadForm {
  static constexpr unsigned kLanes = kLanes_;  // words of a row
  static constexpr bool kNarrow = kLanes == 1;
  static constexpr const char* kName = kNarrow ? "layer read" : "layer read wide";
  static constexpr const char* kColumns =
      kNarrow
          ? "first start real clk place left quads positions step jump zero byte[4] time age_hi "
            "count operand pixels x0[5] x1[5] x2[5] x3[5]"
          : "first start real live1 live2 live3 clk place left quads positions step jump zero "
            "byte0[4] time0 age_hi0 byte1[4] time1 age_hi1 byte2[4] time2 age_hi2 "
            "byte3[4] time3 age_hi3 count x0[5] x1[5] x2[5] x3[5]";
  static constexpr uint16_t kLateWidth = 20;
  static constexpr uint32_t kLateDegree = kLanes;
  template <class T>
  struct Cols {
    T first, start, live[kLanes];
    T clk, place, left, quads;
    T positions, step, jump, zero;
    read_detail::Word<T> lane[kLanes];
    T count;
    [[no_unique_address]] read_detail::ForAnyLayer<T, kNarrow> any;
    Ext<T> x[4];
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    const E& real = row.live[0];
    const E taken = assert_lanes(air, row.live);
    const auto [run, job] = assert_runs<B>(
        air, {row.first, row.start, real, row.left, row.quads, row.positions, taken},
        {next.first, next.start, next.live[0], next.left, next.quads, next.positions}, "all quads",
        "next quad");
    assert_full_rows(air, row.live, run);
    air.assert_zero("next place",
                    job * (next.place - row.place - (taken - 1) * row.step - row.jump) -
                        run * (row.step - row.jump));
    for (const auto& [was, is] : {std::pair<E, E>{row.clk, next.clk},
                                  {row.positions, next.positions},
                                  {row.step, next.step},
                                  {row.jump, next.jump},
                                  {row.zero, next.zero}})
      air.assert_zero("constants of a job", job * (is - was));
    E operand = 0;
    if constexpr (kNarrow) {
      operand = row.any.operand;
      air.assert_bool("operand", operand);
      air.assert_zero("constants of a job", job * (next.any.operand - operand));
    }
    air.receive(kLayerRead, row.first,
                {row.clk, operand, row.place, row.left, row.step, row.jump, row.quads, row.zero});

    for (unsigned i = 0; i < kLanes; ++i) {
      const auto& [of_lane, time, age_hi] = row.lane[i];
      const E(&byte)[4] = of_lane.byte;
      const Limbs<E> word = limbs_of(of_lane);
      access_ram(air, row.live[i], row.place + row.step * i, {word, time, age_hi}, word,
                 row.clk * 4 + operand);
      air.send(kBytes, row.live[i], {byte[0], byte[1]});
      air.send(kBytes, row.live[i], {byte[2], byte[3]});
    }

    for (int k = 0; k < 4; ++k) {
      Ext<E> sum =
          run * (air.late(kMu, kLanes) * next.x[k]) + (row.lane[0].word.byte[k] - row.zero);
      for (unsigned i = 1; i < kLanes; ++i)
        sum = sum + row.live[i] * (row.lane[i].word.byte[k] - row.zero) * air.late(kMu, i);
      air.assert_zero("sum of activations", row.x[k] - sum);
    }
    air.assert_zero("answers on a quad's first row", row.count * (1 - row.start));
    air.answer(kActivations, row.count,
               activations_tuple(row.clk, operand, row.quads, row.x).values);
    if constexpr (kNarrow) {
      const E(&byte)[4] = row.lane[0].word.byte;
      air.assert_zero("answers on real rows", row.any.pixels * (1 - real));
      air.answer(kPixel, row.any.pixels,
                 {row.clk, operand, row.quads, row.left, byte[0], byte[1], byte[2], byte[3]});
    }
  }
};
using LayerRead = LayerReadForm<1>;
using LayerReadWide = LayerReadForm<4>;

}  // namespace zkvm::stark::chips
