// One round of a block of blake3 (blake3_block.h).
//
//   clk left round | a[4][2] b[4][4] c[4][2] d[4][4] | m[16][2] | column[4][40] diagonal[4][38] | real
//
// Takes a block's state and message before the round and hands on what they are before the next one. Buses:
// state 6, and8 96, xor8 32.
//
// Why it is sound: the round is blake3_mix.h's. A block sends the state before round 0 and receives the one
// before round 7, both under its clk and left, which no other block has; each row leads from one round to the
// next, so between the two there are seven rows, that receive what the one before has sent. (Rows apart from
// them would be a chain without a begin: as many as p.) The limbs of a, c and m were shown to be below 2^16 by
// the first sender; those of b and d are in bytes, which are looked up. On padding rows `real` is 0.
#pragma once

#include "stark/chips/hash/blake3_block.h"

namespace zkvm::stark::chips {

struct Blake3Round {
  static constexpr const char* kName = "blake3 round";
  static constexpr const char* kColumns =
      "clk left round a[8] b[16] c[8] d[16] m[32] column[160] diagonal[152] real";
  template <class T>
  struct Cols {
    T clk, left, round;
    Blake3State<T> state;
    Limbs<T> m[16];
    Blake3RoundCells<T, CrossingTopBits> cells;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    using E = typename B::Expr;
    const E& real = row.real;
    air.assert_bool("real", real);
    Blake3State<E> state = row.state;
    Limbs<E> m[16], v[16];
    for (int i = 0; i < 16; ++i) m[i] = row.m[i];
    limbs_of_state(state, v);
    exchange_blake3_state<E>(row.clk, row.left, row.round, v, m,
                             [&](const auto& tuple) { air.receive(kBlake3State, real, tuple); });
    assert_round<B>(air, real, state, m, row.cells);
    limbs_of_state(state, v);
    exchange_blake3_state<E>(row.clk, row.left, row.round + 1, v, m,
                             [&](const auto& tuple) { air.send(kBlake3State, real, tuple); });
  }

  /// Round `round` of a block; `record`: as Blake3Block's.
  template <class Record>
  static void fill(Cols<Fp>& row, const Record& record, uint32_t round) {
    uint32_t m[16], v[16];
    for (int i = 0; i < 16; ++i) m[i] = record.words[i].value;
    first_state(record.cv, record.counter, record.length, record.flags, v);
    for (uint32_t r = 0; r < round; ++r) fill_round(row.cells, v, m);
    row.clk = fp(record.clk);
    row.left = fp(record.left);
    row.round = fp(round);
    for (int i = 0; i < 4; ++i) {
      row.state.a[i] = limbs_of(v[i]);
      row.state.b[i] = bytes_of(v[4 + i]);
      row.state.c[i] = limbs_of(v[8 + i]);
      row.state.d[i] = bytes_of(v[12 + i]);
    }
    for (int i = 0; i < 16; ++i) row.m[i] = limbs_of(m[i]);
    fill_round(row.cells, v, m);
    row.real = Fp::one();
  }

 private:
  template <class E>
  [[gnu::always_inline]] static void limbs_of_state(const Blake3State<E>& state,
                                                    Limbs<E> (&v)[16]) {
    for (int i = 0; i < 4; ++i) {
      v[i] = state.a[i];
      v[4 + i] = limbs_of(state.b[i]);
      v[8 + i] = state.c[i];
      v[12 + i] = limbs_of(state.d[i]);
    }
  }
};

}  // namespace zkvm::stark::chips
