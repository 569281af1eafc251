#include "stark/protocol/soundness.h"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "stark/field/field.h"

namespace zkvm::stark {
namespace {

const double kLogModulus = std::log2(static_cast<double>(Fp::kModulus));
const double kLogField = Fp5::kDegree * kLogModulus;  // log2 |E|

// -log2(numerator / |E|); nothing to fail in if the numerator is 0.
double over_field(double numerator) {
  if (numerator <= 0) return std::numeric_limits<double>::infinity();
  return kLogField - std::log2(numerator);
}

// The numerator of a batch: theta n + 1.
double gap(double theta, double size) { return theta * size + 1; }

double power_of_two(unsigned log) { return std::ldexp(1.0, static_cast<int>(log)); }

}  // namespace

namespace soundness_bits {

double late(double degree) { return over_field(degree); }

double logup(double interactions, unsigned width) { return over_field(interactions * (width + 2)); }

double constraints(double count) { return over_field(count); }

double out_of_domain(double bound) {
  // |E| - p for |E|: zeta outside F.
  const double correction = std::log2(1 - std::exp2(kLogModulus - kLogField));
  return over_field(3 * (bound + 1) + bound - 1) + correction;
}

double batch(double theta, double size) { return over_field(gap(theta, size)); }

double batch_by_powers(double theta, double size, double count) {
  return over_field((count - 1) * gap(theta, size));
}

double queries(double theta, double count) { return -count * std::log2(1 - theta); }

}  // namespace soundness_bits

Soundness soundness(const Shape& shape, unsigned tuple_width, size_t publics, double least_rate) {
  const Params& params = shape.params;
  double interactions = static_cast<double>(publics);
  double constraints = 0;
  for (const GroupShape& group : shape.groups) {
    interactions += static_cast<double>(group.interactions.size()) * group.height();
    constraints += group.constraints();
  }

  // SOUNDNESS: layer i is shown to be close to 2^arity times the next layer's bound, not to its
  // own, so the last rate, which is the greatest, is the rate of every layer and of every batch.
  Soundness out{};
  // A stack is 2^s coefficients longer than its quotient by X^(2^s) - zeta: in the shortest group
  // that is most.
  const double longer =
      (power_of_two(shape.log_height - shape.groups.back().log_height) - 1) /
      power_of_two(shape.log_domain());
  out.rho = std::max(least_rate,
                     shape.final_bound / power_of_two(shape.log_final_size) + longer);
  out.theta = (1 - out.rho) / 2;
  if (!(out.rho < 1)) {
    out.rounds.push_back({"degree", "a polynomial of every degree is allowed", 0});
    return out;
  }
  const double grind = params.grind_round;
  const auto size = [&](unsigned log_size) { return gap(out.theta, power_of_two(log_size)); };
  const auto add = [&](std::string name, std::string formula, double bits) {
    out.rounds.push_back({std::move(name), std::move(formula), bits});
  };

  if (shape.has(Phase::kLate))
    add("late", "D/|E|  Schwartz-Zippel",
        soundness_bits::late(static_cast<double>(shape.late_degree)) + grind);
  add("logup", "N (K + 2)/|E|  [LogUp]", soundness_bits::logup(interactions, tuple_width) + grind);
  add("alpha", "C/|E|  Schwartz-Zippel", soundness_bits::constraints(constraints));
  const double tallest = power_of_two(shape.log_domain(shape.groups[0]));
  add("zeta", "(3 (B + 1) + B - 1)/(|E| - p)  [ethSTARK]",
      soundness_bits::out_of_domain(out.rho * tallest) + grind);
  add("batch", "(theta n + 1)/|E|  [BCHKS25]", over_field(size(shape.log_domain())) + grind);
  for (size_t i = 0; i < shape.layers.size(); ++i) {
    const FriLayerShape& layer = shape.layers[i];
    // SOUNDNESS: the curve lies over the domain that the layer is folded to. The first term is the
    // greater one unless rho > 3/4.
    const double error = std::max(size(layer.log_size), power_of_two(layer.log_rows()));
    add(fmt::format("fri/layer {}", i), "(parts - 1) max(theta n + 1, next n)/|E|  [BCIKS20]",
        over_field((layer.parts() - 1) * error) + grind);
  }
  add("queries", "(1 - theta)^q, theta = (1 - rho)/2",
      soundness_bits::queries(out.theta, params.queries) + params.grind_query);

  out.bits = std::numeric_limits<double>::infinity();
  for (const SoundnessRound& round : out.rounds) out.bits = std::min(out.bits, round.bits);
  return out;
}

std::string to_string(const Soundness& soundness) {
  std::string text = fmt::format("unique decoding: rho = {:.5f}, theta = {:.5f}\n", soundness.rho,
                                 soundness.theta);
  for (const SoundnessRound& round : soundness.rounds)
    text += fmt::format("{:<14} {:>7.2f} bits  {}\n", round.name, round.bits, round.formula);
  return text +
         fmt::format("{:<14} {:>7.2f} bits  least of the rounds\n", "proven", soundness.bits);
}

Result<Params> choose_params(const VerifyingKey& key, std::span<const TableSpec> tables,
                             size_t publics, Params wish, double security_bits, double least_rate) {
  const auto unreachable = [&](const std::string& why) {
    return fail(ErrorCode::kSecurity,
                fmt::format("parameters: {} bits are out of reach: {}", security_bits, why));
  };
  if (!(security_bits >= 0)) return unreachable("not a number of bits");
  wish.grind_round = 0;
  wish.queries = 1;
  // From below: `needed` never falls as queries rise, so the first fixed point is the least.
  for (;;) {
    const auto shape = make_shape(key, wish, tables);
    if (!shape) return propagate(shape);
    const Soundness now = soundness(*shape, key.tuple_width, publics, least_rate);
    if (now.rounds.size() == 1) return unreachable("rate 1 or more");
    double needed =
        std::ceil((security_bits - wish.grind_query) / soundness_bits::queries(now.theta, 1));
    while (soundness_bits::queries(now.theta, needed) + wish.grind_query < security_bits) ++needed;
    if (needed > kMaxQueries) return unreachable(fmt::format("{:.0f} queries", needed));
    if (needed > wish.queries) {
      wish.queries = static_cast<uint16_t>(needed);
      continue;
    }
    for (const SoundnessRound& round : now.rounds) {
      const double missing = std::ceil(security_bits - round.bits);
      if (missing <= 0) continue;
      if (round.name == "alpha" || round.name == "queries" || missing > kMaxGrindRound)
        return unreachable(fmt::format("round {} has {:.2f} bits", round.name, round.bits));
      wish.grind_round = std::max(wish.grind_round, static_cast<uint8_t>(missing));
    }
    return wish;
  }
}

}  // namespace zkvm::stark
