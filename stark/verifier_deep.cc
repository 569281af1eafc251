#include "stark/verifier_deep.h"

namespace zkvm::stark {
namespace {

// A sum of products of elements of E and words of F, reduced once at the end.
class LazySum {
 public:
  void add(const Fp5& coefficient, uint32_t word) {
    for (int k = 0; k < Fp5::kDegree; ++k) {
      sum_[k] += uint64_t{coefficient.c[k].word} * word;  // < 2^32 p + p^2 < 2^64
      if (sum_[k] >= kFold) sum_[k] -= kFold;             // < 2^32 p, as p^2 < 2^32 p
    }
  }
  [[nodiscard]] Fp5 value() const {
    Fp5 out;
    for (int k = 0; k < Fp5::kDegree; ++k) out.c[k] = Fp::from_word(Fp::reduce(sum_[k]));
    return out;
  }

 private:
  static constexpr uint64_t kFold = uint64_t{Fp::kModulus} << 32;
  uint64_t sum_[Fp5::kDegree] = {};
};

}  // namespace

DeepBatch::DeepBatch(const Shape& shape, const GroupShape& group, const Fp5& zeta,
                     std::span<const Fp5> opened, std::span<const Fp5> coefficients)
    : shape_(shape),
      group_(group),
      zeta_(zeta),
      next_zeta_(zeta * Fp::root_of_unity(group.log_height)),
      coefficients_(coefficients),
      at_zeta_(opened.size() - group.next.size()) {
  for (size_t i = 0; i < at_zeta_; ++i) opened_at_zeta_ += coefficients[i] * opened[i];
  for (size_t i = at_zeta_; i < opened.size(); ++i) opened_next_ += coefficients[i] * opened[i];
}

std::vector<Fp5> DeepBatch::at(std::span<const uint32_t> indices,
                               std::span<const uint32_t* const> rows) const {
  const size_t count = indices.size();
  std::vector<Fp5> denominators(2 * count), inverses(2 * count), values(count);
  const Fp root = Fp::root_of_unity(static_cast<int>(shape_.log_domain(group_)));
  for (size_t q = 0; q < count; ++q) {
    const Fp x = Fp::from(Fp::kGenerator) * pow(root, indices[q]);
    denominators[2 * q] = x - zeta_;
    denominators[2 * q + 1] = x - next_zeta_;
  }
  batch_inverse(denominators.data(), inverses.data(), 2 * count);

  for (size_t q = 0; q < count; ++q) {
    const auto word = [&](ColumnRef column) {
      return rows[column.tree][q * group_.row_words(column.tree) + column.column];
    };
    LazySum at_zeta, next;
    size_t i = 0;
    for (uint32_t tree = 0; tree < shape_.trees.size(); ++tree)
      for (uint32_t column = 0; column < shape_.opened_width(group_, tree); ++column)
        at_zeta.add(coefficients_[i++], word({tree, column}));
    for (const ColumnRef column : group_.next) next.add(coefficients_[i++], word(column));

    Fp5 value = (at_zeta.value() - opened_at_zeta_) * inverses[2 * q] +
                (next.value() - opened_next_) * inverses[2 * q + 1];
    if (shape_.params.zk) {
      const uint32_t tree = shape_.quotient_tree();
      const uint32_t first = shape_.opened_width(group_, tree);
      for (uint32_t j = 0; j < kExtensionDegree; ++j)
        value.c[j] += Fp::from_word(word({tree, first + j}));
    }
    values[q] = value;
  }
  return values;
}

}  // namespace zkvm::stark
