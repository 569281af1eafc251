#include "stark/verifier/fri.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "stark/field/bit_reverse.h"
#include "stark/verifier/deep.h"

namespace zkvm::stark {
namespace {

constexpr Fp kHalf = inverse(Fp::from(2));

/// The values of a polynomial on the subgroup of order 2^log, in the order of powers.
std::vector<Fp5> evaluate_on_subgroup(std::span<const Fp5> polynomial, unsigned log) {
  // Decimation in time: bit-reversed coefficients first. Of fewer than there are points, and zeros behind them, the
  // first levels only make copies.
  const size_t last = std::max<size_t>(polynomial.size(), 1) - 1;
  const unsigned log_short = std::min(log, static_cast<unsigned>(std::bit_width(last)));
  const unsigned copies = log - log_short;
  std::vector<Fp5> values(size_t{1} << log);
  for (size_t i = 0; i < polynomial.size(); ++i)
    values[bit_reverse(i, static_cast<int>(log_short)) << copies] += polynomial[i];
  for (size_t i = 0; i < values.size(); ++i) values[i] = values[i >> copies << copies];
  for (unsigned level = copies + 1; level <= log; ++level) {
    const size_t half = size_t{1} << (level - 1);
    const Fp root = Fp::root_of_unity(static_cast<int>(level));
    Fp power = Fp::one();
    for (size_t j = 0; j < half; ++j, power *= root) {
      for (size_t i = j; i < values.size(); i += 2 * half) {
        const Fp5 odd = values[i + half] * power;
        values[i + half] = values[i] - odd;
        values[i] += odd;
      }
    }
  }
  return values;
}

/// The values of a polynomial at powers of the generator of the subgroup of order 2^log.
std::vector<Fp5> evaluate_at_powers(std::span<const Fp5> polynomial, unsigned log,
                                    std::span<const uint32_t> powers) {
  // P(X) = sum of X^i P_i(X^parts), where each P_i is evaluated on a subgroup of about as many points as are wanted.
  const unsigned log_part = std::min(log, static_cast<unsigned>(std::bit_width(powers.size())));
  const size_t parts = size_t{1} << (log - log_part);
  std::vector<Fp> points;
  for (const uint32_t power : powers) points.push_back(root_power(static_cast<int>(log), power));
  std::vector<Fp5> values(powers.size()), part;
  for (size_t i = parts; i-- > 0;) {
    part.clear();
    for (size_t j = i; j < polynomial.size(); j += parts) part.push_back(polynomial[j]);
    const auto part_values = evaluate_on_subgroup(part, log_part);
    for (size_t k = 0; k < powers.size(); ++k)
      values[k] = values[k] * points[k] + part_values[powers[k] & ((1u << log_part) - 1)];
  }
  return values;
}

// root(log)^-index
Fp inverse_point(unsigned log, uint32_t index) {
  const uint32_t size = 1u << log;
  return root_power(static_cast<int>(log), (size - index) & (size - 1));
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
      out.beta.push_back(squeeze_fold(transcript, shape.layers[i].log_arity));
    }
    transcript.absorb("final", std::span<const Fp5>(proof.final_polynomial));
  }
  if (!transcript.check_grind("grind query", shape.params.grind_query, proof.nonce_query))
    return fail(ErrorCode::kNonce,
                fmt::format("queries: the nonce lacks its {} bits", shape.params.grind_query));
  out.indices.resize(shape.params.queries);
  transcript.squeeze_indices("queries", shape.log_domain(), out.indices);
  return out;
}

Fp5 FoldChallenges::weight(size_t u) const {
  Fp5 out = Fp5::from(Fp::one());
  for (size_t i = 0; i < beta.size(); ++i)
    if (u >> i & 1) out *= beta[i];
  return out;
}

FoldChallenges squeeze_fold(Transcript& transcript, unsigned log_arity) {
  FoldChallenges out;
  transcript.squeeze("fold", std::span(out.beta).first(log_arity));
  return out;
}

Fp5 fold_fibre(std::span<const Fp5> fibre, Fp y_inverse, const FoldChallenges& beta) {
  // By halves: F(X) = E(X^2) + X O(X^2), and 2 (E + beta O) = F(y) + F(-y) + beta/y (F(y) - F(-y)).
  // The halves are taken of the result.
  Fp5 values[1 << kMaxLogArity];
  std::ranges::copy(fibre, values);
  Fp scale = Fp::one();
  size_t halving = 0;
  for (size_t half = fibre.size() / 2; half > 0; half /= 2, ++halving) {
    const Fp step = inverse_point(static_cast<unsigned>(std::bit_width(half)), 1);
    Fp5 at = beta.beta[halving] * y_inverse;  // beta/(y w^j)
    for (size_t j = 0; j < half; ++j) {
      values[j] = values[j] + values[j + half] + at * (values[j] - values[j + half]);
      at *= step;
    }
    y_inverse *= y_inverse;
    scale *= kHalf;
  }
  return values[0] * scale;
}

Result<void> check_queries(const Shape& shape, const FriChallenges& challenges,
                           std::span<const Fp5> batch, std::span<const uint32_t* const> layer_rows,
                           std::span<const Fp5> final_polynomial) {
  // Layer by layer: `values` are what the codeword must be at `positions`.
  std::vector<uint32_t> positions = distinct_below(challenges.indices, shape.log_domain());
  std::vector<Fp5> values(batch.begin(), batch.end());
  for (size_t i = 0; i < shape.layers.size(); ++i) {
    const FriLayerShape& layer = shape.layers[i];
    const auto leaves = distinct_below(positions, layer.log_rows());
    const auto element = [&](size_t row, size_t place) {
      return element_at(layer_rows[i] + row * layer.row_words() + place * kExtensionDegree);
    };
    for (size_t k = 0; k < positions.size(); ++k) {
      const size_t row = rank(leaves, positions[k] & ((1u << layer.log_rows()) - 1));
      if (element(row, positions[k] >> layer.log_rows()) == values[k]) continue;
      if (i > 0)
        return fail(ErrorCode::kFold,
                    fmt::format("queries: position {} of layer {} is not the fold of layer {}",
                                positions[k], i, i - 1));
      return fail(ErrorCode::kDeep,
                  fmt::format("queries: index {}: layer 0 is not the batch of the opened rows",
                              positions[k]));
    }
    values.resize(leaves.size());
    for (size_t k = 0; k < leaves.size(); ++k) {
      Fp5 fibre[1 << kMaxLogArity];
      for (size_t j = 0; j < layer.parts(); ++j) fibre[j] = element(k, j);
      values[k] = fold_fibre({fibre, layer.parts()}, inverse_point(layer.log_size, leaves[k]),
                             challenges.beta[i]);
    }
    positions = leaves;
  }

  const auto last = evaluate_at_powers(final_polynomial, shape.log_final_size, positions);
  for (size_t k = 0; k < positions.size(); ++k)
    if (!(last[k] == values[k]))
      return fail(ErrorCode::kFinal,
                  fmt::format("queries: position {} of the last fold is not the final polynomial's",
                              positions[k]));
  return {};
}

}  // namespace zkvm::stark
