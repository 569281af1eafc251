#include "stark/pcs/fri/grind.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

class GrindTest : public SimdTargetTest {};
INSTANTIATE_SIMD_TARGET_TESTS(GrindTest);

TEST_P(GrindTest, SmallestNonceWhateverTheThreads) {
  for (uint8_t seed = 0; seed < 5; ++seed) {
    const std::vector<uint8_t> message(3, seed);
    Transcript reference;
    reference.absorb("m", message);
    const Digest state = reference.begin_grind();
    uint64_t expected = 0;
    while (!Transcript::grind_passes(state, 13, expected)) ++expected;
    for (size_t threads : {1u, 2u, 4u}) {
      tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
      Transcript prover, verifier;
      prover.absorb("m", message);
      verifier.absorb("m", message);
      EXPECT_EQ(grind(prover, "work", 13), expected);
      EXPECT_TRUE(verifier.check_grind("work", 13, expected));
      EXPECT_EQ(prover.squeeze("c"), verifier.squeeze("c"));
    }
  }
}

TEST(Grind, ZeroBitsAreNoMessage) {
  Transcript with, without;
  EXPECT_EQ(grind(with, "work", 0), 0u);
  EXPECT_EQ(with.squeeze("c"), without.squeeze("c"));
}

TEST(Grind, StopsWhenCancelled) {
  Transcript transcript;
  std::atomic<bool> cancelled = true;
  EXPECT_EQ(grind(transcript, "work", 40, &cancelled), std::nullopt);
}

}  // namespace
}  // namespace zkvm::stark
