// The bytes that a layer writes: four outputs at one position, or at four, the lanes of a row; word after
// word, in each all positions q, also those whose results nobody asks for.
//
//   first start real | clk place left words | positions position_end channel_end | function[4] bias[4] |
//   emit offset raw[4] value[4] edge[4] reach[4] wide[4] from[4] rest[4] old[2] time age_hi |
//   late: y[5] total[5]
//
// The wide form has the second line four times, and live1 .. live3 beside `real`. A run is a word of
// output, o = 4 w + i. raw are the sums of products, and the chip shows
//
//   sum over q, o of mu^q lambda^o raw[q][o] = the total that the products have (product.h)
//
// as an identity in mu and lambda: so each raw[q][o] is the sum that it should be, modulo p. Where the
// position is emitted, raw + bias lies in a step of its function, whose byte is `value`, and the four
// bytes are written to place + offset at time 4 clk + 2. Buses: job 1, total 1, channel 1; each lane's
// position 1, steps 4, range16 8, memory 2, range16 1, range14 1. Of a step of up to 2^16 sums
//
//   from = raw + bias - edge,   rest = reach - from,     both in [0, 2^16)
//
// and of a wide one, which has all sums on one side of its edge (wide = 1: from it on, -1: up to it)
//
//   from + 2^14 rest = wide (raw + bias - edge)
//
// Why it is sound: counters and lanes (jobs.h), numbers of positions and channels follow from the job's
// constants; a job is received once, in one of the forms. Which positions are emitted, and where they go,
// the fixed list says for each q. A step is a fixed row: layers.md says why these equations mean that the
// sum is in it, as an integer. y and total are determined by main columns of their row and the later
// ones of the job; a lane that is not live adds nothing to them, and is on no bus. Late degree: with n rows
// to the job's end y has at most n + 2 and total 4 n; in the wide form 4 n + 2 and 8 n.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/write.h"

namespace zkvm::stark::chips {

namespace write_bytes_detail {
template <class T>
struct Position {
  T emit, offset;
  T raw[4], value[4], edge[4], reach[4], wide[4], from[4], rest[4];
  FoundInRam<T> old;
};
}  // namespace write_bytes_detail

template <unsigned kLanes_>
struct LayerWriteBytesForm {
  static constexpr unsigned kLanes = kLanes_;  // positions of a row
  static constexpr const char* kName = kLanes == 1 ? "layer write bytes" : "layer write bytes wide";
  static constexpr const char* kColumns =
      kLanes == 1
          ? "first start real clk place left words positions position_end channel_end function[4] "
            "bias[4] emit offset raw[4] value[4] edge[4] reach[4] wide[4] from[4] rest[4] old[2] "
            "time age_hi y[5] total[5]"
          : "first start real live1 live2 live3 clk place left words positions position_end "
            "channel_end function[4] bias[4] "
            "emit0 offset0 raw0[4] value0[4] edge0[4] reach0[4] wide0[4] from0[4] rest0[4] old0[2] "
            "time0 age_hi0 "
            "emit1 offset1 raw1[4] value1[4] edge1[4] reach1[4] wide1[4] from1[4] rest1[4] old1[2] "
            "time1 age_hi1 "
            "emit2 offset2 raw2[4] value2[4] edge2[4] reach2[4] wide2[4] from2[4] rest2[4] old2[2] "
            "time2 age_hi2 "
            "emit3 offset3 raw3[4] value3[4] edge3[4] reach3[4] wide3[4] from3[4] rest3[4] old3[2] "
            "time3 age_hi3 "
            "y[5] total[5]";
  static constexpr uint16_t kLateWidth = 10;
  static constexpr uint32_t kLateDegree = kLanes == 1 ? 4 : 8;
  static constexpr uint32_t kWideUnit = 1u << 14;
  template <class T>
  struct Cols {
    T first, start, live[kLanes];
    T clk, place, left, words;
    T positions, position_end, channel_end;
    T function[4], bias[4];
    write_bytes_detail::Position<T> lane[kLanes];
    Ext<T> y, total;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    const E taken = assert_lanes(air, row.live);
    const auto [run, job] =
        begin_write<B>(air, LayerKind::kBytes, row, next, row.live[0], next.live[0], taken);
    assert_full_rows(air, row.live, run);
    const auto &f = row.function, &b = row.bias;
    air.send(kChannel, row.live[0],
             {row.channel_end - row.words, f[0], f[1], f[2], f[3], b[0], b[1], b[2], b[3]});
    Ext<E> y = run * (air.late(kMu, kLanes) * next.y);
    for (unsigned i = 0; i < kLanes; ++i) {
      const auto& lane = row.lane[i];
      look_up_position(air, row, row.live[i], i, lane.emit, lane.offset);
      for (int k = 0; k < 4; ++k) assert_step(air, row, lane, k);
      const auto& v = lane.value;
      access_ram(air, lane.emit, row.place + lane.offset, lane.old,
                 {v[0] + v[1] * 256, v[2] + v[3] * 256}, row.clk * 4 + 2);
      Ext<E> outputs = lane.raw[1] * air.late(kLambda, 1) + lane.raw[0];
      for (unsigned k = 2; k < 4; ++k) outputs = outputs + lane.raw[k] * air.late(kLambda, k);
      y = y + (i == 0 ? outputs : row.live[i] * (outputs * air.late(kMu, i)));
    }
    air.assert_zero("sum of a word", row.y - y);
    end_write<B>(air, job, row, next, 4);
  }

 private:
  /// That the sum of an output, if it is emitted, lies in the step that is looked up.
  template <class B, class Row, class Lane>
  [[gnu::always_inline]] static void assert_step(B& air, const Row& row, const Lane& lane, int k) {
    using E = Expr<B>;
    const E &wide = lane.wide[k], &from = lane.from[k], &rest = lane.rest[k];
    const E above = lane.raw[k] + row.bias[k] - lane.edge[k], narrow = 1 - wide * wide;
    air.send(kStep, lane.emit, {row.function[k], lane.value[k], lane.edge[k], lane.reach[k], wide});
    air.send(kRange16, lane.emit, {from});
    air.send(kRange16, lane.emit, {rest});
    air.assert_zero("sum in its step",
                    from + (1 - narrow) * rest * kWideUnit - (narrow + wide) * above);
    air.assert_zero("rest of a step", narrow * (from + rest - lane.reach[k]));
  }
};
using LayerWriteBytes = LayerWriteBytesForm<1>;
using LayerWriteBytesWide = LayerWriteBytesForm<4>;

}  // namespace zkvm::stark::chips
