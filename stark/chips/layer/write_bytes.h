// The bytes that a layer writes: four outputs at one position a row; word after word, in each all
// positions q, also those whose results nobody asks for.
//
//   first start real | clk place left words | positions position_end channel_end | emit offset |
//   raw[4] value[4] edge[4] reach[4] wide[4] from[4] rest[4] function[4] bias[4] | old[2] time age_hi |
//   late: y[5] total[5]
//
// A run is a word of output, o = 4 w + i. raw are the sums of products, and the chip shows
//
//   sum over q, o of mu^q lambda^o raw[q][o] = the total that the products have (product.h)
//
// as an identity in mu and lambda: so each raw[q][o] is the sum that it should be, modulo p. Where the
// position is emitted, raw + bias lies in a step of its function, whose byte is `value`, and the four
// bytes are written to place + offset at time 4 clk + 2. Buses: job 1, total 1, position 1, channel 1,
// steps 4, range16 8, memory 2, range16 1, range14 1. Of a step of up to 2^16 sums
//
//   from = raw + bias - edge,   rest = reach - from,     both in [0, 2^16)
//
// and of a wide one, which has all sums on one side of its edge (wide = 1: from it on, -1: up to it)
//
//   from + 2^14 rest = wide (raw + bias - edge)
//
// Why it is sound: counters (jobs.h), numbers of positions and channels follow from the job's
// constants. Which positions are emitted, and where they go, the fixed list says for each q. A step is a
// fixed row: layers.md says why these equations mean that the sum is in it, as an integer. y and total are determined by main columns of their row and the later
// ones of the job. Late degree: with n rows to the job's end y has at most n + 2 and total 4 n.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/write.h"

namespace zkvm::stark::chips {

struct LayerWriteBytes {
  static constexpr const char* kName = "layer write bytes";
  static constexpr const char* kColumns =
      "first start real clk place left words positions position_end channel_end emit offset raw[4] "
      "value[4] edge[4] reach[4] wide[4] from[4] rest[4] function[4] bias[4] old[2] time age_hi "
      "y[5] "
      "total[5]";
  static constexpr uint16_t kLateWidth = 10;
  static constexpr uint32_t kLateDegree = 4;
  static constexpr uint32_t kWideUnit = 1u << 14;
  template <class T>
  struct Cols {
    T first, start, real;
    T clk, place, left, words;
    T positions, position_end, channel_end;
    T emit, offset;
    T raw[4], value[4], edge[4], reach[4], wide[4], from[4], rest[4], function[4], bias[4];
    FoundInRam<T> old;
    Ext<T> y, total;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    const auto [run, job] = begin_write(air, LayerKind::kBytes, row, next);
    const auto &f = row.function, &b = row.bias;
    air.send(kChannel, row.emit,
             {row.channel_end - row.words, f[0], f[1], f[2], f[3], b[0], b[1], b[2], b[3]});
    for (int i = 0; i < 4; ++i) {
      const E &wide = row.wide[i], &from = row.from[i], &rest = row.rest[i];
      const E above = row.raw[i] + b[i] - row.edge[i], narrow = 1 - wide * wide;
      air.send(kStep, row.emit, {f[i], row.value[i], row.edge[i], row.reach[i], wide});
      air.send(kRange16, row.emit, {from});
      air.send(kRange16, row.emit, {rest});
      air.assert_zero("sum in its step",
                      from + (1 - narrow) * rest * kWideUnit - (narrow + wide) * above);
      air.assert_zero("rest of a step", narrow * (from + rest - row.reach[i]));
    }
    const auto& v = row.value;
    access_ram(air, row.emit, row.place + row.offset, row.old,
               {v[0] + v[1] * 256, v[2] + v[3] * 256}, row.clk * 4 + 2);

    Ext<E> outputs = row.raw[1] * air.late(kLambda, 1) + row.raw[0];
    for (unsigned i = 2; i < 4; ++i) outputs = outputs + row.raw[i] * air.late(kLambda, i);
    air.assert_zero("sum of a word", row.y - outputs - run * (air.late(kMu, 1) * next.y));
    end_write<B>(air, job, row, next, 4);
  }
};

}  // namespace zkvm::stark::chips
