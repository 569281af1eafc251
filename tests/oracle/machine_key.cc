// Prints the machine's key: all chips of stark/machine/chip_list.h as one verifying key
// (stark/doc/format.md, "The machine's key"). For verifiers that have the documents but not the
// chips' code: tests/oracle/receipt.py.
//
//     zkvm_machine_key > FILE
#include <fmt/format.h>
#include <zk/check.h>

#include <cstdio>

#include "stark/air/circuit.h"
#include "stark/machine/chip_list.h"
#include "stark/machine/circuit.h"
#include "stark/machine/image.h"

namespace zkvm::stark::machine {
namespace {

Result<Circuit> all_chips() {
  CircuitOptions options;
  options.slots = {{"image", Slot::Kind::kFixed},     {"rows", Slot::Kind::kFixed},
                   {"bank", Slot::Kind::kFixed},      {"bank in", Slot::Kind::kShared},
                   {"bank out", Slot::Kind::kShared}, {"layers", Slot::Kind::kFixed}};
  options.log_heights = {{chips::ByteTable::kName, chips::ByteTable::kLogHeight},
                         {chips::ShiftTable::kName, chips::ShiftTable::kLogHeight},
                         {chips::Refresh::kName, chips::Refresh::kLogHeight},
                         {chips::XorTable::kName, chips::XorTable::kLogHeight}};
  for (const char* image_decides :
       {chips::ProgramTable::kName, chips::ConstantBank::kName, chips::RamBank<true, false>::kName,
        chips::RamBank<true, true>::kName, chips::RamBank<false, false>::kName,
        chips::RamBank<false, true>::kName})
    options.log_heights[image_decides] = kMinLogFixed;
  for (size_t table = 0; table < kLayerTables; ++table)
    options.log_heights[layer_chip(static_cast<LayerTable>(table))] = kMinLogFixed;
  return Circuit::make(MachineChips{}, options);
}

}  // namespace
}  // namespace zkvm::stark::machine

int main() {
  const auto circuit = zkvm::stark::machine::all_chips();
  if (!circuit) {
    fmt::print(stderr, "{}\n", circuit.error().message);
    return 1;
  }
  const std::vector<uint8_t> bytes = circuit->key().serialise();
  ZK_CHECK(std::fwrite(bytes.data(), 1, bytes.size(), stdout) == bytes.size());
  return 0;
}
