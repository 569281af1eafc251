// The instruction table: RV32IM, one line per instruction. The decoder, the disassembler, the
// profile's classes, the record's rows and the proof's program table all read it.
//
// To add an instruction: one line here and its Op, one line in vm/semantics.h, one row in
// tests/isa/instruction_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace zkvm::vm {

// In the order of the table below.
enum class Op : uint8_t {
  kLb,
  kLh,
  kLw,
  kLbu,
  kLhu,
  kFence,
  kAddi,
  kSlli,
  kSlti,
  kSltiu,
  kXori,
  kSrli,
  kSrai,
  kOri,
  kAndi,
  kAuipc,
  kSb,
  kSh,
  kSw,
  kAdd,
  kSub,
  kSll,
  kSlt,
  kSltu,
  kXor,
  kSrl,
  kSra,
  kOr,
  kAnd,
  kMul,
  kMulh,
  kMulhsu,
  kMulhu,
  kDiv,
  kDivu,
  kRem,
  kRemu,
  kLui,
  kBeq,
  kBne,
  kBlt,
  kBge,
  kBltu,
  kBgeu,
  kJalr,
  kJal,
  kEcall,
  kEbreak,
  kIllegal,  // what every other word decodes to; not in the table
};  // clang-format keeps one group of opcodes per line

// Where a word keeps its operands, and how they are written.
enum class Format : uint8_t {
  kRegister,   // rd, rs1, rs2
  kImmediate,  // rd, rs1, imm
  kShift,      // rd, rs1, amount
  kLoad,       // rd, imm(rs1)
  kStore,      // rs2, imm(rs1)
  kBranch,     // rs1, rs2, target
  kUpper,      // rd, imm << 12
  kJump,       // rd, target
  kFence,      // predecessor, successor: ignored
  kNone,
};

// The proof's chip for the instruction; also the classes of `zkvm run` and `zkvm profile`.
// An immediate form is a class of its own: its row is narrower.
enum class Class : uint8_t {
  kAdd,       // add sub
  kAddImm,    // addi lui auipc fence (lui and auipc as x0 + constant, fence as addi x0, x0, 0)
  kBits,      // and or xor
  kBitsImm,   // andi ori xori
  kShift,     // sll srl sra
  kShiftImm,  // slli srli srai
  kCompare,   // slt sltu
  kCompareImm,
  kBranch,
  kJump,  // jal jalr
  kLoadWord,
  kLoadSub,  // lb lbu lh lhu
  kStoreWord,
  kStoreSub,  // sb sh
  kMul,
  kDiv,
  kSystem,  // ecall
  kTrap,    // ebreak, illegal: executing one always ends the run
};
inline constexpr int kClassCount = 18;

struct Instruction {
  Op op;
  std::string_view name;
  Format format;
  Class cls;
  uint32_t match;  // the word is this instruction when (word & mask) == match
  uint32_t mask;
};

namespace isa {
inline constexpr uint32_t kOpcode = 0x7f, kFunct3 = 0x707f, kFunct7 = 0xfe00707f, kWord = ~0u;
}

// Sorted by major opcode. Source: The RISC-V Instruction Set Manual, volume I, "RV32/64G
// Instruction Set Listings". FENCE is a no-op whatever its fields say: one hart, no devices.
inline constexpr std::array kInstructions = {
    Instruction{Op::kLb, "lb", Format::kLoad, Class::kLoadSub, 0x0003, isa::kFunct3},
    Instruction{Op::kLh, "lh", Format::kLoad, Class::kLoadSub, 0x1003, isa::kFunct3},
    Instruction{Op::kLw, "lw", Format::kLoad, Class::kLoadWord, 0x2003, isa::kFunct3},
    Instruction{Op::kLbu, "lbu", Format::kLoad, Class::kLoadSub, 0x4003, isa::kFunct3},
    Instruction{Op::kLhu, "lhu", Format::kLoad, Class::kLoadSub, 0x5003, isa::kFunct3},
    Instruction{Op::kFence, "fence", Format::kFence, Class::kAddImm, 0x000f, isa::kFunct3},
    Instruction{Op::kAddi, "addi", Format::kImmediate, Class::kAddImm, 0x0013, isa::kFunct3},
    Instruction{Op::kSlli, "slli", Format::kShift, Class::kShiftImm, 0x1013, isa::kFunct7},
    Instruction{Op::kSlti, "slti", Format::kImmediate, Class::kCompareImm, 0x2013, isa::kFunct3},
    Instruction{Op::kSltiu, "sltiu", Format::kImmediate, Class::kCompareImm, 0x3013, isa::kFunct3},
    Instruction{Op::kXori, "xori", Format::kImmediate, Class::kBitsImm, 0x4013, isa::kFunct3},
    Instruction{Op::kSrli, "srli", Format::kShift, Class::kShiftImm, 0x5013, isa::kFunct7},
    Instruction{Op::kSrai, "srai", Format::kShift, Class::kShiftImm, 0x40005013, isa::kFunct7},
    Instruction{Op::kOri, "ori", Format::kImmediate, Class::kBitsImm, 0x6013, isa::kFunct3},
    Instruction{Op::kAndi, "andi", Format::kImmediate, Class::kBitsImm, 0x7013, isa::kFunct3},
    Instruction{Op::kAuipc, "auipc", Format::kUpper, Class::kAddImm, 0x0017, isa::kOpcode},
    Instruction{Op::kSb, "sb", Format::kStore, Class::kStoreSub, 0x0023, isa::kFunct3},
    Instruction{Op::kSh, "sh", Format::kStore, Class::kStoreSub, 0x1023, isa::kFunct3},
    Instruction{Op::kSw, "sw", Format::kStore, Class::kStoreWord, 0x2023, isa::kFunct3},
    Instruction{Op::kAdd, "add", Format::kRegister, Class::kAdd, 0x0033, isa::kFunct7},
    Instruction{Op::kSub, "sub", Format::kRegister, Class::kAdd, 0x40000033, isa::kFunct7},
    Instruction{Op::kSll, "sll", Format::kRegister, Class::kShift, 0x1033, isa::kFunct7},
    Instruction{Op::kSlt, "slt", Format::kRegister, Class::kCompare, 0x2033, isa::kFunct7},
    Instruction{Op::kSltu, "sltu", Format::kRegister, Class::kCompare, 0x3033, isa::kFunct7},
    Instruction{Op::kXor, "xor", Format::kRegister, Class::kBits, 0x4033, isa::kFunct7},
    Instruction{Op::kSrl, "srl", Format::kRegister, Class::kShift, 0x5033, isa::kFunct7},
    Instruction{Op::kSra, "sra", Format::kRegister, Class::kShift, 0x40005033, isa::kFunct7},
    Instruction{Op::kOr, "or", Format::kRegister, Class::kBits, 0x6033, isa::kFunct7},
    Instruction{Op::kAnd, "and", Format::kRegister, Class::kBits, 0x7033, isa::kFunct7},
    Instruction{Op::kMul, "mul", Format::kRegister, Class::kMul, 0x02000033, isa::kFunct7},
    Instruction{Op::kMulh, "mulh", Format::kRegister, Class::kMul, 0x02001033, isa::kFunct7},
    Instruction{Op::kMulhsu, "mulhsu", Format::kRegister, Class::kMul, 0x02002033, isa::kFunct7},
    Instruction{Op::kMulhu, "mulhu", Format::kRegister, Class::kMul, 0x02003033, isa::kFunct7},
    Instruction{Op::kDiv, "div", Format::kRegister, Class::kDiv, 0x02004033, isa::kFunct7},
    Instruction{Op::kDivu, "divu", Format::kRegister, Class::kDiv, 0x02005033, isa::kFunct7},
    Instruction{Op::kRem, "rem", Format::kRegister, Class::kDiv, 0x02006033, isa::kFunct7},
    Instruction{Op::kRemu, "remu", Format::kRegister, Class::kDiv, 0x02007033, isa::kFunct7},
    Instruction{Op::kLui, "lui", Format::kUpper, Class::kAddImm, 0x0037, isa::kOpcode},
    Instruction{Op::kBeq, "beq", Format::kBranch, Class::kBranch, 0x0063, isa::kFunct3},
    Instruction{Op::kBne, "bne", Format::kBranch, Class::kBranch, 0x1063, isa::kFunct3},
    Instruction{Op::kBlt, "blt", Format::kBranch, Class::kBranch, 0x4063, isa::kFunct3},
    Instruction{Op::kBge, "bge", Format::kBranch, Class::kBranch, 0x5063, isa::kFunct3},
    Instruction{Op::kBltu, "bltu", Format::kBranch, Class::kBranch, 0x6063, isa::kFunct3},
    Instruction{Op::kBgeu, "bgeu", Format::kBranch, Class::kBranch, 0x7063, isa::kFunct3},
    Instruction{Op::kJalr, "jalr", Format::kLoad, Class::kJump, 0x0067, isa::kFunct3},
    Instruction{Op::kJal, "jal", Format::kJump, Class::kJump, 0x006f, isa::kOpcode},
    Instruction{Op::kEcall, "ecall", Format::kNone, Class::kSystem, 0x00000073, isa::kWord},
    Instruction{Op::kEbreak, "ebreak", Format::kNone, Class::kTrap, 0x00100073, isa::kWord},
};
inline constexpr int kOpCount = static_cast<int>(Op::kIllegal) + 1;

constexpr const Instruction& info(Op op) {  // REQUIRES: op is not kIllegal
  return kInstructions[static_cast<size_t>(op)];
}
constexpr Class class_of(Op op) { return op == Op::kIllegal ? Class::kTrap : info(op).cls; }
std::string_view name_of(Class cls);

// An instruction's operands. Registers that its format lacks are 0, so are all of fence's.
struct Decoded {
  Op op;
  uint8_t rd, rs1, rs2;
  uint32_t imm;  // sign-extended; shift amount; for lui and auipc already shifted

  bool operator==(const Decoded&) const = default;
};

// Total: every word that is not RV32IM decodes to kIllegal.
Decoded decode(uint32_t word);

}  // namespace zkvm::vm
