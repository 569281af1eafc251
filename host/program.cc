#include "host/program.h"

#include <utility>

namespace zkvm {
namespace {

// Where the line between "no well-formed ELF file" and "no guest" runs.
ErrorCode code_of(vm::ErrorCode code) {
  switch (code) {
    case vm::ErrorCode::kTruncated:
    case vm::ErrorCode::kNotElf:
    case vm::ErrorCode::kBadHeader:
    case vm::ErrorCode::kBadSymbols:
      return ErrorCode::kMalformedElf;
    case vm::ErrorCode::kOutOfMemory:
      return ErrorCode::kOutOfMemory;
    default:
      return ErrorCode::kUnfitElf;
  }
}

}  // namespace

Error to_api(const vm::Error& error) { return {code_of(error.code), error.message}; }

Result<vm::Program> load_program(std::span<const uint8_t> elf) {
  vm::Result<vm::Program> program = vm::load_elf(elf);
  if (!program) return tl::unexpected(to_api(program.error()));
  return std::move(*program);
}

}  // namespace zkvm
