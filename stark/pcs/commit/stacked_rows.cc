#include "stark/pcs/commit/stacked_rows.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <array>

#include "stark/field/bit_reverse.h"
#include "stark/pcs/commit/stack_kernels.h"
#include "stark/poly/lde.h"

namespace zkvm::stark {
namespace {

constexpr size_t kSaltRun = 128;  // rows whose salt is drawn at once
constexpr size_t kSaltPackWords = kSaltWords * kPackLanes;
constexpr size_t kRunRows = 128;  // of a group, stacked at once

// Words from the first row of a word to that of the next: not a power of two, or the words of a row
// would all fall into one set of a cache.
constexpr size_t word_stride(size_t rows) { return rows + 5 * kPackLanes; }

uint32_t words_of(std::span<const StackedGroup> groups, bool salted) {
  uint32_t words = salted ? kSaltWords : 0;
  for (const StackedGroup& group : groups)
    for (const StackedColumns& columns : group.stacked) words += columns.words();
  return words;
}

}  // namespace

StackedRows::StackedRows(uint8_t log_height, unsigned log_blowup, std::vector<StackedGroup> groups,
                         std::optional<TreeSalt> salt)
    : RowSource(log_height + log_blowup, log_blowup, words_of(groups, salt.has_value())),
      log_height_(log_height),
      salt_(salt) {
  for (const StackedGroup& group : groups) {
    ZK_CHECK(group.cosets.size() == size_t{1} << log_blowup);
    for (const StackedColumns& columns : group.stacked) {
      Part& part = parts_.emplace_back(Part{group.log_height, group.cosets, columns, {}, {}});
      ZK_CHECK(part.log_words() <= log_height && columns.first % kTileWidth == 0);
      for (unsigned l = 0; l < part.log_stack(); ++l) {
        const Fp root = Fp::root_of_unity(static_cast<int>(l) + 1);
        Fp power = Fp::one();
        for (size_t i = 0; i < size_t{1} << l; ++i, power *= root) part.roots.push_back(power.wire);
      }
      for (size_t j = 0; j < size_t{1} << part.log_stack(); ++j)
        part.reversed.push_back(
            static_cast<uint32_t>(bit_reverse(j, static_cast<int>(part.log_stack()))));
    }
  }
}

// Stacks of few columns are made of the very rows that a run asks for. Those of many, of which a run
// would use but a part, and those that are lower than the tree, whose words are the same again at every
// 2^log_words rows, are made for the whole coset: there are few words of them.
class StackedRows::StackedCoset : public RowSource::Coset {
 public:
  StackedCoset(const StackedRows& rows, size_t index, unsigned log_count)
      : rows_(rows), index_(index), log_count_(log_count) {
    whole_.resize(rows.parts_.size());
    for (size_t p = 0; p < rows.parts_.size(); ++p) {
      const Part& part = rows.parts_[p];
      if (is_whole(part))
        make_whole(part, whole_[p]);
      else if (part.log_stack() > 0)
        words_ += part.words();
    }
  }

  void load(size_t row, size_t packs, RowRuns& out) const override {
    const size_t count = size_t{1} << log_count_, step = rows_.coset_rows() >> log_count_;
    const size_t run_rows = kPackLanes * packs;
    const size_t stride = word_stride(run_rows), run_words = words_ * stride;
    const size_t salt_words = rows_.salt_ ? kSaltWords * kSaltRun : 0;
    const size_t needed = count * (run_words + salt_words);
    if (out.words.size() < needed) out.words = AlignedWords(needed);
    out.pieces.resize(count);
    for (auto& pieces : out.pieces) pieces.clear();
    uint32_t* made = out.words.data();  // the part's words in the first run
    for (size_t p = 0; p < rows_.parts_.size(); ++p) {
      const Part& part = rows_.parts_[p];
      const size_t height = size_t{1} << part.log_height;
      if (is_whole(part)) {
        for (size_t m = 0; m < count; ++m)
          add_columns(whole_[p].data() + row + m * step, word_stride(rows_.coset_rows()),
                      part.words(), out.pieces[m]);
      } else if (part.log_stack() == 0) {
        const TileMatrix& matrix = part.cosets[index_];
        for (size_t m = 0; m < count; ++m)
          for (int tile = 0; tile < matrix.tiles(); ++tile)
            out.pieces[m].push_back({matrix.row(tile, row + m * step),
                                     static_cast<uint32_t>(matrix.used_words(tile)), kTileWidth,
                                     kPackLanes * kTileWidth});
      } else {
        for (size_t m = 0; m < count >> part.log_stack(); ++m)
          stack(part, row + m * step, packs, made + m * run_words, run_words * (height / step),
                stride);
        for (size_t m = 0; m < count; ++m)
          add_columns(made + m * run_words, stride, part.words(), out.pieces[m]);
        made += part.words() * stride;
      }
    }
    if (rows_.salt_) add_salt(row, step, out.words.data() + count * run_words, out);
  }

 private:
  [[nodiscard]] bool is_whole(const Part& part) const {
    return part.log_stack() > log_count_ || part.log_words() < rows_.log_height_;
  }

  static void add_columns(const uint32_t* first, size_t stride, uint32_t count,
                          std::vector<RowPiece>& to) {
    for (uint32_t w = 0; w < count; ++w)
      to.push_back({first + w * stride, 1, 1, static_cast<uint32_t>(kPackLanes)});
  }

  /// Words of rows [row, row + 16 packs) of the group, and of the rows of the tree that they make.
  void stack(const Part& part, size_t row, size_t packs, uint32_t* out, size_t place_stride,
             size_t word_stride) const {
    const TileMatrix& matrix = part.cosets[index_];
    std::array<const uint32_t*, 64> few;
    std::vector<const uint32_t*> many;
    const uint32_t first = part.columns.first;
    const size_t columns = part.columns.end - first;
    const size_t tile_count = (columns + kTileWidth - 1) / kTileWidth;
    const uint32_t** tiles = few.data();
    if (tile_count > few.size()) {
      many.resize(tile_count);
      tiles = many.data();
    }
    for (size_t t = 0; t < tile_count; ++t)
      tiles[t] = matrix.row(static_cast<int>(first / kTileWidth + t), row);
    const Fp root = Fp::root_of_unity(static_cast<int>(part.log_words()));
    const PointRun points =
        make_point_run(rows_.point(part.log_words(), index_) * pow(root, row), root);
    AlignedWords& scratch = scratch_.local();
    const size_t needed = kPackLanes * ((size_t{2} << part.log_stack()) + tile_count * kTileWidth);
    if (scratch.size() < needed) scratch = AlignedWords(needed);
    stack_kernels().stack({.tiles = tiles,
                           .columns = columns,
                           .restart = part.columns.restart - first,
                           .log_stack = part.log_stack(),
                           .packs = packs,
                           .points = &points,
                           .roots = part.roots.data(),
                           .reversed = part.reversed.data(),
                           .scratch = scratch.data(),
                           .out = out,
                           .place_stride = place_stride,
                           .word_stride = word_stride});
  }

  /// Word after word, all rows of the coset.
  void make_whole(const Part& part, AlignedWords& out) {
    const size_t rows = rows_.coset_rows(), height = size_t{1} << part.log_height;
    const size_t stride = word_stride(rows), made = size_t{1} << part.log_words();
    out = AlignedWords(part.words() * stride);
    if (height < kPackLanes) {  // no whole vectors
      std::vector<uint32_t> words;
      for (size_t row = 0; row < rows; ++row) {
        words.clear();
        rows_.append_words(part, static_cast<uint32_t>(row << rows_.log_cosets() | index_), words);
        for (size_t w = 0; w < words.size(); ++w) out.data()[w * stride + row] = words[w];
      }
      return;
    }
    const size_t run = std::min(kRunRows, height);
    tbb::parallel_for(size_t{0}, height / run, [&](size_t i) {
      stack(part, i * run, run / kPackLanes, out.data() + i * run, height, stride);
    });
    for (uint32_t w = 0; w < part.words(); ++w)
      for (size_t row = made; row < rows; row += made)
        std::copy_n(out.data() + w * stride, made, out.data() + w * stride + row);
  }

  void add_salt(size_t row, size_t step, uint32_t* words, RowRuns& out) const {
    for (size_t m = 0; m < out.pieces.size(); ++m, words += kSaltWords * kSaltRun) {
      const size_t at = row + m * step;
      const size_t rows = std::min(kSaltRun, rows_.coset_rows());
      rows_.draw_salt(index_, at / kSaltRun, {reinterpret_cast<Fp*>(words), kSaltWords * rows});
      const uint32_t* first = words + at % kSaltRun / kPackLanes * kSaltPackWords;
      for (size_t j = 0; j < kSaltWords; ++j)
        out.pieces[m].push_back(
            {first + j * kPackLanes, 1, 1, static_cast<uint32_t>(kSaltPackWords)});
    }
  }

  const StackedRows& rows_;
  size_t index_;
  unsigned log_count_;
  size_t words_ = 0;                 // that runs make
  std::vector<AlignedWords> whole_;  // by part
  mutable tbb::enumerable_thread_specific<AlignedWords> scratch_;
};

std::unique_ptr<RowSource::Coset> StackedRows::coset(size_t index, unsigned log_count) const {
  return std::make_unique<StackedCoset>(*this, index, log_count);
}

void StackedRows::append_row(uint32_t index, std::vector<uint32_t>& out) const {
  for (const Part& part : parts_) append_words(part, index, out);
  if (!salt_) return;
  std::array<Fp, kSaltWords * kSaltRun> salt;
  const size_t row = index >> log_cosets(), rows = std::min(kSaltRun, coset_rows());
  draw_salt(index & ((1u << log_cosets()) - 1), row / kSaltRun,
            std::span(salt).first(kSaltWords * std::max(rows, kPackLanes)));
  const size_t pack = row % kSaltRun / kPackLanes, lane = row % kPackLanes;
  for (size_t j = 0; j < kSaltWords; ++j)
    out.push_back(salt[(kSaltWords * pack + j) * kPackLanes + lane].wire);
}

Fp StackedRows::point(unsigned log_height, size_t index) const {
  return coset_shift(static_cast<int>(log_height), static_cast<int>(log_cosets()), index);
}

void StackedRows::append_words(const Part& part, uint32_t index, std::vector<uint32_t>& out) const {
  const uint32_t coset = index & ((1u << log_cosets()) - 1);
  const TileMatrix& matrix = part.cosets[coset];
  const size_t row = index >> log_cosets(), cells_row = row & (matrix.rows() - 1);
  if (part.log_stack() == 0) {
    for (int tile = 0; tile < matrix.tiles(); ++tile)
      out.insert(out.end(), matrix.row(tile, cells_row),
                 matrix.row(tile, cells_row) + matrix.used_words(tile));
    return;
  }
  const Fp x = point(part.log_words(), coset) *
               pow(Fp::root_of_unity(static_cast<int>(part.log_words())), row);
  std::vector<Fp> powers = {Fp::one()};
  while (powers.size() < size_t{1} << part.log_stack()) powers.push_back(powers.back() * x);
  Fp word;
  uint32_t place = 0;
  const auto finish = [&] {
    out.push_back(word.wire);
    word = Fp::zero();
    place = 0;
  };
  for (uint32_t column = part.columns.first; column < part.columns.end; ++column) {
    if (column == part.columns.restart && place != 0) finish();
    const uint32_t* cells = matrix.row(static_cast<int>(column) / kTileWidth, cells_row);
    word += Fp::from_wire(cells[column % kTileWidth]) * powers[place];
    if (++place == powers.size()) finish();
  }
  if (place != 0) finish();
}

// Salt of the rows [run * kSaltRun, ..) of a coset: word j of lane l of pack g is element
// (kSaltWords g + j) * 16 + l.
void StackedRows::draw_salt(size_t coset, size_t run, std::span<Fp> out) const {
  const size_t runs = std::max<size_t>(1, coset_rows() / kSaltRun);
  salt_->randomness.fill(RandomUse::kSalt, salt_->index + log_rows(), coset * runs + run, out);
}

}  // namespace zkvm::stark
