// Guests that call layers, without a compiler.
#pragma once

#include <gtest/gtest.h>
#include <zk/abi.h>

#include <optional>
#include <utility>
#include <vector>

#include "tests/vm/guest_builder.h"
#include "vm/elf.h"
#include "vm/layer/section.h"

namespace zkvm::vm::test {

inline constexpr uint32_t kRamBase = 0x100000;

struct CallOfLayer {
  uint32_t id, in, out;
  std::optional<uint32_t> b = {};  // then it is a call with two inputs
  uint32_t number_of_two = zk::abi::kSysLayerPair;
};

inline Program load(const ElfFile& file) {
  auto program = load_elf(file.bytes());
  EXPECT_TRUE(program) << program.error().message;
  return std::move(*program);
}

// Makes the calls, then writes `ram`, which lies at kRamBase, to the journal, and exits with what the
// last call left in a0.
inline ElfFile layer_file(const std::vector<Layer>& layers, const std::vector<CallOfLayer>& calls,
                          const std::vector<uint8_t>& ram) {
  const auto size = static_cast<uint32_t>(ram.size());
  Assembler text;
  for (const auto& [id, in, out, b, number_of_two] : calls) {
    if (b)
      text.call(number_of_two, id, in, *b, out);
    else
      text.call(zk::abi::kSysLayer, id, in, out);
  }
  text(add(s1, a0, zero));
  if (size != 0) text.call(zk::abi::kSysWrite, zk::abi::kFdJournal, kRamBase, size);
  text(add(a0, s1, zero))(addi(a7, zero, zk::abi::kSysExit))(kEcall);
  ElfFile file = ElfFile::of(text.words());
  if (size != 0) file.segments.push_back({kRamBase, PF_R | PF_W, ram, size});
  file.sections = {{std::string(kLayerSection), write_layers(layers)}};
  return file;
}

}  // namespace zkvm::vm::test
