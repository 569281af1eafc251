#include "stark/session/rows/segment_witness.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <array>
#include <bit>
#include <iterator>
#include <memory>
#include <numeric>
#include <unordered_map>

#include "stark/chips/hash/xor_table.h"
#include "stark/chips/memory/bank.h"
#include "stark/chips/memory/boundary.h"
#include "stark/chips/memory/refresh.h"
#include "stark/chips/tables/byte_table.h"
#include "stark/chips/tables/program_table.h"
#include "stark/chips/tables/shift_table.h"
#include "stark/session/rows/chip_rows.h"
#include "stark/session/rows/layer_rows.h"
#include "stark/session/rows/lookup_counts.h"
#include "stark/session/rows/table_heights.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;

static_assert(Refresh::kTicks == vm::kRefreshTicks && Refresh::kWords == vm::kMachineWords);
static_assert(kJournalWord == vm::kJournalPosition && kPcWord == vm::kMachineWords);

constexpr uint64_t kCountBlock = 1024;  // rows that are filled at a time to count their look-ups

/// What the machine words are at a segment's ends, and when they were last accessed.
std::array<BankWord, kMachineWords> machine_words(const vm::Segment& segment, uint32_t end_pc) {
  std::array<BankWord, kMachineWords> words;
  for (uint32_t i = 0; i < vm::kMachineWords; ++i)
    words[i] = {0, segment.initial.words[i], segment.final.words[i], segment.times[i]};
  words[kPcWord] = {0, segment.initial.pc, end_pc, Boundary::kEndTime};
  return words;
}

uint32_t end_pc(const vm::Segment& segment) {
  return segment.end == vm::SegmentEnd::kExit ? kHaltPc : segment.final.pc;
}

/// The pages of a segment by their first word, for whoever fills banks.
class Pages {
 public:
  explicit Pages(const vm::Segment& segment) {
    for (const vm::Page& page : segment.pages) pages_.emplace(page.first_word, &page);
  }
  /// The page of this word, or null.
  [[nodiscard]] const vm::Page* find(uint32_t word) const {
    const auto found = pages_.find(word & ~(vm::kGranuleWords - 1));
    return found == pages_.end() ? nullptr : found->second;
  }

 private:
  std::unordered_map<uint32_t, const vm::Page*> pages_;
};

/// Calls visit(row) for the declared rows of [first, first + count).
template <class Visit>
void for_declared(const BankLayout& bank, uint64_t first, uint64_t count, Visit visit) {
  for (const RowRun& run : bank.declared) {
    const uint64_t from = std::max<uint64_t>(first, run.row);
    const uint64_t to = std::min<uint64_t>(first + count, uint64_t{run.row} + run.count);
    for (uint64_t row = from; row < to; ++row) visit(static_cast<uint32_t>(row));
  }
}

/// Makes the tables of one segment.
class Tables {
 public:
  Tables(const MachineProgram& program, const Circuit& circuit, const BankWords& memory,
         const vm::Segment& segment)
      : image_(program.image),
        circuit_(circuit),
        memory_(memory),
        segment_(segment),
        pages_(std::make_shared<Pages>(segment)) {}

  void add_chips(std::vector<ChipRows> chips, const ChipHeights& heights, const WideForms& forms);
  void add_fixed_tables();
  void add_bank(const BankUse& use);
  Witness take() && {
    witness_.sort();
    return std::move(witness_);
  }

 private:
  template <ChipDefinition Chip>
  using Row = typename Chip::template Cols<Fp>;
  /// fill(first, count, rows) fills rows [first, first + count), which are zero.
  template <ChipDefinition Chip, class FillRows>
  void add_table(const std::string& name, uint8_t log_height, const FillRows& fill) {
    const auto produce = [fill](uint64_t first, uint64_t count, Fp* out) {
      auto* rows = reinterpret_cast<Row<Chip>*>(out);
      std::fill_n(out, count * kWidth<Chip>, Fp{});
      fill(first, count, rows);
    };
    witness_.tables.push_back(
        {circuit_.chip(name), log_height, static_cast<uint32_t>(kWidth<Chip>), {}, produce});
  }
  /// The same, row by row: fill(index, row) for all below `rows`.
  template <ChipDefinition Chip, class FillRow>
  void add_rows(const std::string& name, uint8_t log_height, uint64_t rows, const FillRow& fill) {
    add_table<Chip>(name, log_height, [fill, rows](uint64_t first, uint64_t count, Row<Chip>* out) {
      for (uint64_t i = first; i < std::min(first + count, rows); ++i)
        fill(static_cast<uint32_t>(i), *out++);
    });
  }
  void add_xor_table();
  void add_constants(uint16_t bank);
  template <bool kFromImage, bool kKept>
  void add_ram(uint16_t bank);
  /// fill(row of the table, row of the bank, place, initial word of the image) for declared rows.
  template <ChipDefinition Chip, class FillRow>
  void add_bank_table(uint16_t bank, FillRow fill);
  void count_lookups(std::span<const ChipRows> chips);
  void count_refreshes();

  const ProgramImage& image_;
  const Circuit& circuit_;
  const BankWords& memory_;
  const vm::Segment& segment_;
  std::shared_ptr<const Pages> pages_;
  std::shared_ptr<LookupCounts> counts_;
  Witness witness_;
};

void Tables::count_lookups(std::span<const ChipRows> chips) {
  const LookupCounts none(image_.program().empty() ? 0 : image_.program()[0].pc,
                          image_.program().size());
  tbb::enumerable_thread_specific<LookupCounts> counts(none);
  for (const ChipRows& chip : chips) {
    tbb::parallel_for(tbb::blocked_range<uint64_t>(0, chip.rows, kCountBlock),
                      [&](const auto& range) {
                        std::vector<Fp> rows(kCountBlock * chip.width);
                        for (uint64_t i = range.begin(); i < range.end(); i += kCountBlock) {
                          const uint64_t count = std::min(kCountBlock, range.end() - i);
                          chip.fill(i, count, rows.data());
                          chip.count_lookups(rows.data(), count, counts.local());
                        }
                      });
  }
  counts_ = std::make_shared<LookupCounts>(none);
  for (const LookupCounts& part : counts) *counts_ += part;
  count_refreshes();
}

void Tables::count_refreshes() {
  const auto refreshes = segment_.refreshes.rows<vm::RefreshRow>();
  for (uint32_t i = 0; i < refreshes.size(); ++i) {
    Row<Refresh> row;
    Refresh::fill(row, i, refreshes[i].word);
    machine::count_lookups<Refresh>(reinterpret_cast<const Fp*>(&row), 1, *counts_);
  }
}

void Tables::add_chips(std::vector<ChipRows> list, const ChipHeights& heights,
                       const WideForms& forms) {
  std::vector<ChipRows> counted = list;
  if (calls_layers(segment_)) {
    const LayerRows layers(image_.layers(), segment_, forms);
    std::ranges::move(layers.chip_rows(), std::back_inserter(counted));
    std::ranges::move(layers.tables(circuit_, heights), std::back_inserter(witness_.tables));
  }
  count_lookups(counted);
  const auto chips = std::make_shared<const std::vector<ChipRows>>(std::move(list));
  for (const ChipRows& chip : *chips) {
    uint64_t start = 0;  // row of the chip that is the table's first
    for (const uint8_t log : heights.at(chip.chip)) {
      const auto produce = [chips, &chip, start](uint64_t first, uint64_t count, Fp* out) {
        const uint64_t from = std::min(start + first, chip.rows);
        const uint64_t filled = std::min(count, chip.rows - from);
        chip.fill(from, filled, out);
        std::fill(out + filled * chip.width, out + count * chip.width, Fp{});
      };
      witness_.tables.push_back({circuit_.chip(chip.chip), log, chip.width, {}, produce});
      start += uint64_t{1} << log;
    }
    ZK_CHECK(start >= chip.rows);
  }
  add_rows<Boundary>(Boundary::kName, heights.at(Boundary::kName).front(), 1,
                     [&segment = segment_](uint32_t, auto& row) {
                       Boundary::fill(row, segment.initial.pc, segment.clk, end_pc(segment));
                     });
}

void Tables::add_fixed_tables() {
  const auto counts = counts_;
  const auto counts_of = [counts](uint32_t value) -> ByteTable::Counts {
    const uint32_t range14 = value < counts->range14.size() ? counts->range14[value] : 0;
    return {counts->range16[value], range14, counts->bytes[value], counts->and8[value]};
  };
  add_rows<ByteTable>(ByteTable::kName, ByteTable::kLogHeight, uint64_t{1} << ByteTable::kLogHeight,
                      [counts_of](uint32_t i, auto& row) { ByteTable::fill(row, i, counts_of); });
  add_rows<ShiftTable>(ShiftTable::kName, ShiftTable::kLogHeight,
                       uint64_t{1} << ShiftTable::kLogHeight, [counts](uint32_t i, auto& row) {
                         ShiftTable::fill(row, i, i < ShiftTable::kKeys ? counts->shift[i] : 0);
                       });
  add_rows<Refresh>(Refresh::kName, Refresh::kLogHeight, uint64_t{1} << Refresh::kLogHeight,
                    [rows = segment_.refreshes.rows<vm::RefreshRow>()](uint32_t i, auto& row) {
                      if (i < rows.size())
                        Refresh::fill(row, i, rows[i].word);
                      else
                        Refresh::fill_padding(row, i);
                    });
  add_rows<ProgramTable>(ProgramTable::kName, image_.image().log_program, image_.program().size(),
                         [counts, rows = image_.program()](uint32_t i, auto& row) {
                           ProgramTable::fill(row, rows[i], counts->program[i]);
                         });
}

template <ChipDefinition Chip, class FillRow>
void Tables::add_bank_table(uint16_t bank, FillRow fill) {
  const BankLayout& layout = image_.bank(bank);
  add_table<Chip>(bank_chip(bank), kLogBank,
                  [&layout, bank, fill](uint64_t first, uint64_t count, Row<Chip>* rows) {
                    for_declared(layout, first, count, [&](uint32_t row) {
                      fill(rows[row - first], row, ProgramImage::place_of(bank, row),
                           layout.initial_word(row));
                    });
                  });
}

void Tables::add_constants(uint16_t bank) {
  const uint32_t first_word = image_.banks()[bank].base - kReadOnlyBase;
  add_bank_table<ConstantBank>(
      bank, [first_word, pages = pages_](auto& out, uint32_t row, uint32_t place, uint32_t word) {
        const vm::Page* page = pages->find(first_word + row);
        const uint32_t time = page == nullptr ? 0 : page->time[row % vm::kGranuleWords];
        ConstantBank::fill(out, place, word, time);
      });
}

template <bool kFromImage, bool kKept>
void Tables::add_ram(uint16_t bank) {
  using Chip = RamBank<kFromImage, kKept>;
  if (bank == kMachineBank) {
    const auto words = machine_words(segment_, end_pc(segment_));
    add_bank_table<Chip>(bank, [words](auto& out, uint32_t row, uint32_t place, uint32_t word) {
      BankWord of_row = words[row];
      of_row.image = word;
      Chip::fill(out, place, of_row);
    });
    return;
  }
  const uint32_t first_word = image_.banks()[bank].base;
  add_bank_table<Chip>(bank, [first_word, pages = pages_, words = memory_.of(bank)](
                                 auto& out, uint32_t row, uint32_t place, uint32_t word) {
    BankWord of_row{word, words[row], words[row], 0};
    if (const vm::Page* page = pages->find(first_word + row)) {
      const uint32_t in_page = row % vm::kGranuleWords;
      of_row = {word, page->initial[in_page], page->final[in_page], page->time[in_page]};
    }
    Chip::fill(out, place, of_row);
  });
}

void Tables::add_xor_table() {
  add_rows<XorTable>(XorTable::kName, XorTable::kLogHeight, uint64_t{1} << XorTable::kLogHeight,
                     [counts = counts_](uint32_t i, auto& row) {
                       XorTable::fill(row, i, [&](uint32_t value) { return counts->xor8[value]; });
                     });
}

void Tables::add_bank(const BankUse& use) {
  if (use.bank == kBlake3Bank) return add_xor_table();
  if (use.bank == kSha256Bank) return;  // no table of its own
  if (is_layers_bank(use.bank)) return;  // add_chips has them
  if (use.constant) return add_constants(use.bank);
  if (!use.before)
    use.after ? add_ram<true, true>(use.bank) : add_ram<true, false>(use.bank);
  else
    use.after ? add_ram<false, true>(use.bank) : add_ram<false, false>(use.bank);
}

}  // namespace

RowCounts count_rows(const ProgramImage& image, const vm::Survey& survey, const LayerJobs& jobs) {
  RowCounts rows = row_counts(image.program(), image.layers(), survey);
  rows[Boundary::kName] = 1;
  add_jobs(rows, jobs);
  return rows;
}

void add_jobs(RowCounts& rows, const LayerJobs& jobs) {
  for (const auto& [chip, list] : jobs)
    rows[chip] = std::accumulate(list.begin(), list.end(), uint64_t{0});
}

ChipHeights chip_heights(const Circuit& circuit, const RowCounts& rows, HeightSearch& search,
                         const LayerJobs& jobs) {
  const ProofTarget& target = search.target();
  std::vector<uint8_t> present;
  // At rate 1/2 a table of 2^12 rows with next columns costs half as many queries again: no first one.
  uint8_t least = kMinLogHeight + 1;
  for (const ChipKey& chip : circuit.key().chips) {
    if (chip.log_height == kFreeHeight) continue;
    present.push_back(chip.log_height);
    if (!chip.next.empty()) least = std::min(least, chip.log_height);
  }
  if (target.log_blowup > 1) least = kMinLogHeight;
  HeightSet of_jobs = heights_from(least);
  // Of 2^9 rows or more, so that every height may be there beside it: each sends blinds to the lowest.
  if (const uint8_t low = short_height(*std::ranges::max_element(present), target))
    of_jobs |= HeightSet{1} << std::max(low, kMinLogJobs);
  ChipHeights heights;
  std::vector<RowsToPlace> chips;
  for (const auto& [name, count] : rows) {
    const ChipKey& chip = circuit.key().chips[circuit.chip(name)];
    if (chip.next.empty()) {
      chips.push_back({count, committed_columns(chip)});
      continue;
    }
    heights[name] = heights_for_jobs(jobs.at(name), of_jobs);
    present.insert(present.end(), heights[name].begin(), heights[name].end());
  }
  std::vector<std::vector<uint8_t>> chosen = search.choose(chips, present);
  size_t index = 0;
  for (const auto& [name, count] : rows)
    if (!heights.contains(name)) heights[name] = std::move(chosen[index++]);
  return heights;
}

std::vector<TableSpec> place_tables(const Circuit& circuit, const ChipHeights& heights) {
  Witness tables;  // without rows: only to be sorted
  for (const auto& [name, logs] : heights)
    for (const uint8_t log : logs) tables.tables.push_back({circuit.chip(name), log, 0, {}, {}});
  const auto& chips = circuit.key().chips;
  for (size_t chip = 0; chip < chips.size(); ++chip)
    if (chips[chip].log_height != kFreeHeight)
      tables.tables.push_back({static_cast<uint16_t>(chip), chips[chip].log_height, 0, {}, {}});
  tables.sort();
  return tables.specs();
}

Witness segment_witness(const MachineProgram& program, const Circuit& circuit,
                        std::span<const BankUse> uses, const BankWords& memory,
                        const vm::Segment& segment, const ChipHeights& heights,
                        const WideForms& forms, std::vector<PublicInteraction> publics) {
  Tables tables(program, circuit, memory, segment);
  tables.add_chips(
      chip_rows(program.program, program.image.program(), program.image.layers(), segment), heights,
      forms);
  tables.add_fixed_tables();
  for (const BankUse& use : uses) tables.add_bank(use);
  Witness witness = std::move(tables).take();
  witness.publics = std::move(publics);
  return witness;
}

Witness bank_witness(const MachineProgram& program, const Circuit& circuit,
                     std::span<const BankUse> uses, const BankWords& memory,
                     const vm::Segment& segment) {
  Tables tables(program, circuit, memory, segment);
  for (const BankUse& use : uses) tables.add_bank(use);
  return std::move(tables).take();
}

}  // namespace zkvm::stark::machine
