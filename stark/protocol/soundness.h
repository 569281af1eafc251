// The soundness calculator: the proven security of one proof, round by round, from the very
// parameters and shape that prover and verifier use, in one of two regimes. Nothing rests on a
// conjecture about proximity gaps. The argument is in stark/doc/soundness.md.
//
// Sources. [BCHKS25] Ben-Sasson, Carmon, Haboeck, Kopparty, Saraf, eprint 2025/2055, as evaluated
// by ethereum/soundcalc: proximity gaps of lines with error (theta n + 1)/|F| up to theta =
// (1 - rho)/2. [DKT26] Dao, Kominers, Thaler, eprint 2026/2056: of lines up to the Johnson radius, as
// machine-checked in ArkLib (ReedSolomon.mcaError_affineLine_johnson_le). [ethSTARK] eprint 2021/582:
// the out-of-domain round. [LogUp] Haboeck, eprint 2022/1530.
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

/// What the committed words are decoded by. A proof is the same in both: a regime is an argument for
/// what the queries show.
enum class Regime : uint8_t {
  kUnique,   // within (1 - rho)/2 there is one tuple of polynomials [BCHKS25]
  kJohnson,  // within about 1 - sqrt(rho) there are a few [DKT26]: fewer queries are enough
};
[[nodiscard]] const char* name(Regime regime);
/// The theorem that a claim in this regime rests on beside the random oracle, in one line.
[[nodiscard]] const char* assumption(Regime regime);

struct Soundness {
  Regime regime;
  std::vector<SoundnessRound> rounds;
  double rho;        // the rate of the worst FRI layer, which is the last one, and a little more
  double agreement;  // alpha: a word is close where it agrees on this share of the points
  unsigned multiplicity;  // m: alpha = sqrt(rho) (1 + 1/(2m)); 0 in unique decoding
  double list_size;       // L: tuples of polynomials that are close to the words of all trees
  double bits;            // the least of the rounds
};

inline constexpr double kDefaultSecurityBits = 128;
inline constexpr unsigned kMaxGrindRound = 16;  // that choose_params may choose
inline constexpr unsigned kLeastMultiplicity = 3, kMaxMultiplicity = 4096;

/// The regimes in which the proofs of a chain of `proofs` that share trees may be judged: a shared
/// root means one polynomial in unique decoding only.
[[nodiscard]] constexpr Regime widest_regime(size_t proofs) {
  return proofs == 1 ? Regime::kJohnson : Regime::kUnique;
}

/// The rounds of a proof with this shape (which holds its parameters). `tuple_width`: the key's K;
/// `publics`: number of the statement's public interactions. `least_rate`: rho is taken no smaller
/// than this; proofs that share a tree must all be computed with the greatest rho among them, for
/// only then one root means one polynomial (stark/doc/soundness.md). Never fails: a proof that
/// proves nothing has 0 bits, nor has one with a shared tree any in the Johnson regime, whose m is
/// the best one.
[[nodiscard]] Soundness soundness(const Shape& shape, unsigned tuple_width, size_t publics,
                                  double least_rate = 0, Regime regime = Regime::kUnique);

/// In unique decoding if that is enough for `bits`, or if `widest` is that; else in the Johnson regime.
[[nodiscard]] Soundness soundness_for(double bits, Regime widest, const Shape& shape,
                                      unsigned tuple_width, size_t publics, double least_rate = 0);

/// The calculator's table, one line per round.
[[nodiscard]] std::string to_string(const Soundness& soundness);

/// The fewest queries (in the Johnson regime with no more than 2^14 hashes before a round), then the
/// smallest grind_round <= kMaxGrindRound, that reach `security_bits` for tables of this key. Taken from
/// `wish`: zk, log_blowup, grind_query, log_final. Masks grow with the queries, and with them the rate and
/// again the queries: the least fixed point.
/// Errors: kSecurity if no choice reaches the level; those of make_shape.
[[nodiscard]] Result<Params> choose_params(const VerifyingKey& key,
                                           std::span<const TableSpec> tables, size_t publics,
                                           Params wish, double security_bits = kDefaultSecurityBits,
                                           double least_rate = 0, Regime regime = Regime::kUnique);

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
/// exceptions/(|E| - 1): a random linear combination with independent coefficients.
[[nodiscard]] double batch(double exceptions);
/// halvings * exceptions/|E|: a fold by that many challenges.
[[nodiscard]] double fold(double halvings, double exceptions);
/// -queries * log2(agreement).
[[nodiscard]] double queries(double agreement, double count);

/// The z for which a word u + z v of `size` points may be close to a polynomial although u and v
/// are not where it is. [BCHKS25]
[[nodiscard]] double unique_exceptions(double theta, double size);
/// The same for polynomials of fewer than `bound` coefficients, at agreement `agreement` >=
/// sqrt(bound / size) (1 + 1/(2 multiplicity)). [DKT26]
[[nodiscard]] double johnson_exceptions(double size, double bound, double agreement,
                                        unsigned multiplicity);
/// sqrt(rho) (1 + 1/(2m)).
[[nodiscard]] double johnson_agreement(double rho, unsigned multiplicity);
/// Polynomials of degree at most rho n, or tuples of such, that agree with a word, or with words on
/// common points, on this share of n points: (alpha - rho)/(alpha^2 - rho), by Johnson.
[[nodiscard]] double johnson_list(double rho, double agreement);

}  // namespace soundness_bits
}  // namespace zkvm::stark
