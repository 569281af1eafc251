// The late phase: columns that are committed after main ones, once two challenges in E are drawn
// (stark/doc/protocol.md sections 5 and 8). A chip may weigh rows by their powers, so that a sum of
// many products becomes one product of sums (Freivalds); what that may cost in soundness is the
// calculator's row "late" (stark/doc/soundness.md).
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <zk/check.h>

#include "stark/field/field.h"

namespace zkvm::stark {

/// The challenges, in the order in which they are drawn.
inline constexpr unsigned kLambda = 0;
inline constexpr unsigned kMu = 1;
inline constexpr unsigned kLateChallenges = 2;
/// The greatest power of one that an assert may hold, small so that all of them make a table.
inline constexpr unsigned kMaxLatePower = 64;
/// The greatest degree in both that a chip may say a row of its adds.
inline constexpr unsigned kMaxLateDegree = 1024;

/// Powers 0..kMaxLatePower of the challenges.
class LatePowers {
 public:
  LatePowers() = default;
  LatePowers(const Fp5& lambda, const Fp5& mu) {
    const Fp5 challenges[] = {lambda, mu};
    for (unsigned i = 0; i < kLateChallenges; ++i) {
      powers_[i][0] = Fp5::one();
      for (unsigned n = 1; n <= kMaxLatePower; ++n)
        powers_[i][n] = powers_[i][n - 1] * challenges[i];
    }
  }

  /// REQUIRES: challenge < kLateChallenges, power <= kMaxLatePower.
  [[nodiscard]] const Fp5& operator()(unsigned challenge, unsigned power) const {
    ZK_CHECK(challenge < kLateChallenges && power <= kMaxLatePower);
    return powers_[challenge][power];
  }
  /// All of them as words, those of a challenge in order, each with its five coordinates: word
  /// late_word(i, n, c) is coordinate c of challenge i to the power n.
  [[nodiscard]] const uint32_t* words() const {
    static_assert(sizeof(Fp5) == 20);
    return reinterpret_cast<const uint32_t*>(powers_);
  }

 private:
  Fp5 powers_[kLateChallenges][kMaxLatePower + 1];
};

[[nodiscard, gnu::always_inline]] constexpr size_t late_word(unsigned challenge, unsigned power, unsigned coordinate) {
  return size_t{5} * (challenge * (kMaxLatePower + 1) + power) + coordinate;
}

}  // namespace zkvm::stark
