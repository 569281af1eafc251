// Judges rows of ecall and of its transfers by a model of the three system calls, written from
// guest/include/zk/abi.h and stark/doc/soundness.md: the sequel of row_oracle.h.
#pragma once

#include <tuple>

#include "stark/chips/rv32im/system.h"
#include "stark/chips/rv32im/transfer.h"
#include "tests/stark/chips/row_oracle.h"

namespace zkvm::stark::chips::test {

using Tuple = std::vector<uint32_t>;
inline constexpr uint32_t kMostRows = 1u << 26;  // of all tables of a segment

inline Tuple tuple_of(const RowChecker::BusEntry& entry) {
  Tuple out;
  for (const Fp x : entry.tuple) out.push_back(x.value());
  return out;
}

/// The tuple that is sent to or taken from a bus, if there is one; more than one is an error.
inline std::optional<Tuple> one_on(const RowEffects& e, uint16_t bus, InteractionKind kind) {
  std::optional<Tuple> out;
  for (const auto& entry : e.other)
    if (entry.bus == bus && entry.kind == kind) {
      EXPECT_FALSE(out) << "two tuples on bus " << bus;
      out = tuple_of(entry);
    }
  return out;
}

constexpr uint32_t register_place(uint32_t r) { return kMachineBase + r; }

/// What abi.h says of this call, given what its accesses found.
inline Verdict judge_call(const RowEffects& e) {
  const auto wrong = [](const std::string& what) { return Verdict{Judgement::kWrong, what}; };
  const auto find = [&](uint32_t place, uint32_t time) -> const RowAccess* {
    for (const RowAccess& a : e.accesses)
      if (a.place == place && a.time == time) return &a;
    return nullptr;
  };
  if (e.insn.operation != number(Operation::kEcall)) return wrong("no ecall");
  const uint32_t now = 4 * e.clk + 2;
  const RowAccess *a7 = find(register_place(17), now), *a0 = find(register_place(10), now),
                  *a1 = find(register_place(11), now), *a2 = find(register_place(12), now),
                  *position = find(register_place(kJournalWord), now);
  if (!a7 || !a0 || !a1 || !a2) return wrong("a register is not accessed");
  for (const RowAccess* access : {a7, a1, a2})
    if (access->after != access->before) return wrong("a register changes");
  if (e.next_clk != e.clk + 1) return wrong("clk");

  const uint32_t call = a7->before, file = a0->before, buffer = a1->before, length = a2->before;
  const auto opened = one_on(e, kTransfer.id, InteractionKind::kSend);
  const auto closed = one_on(e, kTransfer.id, InteractionKind::kReceive);
  const auto exit = one_on(e, kExit.id, InteractionKind::kSend);
  const bool read = call == 63 && file == 0, journal = call == 64 && file == 3;
  const bool console = call == 64 && (file == 1 || file == 2), exits = call == 93;
  if (!read && !journal && !console && !exits) return wrong("no such call");
  if (e.accesses.size() != (journal ? 5u : 4u) || (position != nullptr) != journal)
    return wrong("number of accesses");
  if (e.other.size() != (read || journal ? 2u : exits ? 1u : 0u)) return wrong("other traffic");
  if (e.next_pc != (exits ? kHaltPc : e.pc + 4)) return wrong("next pc");
  if (exits) {
    if (!exit || *exit != Tuple{file & 0xffff, file >> 16}) return wrong("exit code");
    return a0->after == file ? Verdict{Judgement::kCorrect, ""} : wrong("result of exit");
  }
  if (console) return a0->after == length ? Verdict{Judgement::kCorrect, ""} : wrong("result");

  if (!opened || !closed) return wrong("no transfer");
  const uint32_t place = (*opened)[2], words = (*opened)[3];
  // A first word that nobody declares.
  if (words > 0 && !is_declarable(place)) return {Judgement::kRejected, "buffer"};
  if (words > 0 && uint64_t{4} * place != buffer) return wrong("another buffer");
  // Of lengths that trap some may have a read: it delivers no more than was asked for.
  if (length >= 1u << 30) return wrong("length that traps");
  if (length % 4 != 0 && (journal || length < 1u << 16)) return wrong("length that traps");
  const uint32_t start = journal ? position->before : 0;
  if (*opened != Tuple{journal, e.clk, place, words, start}) return wrong("opening");
  const uint32_t end = (Fp::from(place) + Fp::from(words)).value();
  if (*closed != Tuple{journal, e.clk, end, 0, start + words}) return wrong("closing");
  if (journal && position->after != start + words) return wrong("position");
  if (a0->after != 4 * words || 4 * words > length) return wrong("result");
  if (journal && 4 * words != length) return wrong("a journal write in part");
  return {Judgement::kCorrect, ""};
}

/// One word moved, given the tuple that the row takes from the call or the row before.
inline Verdict judge_transfer(const RowEffects& e) {
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
  if (access.time != 4 * clk + 2) return wrong("time");
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

template <>
inline Verdict judge<System>(const System::Cols<Fp>& row) {
  return judge_with<System>(row, judge_call);
}
template <>
inline Verdict judge<Transfer>(const Transfer::Cols<Fp>& row) {
  return judge_with<Transfer>(row, judge_transfer);
}

}  // namespace zkvm::stark::chips::test
