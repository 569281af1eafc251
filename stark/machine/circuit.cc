#include "stark/machine/circuit.h"

#include <fmt/format.h>
#include <zk/check.h>

#include "stark/machine/chip_list.h"

namespace zkvm::stark::machine {
namespace {

const char* chip_for(const BankUse& use) {
  if (use.from_image)
    return use.kept ? chips::RamBank<true, true>::kName : chips::RamBank<true, false>::kName;
  return use.kept ? chips::RamBank<false, true>::kName : chips::RamBank<false, false>::kName;
}

void add_bank(CircuitOptions& options, const Image& image, const BankUse& use) {
  const bool of_machine = use.bank == kMachineBank;
  const std::string fixed = of_machine ? kImageSlot : bank_slot(use.bank);
  if (!of_machine) options.slots.push_back({fixed, Slot::Kind::kFixed});
  if (!use.from_image) options.slots.push_back({bank_in_slot(use.bank), Slot::Kind::kShared});
  if (use.kept) options.slots.push_back({bank_out_slot(use.bank), Slot::Kind::kShared});
  options.instances.push_back({chip_for(use),
                               bank_chip(use.bank),
                               {{"bank", fixed},
                                {"bank in", bank_in_slot(use.bank)},
                                {"bank out", bank_out_slot(use.bank)}},
                               of_machine ? kMinLogFixed : image.log_bank});
}

}  // namespace

std::string bank_slot(uint16_t bank) { return fmt::format("bank {}", bank); }
std::string bank_in_slot(uint16_t bank) { return fmt::format("bank {} in", bank); }
std::string bank_out_slot(uint16_t bank) { return fmt::format("bank {} out", bank); }
std::string constants_chip(size_t index) { return fmt::format("constants {}", index); }
std::string bank_chip(uint16_t bank) { return fmt::format("bank {}", bank); }

Result<void> check_bank_uses(const Image& image, std::span<const BankUse> uses) {
  if (uses.empty() || uses[0].bank != kMachineBank)
    return fail(ErrorCode::kStatement, "bank uses: the machine bank is missing");
  for (size_t i = 0; i < uses.size(); ++i) {
    if (uses[i].bank > image.banks.size())
      return fail(ErrorCode::kStatement,
                  fmt::format("bank use {}: expected a bank of 0..{}, found {}", i,
                              image.banks.size(), uses[i].bank));
    if (i > 0 && uses[i].bank <= uses[i - 1].bank)
      return fail(ErrorCode::kStatement, fmt::format("bank use {}: banks are not ascending", i));
  }
  return {};
}

// SOUNDNESS: tree and column of every fixed column must not depend on the uses, or a root would
// mean other columns in other segments. `image` holds the same chips in the same order for every
// use (the machine bank follows the constants, whatever its variant), and each bank of RAM has a
// slot of its own.
Result<Circuit> machine_circuit(const Image& image, std::span<const BankUse> uses,
                                const AssertKernels& (*kernels)()) {
  if (auto ok = check_bank_uses(image, uses); !ok) return tl::unexpected<Error>(ok.error());
  CircuitOptions options;
  options.kernels = kernels;
  options.slots = {{kImageSlot, Slot::Kind::kFixed}};
  options.log_heights = {{chips::ByteTable::kName, chips::ByteTable::kLogHeight},
                         {chips::ShiftTable::kName, chips::ShiftTable::kLogHeight},
                         {chips::Refresh::kName, chips::Refresh::kLogHeight},
                         {chips::ProgramTable::kName, image.log_program}};
  options.templates = {chips::ConstantBank::kName, chips::RamBank<true, false>::kName,
                       chips::RamBank<true, true>::kName, chips::RamBank<false, false>::kName,
                       chips::RamBank<false, true>::kName};
  for (size_t i = 0; i < image.log_constants.size(); ++i)
    options.instances.push_back(
        {chips::ConstantBank::kName, constants_chip(i), {}, image.log_constants[i]});
  for (const BankUse& use : uses) add_bank(options, image, use);

  auto circuit = Circuit::make(MachineChips{}, options);
  if (!circuit) return circuit;
  circuit->set_fixed_root(circuit->slot(kImageSlot), image.root, image.log_blowup);
  for (const BankUse& use : uses.subspan(1))
    circuit->set_fixed_root(circuit->slot(bank_slot(use.bank)), image.banks[use.bank - 1u].root,
                            image.log_blowup);
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
                            std::span<const BankUse> uses, std::span<const BankRoots> roots) {
  ZK_CHECK(uses.size() == roots.size());
  Statement out;
  out.publics = segment_publics(claim);
  for (size_t i = 0; i < uses.size(); ++i) {  // in the order of the slots
    if (!uses[i].from_image)
      out.shared.push_back({circuit.slot(bank_in_slot(uses[i].bank)), roots[i].in});
    if (uses[i].kept)
      out.shared.push_back({circuit.slot(bank_out_slot(uses[i].bank)), roots[i].out});
  }
  return out;
}

}  // namespace zkvm::stark::machine
