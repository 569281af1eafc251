// What a file is that somebody gave for another one.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace zkvm {

struct FileKind {
  enum class Type : uint8_t {
    kGuest,    // a static ELF program of 32 bits for RISC-V, fit or not
    kReceipt,  // begins as one, of whatever version
    kObject,   // made by a compiler, but not linked: an object file, an archive, LLVM's bitcode
    kOther,
  };
  Type type = Type::kOther;
  std::string name;  // with its article: "an x86-64 program", "a receipt", "a text file"
};

// By magic numbers and headers alone: whether the file is sound is for its reader to say.
[[nodiscard]] FileKind file_kind(std::span<const uint8_t> bytes);

}  // namespace zkvm
