#include "stark/session/image/program_image.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <set>

#include "stark/machine/chip_list.h"
#include "vm/code.h"
#include "vm/isa.h"

namespace zkvm::stark::machine {
namespace {

using chips::Operation;
using chips::ProgramRow;

constexpr unsigned kMaxLogDomain = 24;
constexpr uint32_t kTargetRamBanks = 16;  // about so many, where memory is large

/// `immediate`: the form with an immediate of an operation that has both.
struct OperationOf {
  Operation operation;
  bool immediate = false;
};

OperationOf operation_of(vm::Op op) {
  using vm::Op;
  switch (op) {
    case Op::kAdd:
      return {Operation::kAdd};
    case Op::kSub:
      return {Operation::kSub};
    case Op::kAddi:
    case Op::kLui:
    case Op::kAuipc:
    case Op::kFence:
      return {Operation::kAddImm};
    case Op::kAnd:
      return {Operation::kAnd};
    case Op::kOr:
      return {Operation::kOr};
    case Op::kXor:
      return {Operation::kXor};
    case Op::kSll:
      return {Operation::kSll};
    case Op::kSrl:
      return {Operation::kSrl};
    case Op::kSra:
      return {Operation::kSra};
    case Op::kSlt:
      return {Operation::kSlt};
    case Op::kSltu:
      return {Operation::kSltu};
    case Op::kAndi:
      return {Operation::kAnd, true};
    case Op::kOri:
      return {Operation::kOr, true};
    case Op::kXori:
      return {Operation::kXor, true};
    case Op::kSlli:
      return {Operation::kSll, true};
    case Op::kSrli:
      return {Operation::kSrl, true};
    case Op::kSrai:
      return {Operation::kSra, true};
    case Op::kSlti:
      return {Operation::kSlt, true};
    case Op::kSltiu:
      return {Operation::kSltu, true};
    case Op::kBeq:
      return {Operation::kBeq};
    case Op::kBne:
      return {Operation::kBne};
    case Op::kBlt:
      return {Operation::kBlt};
    case Op::kBge:
      return {Operation::kBge};
    case Op::kBltu:
      return {Operation::kBltu};
    case Op::kBgeu:
      return {Operation::kBgeu};
    case Op::kJal:
    case Op::kJalr:
      return {Operation::kJalr};
    case Op::kLb:
      return {Operation::kLb};
    case Op::kLbu:
      return {Operation::kLbu};
    case Op::kLh:
      return {Operation::kLh};
    case Op::kLhu:
      return {Operation::kLhu};
    case Op::kLw:
      return {Operation::kLw};
    case Op::kSb:
      return {Operation::kSb};
    case Op::kSh:
      return {Operation::kSh};
    case Op::kSw:
      return {Operation::kSw};
    case Op::kMul:
      return {Operation::kMul};
    case Op::kMulh:
      return {Operation::kMulh};
    case Op::kMulhsu:
      return {Operation::kMulhsu};
    case Op::kMulhu:
      return {Operation::kMulhu};
    case Op::kDiv:
      return {Operation::kDiv};
    case Op::kDivu:
      return {Operation::kDivu};
    case Op::kRem:
      return {Operation::kRem};
    case Op::kRemu:
      return {Operation::kRemu};
    case Op::kEcall:
      return {Operation::kEcall};
    case Op::kEbreak:
    case Op::kIllegal:
      return {Operation::kNone};
  }
  return {Operation::kNone};
}

uint8_t ceil_log2(uint64_t n) { return static_cast<uint8_t>(std::bit_width(n - 1)); }
uint8_t log_height_for(uint64_t rows) {
  return std::max(kMinLogFixed, rows == 0 ? uint8_t{0} : ceil_log2(rows));
}

uint32_t word_of_region(const vm::Region& region, uint32_t i) {
  if (size_t{i} * 4 >= region.bytes.size()) return 0;
  uint32_t word;
  std::memcpy(&word, region.bytes.data() + size_t{i} * 4, 4);
  return word;
}

/// Puts `count` words of a region, from word `from` of it on, into rows from `row` on.
void place_words(BankLayout& bank, uint32_t row, const vm::Region& region, uint32_t from,
                 uint32_t count, uint32_t place) {
  bank.runs.push_back({row, place, count});
  const auto filled = static_cast<uint32_t>(region.bytes.size() / 4);
  for (uint32_t i = 0; i < count && from + i < filled; ++i) {
    bank.initial.resize(row + i + 1);
    bank.initial[row + i] = word_of_region(region, from + i);
  }
}

/// The read-only regions, one after another, in as few banks as hold them.
std::vector<BankLayout> lay_out_constants(const vm::Program& program, uint8_t log_greatest) {
  uint64_t left = 0;
  for (const vm::Region& region : program.regions)
    if (!region.write) left += region.size / 4;
  std::vector<BankLayout> banks;
  uint32_t row = 0;
  const auto room = [&] { return (uint32_t{1} << banks.back().log_height) - row; };
  for (const vm::Region& region : program.regions) {
    if (region.write) continue;
    const uint32_t words = region.size / 4;
    for (uint32_t from = 0; from < words;) {
      if (banks.empty() || room() == 0) {
        banks.push_back({std::min(log_greatest, log_height_for(left)), {}, {}});
        row = 0;
      }
      const uint32_t count = std::min(words - from, room());
      place_words(banks.back(), row, region, from, count,
                  chips::kReadOnlyBase + region.base / 4 + from);
      from += count;
      row += count;
      left -= count;
    }
  }
  return banks;
}

uint8_t log_bank_for(const vm::Program& program, uint8_t log_greatest) {
  uint64_t words = 0;
  for (const vm::Region& region : program.regions)
    if (region.write) words += region.size / 4;
  const uint64_t each = std::max<uint64_t>(words / kTargetRamBanks, 1);
  return std::clamp(ceil_log2(each), kMinLogBank, log_greatest);
}

/// RAM, cut at multiples of the banks' height; the base of each bank goes to image.banks.
std::vector<BankLayout> lay_out_ram(const vm::Program& program, Image& image) {
  const uint32_t height = uint32_t{1} << image.log_bank;
  std::vector<BankLayout> banks;
  for (const vm::Region& region : program.regions) {  // by base
    if (!region.write) continue;
    const uint32_t first = region.base / 4, end = first + region.size / 4;
    for (uint32_t word = first; word < end;) {
      const uint32_t base = word & ~(height - 1);
      const uint32_t count = std::min(end, base + height) - word;
      if (image.banks.empty() || image.banks.back().base != base) {
        image.banks.push_back({base, {}});
        banks.push_back({image.log_bank, {}, {}});
      }
      place_words(banks.back(), word - base, region, word - first, count, word);
      word += count;
    }
  }
  return banks;
}

BankLayout machine_bank(uint32_t entry) {
  BankLayout bank{kMinLogFixed, {{0, chips::kMachineBase, chips::kMachineWords}}, {}};
  bank.initial.resize(chips::kMachineWords);  // registers and journal position: 0
  bank.initial[chips::kPcWord] = entry;
  return bank;
}

/// The fixed columns of a chip whose rows are `fill`ed, as a whole table.
template <class Chip, class Fill>
Table table_of(const Circuit& circuit, const std::string& name, uint8_t log_height, Fill fill) {
  std::vector<typename Chip::template Cols<Fp>> rows(size_t{1} << log_height);
  for (uint32_t i = 0; i < rows.size(); ++i) fill(rows[i], i);
  return make_table<Chip>(circuit.chip(name), log_height, std::move(rows));
}

template <class Chip, class Fill>
Table bank_table(const Circuit& circuit, const std::string& name, const BankLayout& bank,
                 Fill fill) {
  std::vector<typename Chip::template Cols<Fp>> rows(size_t{1} << bank.log_height);
  for (const WordRun& run : bank.runs)
    for (uint32_t i = 0; i < run.count; ++i)
      fill(rows[run.row + i], run.place + i, bank.initial_word(run.row + i));
  return make_table<Chip>(circuit.chip(name), bank.log_height, std::move(rows));
}

/// What arithmetization relies on and load_elf has checked.
void check_program(const vm::Program& program) {
  // SOUNDNESS: the pc behind the last word of the text is below kHaltPc.
  static_assert(vm::kAddressEnd < chips::kHaltPc);
  static_assert(vm::kAddressBegin == chips::kAddressBegin && vm::kAddressEnd == chips::kAddressEnd);
  uint64_t end = vm::kAddressBegin;
  for (const vm::Region& region : program.regions) {
    ZK_CHECK(region.base % 4 == 0 && region.size % 4 == 0 && region.base >= end);  // disjoint
    ZK_CHECK(!(region.write && region.execute));
    end = uint64_t{region.base} + region.size;
  }
  ZK_CHECK(end <= vm::kAddressEnd);
  ZK_CHECK(program.text().contains(program.entry) && program.entry % 4 == 0);
}

}  // namespace

ProgramRow program_row(const vm::Region& text, uint32_t pc, uint32_t word) {
  const vm::Decoded insn = vm::decode_at(word, pc);
  const auto [operation, immediate] = operation_of(insn.op);
  ProgramRow row{
      .pc = pc, .operation = number(operation), .rd = 0, .rs1 = 0, .rs2 = 0, .imm = 0, .target = 0};
  if (operation == Operation::kNone) return row;
  if (immediate) row.operation += chips::kImmediate;
  row.rs1 = insn.rs1;
  row.rs2 = insn.rs2;
  const vm::Class cls = vm::class_of(insn.op);
  const bool branch = cls == vm::Class::kBranch, jal = insn.op == vm::Op::kJal;
  const bool store = cls == vm::Class::kStoreWord || cls == vm::Class::kStoreSub;
  if (!branch && !store && operation != Operation::kEcall) row.rd = insn.rd;
  // SOUNDNESS: a target is a pc of the text or none at all; as it stands it could be p + pc, or
  // kHaltPc.
  const bool in_text = (pc + insn.imm) % 4 == 0 && text.contains(pc + insn.imm);
  const uint32_t target = in_text ? pc + insn.imm : kNoTarget;
  if (branch) row.target = target;
  if (!branch) row.imm = jal ? target : insn.imm;
  if (operation == Operation::kJalr) row.target = (pc + 4) >> 16;
  return row;
}

Result<ProgramImage> ProgramImage::of(const vm::Program& program, uint8_t log_blowup) {
  ZK_CHECK(log_blowup >= 1 && log_blowup <= 4);
  check_program(program);
  const vm::Region& text = program.text();
  const auto log_greatest =
      static_cast<uint8_t>(std::min<unsigned>(kMaxLogHeight, kMaxLogDomain - log_blowup));
  if (text.size / 4 > uint32_t{1} << log_greatest)
    return fail(ErrorCode::kFormat, fmt::format("text: expected at most 2^{} words, found {}",
                                                log_greatest, text.size / 4));
  ProgramImage out;
  for (uint32_t i = 0; i < text.size / 4; ++i)
    out.program_.push_back(program_row(text, text.base + 4 * i, vm::text_word(text, i)));
  Image& image = out.image_;
  image.log_blowup = log_blowup;
  image.entry = program.entry;
  image.log_program = log_height_for(out.program_.size());
  out.constants_ = lay_out_constants(program, log_greatest);
  for (const BankLayout& bank : out.constants_) image.log_constants.push_back(bank.log_height);
  image.log_bank = log_bank_for(program, log_greatest);
  out.banks_ = lay_out_ram(program, image);
  out.banks_.insert(out.banks_.begin(), machine_bank(program.entry));
  if (auto ok = image.check(); !ok) return tl::unexpected<Error>(ok.error());  // too many banks

  const auto circuit = out.circuit_of_all_banks();
  if (!circuit) return tl::unexpected<Error>(circuit.error());
  out.trees_[kImageSlot] = std::make_unique<CommittedTree>(out.commit(*circuit, kImageSlot));
  image.root = out.trees_[kImageSlot]->root();
  for (uint16_t b = 1; b < out.bank_count(); ++b)
    image.banks[b - 1u].root = out.commit(*circuit, bank_slot(b)).root();
  return out;
}

Result<Circuit> ProgramImage::circuit_of_all_banks() const {
  std::vector<BankUse> uses(bank_count());
  for (uint16_t b = 0; b < bank_count(); ++b) uses[b] = {b, true, false};
  return machine_circuit(image_, uses);
}

uint16_t ProgramImage::bank_of(uint32_t word) const {
  const uint32_t base = word & ~((uint32_t{1} << image_.log_bank) - 1);
  const auto found = std::ranges::lower_bound(image_.banks, base, {}, &Image::Bank::base);
  if (found == image_.banks.end() || found->base != base) return 0;
  return static_cast<uint16_t>(found - image_.banks.begin() + 1);
}

Witness ProgramImage::fixed_tables(const Circuit& circuit, const std::string& slot) const {
  using chips::ByteTable, chips::ConstantBank, chips::ProgramTable, chips::Refresh,
      chips::ShiftTable;
  using FromImage = chips::RamBank<true, false>;
  const auto fill_bank = [](FromImage::Cols<Fp>& row, uint32_t place, uint32_t word) {
    FromImage::fill(row, place, {.image = word, .initial = 0, .final = 0, .time = 0});
  };
  Witness out;
  if (slot == kImageSlot) {
    out.tables.push_back(table_of<ByteTable>(
        circuit, ByteTable::kName, ByteTable::kLogHeight, [](auto& row, uint32_t i) {
          ByteTable::fill(row, i, [](uint32_t) { return ByteTable::Counts{}; });
        }));
    out.tables.push_back(
        table_of<ShiftTable>(circuit, ShiftTable::kName, ShiftTable::kLogHeight,
                             [](auto& row, uint32_t i) { ShiftTable::fill(row, i, 0); }));
    out.tables.push_back(
        table_of<Refresh>(circuit, Refresh::kName, Refresh::kLogHeight,
                          [](auto& row, uint32_t i) { Refresh::fill_padding(row, i); }));
    out.tables.push_back(table_of<ProgramTable>(circuit, ProgramTable::kName, image_.log_program,
                                                [&](auto& row, uint32_t i) {
                                                  if (i < program_.size())
                                                    ProgramTable::fill(row, program_[i], 0);
                                                }));
    for (size_t i = 0; i < constants_.size(); ++i)
      out.tables.push_back(bank_table<ConstantBank>(circuit, constants_chip(i), constants_[i],
                                                    [](auto& row, uint32_t place, uint32_t word) {
                                                      ConstantBank::fill(row, place, word, 0);
                                                    }));
    out.tables.push_back(bank_table<FromImage>(circuit, bank_chip(0), banks_[0], fill_bank));
  } else {
    for (uint16_t b = 1; b < bank_count(); ++b)
      if (slot == bank_slot(b))
        out.tables.push_back(bank_table<FromImage>(circuit, bank_chip(b), banks_[b], fill_bank));
  }
  out.sort();
  return out;
}

CommittedTree ProgramImage::commit(const Circuit& circuit, const std::string& slot) const {
  Params params;
  params.log_blowup = image_.log_blowup;  // all that fixed columns depend on
  return commit_slot(circuit.key(), params, circuit.slot(slot), fixed_tables(circuit, slot), {});
}

SlotTrees ProgramImage::fixed_trees(const Circuit& circuit, std::span<const BankUse> uses) {
  std::vector<std::string> slots = {kImageSlot};
  for (const BankUse& use : uses)
    if (use.bank != kMachineBank) slots.push_back(bank_slot(use.bank));
  SlotTrees out;
  for (const std::string& slot : slots) {
    auto& tree = trees_[slot];
    if (tree == nullptr) {
      const auto all = circuit_of_all_banks();  // whose banks are those that fixed_tables() fills
      ZK_CHECK(all);
      tree = std::make_unique<CommittedTree>(commit(*all, slot));
    }
    out[circuit.slot(slot)] = tree.get();
  }
  return out;
}

}  // namespace zkvm::stark::machine
