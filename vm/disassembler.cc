#include "vm/disassembler.h"

#include <fmt/format.h>

#include <array>

#include "vm/isa.h"

namespace zkvm::vm {
namespace {

constexpr std::array<std::string_view, 32> kRegisterNames = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

// The sets of a fence: i, o, r, w for bits 3 to 0.
std::string fence_set(uint32_t bits) {
  std::string set;
  for (int i = 0; i < 4; ++i) {
    if ((bits >> (3 - i) & 1) != 0) set += "iorw"[i];
  }
  return set.empty() ? "unknown" : set;
}

std::string operands(Format format, const Decoded& d, uint32_t word, uint32_t pc) {
  const auto rd = register_name(d.rd), rs1 = register_name(d.rs1), rs2 = register_name(d.rs2);
  const auto imm = static_cast<int32_t>(d.imm);
  switch (format) {
    case Format::kRegister:
      return fmt::format("{},{},{}", rd, rs1, rs2);
    case Format::kImmediate:
      return fmt::format("{},{},{}", rd, rs1, imm);
    case Format::kShift:
      return fmt::format("{},{},{:#x}", rd, rs1, d.imm);
    case Format::kLoad:
      return fmt::format("{},{}({})", rd, imm, rs1);
    case Format::kStore:
      return fmt::format("{},{}({})", rs2, imm, rs1);
    case Format::kBranch:
      return fmt::format("{},{},{:x}", rs1, rs2, pc + d.imm);
    case Format::kUpper:
      return fmt::format("{},{:#x}", rd, d.imm >> 12);
    case Format::kJump:
      return fmt::format("{},{:x}", rd, pc + d.imm);
    case Format::kFence:
      return fmt::format("{},{}", fence_set(word >> 24 & 15), fence_set(word >> 20 & 15));
    case Format::kNone:
      return {};
  }
  return {};
}

}  // namespace

std::string_view register_name(int r) { return kRegisterNames[static_cast<size_t>(r)]; }

std::string disassemble(uint32_t word, uint32_t pc) {
  const Decoded d = decode(word);
  if (d.op == Op::kIllegal) return fmt::format(".word\t{:#010x}", word);
  const Instruction& instruction = info(d.op);
  if (instruction.format == Format::kNone) return std::string(instruction.name);
  return fmt::format("{}\t{}", instruction.name, operands(instruction.format, d, word, pc));
}

}  // namespace zkvm::vm
