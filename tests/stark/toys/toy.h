// What every toy circuit hands to the tests: chips, an honest witness, and ways to cheat.
#pragma once

#include <zk/check.h>

#include <functional>
#include <string>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/simd/simd_dispatch.h"
#include "stark/witness/witness.h"

namespace zkvm::stark::toys {

/// A wrong witness, made from the honest one.
struct Cheat {
  std::string name;
  std::function<void(Witness&)> apply;
  std::string caught_by;  // label of an assert or name of a bus that the checker must list
};

struct Toy {
  std::string name;
  Circuit circuit;
  Witness witness;                  // honest
  std::vector<uint64_t> live_rows;  // per table: every main cell of the first so many rows matters
  std::vector<Cheat> cheats;
};

/// The circuit of a toy; a mistake in its chips ends the test.
template <class List>
Circuit make_circuit(List chips, CircuitOptions options) {
  auto circuit = Circuit::make(chips, std::move(options));
  if (!circuit) fprintf(stderr, "%s\n", circuit.error().message.c_str());
  ZK_CHECK(circuit.has_value());
  return *std::move(circuit);
}

/// Index of the first table of this chip.
inline size_t table_of(const Toy& toy, std::string_view chip) {
  const uint16_t index = toy.circuit.chip(chip);
  size_t t = 0;
  while (toy.witness.tables.at(t).chip != index) ++t;
  return t;
}

/// A cheat that changes one cell: column by name.
inline Cheat change_cell(const Toy& toy, std::string name, std::string_view chip, uint64_t row,
                         std::string_view column, Fp value, std::string caught_by) {
  const size_t table = table_of(toy, chip);
  const auto& names = toy.circuit.recorded(toy.circuit.chip(chip)).columns;
  uint32_t index = 0;
  while (names.at(index) != column) ++index;
  return {std::move(name), [=](Witness& w) { w.tables[table].cell(row, index) = value; },
          std::move(caught_by)};
}

/// Least log2 of a height that holds this many rows, but at least `least`.
inline uint8_t log_height_for(uint64_t rows, uint8_t least) {
  uint8_t log = least;
  while ((uint64_t{1} << log) < rows) ++log;
  return log;
}

}  // namespace zkvm::stark::toys
