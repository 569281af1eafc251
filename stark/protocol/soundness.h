// The soundness calculator: the proven security of one proof, round by round, from the very
// parameters and shape that prover and verifier use. Everything is in the unique-decoding regime,
// theta = (1 - rho)/2; nothing beyond it is claimed. The argument is in stark/doc/soundness.md.
//
// Sources. [BCHKS25] Ben-Sasson, Carmon, Haboeck, Kopparty, Saraf, eprint 2025/2055, as evaluated
// by ethereum/soundcalc: proximity gaps with error (theta n + 1)/|F| up to theta = (1 - rho)/2.
// [BCIKS20] eprint 2020/654, theorem 1.5: curves of degree l, with error l n/|F|.
// [ethSTARK] eprint 2021/582: the out-of-domain round. [LogUp] Haboeck, eprint 2022/1530.
#pragma once

#include <string>
#include <vector>

#include "stark/protocol/error.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

/// One round of the interactive protocol: what a cheating prover may hope for in it.
struct SoundnessRound {
  std::string name;     // as the transcript calls it
  std::string formula;  // with its source
  double bits;          // -log2 of the error, grinding of this round's nonce included
};

struct Soundness {
  std::vector<SoundnessRound> rounds;
  double rho;    // the rate of the worst FRI layer, which is the last one, and a little more
  double theta;  // (1 - rho)/2
  double bits;   // the least of the rounds
};

inline constexpr double kDefaultSecurityBits = 128;
inline constexpr unsigned kMaxGrindRound = 16;  // that choose_params may choose

/// The rounds of a proof with this shape (which holds its parameters). `tuple_width`: the key's K;
/// `publics`: number of the statement's public interactions. `least_rate`: rho is taken no smaller
/// than this; proofs that share a tree must all be computed with the greatest rho among them, for
/// only then one root means one polynomial (stark/doc/soundness.md). Never fails: a proof that
/// proves nothing has 0 bits.
[[nodiscard]] Soundness soundness(const Shape& shape, unsigned tuple_width, size_t publics,
                                  double least_rate = 0);

/// The calculator's table, one line per round.
[[nodiscard]] std::string to_string(const Soundness& soundness);

/// The fewest queries, then the smallest grind_round <= kMaxGrindRound, that reach `security_bits`
/// for tables of this key. Taken from `wish`: zk, log_blowup, grind_query, log_final. Masks grow
/// with the queries, and with them the rate and again the queries: the least fixed point.
/// Errors: kSecurity if no choice reaches the level; those of make_shape.
[[nodiscard]] Result<Params> choose_params(const VerifyingKey& key,
                                           std::span<const TableSpec> tables, size_t publics,
                                           Params wish, double security_bits = kDefaultSecurityBits,
                                           double least_rate = 0);

/// The formulas of single rounds, as -log2 of an error in E (|E| = p^5), without grinding.
namespace soundness_bits {

/// D/|E|: a polynomial of total degree D in the late challenges that is zero by chance.
[[nodiscard]] double late(double degree);
/// n (width + 2)/|E|: n interactions of at most `width` tuple entries, bus identifier apart.
/// [LogUp]
[[nodiscard]] double logup(double interactions, unsigned width);
/// c/|E|: c constraints per batch with powers of one challenge (Schwartz-Zippel).
[[nodiscard]] double constraints(double count);
/// (3 (B + 1) + B - 1)/(|E| - p): constraints of degree 3 on columns of fewer than B coefficients
/// that also read the next row; zeta in F is refused. [ethSTARK]
[[nodiscard]] double out_of_domain(double bound);
/// (theta n + 1)/|E|: a random linear combination with independent coefficients. [BCHKS25]
[[nodiscard]] double batch(double theta, double size);
/// (count - 1) times that: a combination by powers of one challenge.
[[nodiscard]] double batch_by_powers(double theta, double size, double count);
/// -queries * log2(1 - theta).
[[nodiscard]] double queries(double theta, double count);

}  // namespace soundness_bits
}  // namespace zkvm::stark
