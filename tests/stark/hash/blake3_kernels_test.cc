// Every kernel on every instruction set against blake3.h.
#include "stark/hash/blake3_kernels.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "stark/hash/blake3.h"
#include "stark/transcript/transcript.h"
#include "tests/stark/support/simd_target_test.h"

namespace zkvm::stark {
namespace {

class Blake3KernelsTest : public SimdTargetTest {
 protected:
  AlignedVector random_words(size_t count) {
    AlignedVector words(count);
    for (uint32_t& word : words) word = static_cast<uint32_t>(random_());
    return words;
  }
  static Digest lane(const uint32_t* packs, size_t lane) {
    Digest digest;
    for (size_t i = 0; i < 8; ++i) {
      digest[i] = packs[lane / kPackLanes * kDigestPackWords + i * kPackLanes + lane % kPackLanes];
    }
    return digest;
  }
  std::mt19937_64 random_{7};
};
INSTANTIATE_SIMD_TARGET_TESTS(Blake3KernelsTest);

// Rows made of tiles, narrow tiles, columns and odd strides, so that blocks begin and end anywhere.
TEST_P(Blake3KernelsTest, HashRows) {
  struct Layout {
    uint32_t words, row_stride;
  };
  const Layout layouts[] = {{16, 16}, {5, 16}, {1, 1}, {16, 16}, {13, 16}, {5, 5}, {1, 16}, {1, 1}};
  for (size_t packs : {1u, 2u, 3u, 8u}) {
    const size_t rows = packs * kPackLanes;
    for (size_t begin = 0; begin < std::size(layouts); ++begin) {
      for (size_t end = begin + 1; end <= std::size(layouts); ++end) {
        std::vector<AlignedVector> memory;
        std::vector<RowPiece> pieces;
        std::vector<std::vector<uint32_t>> expected(rows);
        for (size_t p = begin; p < end; ++p) {
          const auto [words, stride] = layouts[p];
          const uint32_t gap = p % 2 == 0 ? 0 : 32;  // packs need not be adjacent
          const uint32_t pack_stride = static_cast<uint32_t>(kPackLanes) * stride + gap;
          memory.push_back(random_words(packs * pack_stride + 16));
          pieces.push_back({memory.back().data(), words, stride, pack_stride});
          for (size_t r = 0; r < rows; ++r) {
            const uint32_t* row = memory.back().data() + r / 16 * pack_stride + r % 16 * stride;
            expected[r].insert(expected[r].end(), row, row + words);
          }
        }
        AlignedVector out(packs * kDigestPackWords);
        blake3_kernels().hash_rows(pieces.data(), pieces.size(), packs, out.data());
        for (size_t r = 0; r < rows; ++r) {
          ASSERT_EQ(lane(out.data(), r), row_hash(expected[r])) << begin << " " << end << " " << r;
        }
      }
    }
  }
}

TEST_P(Blake3KernelsTest, HashNodesInPlaceAndOutOfPlace) {
  for (size_t packs : {1u, 2u, 5u}) {
    AlignedVector left = random_words(packs * kDigestPackWords);
    AlignedVector right = random_words(packs * kDigestPackWords);
    std::vector<Digest> expected;
    for (size_t i = 0; i < packs * kPackLanes; ++i) {
      expected.push_back(node_hash(lane(left.data(), i), lane(right.data(), i)));
    }
    AlignedVector out(packs * kDigestPackWords), in_place = left;
    blake3_kernels().hash_nodes(left.data(), right.data(), packs, out.data());
    blake3_kernels().hash_nodes(in_place.data(), right.data(), packs, in_place.data());
    blake3_kernels().hash_nodes(left.data(), right.data(), packs, right.data());
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(lane(out.data(), i), expected[i]);
    EXPECT_EQ(out, in_place);
    EXPECT_EQ(out, right);
  }
}

// Any width, any count, any address; nothing is written beyond.
TEST_P(Blake3KernelsTest, HashPacked) {
  for (const size_t width : {1u, 2u, 15u, 16u, 17u, 31u, 32u, 33u, 100u}) {
    for (const size_t count : {1u, 2u, 7u, 8u, 9u, 15u, 16u, 17u, 40u}) {
      AlignedVector memory = random_words(width * count + 3);
      const std::span<const uint32_t> rows = std::span(memory).last(width * count);
      std::vector<Digest> digests(count + 1, Digest{7});
      blake3_kernels().hash_packed_rows(rows.data(), width, count, digests[0].data());
      for (size_t k = 0; k < count; ++k)
        ASSERT_EQ(digests[k], row_hash(rows.subspan(k * width, width))) << width << " " << count;
      EXPECT_EQ(digests[count], Digest{7});
    }
  }
  for (const size_t count : {1u, 5u, 8u, 16u, 19u, 32u}) {
    std::vector<Digest> pairs(2 * count), digests(count + 1, Digest{7});
    std::vector<const uint32_t*> children;
    for (Digest& digest : pairs) {
      for (uint32_t& word : digest) word = static_cast<uint32_t>(random_());
      children.push_back(digest.data());
    }
    std::ranges::shuffle(children, random_);  // digests of a proof and of earlier levels
    blake3_kernels().hash_packed_nodes(children.data(), count, digests[0].data());
    for (size_t k = 0; k < count; ++k)
      ASSERT_EQ(digests[k], node_hash(children[2 * k], children[2 * k + 1]));
    EXPECT_EQ(digests[count], Digest{7});
  }
}

TEST_P(Blake3KernelsTest, ExtendAcrossTheCarryOfTheCounter) {
  Blake3 hasher;
  hasher.update(std::vector<uint8_t>(100, 9));
  Blake3Xof xof = hasher.finish_xof();
  for (uint64_t counter : {uint64_t{0}, (uint64_t{1} << 32) - 5, uint64_t{3} << 32}) {
    AlignedVector out(48 * 16);
    blake3_kernels().extend(xof.cv(), xof.block(), xof.length(), xof.flags(), counter, 48,
                            out.data());
    xof.seek(counter);
    for (size_t i = 0; i < out.size(); ++i) ASSERT_EQ(out[i], xof.next_word()) << i;
  }
}

TEST_P(Blake3KernelsTest, GrindFindsTheFirstGoodNonce) {
  for (uint32_t seed = 0; seed < 4; ++seed) {
    Digest state{seed, 2, 3, 4, 5, 6, 7, 8};
    for (uint64_t first : {uint64_t{0}, (uint64_t{1} << 32) - 100, uint64_t{1} << 50}) {
      uint64_t expected = first;
      while (!Transcript::grind_passes(state, 7, expected)) ++expected;
      EXPECT_EQ(blake3_kernels().grind(state.data(), 7, first, 4096), expected);
      const uint64_t before = (expected - first) / 16 * 16;
      EXPECT_EQ(blake3_kernels().grind(state.data(), 7, first, before), ~uint64_t{0});
    }
  }
}

// More than 32 bits: the second word counts too. 2^-40 leaves no other way to see it than to ask
// for a good one.
TEST_P(Blake3KernelsTest, GrindReadsBothWords) {
  Digest state{1, 2, 3};
  const uint64_t easy = blake3_kernels().grind(state.data(), 12, 0, 1 << 16);
  ASSERT_NE(easy, ~uint64_t{0});
  EXPECT_EQ(blake3_kernels().grind(state.data(), 40, easy / 16 * 16, 16), ~uint64_t{0});
}

}  // namespace
}  // namespace zkvm::stark
