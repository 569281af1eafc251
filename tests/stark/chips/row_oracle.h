// Judges single rows of instruction chips: a row that satisfies its asserts, whose look-ups have
// answers and whose other tuples could exist must be a correct execution of the instruction that it
// fetches. The model of RV32IM is written here once more, from the manual, and shares nothing with
// chips or VM.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "stark/air/row_check.h"
#include "stark/chips/buses.h"
#include "stark/chips/program_row.h"

namespace zkvm::stark::chips::test {

enum class Judgement : uint8_t {
  kRejected,  // an assert fails, a look-up has no answer, or a tuple that it takes cannot exist
  kIdle,      // nothing on any bus
  kCorrect,   // a correct instruction
  kWrong,     // passes and is not
};

struct Verdict {
  Judgement judgement;
  std::string why;
};

/// An access as the row made it: the word that it found, the one that it left, when.
struct RowAccess {
  uint32_t place, before, after, time_before, time;
};

/// All that a row put on the buses, look-ups (which have been checked) left out.
struct RowEffects {
  uint32_t clk = 0, pc = 0, next_clk = 0, next_pc = 0;
  ProgramRow insn{};
  std::vector<RowAccess> accesses;          // in the order of eval
  std::vector<RowChecker::BusEntry> other;  // transfer, journal, exit
};

// The answers of the look-up tables.
bool inline has_answer(uint16_t bus, const std::vector<uint32_t>& t) {
  switch (bus) {
    case kRange16.id:
      return t[0] < 1u << 16;
    case kRange14.id:
      return t[0] < 1u << 14;
    case kBytes.id:
      return t[0] < 256 && t[1] < 256;
    case kAnd8.id:
      return t[0] < 256 && t[1] < 256 && t[2] == (t[0] & t[1]);
    case kShift.id: {
      const uint32_t amount = t[0] % 256 % 32, bits = amount % 8;
      return t[0] < 512 && t[1] == (t[0] < 256 ? 1u << bits : 256u >> bits) && t[2] == amount / 8;
    }
    default:
      return false;
  }
}

/// Whether an instruction may stand there, or nearly: text begins later and ends before.
inline bool is_pc(uint32_t pc) { return pc % 4 == 0 && pc != 0 && pc < 1u << 30; }
/// Immediates of 12 bits.
inline bool is_short(uint32_t imm) { return imm + (1u << 11) < 1u << 12; }

/// Whether some program table may hold this row.
inline bool is_program_row(const ProgramRow& r) {
  if (!is_pc(r.pc) || r.target >= 1u << 30) return false;
  const bool immediate = (r.operation & kImmediate) != 0;
  const auto op = static_cast<Operation>(r.operation % kImmediate);
  const bool shift_imm = immediate && op >= Operation::kSll && op <= Operation::kSra;
  if (r.operation >= 2 * kImmediate) return false;
  if (shift_imm && r.imm >= 32) return false;
  if (immediate && (op < Operation::kAnd || op > Operation::kSltu)) return false;
  const bool r_type = (op >= Operation::kAdd && op <= Operation::kSub) ||
                      (op >= Operation::kAnd && op <= Operation::kSltu) ||
                      (op >= Operation::kMul && op <= Operation::kRemu);
  const bool branch = op >= Operation::kBeq && op <= Operation::kBgeu;
  const bool store = op >= Operation::kSb && op <= Operation::kSh;
  const bool load = op >= Operation::kLb && op <= Operation::kLw;
  const bool jump = op == Operation::kJalr;
  const bool has_rd = r_type || load || jump || op == Operation::kAddImm;
  const bool has_rs1 = has_rd || branch || store;
  const bool has_rs2 = (r_type && !immediate) || branch || store;
  const bool has_imm = immediate || load || store || jump || op == Operation::kAddImm;
  if (op == Operation::kNone || op > Operation::kEcall) return false;
  if (has_rd ? r.rd < 1 || r.rd > kDummyWord : r.rd != 0) return false;
  if (r.rs1 > (has_rs1 ? 31u : 0u) || r.rs2 > (has_rs2 ? 31u : 0u)) return false;
  if (!has_imm && r.imm != 0) return false;
  if (immediate && op >= Operation::kSll && op <= Operation::kSra && r.imm >= 32) return false;
  if (jump) {
    const bool jal = r.rs1 == 0 && is_pc(r.imm);
    return r.target == (r.pc + 4) >> 16 && (jal || is_short(r.imm));
  }
  if (!branch && r.target != 0) return false;
  return !(load || store) || is_short(r.imm);
}

/// The row that stands for this tuple of the program bus, nothing if none does. The immediate is
/// two limbs; but of jumps, loads and stores one signed number modulo p, and 0; and of shifts by
/// the amount 8 k + j, 2^j to the left or 2^(8 - j) to the right, and k.
inline std::optional<ProgramRow> program_row(const std::vector<uint32_t>& t) {
  ProgramRow row{t[0], t[1], t[2], t[3], t[4], 0, t[7]};
  const uint32_t operation = t[1], left = number(Operation::kSll) + kImmediate;
  if (operation >= number(Operation::kJalr) && operation <= number(Operation::kSh)) {
    if (t[6] != 0) return std::nullopt;
    row.imm = t[5] < Fp::kModulus / 2 ? t[5] : t[5] - Fp::kModulus;
  } else if (operation >= left && operation <= left + 2) {
    const int log = std::countr_zero(t[5]), bits = operation == left ? log : 8 - log;
    if (!std::has_single_bit(t[5]) || bits < 0 || bits > 7 || t[6] > 3) return std::nullopt;
    row.imm = 8 * t[6] + static_cast<uint32_t>(bits);
  } else {
    if ((t[5] | t[6]) >> 16 != 0) return std::nullopt;
    row.imm = t[5] | t[6] << 16;
  }
  return is_program_row(row) ? std::optional(row) : std::nullopt;
}

/// Whether the loader may find memory declared at this word.
inline bool is_declarable(uint32_t word) { return word >= 0x1000 / 4 && word < 0x3f000000 / 4; }

/// Collects what a row does. Nothing if it is rejected; `why` says so.
template <class Chip>
std::optional<RowEffects> effects(const typename Chip::template Cols<Fp>& row, std::string& why) {
  constexpr size_t kCells = kWidth<Chip>;
  std::array<RowValue, kCells> cells;
  const Fp* words = reinterpret_cast<const Fp*>(&row);
  for (size_t i = 0; i < kCells; ++i) cells[i] = RowValue(words[i]);
  RowChecker air;
  check_row<Chip>(air, cells.data(), cells.data());
  const auto reject = [&](std::string text) {
    why = std::move(text);
    return std::nullopt;
  };
  if (!air.broken.empty()) return reject(std::string("assert ") + air.broken[0].label);

  RowEffects out;
  int fetches = 0, state_in = 0, state_out = 0;
  std::vector<std::vector<uint32_t>> received, sent;
  for (const auto& entry : air.entries) {
    std::vector<uint32_t> t;
    for (const Fp x : entry.tuple) t.push_back(x.value());
    EXPECT_EQ(entry.multiplicity, Fp::one())
        << Chip::kName << ": a multiplicity that is no boolean";
    const bool send = entry.kind == InteractionKind::kSend;
    switch (entry.bus) {
      case kState.id:
        ++(send ? state_out : state_in);
        (send ? out.next_clk : out.clk) = t[0];
        (send ? out.next_pc : out.pc) = t[1];
        break;
      case kProgram.id:
        ++fetches;
        if (const auto insn = program_row(t))
          out.insn = *insn;
        else
          return reject("program row");
        break;
      case kMemory.id:
        (send ? sent : received).push_back(t);
        break;
      case kTransfer.id:
      case kJournal.id:
      case kExit.id:
        out.other.push_back(entry);
        break;
      default:
        if (!has_answer(entry.bus, t)) return reject("look-up on bus " + std::to_string(entry.bus));
    }
  }
  if (air.entries.empty()) return out;
  EXPECT_TRUE(fetches == state_in && fetches == state_out) << Chip::kName;
  EXPECT_EQ(received.size(), sent.size()) << Chip::kName;
  if (fetches != 0 && (out.pc != out.insn.pc || out.clk == 0 || out.clk >= 1u << 26))
    return reject("state");
  // A jump may leave a state that no instruction takes, but not the one of a halt.
  const bool jumps = out.insn.operation == number(Operation::kJalr);
  if (jumps && !is_pc(out.next_pc) && out.next_pc != kHaltPc) return reject("next pc");
  for (const auto& entry : out.other)
    // A call's words: as many rows count them down to 0, and no segment has more.
    if (fetches != 0 && entry.bus == kTransfer.id && entry.tuple[3].value() >= 1u << 26)
      return reject("words of a transfer");
  bool leaves_in_range = true;  // if what it finds is
  for (size_t i = 0; i < received.size(); ++i) {
    const auto &from = received[i], &to = sent[i];
    EXPECT_EQ(from[0], to[0]) << Chip::kName << ": an access of two places";
    const bool machine = from[0] - kMachineBase < kMachineWords;
    if (!machine && !is_declarable(from[0]) && !is_declarable(from[0] - kReadOnlyBase))
      return reject("place of no bank");
    // A tuple that it takes was sent before: its limbs are in range and its time is a time. The
    // journal's position is one element.
    const bool is_position = from[0] == kMachineBase + kJournalWord;
    const auto in_range = [&](const std::vector<uint32_t>& t) {
      return is_position ? t[1] < 1u << 29 && t[2] == 0 : (t[1] | t[2]) >> 16 == 0;
    };
    if (!in_range(from) || from[3] >= 1u << 28) return reject("found");
    const bool is_jal = jumps && !is_short(out.insn.imm);
    if (is_jal && from[0] == kMachineBase && (from[1] | from[2]) != 0) return reject("x0 is 0");
    leaves_in_range = leaves_in_range && in_range(to) && to[3] > from[3];
    out.accesses.push_back({from[0], from[1] | from[2] << 16, to[1] | to[2] << 16, from[3], to[3]});
  }
  EXPECT_TRUE(leaves_in_range) << Chip::kName << ": leaves limbs or a time out of range";
  return out;
}

// The manual's arithmetic.
inline uint32_t arithmetic(Operation op, uint32_t a, uint32_t b) {
  const auto sa = static_cast<int32_t>(a), sb = static_cast<int32_t>(b);
  const int64_t wa = sa, wb = sb;
  const uint64_t ua = a, ub = b;
  const unsigned shift = b % 32;
  switch (op) {
    case Operation::kAdd:
    case Operation::kAddImm:
      return a + b;
    case Operation::kSub:
      return a - b;
    case Operation::kAnd:
      return a & b;
    case Operation::kOr:
      return a | b;
    case Operation::kXor:
      return a ^ b;
    case Operation::kSll:
      return static_cast<uint32_t>(ua << shift);
    case Operation::kSrl:
      return a >> shift;
    case Operation::kSra:
      return static_cast<uint32_t>(wa >> shift);
    case Operation::kSlt:
      return sa < sb ? 1 : 0;
    case Operation::kSltu:
      return a < b ? 1 : 0;
    case Operation::kMul:
      return static_cast<uint32_t>(ua * ub);
    case Operation::kMulh:
      return static_cast<uint32_t>(static_cast<uint64_t>(wa * wb) >> 32);
    case Operation::kMulhsu:
      return static_cast<uint32_t>(static_cast<uint64_t>(wa * static_cast<int64_t>(ub)) >> 32);
    case Operation::kMulhu:
      return static_cast<uint32_t>(ua * ub >> 32);
    case Operation::kDiv:
      return b == 0 ? ~0u : static_cast<uint32_t>(wa / wb);
    case Operation::kDivu:
      return b == 0 ? ~0u : a / b;
    case Operation::kRem:
      return b == 0 ? a : static_cast<uint32_t>(wa % wb);
    case Operation::kRemu:
      return b == 0 ? a : a % b;
    default:
      return 0;
  }
}

/// What the instruction at `e.insn` should have done, given what its accesses found; nothing if it
/// has no correct execution (the VM traps). ecall is not modelled here.
struct Expected {
  struct Touch {
    uint32_t place, after, subtick;
  };
  std::vector<Touch> touches;  // in the order of their subticks
  uint32_t next_pc;
};
inline std::optional<Expected> expected(const RowEffects& e) {
  const ProgramRow& i = e.insn;
  const auto value_at = [&](uint32_t subtick) -> uint32_t {
    for (const RowAccess& a : e.accesses)
      if (a.time == 4 * e.clk + subtick) return a.before;
    return 0;
  };
  // With rd = rs1 one access may do for both.
  const bool is_in_place =
      i.rd == i.rs1 && std::ranges::none_of(e.accesses, [&](const RowAccess& access) {
        return access.time == 4 * e.clk;
      });
  const bool immediate = (i.operation & kImmediate) != 0;
  const auto op = static_cast<Operation>(i.operation % kImmediate);
  const uint32_t a = value_at(is_in_place ? 2 : 0), b = value_at(1);
  const auto reg = [](uint32_t r) { return kMachineBase + r; };
  Expected out{{}, i.pc + 4};
  const auto touch = [&](uint32_t place, uint32_t after, uint32_t subtick) {
    out.touches.push_back({place, after, subtick});
  };
  if (!is_in_place) touch(reg(i.rs1), a, 0);
  if (op >= Operation::kBeq && op <= Operation::kBgeu) {
    touch(reg(i.rs2), b, 1);
    const auto sa = static_cast<int32_t>(a), sb = static_cast<int32_t>(b);
    const bool taken = op == Operation::kBeq    ? a == b
                       : op == Operation::kBne  ? a != b
                       : op == Operation::kBlt  ? sa < sb
                       : op == Operation::kBge  ? sa >= sb
                       : op == Operation::kBltu ? a < b
                                                : a >= b;
    if (taken) out.next_pc = i.target;
    return out;
  }
  const uint32_t address = a + i.imm;
  if (op == Operation::kJalr) {
    touch(reg(i.rd), i.pc + 4, 2);
    out.next_pc = address & ~1u;
    return is_pc(out.next_pc) ? std::optional(out) : std::nullopt;
  }
  const bool load = op >= Operation::kLb && op <= Operation::kLw;
  const bool store = op >= Operation::kSb && op <= Operation::kSh;
  if (load || store) {
    const bool byte = op == Operation::kLb || op == Operation::kLbu || op == Operation::kSb;
    const bool half = op == Operation::kLh || op == Operation::kLhu || op == Operation::kSh;
    const uint32_t size = byte ? 1 : half ? 2 : 4;
    if (!is_declarable(address / 4) || address % size != 0) return std::nullopt;
    const uint32_t shift = address % 4 * 8, mask = byte ? 0xff : half ? 0xffff : ~0u;
    if (store) {
      const uint32_t word = value_at(2);
      touch(reg(i.rs2), b, 1);
      touch(address / 4, (word & ~(mask << shift)) | ((b & mask) << shift), 2);
      return out;
    }
    // Both kinds of memory are correct places: which of them exists is the banks' affair.
    uint32_t place = address / 4;
    for (const RowAccess& x : e.accesses)
      if (x.place == kReadOnlyBase + place) place = x.place;
    uint32_t value = (b >> shift) & mask;
    if (op == Operation::kLb) value = static_cast<uint32_t>(static_cast<int8_t>(value));
    if (op == Operation::kLh) value = static_cast<uint32_t>(static_cast<int16_t>(value));
    touch(place, b, 1);
    touch(reg(i.rd), value, 2);
    return out;
  }
  const bool has_imm = immediate || op == Operation::kAddImm;
  if (!has_imm) touch(reg(i.rs2), b, 1);
  touch(reg(i.rd), arithmetic(op, a, has_imm ? i.imm : b), 2);
  return out;
}

/// The judgement on a row of an instruction chip (not ecall, not transfers).
template <class Chip>
Verdict judge(const typename Chip::template Cols<Fp>& row) {
  std::string why;
  const auto e = effects<Chip>(row, why);
  if (!e) return {Judgement::kRejected, why};
  const bool idle = e->clk == 0 && e->accesses.empty() && e->other.empty();
  if (idle) return {Judgement::kIdle, ""};
  const auto wrong = [&](const std::string& what) { return Verdict{Judgement::kWrong, what}; };
  if (e->insn.operation == 0) return wrong("traffic without a fetch");
  const auto model = expected(*e);
  if (!model) return wrong("an instruction that traps");
  if (e->next_clk != e->clk + 1) return wrong("clk");
  if (e->next_pc != model->next_pc) return wrong("next pc");
  if (!e->other.empty()) return wrong("other traffic");
  if (e->accesses.size() != model->touches.size()) return wrong("number of accesses");
  for (const auto& touch : model->touches) {
    bool done = false;
    for (const RowAccess& a : e->accesses)
      done = done || (a.place == touch.place && a.after == touch.after &&
                      a.time == 4 * e->clk + touch.subtick);
    if (!done) return wrong("access at subtick " + std::to_string(touch.subtick));
  }
  return {Judgement::kCorrect, ""};
}

template <class Chip>
void expect_correct(const typename Chip::template Cols<Fp>& row) {
  const Verdict verdict = judge<Chip>(row);
  EXPECT_EQ(verdict.judgement, Judgement::kCorrect) << Chip::kName << ": " << verdict.why;
}

template <class Chip>
void expect_not_wrong(const typename Chip::template Cols<Fp>& row) {
  const Verdict verdict = judge<Chip>(row);
  EXPECT_NE(verdict.judgement, Judgement::kWrong) << Chip::kName << ": " << verdict.why;
}

/// Values at which carries, signs and limbs change.
inline constexpr uint32_t kEdges[] = {
    0,          1,          2,          3,          4,          7,          8,          15,
    16,         31,         32,         0x7f,       0x80,       0xff,       0x100,      0x7fff,
    0x8000,     0xfffe,     0xffff,     0x10000,    0x10001,    0x7effffff, 0x7f000000, 0x7f000001,
    0x7fff0000, 0x7fffffff, 0x80000000, 0x80000001, 0xffff0000, 0xfffffff8, 0xfffffffe, 0xffffffff};

/// Changes cells of a row that is correct, one by one and in pairs, and expects that no changed row
/// is judged wrong. `pairs`: random pairs of cells tried.
template <class Chip>
void attack(const typename Chip::template Cols<Fp>& honest, std::mt19937_64& random,
            int pairs = 300) {
  using Row = typename Chip::template Cols<Fp>;
  constexpr size_t kCells = kWidth<Chip>;
  const auto wrong_value = [&](Fp x) -> Fp {
    switch (random() % 12) {
      case 0:
        return x + Fp::one();
      case 1:
        return x - Fp::one();
      case 2:
        return Fp::zero();
      case 3:
        return Fp::one();
      case 4:
        return -x;
      case 5:
        return x + Fp::from(1u << 16);
      case 6:
        return x - Fp::from(1u << 16);
      case 7:
        return x + Fp::from(256);
      case 8:
        return x - Fp::from(256);
      case 9:
        return x + Fp::from(1u << (random() % 31));
      case 10:
        return Fp::from(random() % (1u << 16));
      default:
        return Fp::from(random());
    }
  };
  const auto expect_not_wrong = [&](const Row& row, const std::string& cells) {
    const Verdict verdict = judge<Chip>(row);
    EXPECT_NE(verdict.judgement, Judgement::kWrong)
        << Chip::kName << ": cells " << cells << ": " << verdict.why;
  };
  for (size_t i = 0; i < kCells; ++i) {
    for (int n = 0; n < 24; ++n) {
      Row row = honest;
      Fp& cell = reinterpret_cast<Fp*>(&row)[i];
      cell = wrong_value(cell);
      expect_not_wrong(row, std::to_string(i));
    }
  }
  for (int n = 0; n < pairs; ++n) {
    Row row = honest;
    Fp* cells = reinterpret_cast<Fp*>(&row);
    const size_t i = random() % kCells, j = random() % kCells;
    const Fp before = cells[i];
    cells[i] = wrong_value(cells[i]);
    // Half of the time the second change balances the first in some sum of limbs or carries.
    const Fp scale = Fp::from(uint64_t{1} << (random() % 3 * 8));
    cells[j] = random() % 2 == 0 ? wrong_value(cells[j])
                                 : cells[j] + (cells[i] - before) * (random() % 2 ? scale : -scale);
    expect_not_wrong(row, std::to_string(i) + " and " + std::to_string(j));
  }
}

/// The padding row is idle, and a change of any one cell leaves it idle, rejected or correct.
template <class Chip>
void attack_padding(std::mt19937_64& random) {
  typename Chip::template Cols<Fp> padding{};
  EXPECT_EQ(judge<Chip>(padding).judgement, Judgement::kIdle) << Chip::kName;
  attack<Chip>(padding, random, 0);
}

/// Addresses of words, to both ends of what may be declared.
inline constexpr uint32_t kAddresses[] = {0x1000,     0x1ffc,     0xfffc,     0x10000,
                                          0x00fffffc, 0x12345678, 0x3e80fffc, 0x3efffffc};

/// Base registers and immediates of loads and stores, good and bad: around the ends of what may be
/// declared, around 2^32, random ones, and all of these moved by what could make one address look
/// like another: multiples of p, and the distances between the kinds of places.
template <class Visit>
void for_each_address(std::mt19937_64& random, Visit visit) {
  std::vector<uint64_t> marks = {0,          0x1000,     0x10000,    0x3effffff,       0x3f000000,
                                 0x3f010000, 0x3f400000, 0x3f800000, uint64_t{1} << 32};
  for (int i = 0; i < 40; ++i) marks.push_back(random() % kAddressEnd);
  constexpr uint64_t kKinds[] = {0, 4 * uint64_t{kMachineBase}, 4 * uint64_t{kReadOnlyBase}};
  for (const uint64_t mark : marks)
    for (const uint64_t multiple : {0, 1, 2})
      for (const uint64_t kind : kKinds)
        for (const uint64_t from : kKinds)
          for (uint64_t step = 0; step < 4; ++step)
            for (const uint32_t imm : {0u, 1u, 2u, 0x7ffu, ~0u, ~1u, ~0x7ffu})
              visit(static_cast<uint32_t>(mark + multiple * Fp::kModulus + kind - from + step),
                    imm);
}

/// The row is correct if the VM may accept its address, and has no place else.
template <class Chip>
void expect_as_vm(const typename Chip::template Cols<Fp>& row, uint32_t address, uint32_t size) {
  const Verdict verdict = judge<Chip>(row);
  const bool accepts = is_declarable(address / 4) && address % size == 0;
  EXPECT_EQ(verdict.judgement, accepts ? Judgement::kCorrect : Judgement::kRejected)
      << Chip::kName << " at " << address << ": " << verdict.why;
}

/// An access of the execution record before time `now`: vm::Access without the VM.
struct RecordAccess {
  uint32_t value, time;
};
inline RecordAccess register_access(uint32_t value, uint32_t now, std::mt19937_64& random) {
  const uint32_t age = random() % 4 == 0 ? 0 : static_cast<uint32_t>(random() % 65536);
  return {value, now - 1 - std::min(age, now - 1)};
}
inline RecordAccess ram_access(uint32_t value, uint32_t now, std::mt19937_64& random) {
  return {value, static_cast<uint32_t>(random() % now)};
}

}  // namespace zkvm::stark::chips::test
