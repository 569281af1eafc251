// The witness of a segment, to be changed cell by cell, with all that an attacker puts right
// afterwards: multiplicities of look-up tables, and final values of
// banks where the last access leaves something else.
//
// The honest witness satisfies all asserts and balances all buses (witness_test.cc), so a changed
// one passes if and only if every changed row satisfies its asserts and the changes of bus traffic
// cancel out, look-ups that have an answer left out. That is exact, and fast enough for thousands
// of changes; hazards_test.cc compares it with the checker and the verifier.
//
// Late columns are made anew from the changed cells, as an attacker's would be, under challenges that
// the forger did not foresee; those that set() changes stay as they were set.
#pragma once

#include <fmt/format.h>
#include <zk/check.h>

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "stark/air/row_check.h"
#include "stark/chips/hash/xor_table.h"
#include "stark/chips/layer/bias.h"
#include "stark/chips/layer/layer_tables.h"
#include "stark/chips/layer/product.h"
#include "stark/chips/layer/read.h"
#include "stark/chips/memory/bank.h"
#include "stark/chips/tables/byte_table.h"
#include "stark/chips/tables/program_table.h"
#include "stark/chips/tables/shift_table.h"
#include "stark/machine/circuit.h"
#include "stark/witness/checker.h"
#include "tests/stark/chips/row_oracle.h"

namespace zkvm::stark::machine::evil {

/// A row of the witness: table and row in it.
struct Place {
  size_t table;
  uint64_t row;
  auto operator<=>(const Place&) const = default;
};

class Forgery {
 public:
  /// Holds all cells of the witness. REQUIRES: circuit outlives this.
  Forgery(const Circuit& circuit, Witness witness)
      : circuit_(circuit), witness_(std::move(witness)) {
    for (Table& table : witness_.tables) {
      if (!table.cells.empty()) continue;
      std::vector<Fp> cells(table.height() * table.width);
      table.read(0, table.height(), cells.data());
      table.cells = std::move(cells);
      table.produce = nullptr;
    }
    late_ = make_late();
    honest_late_ = late_;
    for (size_t t = 0; t < witness_.tables.size(); ++t)
      if (name(t) == chips::ProgramTable::kName) program_ = t;
  }

  [[nodiscard]] const Witness& witness() const { return witness_; }
  [[nodiscard]] const std::string& name(size_t table) const {
    return circuit_.key().chips[witness_.tables[table].chip].name;
  }
  [[nodiscard]] const RecordedChip& chip(size_t table) const {
    return circuit_.recorded(witness_.tables[table].chip);
  }
  /// Index of a column by name; `table` is of the chip that has it.
  [[nodiscard]] uint32_t column(size_t table, std::string_view wanted) const {
    const auto& names = chip(table).columns;
    for (uint32_t i = 0; i < names.size(); ++i)
      if (names[i] == wanted) return i;
    ZK_CHECK(false && "no such column");
    return 0;
  }
  [[nodiscard]] bool has_column(size_t table, std::string_view wanted) const {
    return std::ranges::find(chip(table).columns, wanted) != chip(table).columns.end();
  }
  /// Columns before this one lie in slots: the image or another segment pins them.
  [[nodiscard]] uint32_t first_main(size_t table) const { return chip(table).key.slot_width(); }
  /// The first table of a chip. REQUIRES: there is one.
  [[nodiscard]] size_t table(std::string_view chip_name) const {
    for (size_t t = 0; t < witness_.tables.size(); ++t)
      if (name(t) == chip_name) return t;
    ZK_CHECK(false && "no table of this chip");
    return 0;
  }
  [[nodiscard]] bool has(std::string_view chip_name) const {
    for (size_t t = 0; t < witness_.tables.size(); ++t)
      if (name(t) == chip_name) return true;
    return false;
  }
  [[nodiscard]] Fp get(Place at, uint32_t col) const {
    const Table& table = witness_.tables[at.table];
    if (col >= table.width)
      return late_[at.table][at.row * late_width(at.table) + col - table.width];
    return table.cells[at.row * table.width + col];
  }
  [[nodiscard]] Fp get(Place at, std::string_view col) const {
    return get(at, column(at.table, col));
  }

  /// Whether the row has nothing on any bus.
  [[nodiscard]] bool is_silent(Place at) const { return run(at).entries.empty(); }

  void set(Place at, uint32_t col, Fp value) {
    Table& table = witness_.tables[at.table];
    if (col >= table.width) {
      late_set_[{at, col}] = value;
      return;
    }
    Fp& cell = table.cells[at.row * table.width + col];
    undo_.emplace_back(&cell, cell);
    count(at, -1);
    cell = value;
    count(at, +1);
    change(at);
  }
  void set(Place at, std::string_view col, Fp value) { set(at, column(at.table, col), value); }

  /// Puts the banks' final values right where an access left something else than before.
  void repair_banks() {
    std::map<uint32_t, std::vector<Fp>> left;   // by place: what nobody takes
    std::map<uint32_t, std::vector<Fp>> taken;  // what a bank takes and nobody leaves
    for (const auto& [key, count] : traffic_) {
      if (key.first != chips::kMemory.id || count == Fp::zero()) continue;
      (count == Fp::one() ? left : taken)[key.second[0]] = words(key.second);
    }
    for (size_t t = 0; t < witness_.tables.size(); ++t) {
      if (!name(t).starts_with("bank ") || !has_column(t, "final[0]")) continue;
      for (uint64_t r = 0; r < witness_.tables[t].height(); ++r) {
        const Place at{t, r};
        const uint32_t place = (get(at, "place") + circuit_.base(witness_.tables[t].chip)).value();
        const auto found = left.find(place);
        if (get(at, "declared") == Fp::zero() || found == left.end()) continue;
        const auto& tuple = found->second;
        const uint32_t final = column(t, "final[0]"), time = column(t, "time");
        const auto old = taken.find(place);
        if (old == taken.end() || get(at, final) != old->second[1] ||
            get(at, final + 1) != old->second[2] || get(at, time) != old->second[3])
          continue;
        set(at, final, tuple[1]);
        set(at, final + 1, tuple[2]);
        set(at, time, tuple[3]);
      }
    }
  }

  /// Empty if the forged witness satisfies the circuit; else the first thing that is wrong.
  [[nodiscard]] std::string caught() {
    follow_late();
    for (const Place at : changed_) {
      const RowChecker air = run(at);
      if (!air.broken.empty()) return name(at.table) + ": " + air.broken[0].label;
    }
    for (const auto& [key, count] : traffic_) {
      if (count == Fp::zero()) continue;
      if (is_answered(key.first, key.second)) continue;
      return "bus " + circuit_.bus_name(key.first);
    }
    return "";
  }

  /// All that is wrong with it: labels of asserts, "bus .." of those out of balance.
  [[nodiscard]] std::set<std::string> complaints() {
    follow_late();
    std::set<std::string> out;
    for (const Place at : changed_)
      for (const auto& broken : run(at).broken) out.insert(name(at.table) + ": " + broken.label);
    for (const auto& [key, count] : traffic_)
      if (count != Fp::zero() && !is_answered(key.first, key.second))
        out.insert("bus " + circuit_.bus_name(key.first));
    return out;
  }

  /// The witness with multiplicities put right, to be checked or proven as a whole.
  [[nodiscard]] Witness finished() const {
    Witness out = witness_;
    for (size_t t = 0; t < out.tables.size(); ++t) {
      if (late_width(t) == 0) continue;
      out.tables[t].make_late = [made = out.tables[t].make_late, set = late_set_, t,
                                 main = out.tables[t].width,
                                 width = late_width(t)](const Witness& witness, const Table& table,
                                                        const LatePowers& late, Fp* rows) {
        made(witness, table, late, rows);
        for (const auto& [cell, value] : set)
          if (cell.first.table == t) rows[cell.first.row * width + cell.second - main] = value;
      };
    }
    for (const auto& [key, count] : traffic_)
      if (count != Fp::zero() && is_answered(key.first, key.second))
        answer(out, key.first, key.second, count);
    return out;
  }

  /// Back to the honest witness.
  void reset() {
    for (; !undo_.empty(); undo_.pop_back()) *undo_.back().first = undo_.back().second;
    traffic_.clear();
    changed_.clear();
    late_set_.clear();
    for (const size_t t : late_changed_) late_[t] = honest_late_[t];
    late_changed_.clear();
  }

 private:
  using Key = std::pair<uint16_t, std::vector<uint32_t>>;  // bus, tuple (as integers)

  static std::vector<Fp> words(const std::vector<uint32_t>& tuple) {
    std::vector<Fp> out;
    for (const uint32_t x : tuple) out.push_back(Fp::from(x));
    return out;
  }

  [[nodiscard]] uint32_t late_width(size_t table) const {
    return circuit_.key().chips[witness_.tables[table].chip].late_width;
  }
  [[nodiscard]] bool has_next(size_t table) const {
    return !circuit_.key().chips[witness_.tables[table].chip].next.empty();
  }

  [[nodiscard]] RowChecker run(Place at) const {
    const Table& table = witness_.tables[at.table];
    const uint32_t width = table.width + late_width(at.table);
    const Place after{at.table, (at.row + 1) % table.height()};
    std::vector<RowValue> row(2 * width);
    for (uint32_t i = 0; i < width; ++i) row[i] = get(at, i);
    if (has_next(at.table))
      for (uint32_t i = 0; i < width; ++i) row[width + i] = get(after, i);
    RowChecker air;
    if (late_width(at.table) != 0) air.set_late(challenges());
    circuit_.run_row(table.chip, air, row.data(), row.data() + width);
    return air;
  }

  /// The row's asserts are to be looked at, and those of the row before if they refer to it.
  void change(Place at) {
    changed_.insert(at);
    const uint64_t height = witness_.tables[at.table].height();
    if (has_next(at.table)) changed_.insert({at.table, (at.row + height - 1) % height});
  }

  static const LatePowers& challenges() {
    static const LatePowers drawn(
        Fp5{{Fp::from(71), Fp::from(1234567), Fp::from(3), Fp::from(99), Fp::from(5)}},
        Fp5{{Fp::from(8), Fp::from(77777), Fp::from(1u << 30), Fp::one(), Fp::from(6)}});
    return drawn;
  }
  [[nodiscard]] std::vector<std::vector<Fp>> make_late() const {
    std::vector<std::vector<Fp>> out;
    for (size_t t = 0; t < witness_.tables.size(); ++t)
      out.push_back(witness_.late_columns(witness_.tables[t], late_width(t), challenges()));
    return out;
  }
  /// Whether a table's late columns depend on those of another chip.
  [[nodiscard]] bool follows(size_t table, std::string_view other) const {
    using namespace chips;
    if (name(table) != LayerProduct::kName && name(table) != LayerProductMemory::kName)
      return false;
    // In all forms, of all groups.
    const auto is_of = [&](std::string_view chip) {
      return other.find(chip) != std::string_view::npos;
    };
    return is_of(LayerRead::kName) || is_of(WeightsTable::kName) || is_of(LayerBias::kName);
  }
  /// Makes late columns anew, where something changed that they may depend on.
  void follow_late() {
    std::set<size_t> changed, set;  // tables, in columns before the late ones and in these
    for (const Place& at : changed_)
      if (late_width(at.table) != 0) changed.insert(at.table);
    for (const auto& [cell, value] : late_set_) set.insert(cell.first.table);
    for (size_t t = 0; t < witness_.tables.size(); ++t) {
      const uint32_t width = late_width(t);
      const bool made_anew = changed.contains(t) || std::ranges::any_of(changed, [&](size_t other) {
                               return follows(t, name(other));
                             });
      if (width == 0 || (!made_anew && !set.contains(t))) continue;
      std::vector<Fp> made =
          made_anew ? witness_.late_columns(witness_.tables[t], width, challenges()) : late_[t];
      for (const auto& [cell, value] : late_set_)
        if (cell.first.table == t)
          made[cell.first.row * width + cell.second - witness_.tables[t].width] = value;
      for (uint64_t r = 0; r < witness_.tables[t].height(); ++r) {
        const auto now = made.begin() + static_cast<ptrdiff_t>(r * width);
        const auto was = late_[t].begin() + static_cast<ptrdiff_t>(r * width);
        if (std::equal(now, now + width, was)) continue;
        late_changed_.insert(t);
        count({t, r}, -1);
        std::copy(now, now + width, was);
        count({t, r}, +1);
        change({t, r});
      }
    }
  }

  /// Adds what the row has on the buses, `sign` times.
  void count(Place at, int sign) {
    for (const auto& entry : run(at).entries) {
      std::vector<uint32_t> tuple;
      for (const Fp x : entry.tuple) tuple.push_back(x.value());
      const bool plus = (entry.kind == InteractionKind::kSend) == (sign > 0);
      traffic_[{entry.bus, tuple}] += plus ? entry.multiplicity : -entry.multiplicity;
    }
  }

  /// A cell that says how often a row of the tensor unit's answers a tuple, if one does.
  struct Answer {
    Place at;
    uint32_t column;
  };
  [[nodiscard]] std::optional<Answer> layer_answer(uint16_t bus,
                                                   const std::vector<uint32_t>& tuple) const {
    using namespace chips;
    // Columns of the tuple, one after the other, in a row whose `gate` is 1; by `count` it answers.
    const auto search_for = [&](const std::vector<uint32_t>& values, std::string_view chip,
                                const std::vector<std::string>& columns, const char* gate,
                                const char* count, size_t skip = 0) -> std::optional<Answer> {
      if (!has(chip)) return std::nullopt;
      const size_t t = table(chip);
      std::vector<uint32_t> places;
      for (const std::string& name : columns) places.push_back(column(t, name));
      for (uint64_t r = 0; r < witness_.tables[t].height(); ++r) {
        if (gate != nullptr && get({t, r}, gate) != Fp::one()) continue;
        bool same = true;
        for (size_t i = 0; same && i < places.size(); ++i)
          same = get({t, r}, places[i]).value() == values[skip + i];
        if (same) return Answer{{t, r}, column(t, count)};
      }
      return std::nullopt;
    };
    const auto search = [&](std::string_view chip, const std::vector<std::string>& columns,
                            const char* gate, const char* count, size_t skip = 0) {
      return search_for(tuple, chip, columns, gate, count, skip);
    };
    const auto list = [](std::vector<std::string> out, const char* name, int begin, int end,
                         int coordinates = 0) {
      for (int i = begin; i < end; ++i)
        if (coordinates == 0)
          out.push_back(fmt::format("{}[{}]", name, i));
        else
          for (int c = 0; c < coordinates; ++c) out.push_back(fmt::format("{}{}[{}]", name, i, c));
      return out;
    };
    switch (bus) {
      case kLayer.id:
        return search(LayersTable::kName, list({}, "tuple", 0, 16), nullptr, "count");
      case kActivations.id:
        if (tuple[1] == 0) {
          std::vector<uint32_t> wide = tuple;  // which has no operand
          wide.erase(wide.begin() + 1);
          if (const auto found = search_for(wide, LayerReadWide::kName,
                                            list({"clk", "quads"}, "x", 0, 4, 5), "start", "count"))
            return found;
        }
        return search(LayerRead::kName, list({"clk", "operand", "quads"}, "x", 0, 4, 5), "start",
                      "count");
      case kPixel.id:
        return search(LayerRead::kName, list({"clk", "operand", "quads", "left"}, "byte", 0, 4),
                      "real", "pixels");
      case kWeights.id:
        for (const char* chip : {WeightsTable::kName, Weights64Table::kName})
          if (const auto found =
                  search(chip, list({"key", "quad", "mu_power", "lambda_power"}, "v", 0, 4, 5),
                         "start", "count"))
            return found;
        return std::nullopt;
      case kPower.id: {
        const bool lambda = tuple[0] == kLambda;
        return search(PowersTable::kName, list({"exponent"}, lambda ? "lambda" : "mu", 0, 5),
                      nullptr, lambda ? "lambdas" : "mus", 1);
      }
      case kPosition.id:
        return search(PositionsTable::kName, {"key", "emit", "offset"}, nullptr, "count");
      case kChannel.id:
        return search(ChannelsTable::kName, list({}, "tuple", 0, 9), nullptr, "count");
      case kWindow.id:
        return search(WindowsTable::kName, list({}, "tuple", 0, 5), nullptr, "count");
      case kPairOperands.id:
        return search(PairsTable::kName, list({}, "tuple", 0, 5), nullptr, "count");
      case kOperand.id:
        return search(OperandsTable::kName, list({}, "tuple", 0, 11), nullptr, "count");
      case kProduct.id:
        return search(ProductsTable::kName, list({}, "tuple", 0, 4), nullptr, "count");
      case kPairByte.id: {  // keys ascend
        if (!has(PairBytesTable::kName)) return std::nullopt;
        const size_t t = table(PairBytesTable::kName);
        const uint32_t parts = PairBytesTable::kParts, part = tuple[0] % parts;
        const uint64_t row = (uint64_t{tuple[0]} - PairBytesTable::kTable) / parts;
        if (tuple[0] < PairBytesTable::kTable || row >= witness_.tables[t].height() ||
            get({t, row}, "key").value() + part != tuple[0] ||
            get({t, row}, fmt::format("value[{}]", part)).value() != tuple[1])
          return std::nullopt;
        return Answer{{t, row}, column(t, fmt::format("count[{}]", part))};
      }
      case kXor8.id: {
        const uint32_t a = tuple[0], b = tuple[1];
        if (!has(XorTable::kName) || a >= 256 || b >= 256 || tuple[2] >= 16 || tuple[3] >= 16 ||
            tuple[2] + 16 * tuple[3] != (a ^ b))
          return std::nullopt;
        const size_t t = table(XorTable::kName);
        return Answer{{t, ByteTable::row_of(256 * a + b)},
                      column(t, fmt::format("xor8[{}]", ByteTable::part_of(256 * a + b)))};
      }
      case kStep.id:
        for (const auto& [name, parts] : {std::pair{StepsTable::kName, StepsTable::kParts},
                                          {ManyStepsTable::kName, ManyStepsTable::kParts}})
          for (uint32_t k = 0; k < parts; ++k)
            if (const auto found = search(name, list({}, fmt::format("step{}", k).c_str(), 0, 5),
                                          nullptr, fmt::format("count[{}]", k).c_str()))
              return found;
        return std::nullopt;
      default:
        return std::nullopt;
    }
  }

  /// Whether a look-up table has this tuple, so that its multiplicity can be made to fit.
  [[nodiscard]] bool is_answered(uint16_t bus, const std::vector<uint32_t>& tuple) const {
    if (bus >= chips::kLayer.id) return layer_answer(bus, tuple).has_value();
    if (bus == chips::kProgram.id) return program_row(tuple).has_value();
    return chips::test::has_answer(bus, tuple);
  }
  [[nodiscard]] std::optional<uint64_t> program_row(const std::vector<uint32_t>& tuple) const {
    const Table& table = witness_.tables[program_];
    for (uint64_t r = 0; r < table.height(); ++r) {
      bool same = true;
      for (uint32_t i = 0; i < tuple.size(); ++i)
        same = same && get({program_, r}, i).value() == tuple[i];
      if (same) return r;
    }
    return std::nullopt;
  }
  void answer(Witness& out, uint16_t bus, const std::vector<uint32_t>& tuple, Fp count) const {
    const auto add = [&](size_t t, uint64_t row, std::string_view col) {
      out.tables[t].cell(row, column(t, col)) += count;
    };
    using namespace chips;
    if (bus >= kLayer.id) {
      const Answer answered = *layer_answer(bus, tuple);
      out.tables[answered.at.table].cell(answered.at.row, answered.column) += count;
      return;
    }
    const auto add_byte = [&](uint32_t value, const std::string& col) {
      add(table(ByteTable::kName), ByteTable::row_of(value),
          col + "[" + std::to_string(ByteTable::part_of(value)) + "]");
    };
    switch (bus) {
      case kProgram.id:
        return add(program_, *program_row(tuple), "count");
      case kShift.id:
        return add(table(ShiftTable::kName), tuple[0], "count");
      case kRange16.id:
        return add_byte(tuple[0], "range16");
      case kRange14.id:
        return add(table(ByteTable::kName), tuple[0], "range14");
      case kBytes.id:
        return add_byte(tuple[0] * 256 + tuple[1], "bytes");
      case kAnd8.id:
        return add_byte(tuple[0] * 256 + tuple[1], "and8");
      default:
        ZK_CHECK(false && "no table answers this bus");
    }
  }

  const Circuit& circuit_;
  Witness witness_;
  size_t program_ = 0;
  std::vector<std::vector<Fp>> late_, honest_late_;    // late columns of each table, row after row
  std::map<std::pair<Place, uint32_t>, Fp> late_set_;  // cells of them that were set
  std::set<size_t> late_changed_;                      // tables where they are not honest
  std::map<Key, Fp> traffic_;  // how much more is sent than in the honest witness
  std::set<Place> changed_;
  std::vector<std::pair<Fp*, Fp>> undo_;
};

}  // namespace zkvm::stark::machine::evil
