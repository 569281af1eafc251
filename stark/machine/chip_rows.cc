#include "stark/machine/chip_rows.h"

#include <array>
#include <memory>

#include "stark/chips/add.h"
#include "stark/chips/bits.h"
#include "stark/chips/branch.h"
#include "stark/chips/compare.h"
#include "stark/chips/div.h"
#include "stark/chips/jump.h"
#include "stark/chips/load.h"
#include "stark/chips/mul.h"
#include "stark/chips/shift.h"
#include "stark/chips/store.h"
#include "stark/chips/system.h"
#include "stark/chips/transfer.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;
using vm::Class;

class Collector {
 public:
  Collector(const vm::Program& program, std::span<const ProgramRow> text,
            const vm::Segment& segment)
      : program_(program), text_(text), segment_(segment) {}

  std::vector<ChipRows> collect() {
    one_chip<AddImm, vm::ImmediateRow>(Class::kAddImm);
    two_chips<Add, Sub, vm::RegisterRow>(
        Class::kAdd, [](Operation operation) { return operation == Operation::kSub; });
    two_forms<Bits>(Class::kBits, Class::kBitsImm);
    one_chip<Shift, vm::RegisterRow>(Class::kShift);
    one_chip<ShiftImm, vm::ImmediateRow>(Class::kShiftImm);
    two_forms<Compare>(Class::kCompare, Class::kCompareImm);
    two_chips<BranchEqual, BranchLess, vm::BranchRow>(
        Class::kBranch, [](Operation operation) { return operation > Operation::kBne; });
    one_chip<Jal, vm::JumpRow>(Class::kJump);
    one_chip<Jalr, vm::ImmediateRow>(Class::kJumpRegister);
    loads<LoadWord>(Class::kLoadWord);
    loads<LoadSub>(Class::kLoadSub);
    one_chip<StoreWord, vm::StoreRow>(Class::kStoreWord);
    one_chip<StoreSub, vm::StoreRow>(Class::kStoreSub);
    two_chips<Mul, MulHigh, vm::RegisterRow>(
        Class::kMul, [](Operation operation) { return operation != Operation::kMul; });
    one_chip<Div, vm::RegisterRow>(Class::kDiv);
    one_chip<System, vm::SystemRow>(Class::kSystem);
    transfers();
    return std::move(out_);
  }

 private:
  /// A chip of `rows` rows; fill_row(i, row) fills row i.
  template <ChipDefinition Chip, class FillRow>
  void add(uint64_t rows, FillRow fill_row) {
    if (rows == 0) return;
    const auto fill = [fill_row](uint64_t first, uint64_t count, Fp* out) {
      auto* row = reinterpret_cast<typename Chip::template Cols<Fp>*>(out);
      for (uint64_t i = first; i < first + count; ++i) fill_row(i, *row++);
    };
    out_.push_back({Chip::kName, kWidth<Chip>, rows, fill, &count_lookups<Chip>});
  }

  /// All rows of a class belong to one chip.
  template <ChipDefinition Chip, class Record>
  void one_chip(Class cls) {
    const std::span<const Record> records = segment_.rows<Record>(cls);
    add<Chip>(records.size(), [text = text_, records](uint64_t i, auto& row) {
      Chip::fill(row, text[records[i].index], records[i]);
    });
  }

  /// Rows of a class belong to Second where is_second(operation), else to First.
  template <ChipDefinition First, ChipDefinition Second, class Record, class IsSecond>
  void two_chips(Class cls, IsSecond is_second) {
    const std::span<const Record> records = segment_.rows<Record>(cls);
    auto picks = std::make_shared<std::array<std::vector<uint32_t>, 2>>();
    for (uint32_t i = 0; i < records.size(); ++i) {
      const auto operation = static_cast<Operation>(text_[records[i].index].operation);
      (*picks)[is_second(operation) ? 1 : 0].push_back(i);
    }
    const auto fill_with = [&]<class Chip>(size_t which) {
      add<Chip>((*picks)[which].size(),
                [text = text_, records, picks, which](uint64_t i, auto& row) {
                  const Record& record = records[(*picks)[which][i]];
                  Chip::fill(row, text[record.index], record);
                });
    };
    fill_with.template operator()<First>(0);
    fill_with.template operator()<Second>(1);
  }

  /// Register form and immediate form are two classes of one chip.
  template <ChipDefinition Chip>
  void two_forms(Class register_form, Class immediate_form) {
    const auto registers = segment_.rows<vm::RegisterRow>(register_form);
    const auto immediates = segment_.rows<vm::ImmediateRow>(immediate_form);
    add<Chip>(registers.size() + immediates.size(),
              [text = text_, registers, immediates](uint64_t i, auto& row) {
                if (i < registers.size()) {
                  Chip::fill(row, text[registers[i].index], registers[i]);
                } else {
                  const vm::ImmediateRow& record = immediates[i - registers.size()];
                  Chip::fill(row, text[record.index], record);
                }
              });
  }

  /// Loads say whether they read from read-only memory.
  template <ChipDefinition Chip>
  void loads(Class cls) {
    const auto records = segment_.rows<vm::LoadRow>(cls);
    add<Chip>(
        records.size(), [this_program = &program_, text = text_, records](uint64_t i, auto& row) {
          const vm::LoadRow& record = records[i];
          const ProgramRow& insn = text[record.index];
          Chip::fill(row, insn, record, is_read_only(*this_program, record.rs1.value + insn.imm));
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

  static bool is_read_only(const vm::Program& program, uint32_t address) {
    const vm::Region* region = program.region_at(address);
    return region != nullptr && !region->write;
  }

  const vm::Program& program_;
  std::span<const ProgramRow> text_;
  const vm::Segment& segment_;
  std::vector<ChipRows> out_;
};

}  // namespace

std::vector<ChipRows> chip_rows(const vm::Program& program,
                                std::span<const ProgramRow> rows_of_text,
                                const vm::Segment& segment) {
  return Collector(program, rows_of_text, segment).collect();
}

}  // namespace zkvm::stark::machine
