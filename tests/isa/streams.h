// Random programs for differential tests: all of RV32IM, with control flow that always ends.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "tests/vm/guest_builder.h"

namespace zkvm::vm::test {

// A program of `streams` pieces. Each sets all registers, runs about `length` random instructions,
// stores its registers beside the memory that it worked on, and writes all of that to the journal.
// x31 points to the middle of the data, x30 counts loops; all other registers are free.
class StreamGenerator {
 public:
  explicit StreamGenerator(uint64_t seed) : random_(seed) {}

  std::vector<uint32_t> program(int streams, int length) {
    for (int i = 0; i < streams; ++i) stream(length);
    text_.exit(below(256));
    return text_.words();
  }

  static constexpr uint32_t kArea = 512;             // bytes that loads and stores use, around x31
  static constexpr uint32_t kDump = kArea + 32 * 4;  // journal bytes of a stream

 private:
  static constexpr uint32_t kCounter = 30, kPointer = 31;

  uint32_t below(uint32_t n) { return static_cast<uint32_t>(random_() % n); }
  bool chance(uint32_t percent) { return below(100) < percent; }
  uint32_t source() { return below(32); }
  uint32_t target() { return below(30); }  // never the counter or the pointer

  // Values near the corners of division, shifts, sign and carry, or any.
  uint32_t corner() {
    static constexpr uint32_t kCorners[] = {
        0,      1,       2,          0xffffffff, 0xfffffffe, 0x7fffffff, 0x80000000, 0x80000001,
        0xffff, 0x10000, 0xffff0000, 31,         32,         0x7fff,     0x8000,     0x55555555};
    return chance(60) ? kCorners[below(std::size(kCorners))] : static_cast<uint32_t>(random_());
  }

  void stream(int length) {
    text_.li(kPointer, kDataBase + kArea / 2);
    for (uint32_t r = 1; r < kCounter; ++r) text_.li(r, corner());
    const size_t end = text_.size() + static_cast<size_t>(length);
    while (text_.size() < end) chance(8) ? loop() : piece();
    dump();
  }

  // A few pieces, executed one to four times.
  void loop() {
    text_.li(kCounter, 1 + below(4));
    const size_t start = text_.size();
    for (uint32_t n = 1 + below(6); n > 0; --n) piece();
    text_(addi(kCounter, kCounter, -1));
    text_(b_type(1, kCounter, zero, offset(start)));
  }

  int32_t offset(size_t to) const {
    return (static_cast<int32_t>(to) - static_cast<int32_t>(text_.size())) * 4;
  }

  void piece() {
    const uint32_t kind = below(100);
    if (kind < 35) {
      static constexpr uint32_t kFunct7[] = {0, 0x20, 1, 1};
      const uint32_t funct7 = kFunct7[below(4)];
      const uint32_t funct3 = funct7 == 0x20 ? (chance(50) ? 0 : 5) : below(8);
      text_(r_type(funct7, funct3, target(), source(), source()));
    } else if (kind < 55) {
      immediate();
    } else if (kind < 60) {
      text_((chance(50) ? lui : auipc)(target(), below(1 << 20)));
    } else if (kind < 72) {
      static constexpr uint32_t kLoads[] = {0, 1, 2, 4, 5};
      const uint32_t funct3 = kLoads[below(5)];
      text_(i_type(3, funct3, target(), kPointer, place(funct3 & 3)));
    } else if (kind < 82) {
      const uint32_t funct3 = below(3);
      text_(s_type(funct3, source(), kPointer, place(funct3)));
    } else if (kind < 92) {
      branch();
    } else if (kind < 97) {
      jump();
    } else if (kind < 98) {
      text_(below(1 << 20) << 12 << 3 | 0x0f);  // fence: funct3 0, any fields
    } else {
      text_(addi(target(), zero, static_cast<int32_t>(below(4096)) - 2048));
    }
  }

  void immediate() {
    const uint32_t funct3 = below(8);
    int32_t imm = static_cast<int32_t>(below(4096)) - 2048;
    if (funct3 == 1) imm &= 31;
    if (funct3 == 5) imm = (imm & 31) | (chance(50) ? 0x400 : 0);
    text_(i_type(0x13, funct3, target(), source(), imm));
  }

  // An aligned offset from the pointer.
  int32_t place(uint32_t log_size) {
    return (static_cast<int32_t>(below(kArea)) - static_cast<int32_t>(kArea / 2)) &
           -(1 << log_size);
  }

  // Forwards over up to three instructions that have no control flow.
  void branch() {
    static constexpr uint32_t kBranches[] = {0, 1, 4, 5, 6, 7};
    const uint32_t skipped = below(4);
    text_(b_type(kBranches[below(6)], source(), source(), static_cast<int32_t>(4 + skipped * 4)));
    for (uint32_t i = 0; i < skipped; ++i) immediate();
  }

  void jump() {
    const uint32_t skipped = below(4);
    const auto distance = static_cast<int32_t>(4 + skipped * 4);
    if (chance(50)) {
      text_(jal(target(), distance));
    } else {
      const uint32_t base = 1 + below(29);
      text_(auipc(base, 0));
      text_(jalr(target(), distance + 4 + static_cast<int32_t>(below(2)), base));  // bit 0 clears
    }
    for (uint32_t i = 0; i < skipped; ++i) immediate();
  }

  void dump() {
    text_.li(kPointer, kDataBase + kArea);
    for (uint32_t r = 1; r < kPointer; ++r) text_(sw(r, static_cast<int32_t>(r * 4), kPointer));
    text_.call(64, 3, kDataBase, kDump);
  }

  std::mt19937_64 random_;
  Assembler text_;
};

}  // namespace zkvm::vm::test
