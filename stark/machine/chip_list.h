// All chips of the machine. A new chip is one line here; templates are placed once for each bank
// (circuit.cc). chips.simd.cc compiles them for the prover.
#pragma once

#include "stark/chips/add.h"
#include "stark/chips/bank.h"
#include "stark/chips/bits.h"
#include "stark/chips/boundary.h"
#include "stark/chips/branch.h"
#include "stark/chips/byte_table.h"
#include "stark/chips/compare.h"
#include "stark/chips/div.h"
#include "stark/chips/jump.h"
#include "stark/chips/load.h"
#include "stark/chips/mul.h"
#include "stark/chips/program_table.h"
#include "stark/chips/refresh.h"
#include "stark/chips/shift.h"
#include "stark/chips/shift_table.h"
#include "stark/chips/store.h"
#include "stark/chips/sub_word.h"
#include "stark/chips/system.h"
#include "stark/chips/transfer.h"

namespace zkvm::stark::machine {

// clang-format off
using MachineChips = ChipList<
    // Instructions.
    chips::AddImm,
    chips::AddImmInPlace,
    chips::Add,
    chips::AddInPlace,
    chips::Bits,
    chips::Shift,
    chips::ShiftImm,
    chips::ShiftImmInPlace,
    chips::Compare,
    chips::BranchEqual,
    chips::Branch,
    chips::Jalr,
    chips::LoadWord,
    chips::StoreWord,
    chips::SubWord,
    chips::Mul,
    chips::MulInPlace,
    chips::MulHigh,
    chips::Div,
    chips::System,
    chips::Transfer,
    // Tables.
    chips::ByteTable,
    chips::ShiftTable,
    chips::Refresh,
    chips::ProgramTable,
    chips::Boundary,
    // Templates.
    chips::ConstantBank,
    chips::RamBank</*kFromImage=*/true, /*kKept=*/false>,
    chips::RamBank<true, true>,
    chips::RamBank<false, false>,
    chips::RamBank<false, true>>;
// clang-format on

}  // namespace zkvm::stark::machine
