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

/// Q is known on two cosets s0 H and s1 H with s1 = s0 w_2N, so s1^N = -s0^N. Modulo X^2N - s0^2N
/// it is lo + X^N hi, and modulo X^N - s^N it is lo + s^N hi on either coset.
/// `values`: columns 0..4 on s0 H, 5..9 on s1 H. Writes coefficients in bit-reversed order, lo to
/// columns 0..4, hi to 5..9; to kBatchMask.. those of R, whose column c has `stride` words.
void interpolate_halves(const GroupShape& group, const TileMatrix& values,
                        std::span<const Fp> batch_mask, size_t stride, TileMatrix& coefficients) {
  interpolate(values, coefficients, kLdeShift);  // on s1 H too: gives Q(X w_2N)
  const Fp inverse_2 = inverse(Fp::from(2));
  const Fp inverse_2_shift_n = inverse_2 * inverse(pow(kLdeShift, group.height()));
  const Powers unshift(inverse(Fp::root_of_unity(group.log_height + 1)), group.log_height);
  for_each_row(values.rows(), [&](size_t r) {
    const Fp scale = unshift[bit_reverse(r, group.log_height)];
    uint32_t* row = coefficients.row(0, r);
    for (size_t c = 0; c < kDegree; ++c) {
      const Fp u0 = Fp::from_word(row[c]), u1 = Fp::from_word(row[kDegree + c]) * scale;
      row[c] = ((u0 + u1) * inverse_2).word;
      row[kDegree + c] = ((u0 - u1) * inverse_2_shift_n).word;
      row[kBatchMask + c] = batch_mask.empty() ? 0 : batch_mask[stride * c + r].word;
    }
    row[kTileWidth - 1] = 0;
  });
}

/// The coefficients of Q from 2N on: Q = (lo + X^N hi) + (X^2N - s0^2N) top, and there are at most
/// M.
TileMatrix top_coefficients(const TileMatrix& coefficients, Fp modulus, const TileMatrix& small) {
  TileMatrix top(small.log_rows(), coefficients.columns());
  evaluate_on_small_coset(coefficients, {kSmallShift, &top});
  const Fp y_n = pow(kSmallShift, coefficients.rows());
  const Fp scale = inverse(y_n * y_n - modulus);
  for (size_t r = 0; r < top.rows(); ++r)
    for (int c = 0; c < kDegree; ++c) {
      const Fp low = top.at(r, c) + y_n * top.at(r, kDegree + c);
      top.set(r, c, (small.at(r, static_cast<int>(kChunkB) + c) - low) * scale);
    }
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
                          std::span<const TileMatrix> values, const TileMatrix* small,
                          std::span<TileMatrix> cosets) {
  const int log_n = group.log_height;
  // R's coefficients: below N in the order of storage, which is as random as any.
  std::vector<Fp> batch_mask(shape.params.zk ? kDegree * group.bound : 0);
  const uint64_t stream = random_stream({TreeShape::Kind::kQuotient}, group.log_height);
  if (shape.params.zk)
    for (size_t c = 0; c < kDegree; ++c)
      randomness.fill_column(RandomUse::kBatch, stream + c,
                             std::span(batch_mask).subspan(group.bound * c, group.bound));

  TileMatrix& coefficients = cosets[0];
  interpolate_halves(group, values[0], batch_mask, group.bound, coefficients);
  TileMatrix top;
  if (small != nullptr) {
    const Fp modulus = pow(kLdeShift, 2ull * group.height());
    top = top_coefficients(coefficients, modulus, *small);
    for (size_t i = 0; i < top.rows(); ++i)
      for (int c = 0; c < kDegree; ++c) {
        const size_t r = bit_reverse(i, log_n);
        const Fp high = top.at(bit_reverse(i, top.log_rows()), c);
        coefficients.set(r, c, coefficients.at(r, c) - modulus * high);
      }
  }
  GroupMasks tail = tails(shape, group, coefficients, top, randomness, batch_mask);
  evaluate_on_cosets(tail.view(), cosets);

  // Chunk b, in place of hi: Qb = (Q - Qa) / x^m.
  const Powers w(inverse(pow(Fp::root_of_unity(log_n), group.split)), group.log_height);
  for (size_t c = 0; c < cosets.size(); ++c) {
    const Fp unshift = inverse(pow(coset_shift(log_n, shape.params.log_blowup, c), group.split));
    const QuotientPlace place = quotient_place(c, cosets.size());
    for_each_row(cosets[c].rows(), [&](size_t r) {
      const Fp scale = unshift * w[r];
      uint32_t* row = cosets[c].row(0, r);
      const uint32_t* q = values[place.matrix].row(0, r) + place.first;
      for (size_t j = 0; j < kDegree; ++j)
        row[kChunkB + j] = ((Fp::from_word(q[j]) - Fp::from_word(row[kChunkA + j])) * scale).word;
    });
  }
  return tail;
}

}  // namespace zkvm::stark
