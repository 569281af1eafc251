#include "stark/air/circuit.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <set>
#include <span>

namespace zkvm::stark {
namespace {

/// Connects a chip to the slots of the circuit, `slots` being their names there, and gives it its
/// height; complaints go to `errors`.
void place_chip(ChipKey& chip, std::span<const std::string> slots, const CircuitOptions& options,
                uint8_t log_height, std::vector<std::string>& errors) {
  const auto complain = [&](const std::string& what) {
    errors.push_back(fmt::format("chip {}: {}", chip.name, what));
  };
  for (size_t i = 0; i < slots.size(); ++i) {
    const auto found = std::ranges::find(options.slots, slots[i], &CircuitOptions::NamedSlot::name);
    if (found == options.slots.end()) {
      complain(fmt::format("the circuit has no slot {}", slots[i]));
      continue;
    }
    chip.slots[i].slot = static_cast<uint16_t>(found - options.slots.begin());
    if (i > 0 && chip.slots[i].slot <= chip.slots[i - 1].slot)
      complain(fmt::format("slot {} must come earlier: the circuit's order counts", slots[i]));
  }
  const bool given = log_height != kFreeHeight;
  if (given != !slots.empty())
    complain(given ? "a height is given, but there are no slot columns"
                   : "it has slot columns, so the circuit must give its height");
  chip.log_height = log_height;
}

}  // namespace

Result<Circuit> Circuit::make(const std::vector<ChipType>& list, const CircuitOptions& options) {
  Circuit circuit;
  circuit.list_ = &list;
  circuit.kernels_ = options.kernels;
  for (const auto& slot : options.slots) {
    circuit.key_.slots.push_back({.kind = slot.kind});
    circuit.slot_names_.push_back(slot.name);
  }
  std::vector<std::vector<std::string>> errors;  // of each chip
  circuit.key_.chips.reserve(list.size() + options.instances.size());
  const auto add = [&](size_t type, std::string name, std::span<const std::string> slots,
                       uint8_t log_height) {
    const RecordedChip& recorded = list[type].recorded;
    errors.push_back(recorded.errors);
    ChipKey& chip = circuit.key_.chips.emplace_back(recorded.key);
    chip.name = std::move(name);
    place_chip(chip, slots, options, log_height, errors.back());
    circuit.types_.push_back(type);
  };
  for (size_t i = 0; i < list.size(); ++i) {
    const RecordedChip& chip = list[i].recorded;
    const std::string& name = chip.key.name;
    if (std::ranges::find(options.templates, name) != options.templates.end()) continue;
    const auto height = options.log_heights.find(name);
    add(i, name, chip.slots, height == options.log_heights.end() ? kFreeHeight : height->second);
  }
  for (const ChipInstance& instance : options.instances) {
    const auto type = std::ranges::find_if(
        list, [&](const ChipType& t) { return t.recorded.key.name == instance.chip; });
    if (type == list.end())
      return fail(ErrorCode::kKey,
                  fmt::format("chip {}: there is no chip {}", instance.name, instance.chip));
    std::vector<std::string> slots = type->recorded.slots;
    for (std::string& slot : slots)
      if (const auto other = instance.slots.find(slot); other != instance.slots.end())
        slot = other->second;
    add(static_cast<size_t>(type - list.begin()), instance.name, slots, instance.log_height);
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
  if (auto ok = circuit.key_.check(); !ok) return tl::unexpected<Error>(ok.error());
  return circuit;
}

/// One identifier of a bus, one name, one width; one name, one chip.
void Circuit::check_names(std::vector<std::vector<std::string>>& errors) const {
  std::map<uint16_t, const RecordedChip::BusUse*> known;
  std::set<std::string_view> names;
  for (uint16_t c = 0; c < types_.size(); ++c) {
    const std::string& name = key_.chips[c].name;
    for (const RecordedChip::BusUse& use : recorded(c).buses) {
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
  const auto found = std::ranges::find(slot_names_, name);
  ZK_CHECK(found != slot_names_.end());
  return static_cast<uint16_t>(found - slot_names_.begin());
}

std::string Circuit::bus_name(uint16_t bus) const {
  for (const size_t type : types_)
    for (const RecordedChip::BusUse& use : (*list_)[type].recorded.buses)
      if (use.id == bus) return use.name;
  return fmt::format("bus {}", bus);
}

AssertKernel Circuit::assert_kernel(uint16_t chip) const {
  ZK_CHECK(kernels_ != nullptr && kernels_().count == list_->size());
  return kernels_().chips[types_[chip]];
}

}  // namespace zkvm::stark
