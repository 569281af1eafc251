// The words that a layer writes where its results are sums of 32 bits: one output at one position a
// row; output after output, in each all positions q.
//
//   first start real | clk place left words | positions position_end channel_end | emit offset |
//   raw bias value[2] negative | old[2] time age_hi | late: y[5] total[5]
//
// As write_bytes.h, but raw + bias is written in two's complement: value.lo + 2^16 value.hi - 2^32
// negative. Buses: job 1, total 1, position 1, channel 1, range16 1, range14 1, memory 2, range16 1,
// range14 1.
//
// Why it is sound: as there; and value.hi - negative (2^16 - 2^14) is in [0, 2^14), so that value -
// 2^32 negative is in [-2^30, 2^30). Two integers there that are equal modulo p differ by p = 2^31 -
// 2^24 + 1, so that one of them is beyond 2^30 - 2^24 = kMaxLayerSum, which the true sum is not.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/layer/write.h"

namespace zkvm::stark::chips {

struct LayerWriteWords {
  static constexpr const char* kName = "layer write words";
  static constexpr const char* kColumns =
      "first start real clk place left words positions position_end channel_end emit offset raw "
      "bias "
      "value[2] negative old[2] time age_hi y[5] total[5]";
  static constexpr uint16_t kLateWidth = 10;
  static constexpr uint32_t kLateDegree = 1;
  template <class T>
  struct Cols {
    T first, start, real;
    T clk, place, left, words;
    T positions, position_end, channel_end;
    T emit, offset;
    T raw, bias;
    Limbs<T> value;
    T negative;
    FoundInRam<T> old;
    Ext<T> y, total;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    const auto [run, job] = begin_write(air, LayerKind::kWords, row, next, row.real, next.real, 1);
    look_up_position(air, row, row.real, 0, row.emit, row.offset);
    air.send(kChannel, row.emit, {row.channel_end - row.words, 0, 0, 0, 0, row.bias, 0, 0, 0});
    air.assert_bool("negative", row.negative);
    air.assert_zero("in two's complement",
                    row.emit * (row.raw + row.bias - row.value.lo - row.value.hi * kLimb +
                                row.negative * Fp::from(uint64_t{1} << 32)));
    air.send(kRange16, row.emit, {row.value.lo});
    air.send(kRange14, row.emit, {row.value.hi - row.negative * (kLimb - (1u << 14))});
    access_ram(air, row.emit, row.place + row.offset, row.old, row.value, row.clk * 4 + 2);

    air.assert_zero("sum of a word", row.y - run * (air.late(kMu, 1) * next.y) - row.raw);
    end_write<B>(air, job, row, next, 1);
  }
};

}  // namespace zkvm::stark::chips
