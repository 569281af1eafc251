#include "host/program.h"

#include <fmt/format.h>

#include <utility>

#include "host/file_kind.h"
#include "host/number_text.h"
#include "stark/protocol/key.h"

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
    case vm::ErrorCode::kCancelled:
      return ErrorCode::kCancelled;
    default:
      return ErrorCode::kUnfitElf;
  }
}

}  // namespace

Error to_api(const vm::Error& error) { return {code_of(error.code), error.message}; }

Error to_api(const vm::Error& error, std::span<const uint8_t> elf) {
  Error out = to_api(error);
  const FileKind kind = file_kind(elf);
  if (kind.type != FileKind::Type::kGuest) {
    out.message = fmt::format("expected a guest, found {}", kind.name);
  }
  return out;
}

Result<vm::Program> load_program(std::span<const uint8_t> elf) {
  vm::Result<vm::Program> program = vm::load_elf(elf);
  if (!program) return tl::unexpected(to_api(program.error(), elf));
  return std::move(*program);
}

std::optional<std::string> why_unprovable(const vm::Program& program) {
  constexpr uint32_t kMostWords = uint32_t{1} << stark::kMaxLogHeight;  // a table's, at every rate
  const uint32_t words = program.text().size / 4;
  if (words <= kMostWords) return std::nullopt;
  return fmt::format("its text has {} words, a proof has room for {}", grouped(words),
                     grouped(kMostWords));
}

}  // namespace zkvm
