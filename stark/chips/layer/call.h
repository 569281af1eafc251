// ecall of a layer: a7 = kCallNumber, a0 = id of the layer, a1 = base of its input, a2 = base of its
// output. All four registers are left as they are.
//
//   clk pc t7 | id[2] t0 | in[2] t1 | out[2] t2 | in_rest out_rest | kind linear .. the layer's row .. |
//   real
//
// Looks the layer's fixed row up and opens its jobs: reading, products, writing. Buses: state 2,
// program 1, each register 3, layer 1, extents 6, jobs 3: 25.
//
// Why it is sound: the program row says that pc holds an ecall, and a7 is compared limb by limb. What
// the jobs are about comes from the fixed row of this id alone. Each job carries clk, which no other
// call has, so it is received once. Addresses: access.h's `operand`; extents <= 2^29 (the image's builder sees to
// it). On padding rows `real` is 0, and with it
// `linear`: no traffic.
#pragma once

#include "stark/chips/instruction.h"
#include "stark/chips/layer/buses.h"

namespace zkvm::stark::chips {

struct LayerCall {
  static constexpr const char* kName = "layer call";
  static constexpr const char* kColumns =
      "clk pc t7 id[2] t0 in[2] t1 out[2] t2 in_rest out_rest kind linear positions step jump "
      "quads "
      "zero key products rows words position_end channel_end in_extent out_extent real";
  template <class T>
  struct Cols {
    T clk, pc;
    T a7_time;
    Found<T> id, in, out;
    T in_rest, out_rest;
    T kind, linear;
    T positions, step, jump, quads, zero, key, products, rows, words, position_end, channel_end;
    T in_extent, out_extent;
    T real;
  };

  static constexpr uint32_t kCallNumber = 0x7a6b0001;  // guest/include/zk/abi.h
  static constexpr uint32_t kA0 = 10, kA1 = 11, kA2 = 12, kA7 = 17;

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const E &clk = row.clk, &real = row.real;
    air.assert_bool("real", real);
    air.assert_bool("linear", row.linear);
    air.assert_bool("linear", real - row.linear);
    // 1 - linear for kMaxPool, 0 for kBytes and kWords; nothing of another kind is called by this
    // number: 3, 4 and 5 give 6, 12, 20.
    air.assert_zero("linear", real * (row.kind * (row.kind - 1) - 2 * (1 - row.linear)));
    step(air, real, clk, row.pc, row.pc + 4);
    fetch(air, real, row.pc, number(Operation::kEcall), 0, 0, 0, {0, 0}, 0);
    const E now = clk * 4 + 2;
    read_register(air, real, kA7, {{kCallNumber & 0xffff, kCallNumber >> 16}, row.a7_time}, now);
    read_register(air, real, kA0, row.id, now);
    read_register(air, real, kA1, row.in, now);
    read_register(air, real, kA2, row.out, now);
    air.send(kLayer, real,
             {row.id.value.lo, row.id.value.hi, row.kind, row.positions, row.step, row.jump,
              row.quads, row.zero, row.key, row.products, row.rows, row.words, row.position_end,
              row.channel_end, row.in_extent, row.out_extent});
    const E in = operand(air, real, row.in.value, row.in_extent, row.in_rest) * kQuarter;
    const E out = operand(air, real, row.out.value, row.out_extent, row.out_rest) * kQuarter;
    air.send(kLayerRead, real,
             {clk, 0, in, row.positions, row.step, row.jump, row.quads, row.zero});
    air.send(kLayerProducts, row.linear, {clk, row.key, row.products});
    air.send(kLayerWrite, real,
             {row.kind, clk, out, row.rows, row.words, row.position_end, row.channel_end});
  }

  /// `record`: as vm::LayerRow. `fixed`: the layer's row, as on the bus kLayer.
  template <class Record>
  static void fill(Cols<Fp>& row, const ProgramRow& insn, const Record& record,
                   const Fp (&fixed)[16]) {
    row = {.clk = fp(record.clk),
           .pc = fp(insn.pc),
           .a7_time = fp(record.a7.time),
           .id = found(record.a0),
           .in = found(record.a1),
           .out = found(record.a2),
           .in_rest = operand_rest(record.a1.value, fixed[14]),
           .out_rest = operand_rest(record.a2.value, fixed[15]),
           .kind = fixed[2],
           .linear = fp(fixed[2] != fp(number(LayerKind::kMaxPool))),
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
           .real = Fp::one()};
  }
};

}  // namespace zkvm::stark::chips
