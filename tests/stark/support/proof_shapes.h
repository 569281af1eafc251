// Keys and shapes for tests of the proof system's parts, and random values to fill them.
#pragma once

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "stark/field/field.h"
#include "stark/pcs/fri/codeword.h"
#include "stark/protocol/key.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

inline Fp random_fp(std::mt19937_64& random) { return Fp::from(random()); }
inline Fp5 random_fp5(std::mt19937_64& random) {
  Fp5 out;
  for (Fp& c : out.c) c = random_fp(random);
  return out;
}
inline std::vector<Fp5> random_elements(size_t count, std::mt19937_64& random) {
  std::vector<Fp5> out(count);
  for (Fp5& element : out) element = random_fp5(random);
  return out;
}

/// Chip 0: 20 main columns, column 3 read on the next row, 5 interactions. Chip 1: 3 main columns,
/// one interaction. Chip 2: two columns of shared slot 0, one main, of 2^`slot_log_height` rows.
inline VerifyingKey test_key(uint8_t slot_log_height = 9) {
  const auto one = Fp::one().wire;
  const auto send = [&](uint16_t bus, uint16_t column) {
    return Interaction{
        bus, Interaction::Kind::kSend, 1, {one, {}}, {AffineForm{0, {{column, one}}}}};
  };
  ChipKey wide, narrow, slotted;
  wide.name = "wide";
  wide.main_width = 20;
  wide.next = {3};
  for (uint16_t i = 0; i < 5; ++i) wide.interactions.push_back(send(1, i));
  narrow.name = "narrow";
  narrow.main_width = 3;
  narrow.interactions = {send(1, 0)};
  slotted.name = "slotted";
  slotted.log_height = slot_log_height;
  slotted.slots = {{0, 0, 2}};
  slotted.main_width = 1;
  slotted.interactions = {send(1, 0)};
  VerifyingKey key;
  key.slots = {{.kind = Slot::Kind::kShared, .rows = {{slot_log_height, 2}}}};
  key.chips = {wide, narrow, slotted};
  return key;
}

inline Shape test_shape(const VerifyingKey& key, const Params& params,
                        const std::vector<TableSpec>& tables) {
  auto shape = make_shape(key, params, tables);
  if (!shape) {
    ADD_FAILURE() << shape.error().message;
    return {};
  }
  return *std::move(shape);
}

/// The values of a polynomial on the subgroup of order 2^log_size: scalar, slow enough.
inline Codeword evaluate_on_subgroup(std::vector<Fp5> coefficients, unsigned log_size) {
  coefficients.resize(size_t{1} << log_size);
  for (size_t i = 1, j = 0; i < coefficients.size(); ++i) {  // bit reversal
    size_t bit = coefficients.size() >> 1;
    for (; j & bit; bit >>= 1) j ^= bit;
    j ^= bit;
    if (i < j) std::swap(coefficients[i], coefficients[j]);
  }
  for (unsigned log = 1; log <= log_size; ++log) {
    const size_t half = size_t{1} << (log - 1);
    const Fp root = Fp::root_of_unity(static_cast<int>(log));
    for (size_t block = 0; block < coefficients.size(); block += 2 * half) {
      Fp power = Fp::one();
      for (size_t i = block; i < block + half; ++i, power *= root) {
        const Fp5 odd = coefficients[i + half] * power;
        coefficients[i + half] = coefficients[i] - odd;
        coefficients[i] += odd;
      }
    }
  }
  Codeword out(log_size);
  for (size_t e = 0; e < out.size(); ++e) out.set(e, coefficients[e]);
  return out;
}

}  // namespace zkvm::stark
