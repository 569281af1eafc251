// ecall of a linear layer whose weights are in memory: a7 = kCallNumber, a0 = id of the layer, a1 =
// base of its input, a2 = base of its weights (and biases), a3 = base of its output. All five
// registers are left as they are.
//
//   clk pc t7 | id[2] t0 | in[2] t1 | w[2] t2 | out[2] t3 | in_rest w_rest out_rest |
//   sums positions step .. the layer's row .. | w_zero lane .. the operand's row .. | real biased
//
// As call.h, but looks up a second fixed row, which says what the weights' words are, and opens
// jobs that read them, and the biases where there are some. Buses: state 2, program 1, each
// register 3, layer 1, operand 1, extents 9, jobs 5: 34.
//
// Why it is sound: as there. The layer's row must be of kind kBytesOfTwo or kWordsOfTwo, as
// call.h's and pair_call.h's must not. The operand's row is that of its key, which only parts of one layer
// share. On padding rows `real` is 0, and with it `biased`.
#pragma once

#include "stark/chips/layer/call.h"

namespace zkvm::stark::chips {

struct LayerWeightsCall {
  static constexpr const char* kName = "layer weights call";
  static constexpr const char* kColumns =
      "clk pc t7 id[2] t0 in[2] t1 w[2] t2 out[2] t3 in_rest w_rest out_rest sums positions step "
      "jump quads zero key products rows words position_end channel_end in_extent out_extent "
      "w_zero lane row_step product_jump product_rows by_outputs bias_place biases w_extent real "
      "biased";
  template <class T>
  struct Cols {
    T clk, pc;
    T a7_time;
    Found<T> id, in, w, out;
    T in_rest, w_rest, out_rest;
    // As on the bus kLayer; sums: 1 if the results are words.
    T sums, positions, step, jump, quads, zero, key, products, rows, words, position_end,
        channel_end;
    T in_extent, out_extent;
    // As on the bus kOperand.
    T w_zero, lane, row_step, product_jump, product_rows, by_outputs, bias_place, biases, w_extent;
    T real, biased;
  };

  static constexpr uint32_t kCallNumber = 0x7a6b0003;  // guest/include/zk/abi.h
  static constexpr uint32_t kA3 = 13;
  static constexpr uint32_t kOfTwo = number(LayerKind::kBytesOfTwo);
  static_assert(kOfTwo + number(LayerKind::kBytes) == number(LayerKind::kBytesOfTwo) &&
                kOfTwo + number(LayerKind::kWords) == number(LayerKind::kWordsOfTwo));

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    using One = LayerCall;
    const E &clk = row.clk, &real = row.real;
    air.assert_bool("real", real);
    air.assert_bool("biased", row.biased);
    air.assert_bool("biased", real - row.biased);
    air.assert_bool("sums", row.sums);
    step(air, real, clk, row.pc, row.pc + 4);
    fetch(air, real, row.pc, number(Operation::kEcall), 0, 0, 0, {0, 0}, 0);
    const E now = clk * 4 + 2;
    read_register(air, real, One::kA7, {{kCallNumber & 0xffff, kCallNumber >> 16}, row.a7_time},
                  now);
    read_register(air, real, One::kA0, row.id, now);
    read_register(air, real, One::kA1, row.in, now);
    read_register(air, real, One::kA2, row.w, now);
    read_register(air, real, kA3, row.out, now);
    air.send(kLayer, real,
             {row.id.value.lo, row.id.value.hi, row.sums + kOfTwo, row.positions, row.step,
              row.jump, row.quads, row.zero, row.key, row.products, row.rows, row.words,
              row.position_end, row.channel_end, row.in_extent, row.out_extent});
    air.send(kOperand, real,
             {row.key, row.w_zero, row.lane, row.row_step, row.product_jump, row.product_rows,
              row.by_outputs, row.biased, row.bias_place, row.biases, row.w_extent});
    const E in = operand(air, real, row.in.value, row.in_extent, row.in_rest) * kQuarter;
    const E w = operand(air, real, row.w.value, row.w_extent, row.w_rest) * kQuarter;
    const E out = operand(air, real, row.out.value, row.out_extent, row.out_rest) * kQuarter;
    air.send(kLayerRead, real,
             {clk, 0, in, row.positions, row.step, row.jump, row.quads, row.zero});
    air.send(kReadWeights, real,
             {clk, w, row.products, row.product_rows, row.lane, row.row_step, row.product_jump,
              row.w_zero, row.by_outputs});
    air.send(kReadBias, row.biased, {clk, w + row.bias_place, row.biases, row.rows});
    air.send(kMemoryProducts, real, {clk, row.key, row.products, row.biased});
    air.send(kLayerWrite, real,
             {row.sums, clk, out, row.rows, row.words, row.position_end, row.channel_end});
  }

  /// `record`: as vm::LayerRow. `fixed`, `operand`: the layer's rows, as on the buses kLayer and
  /// kOperand.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record,
                   const Fp (&fixed)[16], const Fp (&operand)[11]) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .a7_time = fp(record.a7.time),
           .id = found(record.a0),
           .in = found(record.a1),
           .w = found(record.a2),
           .out = found(record.a3),
           .in_rest = operand_rest(record.a1.value, fixed[14]),
           .w_rest = operand_rest(record.a2.value, operand[10]),
           .out_rest = operand_rest(record.a3.value, fixed[15]),
           .sums = fixed[2] - fp(kOfTwo),
           .positions = fixed[3],
           .step = fixed[4],
           .jump = fixed[5],
           .quads = fixed[6],
           .zero = fixed[7],
           .key = fixed[8],
           .products = fixed[9],
           .rows = fixed[10],
           .words = fixed[11],
           .position_end = fixed[12],
           .channel_end = fixed[13],
           .in_extent = fixed[14],
           .out_extent = fixed[15],
           .w_zero = operand[1],
           .lane = operand[2],
           .row_step = operand[3],
           .product_jump = operand[4],
           .product_rows = operand[5],
           .by_outputs = operand[6],
           .bias_place = operand[8],
           .biases = operand[9],
           .w_extent = operand[10],
           .real = Fp::one(),
           .biased = operand[7]};
  }
};

}  // namespace zkvm::stark::chips
