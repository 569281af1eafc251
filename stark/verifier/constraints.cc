#include "stark/verifier/constraints.h"

#include <fmt/core.h>

#include <algorithm>

namespace zkvm::stark {
namespace {

// Public interactions, of which a journal has as many as words: no more memory than for these.
constexpr size_t kInvertedAtOnce = 256;

constexpr Fp5 kX{{{}, Fp::one(), {}, {}, {}}};  // the root that generates E

// The values of a chip's expression nodes, its asserts among them.
class ExpressionValues {
 public:
  explicit ExpressionValues(const ChipKey& chip) : chip_(chip), values_(chip.nodes.size()) {}

  void run(const TableShape& table, const GroupOpenings& openings, const LatePowers& late) {
    for (size_t i = 0; i < chip_.nodes.size(); ++i) {
      const ExpressionNode& node = chip_.nodes[i];
      switch (node.op) {
        case ExpressionNode::Op::kConst:
          values_[i] = Fp5::from(Fp::from_wire(node.a));
          break;
        case ExpressionNode::Op::kColumn:
          values_[i] = openings.at(table.columns[node.a]);
          break;
        case ExpressionNode::Op::kNext:
          values_[i] = openings.next(table.columns[node.a]);
          break;
        case ExpressionNode::Op::kAdd:
          values_[i] = values_[node.a] + values_[node.b];
          break;
        case ExpressionNode::Op::kSub:
          values_[i] = values_[node.a] - values_[node.b];
          break;
        case ExpressionNode::Op::kMul:
          values_[i] = values_[node.a] * values_[node.b];
          break;
        case ExpressionNode::Op::kLate:
          values_[i] =
              Fp5::from(late(node.a / kExtensionDegree, node.b).c[node.a % kExtensionDegree]);
          break;
      }
    }
  }
  [[nodiscard]] const Fp5& operator[](uint32_t node) const { return values_[node]; }

 private:
  const ChipKey& chip_;
  std::vector<Fp5> values_;
};

// sum_i alpha^i C_i, fed in order.
class Combination {
 public:
  explicit Combination(const Fp5& alpha) : alpha_(alpha) {}
  void add(const Fp5& constraint) {
    sum_ += power_ * constraint;
    power_ *= alpha_;
  }
  [[nodiscard]] const Fp5& sum() const { return sum_; }

 private:
  Fp5 alpha_;
  Fp5 power_ = Fp5::one();
  Fp5 sum_;
};

Fp5 form_at(const GroupAffineForm& form, const GroupOpenings& openings) {
  Fp5 value = Fp5::from(Fp::from_wire(form.constant));
  for (const auto& term : form.terms)
    value += openings.at(term.column) * Fp::from_wire(term.coefficient);
  return value;
}

struct Fraction {
  Fp5 numerator;  // sign * multiplicity
  Fp5 denominator;
};

Fraction fraction_at(const GroupInteraction& interaction, const GroupOpenings& openings,
                     const OpenedFingerprint& fingerprint) {
  std::vector<Fp5> tuple;
  tuple.reserve(interaction.tuple.size());
  for (const GroupAffineForm& form : interaction.tuple) tuple.push_back(form_at(form, openings));
  const Fp5 multiplicity = form_at(interaction.multiplicity, openings);
  return {interaction.positive ? multiplicity : -multiplicity, fingerprint(interaction.bus, tuple)};
}

// The pairs' equations and the running sum; protocol.md section 6.
void add_logup(const Shape& shape, const GroupShape& group, const GroupOpenings& openings,
               const OpenedFingerprint& fingerprint, const Fp5& sum, Combination& out) {
  const uint32_t aux = shape.tree(Phase::kAux);
  Fp5 pairs;
  for (size_t i = 0; i < group.interactions.size(); i += 2) {
    const Fp5 h = openings.extension_at({aux, static_cast<uint32_t>(i / 2) * kExtensionDegree});
    pairs += h;
    const Fraction a = fraction_at(group.interactions[i], openings, fingerprint);
    if (i + 1 == group.interactions.size()) {
      out.add(h * a.denominator - a.numerator);
    } else {
      const Fraction b = fraction_at(group.interactions[i + 1], openings, fingerprint);
      out.add(h * a.denominator * b.denominator - a.numerator * b.denominator -
              b.numerator * a.denominator);
    }
  }
  const ColumnRef acc{aux, group.acc};
  out.add(openings.extension_next(acc) - openings.extension_at(acc) - pairs +
          sum * inverse(Fp::from(group.height())));
}

Fp5 quotient_at(const Shape& shape, const GroupShape& group, const GroupOpenings& openings,
                const Fp5& zeta) {
  const uint32_t tree = shape.tree(Phase::kQuotient);
  return openings.extension_at({tree, 0}) +
         pow(zeta, group.split) * openings.extension_at({tree, kExtensionDegree});
}

}  // namespace

GroupOpenings::GroupOpenings(const Shape& shape, const GroupShape& group,
                             std::span<const Fp5> values)
    : values_(values), next_columns_(group.next) {
  uint32_t count = 0;
  for (uint32_t tree = 0; tree < shape.trees.size(); ++tree) {
    first_.push_back(count);
    count += shape.opened_width(group, tree);
  }
  first_.push_back(count);
}

const Fp5& GroupOpenings::next(ColumnRef column) const {
  const auto at = std::ranges::lower_bound(next_columns_, column);
  return values_[first_.back() + static_cast<size_t>(at - next_columns_.begin())];
}

Fp5 GroupOpenings::extension_at(ColumnRef column) const {
  Fp5 value;
  for (uint32_t j = kExtensionDegree; j-- > 0;)
    value = value * kX + at({column.tree, column.column + j});
  return value;
}

Fp5 GroupOpenings::extension_next(ColumnRef column) const {
  Fp5 value;
  for (uint32_t j = kExtensionDegree; j-- > 0;)
    value = value * kX + next({column.tree, column.column + j});
  return value;
}

OpenedFingerprint::OpenedFingerprint(const Fp5& gamma, const Fp5& beta, unsigned tuple_width)
    : gamma_(gamma) {
  powers_.push_back(Fp5::one());
  for (unsigned i = 0; i < tuple_width; ++i) powers_.push_back(powers_.back() * beta);
}

Fp5 OpenedFingerprint::operator()(uint16_t bus, std::span<const Fp5> tuple) const {
  Fp5 value = gamma_ + powers_.back() * Fp::from(bus);
  for (size_t i = 0; i < tuple.size(); ++i) value += powers_[i] * tuple[i];
  return value;
}

Result<void> check_bus_sum(const Statement& statement, const OpenedFingerprint& fingerprint,
                           std::span<const Fp5> sums) {
  Fp5 total;
  for (const Fp5& sum : sums) total += sum;
  std::vector<Fp5> tuple, denominators, inverses(kInvertedAtOnce);
  for (size_t first = 0; first < statement.publics.size(); first += kInvertedAtOnce) {
    const std::span publics = std::span(statement.publics).subspan(first);
    const size_t count = std::min(publics.size(), kInvertedAtOnce);
    denominators.clear();
    for (size_t i = 0; i < count; ++i) {
      tuple.clear();
      for (const uint32_t word : publics[i].tuple) tuple.push_back(Fp5::from(Fp::from_wire(word)));
      denominators.push_back(fingerprint(publics[i].bus, tuple));
      if (denominators.back() == Fp5::zero())
        return fail(ErrorCode::kChallenge,
                    fmt::format("public interaction {}: fingerprint is zero", first + i));
    }
    batch_inverse(denominators.data(), inverses.data(), count);
    for (size_t i = 0; i < count; ++i) {
      const Fp5 term = inverses[i] * Fp::from_wire(publics[i].multiplicity);
      total += publics[i].sign > 0 ? term : -term;
    }
  }
  if (!(total == Fp5::zero()))
    return fail(ErrorCode::kBusSum, fmt::format("buses: {} running sums and {} public interactions "
                                                "do not add up to zero",
                                                sums.size(), statement.publics.size()));
  return {};
}

Result<void> check_constraints(const VerifyingKey& key, const Shape& shape,
                               const OpeningChallenges& challenges,
                               const OpenedFingerprint& fingerprint, std::span<const Fp5> sums,
                               std::span<const Fp5> values) {
  for (size_t g = 0; g < shape.groups.size(); ++g) {
    const GroupShape& group = shape.groups[g];
    const size_t count = shape.openings(group);
    const GroupOpenings openings(shape, group, values.first(count));
    values = values.subspan(count);

    Combination constraints(challenges.alpha);
    for (const TableShape& table : group.tables) {
      const ChipKey& chip = key.chips[table.chip];
      ExpressionValues values_of_chip(chip);
      values_of_chip.run(table, openings, challenges.late);
      for (const uint32_t node : chip.asserts) constraints.add(values_of_chip[node]);
    }
    add_logup(shape, group, openings, fingerprint, sums[g], constraints);

    const Fp5 vanishing = pow(challenges.zeta, group.height()) - Fp::one();
    if (!(constraints.sum() == vanishing * quotient_at(shape, group, openings, challenges.zeta)))
      return fail(
          ErrorCode::kConstraints,
          fmt::format("group {} (2^{} rows): the constraints and the quotient differ at zeta", g,
                      group.log_height));
  }
  return {};
}

}  // namespace zkvm::stark
