#include "stark/session/rows/row_counts.h"

#include <algorithm>
#include <utility>

#include "stark/chips/hash/blake3_block.h"
#include "stark/chips/hash/blake3_call.h"
#include "stark/chips/hash/blake3_round.h"
#include "stark/chips/hash/sha256_block.h"
#include "stark/chips/hash/sha256_call.h"
#include "stark/chips/hash/sha256_rounds.h"
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
#include "stark/session/rows/hash_rows.h"
#include "stark/session/rows/layer_rows.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;

constexpr std::array<const char*, kSorts> kNames = {AddImm::kName,
                                                    AddImmInPlace::kName,
                                                    Add::kName,
                                                    AddInPlace::kName,
                                                    Bits::kName,
                                                    ShiftImm::kName,
                                                    ShiftImmInPlace::kName,
                                                    Shift::kName,
                                                    Compare::kName,
                                                    Branch::kName,
                                                    BranchEqual::kName,
                                                    Jalr::kName,
                                                    LoadWord::kName,
                                                    StoreWord::kName,
                                                    SubWord::kName,
                                                    Mul::kName,
                                                    MulInPlace::kName,
                                                    MulHigh::kName,
                                                    Div::kName,
                                                    System::kName};

}  // namespace

Sort narrowest(const ProgramRow& insn) {
  const bool immediate = insn.operation >= kImmediate;
  const bool in_place = insn.rd == insn.rs1 && insn.rd != insn.rs2;
  switch (static_cast<Operation>(insn.operation - (immediate ? kImmediate : 0))) {
    case Operation::kNone:
      return Sort::kNone;
    case Operation::kAdd:
      return in_place ? Sort::kAddInPlace : Sort::kAdd;
    case Operation::kSub:
      return Sort::kAdd;
    case Operation::kAddImm:
      return in_place ? Sort::kAddImmInPlace : Sort::kAddImm;
    case Operation::kAnd:
    case Operation::kOr:
    case Operation::kXor:
      return Sort::kBits;
    case Operation::kSll:
    case Operation::kSrl:
    case Operation::kSra:
      return !immediate ? Sort::kShift : in_place ? Sort::kShiftImmInPlace : Sort::kShiftImm;
    case Operation::kSlt:
    case Operation::kSltu:
      return Sort::kCompare;
    case Operation::kBeq:
    case Operation::kBne:
      return Sort::kBranchEqual;
    case Operation::kBlt:
    case Operation::kBge:
    case Operation::kBltu:
    case Operation::kBgeu:
      return Sort::kBranch;
    case Operation::kJalr:
      return Sort::kJalr;
    case Operation::kLw:
      return Sort::kLoadWord;
    case Operation::kSw:
      return Sort::kStoreWord;
    case Operation::kLb:
    case Operation::kLbu:
    case Operation::kLh:
    case Operation::kLhu:
    case Operation::kSb:
    case Operation::kSh:
      return Sort::kSubWord;
    case Operation::kMul:
      return in_place ? Sort::kMulInPlace : Sort::kMul;
    case Operation::kMulh:
    case Operation::kMulhsu:
    case Operation::kMulhu:
      return Sort::kMulHigh;
    case Operation::kDiv:
    case Operation::kDivu:
    case Operation::kRem:
    case Operation::kRemu:
      return Sort::kDiv;
    case Operation::kEcall:
      return Sort::kSystem;
  }
  return Sort::kNone;
}

// The wide chip has the instructions of the narrow one, too.
void SortedRows::join_few() {
  join_if_few(Sort::kAddImmInPlace, Sort::kAddImm);
  join_if_few(Sort::kAddInPlace, Sort::kAdd);
  join_if_few(Sort::kMulInPlace, Sort::kMul);
  join_if_few(Sort::kBranchEqual, Sort::kBranch);
  join_if_few(Sort::kShiftImmInPlace, Sort::kShiftImm);
  join_if_few(Sort::kShiftImm, Sort::kShift);
  join_if_few(Sort::kShiftImmInPlace, Sort::kShift);
}

/// If they save less than a table of their own costs: about a fifth of a row each, where a table has
/// 2^kMinLogHeight rows or more. The wide one must have a table.
void SortedRows::join_if_few(Sort narrow, Sort wide) {
  uint64_t& from = (*this)[narrow];
  if ((*this)[wide] == 0 || from >= uint64_t{5} << kMinLogHeight) return;
  (*this)[wide] += std::exchange(from, 0);
  std::ranges::replace(to_, narrow, wide);
}

RowCounts row_counts(const SortedRows& sorted, uint64_t transfers,
                     const std::array<vm::HashUse, vm::kHashes>& hashes) {
  RowCounts rows;
  for (size_t i = 0; i < kSorts; ++i) rows[kNames[i]] = sorted[static_cast<Sort>(i)];
  rows[Transfer::kName] = transfers;
  const auto& [blake3, sha256] = hashes;
  const uint64_t whole = whole_blocks(blake3.blocks), others = blake3.blocks - whole;
  rows[Blake3Call::kName] = blake3.calls;
  rows[Blake3BlockWhole::kName] = whole;
  rows[Blake3Block::kName] = others;
  rows[Blake3Round::kName] = kBlake3Rounds * others;
  rows[Sha256Call::kName] = sha256.calls;
  rows[Sha256Block::kName] = sha256.blocks;
  rows[Sha256Rounds::kName] = kSha256Eighths * sha256.blocks;
  std::erase_if(rows, [](const auto& of_chip) { return of_chip.second == 0; });
  return rows;
}

RowCounts row_counts(std::span<const ProgramRow> text, const LayerImage& layers,
                     const vm::Survey& survey) {
  uint64_t calls = survey.layer_calls.size();
  for (const vm::HashUse& hash : survey.hashes) calls += hash.calls;
  SortedRows sorted = sorted_rows(text, std::span(survey.counts), calls);
  sorted.join_few();
  RowCounts rows = row_counts(sorted, survey.transfers, survey.hashes);
  for (const uint32_t layer : survey.layer_calls) ++rows[call_chip(layers.layer(layer))];
  return rows;
}

}  // namespace zkvm::stark::machine
