// All chips of the machine. A new chip is one line here; templates are placed once for each bank
// (circuit.cc). chip_kernels.simd.cc compiles them for the prover.
#pragma once

#include "stark/chips/hash/blake3_block.h"
#include "stark/chips/hash/blake3_call.h"
#include "stark/chips/hash/blake3_round.h"
#include "stark/chips/hash/sha256_block.h"
#include "stark/chips/hash/sha256_call.h"
#include "stark/chips/hash/sha256_rounds.h"
#include "stark/chips/hash/xor_table.h"
#include "stark/chips/layer/bias.h"
#include "stark/chips/layer/call.h"
#include "stark/chips/layer/layer_tables.h"
#include "stark/chips/layer/pair.h"
#include "stark/chips/layer/pair_call.h"
#include "stark/chips/layer/pool.h"
#include "stark/chips/layer/product.h"
#include "stark/chips/layer/read.h"
#include "stark/chips/layer/read_weights.h"
#include "stark/chips/layer/weights_call.h"
#include "stark/chips/layer/write_bytes.h"
#include "stark/chips/layer/write_words.h"
#include "stark/chips/memory/bank.h"
#include "stark/chips/memory/boundary.h"
#include "stark/chips/memory/refresh.h"
#include "stark/chips/rv32im/add.h"
#include "stark/chips/rv32im/bits.h"
#include "stark/chips/rv32im/branch.h"
#include "stark/chips/rv32im/compare.h"
#include "stark/chips/rv32im/div.h"
#include "stark/chips/rv32im/jump.h"
#include "stark/chips/rv32im/load.h"
#include "stark/chips/rv32im/mul.h"
#include "stark/chips/rv32im/shift.h"
#include "stark/chips/rv32im/store.h"
#include "stark/chips/rv32im/sub_word.h"
#include "stark/chips/rv32im/system.h"
#include "stark/chips/rv32im/transfer.h"
#include "stark/chips/tables/byte_table.h"
#include "stark/chips/tables/program_table.h"
#include "stark/chips/tables/shift_table.h"

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
    chips::RamBank<false, true>,
    // BLAKE3, in segments that call it.
    chips::Blake3Call,
    chips::Blake3Block,
    chips::Blake3BlockWhole,
    chips::Blake3Round,
    chips::XorTable,
    // SHA-256, likewise.
    chips::Sha256Call,
    chips::Sha256Block,
    chips::Sha256Rounds,
    // The tensor unit, in segments that call a layer.
    chips::LayerCall,
    chips::LayerPairCall,
    chips::LayerRead,
    chips::LayerReadWide,
    chips::LayerProduct,
    chips::LayerWriteBytes,
    chips::LayerWriteBytesWide,
    chips::LayerWriteWords,
    chips::LayerPool,
    chips::LayerPair,
    chips::LayerWeightsCall,
    chips::LayerReadWeights,
    chips::LayerProductMemory,
    chips::LayerBias,
    chips::LayersTable,
    chips::WeightsTable,
    chips::PowersTable,
    chips::PositionsTable,
    chips::ChannelsTable,
    chips::StepsTable,
    chips::WindowsTable,
    chips::PairsTable,
    chips::PairBytesTable,
    chips::OperandsTable,
    chips::ProductsTable,
    chips::ManyStepsTable,
    chips::Weights64Table>;
// clang-format on

}  // namespace zkvm::stark::machine
