#include "stark/prover/stages/quotient.h"

#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>

#include "stark/pcs/commit/committed_tree.h"
#include "stark/poly/lde.h"
#include "stark/poly/ntt.h"

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
/// columns 0..4, hi to 5..9, and hi to `values` as well.
void interpolate_halves(const GroupShape& group, TileMatrix& values, TileMatrix& coefficients) {
  const Fp shift = lde_shift(group.log_height);
  interpolate(values, shift);  // on s1 H too: gives Q(X w_2N)
  const Fp inverse_2 = inverse(Fp::from(2));
  const Fp inverse_2_shift_n = inverse_2 * inverse(pow(shift, group.height()));
  const Powers unshift(inverse(Fp::root_of_unity(group.log_height + 1)), group.log_height);
  for_each_row(values.rows(), [&](size_t r) {
    const Fp scale = unshift[bit_reverse(r, group.log_height)];
    uint32_t* at = values.row(0, r);
    uint32_t* row = coefficients.row(0, r);
    for (size_t c = 0; c < kDegree; ++c) {
      const Fp u0 = Fp::from_wire(at[c]), u1 = Fp::from_wire(at[kDegree + c]) * scale;
      row[c] = ((u0 + u1) * inverse_2).wire;
      row[kDegree + c] = at[kDegree + c] = ((u0 - u1) * inverse_2_shift_n).wire;
    }
    for (size_t c = kBlinding; c < kTileWidth; ++c) row[c] = 0;
  });
}

/// Coefficients of R's columns, or of the fillers of a stack of chunks: below N in the order of storage,
/// which is as random as any; those of a column follow one another.
struct Blinding {
  size_t columns = 0, size = 0;  // size: of a column
  std::vector<Fp> words;
};

Blinding draw_blinding(const Shape& shape, const GroupShape& group, const Randomness& randomness) {
  Blinding out;
  const uint32_t width = group.width[shape.tree(Phase::kQuotient)];
  if (width == kBlinding) return out;
  out.columns = width - kBlinding;
  out.size = group.short_masks ? group.height() : shape.blinding_size();
  out.words.resize(out.columns * out.size);
  const uint64_t stream = random_stream({TreeShape::Kind::kQuotient}, group.log_height);
  for (size_t i = 0; i < out.columns; ++i)
    randomness.fill_column(RandomUse::kBlinding, stream + i,
                           std::span(out.words).subspan(i * out.size, out.size));
  return out;
}

void put_blinding(const Blinding& blinding, TileMatrix& coefficients) {
  coefficients.zero_spare_columns();
  for_each_row(coefficients.rows(), [&](size_t r) {
    for (size_t i = 0; i < blinding.columns; ++i) {
      const size_t column = kBlinding + i;
      coefficients.row(static_cast<int>(column) / kTileWidth, r)[column % kTileWidth] =
          blinding.words[i * blinding.size + r].wire;
    }
  });
}

/// The coefficients of Q from 2N on: Q = (lo + X^N hi) + (X^2N - s0^2N) top, and there are at most
/// M.
TileMatrix top_coefficients(const TileMatrix& coefficients, Fp modulus, const TileMatrix& extra) {
  TileMatrix top(extra.log_rows(), coefficients.columns());
  evaluate_on_extra_coset(coefficients, {kExtraShift, &top});
  const Fp y_n = pow(kExtraShift, coefficients.rows());
  const Fp scale = inverse(y_n * y_n - modulus);
  for (size_t r = 0; r < top.rows(); ++r)
    for (int c = 0; c < kDegree; ++c) {
      const Fp low = top.at(r, c) + y_n * top.at(r, kDegree + c);
      top.set(r, c, (extra.at(r, static_cast<int>(kChunkB) + c) - low) * scale);
    }
  interpolate(top, kExtraShift);
  return top;
}

/// The random part ra of the chunks, column after column.
std::vector<Fp> draw_chunk_masks(const GroupShape& group, const Randomness& randomness) {
  std::vector<Fp> out(size_t{kDegree} * group.chunk_mask);
  const uint64_t stream = random_stream({TreeShape::Kind::kQuotient}, group.log_height);
  for (size_t c = 0; c < kDegree; ++c)
    randomness.fill(RandomUse::kQuotientChunk, stream + c, 0,
                    std::span(out).subspan(c * group.chunk_mask, group.chunk_mask));
  return out;
}

/// Puts the coefficients of chunk b below N in the place of hi, which `values` still has:
/// coefficient i is number split + i of Q, which hi has from N on and top from 2N on, less ra_i.
void shift_to_chunk_b(const GroupShape& group, const TileMatrix& values, const TileMatrix& top,
                      std::span<const Fp> chunk_mask, TileMatrix& coefficients) {
  const size_t n = group.height(), from_hi = group.split - n;
  for_each_row(n, [&](size_t r) {
    const size_t i = bit_reverse(r, group.log_height), at = from_hi + i;
    const uint32_t* from = at < n ? values.row(0, bit_reverse(at, group.log_height)) + kDegree
                                  : top.row(0, bit_reverse(at - n, top.log_rows()));
    uint32_t* row = coefficients.row(0, r) + kChunkB;
    std::copy_n(from, kDegree, row);
    for (size_t c = 0; i < group.chunk_mask && c < kDegree; ++c)
      row[c] = (Fp::from_wire(row[c]) - chunk_mask[c * group.chunk_mask + i]).wire;
  });
}

/// Coefficients from N on of chunk a, chunk b and R or fillers. Coefficient 2N + i of Q is top_i, and those of
/// chunk b from N on are the ones of Q from m + N on. `values`: hi.
GroupMasks tails(const Shape& shape, const GroupShape& group, const TileMatrix& values,
                 const TileMatrix& top, std::span<const Fp> chunk_mask, const Blinding& blinding) {
  const size_t n = group.height(), from_hi = group.split - n;
  GroupMasks out;
  if (!shape.params.zk) return out;
  const size_t most = std::max<size_t>(group.bound, blinding.size);
  out.count = static_cast<uint32_t>(most - n);
  out.words.resize((kBlinding + blinding.columns) * out.count);
  const auto at = [&](size_t column, size_t i) -> Fp& { return out.words[column * out.count + i]; };
  for (size_t c = 0; c < kDegree; ++c) {
    const auto column = static_cast<int>(c);
    for (size_t i = 0; i < from_hi; ++i)
      at(kChunkA + c, i) = values.at(bit_reverse(i, group.log_height), kDegree + column);
    for (size_t i = 0; i < group.chunk_mask; ++i)
      at(kChunkA + c, from_hi + i) = chunk_mask[c * group.chunk_mask + i];
    for (size_t i = 0; from_hi + i < 3 * size_t{group.mask_max}; ++i)
      at(kChunkB + c, i) = top.at(bit_reverse(from_hi + i, top.log_rows()), column);
  }
  for (size_t c = 0; c < blinding.columns; ++c)
    for (size_t i = 0; n + i < blinding.size; ++i)
      at(kBlinding + c, i) = blinding.words[blinding.size * c + n + i];
  return out;
}

}  // namespace

GroupMasks split_quotient(const Shape& shape, const GroupShape& group, const Randomness& randomness,
                          TileMatrix& values, const TileMatrix* extra,
                          std::span<TileMatrix> cosets) {
  const int log_n = group.log_height;
  TileMatrix& coefficients = cosets[0];
  interpolate_halves(group, values, coefficients);
  TileMatrix top;
  std::vector<Fp> chunk_mask;
  if (extra != nullptr) {
    const Fp modulus = pow(lde_shift(group.log_height), 2ull * group.height());
    top = top_coefficients(coefficients, modulus, *extra);
    for (size_t i = 0; i < top.rows(); ++i)
      for (int c = 0; c < kDegree; ++c) {
        const size_t r = bit_reverse(i, log_n);
        const Fp high = top.at(bit_reverse(i, top.log_rows()), c);
        coefficients.set(r, c, coefficients.at(r, c) - modulus * high);
      }
    chunk_mask = draw_chunk_masks(group, randomness);
    shift_to_chunk_b(group, values, top, chunk_mask, coefficients);
  }
  const Blinding blinding = draw_blinding(shape, group, randomness);
  if (blinding.columns > 0) put_blinding(blinding, coefficients);
  GroupMasks tail = tails(shape, group, values, top, chunk_mask, blinding);
  evaluate_on_cosets(tail.view(), cosets);
  return tail;
}

}  // namespace zkvm::stark
