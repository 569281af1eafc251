#include "stark/session/rows/bank_words.h"

#include <algorithm>
#include <cstring>
#include <set>

#include "stark/chips/buses.h"

namespace zkvm::stark::machine {

bool calls_layers(const vm::Segment& segment) {
  return segment.layer_calls && segment.layer_calls.size() != 0;
}

bool calls_hash(const vm::Segment& segment, vm::Hash hash) {
  return segment.hashes[static_cast<size_t>(hash)].blocks != 0;
}

// A page may hold words of RAM and constants.
std::vector<BankUse> touched_banks(const ProgramImage& image, const vm::Segment& segment) {
  std::set<BankUse> uses = {{kMachineBank}};
  for (const vm::Page& page : segment.pages) {
    for (const bool constant : {false, true}) {
      const uint32_t place = page.first_word + (constant ? chips::kReadOnlyBase : 0);
      const uint16_t bank = image.banks().find(place);
      if (bank == 0 || uses.contains({bank, constant})) continue;
      const uint32_t row = place - image.banks()[bank].base;
      for (uint32_t i = 0; i < page.time.size(); ++i)
        if (page.time[i] != 0 && image.bank(bank).is_declared(row + i)) {
          uses.insert({bank, constant});
          break;
        }
    }
  }
  if (calls_layers(segment))
    for (const vm::LayerRow& row : segment.layer_calls.rows<vm::LayerRow>())
      uses.insert({layers_bank(image.layers().group_of(row.layer)), true});
  for (size_t hash = 0; hash < vm::kHashes; ++hash)
    if (calls_hash(segment, static_cast<vm::Hash>(hash))) uses.insert({hash_bank(hash), true});
  return {uses.begin(), uses.end()};
}

void BankWords::read(uint16_t bank, std::span<const uint8_t> guest_memory) {
  if (bank == kMachineBank) return;
  std::vector<uint32_t>& words = words_[bank];
  words.resize(kBankWords);
  const size_t first = size_t{image_.banks()[bank].base} * 4;
  const size_t bytes = std::min(guest_memory.size() - std::min(guest_memory.size(), first),
                                words.size() * sizeof(words[0]));
  std::memcpy(words.data(), guest_memory.data() + first, bytes);
}

void BankWords::open(std::span<const BankUse> uses) {
  for (const BankUse& use : uses) {
    if (use.bank == kMachineBank || use.constant || use.before) continue;
    std::vector<uint32_t>& words = words_[use.bank] = image_.bank(use.bank).initial;
    words.resize(kBankWords);
  }
}

void BankWords::close(std::span<const BankUse> uses, const vm::Segment& segment) {
  for (const vm::Page& page : segment.pages) {
    const uint16_t bank = image_.banks().find(page.first_word);
    const auto words = words_.find(bank);
    if (words == words_.end()) continue;
    const uint32_t row = page.first_word - image_.banks()[bank].base;
    std::ranges::copy(page.final, words->second.begin() + row);
  }
  for (const BankUse& use : uses)
    if (!use.after) words_.erase(use.bank);
}

}  // namespace zkvm::stark::machine
