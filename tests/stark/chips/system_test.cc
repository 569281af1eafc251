// ecall and its transfers, judged by a model of the three system calls.
#include "stark/chips/system.h"

#include <map>

#include "stark/chips/transfer.h"
#include "tests/stark/chips/row_oracle.h"

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

using Tuple = std::vector<uint32_t>;
constexpr uint32_t kMostRows = 1u << 26;  // of all tables of a segment

Tuple tuple_of(const RowChecker::BusEntry& entry) {
  Tuple out;
  for (const Fp x : entry.tuple) out.push_back(x.value());
  return out;
}

/// The tuple that is sent to or taken from a bus, if there is one; more than one is an error.
std::optional<Tuple> one_on(const RowEffects& e, uint16_t bus, InteractionKind kind) {
  std::optional<Tuple> out;
  for (const auto& entry : e.other)
    if (entry.bus == bus && entry.kind == kind) {
      EXPECT_FALSE(out) << "two tuples on bus " << bus;
      out = tuple_of(entry);
    }
  return out;
}

constexpr uint32_t reg(uint32_t r) { return kMachineBase + r; }

/// What abi.h says of this call, given what its accesses found.
Verdict judge_call(const RowEffects& e) {
  const auto wrong = [](const std::string& what) { return Verdict{Judgement::kWrong, what}; };
  const auto find = [&](uint32_t place, uint32_t time) -> const RowAccess* {
    for (const RowAccess& a : e.accesses)
      if (a.place == place && a.time == time) return &a;
    return nullptr;
  };
  if (e.insn.operation != number(Operation::kEcall)) return wrong("no ecall");
  const uint32_t early = 4 * e.clk, late = early + 4;
  const RowAccess *a7 = find(reg(17), early), *a0 = find(reg(10), early + 1),
                  *a1 = find(reg(11), early + 2), *a2 = find(reg(12), late),
                  *result = find(reg(10), late + 1), *position = find(reg(kJournalWord), late + 2);
  if (!a7 || !a0 || !a1 || !a2 || !result) return wrong("a register is not accessed");
  for (const RowAccess* access : {a7, a0, a1, a2})
    if (access->after != access->before) return wrong("a register changes");
  // Nothing but a refresh comes between the two accesses of a0.
  if (result->before != a0->before) return {Judgement::kRejected, "a0 as nobody left it"};
  if (e.next_clk != e.clk + 2) return wrong("clk");

  const uint32_t call = a7->before, file = a0->before, buffer = a1->before, length = a2->before;
  const auto opened = one_on(e, kTransfer.id, InteractionKind::kSend);
  const auto closed = one_on(e, kTransfer.id, InteractionKind::kReceive);
  const auto exit = one_on(e, kExit.id, InteractionKind::kSend);
  const bool read = call == 63 && file == 0, journal = call == 64 && file == 3;
  const bool console = call == 64 && (file == 1 || file == 2), exits = call == 93;
  if (!read && !journal && !console && !exits) return wrong("no such call");
  if (e.accesses.size() != (journal ? 6u : 5u) || (position != nullptr) != journal)
    return wrong("number of accesses");
  if (e.other.size() != (read || journal ? 2u : exits ? 1u : 0u)) return wrong("other traffic");
  if (e.next_pc != (exits ? kHaltPc : e.pc + 4)) return wrong("next pc");
  if (exits) {
    if (!exit || *exit != Tuple{file & 0xffff, file >> 16}) return wrong("exit code");
    return result->after == file ? Verdict{Judgement::kCorrect, ""} : wrong("result of exit");
  }
  if (console) return result->after == length ? Verdict{Judgement::kCorrect, ""} : wrong("result");

  if (!opened || !closed) return wrong("no transfer");
  if (buffer % 4 != 0 || length % 4 != 0 || buffer >= kAddressEnd || length >= kAddressEnd)
    return wrong("buffer or length that traps");
  const uint32_t words = (*opened)[3];
  // A count that no chain of rows can bring to 0.
  if (words >= kMostRows) return {Judgement::kRejected, "words"};
  const uint32_t start = journal ? position->before : 0;
  if (*opened != Tuple{journal, e.clk, buffer / 4, words, start}) return wrong("opening");
  if (*closed != Tuple{journal, e.clk, buffer / 4 + words, 0, start + words})
    return wrong("closing");
  if (journal && position->after != start + words) return wrong("position");
  if (result->after != 4 * words || 4 * words > length) return wrong("result");
  if (journal && 4 * words != length) return wrong("a journal write in part");
  return {Judgement::kCorrect, ""};
}

/// One word moved, given the tuple that the row takes from the call or the row before.
Verdict judge_transfer(const RowEffects& e) {
  const auto wrong = [](const std::string& what) { return Verdict{Judgement::kWrong, what}; };
  const auto in = one_on(e, kTransfer.id, InteractionKind::kReceive);
  const auto out = one_on(e, kTransfer.id, InteractionKind::kSend);
  const auto journal = one_on(e, kJournal.id, InteractionKind::kSend);
  if (!in || !out || e.accesses.size() != 1) return wrong("traffic");
  const auto [is_journal, clk, place, left, position] =
      std::tie((*in)[0], (*in)[1], (*in)[2], (*in)[3], (*in)[4]);
  // Not from any call. (With 0 words left it may be the tuple that the call's end takes.)
  if (is_journal > 1 || clk == 0 || clk >= 1u << 26 || place >= kAddressEnd / 4 + kMostRows ||
      left == 0 || left >= kMostRows || position >= 1u << 28)
    return {Judgement::kRejected, "no transfer"};
  if (*out != Tuple{is_journal, clk, place + 1, left - 1, position + 1}) return wrong("going on");
  const RowAccess& access = e.accesses[0];
  if (access.time != 4 * (clk + 1) + 2) return wrong("time");
  const bool constant = access.place == kReadOnlyBase + place;
  if (access.place != place && !(constant && is_journal == 1)) return wrong("place");
  if (e.other.size() != (is_journal ? 3u : 2u)) return wrong("other traffic");
  if (is_journal == 0) return {Judgement::kCorrect, ""};  // any word is input
  if (access.after != access.before) return wrong("the journal changes memory");
  if (!journal || *journal != Tuple{position, access.after & 0xffff, access.after >> 16})
    return wrong("journal");
  return {Judgement::kCorrect, ""};
}

template <class Chip, class Judge>
Verdict judge_with(const typename Chip::template Cols<Fp>& row, Judge judge_effects) {
  std::string why;
  const auto e = effects<Chip>(row, why);
  if (!e) return {Judgement::kRejected, why};
  if (e->clk == 0 && e->accesses.empty() && e->other.empty()) return {Judgement::kIdle, ""};
  return judge_effects(*e);
}

}  // namespace

template <>
Verdict judge<System>(const System::Cols<Fp>& row) {
  return judge_with<System>(row, judge_call);
}
template <>
Verdict judge<Transfer>(const Transfer::Cols<Fp>& row) {
  return judge_with<Transfer>(row, judge_transfer);
}

namespace {

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
