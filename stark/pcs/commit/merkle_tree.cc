#include "stark/pcs/commit/merkle_tree.h"

#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <array>

#include "stark/hash/blake3_kernels.h"

namespace zkvm::stark {
namespace {

// Rows whose digests one thread works on at a time: 4 KiB of digests on each level it has not
// stored.
constexpr unsigned kLogRunRows = 7;
constexpr size_t kRunRows = size_t{1} << kLogRunRows;
constexpr size_t kRunPacks = kRunRows / kPackLanes;
constexpr size_t kSaltPackWords = kSaltWords * kPackLanes;

using RunDigests = std::array<uint32_t, kRunPacks * kDigestPackWords>;

const uint32_t* address(const RowColumns& columns, size_t row) {
  return columns.first + row / kPackLanes * columns.pack_stride +
         row % kPackLanes * columns.row_stride + row / kBlockRows * columns.block_padding;
}

}  // namespace

void append_columns(const TileMatrix& matrix, std::vector<RowColumns>& coset) {
  for (int tile = 0; tile < matrix.tiles(); ++tile) {
    const auto words = static_cast<uint32_t>(matrix.used_words(tile));
    coset.push_back({matrix.row(tile, 0), words, kTileWidth, kTileWidth});
  }
}

MerkleTree::MerkleTree(unsigned log_cosets, std::vector<TreeRows> heights,
                       std::optional<TreeSalt> salt)
    : log_cosets_(log_cosets), heights_(std::move(heights)), salt_(std::move(salt)) {
  ZK_CHECK(!heights_.empty() && top() <= kMaxMerkleLogSize);
  for (size_t k = 0; k < heights_.size(); ++k) {
    const TreeRows& rows = heights_[k];
    ZK_CHECK(rows.log_rows >= log_cosets_ && rows.cosets.size() == size_t{1} << log_cosets_);
    ZK_CHECK(k == 0 || rows.log_rows < heights_[k - 1].log_rows);
    ZK_CHECK(!rows.salted || salt_.has_value());
    for (const auto& coset : rows.cosets) {
      ZK_CHECK(!coset.empty());
      for (const RowColumns& columns : coset) ZK_CHECK(columns.words >= 1 && columns.words <= 16);
    }
  }
  // Above the level where a coset is one run, every level is kept: so below it all runs are whole.
  const unsigned one_run = log_cosets_ + kLogRunRows;
  stored_top_ = top() <= one_run ? top() : std::max(top() - forgotten_levels(top()), one_run);
  nodes_ = AlignedWords(size_t{16} << stored_top_);
  build();
}

std::vector<MerkleHeight> MerkleTree::shape() const {
  std::vector<MerkleHeight> shape;
  for (const TreeRows& rows : heights_) {
    uint32_t width = rows.salted ? kSaltWords : 0;
    for (const RowColumns& columns : rows.cosets[0]) width += columns.words;
    shape.push_back({rows.log_rows, width});
  }
  return shape;
}

const TreeRows* MerkleTree::rows_at(unsigned level) const {
  for (const TreeRows& rows : heights_) {
    if (rows.log_rows == level) return &rows;
  }
  return nullptr;
}

size_t MerkleTree::pack_offset(unsigned level, size_t coset, size_t row) const {
  const size_t pack = (coset * coset_rows(level) + row) / kPackLanes;
  return (size_t{8} << level) + pack * kDigestPackWords;
}

void MerkleTree::build() {
  unsigned level = stored_top_;
  for (; in_packs(level); --level) {
    const size_t run_rows = std::min(kRunRows, coset_rows(level));
    const size_t runs = coset_rows(level) / run_rows;
    tbb::parallel_for(size_t{0}, runs << log_cosets_, [&](size_t task) {
      const size_t coset = task / runs, row = task % runs * run_rows;
      hash_run(level, coset, row, run_rows / kPackLanes,
               nodes_.data() + pack_offset(level, coset, row));
    });
  }
  for (;; --level) {
    for (uint32_t i = 0; i >> level == 0; ++i) store_node(level, i, compute_node(level, i));
    if (level == 0) break;
  }
  root_ = node(0, 0);
}

// Digests of rows [row, row + 16 * packs) of a coset at `level`, which may be below what is
// stored. Runs start at multiples of their length.
void MerkleTree::hash_run(unsigned level, size_t coset, size_t row, size_t packs,
                          uint32_t* out) const {
  if (level == top()) return hash_rows_of_run(heights_[0], coset, row, packs, out);
  const size_t other = row + coset_rows(level);  // child i + 2^level is in the same coset
  alignas(64) RunDigests scratch;
  if (level < stored_top_) {
    blake3_kernels().hash_nodes(nodes_.data() + pack_offset(level + 1, coset, row),
                                nodes_.data() + pack_offset(level + 1, coset, other), packs, out);
  } else {
    hash_run(level + 1, coset, row, packs, out);
    hash_run(level + 1, coset, other, packs, scratch.data());
    blake3_kernels().hash_nodes(out, scratch.data(), packs, out);
  }
  if (const TreeRows* rows = rows_at(level)) {
    hash_rows_of_run(*rows, coset, row, packs, scratch.data());
    blake3_kernels().hash_nodes(out, scratch.data(), packs, out);
  }
}

void MerkleTree::hash_rows_of_run(const TreeRows& rows, size_t coset, size_t row, size_t packs,
                                  uint32_t* out) const {
  alignas(64) Fp salt[kRunPacks * kSaltPackWords];
  std::vector<RowPiece> pieces;
  pieces.reserve(rows.cosets[coset].size() + kSaltWords);
  for (const RowColumns& columns : rows.cosets[coset]) {
    pieces.push_back(
        {address(columns, row), columns.words, columns.row_stride, columns.pack_stride});
  }
  if (rows.salted) {
    salt_of_run(rows, coset, row, std::span(salt).first(packs * kSaltPackWords));
    const auto* words = reinterpret_cast<const uint32_t*>(salt);
    for (size_t j = 0; j < kSaltWords; ++j) {
      pieces.push_back({words + j * kPackLanes, 1, 1, static_cast<uint32_t>(kSaltPackWords)});
    }
  }
  blake3_kernels().hash_rows(pieces.data(), pieces.size(), packs, out);
}

// Salt of the run that starts at `row`, a multiple of kRunRows or the coset's only run: word j of
// lane l of pack g is element (kSaltWords g + j) * 16 + l.
void MerkleTree::salt_of_run(const TreeRows& rows, size_t coset, size_t row,
                             std::span<Fp> out) const {
  const size_t runs = std::max<size_t>(1, coset_rows(rows.log_rows) / kRunRows);
  salt_->randomness.fill(RandomUse::kSalt, salt_->index + rows.log_rows,
                         coset * runs + row / kRunRows, out);
}

void MerkleTree::append_row(const TreeRows& rows, uint32_t index,
                            std::vector<uint32_t>& out) const {
  const size_t coset = index & ((1u << log_cosets_) - 1);
  const size_t row = index >> log_cosets_;
  for (const RowColumns& columns : rows.cosets[coset]) {
    const uint32_t* from = address(columns, row);
    out.insert(out.end(), from, from + columns.words);
  }
  if (rows.salted) {
    std::array<Fp, kRunPacks * kSaltPackWords> salt;
    const size_t pack = row % kRunRows / kPackLanes, lane = row % kPackLanes;
    salt_of_run(rows, coset, row, std::span(salt).first((pack + 1) * kSaltPackWords));
    for (size_t j = 0; j < kSaltWords; ++j) {
      out.push_back(salt[(kSaltWords * pack + j) * kPackLanes + lane].wire);
    }
  }
}

Digest MerkleTree::node(unsigned level, uint32_t index) const {
  if (level > stored_top_) return compute_node(level, index);
  Digest digest;
  if (in_packs(level)) {
    const size_t row = index >> log_cosets_;
    const uint32_t* pack =
        nodes_.data() + pack_offset(level, index & ((1u << log_cosets_) - 1), row);
    for (size_t i = 0; i < 8; ++i) digest[i] = pack[i * kPackLanes + row % kPackLanes];
  } else {
    const uint32_t* from = nodes_.data() + (size_t{8} << level) + size_t{8} * index;
    std::copy_n(from, 8, digest.begin());
  }
  return digest;
}

Digest MerkleTree::compute_node(unsigned level, uint32_t index) const {
  Digest row_digest{};
  const TreeRows* rows = rows_at(level);
  if (rows != nullptr) {
    std::vector<uint32_t> words;
    append_row(*rows, index, words);
    row_digest = row_hash(words);
    if (level == top()) return row_digest;
  }
  const Digest digest = node_hash(node(level + 1, index), node(level + 1, index + (1u << level)));
  return rows == nullptr ? digest : node_hash(digest, row_digest);
}

void MerkleTree::store_node(unsigned level, uint32_t index, const Digest& digest) {
  std::ranges::copy(digest, nodes_.data() + (size_t{8} << level) + size_t{8} * index);
}

TreeOpening MerkleTree::open(std::span<const uint32_t> indices) const {
  ZK_CHECK(merkle_detail::check_shape(shape(), indices) == MerkleCheck::kOk);
  struct Missing {
    unsigned level;
    uint32_t index;
  };
  TreeOpening opening;
  std::vector<Missing> missing;
  std::vector<uint32_t> known(indices.begin(), indices.end()), parents;
  for (unsigned level = top();; --level) {
    if (const TreeRows* rows = rows_at(level)) {
      for (uint32_t index : known) append_row(*rows, index, opening.rows);
    }
    if (level == 0) break;
    const uint32_t half = 1u << (level - 1);
    parents.clear();
    merkle_detail::for_each_parent(known, level - 1, [&](uint32_t i, size_t left, size_t right) {
      if (left == merkle_detail::kAbsent) missing.push_back({level, i});
      if (right == merkle_detail::kAbsent) missing.push_back({level, i + half});
      parents.push_back(i);
    });
    known.swap(parents);
  }
  opening.digests.resize(missing.size());
  tbb::parallel_for(size_t{0}, missing.size(), [&](size_t k) {
    opening.digests[k] = node(missing[k].level, missing[k].index);
  });
  return opening;
}

}  // namespace zkvm::stark
