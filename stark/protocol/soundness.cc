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

/// The most work in a round that choose_params takes for fewer queries, m being free: seven nonces of
/// 2^14 hashes are a millisecond, and one bit more saves half a query.
constexpr unsigned kJohnsonGrind = 14;

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

double batch(double exceptions) { return over_field(exceptions); }  // |E| - 1 is |E| as a double

double fold(double halvings, double exceptions) { return over_field(halvings * exceptions); }

double queries(double agreement, double count) { return -count * std::log2(agreement); }

double unique_exceptions(double theta, double size) { return theta * size + 1; }

// The raw count of the theorem, (2 mu - 1) h + (n - D)/(A - D) (h + mu + 4 D mu h) + (n - D - 1) mu with
// t = m + 1/2, D the degree, A the points of agreement. Its mu and h are the greatest integers below
// t/sqrt(D/n) and t^2/(3 D/n): these themselves are the safe side.
double johnson_exceptions(double size, double bound, double agreement, unsigned multiplicity) {
  const double degree = bound - 1, rate = degree / size, t = multiplicity + 0.5;
  const double mu = t / std::sqrt(rate), h = t * t / (3 * rate);
  const double share = (size - degree) / (agreement * size - degree);
  return (2 * mu - 1) * h + share * (h + mu + 4 * degree * mu * h) + (size - degree - 1) * mu;
}

double johnson_agreement(double rho, unsigned multiplicity) {
  return std::sqrt(rho) * (1 + 1 / (2.0 * multiplicity));
}

double johnson_list(double rho, double agreement) {
  return (agreement - rho) / (agreement * agreement - rho);
}

}  // namespace soundness_bits

namespace {

/// What a regime says of words that are close.
struct Decoding {
  Regime regime;
  double agreement = 0;
  unsigned multiplicity = 0;
  double list_size = 1;

  /// Of a word of 2^log_size points and polynomials of fewer than `bound` coefficients.
  [[nodiscard]] double exceptions(unsigned log_size, double bound) const {
    const double size = power_of_two(log_size);
    return regime == Regime::kUnique
               ? soundness_bits::unique_exceptions(1 - agreement, size)
               : soundness_bits::johnson_exceptions(size, bound, agreement, multiplicity);
  }
};

Decoding unique_decoding(double rho) { return {Regime::kUnique, (1 + rho) / 2}; }

Decoding johnson_decoding(double rho, unsigned multiplicity) {
  const double agreement = soundness_bits::johnson_agreement(rho, multiplicity);
  return {Regime::kJohnson, agreement, multiplicity, soundness_bits::johnson_list(rho, agreement)};
}

/// The last m for which a rule holds that holds up to some m; the least one if there is none.
template <class Rule>
unsigned last_multiplicity(Rule rule) {
  unsigned low = kLeastMultiplicity, high = kMaxMultiplicity + 1;
  while (high - low > 1) {
    const unsigned middle = (low + high) / 2;
    (rule(middle) ? low : high) = middle;
  }
  return low;
}

/// Rounds of one proof, computed with any decoding.
class Calculator {
 public:
  Calculator(const Shape& shape, unsigned tuple_width, size_t publics, double least_rate)
      : shape_(shape), tuple_width_(tuple_width), interactions_(static_cast<double>(publics)) {
    for (const GroupShape& group : shape.groups) {
      interactions_ += static_cast<double>(group.interactions.size()) * group.height();
      constraints_ += group.constraints();
    }
    // SOUNDNESS: layer i is shown to be close to 2^arity times the next layer's bound, not to its
    // own, so the last rate, which is the greatest, is the rate of every layer and of every batch.
    last_rate_ = shape.final_bound / power_of_two(shape.log_final_size);
    // A stack is 2^s coefficients longer than its quotient by X^(2^s) - zeta: in the shortest group
    // that is most.
    const double longer = (power_of_two(shape.log_height - shape.groups.back().log_height) - 1) /
                          power_of_two(shape.log_domain());
    rho_ = std::max(least_rate, last_rate_ + longer);
  }

  [[nodiscard]] double rho() const { return rho_; }

  [[nodiscard]] Soundness with(const Decoding& decoding) const {
    Soundness out{.regime = decoding.regime,
                  .rounds = {},
                  .rho = rho_,
                  .agreement = decoding.agreement,
                  .multiplicity = decoding.multiplicity,
                  .list_size = decoding.list_size,
                  .bits = std::numeric_limits<double>::infinity()};
    const double grind = shape_.params.grind_round;
    // A false statement is false for each tuple of polynomials that the words may mean.
    const double any = std::log2(decoding.list_size);
    const bool list = decoding.regime == Regime::kJohnson;
    const auto times = [&](const char* formula) {
      return (list ? "L " : "") + std::string(formula);
    };
    const auto add = [&](std::string name, std::string formula, double bits) {
      out.bits = std::min(out.bits, bits);
      out.rounds.push_back({std::move(name), std::move(formula), bits});
    };
    const auto exceptions = [&](unsigned log_size) {
      return decoding.exceptions(log_size, last_rate_ * power_of_two(log_size));
    };
    const char* source = list ? "E(n)/(|E| - 1)  [DKT26]" : "(theta n + 1)/(|E| - 1)  [BCHKS25]";
    const char* of_fold = list ? "E(next n)/|E|  [DKT26]" : "(theta next n + 1)/|E|  [BCHKS25]";

    if (shape_.has(Phase::kLate))
      add("late", times("D/|E|  Schwartz-Zippel"),
          soundness_bits::late(static_cast<double>(shape_.late_degree)) - any + grind);
    add("logup", times("N (K + 2)/|E|  [LogUp]"),
        soundness_bits::logup(interactions_, tuple_width_) - any + grind);
    add("alpha", times("C/|E|  Schwartz-Zippel"), soundness_bits::constraints(constraints_) - any);
    const double tallest = power_of_two(shape_.log_domain(shape_.groups[0]));
    add("zeta", times("(3 (B + 1) + B - 1)/(|E| - p)  [ethSTARK]"),
        soundness_bits::out_of_domain(rho_ * tallest) - any + grind);
    add("batch", source, soundness_bits::batch(exceptions(shape_.log_domain())) + grind);
    for (size_t i = 0; i < shape_.layers.size(); ++i) {
      const FriLayerShape& layer = shape_.layers[i];
      add(fmt::format("fri/layer {}", i), fmt::format("{} {}", layer.log_arity, of_fold),
          soundness_bits::fold(layer.log_arity, exceptions(layer.log_rows())) + grind);
    }
    add("queries",
        list ? fmt::format("alpha^q, alpha = sqrt(rho) (1 + 1/{})", 2 * decoding.multiplicity)
             : "(1 - theta)^q, theta = (1 - rho)/2",
        soundness_bits::queries(decoding.agreement, shape_.params.queries) +
            shape_.params.grind_query);
    return out;
  }

  /// The m that gives most bits. With m the queries' bits rise and those of all other rounds fall, so
  /// the best one is where they meet.
  [[nodiscard]] Soundness best_johnson() const {
    const auto at = [&](unsigned multiplicity) {
      return with(johnson_decoding(rho_, multiplicity));
    };
    const unsigned last = last_multiplicity([&](unsigned m) {
      const Soundness now = at(m);
      return now.rounds.back().bits <= now.bits;  // the queries' are the fewest
    });
    Soundness below = at(last);
    if (last == kMaxMultiplicity) return below;
    Soundness above = at(last + 1);
    return below.bits >= above.bits ? below : above;
  }

 private:
  const Shape& shape_;
  unsigned tuple_width_;
  double interactions_, constraints_ = 0, last_rate_, rho_;
};

bool has_shared_tree(const Shape& shape) {
  return std::ranges::any_of(
      shape.trees, [](const TreeShape& tree) { return tree.kind == TreeShape::Kind::kShared; });
}

/// Bits of work that every round but the queries' needs to have `bits`. More than kMaxGrindRound where
/// it is not to be had.
unsigned missing_work(const Soundness& soundness, double bits) {
  double work = 0;
  for (const SoundnessRound& round : soundness.rounds) {
    if (round.name == "queries" || round.bits >= bits) continue;
    if (round.name == "alpha") return kMaxGrindRound + 1;
    work = std::max(work, std::ceil(bits - round.bits));
  }
  return static_cast<unsigned>(std::min<double>(work, kMaxGrindRound + 1));
}

Soundness nothing(Regime regime, double rho, const char* why) {
  return {regime, {{"degree", why, 0}}, rho, 1, 0, 1, 0};
}

}  // namespace

const char* name(Regime regime) {
  return regime == Regime::kUnique ? "unique decoding" : "Johnson";
}

const char* assumption(Regime regime) {
  return regime == Regime::kUnique
             ? "BCHKS25 for lines in unique decoding"
             : "DKT26 for lines up to the Johnson radius (machine-checked in ArkLib)";
}

Soundness soundness(const Shape& shape, unsigned tuple_width, size_t publics, double least_rate,
                    Regime regime) {
  const Calculator calculator(shape, tuple_width, publics, least_rate);
  const double rho = calculator.rho();
  if (!(rho < 1)) return nothing(regime, rho, "a polynomial of every degree is allowed");
  if (regime == Regime::kUnique) return calculator.with(unique_decoding(rho));
  // SOUNDNESS: a shared root names a list of polynomials here, and each proof could take another one.
  if (has_shared_tree(shape)) return nothing(regime, rho, "a shared tree in the Johnson regime");
  if (soundness_bits::johnson_agreement(rho, kLeastMultiplicity) > 1)
    return nothing(regime, rho, "sqrt(rho) (1 + 1/(2m)) exceeds 1");
  if (shape.final_bound < 2) return nothing(regime, rho, "the theorem is for degrees from 1 on");
  return calculator.best_johnson();
}

Soundness soundness_for(double bits, Regime widest, const Shape& shape, unsigned tuple_width,
                        size_t publics, double least_rate) {
  Soundness unique = soundness(shape, tuple_width, publics, least_rate);
  if (unique.bits >= bits || widest == Regime::kUnique) return unique;
  Soundness johnson = soundness(shape, tuple_width, publics, least_rate, Regime::kJohnson);
  return johnson.bits > unique.bits ? johnson : unique;
}

std::string to_string(const Soundness& soundness) {
  std::string text = fmt::format("{}: rho = {:.5f}, alpha = {:.5f}", name(soundness.regime),
                                 soundness.rho, soundness.agreement);
  if (soundness.multiplicity > 0)
    text += fmt::format(", m = {}, L = {:.1f}", soundness.multiplicity, soundness.list_size);
  text += "\n";
  for (const SoundnessRound& round : soundness.rounds)
    text += fmt::format("{:<14} {:>7.2f} bits  {}\n", round.name, round.bits, round.formula);
  return text +
         fmt::format("{:<14} {:>7.2f} bits  least of the rounds\n", "proven", soundness.bits);
}

Result<Params> choose_params(const VerifyingKey& key, std::span<const TableSpec> tables,
                             size_t publics, Params wish, double security_bits, double least_rate,
                             Regime regime) {
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
    if (const Soundness any = soundness(*shape, key.tuple_width, publics, least_rate, regime);
        any.rounds.size() == 1)
      return unreachable(any.rounds[0].formula);
    const Calculator calculator(*shape, key.tuple_width, publics, least_rate);
    const double rho = calculator.rho();
    const auto missing = [&](const Decoding& decoding) {
      return missing_work(calculator.with(decoding), security_bits);
    };
    // As large an m as the work allows takes the fewest queries, the smallest that takes no more of
    // them the least work.
    const auto at = [&](unsigned m) { return johnson_decoding(rho, m); };
    const Decoding decoding =
        regime == Regime::kUnique
            ? unique_decoding(rho)
            : at(last_multiplicity([&](unsigned m) { return missing(at(m)) <= kJohnsonGrind; }));
    const auto queries_at = [&](double agreement) {
      double count =
          std::ceil((security_bits - wish.grind_query) / soundness_bits::queries(agreement, 1));
      while (soundness_bits::queries(agreement, count) + wish.grind_query < security_bits) ++count;
      return std::max(count, 1.0);
    };
    const double needed = queries_at(decoding.agreement);
    if (needed > kMaxQueries) return unreachable(fmt::format("{:.0f} queries", needed));
    if (needed > wish.queries) {
      wish.queries = static_cast<uint16_t>(needed);
      continue;
    }
    unsigned work = missing(decoding);
    if (regime == Regime::kJohnson) {
      const unsigned more =
          last_multiplicity([&](unsigned m) { return queries_at(at(m).agreement) > wish.queries; });
      work = std::min(work, missing(at(std::min(more + 1, decoding.multiplicity))));
    }
    if (work > kMaxGrindRound) {
      const Soundness now = calculator.with(decoding);
      const auto weakest = std::ranges::min_element(now.rounds, {}, &SoundnessRound::bits);
      return unreachable(fmt::format("round {} has {:.2f} bits", weakest->name, weakest->bits));
    }
    wish.grind_round = static_cast<uint8_t>(work);
    return wish;
  }
}

}  // namespace zkvm::stark
