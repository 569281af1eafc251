#include "stark/witness/checker.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <random>
#include <unordered_map>

#include "stark/air/circuit.h"
#include "stark/air/row_check.h"

namespace zkvm::stark {
namespace {

/// Small elements as signed integers, so that p - 1 reads -1.
std::string show(Fp a) {
  const uint32_t value = a.value();
  if (value > Fp::kModulus - 65536) return fmt::format("-{}", Fp::kModulus - value);
  return std::to_string(value);
}

std::string show(const std::vector<Fp>& tuple) {
  std::string text;
  for (const Fp x : tuple) text += (text.empty() ? "" : ", ") + show(x);
  return "(" + text + ")";
}

std::string show_columns(const RecordedChip& chip, const RowValue* row, const char* prefix) {
  std::string text;
  for (size_t i = 0; i < chip.columns.size(); ++i)
    text +=
        fmt::format("{}{}{} = {}", i == 0 ? "" : ", ", prefix, chip.columns[i], show(row[i].value));
  return text;
}

/// Identifies a tuple on a bus. Collisions could hide a failure, but nobody aims at them here: this
/// is a tool for finding mistakes, the proof system is what keeps cheaters out.
uint64_t hash_tuple(uint16_t bus, const std::vector<Fp>& tuple) {
  uint64_t hash = 0x9e3779b97f4a7c15 ^ bus;
  for (const Fp x : tuple) {
    hash = (hash ^ x.wire) * 0xbf58476d1ce4e5b9;
    hash ^= hash >> 29;
  }
  return hash;
}

/// The challenges that late columns are checked with: any that no witness was made for.
LatePowers any_challenges() {
  std::mt19937 random(20261128);
  Fp5 drawn[kLateChallenges];
  for (Fp5& challenge : drawn)
    for (Fp& word : challenge.c) word = Fp::from(random() % Fp::kModulus);
  return {drawn[kLambda], drawn[kMu]};
}

class Checker {
 public:
  Checker(const Circuit& circuit, const Witness& witness, size_t limit)
      : circuit_(circuit), witness_(witness), limit_(limit) {}

  CheckReport run() {
    for (const Table& table : witness_.tables)
      ZK_CHECK(table.width + key(table).late_width == key(table).columns());
    air_.set_late(late_);
    run_rows();
    list_unbalanced();
    return std::move(report_);
  }

 private:
  [[nodiscard]] const ChipKey& key(const Table& table) const {
    return circuit_.key().chips[table.chip];
  }

  /// Calls visit(table index, row index, row, next row) for all rows of the witness.
  template <class Visit>
  void for_each_row(Visit visit) const {
    constexpr uint64_t kBlock = 256;
    for (size_t t = 0; t < witness_.tables.size(); ++t) {
      const Table& table = witness_.tables[t];
      const uint32_t late_width = key(table).late_width, width = table.width + late_width;
      const std::vector<Fp> late = witness_.late_columns(table, late_width, late_);
      std::vector<Fp> block((kBlock + 1) * table.width);
      std::vector<RowValue> values((kBlock + 1) * width);
      for (uint64_t first = 0; first < table.height(); first += kBlock) {
        const uint64_t count = std::min(kBlock, table.height() - first);
        table.read(first, count, block.data());
        table.read((first + count) % table.height(), 1, block.data() + count * table.width);
        for (uint64_t r = 0; r <= count; ++r) {
          std::copy_n(&block[r * table.width], table.width, &values[r * width]);
          std::copy_n(late.begin() + static_cast<ptrdiff_t>((first + r) % table.height() * late_width),
                      late_width, values.begin() + static_cast<ptrdiff_t>(r * width + table.width));
        }
        for (uint64_t r = 0; r < count; ++r)
          visit(t, first + r, values.data() + r * width, values.data() + (r + 1) * width);
      }
    }
  }

  void run_rows() {
    for_each_row([&](size_t t, uint64_t r, const RowValue* row, const RowValue* next) {
      const uint16_t chip = witness_.tables[t].chip;
      run_row(chip, row, next);
      for (const auto& broken : air_.broken) add_assert(t, r, chip, broken, row, next);
      for (const auto& entry : air_.entries)
        balance_[hash_tuple(entry.bus, entry.tuple)] += signed_multiplicity(entry);
    });
    for (const PublicInteraction& item : witness_.publics)
      balance_[hash_tuple(item.bus, tuple_of(item))] += signed_multiplicity(item);
    std::erase_if(balance_, [](const auto& entry) { return entry.second == Fp{}; });
  }

  void run_row(uint16_t chip, const RowValue* row, const RowValue* next) {
    air_.clear();
    circuit_.run_row(chip, air_, row, next);
  }

  static Fp signed_multiplicity(const RowChecker::BusEntry& entry) {
    return entry.kind == InteractionKind::kSend ? entry.multiplicity : -entry.multiplicity;
  }
  static Fp signed_multiplicity(const PublicInteraction& item) {
    const Fp multiplicity = Fp::from_wire(item.multiplicity);
    return item.sign > 0 ? multiplicity : -multiplicity;
  }
  static std::vector<Fp> tuple_of(const PublicInteraction& item) {
    std::vector<Fp> tuple;
    for (const uint32_t word : item.tuple) tuple.push_back(Fp::from_wire(word));
    return tuple;
  }

  void add_assert(size_t table, uint64_t row_index, uint16_t chip,
                  const RowChecker::BrokenAssert& broken, const RowValue* row,
                  const RowValue* next) {
    if (++report_.total > limit_) return;
    const RecordedChip& recorded = circuit_.recorded(chip);
    std::string detail = show_columns(recorded, row, "");
    if (!recorded.key.next.empty()) detail += "; " + show_columns(recorded, next, "next ");
    report_.failures.push_back({CheckFailure::Kind::kAssert, circuit_.key().chips[chip].name, table,
                                row_index, broken.label, broken.value, std::move(detail)});
  }

  // A second run over the rows, because keeping everyone's tuples of the first would take many
  // times the memory of the witness.
  void list_unbalanced() {
    if (balance_.empty()) return;
    struct Unbalanced {
      uint16_t bus = 0;
      std::vector<Fp> tuple;
      std::string parties;
      size_t listed[2] = {};  // of those who send, of those who take
    };
    std::unordered_map<uint64_t, size_t> index;
    std::vector<Unbalanced> unbalanced;
    const auto note = [&](uint16_t bus, const std::vector<Fp>& tuple, bool sends, auto describe) {
      const uint64_t hash = hash_tuple(bus, tuple);
      if (!balance_.contains(hash)) return;
      const auto [entry, is_new] = index.try_emplace(hash, unbalanced.size());
      if (is_new) unbalanced.push_back({bus, tuple, {}, {}});
      Unbalanced& item = unbalanced[entry->second];
      constexpr size_t kMaxParties = 5;
      const size_t listed = ++item.listed[sends ? 0 : 1];
      if (listed <= kMaxParties) item.parties += "\n    " + describe();
      if (listed == kMaxParties + 1)
        item.parties += sends ? "\n    ... more senders" : "\n    ... more receivers";
    };
    for_each_row([&](size_t t, uint64_t r, const RowValue* row, const RowValue* next) {
      const uint16_t chip = witness_.tables[t].chip;
      run_row(chip, row, next);
      for (const auto& entry : air_.entries)
        note(entry.bus, entry.tuple, entry.kind == InteractionKind::kSend, [&] {
          static constexpr const char* kVerbs[] = {"sends it", "receives it", "answers it"};
          return fmt::format("{} (table {}, row {}) {} {} times", circuit_.key().chips[chip].name,
                             t, r, kVerbs[static_cast<size_t>(entry.kind)],
                             show(entry.multiplicity));
        });
    });
    for (size_t i = 0; i < witness_.publics.size(); ++i) {
      const PublicInteraction& item = witness_.publics[i];
      note(item.bus, tuple_of(item), item.sign > 0, [&] {
        return fmt::format("public interaction {} {} it {} times", i,
                           item.sign > 0 ? "sends" : "receives",
                           show(Fp::from_wire(item.multiplicity)));
      });
    }
    for (const Unbalanced& item : unbalanced) {
      if (++report_.total > limit_) continue;
      report_.failures.push_back({CheckFailure::Kind::kBus,
                                  {},
                                  0,
                                  0,
                                  circuit_.bus_name(item.bus),
                                  balance_[hash_tuple(item.bus, item.tuple)],
                                  show(item.tuple) + item.parties});
    }
  }

  const Circuit& circuit_;
  const Witness& witness_;
  size_t limit_;
  const LatePowers late_ = any_challenges();
  RowChecker air_;
  std::unordered_map<uint64_t, Fp> balance_;  // sent minus taken, per tuple
  CheckReport report_;
};

}  // namespace

std::string CheckReport::to_string() const {
  std::string text;
  for (const CheckFailure& f : failures)
    if (f.kind == CheckFailure::Kind::kAssert)
      text += fmt::format("{} (table {}, row {}): \"{}\" is {}, not 0\n    {}\n", f.chip, f.table,
                          f.row, f.label, show(f.value), f.detail);
    else
      text += fmt::format("bus {}: sent minus received is {}, not 0, for {}\n", f.label,
                          show(f.value), f.detail);
  if (total > failures.size()) text += fmt::format("... and {} more\n", total - failures.size());
  return text;
}

CheckReport check_witness(const Circuit& circuit, const Witness& witness, size_t limit) {
  return Checker(circuit, witness, limit).run();
}

}  // namespace zkvm::stark
