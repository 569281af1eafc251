#include "stark/session/rows/bank_words.h"

#include <algorithm>
#include <set>

namespace zkvm::stark::machine {

namespace {

bool is_declared(const BankLayout& bank, uint32_t row) {
  return std::ranges::any_of(bank.runs,
                             [&](const WordRun& run) { return row - run.row < run.count; });
}

}  // namespace

// A page may hold read-only words too, which are in no bank of RAM.
std::vector<uint16_t> touched_banks(const ProgramImage& image, const vm::Segment& segment) {
  std::set<uint16_t> banks = {kMachineBank};
  for (const vm::Page& page : segment.pages) {
    const uint16_t bank = image.bank_of(page.first_word);
    if (bank == 0 || banks.contains(bank)) continue;
    const uint32_t row = page.first_word - image.image().banks[bank - 1u].base;
    for (uint32_t i = 0; i < page.time.size(); ++i)
      if (page.time[i] != 0 && is_declared(image.bank(bank), row + i)) banks.insert(bank);
  }
  return {banks.begin(), banks.end()};
}

void BankWords::open(std::span<const BankUse> uses) {
  for (const BankUse& use : uses) {
    if (use.bank == kMachineBank || !use.from_image) continue;
    const BankLayout& layout = image_.bank(use.bank);
    std::vector<uint32_t>& words = words_[use.bank] = layout.initial;
    words.resize(size_t{1} << layout.log_height);
  }
}

void BankWords::close(std::span<const BankUse> uses, const vm::Segment& segment) {
  for (const vm::Page& page : segment.pages) {
    const uint16_t bank = image_.bank_of(page.first_word);
    const auto words = words_.find(bank);
    if (words == words_.end()) continue;
    const uint32_t row = page.first_word - image_.image().banks[bank - 1u].base;
    std::ranges::copy(page.final, words->second.begin() + row);
  }
  for (const BankUse& use : uses)
    if (!use.kept) words_.erase(use.bank);
}

}  // namespace zkvm::stark::machine
