// stark/doc/protocol.md, section 11. SOUNDNESS: the order of the checks does not matter but for one
// thing: nothing is read from the proof before the lengths that it must have are known.
#include "stark/verifier/verifier.h"

#include <fmt/core.h>

#include "stark/hash/blake3.h"
#include "stark/hash/merkle_lanes.h"
#include "stark/protocol/proof.h"
#include "stark/verifier/constraints.h"
#include "stark/verifier/deep.h"
#include "stark/verifier/fri.h"

namespace zkvm::stark {
namespace {

struct Challenges {
  OpeningChallenges constraints;
  std::vector<Fp5> batch;  // one per opened stack
  FriChallenges fri;
};

/// Roots of the present slots, in key order.
std::vector<Digest> slot_roots(const VerifyingKey& key, const Shape& shape,
                               const Statement& statement) {
  std::vector<Digest> roots;
  size_t shared = 0;
  for (const TreeShape& tree : shape.trees) {
    if (tree.kind == TreeShape::Kind::kFixed) roots.push_back(key.slots[tree.slot].root);
    if (tree.kind == TreeShape::Kind::kShared) roots.push_back(statement.shared[shared++].root);
  }
  return roots;
}

std::span<const uint32_t> words_of(std::span<const Digest> digests) {
  return {digests.empty() ? nullptr : digests[0].data(), 8 * digests.size()};
}

/// The transcript up to the query indices: protocol.md section 8. The messages come in the order and
/// under the headings of prover.cc; the checks, below, follow section 11. Errors: kNonce.
Result<Challenges> replay(const Digest& key, const Shape& shape, const Statement& statement,
                          std::span<const Digest> slots, const Proof& proof, TranscriptLog* log) {
  Transcript transcript(log);
  Challenges out;
  const unsigned grind = shape.params.grind_round;
  const auto no_work = [&](const char* what) {
    return fail(ErrorCode::kNonce, fmt::format("{}: the nonce lacks its {} bits", what, grind));
  };

  // What a phase commits.
  const auto absorb_root = [&](Phase phase) {
    transcript.absorb(name(phase), proof.root(shape, phase));
  };

  // Statement.
  transcript.absorb("params", shape.params.serialise());
  transcript.absorb("key", key);
  transcript.absorb("statement", statement.serialise());
  transcript.absorb("tables", serialise(shape.tables));
  transcript.absorb_words("slots", words_of(slots));

  // Main.
  absorb_root(Phase::kMain);

  // Late.
  if (shape.has(Phase::kLate)) {
    if (!transcript.check_grind("grind late", grind, *proof.nonce_late)) return no_work("late");
    Fp5 late[kLateChallenges];
    transcript.squeeze("late", late);
    out.constraints.late = LatePowers(late[kLambda], late[kMu]);
    absorb_root(Phase::kLate);
  }

  // Aux.
  if (!transcript.check_grind("grind logup", grind, proof.nonce_logup)) return no_work("logup");
  Fp5 logup[2];
  transcript.squeeze("logup", logup);
  out.constraints.gamma = logup[0];
  out.constraints.beta = logup[1];
  absorb_root(Phase::kAux);
  transcript.absorb("sums", std::span<const Fp5>(proof.sums));

  // Quotient.
  out.constraints.alpha = transcript.squeeze("alpha");
  absorb_root(Phase::kQuotient);
  if (!transcript.check_grind("grind zeta", grind, proof.nonce_zeta)) return no_work("zeta");

  // Openings.
  out.constraints.zeta = transcript.squeeze("zeta");
  transcript.absorb("openings", std::span<const Fp5>(proof.openings));
  if (!transcript.check_grind("grind batch", grind, proof.nonce_batch)) return no_work("batch");

  // Fri, queries.
  out.batch.resize(shape.batched());
  transcript.squeeze("batch", out.batch);
  auto fri = replay_fri(shape, proof, transcript);
  if (!fri) return propagate(fri);
  out.fri = std::move(*fri);
  return out;
}

Result<void> check_zeta(const Fp5& zeta) {
  for (int i = 1; i < Fp5::kDegree; ++i)
    if (!(zeta.c[i] == Fp::zero())) return {};
  return fail(ErrorCode::kChallenge, "zeta lies in F");
}

/// Every multi-proof against its root: the shape's trees, then the layers'.
Result<void> check_trees(const Shape& shape, std::span<const Digest> slots,
                         std::span<const uint32_t> indices, const Proof& proof) {
  std::vector<Digest> roots(slots.begin(), slots.end());
  roots.insert(roots.end(), proof.roots.begin(), proof.roots.end());
  for (const Proof::Layer& layer : proof.layers) roots.push_back(layer.root);
  for (size_t t = 0; t < roots.size(); ++t) {
    const MerkleShape rows = merkle_shape(shape, t);
    const auto opened = opened_rows(shape, t, indices);
    std::vector<uint32_t> scratch(2 * opened.size());
    std::vector<Digest> nodes(2 * opened.size());
    if (verify_merkle_proof(roots[t], rows, opened, proof.trees[t].rows, proof.trees[t].digests,
                            scratch, nodes, MerkleLaneHasher()) != MerkleCheck::kOk)
      return fail(ErrorCode::kMerkle,
                  t < shape.trees.size()
                      ? fmt::format("tree {}: the opened rows do not lead to the root", t)
                      : fmt::format("fri: layer {}: the opened rows do not lead to the root",
                                    t - shape.trees.size()));
  }
  return {};
}

/// The batch codeword at the distinct queried positions.
std::vector<Fp5> batch_values(const Shape& shape, const Challenges& challenges,
                              const Proof& proof) {
  std::vector<const uint32_t*> rows;
  for (size_t t = 0; t < shape.trees.size(); ++t) rows.push_back(proof.trees[t].rows.data());
  const DeepBatch batch(shape, challenges.constraints.zeta, proof.openings, challenges.batch);
  return batch.at(distinct_below(challenges.fri.indices, shape.log_domain()), rows);
}

std::vector<const uint32_t*> layer_rows(const Shape& shape, const Proof& proof) {
  std::vector<const uint32_t*> rows;
  for (size_t i = 0; i < shape.layers.size(); ++i)
    rows.push_back(proof.trees[shape.trees.size() + i].rows.data());
  return rows;
}

}  // namespace

Result<Verified> verify(const VerifyingKey& key, const Statement& statement,
                        std::span<const uint8_t> bytes, const VerifyOptions& options) {
  // Format, parameters, tables, statement.
  ByteReader in(bytes);
  Proof proof;
  const auto shape = read_head(key, in, proof);
  if (!shape) return propagate(shape);
  if (auto ok = check_statement(key, *shape, statement); !ok) return propagate(ok);

  // Soundness.
  Soundness proven = soundness_for(options.security_bits, options.widest, *shape, key.tuple_width,
                                   statement.publics.size(), options.least_rate);
  if (!(proven.bits >= options.security_bits))
    return fail(ErrorCode::kSecurity,
                fmt::format("security: expected {:.2f} bits, found {:.2f} ({})",
                            options.security_bits, proven.bits, name(proven.regime)));
  if (auto ok = check_multiplicities(*shape, statement); !ok) return propagate(ok);

  // Transcript.
  const auto slots = slot_roots(key, *shape, statement);
  const Digest key_digest = blake3_hash(key.serialise());
  const auto challenges = replay(key_digest, *shape, statement, slots, proof, options.log);
  if (!challenges) return propagate(challenges);

  // Openings.
  const OpeningChallenges& drawn = challenges->constraints;
  const OpenedFingerprint fingerprint(drawn.gamma, drawn.beta, key.tuple_width);
  if (auto ok = check_zeta(drawn.zeta); !ok) return propagate(ok);
  if (auto ok = check_bus_sum(statement, fingerprint, proof.sums); !ok) return propagate(ok);
  if (auto ok = check_constraints(key, *shape, drawn, fingerprint, proof.sums, proof.openings); !ok)
    return propagate(ok);

  // Deep, fri, queries.
  const auto& indices = challenges->fri.indices;
  if (auto ok = read_openings(*shape, indices, in, proof); !ok) return propagate(ok);
  if (auto ok = check_trees(*shape, slots, indices, proof); !ok) return propagate(ok);
  const auto batch = batch_values(*shape, *challenges, proof);
  if (auto ok = check_queries(*shape, challenges->fri, batch, layer_rows(*shape, proof),
                              proof.final_polynomial);
      !ok)
    return propagate(ok);
  return Verified{key_digest, proof.params, std::move(proof.tables), std::move(proven)};
}

}  // namespace zkvm::stark
