// The reference prover with any of its steps replaced, and toys small enough to be proved hundreds
// of times.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "tests/stark/support/proving.h"
#include "tests/stark/toys/all.h"

namespace zkvm::stark {

/// Cheats by the steps that are set.
class Cheater : public ReferenceProver {
 public:
  using ReferenceProver::Columns;
  using ReferenceProver::ReferenceProver;

  std::function<void(Statement&)> statement_step;
  std::function<void(uint32_t tree, uint32_t group, Columns&)> columns_step;
  std::function<void(uint32_t tree, uint32_t group, Columns&)> polynomials_step;
  std::function<void(uint32_t tree, ReferenceTree&)> rows_step;
  std::function<void(std::vector<Fp5>&)> sums_step, openings_step, final_step;
  std::function<void(size_t layer, std::vector<Fp5>&)> codeword_step;

  [[nodiscard]] const Shape& shape() const { return shape_; }
  [[nodiscard]] const Fp5& zeta() const { return zeta_; }
  [[nodiscard]] const std::vector<uint32_t>& indices() const { return indices_; }

 private:
  void on_statement(Statement& said) override {
    if (statement_step) statement_step(said);
  }
  void on_columns(uint32_t tree, uint32_t group, Columns& columns) override {
    if (columns_step) columns_step(tree, group, columns);
  }
  void on_polynomials(uint32_t tree, uint32_t group, Columns& coefficients) override {
    if (polynomials_step) polynomials_step(tree, group, coefficients);
  }
  void on_rows(uint32_t tree, ReferenceTree& made) override {
    if (rows_step) rows_step(tree, made);
  }
  void on_sums(std::vector<Fp5>& sums) override {
    if (sums_step) sums_step(sums);
  }
  void on_openings(std::vector<Fp5>& values) override {
    if (openings_step) openings_step(values);
  }
  void on_codeword(size_t layer, std::vector<Fp5>& word) override {
    if (codeword_step) codeword_step(layer, word);
  }
  void on_final(std::vector<Fp5>& coefficients) override {
    if (final_step) final_step(coefficients);
  }
};

[[nodiscard]] inline Cheater make_cheater(const ToyProver& prover, const toys::Toy& toy,
                                          const Params& params) {
  return Cheater(prover.key(), params, toy.witness, prover.reference_slots(), prover.random());
}

inline std::vector<toys::Toy> small_toys() {
  std::vector<toys::Toy> toys;
  toys.push_back(toys::fibonacci(8));
  toys.push_back(toys::accumulator(8));
  toys.push_back(toys::permutation(8));
  toys.push_back(toys::memory(8, 8));
  toys.push_back(toys::memory(8, 8, /*shared=*/true));
  toys.push_back(toys::machine(9, 8));
  toys.push_back(toys::product(8));
  toys.push_back(toys::mixed({8, 10, 9, 8}));
  toys.push_back(toys::mixed({12, 7}));  // the lower one with short masks, where there are any
  return toys;
}

/// Few queries, and by turns stacks of 1, 2 and 4 columns.
inline Params params_by_turn(size_t turn) {
  return quick_params(/*zk=*/true, static_cast<uint8_t>(turn % 3));
}

/// A proof that must not verify, at any level of security; if `code` is given, for this reason.
inline void expect_refused(const VerifyingKey& key, const Statement& statement, const Proof& proof,
                           const std::string& what, std::optional<ErrorCode> code = {}) {
  const auto result = check(key, statement, proof);
  if (result) {
    ADD_FAILURE() << "SOUNDNESS: accepted: " << what;
    return;
  }
  if (code) {
    EXPECT_EQ(static_cast<int>(result.error().code), static_cast<int>(*code))
        << what << ": " << result.error().message;
  }
}

}  // namespace zkvm::stark
