// The buses between the chips of the machine, and the numbers that stand in their tuples.
#pragma once

#include <cstdint>

#include "stark/chip.h"

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

// Places. Byte addresses are below 2^30 and word indices below 2^28, so a program's words, its
// read-only words and the machine's own are apart, and no address that a load, a store or a
// transfer can form reaches a machine word.
inline constexpr uint32_t kReadOnlyBase = 1u << 29;
inline constexpr uint32_t kMachineBase = (1u << 28) + (1u << 20);

// Machine words: x0-x31, then these. The journal's position (in words) and the pc are single field
// elements: they stand in lo, and hi is 0.
inline constexpr uint32_t kDummyWord = 32;  // what rd = x0 is decoded to: nobody reads it
inline constexpr uint32_t kJournalWord = 33;
inline constexpr uint32_t kPcWord = 34;
inline constexpr uint32_t kMachineWords = 35;

/// The pc after exit: no row of the program table has it.
inline constexpr uint32_t kHaltPc = 1u << 30;

}  // namespace zkvm::stark::chips
