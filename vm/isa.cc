#include "vm/isa.h"

namespace zkvm::vm {
namespace {

constexpr bool table_is_in_order() {
  for (size_t i = 0; i < kInstructions.size(); ++i) {
    if (static_cast<size_t>(kInstructions[i].op) != i) return false;
    if (i > 0 && (kInstructions[i].match & 0x7f) < (kInstructions[i - 1].match & 0x7f)) {
      return false;
    }
  }
  return kInstructions.size() + 1 == kOpCount;
}
static_assert(table_is_in_order(), "kInstructions is in the order of Op, by major opcode");

// first[m] to first[m + 1]: the instructions whose major opcode (bits 6:2) is m.
constexpr std::array<uint8_t, 33> first_by_opcode() {
  std::array<uint8_t, 33> first{};
  for (const Instruction& instruction : kInstructions) {
    for (size_t m = ((instruction.match >> 2) & 31) + 1; m < first.size(); ++m) ++first[m];
  }
  return first;
}
constexpr auto kFirst = first_by_opcode();

Op find(uint32_t word) {
  const uint32_t major = (word >> 2) & 31;
  for (size_t i = kFirst[major]; i < kFirst[major + 1]; ++i) {
    if ((word & kInstructions[i].mask) == kInstructions[i].match) return kInstructions[i].op;
  }
  return Op::kIllegal;
}

// Bits hi..lo of the word.
constexpr uint32_t bits(uint32_t word, int hi, int lo) {
  return (word >> lo) & ((2u << (hi - lo)) - 1);
}
constexpr uint32_t sign_extend(uint32_t value, int width) {
  return static_cast<uint32_t>(static_cast<int32_t>(value << (32 - width)) >> (32 - width));
}

uint32_t immediate(Format format, uint32_t word) {
  switch (format) {
    case Format::kImmediate:
    case Format::kLoad:
      return sign_extend(bits(word, 31, 20), 12);
    case Format::kShift:
      return bits(word, 24, 20);
    case Format::kStore:
      return sign_extend(bits(word, 31, 25) << 5 | bits(word, 11, 7), 12);
    case Format::kBranch:
      return sign_extend(bits(word, 31, 31) << 12 | bits(word, 7, 7) << 11 |
                             bits(word, 30, 25) << 5 | bits(word, 11, 8) << 1,
                         13);
    case Format::kUpper:
      return word & 0xfffff000;
    case Format::kJump:
      return sign_extend(bits(word, 31, 31) << 20 | bits(word, 19, 12) << 12 |
                             bits(word, 20, 20) << 11 | bits(word, 30, 21) << 1,
                         21);
    case Format::kRegister:
    case Format::kFence:
    case Format::kNone:
      return 0;
  }
  return 0;
}

}  // namespace

Decoded decode(uint32_t word) {
  const Op op = find(word);
  if (op == Op::kIllegal) return {Op::kIllegal, 0, 0, 0, 0};
  const Format format = info(op).format;
  const bool none = format == Format::kFence || format == Format::kNone;
  const bool has_rd = !none && format != Format::kStore && format != Format::kBranch;
  const bool has_rs1 = !none && format != Format::kUpper && format != Format::kJump;
  const bool has_rs2 =
      format == Format::kRegister || format == Format::kStore || format == Format::kBranch;
  return {op, static_cast<uint8_t>(has_rd ? bits(word, 11, 7) : 0),
          static_cast<uint8_t>(has_rs1 ? bits(word, 19, 15) : 0),
          static_cast<uint8_t>(has_rs2 ? bits(word, 24, 20) : 0), immediate(format, word)};
}

std::string_view name_of(Class cls) {
  constexpr std::array<std::string_view, kClassCount> kNames = {
      "add",        "add-imm",     "bits",   "bits-imm", "shift",     "shift-imm",
      "compare",    "compare-imm", "branch", "jump",     "load-word", "load-sub",
      "store-word", "store-sub",   "mul",    "div",      "system",    "trap"};
  return kNames[static_cast<size_t>(cls)];
}

}  // namespace zkvm::vm
