#include "host/disassembler.h"

#include <fmt/format.h>

#include <array>
#include <string_view>

#include "vm/isa.h"

namespace zkvm {
namespace {

constexpr std::array<std::string_view, 32> kRegisterNames = {
    "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
    "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
    "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};

// The sets of accesses that a fence orders, "iorw" for 15.
std::string fence_set(uint32_t bits) {
  std::string text;
  for (uint32_t i = 0; i < 4; ++i) {
    if ((bits & (8u >> i)) != 0) text += "iorw"[i];
  }
  return text.empty() ? "unknown" : text;
}

}  // namespace

std::string disassemble(uint32_t word, uint32_t pc) {
  const vm::Decoded d = vm::decode(word);
  if (d.op == vm::Op::kIllegal) return fmt::format(".word 0x{:08x}", word);
  const std::string_view name = vm::info(d.op).name;
  const auto imm = static_cast<int32_t>(d.imm);
  const std::string_view rd = kRegisterNames[d.rd];
  const std::string_view rs1 = kRegisterNames[d.rs1];
  const std::string_view rs2 = kRegisterNames[d.rs2];
  switch (vm::info(d.op).format) {
    case vm::Format::kRegister:
      return fmt::format("{:<6} {}, {}, {}", name, rd, rs1, rs2);
    case vm::Format::kImmediate:
      return fmt::format("{:<6} {}, {}, {}", name, rd, rs1, imm);
    case vm::Format::kShift:
      return fmt::format("{:<6} {}, {}, {:#x}", name, rd, rs1, d.imm);
    case vm::Format::kLoad:
      return fmt::format("{:<6} {}, {}({})", name, rd, imm, rs1);
    case vm::Format::kStore:
      return fmt::format("{:<6} {}, {}({})", name, rs2, imm, rs1);
    case vm::Format::kBranch:
      return fmt::format("{:<6} {}, {}, {:x}", name, rs1, rs2, pc + d.imm);
    case vm::Format::kUpper:
      return fmt::format("{:<6} {}, {:#x}", name, rd, d.imm >> 12);
    case vm::Format::kJump:
      return fmt::format("{:<6} {}, {:x}", name, rd, pc + d.imm);
    case vm::Format::kFence:
      return fmt::format("{:<6} {}, {}", name, fence_set(word >> 24 & 15),
                         fence_set(word >> 20 & 15));
    case vm::Format::kNone:
      return std::string(name);
  }
  return std::string(name);
}

std::optional<uint32_t> jump_target(uint32_t word, uint32_t pc) {
  const vm::Decoded d = vm::decode(word);
  if (d.op == vm::Op::kIllegal) return std::nullopt;
  const vm::Format format = vm::info(d.op).format;
  if (format != vm::Format::kBranch && format != vm::Format::kJump) return std::nullopt;
  return pc + d.imm;
}

}  // namespace zkvm
