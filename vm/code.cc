#include "vm/code.h"

#include <cstring>
#include <utility>

namespace zkvm::vm {
namespace {

uint32_t distance(const Region& text, uint32_t pc, uint32_t offset) {
  if (offset % 4 != 0 || !text.contains(pc + offset)) return kBadTarget;
  return static_cast<uint32_t>(static_cast<int32_t>(offset) / 4);
}

}  // namespace

uint32_t text_word(const Region& text, uint32_t i) {
  uint32_t word;
  std::memcpy(&word, text.bytes.data() + size_t{i} * 4, 4);
  return word;
}

Decoded decode_at(uint32_t word, uint32_t pc) {
  Decoded d = decode(word);
  if (d.rd == 0) d.rd = kDummyRegister;  // also where the format has no rd
  if (d.op == Op::kAuipc) d.imm += pc;
  if ((d.op == Op::kAdd || d.op == Op::kMul) && d.rd == d.rs2) std::swap(d.rs1, d.rs2);
  return d;
}

std::vector<Insn> decode_text(const Region& text) {
  const uint32_t words = text.size / 4;
  std::vector<Insn> code;
  code.reserve(words + 1);
  for (uint32_t i = 0; i < words; ++i) {
    const uint32_t pc = text.base + i * 4;
    Decoded d = decode_at(text_word(text, i), pc);
    if (class_of(d.op) == Class::kBranch || d.op == Op::kJal) d.imm = distance(text, pc, d.imm);
    code.push_back({nullptr, d.op, d.rd, d.rs1, d.rs2, d.imm});
  }
  code.push_back({nullptr, Op::kIllegal, kDummyRegister, 0, 0, 0});
  return code;
}

}  // namespace zkvm::vm
