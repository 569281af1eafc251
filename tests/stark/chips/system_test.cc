// ecall and its transfers.
#include <map>

#include "tests/stark/chips/system_oracle.h"

namespace zkvm::stark::chips::test {
namespace {

// As vm::SystemRow and vm::TransferRow.
struct Call {
  uint32_t clk;
  RecordAccess a7, a0, a1, a2, result, journal;
  uint32_t value, words;
};
struct Moved {
  uint32_t word;
  RecordAccess memory;
  uint32_t value;
};

/// A call with these registers; `words` are moved, `value` is its result.
Call call_of(uint32_t a7, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t words, uint32_t value,
             std::mt19937_64& random) {
  const auto clk = static_cast<uint32_t>(2 + random() % ((1 << 22) - 4));
  const bool journal = a7 == 64 && a0 == 3;
  return {.clk = clk,
          .a7 = register_access(a7, 4 * clk, random),
          .a0 = register_access(a0, 4 * clk + 1, random),
          .a1 = register_access(a1, 4 * clk + 2, random),
          .a2 = register_access(a2, 4 * clk + 4, random),
          .result = {a0, clk % 256 == 0 ? 4 * clk + 3 : 4 * clk + 1},
          .journal = journal ? register_access(70'000, 4 * clk + 6, random) : RecordAccess{0, 0},
          .value = value,
          .words = words};
}

System::Cols<Fp> row_of(const Call& call) {
  const ProgramRow insn{.pc = 0x10040,
                        .operation = number(Operation::kEcall),
                        .rd = 0,
                        .rs1 = 0,
                        .rs2 = 0,
                        .imm = 0,
                        .target = 0};
  System::Cols<Fp> row;
  System::fill(row, insn, call);
  return row;
}

constexpr uint32_t kBuffer = 0x20000;

std::vector<Call> honest_calls(std::mt19937_64& random) {
  std::vector<Call> calls;
  const auto add = [&](uint32_t a7, uint32_t a0, uint32_t a1, uint32_t a2, uint32_t words,
                       uint32_t value) {
    calls.push_back(call_of(a7, a0, a1, a2, words, value, random));
  };
  for (const uint32_t buffer : kAddresses) {
    for (const uint32_t length : {0u, 4u, 0xfffcu, 0x10000u, 0x400000u, 0x3efffffcu})
      for (const uint32_t n : {0u, 4u, 0x10000u, 0x3ffffcu})
        if (n <= length) add(63, 0, buffer, length, n / 4, n);
    for (const uint32_t length : {0u, 4u, 0xfffcu, 0x10000u, 0x400000u})
      add(64, 3, buffer, length, length / 4, length);
  }
  for (const uint32_t length : kEdges) {
    add(64, 1, length, length, 0, length);
    add(64, 2, ~length, length, 0, length);
    add(93, length, 5, 7, 0, length);
  }
  return calls;
}

TEST(System, HonestRowsAreCorrect) {
  std::mt19937_64 random(1);
  for (const Call& call : honest_calls(random)) expect_correct<System>(row_of(call));
}

TEST(System, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(2);
  for (const Call& call : honest_calls(random)) attack<System>(row_of(call), random, 100);
}

TEST(System, PaddingIsIdle) {
  std::mt19937_64 random(3);
  attack_padding<System>(random);
}

// What the VM traps on has no row, whatever flags, result and next pc it claims. (The flags say
// what a7 the row finds, so a row that passes may only be one of another a7.)
TEST(System, BadCallsHaveNoRow) {
  std::mt19937_64 random(4);
  struct Bad {
    uint32_t a7, a0, a1, a2;
  };
  std::vector<Bad> bad;
  for (const uint32_t a7 : kEdges)
    if (a7 != 63 && a7 != 64 && a7 != 93) bad.push_back({a7, 0, kBuffer, 4});
  for (const uint32_t a7 : {63u + 0x10000, 64u + 0x10000, 93u + 0x10000, 62u, 65u, 94u})
    for (const uint32_t a0 : {0u, 1u, 3u}) bad.push_back({a7, a0, kBuffer, 4});
  for (const uint32_t a0 : kEdges) {
    if (a0 != 0) bad.push_back({63, a0, kBuffer, 4});
    if (a0 < 1 || a0 > 3) bad.push_back({64, a0, kBuffer, 4});
  }
  for (const uint32_t a0 : {0x10000u, 0x10003u, 0x7f000001u, 0x7f000004u}) {
    bad.push_back({63, a0, kBuffer, 4});
    bad.push_back({64, a0, kBuffer, 4});
  }
  for (const Bad call : {Bad{63, 0, 0, 0}, Bad{64, 3, 0, 0}}) {
    for (const uint32_t buffer : {1u, 2u, 3u, kBuffer + 1, kAddressEnd, kAddressEnd + 4, 1u << 30,
                                  0x7f000001u + kBuffer, 0xfffffffcu})
      for (const uint32_t length : {0u, 4u}) bad.push_back({call.a7, call.a0, buffer, length});
    for (const uint32_t length : {1u, 2u, 3u, 5u, 0x10001u, kAddressEnd, 1u << 30, 0x80000000u,
                                  0x7f000001u, 0x7f000005u, 0xfffffffcu})
      bad.push_back({call.a7, call.a0, kBuffer, length});
  }
  for (const Bad& call : bad)
    for (const uint32_t words : {0u, 1u}) {
      auto row = row_of(call_of(call.a7, call.a0, call.a1, call.a2, words, 4 * words, random));
      for (uint32_t flag = 0; flag < 5; ++flag) {
        row.read = fp(flag == 0);
        row.journal = fp(flag == 1);
        row.out = fp(flag == 2);
        row.err = fp(flag == 3);
        row.exit = fp(flag == 4);
        const uint32_t claimed = flag == 0 ? 63 : flag == 4 ? 93 : 64;
        for (const uint32_t result : {4 * words, call.a2, call.a0})
          for (const uint32_t next : {0x10044u, kHaltPc}) {
            row.result = word_of(result);
            row.next_pc = fp(next);
            const Verdict verdict = judge<System>(row);
            EXPECT_NE(verdict.judgement, Judgement::kWrong) << verdict.why;
            if (claimed == call.a7) {
              EXPECT_EQ(verdict.judgement, Judgement::kRejected)
                  << call.a7 << " " << call.a0 << " " << call.a1 << " " << call.a2;
            }
          }
      }
    }
}

// n <= len, and where it could wrap around.
TEST(System, ReadsAtMostWhatWasAskedFor) {
  std::mt19937_64 random(5);
  for (const uint32_t length : {0u, 4u, 0x10000u, 0x3efffffcu})
    for (const uint64_t n : {uint64_t{length} + 4, uint64_t{length} + 0x10000, uint64_t{1} << 28,
                             (uint64_t{1} << 30) - 4, uint64_t{1} << 30, uint64_t{Fp::kModulus} - 1,
                             uint64_t{Fp::kModulus} + 3, uint64_t{0xfffffffc}, uint64_t{2}}) {
      if (n <= length && n % 4 == 0) continue;
      const auto value = static_cast<uint32_t>(n);
      auto row = row_of(call_of(63, 0, kBuffer, length, value / 4, value, random));
      const Fp gap = fp(length) - Fp::from(n);
      for (const uint32_t hi : {0u, 1u, gap.value() >> 16, (gap.value() >> 16) - 1, 0x3fffu}) {
        row.gap_hi = fp(hi);
        EXPECT_EQ(judge<System>(row).judgement, Judgement::kRejected) << length << " " << n;
      }
    }
}

/// The rows of a call's transfers, honest.
std::vector<Transfer::Cols<Fp>> transfers_of(const Call& call, bool read_only,
                                             std::mt19937_64& random) {
  std::vector<Transfer::Cols<Fp>> rows(call.words);
  for (uint32_t i = 0; i < call.words; ++i) {
    const RecordAccess memory =
        ram_access(static_cast<uint32_t>(random()), 4 * call.clk + 6, random);
    const Moved moved{call.a1.value / 4 + i, memory,
                      call.a7.value == 64 ? memory.value : static_cast<uint32_t>(random())};
    Transfer::fill(rows[i], call, moved, i, read_only);
  }
  return rows;
}

Call read_call(uint32_t words, std::mt19937_64& random) {
  return call_of(63, 0, kBuffer, 0x1000, words, 4 * words, random);
}
Call journal_call(uint32_t words, std::mt19937_64& random) {
  return call_of(64, 3, kBuffer, 4 * words, words, 4 * words, random);
}

TEST(Transfer, HonestRowsAreCorrect) {
  std::mt19937_64 random(6);
  for (const Call& call : {read_call(20, random), journal_call(20, random)})
    for (const auto& row : transfers_of(call, false, random)) expect_correct<Transfer>(row);
  for (const auto& row : transfers_of(journal_call(20, random), true, random))
    expect_correct<Transfer>(row);
}

TEST(Transfer, ChangedRowsAreNotWrong) {
  std::mt19937_64 random(7);
  for (const bool read_only : {false, true})
    for (const Call& call : {read_call(9, random), journal_call(9, random)})
      for (const auto& row : transfers_of(call, read_only && call.a7.value == 64, random))
        attack<Transfer>(row, random, 1000);
}

TEST(Transfer, PaddingIsIdle) {
  std::mt19937_64 random(8);
  attack_padding<Transfer>(random);
}

TEST(Transfer, NothingIsReadIntoConstants) {
  std::mt19937_64 random(9);
  for (const auto& row : transfers_of(read_call(1, random), true, random))
    EXPECT_EQ(judge<Transfer>(row).judgement, Judgement::kRejected);
}

/// What is left on the transfer bus.
std::map<Tuple, int> balance(const System::Cols<Fp>& call,
                             const std::vector<Transfer::Cols<Fp>>& rows) {
  std::map<Tuple, int> out;
  std::string why;
  const auto count = [&](const std::optional<RowEffects>& e) {
    ASSERT_TRUE(e) << why;
    for (const auto& entry : e->other)
      if (entry.bus == kTransfer.id)
        out[tuple_of(entry)] += entry.kind == InteractionKind::kSend ? 1 : -1;
  };
  count(effects<System>(call, why));
  for (const auto& row : rows) count(effects<Transfer>(row, why));
  std::erase_if(out, [](const auto& item) { return item.second == 0; });
  return out;
}

TEST(Transfer, ACallIsItsWordsOnceEach) {
  std::mt19937_64 random(10);
  for (const Call& call : {read_call(5, random), journal_call(5, random)}) {
    const auto row = row_of(call);
    const auto rows = transfers_of(call, false, random);
    EXPECT_TRUE(balance(row, rows).empty());
    for (size_t i = 0; i < rows.size(); ++i) {
      auto skipped = rows, repeated = rows, displaced = rows, renumbered = rows, late = rows;
      skipped.erase(skipped.begin() + static_cast<ptrdiff_t>(i));
      EXPECT_FALSE(balance(row, skipped).empty());
      repeated.push_back(rows[i]);
      EXPECT_FALSE(balance(row, repeated).empty());
      displaced[i].place += Fp::one();
      EXPECT_FALSE(balance(row, displaced).empty());
      renumbered[i].position += Fp::one();
      EXPECT_FALSE(balance(row, renumbered).empty());
      late[i].clk += Fp::one();
      EXPECT_FALSE(balance(row, late).empty());
    }
    auto more = rows;
    more.push_back(rows.back());
    more.back().place += Fp::one();
    more.back().left = Fp::zero();
    more.back().position += Fp::one();
    EXPECT_FALSE(balance(row, more).empty());
  }
}

TEST(Transfer, EmptyCallsNeedNoRows) {
  std::mt19937_64 random(11);
  EXPECT_TRUE(balance(row_of(read_call(0, random)), {}).empty());
  EXPECT_TRUE(balance(row_of(journal_call(0, random)), {}).empty());
}

}  // namespace
}  // namespace zkvm::stark::chips::test
