// Two segments of a real program, proved with witnesses made by hand: one instruction each, and the
// machine words and a bank handed over by shared trees. The verifier makes both keys from the
// image.
#include <gtest/gtest.h>

#include "stark/machine/chip_list.h"
#include "stark/machine/circuit.h"
#include "stark/session/image/program_image.h"
#include "stark/session/rows/chip_kernels.h"
#include "stark/verifier/verifier.h"
#include "tests/stark/support/proving.h"
#include "tests/vm/guest_builder.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;
using vm::test::Assembler, vm::test::ElfFile, vm::test::addi, vm::test::a0, vm::test::kNop;

vm::Program program_of(uint32_t second) {
  auto program =
      vm::load_elf(ElfFile::of(Assembler()(addi(a0, a0, 5))(second).words(), {9}).bytes());
  EXPECT_TRUE(program) << program.error().message;
  return *std::move(program);
}

struct Record {  // vm::ImmediateRow
  uint32_t clk;
  struct {
    uint32_t value, time;
  } rs1, rd;
};

/// One segment: `a0 += imm` at this pc; every word of every bank touched is declared as it stands.
struct Segment {
  std::vector<BankUse> uses;
  Circuit circuit;
  Witness witness;

  Segment(const ProgramImage& image, std::vector<BankUse> bank_uses, uint32_t index,
          uint32_t before)
      : uses(std::move(bank_uses)), circuit(*machine_circuit(image.image(), uses, &chip_kernels)) {
    const ProgramRow& insn = image.program()[index];
    const uint32_t after = before + insn.imm;
    std::vector<AddImm::Cols<Fp>> adds(1);
    AddImm::fill(adds[0], insn, Record{1, {before, 0}, {before, 4}});
    add<AddImm>(AddImm::kName, adds);
    std::vector<Boundary::Cols<Fp>> ends(1);
    Boundary::fill(ends[0], insn.pc, 2, insn.pc + 4);
    add<Boundary>(Boundary::kName, ends);
    std::vector<uint32_t> range16(1 << 16);
    for (const uint32_t x : {3u, 1u, after & 0xffff, after >> 16}) ++range16[x];
    add_tables(image, index, range16);
    for (const BankUse& use : uses) {
      const auto state = [&](uint32_t place, uint32_t word) -> BankWord {
        if (place == kMachineBase + kPcWord) return {word, insn.pc, insn.pc + 4, 1};
        if (place == kMachineBase + a0) return {word, before, after, 6};
        return {word, word, word, 0};
      };
      if (!use.before)
        use.after ? add_bank<RamBank<true, true>>(image, use.bank, state)
                  : add_bank<RamBank<true, false>>(image, use.bank, state);
      else
        use.after ? add_bank<RamBank<false, true>>(image, use.bank, state)
                  : add_bank<RamBank<false, false>>(image, use.bank, state);
    }
    witness.sort();
  }

  template <class Chip>
  void add(const std::string& name, std::vector<typename Chip::template Cols<Fp>> rows) {
    const uint16_t chip = circuit.chip(name);
    const uint8_t height = circuit.key().chips[chip].log_height;
    witness.tables.push_back(
        make_table<Chip>(chip, height == kFreeHeight ? kMinLogHeight : height, std::move(rows)));
  }

  void add_tables(const ProgramImage& image, uint32_t index, const std::vector<uint32_t>& range16) {
    std::vector<ByteTable::Cols<Fp>> bytes(1u << ByteTable::kLogHeight);
    for (uint32_t i = 0; i < bytes.size(); ++i)
      ByteTable::fill(bytes[i], i,
                      [&](uint32_t value) { return ByteTable::Counts{range16[value], 0, 0, 0}; });
    add<ByteTable>(ByteTable::kName, bytes);
    std::vector<ShiftTable::Cols<Fp>> shifts(1u << ShiftTable::kLogHeight);
    for (uint32_t i = 0; i < shifts.size(); ++i) ShiftTable::fill(shifts[i], i, 0);
    add<ShiftTable>(ShiftTable::kName, shifts);
    std::vector<Refresh::Cols<Fp>> refreshes(1u << Refresh::kLogHeight);
    for (uint32_t i = 0; i < refreshes.size(); ++i) Refresh::fill_padding(refreshes[i], i);
    add<Refresh>(Refresh::kName, refreshes);
    std::vector<ProgramTable::Cols<Fp>> program(image.program().size());
    for (uint32_t i = 0; i < program.size(); ++i)
      ProgramTable::fill(program[i], image.program()[i], i == index ? 1 : 0);
    add<ProgramTable>(ProgramTable::kName, program);
  }

  template <class Bank, class State>
  void add_bank(const ProgramImage& image, uint16_t bank, State state) {
    const BankLayout& layout = image.bank(bank);
    std::vector<typename Bank::template Cols<Fp>> rows(kBankWords);
    for (const RowRun& run : layout.declared)
      for (uint32_t row = run.row; row < run.row + run.count; ++row) {
        const uint32_t place = ProgramImage::place_of(bank, row);
        Bank::fill(rows[row], place, state(place, layout.initial_word(row)));
      }
    add<Bank>(bank_chip(bank), rows);
  }
};

class TwoSegments : public testing::Test {
 protected:
  static constexpr uint8_t kLogBlowup = 1;

  TwoSegments()
      : left_(commit_slot(first_.circuit.key(), quick_params(), first_.circuit.slot(after_slot(1)),
                          first_.witness, kSlotSeed)),
        root_(left_.root()) {}

  Proof prove(const Segment& segment) {
    SlotTrees trees = image_.fixed_trees(segment.circuit, segment.uses);
    trees[segment.circuit.slot(segment.uses[0].before ? before_slot(0) : after_slot(1))] = &left_;
    ProverOptions options;
    options.params = quick_params();
    options.seed = kTestSeed;
    auto proof = stark::prove(segment.circuit, segment.witness, trees, options);
    EXPECT_TRUE(proof) << proof.error().message;
    return *std::move(proof);
  }

  /// As a verifier does it: from the image alone.
  static Result<Verified> verified(const Image& image, const std::vector<BankUse>& uses,
                                   const SharedRoots& roots, const Proof& proof) {
    const auto circuit = machine_circuit(image, uses);
    if (!circuit) return tl::unexpected<Error>(circuit.error());
    return stark::check(circuit->key(), segment_statement(*circuit, {}, roots), proof);
  }

  SharedRoots out_roots() const { return {.before = {}, .after = {{1, root_}}}; }
  SharedRoots in_roots() const { return {.before = {{0, root_}}, .after = {}}; }

  ProgramImage image_ = *ProgramImage::of(program_of(addi(a0, a0, -1)), nullptr, kLogBlowup);
  Segment first_{image_, {{0, false, {}, 1}, {1, false, {}, 1}}, 0, 0};
  Segment second_{image_, {{0, false, 0, {}}, {1, false, 0, {}}}, 1, 5};
  CommittedTree left_;  // the words of both banks that the first leaves for the second
  Digest root_;
};

TEST_F(TwoSegments, AreSatisfiedAndProved) {
  for (const Segment* segment : {&first_, &second_}) {
    const CheckReport report = stark::check_witness(segment->circuit, segment->witness);
    EXPECT_TRUE(report.ok()) << report.to_string();
  }
  const auto one = verified(image_.image(), first_.uses, out_roots(), prove(first_));
  EXPECT_TRUE(one) << one.error().message;
  const auto two = verified(image_.image(), second_.uses, in_roots(), prove(second_));
  EXPECT_TRUE(two) << two.error().message;
}

TEST_F(TwoSegments, AreProofsOfTheseUsesRootsAndProgramOnly) {
  const Proof proof = prove(second_);
  EXPECT_TRUE(verified(image_.image(), second_.uses, in_roots(), proof));
  auto roots = in_roots();
  roots.before[0][3] ^= 1;
  EXPECT_FALSE(verified(image_.image(), second_.uses, roots, proof));
  EXPECT_FALSE(verified(image_.image(), first_.uses, out_roots(), proof));
  EXPECT_FALSE(verified(image_.image(), {{0}, {1}}, {}, proof));
  EXPECT_FALSE(verified(image_.image(), {{0, false, 0, {}}, {1}}, in_roots(), proof));
  const auto other = ProgramImage::of(program_of(kNop), nullptr, kLogBlowup);
  EXPECT_FALSE(verified(other->image(), second_.uses, in_roots(), proof));
}

// A bank that a later segment needs cannot be left out, or nothing would bind its words.
TEST_F(TwoSegments, LeaveNoBankOut) {
  Witness witness = first_.witness;
  const uint16_t bank = first_.circuit.chip("bank 1");
  ASSERT_EQ(std::erase_if(witness.tables, [&](const Table& t) { return t.chip == bank; }), 1u);
  SlotTrees trees = image_.fixed_trees(first_.circuit, first_.uses);
  trees[first_.circuit.slot(after_slot(1))] = &left_;
  ProverOptions options;
  options.params = quick_params();
  const auto proof = stark::prove(first_.circuit, witness, trees, options);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code, ErrorCode::kTables);  // so a verifier refuses such a proof, too
}

// The tree that two segments share holds their banks side by side, each in its place.
TEST_F(TwoSegments, TakeNoBankForAnother) {
  Segment swapped(image_, second_.uses, 1, 5);
  const auto column = [&](const char* bank) -> ChipKey::SlotColumns& {
    auto& key = const_cast<VerifyingKey&>(swapped.circuit.key());
    return key.chips[swapped.circuit.chip(bank)].slots.back();
  };
  ASSERT_EQ(column("bank 0").first, 0);
  ASSERT_EQ(column("bank 1").first, 2);
  std::swap(column("bank 0").first, column("bank 1").first);  // the prover reads them crosswise
  SlotTrees trees = image_.fixed_trees(swapped.circuit, swapped.uses);
  trees[swapped.circuit.slot(before_slot(0))] = &left_;
  ProverOptions options;
  options.params = quick_params();
  const auto proof = stark::prove(swapped.circuit, swapped.witness, trees, options);
  ASSERT_TRUE(proof) << proof.error().message;
  EXPECT_FALSE(verified(image_.image(), second_.uses, in_roots(), *proof));
}

TEST_F(TwoSegments, StartWhereTheOneBeforeEnded) {
  Segment again(image_, second_.uses, 0, 5);  // the first instruction once more, on the second's a0
  const CheckReport report = stark::check_witness(again.circuit, again.witness);
  EXPECT_TRUE(report.ok()) << report.to_string();  // by itself a good segment
  EXPECT_FALSE(verified(image_.image(), again.uses, in_roots(), prove(again)));
  const Segment rewound(image_, second_.uses, 1, 6);  // another a0
  EXPECT_FALSE(verified(image_.image(), rewound.uses, in_roots(), prove(rewound)));
}

}  // namespace
}  // namespace zkvm::stark::machine
