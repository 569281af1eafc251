#include "stark/circuit.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>

namespace zkvm::stark {
namespace {

/// Connects a chip to the slots and heights of the circuit; complaints go to chip.errors.
void place_chip(RecordedChip& chip, const CircuitOptions& options) {
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
  const auto height = options.log_heights.find(chip.key.name);
  const bool given = height != options.log_heights.end();
  if (given != !chip.slots.empty())
    complain(given ? "a height is given, but there are no slot columns"
                   : "it has slot columns, so the circuit must give its height");
  if (given) chip.key.log_height = height->second;
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

Result<Circuit> Circuit::make(std::vector<RecordedChip> chips, std::vector<RowCheck> row_checks,
                              CircuitOptions options) {
  Circuit circuit;
  for (const auto& slot : options.slots) {
    circuit.key_.slots.push_back({slot.kind, {}});
    circuit.slot_names_.push_back(slot.name);
  }
  for (RecordedChip& chip : chips) place_chip(chip, options);
  check_buses(chips);
  std::string errors;
  for (const RecordedChip& chip : chips) {
    for (const std::string& error : chip.errors) errors += (errors.empty() ? "" : "\n") + error;
    for (const Interaction& interaction : chip.key.interactions)
      circuit.key_.tuple_width =
          std::max(circuit.key_.tuple_width, static_cast<uint8_t>(interaction.tuple.size()));
    circuit.key_.chips.push_back(chip.key);
  }
  if (!errors.empty()) return fail(ErrorCode::kKey, errors);
  if (auto ok = circuit.key_.check(); !ok) return tl::unexpected<Error>(ok.error());
  circuit.chips_ = std::move(chips);
  circuit.row_checks_ = std::move(row_checks);
  circuit.kernels_ = options.kernels;
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
  ZK_CHECK(kernels_ != nullptr && kernels_().count == chips_.size());
  return kernels_().chips[chip];
}

}  // namespace zkvm::stark
