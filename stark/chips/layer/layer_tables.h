// The fixed tables of the tensor unit: what the layers of a program are. All of their fixed columns
// stand in the slot `layers`, which the image pins (stark/session/image/layer_image.h fills them).
//
//   layers     id[2] kind .. out_extent | count          a row a layer: kLayer's tuple
//   weights    start key quad mu_power lambda_power w[64] | count | late: v0[5] .. v3[5]
//   weights 64 the same with w[256]
//   powers     first exponent | lambdas mus | late: lambda[5] mu[5]
//   positions  key emit offset | count                   a row for each q of each list
//   channels   key function[4] bias[4] | count           a row a word of output
//   steps      (function value edge reach wide) x 4 | count[4]
//   many steps the same x 16 | count[16]                 of programs with many, most of them
//   windows    key quad position last offset | count     a row a word of a window, of pools
//   pairs      key quad a b offset | count               a row a word that a pair writes
//   pair bytes key value[16] | count[16]                 what a pair makes of bytes: of key, key + 1, ..
//   operands   key zero .. extent | count                a row a layer with weights in memory: kOperand's
//   products   key quad mu_power lambda_power | count    a row a quad and tap of these
//
// Why they are sound: fixed columns leave nothing to choose but how often a row is asked for. Keys are
// unique, and 0 is none's, no function's either: padding rows are 0, but for the id of
// `layers`, whose high limb is 2^16 there, which no register holds. Weights: a row has four
// channels of a quad and 16 outputs, or 64; `start` begins a new one, of as many rows as a group's outputs
// fill, and only its first row answers:
//
//   v_k = sum over its outputs o of lambda^o w[k][o]
//
// determined by fixed columns. A layer's weights are in one of the two tables, as the image's builder
// likes: keys are unique over both. Powers are determined from the first row on, which is fixed: exponents
// 0, 1, .. Late degrees: 16 or 64 a row of weights, 1 of each power.
#pragma once

#include "stark/chips/layer/buses.h"
#include "stark/chips/words.h"

namespace zkvm::stark::chips {

/// A list of tuples of one bus.
template <size_t kValues, const Bus<kValues>& kBus>
struct ListTable {
  static constexpr SlotUse kSlots[] = {{"layers", kValues}};
  template <class T>
  struct Cols {
    T tuple[kValues];
    T count;
  };
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(kBus, row.count, row.tuple);
  }
};

struct LayersTable : ListTable<16, kLayer> {
  static constexpr const char* kName = "layers";
  static constexpr const char* kColumns = "tuple[16] count";
};

template <uint32_t kOutputs_>
struct WeightsForm {
  static constexpr uint32_t kOutputs = kOutputs_;  // of a row
  static constexpr const char* kName = kOutputs == 16 ? "weights" : "weights 64";
  static constexpr const char* kColumns =
      kOutputs == 16 ? "start key quad mu_power lambda_power w[64] count v0[5] v1[5] v2[5] v3[5]"
                     : "start key quad mu_power lambda_power w[256] count v0[5] v1[5] v2[5] v3[5]";
  static constexpr SlotUse kSlots[] = {{"layers", 5 + 4 * kOutputs}};
  static constexpr uint16_t kLateWidth = 20;
  static constexpr uint32_t kLateDegree = kOutputs;
  template <class T>
  struct Cols {
    T start, key, quad, mu_power, lambda_power;
    T w[4][kOutputs];  // of the quad's channels
    T count;
    Ext<T> v[4];
  };
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    air.assert_zero("answers on a first row", row.count * (1 - row.start));
    for (int k = 0; k < 4; ++k) {
      Ext<E> sum = (1 - next.start) * (air.late(kLambda, kOutputs) * next.v[k]) + row.w[k][0];
      for (uint32_t o = 1; o < kOutputs; ++o) sum = sum + row.w[k][o] * air.late(kLambda, o);
      air.assert_zero("sum of weights", row.v[k] - sum);
    }
    air.answer(kWeights, row.count,
               weights_tuple(row.key, row.quad, row.mu_power, row.lambda_power, row.v).values);
  }
};
using WeightsTable = WeightsForm<16>;
using Weights64Table = WeightsForm<64>;

struct PowersTable {
  static constexpr const char* kName = "powers";
  static constexpr const char* kColumns = "first exponent lambdas mus lambda[5] mu[5]";
  static constexpr SlotUse kSlots[] = {{"layers", 2}};
  static constexpr uint16_t kLateWidth = 10;
  static constexpr uint32_t kLateDegree = 2;
  template <class T>
  struct Cols {
    T first, exponent;
    T lambdas, mus;  // how often each is asked for
    Ext<T> lambda, mu;
  };
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row, const Cols<typename B::Var>& next) {
    using E = typename B::Expr;
    air.assert_zero("lambda to the power 0", row.first * (row.lambda - E(1)));
    air.assert_zero("mu to the power 0", row.first * (row.mu - E(1)));
    air.assert_zero("next power of lambda",
                    (1 - next.first) * (next.lambda - air.late(kLambda, 1) * row.lambda));
    air.assert_zero("next power of mu", (1 - next.first) * (next.mu - air.late(kMu, 1) * row.mu));
    const auto &l = row.lambda.c, &m = row.mu.c;
    air.answer(kPower, row.lambdas, {kLambda, row.exponent, l[0], l[1], l[2], l[3], l[4]});
    air.answer(kPower, row.mus, {kMu, row.exponent, m[0], m[1], m[2], m[3], m[4]});
  }
};

struct PositionsTable {
  static constexpr const char* kName = "positions";
  static constexpr const char* kColumns = "key emit offset count";
  static constexpr SlotUse kSlots[] = {{"layers", 3}};
  template <class T>
  struct Cols {
    T key, emit, offset;
    T count;
  };
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(kPosition, row.count, {row.key, row.emit, row.offset});
  }
};

struct ChannelsTable : ListTable<9, kChannel> {
  static constexpr const char* kName = "channels";
  static constexpr const char* kColumns = "tuple[9] count";
};

/// A row has several steps: its quotient and its masks cost the same for few and for many.
template <uint32_t kSteps>
struct StepsOfRow {
  static constexpr uint32_t kParts = kSteps;
  static constexpr SlotUse kSlots[] = {{"layers", 5 * kParts}};
  template <class T>
  struct Cols {
    T step[kParts][5];
    T count[kParts];
  };
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    for (uint32_t k = 0; k < kParts; ++k) air.answer(kStep, row.count[k], row.step[k]);
  }
};
struct StepsTable : StepsOfRow<4> {
  static constexpr const char* kName = "steps";
  static constexpr const char* kColumns = "step0[5] step1[5] step2[5] step3[5] count[4]";
};
struct ManyStepsTable : StepsOfRow<16> {
  static constexpr const char* kName = "many steps";
  static constexpr const char* kColumns =
      "step0[5] step1[5] step2[5] step3[5] step4[5] step5[5] step6[5] step7[5] step8[5] step9[5] "
      "step10[5] step11[5] step12[5] step13[5] step14[5] step15[5] count[16]";
};

struct WindowsTable : ListTable<5, kWindow> {
  static constexpr const char* kName = "windows";
  static constexpr const char* kColumns = "tuple[5] count";
};

struct PairsTable : ListTable<5, kPairOperands> {
  static constexpr const char* kName = "pairs";
  static constexpr const char* kColumns = "tuple[5] count";
};

struct OperandsTable : ListTable<11, kOperand> {
  static constexpr const char* kName = "operands";
  static constexpr const char* kColumns = "tuple[11] count";
};

struct ProductsTable : ListTable<4, kProduct> {
  static constexpr const char* kName = "products";
  static constexpr const char* kColumns = "tuple[4] count";
};

/// Table t, counted from 1, has the keys t 2^16 + 256 a + b; those of padding rows are below 2^16.
struct PairBytesTable {
  static constexpr const char* kName = "pair bytes";
  static constexpr const char* kColumns = "key value[16] count[16]";
  static constexpr uint32_t kParts = 16;  // keys of a row
  static constexpr uint32_t kTable = 1u << 16;
  static constexpr SlotUse kSlots[] = {{"layers", 17}};
  template <class T>
  struct Cols {
    T key, value[kParts];
    T count[kParts];
  };
  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    for (uint32_t k = 0; k < kParts; ++k)
      air.answer(kPairByte, row.count[k], {row.key + k, row.value[k]});
  }
};

}  // namespace zkvm::stark::chips
