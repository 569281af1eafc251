// What each instruction does: one text, compiled by every executor.
//
// A context X gives the operands and ends the instruction by exactly one action, which either
// happens as a whole or, when the guest is at fault, not at all:
//   rs1() rs2() imm()       operands; imm() of auipc is pc + immediate where X decodes ahead
//   set(v)                  rd = v, go on at pc + 4
//   load<T>(address)        rd = the T there, sign- or zero-extended by T, go on
//   store<T>(address, v)    the T there = the low bits of v, go on
//   branch(taken)           go on at the branch's target or at pc + 4
//   jump() / jump_to(t)     rd = pc + 4, go on at jal's target or at t
//   system_call(), trap(kind)
#pragma once

#include <cstdint>

#include "vm/isa.h"
#include "vm/trap.h"

#define ZKVM_ALWAYS_INLINE [[gnu::always_inline]] inline

namespace zkvm::vm {

namespace semantics {

constexpr int32_t s(uint32_t v) { return static_cast<int32_t>(v); }
constexpr uint32_t u(int32_t v) { return static_cast<uint32_t>(v); }
constexpr uint32_t high(int64_t product) { return static_cast<uint32_t>(product >> 32); }

// Division never traps: x / 0 = all ones, x % 0 = x, and -2^31 / -1 overflows to -2^31, rest 0.
constexpr uint32_t div(uint32_t a, uint32_t b) {
  if (b == 0) return ~0u;
  return b == ~0u ? 0 - a : u(s(a) / s(b));
}
constexpr uint32_t rem(uint32_t a, uint32_t b) {
  if (b == 0) return a;
  return b == ~0u ? 0 : u(s(a) % s(b));
}
constexpr uint32_t divu(uint32_t a, uint32_t b) { return b == 0 ? ~0u : a / b; }
constexpr uint32_t remu(uint32_t a, uint32_t b) { return b == 0 ? a : a % b; }

}  // namespace semantics

template <class X>
ZKVM_ALWAYS_INLINE void execute(Op op, X& x) {
  using namespace semantics;
  const uint32_t a = x.rs1(), b = x.rs2(), imm = x.imm();
  switch (op) {
    case Op::kLui:
    case Op::kAuipc:
      return x.set(imm);
    case Op::kAddi:
      return x.set(a + imm);
    case Op::kSlti:
      return x.set(s(a) < s(imm));
    case Op::kSltiu:
      return x.set(a < imm);
    case Op::kXori:
      return x.set(a ^ imm);
    case Op::kOri:
      return x.set(a | imm);
    case Op::kAndi:
      return x.set(a & imm);
    case Op::kSlli:
      return x.set(a << imm);
    case Op::kSrli:
      return x.set(a >> imm);
    case Op::kSrai:
      return x.set(u(s(a) >> imm));
    case Op::kAdd:
      return x.set(a + b);
    case Op::kSub:
      return x.set(a - b);
    case Op::kSll:
      return x.set(a << (b & 31));
    case Op::kSlt:
      return x.set(s(a) < s(b));
    case Op::kSltu:
      return x.set(a < b);
    case Op::kXor:
      return x.set(a ^ b);
    case Op::kSrl:
      return x.set(a >> (b & 31));
    case Op::kSra:
      return x.set(u(s(a) >> (b & 31)));
    case Op::kOr:
      return x.set(a | b);
    case Op::kAnd:
      return x.set(a & b);
    case Op::kMul:
      return x.set(a * b);
    case Op::kMulh:
      return x.set(high(int64_t{s(a)} * s(b)));
    case Op::kMulhsu:
      return x.set(high(int64_t{s(a)} * b));
    case Op::kMulhu:
      return x.set(static_cast<uint32_t>(uint64_t{a} * b >> 32));
    case Op::kDiv:
      return x.set(div(a, b));
    case Op::kDivu:
      return x.set(divu(a, b));
    case Op::kRem:
      return x.set(rem(a, b));
    case Op::kRemu:
      return x.set(remu(a, b));
    case Op::kLb:
      return x.template load<int8_t>(a + imm);
    case Op::kLh:
      return x.template load<int16_t>(a + imm);
    case Op::kLw:
      return x.template load<int32_t>(a + imm);
    case Op::kLbu:
      return x.template load<uint8_t>(a + imm);
    case Op::kLhu:
      return x.template load<uint16_t>(a + imm);
    case Op::kSb:
      return x.template store<uint8_t>(a + imm, b);
    case Op::kSh:
      return x.template store<uint16_t>(a + imm, b);
    case Op::kSw:
      return x.template store<uint32_t>(a + imm, b);
    case Op::kBeq:
      return x.branch(a == b);
    case Op::kBne:
      return x.branch(a != b);
    case Op::kBlt:
      return x.branch(s(a) < s(b));
    case Op::kBge:
      return x.branch(s(a) >= s(b));
    case Op::kBltu:
      return x.branch(a < b);
    case Op::kBgeu:
      return x.branch(a >= b);
    case Op::kJal:
      return x.jump();
    case Op::kJalr:
      return x.jump_to((a + imm) & ~1u);
    case Op::kFence:
      return x.set(a + imm);  // addi x0, x0, 0
    case Op::kEcall:
      return x.system_call();
    case Op::kEbreak:
      return x.trap(TrapKind::kBreakpoint);
    case Op::kIllegal:
      return x.trap(TrapKind::kIllegalInstruction);
  }
}

}  // namespace zkvm::vm
