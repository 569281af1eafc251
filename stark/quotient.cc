#include "stark/quotient.h"

#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>

#include "stark/commitment.h"
#include "stark/lde.h"
#include "stark/ntt.h"

namespace zkvm::stark {
namespace {

constexpr int kDegree = Fp5::kDegree;
constexpr size_t kChunkRows = 256;  // rows of a task; a divisor of kBlockRows

/// x^i for all i below 2^log_count with one multiplication each.
class Powers {
 public:
  Powers(Fp x, unsigned log_count) : log_low_(log_count / 2) {
    const auto fill = [](std::vector<Fp>& to, Fp step, unsigned log_size) {
      Fp power = Fp::one();
      for (size_t i = 0; i < size_t{1} << log_size; ++i, power *= step) to.push_back(power);
    };
    fill(low_, x, log_low_);
    fill(high_, pow(x, uint64_t{1} << log_low_), log_count - log_low_);
  }
  Fp operator[](size_t i) const {
    return low_[i & ((size_t{1} << log_low_) - 1)] * high_[i >> log_low_];
  }

 private:
  unsigned log_low_;
  std::vector<Fp> low_, high_;
};

template <class Body>
void for_each_row(size_t rows, const Body& body) {
  const size_t chunk = std::min(kChunkRows, rows);
  tbb::parallel_for(size_t{0}, rows / chunk, [&](size_t index) {
    for (size_t r = index * chunk; r < (index + 1) * chunk; ++r) body(r);
  });
}

/// Q is known on two cosets s0 H and s1 H with s1^N = -s0^N. Modulo X^2N - s0^2N it is lo + X^N hi,
/// and modulo X^N - s^N it is lo + s^N hi on either coset.
class Halves {
 public:
  Halves(const GroupShape& group, unsigned log_blowup, std::span<const TileMatrix> cosets)
      : group_(group),
        shift_{coset_shift(group.log_height, static_cast<int>(log_blowup), 0),
               coset_shift(group.log_height, static_cast<int>(log_blowup), cosets.size() / 2)},
        inverse_2_(inverse(Fp::from(2))),
        inverse_2_shift_n_(inverse(Fp::from(2) * pow(shift_[0], group.height()))),
        values_(group.log_height, 2 * kDegree) {
    values_.zero_spare_columns();
    const TileMatrix* from[2] = {cosets.data(), &cosets[cosets.size() / 2]};
    for_each_row(values_.rows(), [&](size_t r) {
      for (int half = 0; half < 2; ++half)
        std::copy_n(from[half]->row(0, r) + kChunkB, kDegree, values_.row(0, r) + half * kDegree);
    });
  }

  /// Coefficients in bit-reversed order: columns 0..4 lo, 5..9 hi.
  [[nodiscard]] TileMatrix coefficients() && {
    interpolate(values_);
    const Powers unshift0(inverse(shift_[0]), group_.log_height);
    const Powers unshift1(inverse(shift_[1]), group_.log_height);
    for_each_row(values_.rows(), [&](size_t r) {
      const size_t i = bit_reverse(r, group_.log_height);
      const Fp scale0 = unshift0[i], scale1 = unshift1[i];
      uint32_t* row = values_.row(0, r);
      for (int c = 0; c < kDegree; ++c) {
        const Fp u0 = Fp::from_word(row[c]) * scale0;
        const Fp u1 = Fp::from_word(row[kDegree + c]) * scale1;
        row[c] = ((u0 + u1) * inverse_2_).word;
        row[kDegree + c] = ((u0 - u1) * inverse_2_shift_n_).word;
      }
    });
    return std::move(values_);
  }

  /// s0^2N.
  [[nodiscard]] Fp modulus() const { return pow(shift_[0], 2ull * group_.height()); }

 private:
  const GroupShape& group_;
  Fp shift_[2];
  Fp inverse_2_, inverse_2_shift_n_;
  TileMatrix values_;
};

/// lo + y^N hi at the points y of kSmallShift * H_M, five columns. Modulo X^M - s^M coefficient i
/// is worth s^(i - i mod M) at i mod M, and in bit-reversed order all i of one i mod M stand side
/// by side.
TileMatrix on_small_coset(const TileMatrix& coefficients, int log_m) {
  const int log_n = coefficients.log_rows(), log_terms = log_n - log_m;
  const Fp y_n = pow(kSmallShift, coefficients.rows());
  const Powers powers(pow(kSmallShift, uint64_t{1} << log_m), static_cast<unsigned>(log_terms));
  std::vector<Fp> weights;
  for (size_t u = 0; u < size_t{1} << log_terms; ++u)
    weights.push_back(powers[bit_reverse(u, log_terms)]);
  TileMatrix out(log_m, kDegree);
  out.zero_spare_columns();
  for_each_row(out.rows(), [&](size_t residue) {
    Fp lo[kDegree] = {}, hi[kDegree] = {};
    for (size_t u = 0; u < weights.size(); ++u) {
      const uint32_t* row = coefficients.row(0, (residue << log_terms) + u);
      for (int c = 0; c < kDegree; ++c) {
        lo[c] += weights[u] * Fp::from_word(row[c]);
        hi[c] += weights[u] * Fp::from_word(row[kDegree + c]);
      }
    }
    for (int c = 0; c < kDegree; ++c) out.set(residue, c, lo[c] + y_n * hi[c]);
  });
  evaluate(out, kSmallShift);
  return out;
}

/// The coefficients of Q from 2N on: Q = (lo + X^N hi) + (X^2N - s0^2N) top, and there are at most
/// M.
TileMatrix top_coefficients(const TileMatrix& coefficients, Fp modulus, const TileMatrix& small) {
  TileMatrix top = on_small_coset(coefficients, small.log_rows());
  const Fp scale = inverse(pow(kSmallShift, 2 * coefficients.rows()) - modulus);
  for (size_t r = 0; r < top.rows(); ++r)
    for (int c = 0; c < kDegree; ++c)
      top.set(r, c, (small.at(r, static_cast<int>(kChunkB) + c) - top.at(r, c)) * scale);
  interpolate(top, kSmallShift);
  return top;
}

/// Coefficients from N on of chunk a, chunk b and R. Coefficient 2N + i of Q is top_i, and those of
/// chunk b from N on are the ones of Q from m + N on.
GroupMasks tails(const Shape& shape, const GroupShape& group, const TileMatrix& coefficients,
                 const TileMatrix& top, const Randomness& randomness,
                 std::span<const Fp> batch_mask) {
  const size_t n = group.height(), from_hi = group.split - n;
  GroupMasks out;
  out.count = group.bound - group.height();
  if (!shape.params.zk) return out;
  out.words.resize(3 * kDegree * out.count);
  const auto at = [&](size_t column, size_t i) -> Fp& { return out.words[column * out.count + i]; };
  const uint64_t stream = random_stream({TreeShape::Kind::kQuotient}, group.log_height);
  std::vector<Fp> chunk_mask(group.chunk_mask);
  for (size_t c = 0; c < kDegree; ++c) {
    const auto column = static_cast<int>(c);
    randomness.fill(RandomUse::kQuotientChunk, stream + c, 0, chunk_mask);
    for (size_t i = 0; i < from_hi; ++i)
      at(kChunkA + c, i) = coefficients.at(bit_reverse(i, group.log_height), kDegree + column);
    for (size_t i = 0; i < chunk_mask.size(); ++i) at(kChunkA + c, from_hi + i) = chunk_mask[i];
    for (size_t i = 0; from_hi + i < 3 * size_t{group.mask_max}; ++i)
      at(kChunkB + c, i) = top.at(bit_reverse(from_hi + i, top.log_rows()), column);
    for (size_t i = 0; i < out.count; ++i)
      at(kBatchMask + c, i) = batch_mask[group.bound * c + n + i];
  }
  return out;
}

}  // namespace

GroupMasks split_quotient(const Shape& shape, const GroupShape& group, const Randomness& randomness,
                          const TileMatrix* small, std::span<TileMatrix> cosets) {
  const unsigned log_n = group.log_height;
  Halves halves(group, shape.params.log_blowup, cosets);
  const Fp modulus = halves.modulus();
  TileMatrix coefficients = std::move(halves).coefficients();
  TileMatrix top;
  if (small != nullptr) {
    top = top_coefficients(coefficients, modulus, *small);
    for (size_t i = 0; i < top.rows(); ++i)
      for (int c = 0; c < kDegree; ++c) {
        const size_t r = bit_reverse(i, static_cast<int>(log_n));
        const Fp high = top.at(bit_reverse(i, top.log_rows()), c);
        coefficients.set(r, c, coefficients.at(r, c) - modulus * high);
      }
  }

  // R's coefficients: below N in the order of storage, which is as random as any.
  std::vector<Fp> batch_mask(shape.params.zk ? kDegree * group.bound : 0);
  const uint64_t stream = random_stream({TreeShape::Kind::kQuotient}, group.log_height);
  if (shape.params.zk)
    for (size_t c = 0; c < kDegree; ++c)
      randomness.fill_column(RandomUse::kBatch, stream + c,
                             std::span(batch_mask).subspan(group.bound * c, group.bound));
  GroupMasks tail = tails(shape, group, coefficients, top, randomness, batch_mask);

  for (size_t c = 0; c < cosets.size(); ++c) {
    const Fp shift = coset_shift(static_cast<int>(log_n), shape.params.log_blowup, c);
    const Fp shift_n = pow(shift, group.height());
    TileMatrix values(static_cast<int>(log_n), cosets[c].columns());
    for_each_row(values.rows(), [&](size_t r) {
      const size_t i = bit_reverse(r, static_cast<int>(log_n));
      const uint32_t* from = coefficients.row(0, r);
      uint32_t* to = values.row(0, r);
      for (size_t j = 0; j < kDegree; ++j) {
        Fp a = Fp::from_word(from[j]);
        Fp mask = shape.params.zk ? batch_mask[group.bound * j + r] : Fp::zero();
        if (i < tail.count) {
          a += shift_n * tail.words[(kChunkA + j) * tail.count + i];
          mask += shift_n * tail.words[(kBatchMask + j) * tail.count + i];
        }
        to[kChunkA + j] = a.word;
        to[kChunkB + j] = 0;
        to[kBatchMask + j] = mask.word;
      }
      to[kTileWidth - 1] = 0;
    });
    evaluate(values, shift);
    const Powers w(inverse(pow(Fp::root_of_unity(static_cast<int>(log_n)), group.split)), log_n);
    const Fp unshift = inverse(pow(shift, group.split));
    for_each_row(values.rows(), [&](size_t r) {  // Qb = (Q - Qa) / x^m
      const Fp scale = unshift * w[r];
      uint32_t* row = values.row(0, r);
      const uint32_t* q = cosets[c].row(0, r) + kChunkB;
      for (size_t j = 0; j < kDegree; ++j)
        row[kChunkB + j] = ((Fp::from_word(q[j]) - Fp::from_word(row[kChunkA + j])) * scale).word;
    });
    cosets[c] = std::move(values);
  }
  return tail;
}

}  // namespace zkvm::stark
