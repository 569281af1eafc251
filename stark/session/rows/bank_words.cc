#include "stark/session/rows/bank_words.h"

#include <zk/check.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "stark/chips/buses.h"

namespace zkvm::stark::machine {

bool calls_layers(const vm::Segment& segment) {
  return segment.layer_calls && segment.layer_calls.size() != 0;
}

std::vector<BankUse> touched_banks(const ProgramImage& image, const vm::Survey& survey) {
  std::set<BankUse> uses = {{kMachineBank}};
  const auto add = [&](std::span<const uint32_t> granules, bool constant) {
    for (const uint32_t granule : granules) {
      const uint32_t word = granule * vm::kGranuleWords;
      const uint16_t bank = image.banks().find(word + (constant ? chips::kReadOnlyBase : 0));
      ZK_CHECK(bank != 0);
      uses.insert({bank, constant});
    }
  };
  add(survey.writable, false);
  add(survey.constant, true);
  for (const uint32_t layer : survey.layer_calls)
    uses.insert({layers_bank(image.layers().group_of(layer)), true});
  for (size_t hash = 0; hash < vm::kHashes; ++hash)
    if (survey.hashes[hash].blocks != 0) uses.insert({hash_bank(hash), true});
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

void take_over(const ProgramImage& image, const vm::Segment& segment,
               std::map<uint16_t, std::vector<uint32_t>>& words) {
  for (const vm::Page& page : segment.pages) {
    const uint16_t bank = image.banks().find(page.first_word);
    const auto found = words.find(bank);
    if (found == words.end()) continue;
    const uint32_t row = page.first_word - image.banks()[bank].base;
    std::ranges::copy(page.final, found->second.begin() + row);
  }
}

void BankWords::close(std::span<const BankUse> uses, const vm::Segment& segment) {
  take_over(image_, segment, words_);
  for (const BankUse& use : uses)
    if (!use.after) words_.erase(use.bank);
}

}  // namespace zkvm::stark::machine
