#include "stark/session/image/program_rows.h"

#include "vm/code.h"
#include "vm/isa.h"

namespace zkvm::stark::machine {
namespace {

using chips::Operation;
using chips::ProgramRow;

/// `immediate`: the form with an immediate of an operation that has both.
struct OperationOf {
  Operation operation;
  bool immediate = false;
};

OperationOf operation_of(vm::Op op) {
  using vm::Op;
  switch (op) {
    case Op::kAdd:
      return {Operation::kAdd};
    case Op::kSub:
      return {Operation::kSub};
    case Op::kAddi:
    case Op::kLui:
    case Op::kAuipc:
    case Op::kFence:
      return {Operation::kAddImm};
    case Op::kAnd:
      return {Operation::kAnd};
    case Op::kOr:
      return {Operation::kOr};
    case Op::kXor:
      return {Operation::kXor};
    case Op::kSll:
      return {Operation::kSll};
    case Op::kSrl:
      return {Operation::kSrl};
    case Op::kSra:
      return {Operation::kSra};
    case Op::kSlt:
      return {Operation::kSlt};
    case Op::kSltu:
      return {Operation::kSltu};
    case Op::kAndi:
      return {Operation::kAnd, true};
    case Op::kOri:
      return {Operation::kOr, true};
    case Op::kXori:
      return {Operation::kXor, true};
    case Op::kSlli:
      return {Operation::kSll, true};
    case Op::kSrli:
      return {Operation::kSrl, true};
    case Op::kSrai:
      return {Operation::kSra, true};
    case Op::kSlti:
      return {Operation::kSlt, true};
    case Op::kSltiu:
      return {Operation::kSltu, true};
    case Op::kBeq:
      return {Operation::kBeq};
    case Op::kBne:
      return {Operation::kBne};
    case Op::kBlt:
      return {Operation::kBlt};
    case Op::kBge:
      return {Operation::kBge};
    case Op::kBltu:
      return {Operation::kBltu};
    case Op::kBgeu:
      return {Operation::kBgeu};
    case Op::kJal:
    case Op::kJalr:
      return {Operation::kJalr};
    case Op::kLb:
      return {Operation::kLb};
    case Op::kLbu:
      return {Operation::kLbu};
    case Op::kLh:
      return {Operation::kLh};
    case Op::kLhu:
      return {Operation::kLhu};
    case Op::kLw:
      return {Operation::kLw};
    case Op::kSb:
      return {Operation::kSb};
    case Op::kSh:
      return {Operation::kSh};
    case Op::kSw:
      return {Operation::kSw};
    case Op::kMul:
      return {Operation::kMul};
    case Op::kMulh:
      return {Operation::kMulh};
    case Op::kMulhsu:
      return {Operation::kMulhsu};
    case Op::kMulhu:
      return {Operation::kMulhu};
    case Op::kDiv:
      return {Operation::kDiv};
    case Op::kDivu:
      return {Operation::kDivu};
    case Op::kRem:
      return {Operation::kRem};
    case Op::kRemu:
      return {Operation::kRemu};
    case Op::kEcall:
      return {Operation::kEcall};
    case Op::kEbreak:
    case Op::kIllegal:
      return {Operation::kNone};
  }
  return {Operation::kNone};
}

}  // namespace

ProgramRow program_row(const vm::Region& text, uint32_t pc, uint32_t word) {
  const vm::Decoded insn = vm::decode_at(word, pc);
  const auto [operation, immediate] = operation_of(insn.op);
  ProgramRow row{
      .pc = pc, .operation = number(operation), .rd = 0, .rs1 = 0, .rs2 = 0, .imm = 0, .target = 0};
  if (operation == Operation::kNone) return row;
  if (immediate) row.operation += chips::kImmediate;
  row.rs1 = insn.rs1;
  row.rs2 = insn.rs2;
  const vm::Class cls = vm::class_of(insn.op);
  const bool branch = cls == vm::Class::kBranch, jal = insn.op == vm::Op::kJal;
  const bool store = cls == vm::Class::kStoreWord || cls == vm::Class::kStoreSub;
  if (!branch && !store && operation != Operation::kEcall) row.rd = insn.rd;
  // SOUNDNESS: a target is a pc of the text or none at all; as it stands it could be p + pc, or
  // kHaltPc.
  const bool in_text = (pc + insn.imm) % 4 == 0 && text.contains(pc + insn.imm);
  const uint32_t target = in_text ? pc + insn.imm : kNoTarget;
  if (branch) row.target = target;
  if (!branch) row.imm = jal ? target : insn.imm;
  if (operation == Operation::kJalr) row.target = (pc + 4) >> 16;
  return row;
}

}  // namespace zkvm::stark::machine
