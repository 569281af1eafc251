// The prover's randomness: what each element is, that streams are independent of each other, of
// threads and of instruction sets, and that elements are spread as uniform ones are.
#include "stark/pcs/commit/randomness.h"

#include <gtest/gtest.h>
#include <tbb/global_control.h>

#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

Randomness::Seed test_seed() {
  Randomness::Seed seed;
  std::iota(seed.begin(), seed.end(), uint8_t{1});
  return seed;
}

std::vector<Fp> draw(const Randomness& randomness, RandomUse use, uint64_t index, uint64_t part,
                     size_t count) {
  std::vector<Fp> out(count);
  randomness.fill(use, index, part, out);
  return out;
}

class RandomTest : public SimdTargetTest {
 protected:
  Randomness randomness_{test_seed()};
};
INSTANTIATE_SIMD_TARGET_TESTS(RandomTest);

// From the definition, word by word.
TEST_P(RandomTest, ElementsAreAcceptedWordsOfTheExtendedOutput) {
  for (uint64_t part : {uint64_t{0}, uint64_t{3}, uint64_t{0xffffffff}}) {
    Blake3 hasher;
    const std::string context = "zkvm prover random";
    hasher.update({reinterpret_cast<const uint8_t*>(context.data()), context.size()});
    hasher.update(test_seed());
    hasher.update_words(std::vector<uint32_t>{1, 0x89abcdef, 0x01234567});
    Blake3Xof xof = hasher.finish_xof();
    xof.seek(part << 32);
    std::vector<Fp> expected;
    while (expected.size() < 3000) {
      const uint32_t word = xof.next_word() & 0x7fffffff;
      if (word < Fp::kModulus) expected.push_back(Fp::from_wire(word));
    }
    for (size_t count : {0u, 1u, 15u, 240u, 255u, 256u, 500u, 3000u}) {
      auto out = draw(randomness_, RandomUse::kSalt, 0x0123456789abcdef, part, count);
      EXPECT_EQ(out, std::vector(expected.begin(), expected.begin() + static_cast<long>(count)));
    }
  }
}

TEST_P(RandomTest, AddressesNameDifferentStreams) {
  std::set<uint32_t> seen;
  size_t drawn = 0;
  auto add = [&](const std::vector<Fp>& elements) {
    for (Fp e : elements) seen.insert(e.wire);
    drawn += elements.size();
  };
  for (auto use : {RandomUse::kMask, RandomUse::kSalt, RandomUse::kBlinding}) {
    for (uint64_t index : {uint64_t{0}, uint64_t{1}, uint64_t{1} << 32}) {
      for (uint64_t part : {0u, 1u, 2u}) add(draw(randomness_, use, index, part, 50));
    }
  }
  Randomness::Seed other_seed = test_seed();
  other_seed[31] ^= 1;
  add(draw(Randomness(other_seed), RandomUse::kMask, 0, 0, 50));
  EXPECT_GE(seen.size() + 1, drawn);  // 0.0005 collisions expected
}

TEST_P(RandomTest, ColumnIsTheSameOnAnyNumberOfThreads) {
  std::vector<Fp> columns[3];
  for (size_t threads : {1u, 2u, 3u}) {
    tbb::global_control limit(tbb::global_control::max_allowed_parallelism, threads);
    auto& column = columns[threads - 1];
    column.resize(3 * 4096 + 77);
    randomness_.fill_column(RandomUse::kMask, 9, column);
  }
  EXPECT_EQ(columns[0], columns[1]);
  EXPECT_EQ(columns[0], columns[2]);
  auto part = draw(randomness_, RandomUse::kMask, 9, 2, 4096);
  EXPECT_TRUE(std::equal(part.begin(), part.end(), columns[0].begin() + 2 * 4096));
}

// Chi-squared over 1016 equal intervals of [0, p): 127 * 8, so that the rejected top is no multiple
// of any.
TEST_P(RandomTest, Uniform) {
  constexpr size_t kCells = 1016, kDraws = 400 * kCells;
  std::vector<Fp> column(kDraws);
  randomness_.fill_column(RandomUse::kBlinding, 1, column);
  std::vector<size_t> count(kCells);
  for (Fp e : column) {
    ASSERT_LT(e.wire, Fp::kModulus);
    ++count[uint64_t{e.wire} * kCells / Fp::kModulus];
  }
  double chi = 0;
  for (size_t c : count) chi += std::pow(static_cast<double>(c) - 400, 2) / 400;
  EXPECT_NEAR(chi, kCells - 1, 6 * std::sqrt(2.0 * kCells));
}

TEST(Random, FreshSeedsDiffer) {
  std::set<Randomness::Seed> seeds;
  for (int i = 0; i < 100; ++i) seeds.insert(Randomness::fresh_seed());
  EXPECT_EQ(seeds.size(), 100u);
}

}  // namespace
}  // namespace zkvm::stark
