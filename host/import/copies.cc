#include "host/import/copies.h"

#include <algorithm>
#include <array>
#include <limits>
#include <map>
#include <tuple>

namespace zkvm::importer {
namespace {

using zk::nn::MoveAxis;
using zk::nn::MoveCopy;

constexpr size_t kMostAxes = 5;

// A copy in the making.
struct Piece {
  uint32_t input, from, to;
  std::vector<MoveAxis> axes = {};  // innermost first
};

struct Step {
  int64_t from, to;
  bool operator==(const Step&) const = default;
};
template <class X>
Step step(const X& a, const X& b) {
  return {int64_t{b.from} - a.from, int64_t{b.to} - a.to};
}

// Calls take(first, count, step) for runs of points with one step: the longest that begins where the one before
// ended, but a point that begins a longer run is not the end of two.
template <class X, class Take>
void for_each_run(std::span<const X> points, Take&& take) {
  for (size_t first = 0; first < points.size();) {
    size_t last = first + 1;
    if (last == points.size()) {
      take(first, size_t{1}, Step{0, 0});
      return;
    }
    const Step here = step(points[first], points[last]);
    while (last + 1 < points.size() && step(points[last], points[last + 1]) == here) ++last;
    const bool two = last == first + 1;
    if (two && first + 3 < points.size() &&
        step(points[last], points[last + 1]) == step(points[last + 1], points[last + 2]))
      last = first;
    take(first, last - first + 1, here);
    first = last + 1;
  }
}

MoveAxis axis_of(size_t count, const Step& step) {
  return {static_cast<uint32_t>(count), static_cast<int32_t>(step.from),
          static_cast<int32_t>(step.to)};
}

// Runs of bytes of one input.
std::vector<Piece> runs_of(std::span<const ByteMove> moves) {
  std::vector<Piece> pieces;
  for (size_t begin = 0; begin < moves.size();) {
    size_t end = begin;
    while (end < moves.size() && moves[end].input == moves[begin].input) ++end;
    const auto same = moves.subspan(begin, end - begin);
    for_each_run(same, [&](size_t first, size_t count, const Step& step) {
      pieces.push_back({same[first].input, same[first].from, same[first].to});
      if (count > 1) pieces.back().axes.push_back(axis_of(count, step));
    });
    begin = end;
  }
  return pieces;
}

// One more axis around pieces of one shape, wherever they are in the list: the order of copies is free. Nothing where
// there are more than `most` shapes, since none ever joins another.
std::optional<std::vector<Piece>> with_outer_axis(const std::vector<Piece>& pieces, size_t most) {
  using Key = std::pair<uint32_t, std::vector<std::array<int64_t, 3>>>;
  std::map<Key, std::vector<Piece>> groups;
  for (const Piece& piece : pieces) {
    Key key{piece.input, {}};
    for (const MoveAxis& axis : piece.axes) key.second.push_back({axis.count, axis.from, axis.to});
    groups[key].push_back(piece);
    if (groups.size() > most) return std::nullopt;
  }
  std::vector<Piece> result;
  for (const auto& [key, group] : groups) {
    if (group[0].axes.size() == kMostAxes) {
      result.insert(result.end(), group.begin(), group.end());
      continue;
    }
    for_each_run(std::span<const Piece>(group), [&](size_t first, size_t count, const Step& step) {
      result.push_back(group[first]);
      if (count > 1) result.back().axes.push_back(axis_of(count, step));
    });
  }
  std::ranges::sort(result, {}, &Piece::to);
  return result;
}

// Two axes that are one; then the best one innermost: of neighbouring bytes, else the longest.
void simplify(std::vector<MoveAxis>& axes) {
  for (size_t i = 0; i + 1 < axes.size();) {
    const MoveAxis &inner = axes[i], &outer = axes[i + 1];
    if (outer.from == int64_t{inner.count} * inner.from &&
        outer.to == int64_t{inner.count} * inner.to) {
      axes[i].count *= outer.count;
      axes.erase(axes.begin() + static_cast<ptrdiff_t>(i) + 1);
    } else {
      ++i;
    }
  }
  const auto best = std::ranges::max_element(axes, {}, [](const MoveAxis& axis) {
    return std::pair(axis.from == 1 && axis.to == 1 && axis.count > 3, axis.count);
  });
  if (best != axes.end()) std::rotate(axes.begin(), best, best + 1);
}

std::optional<std::vector<MoveCopy>> compressed(std::span<const ByteMove> moves, size_t most) {
  std::vector<Piece> pieces = runs_of(moves);
  for (size_t axis = 1; axis < kMostAxes; ++axis) {
    const size_t before = pieces.size();
    std::optional<std::vector<Piece>> outer = with_outer_axis(pieces, most);
    if (!outer) return std::nullopt;
    pieces = *std::move(outer);
    if (pieces.size() == before) break;
  }
  if (pieces.size() > most) return std::nullopt;
  std::vector<MoveCopy> copies;
  for (Piece& piece : pieces) {
    simplify(piece.axes);
    MoveCopy copy{piece.input, zk::nn::kNoTable, piece.from, piece.to, {}};
    copy.axes.fill({1, 0, 0});
    std::ranges::copy(piece.axes, copy.axes.rbegin());
    copies.push_back(copy);
  }
  return copies;
}

// Instructions, about, and what the descriptions take.
uint64_t cost_of(const std::vector<MoveCopy>& copies) {
  uint64_t cost = 0;
  for (const MoveCopy& copy : copies) {
    uint64_t runs = 1;
    bool aligned = (copy.from | copy.to) % 4 == 0;
    for (size_t axis = 0; axis < 4; ++axis) {
      runs *= copy.axes[axis].count;
      aligned = aligned && copy.axes[axis].from % 4 == 0 && copy.axes[axis].to % 4 == 0;
    }
    const MoveAxis& inner = copy.axes[4];
    const bool words = aligned && inner.from == 1 && inner.to == 1;
    cost += 80 + runs * (6 + (words ? inner.count : 4 * uint64_t{inner.count}));
  }
  return cost;
}

}  // namespace

std::optional<std::vector<MoveCopy>> copies_of(std::span<const ByteMove> moves, size_t most) {
  std::optional<std::vector<MoveCopy>> best = compressed(moves, most);
  std::vector<ByteMove> sorted(moves.begin(), moves.end());
  for (uint32_t ByteMove::* key : {&ByteMove::to, &ByteMove::from}) {
    std::ranges::sort(sorted, {}, [key](const ByteMove& move) {
      return std::tuple(key == &ByteMove::from ? move.input : 0, move.*key, move.to);
    });
    std::optional<std::vector<MoveCopy>> other = compressed(sorted, most);
    if (other && (!best || cost_of(*other) < cost_of(*best))) best = std::move(other);
  }
  return best;
}

std::vector<MoveCopy> copies_of(std::span<const ByteMove> moves) {
  return *copies_of(moves, std::numeric_limits<size_t>::max());
}

std::vector<ByteMove> expanded(const MoveCopy& copy) {
  std::vector<ByteMove> moves{{copy.input, copy.from, copy.to}};
  for (const MoveAxis& axis : copy.axes) {
    std::vector<ByteMove> next;
    for (const ByteMove& move : moves)
      for (uint32_t i = 0; i < axis.count; ++i)
        next.push_back({move.input, move.from + i * static_cast<uint32_t>(axis.from),
                        move.to + i * static_cast<uint32_t>(axis.to)});
    moves = std::move(next);
  }
  return moves;
}

}  // namespace zkvm::importer
