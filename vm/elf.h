// From an ELF file to a Program: the memory that the file declares, checked, and nothing else.
// The file is hostile: every field is checked before it is used, and nothing is allocated that the
// file's own size or LoadLimits does not bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "vm/error.h"
#include "vm/layer/layer.h"

namespace zkvm::vm {

// Every declared address is in [kAddressBegin, kAddressEnd). In the proof pc, addresses and lengths
// are one field element each, and no address that an instruction can form modulo p is another one
// (stark/chips/buses.h): hence the end, and the first page, where rs1 + imm could wrap around to.
inline constexpr uint32_t kAddressBegin = 0x1000;
inline constexpr uint32_t kAddressEnd = 0x3f000000;

// What the program says of its model, for people and tools: not loaded, but covered by the image id. Its
// format is host/model_info.h's; here it is bytes.
inline constexpr std::string_view kModelSection = ".zkvm.model";
inline constexpr size_t kMaxModelBytes = size_t{1} << 20;

struct LoadLimits {
  uint64_t memory_bytes = 1u << 30;      // sum of all declared segments
  size_t symbols = 1u << 20;             // symbols kept
  size_t symbol_name_bytes = 64u << 20;  // total length of all names in the file's table
};

// One PT_LOAD segment. Permissions are r--, rw- or r-x; base is a multiple of 4 and size is the
// declared size rounded up to whole words.
struct Region {
  uint32_t base;
  uint32_t size;
  bool write;
  bool execute;
  std::vector<uint8_t> bytes;  // from the file, in whole words; at most size, the rest is zero

  bool contains(uint32_t address) const { return address - base < size; }
};

struct Symbol {
  uint32_t address;
  uint32_t size;  // 0 when the file does not say
  bool function;
  std::string name;  // as in the file: mangled
};

struct Program {
  uint32_t entry;
  std::vector<Region> regions;      // by base, disjoint; exactly one is executable
  std::vector<Symbol> symbols;      // by address; functions, objects and assembler labels
  std::vector<Layer> layers = {};   // by id; of section kLayerSection (vm/layer/section.h)
  std::vector<uint8_t> model = {};  // of section kModelSection, as it stands; empty: there is none

  const Region& text() const;
  // The region that declares `address`, or null.
  const Region* region_at(uint32_t address) const;
  // The symbol that covers `address` (of size 0: up to the next symbol, in the same region), or
  // null.
  const Symbol* symbol_at(uint32_t address) const;
  // The layer with this id, or null.
  const Layer* layer(uint32_t id) const;
  uint64_t memory_bytes() const;  // sum of the regions' sizes
};

// Loads a static RV32IM executable (ELF32, little endian, ET_EXEC, ilp32, no compressed code).
// The result owns its bytes: `file` may go away. Cost: linear in the file's size.
// Errors: every ErrorCode but kOutOfMemory.
[[nodiscard]] Result<Program> load_elf(std::span<const uint8_t> file,
                                       const LoadLimits& limits = {});

// Program::model alone, without a look at the rest of the file.
[[nodiscard]] Result<std::vector<uint8_t>> load_model(std::span<const uint8_t> file);

}  // namespace zkvm::vm
