#include "stark/pcs/commit/merkle_tree.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <array>
#include <bit>

#include "stark/hash/blake3_kernels.h"

namespace zkvm::stark {
namespace {

// Rows whose digests one thread works on at a time: 4 KiB of digests on each level it has not
// stored, and no more words of rows than a second-level cache holds.
constexpr unsigned kLogRunRows = 7;
constexpr size_t kRunRows = size_t{1} << kLogRunRows;
constexpr size_t kRunPacks = kRunRows / kPackLanes;
constexpr size_t kWordsAtOnce = size_t{1} << 16;
constexpr unsigned kMostLogRuns = 3;
constexpr unsigned kLogPackLanes = 4;
static_assert(kPackLanes == size_t{1} << kLogPackLanes);

using RunDigests = std::array<uint32_t, kRunPacks * kDigestPackWords>;

}  // namespace

void append_columns(const TileMatrix& matrix, std::vector<RowColumns>& coset) {
  for (int tile = 0; tile < matrix.tiles(); ++tile) {
    const auto words = static_cast<uint32_t>(matrix.used_words(tile));
    coset.push_back({matrix.row(tile, 0), words, kTileWidth, kTileWidth});
  }
}

// -------------------------------------------------------------------------------- plain columns

namespace {

uint32_t words_of(const std::vector<RowColumns>& coset) {
  uint32_t words = 0;
  for (const RowColumns& columns : coset) words += columns.words;
  return words;
}

class ColumnCoset : public RowSource::Coset {
 public:
  ColumnCoset(const std::vector<RowColumns>& columns, size_t rows, unsigned log_count)
      : columns_(columns), step_(rows >> log_count), count_(size_t{1} << log_count) {}

  void load(size_t row, size_t, RowRuns& out) const override {
    out.pieces.resize(count_);
    for (size_t m = 0; m < count_; ++m) {
      out.pieces[m].clear();
      for (const RowColumns& columns : columns_)
        out.pieces[m].push_back(columns.piece(row + m * step_));
    }
  }

 private:
  const std::vector<RowColumns>& columns_;
  size_t step_, count_;
};

}  // namespace

ColumnRows::ColumnRows(unsigned log_rows, std::vector<std::vector<RowColumns>> cosets)
    : RowSource(log_rows, static_cast<unsigned>(std::countr_zero(cosets.size())),
                words_of(cosets[0])),
      cosets_(std::move(cosets)) {
  ZK_CHECK(std::has_single_bit(cosets_.size()) && log_rows >= log_cosets());
  for (const auto& coset : cosets_)
    for (const RowColumns& columns : coset) ZK_CHECK(columns.words >= 1 && columns.words <= 16);
}

std::unique_ptr<RowSource::Coset> ColumnRows::coset(size_t index, unsigned log_count) const {
  return std::make_unique<ColumnCoset>(cosets_[index], size_t{1} << (log_rows() - log_cosets()),
                                       log_count);
}

void ColumnRows::append_row(uint32_t index, std::vector<uint32_t>& out) const {
  for (const RowColumns& columns : cosets_[index & ((1u << log_cosets()) - 1)]) {
    const uint32_t* from = columns.row(index >> log_cosets());
    out.insert(out.end(), from, from + columns.words);
  }
}

// ----------------------------------------------------------------------------------------- tree

MerkleTree::MerkleTree(std::unique_ptr<const RowSource> rows, WordSpace space, Nodes nodes)
    : rows_(std::move(rows)), stored_top_(stored_top(top(), log_cosets())) {
  ZK_CHECK(top() <= kMaxMerkleLogSize && rows_->words() > 0);
  nodes_ = space.take(words_for(top(), log_cosets()));
  if (nodes == Nodes::kMake) build();
  root_ = node(0, 0);
}

unsigned MerkleTree::stored_top(unsigned log_rows, unsigned log_cosets) {
  // Above the level where a coset is one run, every level is kept: so below it all runs are whole.
  const unsigned one_run = log_cosets + kLogRunRows;
  return log_rows <= one_run ? log_rows : std::max(log_rows - kForgottenLevels, one_run);
}

size_t MerkleTree::words_for(unsigned log_rows, unsigned log_cosets) {
  return size_t{16} << stored_top(log_rows, log_cosets);
}

size_t MerkleTree::pack_offset(unsigned level, size_t coset, size_t row) const {
  const size_t pack = (coset * coset_rows(level) + row) / kPackLanes;
  return (size_t{8} << level) + pack * kDigestPackWords;
}

void MerkleTree::build() {
  unsigned level = stored_top_;
  if (in_packs(level)) {
    hash_leaves();
    for (--level; in_packs(level); --level) {
      const size_t half = coset_rows(level), run_rows = std::min(kRunRows, half);
      const size_t runs = half / run_rows;
      tbb::parallel_for(size_t{0}, runs << log_cosets(), [&](size_t task) {
        const size_t coset = task / runs, row = task % runs * run_rows;
        // Child i + 2^level is in the same coset.
        blake3_kernels().hash_nodes(nodes_.data() + pack_offset(level + 1, coset, row),
                                    nodes_.data() + pack_offset(level + 1, coset, row + half),
                                    run_rows / kPackLanes,
                                    nodes_.data() + pack_offset(level, coset, row));
      });
    }
  }
  for (;; --level) {
    for (uint32_t i = 0; i >> level == 0; ++i) store_node(level, i, compute_node(level, i));
    if (level == 0) break;
  }
}

// The lowest level that is kept, from the rows.
void MerkleTree::hash_leaves() {
  // Of more runs at once than a node needs, so that stacks of many columns are made where they are
  // hashed, too.
  unsigned log_nodes = std::min(kMostLogRuns - std::min(kMostLogRuns, top() - stored_top_),
                                stored_top_ - log_cosets() - kLogPackLanes);
  while (log_nodes > 0 &&
         (rows_->words() * kPackLanes) << (top() - stored_top_ + log_nodes) > 2 * kWordsAtOnce)
    --log_nodes;
  const unsigned log_count = top() - stored_top_ + log_nodes;
  const size_t rows = coset_rows(stored_top_) >> log_nodes;
  size_t run_rows = std::min(kRunRows, rows);
  while (run_rows > kPackLanes && ((rows_->words() * run_rows) << log_count) > kWordsAtOnce)
    run_rows /= 2;
  tbb::enumerable_thread_specific<RowRuns> workspaces;
  for (size_t c = 0; c < size_t{1} << log_cosets(); ++c) {
    const auto coset = rows_->coset(c, log_count);
    const tbb::blocked_range<size_t> all(0, rows / run_rows);
    tbb::parallel_for(all, [&](const auto& range) {
      RowRuns& runs = workspaces.local();
      for (size_t run = range.begin(); run < range.end(); ++run) {
        const size_t row = run * run_rows, packs = run_rows / kPackLanes;
        coset->load(row, packs, runs);
        for (size_t m = 0; m < size_t{1} << log_nodes; ++m)
          hash_run(runs, m, size_t{1} << log_nodes, packs,
                   nodes_.data() + pack_offset(stored_top_, c, row + m * rows));
      }
    });
  }
}

// The node above runs first, first + stride, ..: its children are above every other of them.
void MerkleTree::hash_run(const RowRuns& runs, size_t first, size_t stride, size_t packs,
                          uint32_t* out) {
  if (stride == runs.pieces.size()) {
    const std::vector<RowPiece>& pieces = runs.pieces[first];
    return blake3_kernels().hash_rows(pieces.data(), pieces.size(), packs, out);
  }
  alignas(64) RunDigests right;
  hash_run(runs, first, 2 * stride, packs, out);
  hash_run(runs, first + stride, 2 * stride, packs, right.data());
  blake3_kernels().hash_nodes(out, right.data(), packs, out);
}

Digest MerkleTree::node(unsigned level, uint32_t index) const {
  if (level > stored_top_) return compute_node(level, index);
  Digest digest;
  if (in_packs(level)) {
    const size_t row = index >> log_cosets();
    const uint32_t* pack =
        nodes_.data() + pack_offset(level, index & ((1u << log_cosets()) - 1), row);
    for (size_t i = 0; i < 8; ++i) digest[i] = pack[i * kPackLanes + row % kPackLanes];
  } else {
    const uint32_t* from = nodes_.data() + (size_t{8} << level) + size_t{8} * index;
    std::copy_n(from, 8, digest.begin());
  }
  return digest;
}

Digest MerkleTree::compute_node(unsigned level, uint32_t index) const {
  if (level < top())
    return node_hash(node(level + 1, index), node(level + 1, index + (1u << level)));
  std::vector<uint32_t> words;
  rows_->append_row(index, words);
  return row_hash(words);
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
  opening.rows.resize(indices.size() * rows_->words());
  tbb::parallel_for(size_t{0}, indices.size(), [&](size_t k) {
    std::vector<uint32_t> row;
    rows_->append_row(indices[k], row);
    std::ranges::copy(row, opening.rows.begin() + static_cast<ptrdiff_t>(k * rows_->words()));
  });
  std::vector<Missing> missing;
  std::vector<uint32_t> known(indices.begin(), indices.end()), parents;
  for (unsigned level = top(); level > 0; --level) {
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
