// Offline memory checking: every read gives what was last written.
//
//   access chip  fixed: time (1, 2, ..)   main: address old_value new_value old_time write real
//                receives (address, old, old_time), sends (address, new, time);
//                a read keeps the value; time - old_time - 1 is looked up in the range table
//   bank chip    fixed: address           main: init final final_time
//                sends (address, init, 0), receives (address, final, final_time)
//   time chip    fixed: value             main: count; answers the look-ups
//
// Sound because times are fixed and grow, so old_time < time as integers: each address's tuples
// form one chain from (init, 0), and an address that no bank has cannot start one.
//
// In SharedBank, init and final are trees of their own, and final of one proof is init of the next:
// two_proofs() below.
#pragma once

#include <map>
#include <random>

#include "tests/stark/toys/toy.h"

namespace zkvm::stark::toys {

inline constexpr Bus<3> kMemory{1, "memory"};  // address, value, time
inline constexpr Bus<1> kAge{2, "age"};        // a difference of times, minus 1

struct Access {
  static constexpr const char* kName = "access";
  static constexpr const char* kColumns = "time address old_value new_value old_time write real";
  static constexpr SlotUse kSlots[] = {{"times", 1}};
  template <class T>
  struct Cols {
    T time, address, old_value, new_value, old_time, write, real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    air.assert_bool("write", row.write);
    air.assert_zero("a read keeps the value", (1 - row.write) * (row.new_value - row.old_value));
    air.receive(kMemory, row.real, {row.address, row.old_value, row.old_time});
    air.send(kMemory, row.real, {row.address, row.new_value, row.time});
    air.send(kAge, row.real, {row.time - row.old_time - 1});
  }
};

struct Bank {
  static constexpr const char* kName = "bank";
  static constexpr const char* kColumns = "address init final final_time";
  static constexpr SlotUse kSlots[] = {{"addresses", 1}};
  template <class T>
  struct Cols {
    T address, init, final, final_time;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.send(kMemory, 1, {row.address, row.init, 0});
    air.receive(kMemory, 1, {row.address, row.final, row.final_time});
  }
};

struct SharedBank : Bank {
  static constexpr SlotUse kSlots[] = {{"addresses", 1}, {"before", 1}, {"after", 1}};
};

struct Ages {
  static constexpr const char* kName = "ages";
  static constexpr const char* kColumns = "value count";
  static constexpr SlotUse kSlots[] = {{"values", 1}};
  template <class T>
  struct Cols {
    T value, count;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(kAge, row.count, {row.value});
  }
};

using MemoryChips = ChipList<Access, Bank, Ages>;
extern template Circuit make_circuit(MemoryChips, CircuitOptions);
using SharedMemoryChips = ChipList<Access, SharedBank, Ages>;
extern template Circuit make_circuit(SharedMemoryChips, CircuitOptions);
ZKVM_SIMD_KERNELS(AssertKernels, memory_asserts);
ZKVM_SIMD_KERNELS(AssertKernels, shared_memory_asserts);

/// Runs random accesses on `values` (address -> value, changed to the state after them).
inline Witness memory_witness(std::vector<uint32_t>& values, uint8_t log_accesses, uint32_t seed) {
  struct Word {
    uint32_t value, time;
  };
  std::mt19937 random(seed);
  std::vector<Word> words;
  for (const uint32_t v : values) words.push_back({v, 0});
  const uint64_t height = uint64_t{1} << log_accesses;
  std::vector<Access::Cols<Fp>> accesses(height);
  std::vector<uint32_t> ages(height);
  for (uint32_t i = 0; i < height; ++i) {
    auto& row = accesses[i];
    row = {};
    row.time = Fp::from(i + 1);
    if (i >= height - height / 8) continue;  // padding: only the fixed time
    const auto address = static_cast<uint32_t>(random() % words.size());
    Word& word = words[address];
    const bool write = random() % 2 == 0;
    const Word updated{write ? static_cast<uint32_t>(random() % 65536) : word.value, i + 1};
    row = {row.time,
           Fp::from(address),
           Fp::from(word.value),
           Fp::from(updated.value),
           Fp::from(word.time),
           Fp::from(write),
           Fp::one()};
    ++ages[i + 1 - word.time - 1];
    word = updated;
  }
  std::vector<Bank::Cols<Fp>> bank;
  for (uint32_t a = 0; a < words.size(); ++a) {
    bank.push_back(
        {Fp::from(a), Fp::from(values[a]), Fp::from(words[a].value), Fp::from(words[a].time)});
    values[a] = words[a].value;
  }
  std::vector<Ages::Cols<Fp>> table;
  for (uint32_t i = 0; i < height; ++i) table.push_back({Fp::from(i), Fp::from(ages[i])});
  Witness witness;
  witness.tables.push_back(make_table<Access>(0, log_accesses, std::move(accesses)));
  witness.tables.push_back(make_table<Bank>(1, log_height_for(words.size(), 0), std::move(bank)));
  witness.tables.push_back(make_table<Ages>(2, log_accesses, std::move(table)));
  witness.sort();
  return witness;
}

inline Circuit memory_circuit(uint8_t log_accesses, uint8_t log_bank, bool shared) {
  const std::map<std::string, uint8_t> heights = {
      {"access", log_accesses}, {"bank", log_bank}, {"ages", log_accesses}};
  const auto fixed = Slot::Kind::kFixed;
  if (!shared)
    return make_circuit(MemoryChips{},
                        {.slots = {{"times", fixed}, {"addresses", fixed}, {"values", fixed}},
                         .log_heights = heights,
                         .kernels = &memory_asserts});
  return make_circuit(SharedMemoryChips{}, {.slots = {{"times", fixed},
                                                      {"addresses", fixed},
                                                      {"before", Slot::Kind::kShared},
                                                      {"after", Slot::Kind::kShared},
                                                      {"values", fixed}},
                                            .log_heights = heights,
                                            .kernels = &shared_memory_asserts});
}

inline Toy memory(uint8_t log_accesses, uint8_t log_bank, bool shared = false) {
  std::vector<uint32_t> values(size_t{1} << log_bank);
  for (uint32_t i = 0; i < values.size(); ++i) values[i] = 1000 + i;
  Toy toy{shared ? "shared memory" : "memory",
          memory_circuit(log_accesses, log_bank, shared),
          memory_witness(values, log_accesses, 3),
          {},
          {}};
  for (const Table& table : toy.witness.tables)
    toy.live_rows.push_back(table.chip == 0 ? table.height() - table.height() / 8 : table.height());

  const size_t accesses = table_of(toy, "access"), ages = table_of(toy, "ages");
  toy.cheats.push_back(change_cell(toy, "a read of another value", "access", 2, "old_value",
                                   Fp::from(77777), "memory"));
  toy.cheats.push_back(change_cell(toy, "a word that changes between accesses", "bank", 1, "final",
                                   Fp::from(77777), "memory"));
  toy.cheats.push_back({"a read that writes",
                        [=](Witness& w) {
                          Table& t = w.tables[accesses];
                          uint64_t r = 0;
                          while (t.cell(r, 5) != Fp{}) ++r;
                          t.cell(r, 3) += Fp::one();
                        },
                        "a read keeps the value"});
  toy.cheats.push_back({"a value from the future",  // an access that receives its own tuple
                        [=](Witness& w) {
                          Table& t = w.tables[accesses];
                          w.tables[ages].cell((t.cell(4, 0) - t.cell(4, 4)).value() - 1, 1) -=
                              Fp::one();
                          t.cell(4, 2) = t.cell(4, 3) = Fp::from(55555);
                          t.cell(4, 4) = t.cell(4, 0);
                          t.cell(4, 5) = Fp{};
                        },
                        "age"});
  toy.cheats.push_back({"an access to an address of no bank",
                        [=](Witness& w) { w.tables[accesses].cell(0, 1) = Fp::from(1u << 20); },
                        "memory"});
  return toy;
}

/// The same with the words in two banks: one chip, placed twice.
inline Toy two_banks(uint8_t log_accesses, uint8_t log_bank) {
  const auto fixed = Slot::Kind::kFixed;
  Toy toy{
      "two banks",
      make_circuit(MemoryChips{},
                   {.slots = {{"times", fixed}, {"low", fixed}, {"high", fixed}, {"values", fixed}},
                    .log_heights = {{"access", log_accesses}, {"ages", log_accesses}},
                    .templates = {"bank"},
                    .instances = {{"bank", "low bank", {{"addresses", "low"}}, log_bank},
                                  {"bank", "high bank", {{"addresses", "high"}}, log_bank}},
                    .kernels = &memory_asserts}),
      {},
      {},
      {}};
  std::vector<uint32_t> values(size_t{2} << log_bank);
  for (uint32_t i = 0; i < values.size(); ++i) values[i] = 1000 + i;
  for (Table& table : memory_witness(values, log_accesses, 8).tables) {
    if (table.chip != 1) {
      table.chip = toy.circuit.chip(table.chip == 0 ? "access" : "ages");
      toy.witness.tables.push_back(std::move(table));
      continue;
    }
    const auto middle = table.cells.begin() + static_cast<ptrdiff_t>(table.cells.size() / 2);
    const Table half{0, log_bank, table.width, {}, {}};
    Table& low = toy.witness.tables.emplace_back(half);
    low.chip = toy.circuit.chip("low bank");
    low.cells.assign(table.cells.begin(), middle);
    Table& high = toy.witness.tables.emplace_back(half);
    high.chip = toy.circuit.chip("high bank");
    high.cells.assign(middle, table.cells.end());
  }
  toy.witness.sort();
  for (const Table& table : toy.witness.tables)
    toy.live_rows.push_back(table.chip == 0 ? table.height() - table.height() / 8 : table.height());
  toy.cheats.push_back(change_cell(toy, "a word that changes in one bank", "high bank", 1, "final",
                                   Fp::from(77777), "memory"));
  return toy;
}

/// Two proofs of one circuit; slot `after` of the first and slot `before` of the second are one
/// tree.
struct TwoProofs {
  Circuit circuit;
  Witness first, second;
};

inline TwoProofs two_proofs(uint8_t log_accesses, uint8_t log_bank) {
  std::vector<uint32_t> values(size_t{1} << log_bank, 5);
  TwoProofs out{memory_circuit(log_accesses, log_bank, true), {}, {}};
  out.first = memory_witness(values, log_accesses, 4);
  out.second = memory_witness(values, log_accesses, 5);
  return out;
}

}  // namespace zkvm::stark::toys
