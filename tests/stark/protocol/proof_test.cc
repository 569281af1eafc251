// The proof's bytes: every one of them belongs somewhere, and only one string is the proof.
#include "stark/protocol/proof.h"

#include "stark/verifier/verifier.h"
#include "tests/stark/support/mutator.h"
#include "tests/stark/support/proof_shapes.h"

namespace zkvm::stark {
namespace {

struct Case {
  const char* name;
  Params params;
  std::vector<TableSpec> tables;
};
const Case kCases[] = {
    {"one height", {.zk = false, .queries = 3, .grind_query = 0, .log_final = 2}, {{1, 5}}},
    {"nonces",
     {.zk = false, .queries = 3, .grind_query = 7, .grind_round = 5, .log_final = 2},
     {{1, 5}, {1, 3}}},
    {"masks, a salted slot", {.zk = true, .queries = 3, .log_final = 3}, {{0, 10}, {2, 9}, {1, 6}}},
    {"stacks of two",
     {.zk = false, .queries = 3, .log_final = 2, .log_stack = 1},
     {{1, 5}, {1, 3}}},
    {"masks, a salted slot, stacks of four",
     {.zk = true, .queries = 3, .log_final = 3, .log_stack = 2},
     {{0, 10}, {2, 9}, {1, 6}}},
};

/// A proof of the right lengths full of random values, for these query indices.
Proof random_proof(const Shape& shape, std::span<const uint32_t> indices, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto digest = [&] {
    Digest out;
    for (uint32_t& word : out) word = static_cast<uint32_t>(random());
    return out;
  };
  Proof proof;
  proof.params = shape.params;
  proof.tables = shape.tables;
  for (size_t i = 0; i < shape.phases.size(); ++i) proof.roots.push_back(digest());
  proof.sums = random_elements(shape.groups.size(), random);
  if (shape.has(Phase::kLate)) proof.nonce_late = shape.params.grind_round > 0 ? random() : 0;
  if (shape.params.grind_round > 0) {
    proof.nonce_logup = random();
    proof.nonce_zeta = random();
    proof.nonce_batch = random();
  }
  proof.openings = random_elements(shape.openings(), random);
  for (size_t i = 0; i < shape.layers.size(); ++i)
    proof.layers.push_back({digest(), shape.params.grind_round > 0 ? random() : 0});
  proof.final_polynomial = random_elements(shape.final_bound, random);
  if (shape.params.grind_query > 0) proof.nonce_query = random();
  for (size_t t = 0; t < opened_trees(shape); ++t) {
    const auto opened = opened_rows(shape, t, indices);
    std::vector<uint32_t> scratch(2 * opened.size());
    MerkleProofSize size;
    EXPECT_EQ(merkle_proof_size(merkle_shape(shape, t), opened, scratch, size), MerkleCheck::kOk);
    TreeOpening& tree = proof.trees.emplace_back();
    for (size_t i = 0; i < size.row_words; ++i) tree.rows.push_back(random_fp(random).wire);
    for (size_t i = 0; i < size.digests; ++i) tree.digests.push_back(digest());
  }
  return proof;
}

Result<Proof> read(const VerifyingKey& key, std::span<const uint8_t> bytes,
                   std::span<const uint32_t> indices) {
  ByteReader in(bytes);
  Proof proof;
  const auto shape = read_head(key, in, proof);
  if (!shape) return propagate(shape);
  if (auto ok = read_openings(*shape, indices, in, proof); !ok) return propagate(ok);
  return proof;
}

class ProofFormat : public testing::TestWithParam<Case> {
 protected:
  VerifyingKey key = test_key();
  Shape shape = test_shape(key, GetParam().params, GetParam().tables);
  std::vector<uint32_t> indices{1, 30, 9};
  Proof proof = random_proof(shape, indices, 1);
  std::vector<uint8_t> bytes = proof.serialise();
};

TEST_P(ProofFormat, ReadsWhatItWrote) {
  const auto again = read(key, bytes, indices);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(*again, proof);
  EXPECT_EQ(again->serialise(), bytes);
}

TEST_P(ProofFormat, RefusesEveryTruncation) {
  for (size_t length = 0; length < bytes.size(); ++length) {
    const auto result = read(key, std::span(bytes).first(length), indices);
    ASSERT_FALSE(result) << length << " of " << bytes.size() << " bytes";
    ASSERT_EQ(result.error().code, ErrorCode::kTruncated) << result.error().message;
  }
}

TEST_P(ProofFormat, RefusesTrailingBytes) {
  bytes.push_back(0);
  const auto result = read(key, bytes, indices);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kTrailing);
}

TEST_P(ProofFormat, RefusesWordsFromPOnward) {
  for (const ProofBytes& part : proof_layout(proof)) {
    if (part.kind != ProofBytes::Kind::kField) continue;
    for (const uint32_t word : {Fp::kModulus, Fp::kModulus + 1, 0xffffffffu}) {
      for (const size_t at : {part.offset, part.offset + part.length - 4}) {
        std::vector<uint8_t> changed = bytes;
        for (size_t i = 0; i < 4; ++i) changed[at + i] = static_cast<uint8_t>(word >> (8 * i));
        const auto result = read(key, changed, indices);
        ASSERT_FALSE(result) << part.name;
        EXPECT_EQ(result.error().code, ErrorCode::kNonCanonical) << part.name;
      }
    }
  }
}

TEST_P(ProofFormat, RefusesAnotherNumberOfDigests) {
  for (size_t t = 0; t < proof.trees.size(); ++t) {
    Proof more = proof;
    more.trees[t].digests.push_back({});
    const auto result = read(key, more.serialise(), indices);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::kFormat) << result.error().message;
  }
}

TEST_P(ProofFormat, LayoutCoversEveryByte) {
  size_t offset = 0;
  for (const ProofBytes& part : proof_layout(proof)) {
    EXPECT_EQ(part.offset, offset) << part.name;
    EXPECT_EQ(part.length % part.item, 0) << part.name;
    offset += part.length;
  }
  EXPECT_EQ(offset, bytes.size());
}

TEST_P(ProofFormat, MutationsAreRefusedOrReadBackAsTheyAre) {
  const Proof other = random_proof(shape, indices, 2);
  ProofMutator mutator(proof, other, 3);
  size_t read_back = 0;
  for (int i = 0; i < 3000; ++i) {
    std::string what;
    const auto changed = mutator.next(what);
    ASSERT_NE(changed, bytes) << what;
    const auto result = read(key, changed, indices);
    if (result) {  // one byte string for one proof
      ++read_back;
      ASSERT_NE(*result, proof) << what;
      ASSERT_EQ(result->serialise(), changed) << what;
    }
  }
  EXPECT_GT(read_back, 0);
}

TEST_P(ProofFormat, TheVerifierRefusesRandomProofsAndMutations) {
  const Statement statement{{},
                            shape.trees[0].kind == TreeShape::Kind::kShared
                                ? std::vector<SharedRoot>{{0, {}}}
                                : std::vector<SharedRoot>{}};
  ASSERT_TRUE(check_statement(key, shape, statement));
  ProofMutator mutator(proof, random_proof(shape, indices, 2), 4);
  for (int i = 0; i < 300; ++i) {
    std::string what;
    EXPECT_FALSE(verify(key, statement, mutator.next(what), {.security_bits = 0})) << what;
  }
}

INSTANTIATE_TEST_SUITE_P(Shapes, ProofFormat, testing::ValuesIn(kCases),
                         [](const auto& param_info) {
                           std::string name;
                           for (const char c : std::string(param_info.param.name))
                             if (std::isalnum(static_cast<unsigned char>(c)) != 0) name += c;
                           return name;
                         });

TEST(ProofHead, RefusesWhatIsNotAProof) {
  const auto key = test_key();
  const Shape shape = test_shape(key, kCases[0].params, kCases[0].tables);
  const Proof proof = random_proof(shape, std::vector<uint32_t>{0}, 1);
  const auto refused = [&](size_t at, uint8_t value) {
    auto bytes = proof.serialise();
    bytes[at] = value;
    const auto result = read(key, bytes, std::vector<uint32_t>{0});
    EXPECT_FALSE(result) << "byte " << at << " = " << int{value};
    return result ? ErrorCode::kFormat : result.error().code;
  };
  EXPECT_EQ(refused(0, 'X'), ErrorCode::kFormat);  // magic
  EXPECT_EQ(refused(4, 1), ErrorCode::kFormat);    // version
  EXPECT_EQ(refused(4, 2), ErrorCode::kFormat);
  EXPECT_EQ(refused(4, 5), ErrorCode::kFormat);
  EXPECT_EQ(refused(8, 2), ErrorCode::kParams);  // zk
  EXPECT_EQ(refused(9, 0), ErrorCode::kParams);  // log_blowup
  EXPECT_EQ(refused(9, 5), ErrorCode::kParams);
  EXPECT_EQ(refused(10, 0), ErrorCode::kParams);     // no queries
  EXPECT_EQ(refused(11, 0xff), ErrorCode::kParams);  // 65,283 queries
  EXPECT_EQ(refused(12, 31), ErrorCode::kParams);    // grind_query
  EXPECT_EQ(refused(13, 31), ErrorCode::kParams);    // grind_round
  EXPECT_EQ(refused(14, 13), ErrorCode::kParams);    // log_final
  EXPECT_EQ(refused(15, 5), ErrorCode::kParams);     // log_stack
  EXPECT_EQ(refused(16, 0), ErrorCode::kTables);     // no table
  EXPECT_EQ(refused(17, 0xff), ErrorCode::kTables);  // 65,281 tables
  EXPECT_EQ(refused(18, 9), ErrorCode::kTables);     // no such chip
  EXPECT_EQ(refused(20, 23), ErrorCode::kTables);    // too high
  (void)refused(15, 4);                              // other lengths than these bytes have
  (void)refused(20, 22);
}

TEST(Verifier, AsksForTheSecurityItWasTold) {
  const auto key = test_key();
  const Shape shape = test_shape(key, kCases[0].params, kCases[0].tables);
  const auto bytes = random_proof(shape, std::vector<uint32_t>{0}, 1).serialise();
  const auto result = verify(key, {}, bytes);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kSecurity);
  EXPECT_NE(result.error().message.find("128"), std::string::npos) << result.error().message;
}

}  // namespace
}  // namespace zkvm::stark
