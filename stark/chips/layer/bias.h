// The biases that a layer has in memory, one a row: output after output.
//
//   first real | clk place left positions | value[2] negative time age_hi |
//   late: v[5] ones[5] power[5] sum[5]
//
// Reads the word at `place` at time 4 clk + 1, b = value.lo + 2^16 value.hi - 2^32 negative. On the
// job's first row, q < `positions` counting all positions of the output (not those of the input),
//
//   v = sum over outputs o of lambda^o b_o      ones = sum over q of mu^q      sum = ones v
//
// which is what the biases add to the sums of all q and o, and goes to the products (product.h).
// Buses: job 1, memory 2, range16 1, range14 2, power 1, sum 1: 8.
//
// Why it is sound: counters (jobs.h) and addresses follow from the job, which is received once. The
// word's limbs are below 2^16, as memory holds it, and value.hi - negative (2^16 - 2^12) times 4 is
// in [0, 2^14) modulo p: as value.hi is an integer below 2^16, it is that integer, so b is the word
// in two's complement, in [-2^28, 2^28), and `negative` its sign. v is determined by its row and
// the later ones of the job; power = mu^positions is received under its exponent, and ones (mu - 1)
// = power - 1. (That determines `ones` unless mu = 1; layers.md argues without a division.) Late
// degree: v grows by a factor of lambda in each row; `sum` is of the identity's degree, which the
// tables of what is written count. Of rows that are not the first only v means something.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/buses.h"
#include "stark/chips/layer/jobs.h"

namespace zkvm::stark::chips {

struct LayerBias {
  static constexpr const char* kName = "layer bias";
  static constexpr const char* kColumns =
      "first real clk place left positions value[2] negative time age_hi v[5] ones[5] power[5] "
      "sum[5]";
  static constexpr uint16_t kLateWidth = 20;
  static constexpr uint32_t kLateDegree = 1;
  static constexpr uint32_t kHighEnd = 1u << 12;  // of the high limb of a bias above 0
  template <class T>
  struct Cols {
    T first, real;
    T clk, place, left, positions;
    Limbs<T> value;
    T negative;
    T time, age_hi;
    Ext<T> v, ones, power, sum;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    const E job = assert_job<B>(air, row.first, row.real, row.left, next.first, next.real,
                                next.left, "all outputs", "next output");
    air.assert_zero("next place", job * (next.place - row.place - 1));
    air.assert_zero("constants of a job", job * (next.clk - row.clk));
    air.receive(kReadBias, row.first, {row.clk, row.place, row.left, row.positions});

    air.assert_bool("negative", row.negative);
    air.send(kRange14, row.real, {(row.value.hi - row.negative * (kLimb - kHighEnd)) * 4});
    access_ram(air, row.real, row.place, {row.value, row.time, row.age_hi}, row.value,
               row.clk * 4 + 1);

    const E bias = row.value.lo + row.value.hi * kLimb - row.negative * Fp::from(uint64_t{1} << 32);
    air.assert_zero("sum of biases", row.v - job * (air.late(kLambda, 1) * next.v) - bias);
    const auto &p = row.power.c, &s = row.sum.c;
    air.send(kPower, row.first, {kMu, row.positions, p[0], p[1], p[2], p[3], p[4]});
    air.assert_zero("sum of powers",
                    row.first * (row.ones * air.late(kMu, 1) - row.ones - row.power + E(1)));
    air.assert_zero("sum over positions", row.sum - row.ones * row.v);
    air.send(kBiasSum, row.first, {row.clk, s[0], s[1], s[2], s[3], s[4]});
  }
};

}  // namespace zkvm::stark::chips
