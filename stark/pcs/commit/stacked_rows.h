// The rows of a committed tree: the stacks of its groups (stark/doc/protocol.md section 5), made of
// their columns when they are hashed or opened and not kept.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "stark/pcs/commit/randomness.h"
#include "stark/pcs/commit/row_source.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

/// A group's columns on the cosets of its LDE domain, and how they are stacked.
struct StackedGroup {
  uint8_t log_height = 0;
  std::span<const TileMatrix> cosets;
  std::vector<StackedColumns> stacked;  // each begins with a tile
};

/// Where salt comes from: stream (kSalt, index + log2 of the number of rows). Opening draws it again.
struct TreeSalt {
  Randomness randomness;
  uint64_t index;
};

class StackedRows : public RowSource {
 public:
  /// A tree of 2^log_height rows a coset; no stack is taller. The groups' columns must outlive it.
  StackedRows(uint8_t log_height, unsigned log_blowup, std::vector<StackedGroup> groups,
              std::optional<TreeSalt> salt);

  [[nodiscard]] std::unique_ptr<Coset> coset(size_t index, unsigned log_count) const override;
  void append_row(uint32_t index, std::vector<uint32_t>& out) const override;

 private:
  class StackedCoset;

  /// Columns of a group, with what their stacks need.
  struct Part {
    uint8_t log_height;  // of the group
    std::span<const TileMatrix> cosets;
    StackedColumns columns;
    std::vector<uint32_t> roots, reversed;  // of StackRun

    [[nodiscard]] unsigned log_stack() const { return columns.log_stack; }
    [[nodiscard]] unsigned log_words() const { return log_height + log_stack(); }
    [[nodiscard]] uint32_t words() const { return columns.words(); }
  };

  [[nodiscard]] Fp point(unsigned log_height, size_t coset) const;  // its first
  void append_words(const Part& part, uint32_t index, std::vector<uint32_t>& out) const;
  void draw_salt(size_t coset, size_t run, std::span<Fp> out) const;

  uint8_t log_height_;
  std::vector<Part> parts_;
  std::optional<TreeSalt> salt_;
};

}  // namespace zkvm::stark
