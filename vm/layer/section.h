// How an ELF file holds layers: in a section that is not loaded. It is a sequence of *blobs*, each
// self-contained, which the linker has put one behind the other. Little-endian; every array is padded
// with zeros to a multiple of 4 bytes; layers have one byte string.
//
//   blob      u32 magic "ZKVL", version 1, bytes (all of the blob); then layers to its end
//   layer     u8  kind, flags (1: sums; 2: some weight needs 16 bits; 4: weights are in memory), zero, bytes of the name
//             u32 positions, back, step, quads, quad_step, outputs, groups
//             u32 taps, emits, weights, tables, functions: how many
//             u8  name[]
//             u32 tap[]; {u32 position, offset} emit[]
//             i8 or i16 weight[]; i32 bias[outputs] (of weights in memory: none)
//             u8  table[][256]: those of the functions, each once, by first use
//             function[]; u16 function_of[outputs] (with sums: none)
//             of weights in memory: u32 lane_step, row_step, product_step, bias or 0; u8 zero, flags (1: by
//             outputs; 2: biases), 0, 0
//             of a pair: u32 positions, step, quad_step of b; u32 which table of the blob's pairs, by first
//             use; u8 table[65536] where it is used first
//   function  u32 scale; i16 zero_point; u8 flags (1: signed; 2: a table; 4: steps), 0
//             u32 which table, or how many steps, or 0
//             i32 from[steps]; u8 value[steps]
//
// A max pool and a pair have 0 as outputs here. Layer n of the blob at byte b of the section has the id b + n: a
// guest needs a symbol for each blob and no more.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "vm/error.h"
#include "vm/layer/layer.h"

namespace zkvm::vm {

inline constexpr std::string_view kLayerSection = ".zkvm.layers";

// Of a section.
inline constexpr size_t kMaxLayers = 4096;
inline constexpr uint64_t kMaxSectionWeights = uint64_t{2} * kMaxLayerWeights;
inline constexpr size_t kMaxTabledFunctions = 1u << 17;  // each becomes a copy of its table

// One blob; ids are ignored. REQUIRES: no layer has a complaint().
[[nodiscard]] std::vector<uint8_t> write_layers(std::span<const Layer> layers);

// The layers of all blobs, by id; none of them has a complaint(). `section` is hostile: memory is
// bounded by some 10 times its size and 40 MiB for copies of tables, time is linear.
// Error: kBadLayers.
[[nodiscard]] Result<std::vector<Layer>> read_layers(std::span<const uint8_t> section);

}  // namespace zkvm::vm
