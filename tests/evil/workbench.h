// Programs of one segment, their honest witnesses ready to be forged, and what becomes of a
// forgery.
#pragma once

#include <cstdlib>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "stark/chips/hash/blake3_call.h"
#include "stark/chips/hash/sha256_call.h"
#include "tests/evil/forgery.h"
#include "tests/stark/session/proving.h"

namespace zkvm::stark::machine::evil {

/// 1 to 6 values for a cell that has x.
inline std::vector<Fp> wrong_values(Fp x, std::mt19937_64& random, size_t count) {
  std::vector<Fp> out = {x + Fp::one(),
                         Fp::from(random()),
                         x - Fp::one(),
                         x + Fp::from(1u << 16),
                         x == Fp::zero() ? Fp::from(2) : Fp::zero(),
                         x == Fp::one() ? Fp::from(3) : Fp::one()};
  out.resize(count);
  return out;
}

/// Rows of each table to be changed, if the long tests are asked for.
inline std::optional<int> asked_rows() {
  const char* asked = std::getenv("ZKVM_CELL_ROWS");
  return asked != nullptr ? std::optional(std::atoi(asked)) : std::nullopt;
}

/// The witness of a program that is one segment, as a forgery.
struct Workbench {
  Guest guest;
  std::optional<Circuit> circuit;
  std::optional<Forgery> forgery;

  explicit Workbench(const std::vector<uint32_t>& text, const std::vector<uint8_t>& input = {})
      : Workbench(Guest::of(text), input) {}
  Workbench(Guest of_guest, const std::vector<uint8_t>& input,
            const std::optional<WideForms>& forms = {})
      : guest(std::move(of_guest)) {
    SessionOptions options;
    options.params = quick_params();
    options.forms = forms;
    const vm::Io io{.input = input, .console = {}};
    auto session = Session::plan(guest.program, *guest.image, io, options);
    ZK_CHECK(session && !session->execution().trap && session->segments() == 1);
    const auto visited = session->visit_witnesses([&](size_t, const Circuit& c, Witness witness) {
      circuit = c;
      forgery.emplace(*circuit, std::move(witness));
    });
    ZK_CHECK(visited);
  }

  /// How the whole prover and verifier end with the forged witness; "" if the proof verifies.
  std::string prove_and_verify() { return prove_and_verify(forgery->finished()); }
  std::string prove_and_verify(const Witness& witness) {
    std::vector<BankUse> uses;
    for (uint16_t b = 0; b <= guest.image->banks().count(); ++b)
      for (const ChipKey& chip : circuit->key().chips)
        if (chip.name == bank_chip(b))
          uses.push_back({b, b != kMachineBank && guest.image->banks()[b].constant});
    for (const auto& [name, bank] : {std::pair(chips::Sha256Call::kName, kSha256Bank),
                                     std::pair(chips::Blake3Call::kName, kBlake3Bank)})
      for (const ChipKey& chip : circuit->key().chips)
        if (chip.name == name) uses.push_back({bank, true});
    for (size_t group = guest.image->layers().groups(); group-- > 0;)
      for (const ChipKey& chip : circuit->key().chips)
        if (chip.name == layer_chip(LayerTable::kLayers, group))
          uses.push_back({layers_bank(group), true});
    const SlotTrees trees = guest.image->fixed_trees(*circuit, uses);
    ProverOptions options;
    options.params = quick_params();
    const auto proof = prove(*circuit, witness, trees, options);
    if (!proof) return "prove: " + proof.error().message;
    const auto verified = verify(circuit->key(), make_statement(*circuit, witness, trees),
                                 proof->serialise(), {.security_bits = 0});
    return verified ? "" : "verify: " + verified.error().message;
  }
};

}  // namespace zkvm::stark::machine::evil
