#include "stark/protocol/proof.h"

#include <fmt/core.h>
#include <zk/check.h>

#include <algorithm>

namespace zkvm::stark {
namespace {

constexpr uint32_t kVersion = 4;
constexpr size_t kElementBytes = 4 * Fp5::kDegree;
constexpr size_t kDigestBytes = 32;

void put(ByteWriter& out, const Fp5& element) {
  for (const Fp word : element.c) out.put(word.wire);
}
void put(ByteWriter& out, const std::vector<Fp5>& elements) {
  for (const Fp5& element : elements) put(out, element);
}

std::vector<Fp5> get_elements(ByteReader& in, size_t count) {
  std::vector<Fp5> elements;
  if (!in.can_hold(count, kElementBytes)) return elements;
  elements.resize(count);
  static_assert(sizeof(Fp5) == kElementBytes);  // an element is its words
  in.get_fields({reinterpret_cast<uint32_t*>(elements.data()), count * Fp5::kDegree});
  return elements;
}

uint64_t get_nonce(ByteReader& in, unsigned bits) { return bits == 0 ? 0 : in.get<uint64_t>(); }

/// What went wrong while reading `what`, if anything did.
Result<void> read_ok(const ByteReader& in, const std::string& what) {
  if (in.truncated())
    return fail(ErrorCode::kTruncated,
                fmt::format("proof: {}: the bytes end at {}", what, in.position()));
  if (in.non_canonical())
    return fail(ErrorCode::kNonCanonical,
                fmt::format("proof: {}: a field element before byte {} is not below p = {}", what,
                            in.position(), Fp::kModulus));
  return {};
}

Result<void> read_tables(ByteReader& in, std::vector<TableSpec>& tables) {
  const auto count = in.get<uint16_t>();
  if (count > kMaxTables)
    return fail(ErrorCode::kTables,
                fmt::format("proof: tables: expected 1..{}, found {}", kMaxTables, count));
  if (in.can_hold(count, 3)) {
    tables.resize(count);
    for (TableSpec& table : tables) {
      table.chip = in.get<uint16_t>();
      table.log_height = in.get<uint8_t>();
    }
  }
  return read_ok(in, "tables");
}

/// Whether the opened values that these tables promise can follow, before a shape is built for
/// them: each main or late column has one element of E, each pair of interactions five. (Columns of
/// slots may be several chips'.)
Result<void> check_room(const VerifyingKey& key, std::span<const TableSpec> tables,
                        ByteReader& in) {
  uint64_t values = 0;
  for (const TableSpec& table : tables)
    if (table.chip < key.chips.size())
      values += key.chips[table.chip].main_width + key.chips[table.chip].late_width +
                kExtensionDegree * (key.chips[table.chip].interactions.size() / 2);
  (void)in.can_hold(values, kElementBytes);
  return read_ok(in, "opened values of the tables");
}

}  // namespace

std::vector<uint8_t> Proof::serialise() const {
  ByteWriter out;
  out.put_text("ZKPF");
  out.put(kVersion);
  out.put_bytes(params.serialise());
  out.put_bytes(stark::serialise(tables));
  for (const Digest& root : roots) out.put(root);
  put(out, sums);
  if (params.grind_round > 0) {
    if (nonce_late) out.put(*nonce_late);
    out.put(nonce_logup);
    out.put(nonce_zeta);
    out.put(nonce_batch);
  }
  put(out, openings);
  for (const Layer& layer : layers) {
    out.put(layer.root);
    if (params.grind_round > 0) out.put(layer.nonce);
  }
  put(out, final_polynomial);
  if (params.grind_query > 0) out.put(nonce_query);
  for (const TreeOpening& tree : trees) {
    for (const uint32_t word : tree.rows) out.put(word);
    out.put(static_cast<uint32_t>(tree.digests.size()));
    for (const Digest& digest : tree.digests) out.put(digest);
  }
  return std::move(out).take();
}

MerkleShape merkle_shape(const Shape& shape, size_t tree) {
  if (tree >= shape.trees.size()) {
    const FriLayerShape& layer = shape.layers[tree - shape.trees.size()];
    return {layer.log_rows(), layer.row_words()};
  }
  const TreeShape& made = shape.trees[tree];
  return {unsigned{made.log_height} + shape.params.log_blowup + made.log_stride, made.row_words};
}

std::vector<uint32_t> opened_rows(const Shape& shape, size_t tree,
                                  std::span<const uint32_t> indices) {
  const unsigned log_stride = tree < shape.trees.size() ? shape.trees[tree].log_stride : 0;
  auto rows = distinct_below(indices, merkle_shape(shape, tree).log_size - log_stride);
  for (uint32_t& row : rows) row <<= log_stride;
  return rows;
}

std::vector<uint32_t> distinct_below(std::span<const uint32_t> indices, unsigned log_size) {
  const auto mask = static_cast<uint32_t>((uint64_t{1} << log_size) - 1);
  std::vector<uint32_t> out(indices.begin(), indices.end());
  for (uint32_t& index : out) index &= mask;
  std::ranges::sort(out);
  const auto repeated = std::ranges::unique(out);
  out.erase(repeated.begin(), repeated.end());
  return out;
}

Result<Params> read_params(ByteReader& in) {
  const auto magic = in.get_text(4);
  const auto version = in.get<uint32_t>();
  if (auto ok = read_ok(in, "magic and version"); !ok) return propagate(ok);
  if (magic != "ZKPF") return fail(ErrorCode::kFormat, "proof: magic: expected ZKPF, found another");
  if (version != kVersion)
    return fail(ErrorCode::kFormat,
                fmt::format("proof: version: expected {}, found {}", kVersion, version));
  return Params::read(in);
}

Result<Shape> read_head(const VerifyingKey& key, ByteReader& in, Proof& proof) {
  const auto params = read_params(in);
  if (!params) return propagate(params);
  proof.params = *params;
  if (auto ok = read_tables(in, proof.tables); !ok) return propagate(ok);
  if (auto ok = check_room(key, proof.tables, in); !ok) return propagate(ok);
  auto shape = make_shape(key, proof.params, proof.tables);
  if (!shape) return shape;

  const unsigned grind = proof.params.grind_round;
  for (size_t i = 0; i < shape->phases.size(); ++i) proof.roots.push_back(in.get_digest());
  proof.sums = get_elements(in, shape->groups.size());
  if (shape->has(Phase::kLate)) proof.nonce_late = get_nonce(in, grind);
  proof.nonce_logup = get_nonce(in, grind);
  proof.nonce_zeta = get_nonce(in, grind);
  proof.nonce_batch = get_nonce(in, grind);
  proof.openings = get_elements(in, shape->openings());
  if (in.can_hold(shape->layers.size(), kDigestBytes)) {
    proof.layers.resize(shape->layers.size());
    for (Proof::Layer& layer : proof.layers) {
      layer.root = in.get_digest();
      layer.nonce = get_nonce(in, grind);
    }
  }
  proof.final_polynomial = get_elements(in, shape->final_bound);
  proof.nonce_query = get_nonce(in, proof.params.grind_query);
  if (auto ok = read_ok(in, "roots, sums, openings and FRI"); !ok) return propagate(ok);
  return shape;
}

Result<void> read_openings(const Shape& shape, std::span<const uint32_t> indices, ByteReader& in,
                           Proof& proof) {
  proof.trees.resize(opened_trees(shape));
  for (size_t t = 0; t < proof.trees.size(); ++t) {
    TreeOpening& tree = proof.trees[t];
    const MerkleShape rows = merkle_shape(shape, t);
    const auto opened = opened_rows(shape, t, indices);
    std::vector<uint32_t> scratch(2 * opened.size());
    MerkleProofSize size;
    ZK_CHECK(merkle_proof_size(rows, opened, scratch, size) == MerkleCheck::kOk);
    if (in.can_hold(size.row_words, 4)) {
      tree.rows.resize(static_cast<size_t>(size.row_words));
      in.get_fields(tree.rows);
    }
    const auto digests = in.get<uint32_t>();
    if (!in.failed() && digests != size.digests)
      return fail(ErrorCode::kFormat, fmt::format("proof: tree {}: digests: expected {}, found {}",
                                                  t, size.digests, digests));
    if (in.can_hold(digests, kDigestBytes)) {
      tree.digests.resize(digests);
      in.get_words({tree.digests.empty() ? nullptr : tree.digests[0].data(), size_t{8} * digests});
    }
    if (auto ok = read_ok(in, fmt::format("opening of tree {}", t)); !ok) return ok;
  }
  if (in.remaining() != 0)
    return fail(ErrorCode::kTrailing, fmt::format("proof: {} bytes left over after byte {}",
                                                  in.remaining(), in.position()));
  return {};
}

}  // namespace zkvm::stark
