// ecall and its transfers.
#include <map>

#include "stark/air/recorder.h"
#include "tests/stark/chips/solve.h"
#include "tests/stark/chips/system_oracle.h"

namespace zkvm::stark::chips::test {
namespace {

// As vm::SystemRow and vm::TransferRow.
struct Call {
  uint32_t clk;
  RecordAccess a7, a0, a1, a2, journal;
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
  const auto clk = static_cast<uint32_t>(1 + random() % ((1 << 22) - 1));
  const uint32_t now = 4 * clk + 2;
  const bool journal = a7 == 64 && a0 == 3;
  return {.clk = clk,
          .a7 = register_access(a7, now, random),
          .a0 = register_access(a0, now, random),
          .a1 = register_access(a1, now, random),
          .a2 = register_access(a2, now, random),
          .journal = journal ? register_access(70'000, now, random) : RecordAccess{0, 0},
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
    for (const uint32_t length : {0u, 4u, 0xfffcu, 0x10000u, 0x10004u, 0x400000u, 0x3effeffcu}) {
      if (buffer + length > kAddressEnd) continue;
      for (const uint32_t n : {0u, 4u, 8u, 0xfff8u, 0xfffcu})
        if (n <= length) add(63, 0, buffer, length, n / 4, n);
      if (length <= 0x400000u) add(64, 3, buffer, length, length / 4, length);
    }
  }
  for (const uint32_t length : kEdges) {
    add(64, 1, length, length, 0, length);
    add(64, 2, ~length, length, 0, length);
    add(93, length, 5, 7, 0, length);
  }
  return calls;
}

TEST(System, IsRecorded) {
  const RecordedChip chip = record_chip<System>();
  for (const std::string& error : chip.errors) ADD_FAILURE() << error;
  EXPECT_EQ(chip.key.interactions.size(), 22u);
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

/// Makes the row one of this call and result, with all that follows from them as far as it can be
/// made to fit; `is_long` as it says.
void pretend(System::Cols<Fp>& row, uint32_t flag, Limbs<Fp> result, bool is_long) {
  row.read = fp(flag == 0);
  row.journal = fp(flag == 1);
  row.console = fp(flag == 2);
  row.exit = fp(flag == 3);
  row.result = result;
  row.is_long = fp(is_long);
  const Fp length_hi = row.a2.value.hi;
  row.inverse = is_long && length_hi != Fp::zero() ? inverse(length_hi) : Fp::zero();
  const Fp most = is_long ? fp(0xfffc) : row.a2.value.lo;
  if (flag == 0) row.gap = (most - result.lo) * inverse(fp(4));
  if (flag > 1) row.gap = Fp::zero();
  if (flag != 1) row.position = Fp::zero();
}

/// The verdicts on the rows that claim one of the calls and results for these registers: none is
/// wrong, and that `flag` says another call than a7 is the look-up's affair.
template <class Visit>
void for_each_claim(const Call& call, Visit visit) {
  for (uint32_t flag = 0; flag < 4; ++flag) {
    const uint32_t claimed = flag == 0 ? 63 : flag == 3 ? 93 : 64;
    for (const uint32_t result : {4 * call.words, call.a2.value, call.a0.value})
      for (const uint32_t next : {0x10044u, kHaltPc})
        for (const bool is_long : {false, true}) {
          auto row = row_of(call);
          pretend(row, flag, limbs_of(result), is_long);
          row.next_pc = fp(next);
          const Verdict verdict = judge<System>(row);
          EXPECT_NE(verdict.judgement, Judgement::kWrong) << verdict.why;
          if (claimed == call.a7.value) visit(verdict.judgement, result);
        }
  }
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
    for (const uint32_t length : {1u, 2u, 3u, 5u, 0xfffdu, 0x40000000u - kBuffer, kAddressEnd,
                                  1u << 30, 0x80000000u, 0x7f000001u, 0x7f000005u, 0xfffffffcu})
      bad.push_back({call.a7, call.a0, kBuffer, length});
    for (const uint32_t buffer : {0x3f010000u, 0x3f400000u, 1u << 30, 0x7f000001u + kBuffer,
                                  0xfe000002u + kBuffer, 0xfffffffcu})
      for (const uint32_t length : {0u, 4u, 0x10000u})
        bad.push_back({call.a7, call.a0, buffer, length});
  }
  bad.push_back({64, 3, kBuffer, 0x10001});
  for (const Bad& call : bad)
    for (const uint32_t words : {0u, 1u})
      for_each_claim(call_of(call.a7, call.a0, call.a1, call.a2, words, 4 * words, random),
                     [&](Judgement judgement, uint32_t) {
                       EXPECT_EQ(judgement, Judgement::kRejected)
                           << call.a7 << " " << call.a0 << " " << call.a1 << " " << call.a2;
                     });
}

// A buffer that traps has no row if a word moves: the transfer's first word is nobody's.
TEST(System, BadBuffersTakeNoWord) {
  std::mt19937_64 random(12);
  for (const uint32_t buffer :
       {0u, 4u, 0xffcu, 1u, 2u, 3u, kBuffer + 1, kBuffer + 2, kAddressEnd, kAddressEnd + 4})
    for (const uint32_t length : {4u, 8u, 0x10000u}) {
      const auto expect_no_word = [&](Judgement judgement, uint32_t result) {
        EXPECT_TRUE(judgement == Judgement::kRejected || result == 0) << buffer << " " << length;
      };
      for_each_claim(call_of(63, 0, buffer, length, 1, 4, random), expect_no_word);
      for_each_claim(call_of(64, 3, buffer, length, length / 4, length, random), expect_no_word);
    }
}

// n <= len and below 2^16, and where it could wrap around.
TEST(System, ReadsAtMostWhatWasAskedFor) {
  std::mt19937_64 random(5);
  for (const uint32_t length : {0u, 4u, 0xfffcu, 0x10000u, 0x10008u, 0x3efffffcu})
    for (const uint64_t n :
         {uint64_t{length} + 4, uint64_t{length} + 0x10000, uint64_t{0xfffc}, uint64_t{0x10000},
          uint64_t{0x10004}, uint64_t{1} << 28, (uint64_t{1} << 30) - 4, uint64_t{1} << 30,
          uint64_t{Fp::kModulus} - 4, uint64_t{Fp::kModulus} - 1, uint64_t{Fp::kModulus} + 3,
          uint64_t{0xfffffffc}, uint64_t{2}}) {
      if (n <= length && n % 4 == 0 && n < 1u << 16) continue;
      const auto value = static_cast<uint32_t>(n);
      auto row = row_of(call_of(63, 0, 0x2000, length, value / 4, value, random));
      // In limbs, and as one element that is no limb.
      for (const Limbs<Fp> result : {limbs_of(value), Limbs<Fp>{Fp::from(n), Fp::zero()},
                                     Limbs<Fp>{Fp::from(n) + fp(kLimb), -Fp::one()}})
        for (const bool is_long : {false, true}) {
          pretend(row, 0, result, is_long);
          EXPECT_EQ(judge<System>(row).judgement, Judgement::kRejected) << length << " " << n;
        }
    }
}

// A short length is not long, whatever stands for the inverse.
TEST(System, LongMeansAHighLimb) {
  std::mt19937_64 random(13);
  for (const uint32_t inverse_cell : {0u, 1u, 2u, 0xffffu}) {
    auto row = row_of(call_of(63, 0, kBuffer, 8, 4, 16, random));
    pretend(row, 0, limbs_of(16), true);
    row.inverse = fp(inverse_cell);
    expect_rejected<System>(row);
  }
}

// The age of the journal's position is shown, and nobody else's cells stand for it.
TEST(System, JournalPositionIsNotStale) {
  std::mt19937_64 random(14);
  for (const uint32_t length : {0u, 4u, 0x10000u}) {
    const auto honest = row_of(call_of(64, 3, kBuffer, length, length / 4, length, random));
    for (const Fp gap :
         {-Fp::one(), fp(kLimb), fp(1u << 30), Fp::from(uint64_t{Fp::kModulus} / 2)}) {
      auto row = honest;
      row.gap = gap;
      expect_rejected<System>(row);
    }
  }
}

/// The rows of a call's transfers, honest.
std::vector<Transfer::Cols<Fp>> transfers_of(const Call& call, bool read_only,
                                             std::mt19937_64& random) {
  std::vector<Transfer::Cols<Fp>> rows(call.words);
  for (uint32_t i = 0; i < call.words; ++i) {
    const RecordAccess memory =
        ram_access(static_cast<uint32_t>(random()), 4 * call.clk + 2, random);
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
