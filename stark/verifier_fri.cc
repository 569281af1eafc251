#include "stark/verifier_fri.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

namespace zkvm::stark {
namespace {

constexpr Fp kHalf = inverse(Fp::from(2));

Fp5 element_at(const uint32_t* words) {
  Fp5 out;
  for (int k = 0; k < Fp5::kDegree; ++k) out.c[k] = Fp::from_word(words[k]);
  return out;
}

Fp5 evaluate(std::span<const Fp5> polynomial, Fp x) {
  Fp5 value;
  for (size_t i = polynomial.size(); i-- > 0;) value = value * x + polynomial[i];
  return value;
}

// root(log)^-index
Fp inverse_point(unsigned log, uint32_t index) {
  const uint32_t size = 1u << log;
  return pow(Fp::root_of_unity(static_cast<int>(log)), (size - index) & (size - 1));
}

size_t rank(std::span<const uint32_t> sorted, uint32_t value) {
  return static_cast<size_t>(std::ranges::lower_bound(sorted, value) - sorted.begin());
}

}  // namespace

Result<FriChallenges> replay_fri(const Shape& shape, const Proof& proof, Transcript& transcript) {
  FriChallenges out;
  {
    const auto fri = transcript.scope("fri");
    for (uint32_t i = 0; i < shape.layers.size(); ++i) {
      const auto layer = transcript.scope("layer", i);
      transcript.absorb("root", proof.layers[i].root);
      if (!transcript.check_grind("grind", shape.params.grind_round, proof.layers[i].nonce))
        return fail(ErrorCode::kNonce, fmt::format("fri: layer {}: the nonce lacks its {} bits", i,
                                                   shape.params.grind_round));
      Fp5 challenges[2];
      const size_t count = shape.layers[i].joins ? 2 : 1;
      transcript.squeeze("fold", {challenges, count});
      out.beta.push_back(challenges[0]);
      out.delta.push_back(challenges[1]);
    }
    transcript.absorb("final", std::span<const Fp5>(proof.final_polynomial));
  }
  if (!transcript.check_grind("grind query", shape.params.grind_query, proof.nonce_query))
    return fail(ErrorCode::kNonce,
                fmt::format("queries: the nonce lacks its {} bits", shape.params.grind_query));
  out.indices.resize(shape.params.queries);
  transcript.squeeze_indices("queries", shape.log_domain(shape.groups[0]), out.indices);
  return out;
}

Fp5 fold_fibre(std::span<const Fp5> fibre, Fp y_inverse, const Fp5& beta) {
  // By halves: F(X) = E(X^2) + X O(X^2), the fold by beta is E + beta O; then by beta^2, beta^4.
  Fp5 values[8];
  std::ranges::copy(fibre, values);
  Fp5 challenge = beta;
  for (size_t half = fibre.size() / 2; half > 0; half /= 2) {
    const auto log = static_cast<unsigned>(std::bit_width(half));  // of the number of values
    const Fp step = inverse_point(log, 1);
    Fp point = y_inverse * kHalf;  // 1/(2 y w^j)
    for (size_t j = 0; j < half; ++j) {
      const Fp5 even = (values[j] + values[j + half]) * kHalf;
      const Fp5 odd = (values[j] - values[j + half]) * point;
      values[j] = even + challenge * odd;
      point *= step;
    }
    challenge *= challenge;
    y_inverse *= y_inverse;
  }
  return values[0];
}

Result<void> check_queries(const Shape& shape, const FriChallenges& challenges,
                           std::span<const std::vector<Fp5>> batch,
                           std::span<const uint32_t* const> layer_rows,
                           std::span<const Fp5> final_polynomial) {
  // Layer by layer: `values` are what the codeword must be at `positions`.
  std::vector<uint32_t> positions =
      distinct_below(challenges.indices, shape.log_domain(shape.groups[0]));
  std::vector<Fp5> values = batch[0];
  for (size_t i = 0; i < shape.layers.size(); ++i) {
    const FriLayerShape& layer = shape.layers[i];
    const unsigned log_rows = layer.log_size - layer.log_arity;
    const size_t arity = size_t{1} << layer.log_arity;
    const auto leaves = distinct_below(positions, log_rows);
    const auto fibre_of = [&](size_t leaf) { return layer_rows[i] + leaf * arity * Fp5::kDegree; };

    for (size_t k = 0; k < positions.size(); ++k) {
      const uint32_t leaf = positions[k] & ((1u << log_rows) - 1);
      const uint32_t place = positions[k] >> log_rows;
      if (element_at(fibre_of(rank(leaves, leaf)) + place * Fp5::kDegree) == values[k]) continue;
      if (i == 0)
        return fail(ErrorCode::kDeep,
                    fmt::format("queries: index {}: layer 0 is not the batch of the opened rows",
                                positions[k]));
      return fail(ErrorCode::kFold,
                  fmt::format("queries: position {} of layer {} is not the fold of layer {}",
                              positions[k], i, i - 1));
    }

    values.resize(leaves.size());
    for (size_t k = 0; k < leaves.size(); ++k) {
      Fp5 fibre[8];
      for (size_t j = 0; j < arity; ++j) fibre[j] = element_at(fibre_of(k) + j * Fp5::kDegree);
      values[k] =
          fold_fibre({fibre, arity}, inverse_point(layer.log_size, leaves[k]), challenges.beta[i]);
      if (layer.joins) values[k] += challenges.delta[i] * batch[*layer.joins][k];
    }
    positions = leaves;
  }

  const Fp root = Fp::root_of_unity(shape.log_final_size);
  for (size_t k = 0; k < positions.size(); ++k)
    if (!(evaluate(final_polynomial, pow(root, positions[k])) == values[k]))
      return fail(ErrorCode::kFinal,
                  fmt::format("queries: position {} of the last fold is not the final polynomial's",
                              positions[k]));
  return {};
}

}  // namespace zkvm::stark
