#include "stark/session/rows/chip_rows.h"

#include <algorithm>
#include <array>
#include <memory>

#include "stark/chips/hash/blake3_block.h"
#include "stark/chips/hash/blake3_call.h"
#include "stark/chips/hash/blake3_round.h"
#include "stark/chips/hash/sha256_block.h"
#include "stark/chips/hash/sha256_call.h"
#include "stark/chips/hash/sha256_rounds.h"
#include "stark/chips/layer/call.h"
#include "stark/chips/layer/pair_call.h"
#include "stark/chips/layer/weights_call.h"
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
#include "stark/machine/image.h"
#include "stark/session/rows/hash_rows.h"
#include "stark/session/rows/row_counts.h"
#include "vm/survey.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;
using vm::Class;

/// Of layers and hashes.
uint64_t calls_in(const vm::Segment& segment) {
  uint64_t calls = segment.layer_calls.size();
  for (const vm::HashRecord& hash : segment.hashes) calls += hash.calls.size();
  return calls;
}

class Collector {
 public:
  Collector(const vm::Program& program, std::span<const ProgramRow> text, const LayerImage& layers,
            const vm::Segment& segment)
      : program_(program),
        text_(text),
        layers_(layers),
        segment_(segment),
        rows_(sorted_rows(text, std::span<const uint32_t>(vm::instruction_counts(program, segment)),
                          calls_in(segment))) {
    rows_.join_few();
    sorts_.reserve(text.size());
    for (const ProgramRow& insn : text) sorts_.push_back(rows_.joined(narrowest(insn)));
  }

  std::vector<ChipRows> collect() {
    sorted<vm::ImmediateRow, AddImm, AddImmInPlace>(Class::kAddImm,
                                                    {Sort::kAddImm, Sort::kAddImmInPlace});
    sorted<vm::RegisterRow, Add, AddInPlace>(Class::kAdd, {Sort::kAdd, Sort::kAddInPlace});
    two_forms<Bits>(Class::kBits, Class::kBitsImm);
    shifts();
    two_forms<Compare>(Class::kCompare, Class::kCompareImm);
    sorted<vm::BranchRow, Branch, BranchEqual>(Class::kBranch, {Sort::kBranch, Sort::kBranchEqual});
    all_of<vm::ImmediateRow, Jalr>(Class::kJump);
    loads();
    all_of<vm::StoreRow, StoreWord>(Class::kStoreWord);
    sub_words();
    sorted<vm::RegisterRow, Mul, MulInPlace, MulHigh>(
        Class::kMul, {Sort::kMul, Sort::kMulInPlace, Sort::kMulHigh});
    all_of<vm::RegisterRow, Div>(Class::kDiv);
    all_of<vm::SystemRow, System>(Class::kSystem);
    transfers();
    layer_calls();
    blake3_calls();
    sha256_calls();
    return std::move(out_);
  }

 private:
  /// A chip of `rows` rows; fill_row(i, row) fills row i.
  template <ChipDefinition Chip, class FillRow>
  void add(uint64_t rows, const FillRow& fill_row) {
    if (rows == 0) return;
    const auto fill = [fill_row](uint64_t first, uint64_t count, Fp* out) {
      auto* row = reinterpret_cast<typename Chip::template Cols<Fp>*>(out);
      for (uint64_t i = first; i < first + count; ++i) fill_row(i, *row++);
    };
    out_.push_back({Chip::kName, kWidth<Chip>, rows, fill, &count_lookups<Chip>});
  }

  /// Numbers of the records that belong to each of some chips; shared by what fills their rows.
  template <size_t kChips>
  using Picks = std::shared_ptr<std::array<std::vector<uint32_t>, kChips>>;

  template <class Record, size_t kChips>
  Picks<kChips> pick(std::span<const Record> records, const Sort (&sorts)[kChips]) {
    auto picks = std::make_shared<std::array<std::vector<uint32_t>, kChips>>();
    std::array<std::vector<uint32_t>*, kSorts> lists{};
    for (size_t chip = 0; chip < kChips; ++chip) {
      // Of Shift these are its immediate forms alone.
      (*picks)[chip].reserve(std::min<uint64_t>(rows_[sorts[chip]], records.size()));
      lists[static_cast<size_t>(sorts[chip])] = &(*picks)[chip];
    }
    for (uint32_t i = 0; i < records.size(); ++i)
      lists[static_cast<size_t>(sorts_[records[i].index])]->push_back(i);
    return picks;
  }

  template <ChipDefinition Chip, class Record, size_t kChips>
  void add_picked(std::span<const Record> records, const Picks<kChips>& picks, size_t chip) {
    add<Chip>((*picks)[chip].size(), [text = text_, records, picks, chip](uint64_t i, auto& row) {
      const Record& record = records[(*picks)[chip][i]];
      Chip::fill(row, text[record.index], record);
    });
  }

  /// The rows of a class, each in its chip.
  template <class Record, ChipDefinition... Chips>
  void sorted(Class cls, const Sort (&sorts)[sizeof...(Chips)]) {
    const std::span<const Record> records = segment_.rows<Record>(cls);
    const auto picks = pick(records, sorts);
    size_t chip = 0;
    (add_picked<Chips>(records, picks, chip++), ...);
  }

  template <class Record, ChipDefinition Chip>
  void all_of(Class cls) {
    const std::span<const Record> records = segment_.rows<Record>(cls);
    add<Chip>(records.size(), [text = text_, records](uint64_t i, auto& row) {
      Chip::fill(row, text[records[i].index], records[i]);
    });
  }

  /// Register form and immediate form are two classes of one chip. immediate(i): record i of
  /// `immediates` ones.
  template <ChipDefinition Chip, class Immediate>
  void two_forms(Class register_form, uint64_t immediates, const Immediate& immediate) {
    const auto registers = segment_.rows<vm::RegisterRow>(register_form);
    add<Chip>(registers.size() + immediates,
              [text = text_, registers, immediate](uint64_t i, auto& row) {
                if (i < registers.size()) {
                  Chip::fill(row, text[registers[i].index], registers[i]);
                } else {
                  const vm::ImmediateRow& record = immediate(i - registers.size());
                  Chip::fill(row, text[record.index], record);
                }
              });
  }
  template <ChipDefinition Chip>
  void two_forms(Class register_form, Class immediate_form) {
    const auto immediates = segment_.rows<vm::ImmediateRow>(immediate_form);
    two_forms<Chip>(register_form, immediates.size(),
                    [immediates](uint64_t i) -> const vm::ImmediateRow& { return immediates[i]; });
  }

  /// Shift has the immediate forms, too.
  void shifts() {
    const auto immediates = segment_.rows<vm::ImmediateRow>(Class::kShiftImm);
    const auto picks = pick(immediates, {Sort::kShiftImm, Sort::kShiftImmInPlace, Sort::kShift});
    add_picked<ShiftImm>(immediates, picks, 0);
    add_picked<ShiftImmInPlace>(immediates, picks, 1);
    two_forms<Shift>(Class::kShift, (*picks)[2].size(),
                     [immediates, picks](uint64_t i) -> const vm::ImmediateRow& {
                       return immediates[(*picks)[2][i]];
                     });
  }

  /// Loads say whether they read from read-only memory.
  template <ChipDefinition Chip>
  static void fill_load(typename Chip::template Cols<Fp>& row, const vm::Program& program,
                        const ProgramRow& insn, const vm::LoadRow& record) {
    Chip::fill(row, insn, record, is_read_only(program, record.rs1.value + insn.imm));
  }

  void loads() {
    const auto records = segment_.rows<vm::LoadRow>(Class::kLoadWord);
    add<LoadWord>(records.size(),
                  [this_program = &program_, text = text_, records](uint64_t i, auto& row) {
                    fill_load<LoadWord>(row, *this_program, text[records[i].index], records[i]);
                  });
  }

  /// Loads and stores of less than a word are two classes of one chip.
  void sub_words() {
    const auto loads = segment_.rows<vm::LoadRow>(Class::kLoadSub);
    const auto stores = segment_.rows<vm::StoreRow>(Class::kStoreSub);
    add<SubWord>(loads.size() + stores.size(),
                 [this_program = &program_, text = text_, loads, stores](uint64_t i, auto& row) {
                   if (i < loads.size()) {
                     fill_load<SubWord>(row, *this_program, text[loads[i].index], loads[i]);
                   } else {
                     const vm::StoreRow& record = stores[i - loads.size()];
                     SubWord::fill(row, text[record.index], record);
                   }
                 });
  }

  void transfers() {
    const auto calls = segment_.rows<vm::SystemRow>(Class::kSystem);
    const auto records = segment_.transfers.rows<vm::TransferRow>();
    add<Transfer>(records.size(),
                  [this_program = &program_, calls, records](uint64_t i, auto& row) {
                    const vm::TransferRow& record = records[i];
                    const vm::SystemRow& call = calls[record.system];
                    Transfer::fill(row, call, record, static_cast<uint32_t>(i - call.transfer),
                                   is_read_only(*this_program, record.word * 4));
                  });
  }

  void layer_calls() {
    if (!segment_.layer_calls) return;
    const auto records = segment_.layer_calls.rows<vm::LayerRow>();
    const auto picks = std::make_shared<std::array<std::vector<uint32_t>, 3>>();  // by operands
    for (uint32_t i = 0; i < records.size(); ++i) {
      const vm::Layer& layer = layers_.layer(records[i].layer);
      (*picks)[layer.memory_weights                   ? 2
               : layer.kind == vm::Layer::Kind::kPair ? 1
                                                      : 0]
          .push_back(i);
    }
    const auto add_calls = [&]<ChipDefinition Chip>(size_t pick) {
      add<Chip>((*picks)[pick].size(), [text = text_, these_layers = &layers_, records, picks,
                                        pick](uint64_t i, auto& row) {
        const vm::LayerRow& record = records[(*picks)[pick][i]];
        const LayerImage::Entry& entry = these_layers->entry(record.layer);
        if constexpr (std::is_same_v<Chip, LayerWeightsCall>)
          Chip::fill(row, text[record.index], record, entry.tuple, entry.operand);
        else
          Chip::fill(row, text[record.index], record, entry.tuple);
      });
    };
    add_calls.operator()<LayerCall>(0);
    add_calls.operator()<LayerPairCall>(1);
    add_calls.operator()<LayerWeightsCall>(2);
  }

  void blake3_calls() {
    const auto hashed = std::make_shared<const HashedBlocks>(
        hashed_blocks(program_, segment_, vm::Hash::kBlake3));
    const uint64_t whole = whole_blocks(hashed->blocks.size());
    const uint64_t others = hashed->blocks.size() - whole;
    add<Blake3Call>(hashed->calls.size(), [text = text_, hashed](uint64_t i, auto& row) {
      const HashedCall& call = hashed->calls[i];
      Blake3Call::fill(row, text[call.record->index], *call.record, call.cv, call.after);
    });
    add<Blake3BlockWhole>(
        whole, [hashed](uint64_t i, auto& row) { Blake3BlockWhole::fill(row, hashed->blocks[i]); });
    add<Blake3Block>(others, [hashed, whole](uint64_t i, auto& row) {
      Blake3Block::fill(row, hashed->blocks[whole + i]);
    });
    add<Blake3Round>(kBlake3Rounds * others, [hashed, whole](uint64_t i, auto& row) {
      Blake3Round::fill(row, hashed->blocks[whole + i / kBlake3Rounds],
                        static_cast<uint32_t>(i % kBlake3Rounds));
    });
  }

  void sha256_calls() {
    const auto hashed = std::make_shared<const HashedBlocks>(
        hashed_blocks(program_, segment_, vm::Hash::kSha256));
    add<Sha256Call>(hashed->calls.size(), [text = text_, hashed](uint64_t i, auto& row) {
      const HashedCall& call = hashed->calls[i];
      Sha256Call::fill(row, text[call.record->index], *call.record, call.cv, call.after);
    });
    add<Sha256Block>(hashed->blocks.size(), [hashed](uint64_t i, auto& row) {
      Sha256Block::fill(row, hashed->blocks[i]);
    });
    add<Sha256Rounds>(kSha256Eighths * hashed->blocks.size(), [hashed](uint64_t i, auto& row) {
      Sha256Rounds::fill(row, hashed->blocks[i / kSha256Eighths],
                         static_cast<uint32_t>(i % kSha256Eighths));
    });
  }

  static bool is_read_only(const vm::Program& program, uint32_t address) {
    const vm::Region* region = program.region_at(address);
    return region != nullptr && !region->write;
  }

  const vm::Program& program_;
  std::span<const ProgramRow> text_;
  const LayerImage& layers_;
  const vm::Segment& segment_;
  SortedRows rows_;
  std::vector<Sort> sorts_;  // of the words of the text
  std::vector<ChipRows> out_;
};

}  // namespace

std::vector<ChipRows> chip_rows(const vm::Program& program,
                                std::span<const ProgramRow> rows_of_text, const LayerImage& layers,
                                const vm::Segment& segment) {
  return Collector(program, rows_of_text, layers, segment).collect();
}

}  // namespace zkvm::stark::machine
