// The program as the chips see it: one row per instruction, with all that can be worked out once.
#pragma once

#include <cstdint>

#include "stark/field/field.h"

namespace zkvm::stark::chips {

/// Numbers of operations on the program bus. 0 is what no chip looks up: padding, ebreak, and words
/// that are no instructions. Unused fields of a ProgramRow are 0.
enum class Operation : uint8_t {
  kNone = 0,
  kAdd = 1,     // rd rs1 rs2
  kSub = 2,     // rd rs1 rs2
  kAddImm = 3,  // rd rs1 imm; lui and auipc: x0 + a constant; fence: x0, x0, 0

  // rd rs1 rs2; with an immediate: rd rs1 imm (of shifts below 32), and kImmediate is added.
  kAnd = 4,
  kOr = 5,
  kXor = 6,
  kSll = 7,
  kSrl = 8,
  kSra = 9,
  kSlt = 10,
  kSltu = 11,

  // rs1 rs2 target
  kBeq = 12,
  kBne = 13,
  kBlt = 14,
  kBge = 15,
  kBltu = 16,
  kBgeu = 17,

  // rd rs1 imm, target = (pc + 4) >> 16: the high limb of what rd gets; jal: x0 + a constant
  kJalr = 19,

  // rd rs1 imm
  kLb = 20,
  kLbu = 21,
  kLh = 22,
  kLhu = 23,
  kLw = 24,
  // rs1 rs2 imm
  kSb = 25,
  kSw = 26,
  kSh = 27,  // as far from sb as lh is from lb: sub_word.h

  // rd rs1 rs2
  kMul = 28,
  kMulh = 29,
  kMulhsu = 30,
  kMulhu = 31,
  kDiv = 32,
  kDivu = 33,
  kRem = 34,
  kRemu = 35,

  kEcall = 36,
};

/// Added to kAnd .. kSltu where the second operand is the immediate. (A number, not a flag: an
/// instruction has one Operation or one Operation + kImmediate.)
inline constexpr uint32_t kImmediate = 64;

/// A row of the program table, in the order of the program bus. `imm` is sign-extended and stands
/// on the bus as imm_on_bus(); rd = x0 is kDummyWord.
struct ProgramRow {
  uint32_t pc;
  uint32_t operation;
  uint32_t rd, rs1, rs2;
  uint32_t imm;
  uint32_t target;
};

constexpr uint32_t number(Operation operation) { return static_cast<uint32_t>(operation); }

/// How a shift by `amount` bits (its low five) multiplies and then moves bytes: to the left by
/// 2^(amount mod 8), to the right by 2^(8 - amount mod 8).
struct ShiftBy {
  uint32_t power, bytes;
};
constexpr ShiftBy shift_by(bool right, uint32_t amount) {
  return {right ? 256u >> amount % 8 : 1u << amount % 8, amount % 32 / 8};
}

/// The two elements that `imm` is on the bus: its limbs; but for jalr, loads and stores, whose
/// addresses are one element, imm itself modulo p, and 0; and for shifts power and bytes of
/// shift_by().
struct ImmOnBus {
  Fp lo, hi;
};
constexpr ImmOnBus imm_on_bus(const ProgramRow& row) {
  constexpr uint32_t kSlli = number(Operation::kSll) + kImmediate;
  constexpr uint32_t kSrai = number(Operation::kSra) + kImmediate;
  if (row.operation >= kSlli && row.operation <= kSrai) {
    const ShiftBy by = shift_by(row.operation != kSlli, row.imm);
    return {Fp::from(by.power), Fp::from(by.bytes)};
  }
  const bool is_address =
      row.operation >= number(Operation::kJalr) && row.operation <= number(Operation::kSh);
  if (!is_address) return {Fp::from(row.imm & 0xffff), Fp::from(row.imm >> 16)};
  const Fp magnitude = Fp::from(row.imm >> 31 ? 0 - row.imm : row.imm);
  return {row.imm >> 31 ? -magnitude : magnitude, Fp::zero()};
}

}  // namespace zkvm::stark::chips
