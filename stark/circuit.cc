#include "stark/circuit.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <set>

namespace zkvm::stark {
namespace {

/// Connects a chip to the slots of the circuit and gives it its height; complaints go to
/// chip.errors.
void place_chip(RecordedChip& chip, const CircuitOptions& options, uint8_t log_height) {
  const auto complain = [&](const std::string& what) {
    chip.errors.push_back(fmt::format("chip {}: {}", chip.key.name, what));
  };
  for (size_t i = 0; i < chip.slots.size(); ++i) {
    const auto found =
        std::ranges::find(options.slots, chip.slots[i], &CircuitOptions::NamedSlot::name);
    if (found == options.slots.end()) {
      complain(fmt::format("the circuit has no slot {}", chip.slots[i]));
      continue;
    }
    chip.key.slots[i].slot = static_cast<uint16_t>(found - options.slots.begin());
    if (i > 0 && chip.key.slots[i].slot <= chip.key.slots[i - 1].slot)
      complain(fmt::format("slot {} must come earlier: the circuit's order counts", chip.slots[i]));
  }
  const bool given = log_height != kFreeHeight;
  if (given != !chip.slots.empty())
    complain(given ? "a height is given, but there are no slot columns"
                   : "it has slot columns, so the circuit must give its height");
  chip.key.log_height = log_height;
}

/// The chip as the instance has it, not yet placed.
RecordedChip rename_chip(RecordedChip chip, const ChipInstance& instance) {
  chip.key.name = instance.name;
  for (std::string& slot : chip.slots)
    if (const auto other = instance.slots.find(slot); other != instance.slots.end())
      slot = other->second;
  return chip;
}

/// One identifier, one name, one width.
void check_buses(std::vector<RecordedChip>& chips) {
  std::map<uint16_t, const RecordedChip::BusUse*> known;
  for (RecordedChip& chip : chips)
    for (const RecordedChip::BusUse& use : chip.buses) {
      const RecordedChip::BusUse* first = known.try_emplace(use.id, &use).first->second;
      if (first->name != use.name || first->width != use.width)
        chip.errors.push_back(
            fmt::format("chip {}: bus {} is {} with tuples of {}, elsewhere {} with tuples of {}",
                        chip.key.name, use.id, use.name, use.width, first->name, first->width));
    }
}

}  // namespace

Result<Circuit> Circuit::make(const std::vector<ChipType>& types, const CircuitOptions& options) {
  Circuit circuit;
  circuit.list_size_ = types.size();
  circuit.kernels_ = options.kernels;
  for (const auto& slot : options.slots) {
    circuit.key_.slots.push_back({slot.kind, {}});
    circuit.slot_names_.push_back(slot.name);
  }
  const auto add = [&](size_t type, RecordedChip chip, uint8_t log_height) {
    place_chip(chip, options, log_height);
    circuit.chips_.push_back(std::move(chip));
    circuit.types_.push_back({type, types[type].row_check});
  };
  for (size_t i = 0; i < types.size(); ++i) {
    const RecordedChip& chip = types[i].recorded;
    if (std::ranges::find(options.templates, chip.key.name) != options.templates.end()) continue;
    const auto height = options.log_heights.find(chip.key.name);
    add(i, chip, height == options.log_heights.end() ? kFreeHeight : height->second);
  }
  for (const ChipInstance& instance : options.instances) {
    const auto type = std::ranges::find_if(
        types, [&](const ChipType& t) { return t.recorded.key.name == instance.chip; });
    if (type == types.end())
      return fail(ErrorCode::kKey,
                  fmt::format("chip {}: there is no chip {}", instance.name, instance.chip));
    add(static_cast<size_t>(type - types.begin()), rename_chip(type->recorded, instance),
        instance.log_height);
  }
  check_buses(circuit.chips_);
  std::set<std::string_view> names;
  for (RecordedChip& chip : circuit.chips_)
    if (!names.insert(chip.key.name).second)
      chip.errors.push_back(fmt::format("chip {}: there are two of this name", chip.key.name));
  std::string errors;
  for (const RecordedChip& chip : circuit.chips_) {
    for (const std::string& error : chip.errors) errors += (errors.empty() ? "" : "\n") + error;
    for (const Interaction& interaction : chip.key.interactions)
      circuit.key_.tuple_width =
          std::max(circuit.key_.tuple_width, static_cast<uint8_t>(interaction.tuple.size()));
    circuit.key_.chips.push_back(chip.key);
  }
  if (!errors.empty()) return fail(ErrorCode::kKey, errors);
  if (auto ok = circuit.key_.check(); !ok) return tl::unexpected<Error>(ok.error());
  return circuit;
}

void Circuit::set_fixed_root(uint16_t slot, const Digest& root) {
  ZK_CHECK(slot < key_.slots.size() && key_.slots[slot].kind == Slot::Kind::kFixed);
  key_.slots[slot].root = root;
}

uint16_t Circuit::chip(std::string_view name) const {
  const auto found =
      std::ranges::find_if(chips_, [&](const RecordedChip& c) { return c.key.name == name; });
  ZK_CHECK(found != chips_.end());
  return static_cast<uint16_t>(found - chips_.begin());
}

uint16_t Circuit::slot(std::string_view name) const {
  const auto found = std::ranges::find(slot_names_, name);
  ZK_CHECK(found != slot_names_.end());
  return static_cast<uint16_t>(found - slot_names_.begin());
}

std::string Circuit::bus_name(uint16_t bus) const {
  for (const RecordedChip& chip : chips_)
    for (const RecordedChip::BusUse& use : chip.buses)
      if (use.id == bus) return use.name;
  return fmt::format("bus {}", bus);
}

AssertKernel Circuit::assert_kernel(uint16_t chip) const {
  ZK_CHECK(kernels_ != nullptr && kernels_().count == list_size_);
  return kernels_().chips[types_[chip].index];
}

}  // namespace zkvm::stark
