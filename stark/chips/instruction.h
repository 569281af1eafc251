// What every instruction chip does: step from one instruction to the next, fetch its program row,
// read its operands and write its result.
#pragma once

#include "stark/chips/access.h"
#include "stark/chips/buses.h"
#include "stark/chips/program_row.h"
#include "stark/chips/words.h"
#include "stark/field/field.h"

namespace zkvm::stark::chips {

/// From the instruction at (clk, pc) to the next one.
template <class B>
[[gnu::always_inline]] inline void step(B& air, const Expr<B>& real, const Expr<B>& clk,
                                        const Expr<B>& pc, const Expr<B>& next_pc) {
  air.receive(kState, real, {clk, pc});
  air.send(kState, real, {clk + 1, next_pc});
}

/// The look-up of the instruction at pc: `operation`, `rd`, ... are the fields of its ProgramRow.
template <class B>
[[gnu::always_inline]] inline void fetch(B& air, const Expr<B>& real, const Expr<B>& pc,
                                         const Expr<B>& operation, const Expr<B>& rd,
                                         const Expr<B>& rs1, const Expr<B>& rs2,
                                         const Limbs<Expr<B>>& imm, const Expr<B>& target) {
  air.send(kProgram, real, {pc, operation, rd, rs1, rs2, imm.lo, imm.hi, target});
}

/// rs1 and rd of an instruction: two registers; or, of a chip for instructions with rd = rs1, one,
/// which is read and overwritten in one access. Such an instruction may be a row of either chip.
/// SOUNDNESS: the look-up of the program row has rd in the place of rs1, so no other instruction
/// has such a row. If rs2 is the same register, its access at 4 clk + 1 comes first and leaves the
/// value as it is. (The record has other times then: such instructions go to the general chip.)
template <class T, bool kIsInPlace>
struct Rs1AndRd {
  T rd, rs1;
  T ta;  // of the access before to rs1
  Found<T> old;
  [[nodiscard]] const T& source() const { return rs1; }
};
template <class T>
struct Rs1AndRd<T, true> {
  T rd;
  T ta;
  [[nodiscard]] const T& source() const { return rd; }
};

/// rs1 holds `a` and rd gets `c`, whose limbs must be in range.
template <class B, bool kIsInPlace>
[[gnu::always_inline]] inline void read_and_write(B& air, const Expr<B>& real,
                                                  const Rs1AndRd<Expr<B>, kIsInPlace>& row,
                                                  const Limbs<Expr<B>>& a, const Limbs<Expr<B>>& c,
                                                  const Expr<B>& clk) {
  if constexpr (kIsInPlace) {
    access_register(air, real, row.rd, {a, row.ta}, c, clk * 4 + 2);
  } else {
    read_register(air, real, row.rs1, {a, row.ta}, clk * 4);
    access_register(air, real, row.rd, row.old, c, clk * 4 + 2);
  }
}

/// The second operand of a chip that serves register and immediate forms: b is what rs2 holds where
/// `reg` is 1, and the immediate where `real` is 1 and `reg` is 0.
/// SOUNDNESS: the asserts let `reg` be 1 only where `real` is; the operation in the caller's fetch
/// says which form it is, so the program row fixes `reg`.
template <class B>
[[gnu::always_inline]] inline void read_operand(B& air, const Expr<B>& real, const Expr<B>& reg,
                                                const Expr<B>& rs2, const Limbs<Expr<B>>& imm,
                                                const Found<Expr<B>>& b, const Expr<B>& now) {
  air.assert_bool("register form", reg);
  air.assert_bool("immediate form", real - reg);
  air.assert_zero("b = imm", (real - reg) * (b.value.lo - imm.lo));
  air.assert_zero("b = imm", (real - reg) * (b.value.hi - imm.hi));
  read_register(air, reg, rs2, b, now);
}

// For fill().

/// `record`: rs1, rd as in vm::RegisterRow.
template <bool kIsInPlace, class Record>
Rs1AndRd<Fp, kIsInPlace> rs1_and_rd(const ProgramRow& insn, const Record& record) {
  if constexpr (kIsInPlace)
    return {fp(insn.rd), fp(record.rs1.time)};
  else
    return {fp(insn.rd), fp(insn.rs1), fp(record.rs1.time), found(record.rd)};
}

/// What read_operand finds: an access, or with a record of the immediate form imm.
template <class Record>
Found<Fp> operand(const ProgramRow& insn, const Record& record) {
  if constexpr (requires { record.rs2; })
    return found(record.rs2);
  else
    return {limbs_of(insn.imm), Fp::zero()};
}

}  // namespace zkvm::stark::chips
