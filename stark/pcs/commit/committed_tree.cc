#include "stark/pcs/commit/committed_tree.h"

#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>

namespace zkvm::stark {

GroupMasks GroupMasks::draw(const Randomness& randomness, uint64_t first_stream,
                            std::span<const uint32_t> lengths) {
  GroupMasks out;
  out.count = lengths.empty() ? 0 : *std::ranges::max_element(lengths);
  out.words.resize(lengths.size() * out.count);
  for (size_t c = 0; c < lengths.size(); ++c)
    randomness.fill(RandomUse::kMask, first_stream + c, 0,
                    std::span(out.words).subspan(c * out.count, lengths[c]));
  return out;
}

uint64_t random_stream(const TreeShape& tree, uint8_t log_height) {
  return uint64_t{static_cast<uint8_t>(tree.kind)} << 56 | uint64_t{tree.slot} << 40 |
         uint64_t{log_height} << 32;
}

CommittedTree::CommittedTree(const Params& params, std::vector<CommittedGroup> groups,
                             const TreeShape& place, const Randomness& salt_from, WordSpace space,
                             MerkleTree::Nodes nodes)
    : params_(params), place_(place), groups_(std::move(groups)) {
  std::vector<StackedGroup> stacked;
  for (const CommittedGroup& group : groups_)
    stacked.push_back({group.log_height, group.cosets, group.stacked});
  std::optional<TreeSalt> salt;
  if (place.salted) salt = TreeSalt{salt_from, random_stream(place, 0)};
  tree_ = std::make_unique<MerkleTree>(
      std::make_unique<StackedRows>(place.log_height, params.log_blowup, std::move(stacked), salt),
      std::move(space), nodes);
}

const CommittedGroup* CommittedTree::group(uint8_t log_height) const {
  const auto found = std::ranges::find(groups_, log_height, &CommittedGroup::log_height);
  return found == groups_.end() ? nullptr : &*found;
}

CommittedTree at_higher_rate(CommittedTree tree, uint8_t log_blowup) {
  Params params = tree.params();
  ZK_CHECK(tree.place().kind == TreeShape::Kind::kFixed && log_blowup <= params.log_blowup);
  const unsigned log_step = params.log_blowup - log_blowup;
  params.log_blowup = log_blowup;
  std::vector<CommittedGroup> groups;
  for (CommittedGroup& from : tree.groups()) {
    CommittedGroup& group = groups.emplace_back(std::move(from));
    for (size_t c = 0; c < size_t{1} << log_blowup; ++c)
      if (c << log_step != c) group.cosets[c] = std::move(group.cosets[c << log_step]);
    group.cosets.resize(size_t{1} << log_blowup);
  }
  return {params, std::move(groups), tree.place(), Randomness({})};
}

TileMatrix gather_columns(uint8_t log_height, uint32_t width, std::span<const ColumnCopy> copies,
                          WordSpace& space) {
  TileMatrix out(log_height, static_cast<int>(width), space);
  std::vector<uint8_t> copied(static_cast<size_t>(out.tiles()) * kTileWidth);  // by column
  for (const ColumnCopy& copy : copies)
    std::fill_n(copied.begin() + copy.place, copy.count, uint8_t{1});
  constexpr size_t kChunk = 256;
  const size_t chunk = std::min(kChunk, out.rows());
  tbb::parallel_for(size_t{0}, out.rows() / chunk, [&](size_t index) {
    for (int tile = 0; tile < out.tiles(); ++tile) {
      const auto columns =
          std::span(copied).subspan(static_cast<size_t>(tile) * kTileWidth, kTileWidth);
      if (std::ranges::find(columns, 0) != columns.end())
        std::fill_n(out.row(tile, index * chunk), chunk * kTileWidth, 0);
    }
    std::vector<Fp> rows;
    for (const ColumnCopy& copy : copies) {
      const size_t stride = copy.table->width;
      rows.resize(chunk * stride);
      copy.table->read(index * chunk, chunk, rows.data());
      for (uint32_t c = 0; c < copy.count; ++c) {
        const auto tile = static_cast<int>((copy.place + c) / kTileWidth);
        const uint32_t lane = (copy.place + c) % kTileWidth;
        uint32_t* to = out.row(tile, index * chunk) + lane;  // a chunk lies within a block
        for (size_t r = 0; r < chunk; ++r)
          to[r * kTileWidth] = rows[r * stride + copy.first + c].wire;
      }
    }
  });
  return out;
}

namespace {

TreeShape place_of(const VerifyingKey& key, const Params& params, uint16_t slot) {
  const bool shared = key.slots[slot].kind == Slot::Kind::kShared;
  return {.kind = shared ? TreeShape::Kind::kShared : TreeShape::Kind::kFixed,
          .slot = slot,
          .log_height = key.slots[slot].rows[0].log_height,
          .salted = is_salted(key.slots[slot], params)};
}

/// `log_height`: of the tree.
void add_cosets(CommittedGroup& group, const Params& params, uint8_t log_height, uint32_t width,
                WordSpace& space) {
  group.stacked = {{.end = width,
                    .restart = width,
                    .log_stack = static_cast<uint8_t>(log_height - group.log_height)}};
  for (size_t c = 0; c < size_t{1} << params.log_blowup; ++c)
    group.cosets.emplace_back(group.log_height, static_cast<int>(width), space);
}

}  // namespace

CommittedTree commit_slot(const VerifyingKey& key, const Params& params, uint16_t slot,
                          const Witness& witness, const Randomness::Seed& seed, WordSpace space) {
  const bool shared = key.slots[slot].kind == Slot::Kind::kShared;
  const TreeShape place = place_of(key, params, slot);
  const Randomness randomness(seed);
  std::vector<CommittedGroup> groups;
  for (size_t i = 0; i < witness.tables.size();) {  // sorted: equal heights stand together
    const uint8_t log_height = witness.tables[i].log_height;
    std::vector<ColumnCopy> copies;
    const uint32_t width = key.slots[slot].width(log_height);
    for (; i < witness.tables.size() && witness.tables[i].log_height == log_height; ++i) {
      uint32_t first = 0;
      for (const auto& use : key.chips[witness.tables[i].chip].slots) {
        if (use.slot == slot) {
          copies.push_back({&witness.tables[i], first, use.width, use.first});
        }
        first += use.width;
      }
    }
    if (copies.empty()) continue;
    CommittedGroup group;
    group.log_height = log_height;
    group.on_trace_domain = gather_columns(log_height, width, copies, space);
    const std::vector<uint32_t> lengths(width, shared ? params.mask_for_two() : 0);
    group.masks = GroupMasks::draw(randomness, random_stream(place, log_height), lengths);
    add_cosets(group, params, place.log_height, width, space);
    low_degree_extend(group.on_trace_domain, group.masks.view(), group.cosets);
    groups.push_back(std::move(group));
  }
  ZK_CHECK(!groups.empty());
  return {params, std::move(groups), place, randomness, std::move(space)};
}

size_t slot_words(const VerifyingKey& key, uint8_t log_blowup, uint16_t slot) {
  size_t words = 0;
  for (const Slot::Row& row : key.slots[slot].rows)
    words += ((size_t{1} << log_blowup) + 1) * TileMatrix::words_for(row.log_height, row.width);
  return words + MerkleTree::words_for(key.slots[slot].rows[0].log_height + unsigned{log_blowup},
                                       log_blowup);
}

CommittedTree committed_slot(const VerifyingKey& key, const Params& params, uint16_t slot,
                             WordSpace space) {
  std::vector<CommittedGroup> groups;
  for (const Slot::Row& row : key.slots[slot].rows) {
    CommittedGroup& group = groups.emplace_back();
    group.log_height = row.log_height;
    group.on_trace_domain = TileMatrix(row.log_height, row.width, space);
    add_cosets(group, params, key.slots[slot].rows[0].log_height, row.width, space);
  }
  return {params,         std::move(groups), place_of(key, params, slot),
          Randomness({}), std::move(space),  MerkleTree::Nodes::kThere};
}

}  // namespace zkvm::stark
