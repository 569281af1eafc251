#include "stark/session/image/program_image.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <optional>

#include "stark/chips/buses.h"
#include "stark/machine/chip_list.h"
#include "stark/session/image/program_rows.h"
#include "vm/code.h"

namespace zkvm::stark::machine {
namespace {

constexpr uint64_t kProgramColumns = 8;  // of the program table, fixed
constexpr size_t kKeptVolumes = 4;       // trees of so many are kept when all roots are computed
constexpr uint64_t kKeptLayerCells = uint64_t{1} << 25;  // and those of groups of layers of so many

uint8_t log_height_for(uint64_t rows) {
  const auto log = static_cast<uint8_t>(std::bit_width(rows == 0 ? 0 : rows - 1));
  return std::max(kMinLogFixed, log);
}

/// A bank while it is laid out.
struct LaidOut {
  uint32_t base;
  std::optional<BankLayout> layout;  // none: blank
};

void declare(BankLayout& bank, uint32_t row, uint32_t count) {
  if (!bank.declared.empty() && bank.declared.back().row + bank.declared.back().count == row)
    bank.declared.back().count += count;
  else
    bank.declared.push_back({row, count});
}

/// Puts the words of a region from word `from` of it on into rows from `row` on.
void place_words(BankLayout& bank, uint32_t row, const vm::Region& region, uint32_t from,
                 uint32_t count) {
  declare(bank, row, count);
  const uint64_t filled = (region.bytes.size() + 3) / 4;
  for (uint32_t i = 0; i < count && from + i < filled; ++i) {
    const uint64_t at = uint64_t{from + i} * 4;
    uint32_t word = 0;
    std::memcpy(&word, region.bytes.data() + at, std::min<uint64_t>(4, region.bytes.size() - at));
    if (word == 0) continue;
    bank.initial.resize(row + i + 1);
    bank.initial[row + i] = word;
  }
}

/// The banks that regions of one kind fall in, by base. What is declared and what is there decides,
/// not how the ELF file cuts it into segments.
std::vector<LaidOut> lay_out(const vm::Program& program, bool write, uint32_t space) {
  std::vector<LaidOut> banks;
  for (const vm::Region& region : program.regions) {  // by base
    if (region.write != write) continue;
    const uint32_t first = space + region.base / 4, end = first + region.size / 4;
    for (uint32_t word = first; word < end;) {
      const uint32_t base = word & ~(kBankWords - 1);
      const uint32_t count = std::min(end, base + kBankWords) - word;
      const bool untouched =
          count == kBankWords && uint64_t{word - first} * 4 >= region.bytes.size();
      if (banks.empty() || banks.back().base != base) {
        banks.push_back({base, {}});
        if (!untouched) banks.back().layout.emplace();
      }
      if (!untouched) place_words(*banks.back().layout, word - base, region, word - first, count);
      word += count;
    }
  }
  for (LaidOut& bank : banks)
    if (bank.layout && bank.layout->initial.empty() && bank.layout->declared.size() == 1 &&
        bank.layout->declared[0].count == kBankWords)
      bank.layout.reset();
  return banks;
}

BankKind kind_of(const LaidOut& bank) {
  if (!bank.layout) return BankKind::kBlank;
  const bool whole =
      bank.layout->declared.size() == 1 && bank.layout->declared[0].count == kBankWords;
  return whole ? BankKind::kWhole : BankKind::kPartial;
}

void append(std::vector<Image::Run>& runs, uint32_t base, BankKind kind) {
  if (!runs.empty() && runs.back().kind == kind &&
      runs.back().base + runs.back().count * kBankWords == base)
    ++runs.back().count;
  else
    runs.push_back({base, 1, kind});
}

BankLayout machine_bank(uint32_t entry) {
  BankLayout bank{{{0, chips::kMachineWords}}, {}};
  bank.initial.resize(chips::kMachineWords);  // registers and journal position: 0
  bank.initial[chips::kPcWord] = entry;
  return bank;
}

struct ProgramLayout {
  Image image;                           // but for layers, roots and their rates
  std::map<uint16_t, BankLayout> banks;  // all but blank ones
};

ProgramLayout lay_out(const vm::Program& program) {
  ProgramLayout out;
  out.image.entry = program.entry;
  out.image.log_program = log_height_for(program.text().size / 4);
  if (!program.model.empty()) out.image.model = blake3_hash(program.model);
  uint16_t number = 0;
  out.banks[number++] = machine_bank(program.entry);
  for (const bool write : {true, false})
    for (LaidOut& bank : lay_out(program, write, write ? 0 : chips::kReadOnlyBase)) {
      append(out.image.runs, bank.base, kind_of(bank));
      if (bank.layout) out.banks[number] = std::move(*bank.layout);
      ++number;
    }
  return out;
}

const BankLayout& blank_bank() {
  static const BankLayout blank{{{0, kBankWords}}, {}};
  return blank;
}

template <class Chip, class Fill>
Table table_of(const Circuit& circuit, const std::string& name, uint8_t log_height, Fill fill) {
  std::vector<typename Chip::template Cols<Fp>> rows(size_t{1} << log_height);
  for (uint32_t i = 0; i < rows.size(); ++i) fill(rows[i], i);
  return make_table<Chip>(circuit.chip(name), log_height, std::move(rows));
}

/// The fixed columns of a bank, as a whole table.
Table bank_table(const Circuit& circuit, uint16_t number, bool constant, const BankLayout& bank) {
  const auto fill = [&]<class Chip>(auto fill_row) {
    std::vector<typename Chip::template Cols<Fp>> rows(kBankWords);
    for (const RowRun& run : bank.declared)
      for (uint32_t row = run.row; row < run.row + run.count; ++row)
        fill_row(rows[row], ProgramImage::place_of(number, row), bank.initial_word(row));
    return make_table<Chip>(circuit.chip(bank_chip(number)), kLogBank, std::move(rows));
  };
  using FromImage = chips::RamBank<true, false>;
  if (constant)
    return fill.operator()<chips::ConstantBank>([](auto& row, uint32_t place, uint32_t word) {
      chips::ConstantBank::fill(row, place, word, 0);
    });
  return fill.operator()<FromImage>([](auto& row, uint32_t place, uint32_t word) {
    FromImage::fill(row, place, {.image = word, .initial = 0, .final = 0, .time = 0});
  });
}

Witness image_tables(const Circuit& circuit, uint8_t log_program,
                     std::span<const chips::ProgramRow> program, const BankLayout& machine) {
  using chips::ByteTable, chips::ProgramTable, chips::Refresh, chips::ShiftTable;
  Witness out;
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
  out.tables.push_back(
      table_of<ProgramTable>(circuit, ProgramTable::kName, log_program, [&](auto& row, uint32_t i) {
        if (i < program.size()) ProgramTable::fill(row, program[i], 0);
      }));
  out.tables.push_back(bank_table(circuit, kMachineBank, false, machine));
  return out;
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

bool has_few_cells(uint8_t log_program, const BankMap& banks, const LayerImage& layers) {
  uint64_t columns = banks.image_width();
  for (const uint16_t width : banks.volume_widths()) columns += width;
  return (kProgramColumns << log_program) + columns * kBankWords + layers.cells() <=
         kMostCellsAtLowerRate;
}

}  // namespace

bool BankLayout::is_declared(uint32_t row) const {
  return std::ranges::any_of(declared,
                             [&](const RowRun& run) { return row - run.row < run.count; });
}

Image image_without_roots(const vm::Program& program, const LayerImage& layers) {
  Image image = lay_out(program).image;
  image.log_blowup = kImageRate;
  image.volumes.resize(BankMap(image.runs).volume_widths().size());
  image.layer_heights = layers.heights();
  image.layers.resize(image.layer_heights.size());
  return image;
}

Result<ProgramImage> ProgramImage::of(const vm::Program& program, const Image* known,
                                      std::optional<uint8_t> log_blowup, TreeStore* store,
                                      uint64_t group_cells) {
  check_program(program);
  const vm::Region& text = program.text();
  const unsigned log_greatest =
      std::min<unsigned>(kMaxLogHeight, Fp::kTwoAdicity - log_blowup.value_or(kImageRate));
  if (text.size / 4 > uint32_t{1} << log_greatest)
    return fail(ErrorCode::kFormat,
                fmt::format("text: expected at most {} instructions ({} MiB), found {}",
                            uint32_t{1} << log_greatest, (uint64_t{4} << log_greatest) >> 20,
                            text.size / 4));
  ProgramImage out;
  out.store_ = store;
  for (uint32_t i = 0; i < text.size / 4; ++i)
    out.program_.push_back(program_row(text, text.base + 4 * i, vm::text_word(text, i)));
  auto layers = LayerImage::of(program.layers, log_blowup.value_or(kImageRate), group_cells);
  if (!layers) return propagate(layers);
  out.layers_ = std::move(*layers);
  ProgramLayout layout = lay_out(program);
  out.layouts_ = std::move(layout.banks);
  out.image_ = std::make_unique<Image>(std::move(layout.image));
  Image& image = *out.image_;
  image.layer_heights = out.layers_.heights();
  out.banks_ = BankMap(image.runs, image.layer_heights.size());
  image.log_blowup = log_blowup.value_or(kImageRate);
  if (!log_blowup && has_few_cells(image.log_program, out.banks_, out.layers_))
    image.lower.emplace();
  if (known != nullptr && known->runs == image.runs && known->log_blowup == image.log_blowup &&
      known->lower.has_value() == image.lower.has_value() && known->entry == image.entry &&
      known->log_program == image.log_program && known->layer_heights == image.layer_heights &&
      known->model == image.model) {
    image = *known;
    out.banks_ = BankMap(image.runs, image.layer_heights.size());
    return out;
  }
  out.make_roots();
  ZK_CHECK(image.check());
  return out;
}

/// Of all trees. Of those at the lower rate, which few proofs read, only the roots are kept; every
/// second of their points makes the others.
void ProgramImage::make_roots() {
  Image& image = *image_;
  const size_t volumes = banks_.volume_widths().size();
  image.volumes.resize(volumes);
  const size_t groups = image.layer_heights.size();
  image.layers.resize(groups);
  if (image.lower) image.lower->volumes.resize(volumes), image.lower->layers.resize(groups);
  const auto make = [&](const std::string& slot, Digest& root, Digest* lower, bool keep) {
    CommittedTree tree = commit(slot, image.lowest_rate(), nullptr);
    if (lower != nullptr) {
      *lower = tree.root();
      tree = at_higher_rate(std::move(tree), image.log_blowup);
    }
    root = tree.root();
    if (keep) trees_[{slot, image.log_blowup}] = std::make_unique<CommittedTree>(std::move(tree));
  };
  make(kImageSlot, image.root, image.lower ? &image.lower->root : nullptr, true);
  uint64_t cells = 0;
  for (size_t g = 0; g < groups; ++g)
    make(layers_slot(g), image.layers[g], image.lower ? &image.lower->layers[g] : nullptr,
         (cells += layers_.cells(g)) <= kKeptLayerCells);
  for (uint32_t v = 0; v < volumes; ++v)
    make(volume_slot(v), image.volumes[v], image.lower ? &image.lower->volumes[v] : nullptr,
         volumes <= kKeptVolumes);
}

const BankLayout& ProgramImage::bank(uint16_t bank) const {
  const auto found = layouts_.find(bank);
  return found == layouts_.end() ? blank_bank() : found->second;
}

uint32_t ProgramImage::place_of(uint16_t bank, uint32_t row) {
  return bank == kMachineBank ? chips::kMachineBase + row : row;
}

std::vector<uint16_t> ProgramImage::banks_of(std::optional<uint32_t> volume) const {
  std::vector<uint16_t> out;
  for (const auto& [number, layout] : layouts_)
    if (number != kMachineBank && banks_[number].volume == volume) out.push_back(number);
  return out;
}

/// A tree is that of any circuit that has its slot: here one with nothing beside it.
CommittedTree ProgramImage::commit(const std::string& slot, uint8_t log_blowup,
                                   const Digest* root) const {
  Image image;
  image.log_blowup = image_->log_blowup;
  image.layer_heights = image_->layer_heights;
  image.layers.resize(image.layer_heights.size());
  image.log_program = image_->log_program;
  image.runs = image_->runs;
  image.volumes = image_->volumes;
  image.volumes.resize(banks_.volume_widths().size());
  // A blank bank, whether the program has one or not: above all places, so that no other moves.
  const auto blank = static_cast<uint16_t>(banks_.count() + 1);
  image.runs.push_back({2 * chips::kReadOnlyBase, 1, BankKind::kBlank});
  std::optional<size_t> group;
  for (size_t g = 0; g < image.layer_heights.size() && !group; ++g)
    if (layers_slot(g) == slot) group = g;
  std::optional<uint32_t> volume;
  for (uint32_t v = 0; slot != kImageSlot && !group && !volume; ++v)
    if (volume_slot(v) == slot) volume = v;
  const std::vector<uint16_t> banks = group ? std::vector<uint16_t>{} : banks_of(volume);
  std::vector<BankUse> uses = {{kMachineBank}};
  for (const uint16_t bank : banks) uses.push_back({bank, banks_[bank].constant});
  if (group)
    uses.push_back({layers_bank(*group), true});
  else if (!volume)
    uses.push_back({blank, true});
  const auto circuit = machine_circuit(image, uses);
  ZK_CHECK(circuit);
  if (auto kept = kept_tree(store_, circuit->key(), log_blowup, circuit->slot(slot), root))
    return std::move(*kept);
  Witness tables;
  if (group) {
    tables.tables =
        layers_.tables(*circuit, *group, std::make_shared<LayerCounts>(layers_.no_counts()));
  } else if (!volume) {
    tables = image_tables(*circuit, image.log_program, program_, layouts_.at(kMachineBank));
    tables.tables.push_back(bank_table(*circuit, blank, true, blank_bank()));
  }
  for (const uint16_t bank : banks)
    tables.tables.push_back(bank_table(*circuit, bank, banks_[bank].constant, layouts_.at(bank)));
  tables.sort();
  // While the image is made, no proof reads a tree of the lower rate.
  const bool for_proofs = root != nullptr || !image_->lower;
  return make_tree(for_proofs ? store_ : nullptr, circuit->key(), log_blowup, circuit->slot(slot),
                   tables);
}

void ProgramImage::drop_groups_but(std::span<const BankUse> uses) {
  for (size_t g = 0; g < layers_.groups(); ++g)
    if (std::ranges::find(uses, layers_bank(g), &BankUse::bank) == uses.end())
      std::erase_if(trees_,
                    [slot = layers_slot(g)](const auto& tree) { return tree.first.first == slot; });
}

SlotTrees ProgramImage::fixed_trees(const Circuit& circuit, std::span<const BankUse> uses,
                                    uint8_t log_blowup) {
  SlotTrees out;
  if (!keep_all_groups_) drop_groups_but(uses);
  const uint8_t made_for = image_->made_for(log_blowup);
  const auto add = [&](const std::string& name) {
    const uint16_t slot = circuit.slot(name);
    auto& tree = trees_[{name, made_for}];
    if (tree == nullptr)
      tree =
          std::make_unique<CommittedTree>(commit(name, made_for, &circuit.key().slots[slot].root));
    out[slot] = tree.get();
  };
  add(kImageSlot);
  for (const BankUse& use : uses.subspan(1)) {
    if (is_layers_bank(use.bank)) add(layers_slot(layer_group(use.bank)));
    if (const auto volume = banks_[use.bank].volume) add(volume_slot(*volume));
  }
  return out;
}

}  // namespace zkvm::stark::machine
