// The buses between the chips of the machine, and the numbers that stand in their tuples.
#pragma once

#include <cstdint>

#include "stark/air/chip.h"
#include "stark/field/field.h"

namespace zkvm::stark::chips {

/// clk, pc: every instruction receives its own and sends its successor's.
inline constexpr Bus<2> kState{1, "state"};
/// pc, operation, rd, rs1, rs2, imm lo, imm hi, target: a row of the program table (program.h).
inline constexpr Bus<8> kProgram{2, "program"};
/// place, lo, hi, time: the word at `place` has had this value since `time`. An access receives the
/// tuple that it finds and sends the one that it leaves.
inline constexpr Bus<4> kMemory{3, "memory"};
/// value < 2^16.
inline constexpr Bus<1> kRange16{4, "range16"};
/// value < 2^14.
inline constexpr Bus<1> kRange14{5, "range14"};
/// a, b < 2^8.
inline constexpr Bus<2> kBytes{6, "bytes"};
/// a, b, a & b; a, b < 2^8.
inline constexpr Bus<3> kAnd8{7, "and8"};
/// 256 direction + amount, power, bytes; amount < 2^8 (shift_table.h).
inline constexpr Bus<3> kShift{8, "shift"};
/// is_journal, clk, place, words left, position: a transfer of input or journal in progress.
inline constexpr Bus<5> kTransfer{9, "transfer"};
/// position, lo, hi: a word of the journal. The verifier receives it.
inline constexpr Bus<3> kJournal{10, "journal"};
/// lo, hi: the exit code. The verifier receives it.
inline constexpr Bus<2> kExit{11, "exit"};

// Places. The writable word at address a, a multiple of 4 in [kAddressBegin, kAddressEnd), has
// place a / 4, the read-only word kReadOnlyBase + a / 4, machine word r kMachineBase + r.
//
// SOUNDNESS: a load or store forms its address as one element A = rs1 + imm, which form_address
// (access.h) shows to be an integer in [-2^11, kAddressEnd + 2^16 + 2^11), and names the place
// (A - offset) / 4 in F, offset in 0..3, plus kReadOnlyBase if a flag is set. Four times the places
// that exist are, as integers: [0x1000, 0x3f000000) writable, [0x3f400000, 0x3f40008c) the
// machine's, [0x3f801000, 0x7e800000) read-only; A - offset is in (-0x804, 0x3f010800) without the
// flag, in (0x3f7ff7fc, 0x7e810800) with 4 kReadOnlyBase added. All lie in an interval shorter than
// p, so equal modulo p is equal: a misaligned, negative or too large address has no place, no
// address reaches a machine word, and none has a place of the other kind.
inline constexpr uint32_t kAddressBegin = 0x1000;    // as in vm/elf.h
inline constexpr uint32_t kAddressEnd = 0x3f000000;  // likewise
inline constexpr uint32_t kMachineBase = 0x3f400000 / 4;
inline constexpr uint32_t kReadOnlyBase = 0x3f800000 / 4;

// Machine words: x0-x31, then these. The journal's position (in words) and the pc are single field
// elements: they stand in lo, and hi is 0.
inline constexpr uint32_t kDummyWord = 32;  // what rd = x0 is decoded to: nobody reads it
inline constexpr uint32_t kJournalWord = 33;
inline constexpr uint32_t kPcWord = 34;
inline constexpr uint32_t kMachineWords = 35;

/// Most rows that all tables of a segment have together; its verifier sees to it.
/// SOUNDNESS: a row takes one tick, so clk is below kMaxRows + 2 and a time below 4 times that. A
/// look-up shows that now - before - 1 is in [0, 2^30) modulo p: that means before < now for times
/// up to p - 2^30. And a count that goes down by one in each row is an integer of at most kMaxRows,
/// so four times it has not wrapped around p.
inline constexpr uint32_t kMaxRows = 1u << 26;
static_assert(uint64_t{4} * (uint64_t{kMaxRows} + 2) < Fp::kModulus - (1u << 30));
static_assert(uint64_t{4} * kMaxRows < (1u << 30));

/// The pc after exit: no row of the program table has it.
inline constexpr uint32_t kHaltPc = 1u << 30;

}  // namespace zkvm::stark::chips
