// BLAKE3 against the official vectors, in one piece and in many; row and node hash against the
// official hash where the two coincide.
#include "stark/hash/blake3.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string>
#include <vector>

namespace zkvm::stark {
namespace {

struct Vector {
  std::vector<uint8_t> input;
  std::vector<uint8_t> output;
};

std::vector<Vector> official_vectors() {
  std::ifstream file(ZKVM_SOURCE_DIR "/tests/vectors/blake3.json");
  std::vector<Vector> vectors;
  const auto json = nlohmann::json::parse(file);
  for (const auto& item : json["cases"]) {
    Vector v;
    v.input.resize(item["input_len"].get<size_t>());
    for (size_t i = 0; i < v.input.size(); ++i) v.input[i] = static_cast<uint8_t>(i % 251);
    std::string hex = item["hash"];
    for (size_t i = 0; i < hex.size(); i += 2) {
      v.output.push_back(static_cast<uint8_t>(std::stoi(hex.substr(i, 2), nullptr, 16)));
    }
    vectors.push_back(std::move(v));
  }
  return vectors;
}

std::vector<uint8_t> read(Blake3Xof stream, size_t bytes) {
  std::vector<uint8_t> out;
  while (out.size() < bytes) {
    uint32_t word = stream.next_word();
    for (int i = 0; i < 4; ++i) out.push_back(static_cast<uint8_t>(word >> 8 * i));
  }
  out.resize(bytes);
  return out;
}

std::vector<uint8_t> read(const Digest& digest) {
  auto* bytes = reinterpret_cast<const uint8_t*>(digest.data());
  return {bytes, bytes + sizeof digest};
}

TEST(Blake3, OfficialVectors) {
  auto vectors = official_vectors();
  ASSERT_GE(vectors.size(), 35u);
  for (const auto& v : vectors) {
    Blake3 hasher;
    hasher.update(v.input);
    EXPECT_EQ(read(hasher.finish_xof(), v.output.size()), v.output) << v.input.size();
    EXPECT_EQ(read(blake3_hash(v.input)), std::vector(v.output.begin(), v.output.begin() + 32));
  }
}

TEST(Blake3, AnyPartitionGivesTheSameHash) {
  std::vector<uint8_t> input(5000);
  std::iota(input.begin(), input.end(), uint8_t{3});
  const Digest whole = blake3_hash(input);
  for (size_t step : {1u, 3u, 4u, 63u, 64u, 65u, 1000u, 1024u, 1025u, 4999u}) {
    Blake3 hasher;
    for (size_t i = 0; i < input.size(); i += step) {
      hasher.update(std::span(input).subspan(i, std::min(step, input.size() - i)));
      (void)hasher.finish();  // must not disturb what follows
    }
    EXPECT_EQ(hasher.finish(), whole) << step;
  }
}

TEST(Blake3, WordsAreLittleEndianBytesAtAnyOffset) {
  std::vector<uint32_t> words(700);
  for (size_t i = 0; i < words.size(); ++i) words[i] = static_cast<uint32_t>(i) * 0x9e3779b9;
  std::span bytes(reinterpret_cast<const uint8_t*>(words.data()), 4 * words.size());
  for (size_t offset = 0; offset < 5; ++offset) {
    std::vector<uint8_t> prefix(offset, 0xab);
    Blake3 a, b;
    a.update(prefix);
    b.update(prefix);
    a.update(bytes);
    b.update_words(words);
    EXPECT_EQ(a.finish(), b.finish()) << offset;
  }
}

TEST(Blake3, SeekReadsTheSameStream) {
  Blake3 hasher;
  hasher.update(std::vector<uint8_t>(100, 7));
  Blake3Xof from_start = hasher.finish_xof();
  for (int i = 0; i < 5 * 16; ++i) (void)from_start.next_word();
  Blake3Xof seeked = hasher.finish_xof();
  (void)seeked.next_word();
  seeked.seek(5);
  for (int i = 0; i < 40; ++i) EXPECT_EQ(seeked.next_word(), from_start.next_word());
}

// A row that fills whole blocks of at most one chunk is hashed as the official hash would.
TEST(RowHash, EqualsBlake3OfFullBlocksUpToOneChunk) {
  for (size_t blocks : {1u, 2u, 5u, 16u}) {
    std::vector<uint32_t> row(16 * blocks);
    for (size_t i = 0; i < row.size(); ++i) row[i] = static_cast<uint32_t>(7 + i * i);
    Blake3 hasher;
    hasher.update_words(row);
    EXPECT_EQ(row_hash(row), hasher.finish()) << blocks;
  }
}

TEST(RowHash, PadsWithZerosAndTakesPieces) {
  for (size_t width = 1; width <= 70; ++width) {
    std::vector<uint32_t> row(width);
    std::iota(row.begin(), row.end(), 1000u);
    std::vector<uint32_t> padded = row;
    padded.resize((width + 15) / 16 * 16, 0);
    RowHasher pieces;
    pieces.update(std::span(row).first(width / 3));
    pieces.update(std::span(row).subspan(width / 3));
    Digest digest = pieces.finish();
    EXPECT_EQ(digest, row_hash(row)) << width;
    EXPECT_EQ(digest, row_hash(padded)) << width;
    row[width / 2] ^= 1;
    EXPECT_NE(digest, row_hash(row)) << width;
  }
}

// No official mode has these flags: expected values from tests/oracle/blake3.py.
//   row_hash(range(300)), node_hash(row_hash([1]), row_hash([2]))
TEST(RowHash, KnownAnswers) {
  std::vector<uint32_t> row(300);
  std::iota(row.begin(), row.end(), 0u);
  Digest expected_row = {{0x4b386ee1, 0xb2c4333c, 0x8398e29c, 0x8ad2b12f, 0x3f40c1b9, 0x11a6e981,
                          0x277004b9, 0xf6837269}};
  EXPECT_EQ(row_hash(row), expected_row);
  uint32_t one = 1, two = 2;
  Digest expected_node = {{0x80985297, 0x3782ba57, 0x2a1e617e, 0xb3831912, 0xec2ca5d8, 0xda18a4de,
                           0xa13e7887, 0xcb27ec10}};
  EXPECT_EQ(node_hash(row_hash({&one, 1}), row_hash({&two, 1})), expected_node);
}

static_assert(blake3_hash({})[0] == 0xb94913af, "usable in constant expressions");

}  // namespace
}  // namespace zkvm::stark
