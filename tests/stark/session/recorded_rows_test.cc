// What the VM records, filled into the chips' rows, is judged a correct instruction by the oracle's
// own model: VM, program table, fill and eval agree.
#include <gtest/gtest.h>

#include <set>

#include "stark/machine/chip_list.h"
#include "stark/session/image/program_image.h"
#include "stark/session/image/program_rows.h"
#include "tests/isa/streams.h"
#include "tests/stark/chips/system_oracle.h"
#include "vm/code.h"
#include "vm/trace.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;
using chips::test::expect_correct;
using vm::Class;

class RecordedRows {
 public:
  RecordedRows(const vm::Program& program, const vm::Segment& segment)
      : program_(program), segment_(segment) {}

  void check() {
    each<vm::ImmediateRow>(Class::kAddImm, [&](const auto& row, const ProgramRow& insn) {
      is_in_place(insn) ? filled<AddImmInPlace>(insn, row) : filled<AddImm>(insn, row);
    });
    each<vm::RegisterRow>(Class::kAdd, [&](const auto& row, const ProgramRow& insn) {
      is_in_place(insn) && insn.operation == number(Operation::kAdd) ? filled<AddInPlace>(insn, row)
                                                                     : filled<Add>(insn, row);
    });
    each_in<Bits, vm::RegisterRow>(Class::kBits);
    each_in<Bits, vm::ImmediateRow>(Class::kBitsImm);
    each_in<Shift, vm::RegisterRow>(Class::kShift);
    each<vm::ImmediateRow>(Class::kShiftImm, [&](const auto& row, const ProgramRow& insn) {
      is_in_place(insn) ? filled<ShiftImmInPlace>(insn, row) : filled<ShiftImm>(insn, row);
      filled<Shift>(insn, row);
    });
    each<vm::RegisterRow>(Class::kMul, [&](const auto& row, const ProgramRow& insn) {
      insn.operation != number(Operation::kMul) ? filled<MulHigh>(insn, row)
      : is_in_place(insn)                       ? filled<MulInPlace>(insn, row)
                                                : filled<Mul>(insn, row);
    });
    each_in<Div, vm::RegisterRow>(Class::kDiv);
    each_in<Compare, vm::RegisterRow>(Class::kCompare);
    each_in<Compare, vm::ImmediateRow>(Class::kCompareImm);
    each<vm::BranchRow>(Class::kBranch, [&](const auto& row, const ProgramRow& insn) {
      filled<Branch>(insn, row);
      if (insn.operation <= number(Operation::kBne)) filled<BranchEqual>(insn, row);
    });
    each_in<Jalr, vm::ImmediateRow>(Class::kJump);
    const auto is_constant = [&](uint32_t address) { return !program_.region_at(address)->write; };
    each<vm::LoadRow>(Class::kLoadWord, [&](const auto& row, const ProgramRow& insn) {
      filled<LoadWord>(insn, row, is_constant(row.rs1.value + insn.imm));
    });
    each<vm::LoadRow>(Class::kLoadSub, [&](const auto& row, const ProgramRow& insn) {
      filled<SubWord>(insn, row, is_constant(row.rs1.value + insn.imm));
    });
    each_in<StoreWord, vm::StoreRow>(Class::kStoreWord);
    each_in<SubWord, vm::StoreRow>(Class::kStoreSub);
    each_in<System, vm::SystemRow>(Class::kSystem);
    const auto calls = segment_.rows<vm::SystemRow>(Class::kSystem);
    const auto transfers = segment_.transfers.rows<vm::TransferRow>();
    for (uint32_t i = 0; i < transfers.size(); ++i) {
      const vm::SystemRow& call = calls[transfers[i].system];
      Transfer::Cols<Fp> row;
      Transfer::fill(row, call, transfers[i], i - call.transfer,
                     is_constant(transfers[i].word * 4));
      expect_correct<Transfer>(row);
      ++words_;
    }
  }

  [[nodiscard]] const std::set<uint32_t>& operations() const { return operations_; }
  [[nodiscard]] size_t words() const { return words_; }

 private:
  template <class Row, class Visit>
  void each(Class cls, Visit visit) {
    const vm::Region& text = program_.text();
    for (const Row& row : segment_.rows<Row>(cls)) {
      const ProgramRow insn =
          program_row(text, text.base + 4 * row.index, vm::text_word(text, row.index));
      operations_.insert(insn.operation);
      visit(row, insn);
    }
  }
  static bool is_in_place(const ProgramRow& insn) {
    return insn.rd == insn.rs1 && insn.rd != insn.rs2;
  }
  template <class Chip, class Row>
  void each_in(Class cls) {
    each<Row>(cls, [&](const Row& row, const ProgramRow& insn) { filled<Chip>(insn, row); });
  }
  template <class Chip, class Record, class... Rest>
  void filled(const ProgramRow& insn, const Record& record, Rest... rest) {
    typename Chip::template Cols<Fp> row;
    Chip::fill(row, insn, record, rest...);
    expect_correct<Chip>(row);
  }

  const vm::Program& program_;
  const vm::Segment& segment_;
  std::set<uint32_t> operations_;
  size_t words_ = 0;
};

void check_program(const vm::test::ElfFile& elf, std::span<const uint8_t> input,
                   size_t least_operations, size_t words) {
  const auto program = vm::load_elf(elf.bytes());
  ASSERT_TRUE(program) << program.error().message;
  auto tracer = vm::Tracer::of(*program, {.input = input, .console = {}}, {}, {.clk = 3000});
  ASSERT_TRUE(tracer);
  vm::Segment segment;
  std::set<uint32_t> operations;
  size_t moved = 0;
  while (*tracer->next(segment)) {
    RecordedRows rows(*program, segment);
    rows.check();
    operations.insert(rows.operations().begin(), rows.operations().end());
    moved += rows.words();
  }
  EXPECT_FALSE(tracer->result().trap);
  EXPECT_GE(operations.size(), least_operations);
  EXPECT_EQ(moved, words);
}

TEST(RecordedRows, OfRandomPrograms) {
  using Streams = vm::test::StreamGenerator;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const auto text = Streams(seed).program(4, 400);
    check_program(vm::test::ElfFile::of(text), {}, 40, 4 * Streams::kDump / 4);
  }
}

TEST(RecordedRows, OfAllCalls) {
  using namespace vm::test;
  const std::vector<uint8_t> input(30, 7);  // eight words, the last in part
  Assembler text;
  text.call(63, 0, kDataBase, 12);
  text.call(63, 0, kDataBase + 12, 0);
  text.call(63, 0, kDataBase + 12, 400);
  text.call(63, 0, kDataBase, 4);  // at the end of the input
  text.call(64, 3, kDataBase, 32);
  text.call(64, 3, kConstBase, kConstSize);
  text.call(64, 3, kDataBase, 0);
  text.call(64, 1, kDataBase + 1, 5);
  text.call(64, 2, kConstBase, 3);
  text.li(a1, kConstBase)(lw(t0, 4, a1))(i_type(3, 0, t1, a1, 7))(i_type(3, 5, t2, a1, 2));
  check_program(ElfFile::of(text.exit(0xfffffffe).words()), input, 5, 8 + 8 + kConstSize / 4);
}

// Of 2^16 bytes and more a read delivers less than 2^16.
TEST(RecordedRows, OfLongCalls) {
  using namespace vm::test;
  constexpr uint32_t kBase = 0x100000, kSize = 0x30000;
  const std::vector<uint8_t> input(0x18000, 7);
  Assembler text;
  text.call(63, 0, kBase, kSize).call(63, 0, kBase, 0x10000).call(63, 0, kBase, kSize);
  text.call(64, 3, kBase, 0x20000).call(64, 1, kBase, kSize);
  ElfFile elf = ElfFile::of(text.exit(0).words());
  elf.segments.push_back({kBase, PF_R | PF_W, {}, kSize});
  check_program(elf, input, 1, (input.size() + 0x20000) / 4);
}

}  // namespace
}  // namespace zkvm::stark::machine
