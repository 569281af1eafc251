#include "stark/air/circuit.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <set>
#include <span>
#include <utility>

namespace zkvm::stark {
namespace {

/// The row of a slot at this height, which is made where there is none yet.
Slot::Row& row_at(Slot& slot, uint8_t log_height) {
  auto at = std::ranges::find_if(
      slot.rows, [&](const Slot::Row& row) { return row.log_height <= log_height; });
  if (at == slot.rows.end() || at->log_height != log_height)
    at = slot.rows.insert(at, {log_height, 0});
  return *at;
}

/// How an instance of a chip differs from the chip.
struct Placing {
  std::string name;
  uint8_t log_height;
  const ChipInstance* instance = nullptr;  // none: the chip of the list itself
};

/// Connects a chip to the slots of the circuit, its own being `names`, gives it its height, and adds
/// the base to the first values of its tuples. Complaints go to `errors`.
void place_chip(ChipKey& chip, std::span<const std::string> names, const Placing& placing,
                const std::map<std::string, uint16_t, std::less<>>& slot_of,
                std::vector<Slot>& slots, std::vector<std::string>& errors) {
  const auto complain = [&](const std::string& what) {
    errors.push_back(fmt::format("chip {}: {}", placing.name, what));
  };
  chip.name = placing.name;
  chip.log_height = placing.log_height;
  const ChipInstance* instance = placing.instance;
  for (size_t i = 0; i < names.size(); ++i) {
    std::string name = names[i];
    if (instance != nullptr)
      if (const auto other = instance->slots.find(name); other != instance->slots.end())
        name = other->second;
    const auto found = slot_of.find(name);
    if (found == slot_of.end()) {
      complain(fmt::format("the circuit has no slot {}", name));
      continue;
    }
    ChipKey::SlotColumns& use = chip.slots[i];
    use.slot = found->second;
    Slot::Row& row = row_at(slots[use.slot], placing.log_height);
    if (instance != nullptr && instance->first_columns.contains(names[i])) {
      use.first = instance->first_columns.at(names[i]);
    } else {
      use.first = row.width;
      row.width += use.width;
    }
    if (i > 0 && std::pair(use.slot, use.first) <=
                     std::pair(chip.slots[i - 1].slot, chip.slots[i - 1].first))
      complain(fmt::format("slot {} must come earlier: the circuit's order counts", name));
  }
  const bool given = placing.log_height != kFreeHeight;
  if (given != !names.empty())
    complain(given ? "a height is given, but there are no slot columns"
                   : "it has slot columns, so the circuit must give its height");
  if (instance == nullptr || instance->base == 0) return;
  for (Interaction& interaction : chip.interactions) {
    if (interaction.bus != instance->base_bus)
      complain(fmt::format("its base is for bus {}, but it has tuples on bus {}",
                           instance->base_bus, interaction.bus));
    uint32_t& constant = interaction.tuple[0].constant;
    constant = (Fp::from_wire(constant) + Fp::from(instance->base)).wire;
  }
}

}  // namespace

Result<Circuit> Circuit::make(const std::vector<ChipType>& list, const CircuitOptions& options) {
  Circuit circuit;
  circuit.list_ = &list;
  circuit.kernels_ = options.kernels;
  for (const auto& slot : options.slots) {
    circuit.key_.slots.push_back({.kind = slot.kind, .rows = slot.rows});
    circuit.slots_.try_emplace(slot.name, static_cast<uint16_t>(circuit.key_.slots.size() - 1));
  }
  std::vector<std::vector<std::string>> errors;  // of each chip
  circuit.key_.chips.reserve(list.size() + options.instances.size());
  const auto add = [&](size_t type, const Placing& placing) {
    const RecordedChip& recorded = list[type].recorded();
    errors.push_back(recorded.errors);
    ChipKey& chip = circuit.key_.chips.emplace_back(recorded.key);
    place_chip(chip, recorded.slots, placing, circuit.slots_, circuit.key_.slots, errors.back());
    circuit.types_.push_back(type);
    circuit.bases_.push_back(placing.instance == nullptr ? Fp{} : Fp::from(placing.instance->base));
  };
  for (size_t i = 0; i < list.size(); ++i) {
    const std::string name = list[i].name;
    if (std::ranges::find(options.templates, name) != options.templates.end()) continue;
    const auto height = options.log_heights.find(name);
    add(i, {name, height == options.log_heights.end() ? kFreeHeight : height->second});
  }
  for (const ChipInstance& instance : options.instances) {
    const auto type =
        std::ranges::find_if(list, [&](const ChipType& t) { return t.name == instance.chip; });
    if (type == list.end())
      return fail(ErrorCode::kKey,
                  fmt::format("chip {}: there is no chip {}", instance.name, instance.chip));
    add(static_cast<size_t>(type - list.begin()), {instance.name, instance.log_height, &instance});
  }
  circuit.check_names(errors);
  std::string message;
  for (const auto& of_chip : errors)
    for (const std::string& error : of_chip) message += (message.empty() ? "" : "\n") + error;
  if (!message.empty()) return fail(ErrorCode::kKey, message);
  for (const ChipKey& chip : circuit.key_.chips)
    for (const Interaction& interaction : chip.interactions)
      circuit.key_.tuple_width =
          std::max(circuit.key_.tuple_width, static_cast<uint8_t>(interaction.tuple.size()));
  if (auto ok = circuit.key_.check(); !ok) return propagate(ok);
  return circuit;
}

/// One identifier of a bus, one name, one width; one name, one chip.
void Circuit::check_names(std::vector<std::vector<std::string>>& errors) const {
  std::map<uint16_t, const RecordedChip::BusUse*> known;
  std::set<std::string_view> names;
  for (size_t c = 0; c < types_.size(); ++c) {
    const std::string& name = key_.chips[c].name;
    for (const RecordedChip::BusUse& use : recorded(static_cast<uint16_t>(c)).buses) {
      const RecordedChip::BusUse* first = known.try_emplace(use.id, &use).first->second;
      if (first->name != use.name || first->width != use.width)
        errors[c].push_back(
            fmt::format("chip {}: bus {} is {} with tuples of {}, elsewhere {} with tuples of {}",
                        name, use.id, use.name, use.width, first->name, first->width));
    }
    if (!names.insert(name).second)
      errors[c].push_back(fmt::format("chip {}: there are two of this name", name));
  }
}

void Circuit::set_fixed_root(uint16_t slot, const Digest& root, uint8_t log_blowup) {
  ZK_CHECK(slot < key_.slots.size() && key_.slots[slot].kind == Slot::Kind::kFixed);
  key_.slots[slot].root = root;
  key_.slots[slot].log_blowup = log_blowup;
}

uint16_t Circuit::chip(std::string_view name) const {
  const auto found = std::ranges::find(key_.chips, name, &ChipKey::name);
  ZK_CHECK(found != key_.chips.end());
  return static_cast<uint16_t>(found - key_.chips.begin());
}

uint16_t Circuit::slot(std::string_view name) const {
  const auto found = slots_.find(name);
  ZK_CHECK(found != slots_.end());
  return found->second;
}

std::string Circuit::bus_name(uint16_t bus) const {
  for (const size_t type : types_)
    for (const RecordedChip::BusUse& use : (*list_)[type].recorded().buses)
      if (use.id == bus) return use.name;
  return fmt::format("bus {}", bus);
}

AssertKernel Circuit::assert_kernel(uint16_t chip) const {
  ZK_CHECK(kernels_ != nullptr && kernels_().count == list_->size());
  return kernels_().chips[types_[chip]];
}

}  // namespace zkvm::stark
