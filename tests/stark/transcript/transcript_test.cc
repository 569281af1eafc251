// The transcript: golden values from an independent implementation, and that every part of a
// message counts.
#include "stark/transcript/transcript.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "stark/transcript/transcript_log.h"

namespace zkvm::stark {
namespace {

using Words = std::vector<uint32_t>;

Words words(std::span<const Fp5> elements) {
  auto* first = reinterpret_cast<const uint32_t*>(elements.data());
  return Words(first, first + 5 * elements.size());
}

Words squeeze(Transcript& t, std::string_view label, size_t count = 1) {
  std::vector<Fp5> out(count);
  t.squeeze(label, out);
  return words(out);
}

std::vector<uint8_t> bytes(size_t n, const std::function<size_t(size_t)>& f) {
  std::vector<uint8_t> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<uint8_t>(f(i));
  return out;
}

// The smallest good nonce.
uint64_t grind(Transcript& t, std::string_view label, unsigned bits) {
  (void)t.begin_grind();
  uint64_t nonce = 0;
  while (!t.finish_grind(label, bits, nonce)) ++nonce;
  return nonce;
}

// The conversation of tests/oracle/transcript.py, and the values it prints.
TEST(Transcript, Golden) {
  TranscriptRecorder log;
  Transcript t(&log);
  t.absorb("params", bytes(7, [](size_t i) { return i; }));
  Digest root;
  auto root_bytes = bytes(32, [](size_t i) { return 7 * i; });
  std::copy(root_bytes.begin(), root_bytes.end(), reinterpret_cast<uint8_t*>(root.data()));
  t.absorb("root", root);
  EXPECT_EQ(squeeze(t, "one"), (Words{283095735, 1951621850, 89632281, 1616184323, 965081538}));
  {
    auto fri = t.scope("fri");
    const Words betas[] = {{673321908, 964200670, 1915972846, 530873695, 840234226},
                           {293930409, 2112005217, 1273523088, 122610088, 1868867049}};
    const uint64_t nonces[] = {52, 39};
    for (uint32_t layer = 0; layer < 2; ++layer) {
      auto scope = t.scope("layer", layer);
      t.absorb("root", bytes(32, [&](size_t) { return layer; }));
      EXPECT_EQ(grind(t, "grind", 6 + layer), nonces[layer]);
      EXPECT_EQ(squeeze(t, "beta"), betas[layer]);
    }
    t.absorb("final", bytes(3000, [](size_t i) { return i % 251; }));
  }
  EXPECT_TRUE(t.check_grind("off", 0, 0));
  Words batch = squeeze(t, "batch", 100);
  EXPECT_EQ(Words(batch.end() - 5, batch.end()),
            (Words{1879424346, 70437136, 940466038, 1770592883, 1903448395}));
  Words queries(8);
  t.squeeze_indices("queries", 10, queries);
  EXPECT_EQ(queries, (Words{874, 870, 697, 984, 1, 586, 978, 454}));
  t.squeeze_indices("queries", 10, queries);
  EXPECT_EQ(queries, (Words{816, 177, 727, 402, 481, 191, 9, 192}));

  ASSERT_EQ(log.messages().size(), 13u);
  const auto& nonce = log.messages()[4];
  EXPECT_EQ(nonce.kind, TranscriptLog::Kind::kGrind);
  EXPECT_EQ(nonce.label, "fri/layer 0/grind");
  EXPECT_EQ(nonce.length, 8u);
  EXPECT_EQ(nonce.digest[0], 0x2d987a9eu);
  EXPECT_EQ(log.messages()[9].label, "fri/final");
  EXPECT_EQ(log.messages()[10].length, 2000u);
}

// Each change of one part of one message changes the next challenge.
TEST(Transcript, EveryPartOfAMessageCounts) {
  using Conversation = std::function<void(Transcript&)>;
  const std::vector<uint8_t> two = {1, 2}, one = {1}, other = {2};
  const std::vector<Conversation> conversations = {
      [](Transcript&) {},
      [&](Transcript& t) { t.absorb("a", two); },
      [&](Transcript& t) { t.absorb("b", two); },
      [&](Transcript& t) { t.absorb("a", one); },
      [&](Transcript& t) { t.absorb("a", other); },
      [&](Transcript& t) { t.absorb("a", std::span<const uint8_t>()); },
      [&](Transcript& t) { t.absorb("a", one), t.absorb("a", other); },
      [&](Transcript& t) { t.absorb("a", other), t.absorb("a", one); },
      [&](Transcript& t) { t.absorb("", std::vector<uint8_t>{1, 'a', 1, 2}); },
      [&](Transcript& t) {
        auto scope = t.scope("s");
        t.absorb("a", two);
      },
      [&](Transcript& t) {
        auto scope = t.scope("s", 1);
        t.absorb("a", two);
      },
      [&](Transcript& t) {
        auto scope = t.scope("s", 10);
        t.absorb("a", two);
      },
      [&](Transcript& t) { (void)squeeze(t, "x"); },
      [&](Transcript& t) { (void)squeeze(t, "y"); },
      [&](Transcript& t) { (void)squeeze(t, "x"), (void)squeeze(t, "x"); },
      [&](Transcript& t) { (void)grind(t, "x", 1); },
  };
  std::set<Words> challenges;
  for (const auto& talk : conversations) {
    Transcript t;
    talk(t);
    challenges.insert(squeeze(t, "challenge"));
  }
  EXPECT_EQ(challenges.size(), conversations.size());
  Transcript t;
  challenges.insert(squeeze(t, "another label"));
  EXPECT_EQ(challenges.size(), conversations.size() + 1);
}

TEST(Transcript, FieldElementsAreAbsorbedInWireForm) {
  Transcript a, b, c;
  std::vector<Fp5> elements(3);
  a.squeeze("x", elements);
  (void)b.squeeze("x", std::span(elements).first(3));
  (void)squeeze(c, "x", 3);
  Words w = words(elements);
  std::span raw(reinterpret_cast<const uint8_t*>(w.data()), 4 * w.size());
  a.absorb("m", elements);
  b.absorb_words("m", w);
  c.absorb("m", raw);
  Words challenge = squeeze(a, "c");
  EXPECT_EQ(challenge, squeeze(b, "c"));
  EXPECT_EQ(challenge, squeeze(c, "c"));
}

TEST(Transcript, FieldElementsAreBelowTheModulusAndDiffer) {
  Transcript t;
  Words drawn = squeeze(t, "x", 20000);
  std::set<uint32_t> distinct(drawn.begin(), drawn.end());
  EXPECT_LT(*distinct.rbegin(), Fp::kModulus);
  EXPECT_GT(distinct.size(), drawn.size() - 30);  // birthday: 2.3 collisions expected
  double mean = 0;
  for (uint32_t word : drawn) mean += word / static_cast<double>(drawn.size());
  EXPECT_NEAR(mean / Fp::kModulus, 0.5, 0.006);  // six standard deviations
}

TEST(Transcript, IndicesCoverTheirRange) {
  Transcript t;
  Words drawn(1000);
  t.squeeze_indices("x", 3, drawn);
  EXPECT_EQ(std::set<uint32_t>(drawn.begin(), drawn.end()).size(), 8u);
  t.squeeze_indices("x", 0, drawn);
  EXPECT_EQ(std::set<uint32_t>(drawn.begin(), drawn.end()), std::set<uint32_t>{0});
  t.squeeze_indices("x", 32, drawn);
  EXPECT_GT(*std::max_element(drawn.begin(), drawn.end()), 0xf0000000u);
}

TEST(Transcript, GrindAcceptsOnlyGoodNonces) {
  Transcript prover;
  uint64_t nonce = grind(prover, "work", 8);
  Words next = squeeze(prover, "x");
  Transcript verifier;
  EXPECT_TRUE(verifier.check_grind("work", 8, nonce));
  EXPECT_EQ(squeeze(verifier, "x"), next);
  int accepted = 0;
  for (uint64_t other = 0; other < nonce; ++other) {
    Transcript t;
    accepted += t.check_grind("work", 8, other);
  }
  EXPECT_EQ(accepted, 0);
  Transcript zero_bits;
  EXPECT_FALSE(zero_bits.check_grind("work", 0, 1));
}

TEST(TranscriptLog, FirstDifferenceNamesTheMessage) {
  TranscriptRecorder x, y, shorter;
  Transcript a(&x), b(&y), c(&shorter);
  const std::vector<uint8_t> data = {1, 2, 3};
  a.absorb("same", data);
  b.absorb("same", data);
  c.absorb("same", data);
  EXPECT_EQ(TranscriptRecorder::first_difference(x, y), "");
  auto in_a = a.scope("fri");
  auto in_b = b.scope("fri");
  a.absorb("left", data);
  b.absorb("right", data);
  std::string difference = TranscriptRecorder::first_difference(x, y);
  EXPECT_NE(difference.find("1 absorb  fri/left"), std::string::npos) << difference;
  EXPECT_NE(difference.find("1 absorb  fri/right"), std::string::npos) << difference;
  EXPECT_NE(TranscriptRecorder::first_difference(x, shorter).find("(ends)"), std::string::npos);
  EXPECT_NE(x.to_string().find("fri/left"), std::string::npos);
}

TEST(TranscriptLog, DoesNotChangeTheTranscript) {
  TranscriptRecorder log;
  Transcript with(&log), without;
  for (Transcript* t : {&with, &without}) {
    auto scope = t->scope("s", 0);
    t->absorb("a", std::vector<uint8_t>(100, 1));
    (void)t->squeeze("b");
  }
  EXPECT_EQ(squeeze(with, "c"), squeeze(without, "c"));
}

TEST(TranscriptDeathTest, LabelsMustFitOneByte) {
  EXPECT_DEATH(
      {
        Transcript t;
        auto scope = t.scope(std::string(200, 'x'));
        t.absorb(std::string(60, 'y'), std::vector<uint8_t>{});
      },
      "kMaxLabel");
}

}  // namespace
}  // namespace zkvm::stark
