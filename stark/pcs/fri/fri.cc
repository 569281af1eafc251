#include "stark/pcs/fri/fri.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>

#include "stark/field/bit_reverse.h"
#include "stark/field/factor.h"
#include "stark/pcs/fri/fri_kernels.h"
#include "stark/pcs/fri/grind.h"

namespace zkvm::stark {
namespace {

constexpr size_t kPacksPerTask = 256;  // of the result: a fold reads 640 KiB for it

/// Multiplication by `factor` as a matrix of centred words, [k][i]. Adds to `constant` what the
/// kernels' centring of the other operand takes away.
void put_matrix(const Fp5& factor, uint32_t* matrix, Fp5& constant) {
  for (size_t i = 0; i < 5; ++i) {
    Fp5 basis;
    basis.c[i] = Fp::one();
    const Fp5 image = factor * basis;
    for (size_t k = 0; k < 5; ++k) matrix[5 * k + i] = centred_word(image.c[k]);
    constant += image * centre();
  }
}

/// Below one pack of results: by the verifier's formula.
Codeword short_fold(const Codeword& in, unsigned log_arity, const FoldChallenges& beta) {
  Codeword out(in.log_size() - log_arity);
  const Fp root_inverse = inverse(Fp::root_of_unity(static_cast<int>(in.log_size())));
  for (size_t e = 0; e < out.size(); ++e) {
    Fp5 fibre[1 << kMaxLogArity];
    for (size_t j = 0; j < size_t{1} << log_arity; ++j) fibre[j] = in.at(e + j * out.size());
    out.set(e, fold_fibre({fibre, size_t{1} << log_arity}, pow(root_inverse, e), beta));
  }
  return out;
}

}  // namespace

std::unique_ptr<RowSource> fri_layer_rows(const Codeword& codeword, unsigned log_arity) {
  const unsigned log_rows = codeword.log_size() - log_arity;
  std::vector<RowColumns> columns;
  for (size_t j = 0; j < size_t{1} << log_arity; ++j) {
    const size_t first = j << log_rows;
    const uint32_t* pack = codeword.pack(first / kPackLanes);
    for (size_t k = 0; k < 5; ++k)
      columns.push_back({.first = pack + k * kPackLanes + first % kPackLanes,
                         .words = 1,
                         .row_stride = 1,
                         .pack_stride = kCodewordPackWords});
  }
  return std::make_unique<ColumnRows>(log_rows,
                                      std::vector<std::vector<RowColumns>>{std::move(columns)});
}

Codeword fold(const Codeword& codeword, unsigned log_arity, const FoldChallenges& beta) {
  ZK_CHECK(1 <= log_arity && log_arity <= kMaxLogArity && log_arity <= codeword.log_size());
  const unsigned log_size = codeword.log_size() - log_arity;
  if ((size_t{1} << log_size) < kPackLanes) return short_fold(codeword, log_arity, beta);

  Codeword out(log_size);
  uint32_t matrices[25 << kMaxLogArity];
  Fp5 constant;
  const Fp scale = inverse(Fp::from(uint64_t{1} << log_arity));
  for (size_t u = 0; u < size_t{1} << log_arity; ++u)
    put_matrix(beta.weight(u) * scale, matrices + 25 * u, constant);
  const Fp root_inverse = inverse(Fp::root_of_unity(static_cast<int>(codeword.log_size())));
  const PointRun points = make_point_run(Fp::one(), root_inverse);
  const tbb::blocked_range<size_t> all(0, out.packs(), kPacksPerTask);
  tbb::parallel_for(all, [&](const auto& range) {
    PointRun here = points;
    here.first = pow(root_inverse, range.begin() * kPackLanes);
    fri_kernels().fold[log_arity - 1]({.in = codeword.pack(0),
                                       .out = out.pack(0),
                                       .out_packs = out.packs(),
                                       .first = range.begin(),
                                       .count = range.size(),
                                       .inverse_points = &here,
                                       .matrices = matrices,
                                       .constant = constant});
  });
  return out;
}

std::vector<Fp5> interpolate(const Codeword& codeword) {
  // Decimation in frequency by the inverse root, then bit reversal: the final codeword is short.
  std::vector<Fp5> values(codeword.size());
  for (size_t e = 0; e < values.size(); ++e) values[e] = codeword.at(e);
  Fp root = inverse(Fp::root_of_unity(static_cast<int>(codeword.log_size())));
  for (size_t half = values.size() / 2; half > 0; half /= 2, root *= root) {
    for (size_t block = 0; block < values.size(); block += 2 * half) {
      Fp power = Fp::one();
      for (size_t i = block; i < block + half; ++i, power *= root) {
        const Fp5 difference = values[i] - values[i + half];
        values[i] += values[i + half];
        values[i + half] = difference * power;
      }
    }
  }
  const Fp scale = inverse(Fp::from(values.size()));
  std::vector<Fp5> coefficients(values.size());
  for (size_t i = 0; i < values.size(); ++i)
    coefficients[bit_reverse(i, static_cast<int>(codeword.log_size()))] = values[i] * scale;
  return coefficients;
}

std::optional<FriCommitment> fri_commit(const Shape& shape, Codeword batch, Transcript& transcript,
                                        const std::atomic<bool>* cancelled) {
  const auto scope = transcript.scope("fri");
  FriCommitment out;
  Codeword codeword = std::move(batch);
  for (uint32_t i = 0; i < shape.layers.size(); ++i) {
    const FriLayerShape& layer = shape.layers[i];
    const auto layer_scope = transcript.scope("layer", i);
    MerkleTree tree(fri_layer_rows(codeword, layer.log_arity));
    transcript.absorb("root", tree.root());
    const auto nonce = grind(transcript, "grind", shape.params.grind_round, cancelled);
    if (!nonce) return std::nullopt;
    Codeword next = fold(codeword, layer.log_arity, squeeze_fold(transcript, layer.log_arity));
    out.layers.push_back({std::move(codeword), std::move(tree), *nonce});
    codeword = std::move(next);
  }

  out.final_polynomial = interpolate(codeword);
  // A batch of a higher degree, from a witness that violates a constraint, is cut off and does not
  // verify.
  out.final_polynomial.resize(shape.final_bound);
  transcript.absorb("final", std::span<const Fp5>(out.final_polynomial));
  return out;
}

TreeOpening open_layer(const Shape& shape, const FriCommitment& fri, size_t i,
                       std::span<const uint32_t> indices) {
  const FriLayerShape& layer = shape.layers[i];
  return fri.layers[i].tree.open(distinct_below(indices, layer.log_rows()));
}

}  // namespace zkvm::stark
