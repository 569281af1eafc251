#include "stark/machine/circuit.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "stark/machine/chip_list.h"

namespace zkvm::stark::machine {
namespace {

const char* chip_for(const BankUse& use) {
  if (use.constant) return chips::ConstantBank::kName;
  if (!use.before)
    return use.after ? chips::RamBank<true, true>::kName : chips::RamBank<true, false>::kName;
  return use.after ? chips::RamBank<false, true>::kName : chips::RamBank<false, false>::kName;
}

/// Slots in the order of the key, those of the uses ascending.
void add_slots(CircuitOptions& options, const BankMap& banks, std::span<const BankUse> uses) {
  std::set<uint32_t> volumes, before, after;
  for (const BankUse& use : uses) {
    if (use.before) before.insert(*use.before);
    if (use.after) after.insert(*use.after);
    if (use.bank == kMachineBank) continue;
    if (is_layers_bank(use.bank))
      options.slots.push_back({layers_slot(layer_group(use.bank)), Slot::Kind::kFixed});
    if (const auto volume = banks[use.bank].volume) volumes.insert(*volume);
  }
  const std::vector<uint16_t> widths = banks.volume_widths();
  options.slots.insert(options.slots.begin(),
                       {kImageSlot, Slot::Kind::kFixed, {{kLogBank, banks.image_width()}}});
  for (const uint32_t volume : volumes)
    options.slots.push_back(
        {volume_slot(volume), Slot::Kind::kFixed, {{kLogBank, widths[volume]}}});
  for (const uint32_t segment : before)
    options.slots.push_back({before_slot(segment), Slot::Kind::kShared});
  for (const uint32_t segment : after)
    options.slots.push_back({after_slot(segment), Slot::Kind::kShared});
}

/// The chips of the tensor unit with a free number of rows.
constexpr const char* kUnitChips[] = {
    chips::LayerCall::kName,           chips::LayerPairCall::kName,
    chips::LayerRead::kName,           chips::LayerReadWide::kName,
    chips::LayerProduct::kName,        chips::LayerWriteBytes::kName,
    chips::LayerWriteBytesWide::kName, chips::LayerWriteWords::kName,
    chips::LayerPool::kName,           chips::LayerPair::kName,
    chips::LayerWeightsCall::kName,    chips::LayerReadWeights::kName,
    chips::LayerProductMemory::kName,  chips::LayerBias::kName};

/// The chips of hashes with a free number of rows.
constexpr const char* kBlake3Chips[] = {chips::Blake3Call::kName, chips::Blake3Block::kName,
                                        chips::Blake3BlockWhole::kName, chips::Blake3Round::kName};
constexpr const char* kSha256Chips[] = {chips::Sha256Call::kName, chips::Sha256Block::kName,
                                        chips::Sha256Rounds::kName};

void add_sha256(CircuitOptions& options) {
  for (const char* chip : kSha256Chips) options.instances.push_back({.chip = chip, .name = chip});
}

/// `byte_columns`: where the byte table's columns begin in the slot `image`.
void add_blake3(CircuitOptions& options, uint16_t byte_columns) {
  for (const char* chip : kBlake3Chips) options.instances.push_back({.chip = chip, .name = chip});
  options.instances.push_back({.chip = chips::XorTable::kName,
                               .name = chips::XorTable::kName,
                               .log_height = chips::XorTable::kLogHeight,
                               .first_columns = {{kImageSlot, byte_columns}}});
}

void add_unit(CircuitOptions& options) {
  for (const char* chip : kUnitChips) options.instances.push_back({.chip = chip, .name = chip});
}

/// The fixed tables of a group of layers, those that there are.
void add_group(CircuitOptions& options, size_t group, const LayerHeights& heights) {
  for (size_t table = 0; table < kLayerTables; ++table) {
    if (heights[table] == 0) continue;
    const auto of = static_cast<LayerTable>(table);
    options.instances.push_back({.chip = layer_chip(of),
                                 .name = layer_chip(of, group),
                                 .slots = {{kLayersSlot, layers_slot(group)}},
                                 .log_height = heights[table]});
  }
}

/// SOUNDNESS: a segment that leaves words and the one that finds them read the same columns of the
/// tree that they share as the same banks: both have exactly these banks in it, in their order.
ChipInstance bank_instance(const BankMap& banks, const BankUse& use) {
  ChipInstance out{.chip = chip_for(use), .name = bank_chip(use.bank), .log_height = kLogBank};
  if (use.before) out.slots["bank in"] = before_slot(*use.before);
  if (use.after) out.slots["bank out"] = after_slot(*use.after);
  if (use.bank == kMachineBank) {
    out.slots["rows"] = out.slots["bank"] = kImageSlot;
    return out;
  }
  const BankMap::Bank bank = banks[use.bank];
  out.base = bank.base;
  out.base_bus = chips::kMemory.id;
  const std::string own = bank.volume ? volume_slot(*bank.volume) : kImageSlot;
  const auto place = [&](const char* slot, const std::string& where, uint32_t column) {
    out.slots[slot] = where;
    out.first_columns[slot] = static_cast<uint16_t>(column);
  };
  if (bank.kind == BankKind::kPartial)
    place("rows", own, bank.column);
  else
    place("rows", kImageSlot, 0);
  if (bank.kind == BankKind::kBlank)
    place("bank", kImageSlot, 2);
  else
    place("bank", own, bank.column + (bank.kind == BankKind::kPartial ? 2 : 0));
  return out;
}

}  // namespace

const char* layer_chip(LayerTable table) {
  switch (table) {
    case LayerTable::kLayers:
      return chips::LayersTable::kName;
    case LayerTable::kWeights:
      return chips::WeightsTable::kName;
    case LayerTable::kPowers:
      return chips::PowersTable::kName;
    case LayerTable::kPositions:
      return chips::PositionsTable::kName;
    case LayerTable::kChannels:
      return chips::ChannelsTable::kName;
    case LayerTable::kSteps:
      return chips::StepsTable::kName;
    case LayerTable::kWindows:
      return chips::WindowsTable::kName;
    case LayerTable::kPairs:
      return chips::PairsTable::kName;
    case LayerTable::kPairBytes:
      return chips::PairBytesTable::kName;
    case LayerTable::kOperands:
      return chips::OperandsTable::kName;
    case LayerTable::kProducts:
      return chips::ProductsTable::kName;
    case LayerTable::kManySteps:
      return chips::ManyStepsTable::kName;
    case LayerTable::kWeights64:
      return chips::Weights64Table::kName;
  }
  return "?";
}

std::string layer_chip(LayerTable table, size_t group) {
  return group == 0 ? layer_chip(table) : fmt::format("layers {}: {}", group, layer_chip(table));
}

std::string layers_slot(size_t group) { return fmt::format("layers {}", group); }
std::string volume_slot(uint32_t volume) { return fmt::format("volume {}", volume); }
std::string before_slot(uint32_t segment) { return fmt::format("from segment {}", segment); }
std::string after_slot(uint32_t segment) { return fmt::format("for segment {}", segment); }
std::string bank_chip(uint16_t bank) { return fmt::format("bank {}", bank); }

void link_banks(std::span<std::vector<BankUse>* const> segments) {
  std::vector<BankUse*> last(UINT16_MAX + 1u);
  std::vector<uint32_t> user(last.size());
  for (uint32_t i = 0; i < segments.size(); ++i) {
    for (BankUse& use : *segments[i]) {
      use.before = use.after = {};
      if (use.constant) continue;
      if (BankUse* earlier = last[use.bank]; earlier != nullptr) {
        earlier->after = i;
        use.before = user[use.bank];
      }
      last[use.bank] = &use;
      user[use.bank] = i;
    }
  }
}

Result<void> check_bank_uses(const BankMap& banks, std::span<const BankUse> uses) {
  if (uses.empty() || uses[0].bank != kMachineBank || uses[0].constant)
    return fail(ErrorCode::kStatement, "bank uses: the machine bank is missing");
  for (size_t i = 1; i < uses.size(); ++i) {
    if (uses[i].bank != kMachineBank && !banks.contains(uses[i].bank))
      return fail(ErrorCode::kStatement,
                  fmt::format("bank use {}: expected a bank of 0..{}, found {}", i, banks.count(),
                              uses[i].bank));
    if (uses[i].bank <= uses[i - 1].bank)
      return fail(ErrorCode::kStatement, fmt::format("bank use {}: banks are not ascending", i));
    if (const bool constant = banks[uses[i].bank].constant; constant != uses[i].constant)
      return fail(ErrorCode::kStatement, fmt::format("bank use {}: bank {} is one of {}", i,
                                                     uses[i].bank, constant ? "constants" : "RAM"));
  }
  return {};
}

// SOUNDNESS: tree and column of every fixed column must not depend on the uses, or a root would
// mean other columns in other segments. `image` holds the same chips in the same order for every
// use (the machine bank follows the others, whatever its variant), behind the columns of the image's
// banks; where those stand, the image says.
Result<Circuit> machine_circuit(const Image& image, std::span<const BankUse> uses,
                                const AssertKernels& (*kernels)(), uint8_t log_blowup) {
  const BankMap banks(image.runs, image.layer_heights.size());
  if (auto ok = check_bank_uses(banks, uses); !ok) return tl::unexpected<Error>(ok.error());
  CircuitOptions options;
  options.kernels = kernels;
  add_slots(options, banks, uses);
  options.log_heights = {{chips::ByteTable::kName, chips::ByteTable::kLogHeight},
                         {chips::ShiftTable::kName, chips::ShiftTable::kLogHeight},
                         {chips::Refresh::kName, chips::Refresh::kLogHeight},
                         {chips::ProgramTable::kName, image.log_program}};
  options.templates = {chips::ConstantBank::kName, chips::RamBank<true, false>::kName,
                       chips::RamBank<true, true>::kName, chips::RamBank<false, false>::kName,
                       chips::RamBank<false, true>::kName};
  options.templates.insert(options.templates.end(), std::begin(kBlake3Chips),
                           std::end(kBlake3Chips));
  options.templates.insert(options.templates.end(), std::begin(kSha256Chips),
                           std::end(kSha256Chips));
  options.templates.emplace_back(chips::XorTable::kName);
  options.templates.insert(options.templates.end(), std::begin(kUnitChips), std::end(kUnitChips));
  for (size_t table = 0; table < kLayerTables; ++table)
    options.templates.emplace_back(layer_chip(static_cast<LayerTable>(table)));
  for (const BankUse& use : uses)
    if (!is_chips_bank(use.bank)) options.instances.push_back(bank_instance(banks, use));
  // The first chip with columns in `image` of this height is the byte table.
  static_assert(chips::ByteTable::kLogHeight == kLogBank);
  const auto lists = [&](uint16_t bank) {
    return std::ranges::find(uses, bank, &BankUse::bank) != uses.end();
  };
  if (lists(kBlake3Bank)) add_blake3(options, banks.image_width());
  if (lists(kSha256Bank)) add_sha256(options);
  if (is_layers_bank(uses.back().bank)) add_unit(options);
  for (const BankUse& use : uses)
    if (const size_t group = layer_group(use.bank); is_layers_bank(use.bank))
      add_group(options, group, image.layer_heights[group]);

  auto circuit = Circuit::make(MachineChips{}, options);
  if (!circuit) return circuit;
  const uint8_t made_for = image.made_for(log_blowup);
  const bool lower = made_for != image.log_blowup;
  const std::vector<Digest>& volumes = lower ? image.lower->volumes : image.volumes;
  circuit->set_fixed_root(circuit->slot(kImageSlot), lower ? image.lower->root : image.root,
                          made_for);
  for (const BankUse& use : uses.subspan(1)) {
    if (is_layers_bank(use.bank)) {
      const size_t group = layer_group(use.bank);
      circuit->set_fixed_root(circuit->slot(layers_slot(group)),
                              (lower ? image.lower->layers : image.layers)[group], made_for);
    }
    if (const auto volume = banks[use.bank].volume)
      circuit->set_fixed_root(circuit->slot(volume_slot(*volume)), volumes[*volume], made_for);
  }
  return circuit;
}

std::vector<PublicInteraction> segment_publics(const SegmentClaim& claim) {
  std::vector<PublicInteraction> out;
  out.reserve(claim.journal.size() + 1);
  uint32_t position = claim.journal_begin;
  for (const uint32_t word : claim.journal) {
    const auto [lo, hi] = chips::limbs_of(word);
    out.push_back(public_interaction(chips::kJournal, -1, {chips::fp(position++), lo, hi}));
  }
  if (claim.exit_code) {
    const auto [lo, hi] = chips::limbs_of(*claim.exit_code);
    out.push_back(public_interaction(chips::kExit, -1, {lo, hi}));
  }
  return out;
}

Statement segment_statement(const Circuit& circuit, const SegmentClaim& claim,
                            const SharedRoots& roots) {
  Statement out;
  out.publics = segment_publics(claim);
  for (const auto& [segment, root] : roots.before)  // in the order of the slots
    out.shared.push_back({circuit.slot(before_slot(segment)), root});
  for (const auto& [segment, root] : roots.after)
    out.shared.push_back({circuit.slot(after_slot(segment)), root});
  return out;
}

}  // namespace zkvm::stark::machine
