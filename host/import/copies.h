// Copies that guests can run (zk/nn/move.h) of a list of what goes where.
#pragma once

#include <zk/nn/move.h>

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace zkvm::importer {

// Byte `to` of the result is byte `from` of operand `input`, both as stored.
struct ByteMove {
  uint32_t input, from, to;
  bool operator==(const ByteMove&) const = default;
};

// Copies that together are these moves, few where the moves are regular, in the cheapest order found; `table` is kNoTable.
// REQUIRES: no `to` twice. n log n; a map without any order gives one copy for two bytes.
[[nodiscard]] std::vector<zk::nn::MoveCopy> copies_of(std::span<const ByteMove> moves);
// The same, or nothing where they are more than `most`.
[[nodiscard]] std::optional<std::vector<zk::nn::MoveCopy>> copies_of(
    std::span<const ByteMove> moves, size_t most);

// The moves that a copy stands for.
[[nodiscard]] std::vector<ByteMove> expanded(const zk::nn::MoveCopy& copy);

}  // namespace zkvm::importer
