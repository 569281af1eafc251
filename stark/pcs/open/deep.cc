#include "stark/pcs/open/deep.h"

#include <tbb/blocked_range.h>
#include <tbb/enumerable_thread_specific.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <map>
#include <vector>

#include "stark/field/bit_reverse.h"
#include "stark/field/factor.h"
#include "stark/pcs/open/deep_kernels.h"

namespace zkvm::stark {
namespace {

constexpr size_t kMaxRunRows = kMaxDeepPacks * kPackLanes;
static_assert(kMaxRunRows == kBlockRows, "a run of rows must lie in one block of a tile");
constexpr size_t kLiftPacks = 256;  // of a task

/// A sum of columns in the making.
struct Sum {
  std::vector<uint32_t> columns, coefficients;
  Fp5 constant;

  /// c (f - y) more.
  void add(uint32_t column, const Fp5& c, const Fp5& y) {
    columns.push_back(column);
    for (size_t k = 0; k < 5; ++k) coefficients.push_back(centred_word(c.c[k]));
    constant += c * (centre() - y);
  }
  void fill_up() {
    while (columns.size() % 4 != 0) {
      columns.push_back(0);
      coefficients.resize(5 * columns.size());
    }
  }
  [[nodiscard]] DeepSum view() const {
    return {columns.data(), coefficients.data(), columns.size() / 4, constant};
  }
};

struct Place {
  Sum at_z, at_next;
  std::vector<uint32_t> blinding;
};

/// What a group adds, but for the cells.
class GroupBatch {
 public:
  /// `opened` and `coefficients`: from the group's first on; moved behind its last.
  GroupBatch(const Shape& shape, const GroupShape& group, const Fp5*& opened,
             const Fp5*& coefficients)
      : shape_(shape), group_(group) {
    Fp5 challenge;  // of the stack that was begun last
    for (uint32_t tree = 0; tree < shape.trees.size(); ++tree) {
      first_tile_.push_back(static_cast<uint32_t>(tiles_.size()));
      for (uint32_t i = 0; i * kTileWidth < group.width[tree]; ++i)
        tiles_.push_back({tree, static_cast<int>(i)});
      for (uint32_t column = 0; column < shape.opened_width(group, tree); ++column) {
        if (shape.place(group, {tree, column}).place == 0) challenge = *coefficients++;
        place({tree, column}).at_z.add(number({tree, column}), challenge, *opened++);
      }
    }
    const Fp root_inverse = inverse(Fp::root_of_unity(group.log_height));
    for (const ColumnRef column : group.next) {
      if (shape.place(group, column).place == 0) challenge = *coefficients++;
      place(column).at_next.add(number(column), challenge * root_inverse, *opened++);
    }
    const uint32_t quotient = shape.tree(Phase::kQuotient);
    for (uint32_t c = shape.opened_width(group, quotient); c < group.width[quotient]; ++c)
      place({quotient, c}).blinding.push_back(number({quotient, c}));
    for (auto& [u, place] : places_) {
      place.at_z.fill_up();
      place.at_next.fill_up();
    }
  }

  [[nodiscard]] size_t places() const { return places_.size(); }
  [[nodiscard]] const std::map<uint32_t, Place>& by_place() const { return places_; }
  [[nodiscard]] size_t tiles() const { return tiles_.size(); }

  /// The rows from `row` of a coset on.
  void find_tiles(std::span<const TreeLde> lde, size_t coset, size_t row,
                  std::vector<const uint32_t*>& out) const {
    out.clear();
    for (const auto& [tree, index] : tiles_) out.push_back(lde[tree][coset]->row(index, row));
  }

 private:
  struct Tile {
    uint32_t tree;
    int index;
  };
  /// Stacks of a lower height h hold powers of X^(2^(H - h)).
  Place& place(ColumnRef column) {
    const StackPlace at = shape_.place(group_, column);
    return places_[at.place << (shape_.log_height - group_.log_height - at.log_stack)];
  }
  [[nodiscard]] uint32_t number(ColumnRef column) const {
    return first_tile_[column.tree] * kTileWidth + column.column;
  }

  const Shape& shape_;
  const GroupShape& group_;
  std::vector<uint32_t> first_tile_;  // by tree
  std::vector<Tile> tiles_;
  std::map<uint32_t, Place> places_;
};

/// Adds row r of coset c of `cosets` to element 2^b r + c of the codeword's packs from `out` on.
void interleave(std::span<const uint32_t* const> cosets, size_t packs, uint32_t* out) {
  const size_t count = cosets.size();
  alignas(64) uint32_t pack[kCodewordPackWords];
  for (size_t g = 0; g < packs * count; ++g) {    // of the codeword
    const size_t first = g * kPackLanes / count;  // row of lane 0
    const size_t in = first / kPackLanes * kCodewordPackWords + first % kPackLanes;
    for (size_t k = 0; k < 5; ++k) {
      uint32_t* to = pack + k * kPackLanes;
      const size_t from = in + k * kPackLanes;
      const auto zip = [&](auto number) {  // known, so that the compiler makes vectors of it
        for (size_t i = 0; i < kPackLanes; ++i) to[i] = cosets[i % number][from + i / number];
      };
      switch (count) {
        case 2:
          zip(std::integral_constant<size_t, 2>());
          break;
        case 4:
          zip(std::integral_constant<size_t, 4>());
          break;
        default:
          zip(count);
      }
    }
    deep_kernels().add(pack, 5, out + g * kCodewordPackWords);
  }
}

/// The words A_u of all places so far, place u at the u-th piece in bit-reversed order: so what
/// becomes one word stands side by side.
class Lifted {
 public:
  Lifted(const Shape& shape) : shape_(shape), log_height_(shape.groups.back().log_height) {
    out_ = Codeword(shape.log_domain());
    std::fill_n(out_.pack(0), out_.packs() * kCodewordPackWords, 0);
  }

  void lift_to(unsigned log_height) {
    for (; log_height_ < log_height; ++log_height_) lift();
  }
  /// Where element 0 of place u stands. REQUIRES: its elements are whole packs.
  [[nodiscard]] uint32_t* place(uint32_t u) { return out_.pack(first(u) / kPackLanes); }
  void add(uint32_t u, size_t index, const Fp5& value) {
    out_.set(first(u) + index, out_.at(first(u) + index) + value);
  }
  [[nodiscard]] Codeword take() && { return std::move(out_); }

 private:
  [[nodiscard]] unsigned log_domain() const { return log_height_ + shape_.params.log_blowup; }
  [[nodiscard]] size_t first(uint32_t u) const {
    const unsigned log_places = shape_.log_height - log_height_;
    return static_cast<size_t>(bit_reverse(u, static_cast<int>(log_places))) << log_domain();
  }

  void lift() {
    const size_t half = size_t{1} << log_domain(), blocks = out_.size() / (2 * half);
    const Fp shift = lde_shift(log_height_ + 1);
    const Fp root = Fp::root_of_unity(static_cast<int>(log_domain()) + 1);
    if (half < kPackLanes) {
      for (size_t block = 0; block < blocks; ++block) {
        Fp y = shift;
        for (size_t e = 2 * half * block; e < 2 * half * block + half; ++e, y *= root) {
          const Fp5 a = out_.at(e), b = out_.at(e + half) * y;
          out_.set(e, a + b);
          out_.set(e + half, a - b);
        }
      }
      return;
    }
    const size_t packs = half / kPackLanes, run = std::min(packs, kLiftPacks);
    const PointRun points = make_point_run(shift, root);
    tbb::parallel_for(size_t{0}, blocks * (packs / run), [&](size_t task) {
      const size_t block = task / (packs / run), at = task % (packs / run) * run;
      PointRun here = points;
      here.first *= pow(root, at * kPackLanes);
      deep_kernels().lift(out_.pack(2 * packs * block + at),
                          out_.pack(2 * packs * block + packs + at), run, &here);
    });
  }

  const Shape& shape_;
  unsigned log_height_;  // of the domain of the words
  Codeword out_;
};

/// A group of fewer rows than a vector's lanes.
void add_small_group(const Shape& shape, const GroupShape& group, const GroupBatch& batch,
                     std::span<const TreeLde> lde, const Fp5& zeta, Lifted& out) {
  const size_t cosets = size_t{1} << shape.params.log_blowup;
  const Fp domain_root = Fp::root_of_unity(static_cast<int>(shape.log_domain(group)));
  const Fp root_inverse = inverse(Fp::root_of_unity(group.log_height));
  std::vector<const uint32_t*> tiles;
  for (size_t index = 0; index < cosets << group.log_height; ++index) {
    batch.find_tiles(lde, index % cosets, index / cosets, tiles);
    const Fp x = lde_shift(group.log_height) * pow(domain_root, index);
    const auto value = [&](const Sum& sum) {
      Fp5 total = sum.constant;
      for (size_t i = 0; i < sum.columns.size(); ++i) {
        Fp5 c;
        for (size_t k = 0; k < 5; ++k) {
          const uint32_t word = sum.coefficients[5 * i + k];  // centred
          c.c[k] = Fp::from_wire(word > kCentre ? word + Fp::kModulus : word);
        }
        const uint32_t column = sum.columns[i];
        total += c * (Fp::from_wire(tiles[column / kTileWidth][column % kTileWidth]) - centre());
      }
      return total;
    };
    for (const auto& [u, place] : batch.by_place()) {
      Fp5 sum = value(place.at_z) * inverse(Fp5::from(x) - zeta) +
                value(place.at_next) * inverse(Fp5::from(x * root_inverse) - zeta);
      for (size_t k = 0; k < place.blinding.size(); ++k) {
        const uint32_t column = place.blinding[k];
        sum.c[k] += Fp::from_wire(tiles[column / kTileWidth][column % kTileWidth]);
      }
      out.add(u, index, sum);
    }
  }
}

void add_group(const Shape& shape, const GroupShape& group, const GroupBatch& batch,
               std::span<const TreeLde> lde, const Fp5& zeta, Lifted& out) {
  const size_t rows = group.height();
  if (rows < kPackLanes) return add_small_group(shape, group, batch, lde, zeta, out);
  const size_t cosets = size_t{1} << shape.params.log_blowup;
  const Fp coset_root = Fp::root_of_unity(static_cast<int>(shape.log_domain(group)));
  const Fp root = Fp::root_of_unity(group.log_height), root_inverse = inverse(root);
  const PointRun points = make_point_run(Fp::one(), root);
  const MinimalPolynomial z = minimal_polynomial(zeta);
  const size_t packs = std::min(rows / kPackLanes,
                                std::max<size_t>(4, kMaxDeepPacks / std::bit_ceil(batch.places())));
  const size_t run_rows = packs * kPackLanes, piece = packs * kCodewordPackWords;

  struct Workspace {
    AlignedWords results, scratch;
    std::vector<const uint32_t*> tiles;
    std::vector<DeepPlace> places;
  };
  tbb::enumerable_thread_specific<Workspace> workspaces([&] {
    Workspace made{AlignedWords(cosets * batch.places() * piece),
                   AlignedWords(batch.tiles() * kTileWidth * kPackLanes),
                   {},
                   {}};
    for (const auto& [u, place] : batch.by_place())
      made.places.push_back({.at_z = place.at_z.view(),
                             .at_next = place.at_next.view(),
                             .blinding = place.blinding.empty() ? nullptr : place.blinding.data(),
                             .out = nullptr});
    return made;
  });
  tbb::parallel_for(tbb::blocked_range<size_t>(0, rows / run_rows), [&](const auto& range) {
    Workspace& workspace = workspaces.local();
    std::vector<const uint32_t*> results(cosets);
    for (size_t run = range.begin(); run < range.end(); ++run) {
      const size_t row = run * run_rows;
      for (size_t c = 0; c < cosets; ++c) {
        PointRun here = points;  // from a pack before the run on
        here.first = lde_shift(group.log_height) * pow(coset_root, c) * pow(root, row) *
                     pow(root_inverse, kPackLanes);
        batch.find_tiles(lde, c, row, workspace.tiles);
        for (size_t p = 0; p < batch.places(); ++p)
          workspace.places[p].out = workspace.results.data() + (p * cosets + c) * piece;
        deep_kernels().batch({.packs = packs,
                              .points = &here,
                              .z = z,
                              .tiles = workspace.tiles.data(),
                              .tile_count = workspace.tiles.size(),
                              .places = workspace.places.data(),
                              .place_count = workspace.places.size(),
                              .scratch = workspace.scratch.data()});
      }
      size_t p = 0;
      for (const auto& [u, place] : batch.by_place()) {
        for (size_t c = 0; c < cosets; ++c)
          results[c] = workspace.results.data() + (p * cosets + c) * piece;
        interleave(results, packs, out.place(u) + row * cosets / kPackLanes * kCodewordPackWords);
        ++p;
      }
    }
  });
}

}  // namespace

Codeword deep_batch(const Shape& shape, std::span<const std::vector<TreeLde>> lde, const Fp5& zeta,
                    std::span<const Fp5> opened, std::span<const Fp5> coefficients) {
  ZK_CHECK(lde.size() == shape.groups.size());
  ZK_CHECK(opened.size() == shape.openings() && coefficients.size() == shape.batched());
  std::vector<GroupBatch> batches;
  const Fp5* value = opened.data();
  const Fp5* challenge = coefficients.data();
  for (const GroupShape& group : shape.groups) batches.emplace_back(shape, group, value, challenge);
  Lifted out(shape);
  for (size_t g = shape.groups.size(); g-- > 0;) {
    out.lift_to(shape.groups[g].log_height);
    add_group(shape, shape.groups[g], batches[g], lde[g], zeta, out);
  }
  out.lift_to(shape.log_height);
  return std::move(out).take();
}

}  // namespace zkvm::stark
