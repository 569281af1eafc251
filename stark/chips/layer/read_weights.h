// The weights that a layer has in memory, four words a row, 16 weights: product after product (a
// quad and a tap), in each the outputs of a group, four at a time.
//
//   first start real | clk place left products | rows lane step jump zero by_outputs |
//   byte0[4] .. byte3[4] time[4] age_hi[4] | late: v0[5] .. v3[5]
//
// A run is a product. Reads the words at `place` + i `lane`, i < 4, at time 4 clk + 1; the next
// row's first one is `step` words behind this row's, the next product's `jump` words behind the
// last row's. The weight of channel k of the quad and the i-th of the row's outputs is byte_i[k] -
// zero or, where by_outputs is 1, byte_k[i] - zero; on the run's first row, o counting the group's
// outputs from 0,
//
//   v_k = sum over outputs o of lambda^o w[k][o]
//
// which it sends. Buses: job 1, memory 8, range16 4, range14 4, bytes 8, weights 1.
//
// Why it is sound: counters (jobs.h) and addresses follow from the job's constants, which are
// copied from row to row; a job is received once, so one row alone sends (clk, product). Bytes are
// below 2^8 and make up the words that memory holds. v is determined by the row and the run's later
// ones, to the run's end, which main columns say. Late degree: v grows by a factor of lambda^4 in
// each row. What is not the start of a run, or not real, sends nothing.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"

namespace zkvm::stark::chips {

struct LayerReadWeights {
  static constexpr const char* kName = "layer read weights";
  static constexpr const char* kColumns =
      "first start real clk place left products rows lane step jump zero by_outputs byte0[4] "
      "byte1[4] byte2[4] byte3[4] time[4] age_hi[4] v0[5] v1[5] v2[5] v3[5]";
  static constexpr uint16_t kLateWidth = 20;
  static constexpr uint32_t kLateDegree = 4;
  template <class T>
  struct Cols {
    T first, start, real;
    T clk, place, left, products;
    T rows, lane, step, jump, zero, by_outputs;
    Bytes<T> word[4];
    T time[4], age_hi[4];
    Ext<T> v[4];
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    const auto [run, job] =
        assert_runs<B>(air, {row.first, row.start, row.real, row.left, row.products, row.rows},
                       {next.first, next.start, next.real, next.left, next.products, next.rows},
                       "all products", "next product");
    air.assert_zero("next place",
                    job * (next.place - row.place - row.jump) - run * (row.step - row.jump));
    for (const auto& [was, is] : {std::pair<E, E>{row.clk, next.clk},
                                  {row.rows, next.rows},
                                  {row.lane, next.lane},
                                  {row.step, next.step},
                                  {row.jump, next.jump},
                                  {row.zero, next.zero},
                                  {row.by_outputs, next.by_outputs}})
      air.assert_zero("constants of a job", job * (is - was));
    air.receive(kReadWeights, row.first,
                {row.clk, row.place, row.products, row.left, row.lane, row.step, row.jump, row.zero,
                 row.by_outputs});

    for (int i = 0; i < 4; ++i) {
      const E(&byte)[4] = row.word[i].byte;
      const Limbs<E> word = limbs_of(row.word[i]);
      access_ram(air, row.real, row.place + row.lane * i, {word, row.time[i], row.age_hi[i]}, word,
                 row.clk * 4 + 1);
      air.send(kBytes, row.real, {byte[0], byte[1]});
      air.send(kBytes, row.real, {byte[2], byte[3]});
    }

    const auto weight = [&](int k, int i) {
      const E &by_channels = row.word[i].byte[k], &by_outputs = row.word[k].byte[i];
      return by_channels + row.by_outputs * (by_outputs - by_channels) - row.zero;
    };
    for (int k = 0; k < 4; ++k) {
      Ext<E> sum = weight(k, 1) * air.late(kLambda, 1) + weight(k, 0);
      for (int i = 2; i < 4; ++i)
        sum = sum + weight(k, i) * air.late(kLambda, static_cast<unsigned>(i));
      air.assert_zero("sum of weights", row.v[k] - sum - run * (air.late(kLambda, 4) * next.v[k]));
    }
    air.send(kMemoryWeights, row.start, memory_weights_tuple(row.clk, row.products, row.v).values);
  }
};

}  // namespace zkvm::stark::chips
