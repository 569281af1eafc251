// Guests that call hashes, without a compiler.
#pragma once

#include <zk/abi.h>

#include <utility>
#include <vector>

#include "tests/vm/layer_program.h"
#include "vm/hash_call.h"

namespace zkvm::vm::test {

inline constexpr uint32_t kHashedConstants = 0x200000;

inline void call_hash(Assembler& text, const HashCall& call) {
  text.li(a3, static_cast<uint32_t>(call.counter))
      .li(a4, static_cast<uint32_t>(call.counter >> 32));
  const bool blake3 = call.hash == Hash::kBlake3;
  text.li(a5, call.modes)
      .call(blake3 ? zk::abi::kSysBlake3 : zk::abi::kSysSha256, call.cv, call.blocks, call.count);
}

// Makes the calls, then writes `ram`, which lies at kRamBase, to the journal, and exits with what the
// last call left in a0.
inline ElfFile hash_file(const std::vector<HashCall>& calls, const std::vector<uint8_t>& ram,
                           const std::vector<uint8_t>& constants = {}) {
  const auto size = static_cast<uint32_t>(ram.size());
  Assembler text;
  for (const HashCall& call : calls) call_hash(text, call);
  text(add(s1, a0, zero));
  text.call(zk::abi::kSysWrite, zk::abi::kFdJournal, kRamBase, size);
  text(add(a0, s1, zero))(addi(a7, zero, zk::abi::kSysExit))(kEcall);
  ElfFile file = ElfFile::of(text.words());
  file.segments.push_back({kRamBase, PF_R | PF_W, ram, size});
  if (!constants.empty())
    file.segments.push_back(
        {kHashedConstants, PF_R, constants, static_cast<uint32_t>(constants.size())});
  return file;
}

}  // namespace zkvm::vm::test
