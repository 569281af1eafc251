// What tests of hashes have in common: guests that call one, wrong cells, and rows replaced by those of other blocks.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <random>
#include <set>
#include <string>

#include "stark/session/rows/hash_rows.h"
#include "tests/evil/workbench.h"
#include "tests/vm/hash_program.h"

namespace zkvm::stark::machine::evil {

inline std::vector<uint8_t> random_bytes(size_t size) {
  std::mt19937 random(1);
  std::vector<uint8_t> out(size);
  for (uint8_t& byte : out) byte = static_cast<uint8_t>(random());
  return out;
}

/// Makes the calls, in 64 KiB of memory at kRamBase beside a block of constants; nothing reads what they write.
inline Guest guest_of(const std::vector<vm::HashCall>& calls) {
  using namespace vm::test;
  Assembler text;
  for (const vm::HashCall& call : calls) call_hash(text, call);
  ElfFile file = ElfFile::of(text.exit(0).words());
  file.segments.push_back({kRamBase, PF_R | PF_W, random_bytes(1 << 16), 1 << 16});
  file.segments.push_back({kHashedConstants, PF_R, random_bytes(64), 64});
  return Guest::of(file.bytes());
}

/// Whether a column's value means nothing in this row.
using IsFree = std::function<bool(const Forgery&, Place, const std::string& column)>;

/// Changes each cell of the first rows of each chip: each change is noticed.
inline void change_live_rows(Workbench bench, const std::vector<const char*>& chips, int rows,
                             size_t values, const IsFree& is_free = nullptr) {
  Forgery& forgery = *bench.forgery;
  std::mt19937_64 random(1);
  for (const char* chip : chips) {
    const size_t t = forgery.table(chip);
    for (int n = 0; n < asked_rows().value_or(rows); ++n) {
      const Place at{t, static_cast<uint64_t>(n)};
      if (forgery.is_silent(at)) break;
      for (uint32_t col = 0; col < forgery.chip(t).key.columns(); ++col) {
        const std::string& name = forgery.chip(t).columns[col];
        if (is_free && is_free(forgery, at, name)) continue;
        for (const Fp wrong : wrong_values(forgery.get(at, col), random, values)) {
          if (wrong == forgery.get(at, col)) continue;
          forgery.set(at, col, wrong);
          forgery.repair_banks();
          EXPECT_NE(forgery.caught(), "")
              << chip << " row " << at.row << ": " << name << " = " << wrong.value();
          forgery.reset();
        }
      }
    }
  }
}

/// Changes each cell of each chip's last row: noticed, or of no consequence.
inline void change_padding(Workbench bench, const std::vector<const char*>& chips, size_t values) {
  Forgery& forgery = *bench.forgery;
  std::mt19937_64 random(2);
  for (const char* chip : chips) {
    const size_t t = forgery.table(chip);
    const Place at{t, forgery.witness().tables[t].height() - 1};
    ASSERT_TRUE(forgery.is_silent(at)) << chip;
    for (uint32_t col = 0; col < forgery.chip(t).key.columns(); ++col)
      for (const Fp wrong : wrong_values(forgery.get(at, col), random, values)) {
        if (wrong == forgery.get(at, col)) continue;
        forgery.set(at, col, wrong);
        if (forgery.caught().empty())
          EXPECT_TRUE(forgery.is_silent(at)) << chip << ": " << forgery.chip(t).columns[col];
        forgery.reset();
      }
  }
}

/// The rows of a guest's calls of one hash, to be replaced by those of other blocks.
class HashBench {
 public:
  HashBench(Guest guest, vm::Hash hash) : bench_(std::move(guest), {}) {
    auto tracer = vm::Tracer::of(bench_.guest.program, {});
    ZK_CHECK(tracer && *tracer->next(segment_));
    hashed_ = hashed_blocks(bench_.guest.program, segment_, hash);
  }

  [[nodiscard]] size_t blocks() const { return hashed_.blocks.size(); }
  [[nodiscard]] HashedBlock block(size_t i) const { return hashed_.blocks[i]; }
  [[nodiscard]] const HashedCall& call(size_t i) const { return hashed_.calls[i]; }
  [[nodiscard]] Forgery& forgery() { return *bench_.forgery; }
  std::string prove_and_verify() { return bench_.prove_and_verify(); }

  template <class Chip, class Fill>
  void put_row(size_t i, const Fill& fill) {
    const size_t t = forgery().table(Chip::kName);
    typename Chip::template Cols<Fp> row{};
    fill(row);
    const Fp* cells = reinterpret_cast<const Fp*>(&row);
    for (uint32_t col = 0; col < kWidth<Chip>; ++col)
      if (forgery().get({t, i}, col) != cells[col]) forgery().set({t, i}, col, cells[col]);
  }
  /// Exactly this is wrong then.
  void expect(const std::set<std::string>& wrong) {
    forgery().repair_banks();
    EXPECT_EQ(forgery().complaints(), wrong);
    forgery().reset();
  }

 private:
  Workbench bench_;
  vm::Segment segment_;
  HashedBlocks hashed_;
};

/// A call's row with cells that are set: a complaint is among those that follow.
template <class Chip>
void expect_call_caught(HashBench& bench,
                        std::initializer_list<std::pair<const char*, Fp>> cells, const char* by) {
  Forgery& forgery = bench.forgery();
  const Place at{forgery.table(Chip::kName), 0};
  for (const auto& [column, value] : cells) forgery.set(at, column, value);
  EXPECT_TRUE(forgery.complaints().contains(by)) << by;
  forgery.reset();
}

/// Whether the extents of both operands of a call have answers, for whatever the rest of one is said to be.
template <class Chip>
bool extents_pass(uint32_t cv, uint32_t blocks, uint32_t count) {
  using namespace chips;
  vm::HashRow record{};
  record.clk = 9;
  record.a0.value = cv;
  record.a1.value = blocks;
  record.a2.value = count;
  const vm::Access words[8] = {};
  typename Chip::template Cols<Fp> row;
  Chip::fill(row, {}, record, words, {});
  for (const size_t operand : {0, 1}) {
    Fp& rest = operand == 0 ? row.call.cv_rest : row.call.blocks_rest;
    const Fp filled = rest;
    bool some = false;
    for (const Fp guess :
         {filled, Fp::zero(), Fp::from((1u << 14) - 1), filled + Fp::one(), filled - Fp::one()}) {
      rest = guess;
      RowValue values[kWidth<Chip>];
      for (size_t i = 0; i < kWidth<Chip>; ++i) values[i] = reinterpret_cast<Fp*>(&row)[i];
      RowChecker air;
      check_row<Chip>(air, values, values);
      bool answered = true;
      size_t index = 0;
      for (const auto& entry : air.entries) {
        if (entry.bus != kRange14.id && entry.bus != kRange16.id) continue;
        // Four registers' ages, three look-ups of each extent, eight ages of words, and what is a hash's own.
        const size_t n = index++;
        if (n < 4 + 3 * operand || n >= 7 + 3 * operand) continue;
        answered = answered && test::has_answer(entry.bus, {entry.tuple[0].value()});
      }
      EXPECT_GE(index, 4u + 6 + 8);
      some = some || answered;
    }
    rest = filled;
    if (!some) return false;
  }
  return true;
}

template <class Chip>
void check_extents() {
  const auto pass = &extents_pass<Chip>;
  const uint32_t cv = chips::kAddressEnd - 32, blocks = chips::kAddressEnd - 64 * 1024;
  EXPECT_TRUE(pass(cv, blocks, 1024));
  EXPECT_TRUE(pass(0x1000, 0x1000, 1));
  for (const uint32_t wrong : {chips::kAddressEnd, chips::kAddressEnd + 4, 0x3f400000u, 0x3f800000u,
                               0x7f000001u, 0x80000000u, 0xfffffffcu, 0xbe000000u}) {
    EXPECT_FALSE(pass(wrong, blocks, 1024)) << wrong;
    EXPECT_FALSE(pass(cv, wrong, 1024)) << wrong;
  }
  EXPECT_FALSE(pass(cv + 1, blocks, 1024));
  EXPECT_FALSE(pass(cv, blocks + 1, 1024));
  EXPECT_FALSE(pass(cv, blocks, 1025));
}

/// A segment that hashes, but whose list of banks does not say so, has another key.
inline void check_list_of_banks(Guest of, uint16_t bank) {
  SessionOptions options;
  options.params = quick_params();
  Proven proven = prove_execution(of, {}, options);
  ASSERT_EQ(proven.segments.size(), 1u);
  std::vector<BankUse>& uses = proven.segments[0].uses;
  ASSERT_EQ(uses.back(), (BankUse{bank, true}));
  const auto verdict = [&] { return verify_execution(of.image->image(), proven); };
  EXPECT_EQ(verdict(), "");
  uses.pop_back();
  EXPECT_NE(verdict(), "");
  uses.push_back({bank, false});
  EXPECT_NE(verdict(), "");
  uses.back() = {bank == kBlake3Bank ? kSha256Bank : kBlake3Bank, true};
  EXPECT_NE(verdict(), "");
}

}  // namespace zkvm::stark::machine::evil
