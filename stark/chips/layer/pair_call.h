// ecall of a pair, a layer with two inputs: a7 = kCallNumber, a0 = id of the layer, a1 = base of a, a2 =
// base of b, a3 = base of its output. All five registers are left as they are.
//
//   clk pc t7 | id[2] t0 | a[2] t1 | b[2] t2 | out[2] t3 | a_rest b_rest out_rest |
//   positions .. the layer's row .. | real
//
// As call.h, but opens two jobs of reading, operand 0 and 1, and no products. Buses: state 2, program 1,
// each register 3, layer 1, extents 9, jobs 3: 31.
//
// Why it is sound: as there. The fixed row must be one of kind kPair, as call.h's must be none.
#pragma once

#include "stark/chips/layer/call.h"

namespace zkvm::stark::chips {

struct LayerPairCall {
  static constexpr const char* kName = "layer pair call";
  static constexpr const char* kColumns =
      "clk pc t7 id[2] t0 a[2] t1 b[2] t2 out[2] t3 a_rest b_rest out_rest positions step jump "
      "quads "
      "b_extent b_step b_jump words b_positions list_end table a_extent out_extent real";
  template <class T>
  struct Cols {
    T clk, pc;
    T a7_time;
    Found<T> id, a, b, out;
    T a_rest, b_rest, out_rest;
    // As on the bus kLayer.
    T positions, step, jump, quads, b_extent, b_step, b_jump, words, b_positions, list_end, table;
    T a_extent, out_extent;
    T real;
  };

  static constexpr uint32_t kCallNumber = 0x7a6b0002;  // guest/include/zk/abi.h
  static constexpr uint32_t kA3 = 13;

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    using One = LayerCall;
    const E &clk = row.clk, &real = row.real;
    air.assert_bool("real", real);
    step(air, real, clk, row.pc, row.pc + 4);
    fetch(air, real, row.pc, number(Operation::kEcall), 0, 0, 0, {0, 0}, 0);
    const E now = clk * 4 + 2;
    read_register(air, real, One::kA7, {{kCallNumber & 0xffff, kCallNumber >> 16}, row.a7_time},
                  now);
    read_register(air, real, One::kA0, row.id, now);
    read_register(air, real, One::kA1, row.a, now);
    read_register(air, real, One::kA2, row.b, now);
    read_register(air, real, kA3, row.out, now);
    air.send(kLayer, real,
             {row.id.value.lo, row.id.value.hi, number(LayerKind::kPair), row.positions, row.step,
              row.jump, row.quads, row.b_extent, row.b_step, row.b_jump, row.words, row.b_positions,
              row.list_end, row.table, row.a_extent, row.out_extent});
    const E a = operand(air, real, row.a.value, row.a_extent, row.a_rest) * kQuarter;
    const E b = operand(air, real, row.b.value, row.b_extent, row.b_rest) * kQuarter;
    const E out = operand(air, real, row.out.value, row.out_extent, row.out_rest) * kQuarter;
    air.send(kLayerRead, real, {clk, 0, a, row.positions, row.step, row.jump, row.quads, 0});
    air.send(kLayerRead, real, {clk, 1, b, row.b_positions, row.b_step, row.b_jump, row.quads, 0});
    air.send(kLayerWrite, real,
             {number(LayerKind::kPair), clk, out, row.words, row.table, row.list_end, 0});
  }

  /// `record`: as vm::LayerRow. `fixed`: the layer's row, as on the bus kLayer.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record,
                   const Fp (&fixed)[16]) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .a7_time = fp(record.a7.time),
           .id = found(record.a0),
           .a = found(record.a1),
           .b = found(record.a2),
           .out = found(record.a3),
           .a_rest = operand_rest(record.a1.value, fixed[14]),
           .b_rest = operand_rest(record.a2.value, fixed[7]),
           .out_rest = operand_rest(record.a3.value, fixed[15]),
           .positions = fixed[3],
           .step = fixed[4],
           .jump = fixed[5],
           .quads = fixed[6],
           .b_extent = fixed[7],
           .b_step = fixed[8],
           .b_jump = fixed[9],
           .words = fixed[10],
           .b_positions = fixed[11],
           .list_end = fixed[12],
           .table = fixed[13],
           .a_extent = fixed[14],
           .out_extent = fixed[15],
           .real = Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
