// A guest's ELF file as the VM sees it, with the VM's errors as the API's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "host/zkvm.h"
#include "vm/elf.h"
#include "vm/error.h"
#include "vm/run.h"

namespace zkvm {

[[nodiscard]] Error to_api(const vm::Error& error);

// The same of a file that should have been a guest: one of another kind is named.
[[nodiscard]] Error to_api(const vm::Error& error, std::span<const uint8_t> elf);

// Errors: kMalformedElf where the file is no well-formed ELF file of 32 bits, kUnfitElf where it is
// one but no guest.
[[nodiscard]] Result<vm::Program> load_program(std::span<const uint8_t> elf);

// run() of an ELF file that is loaded.
[[nodiscard]] Result<Run> run_program(const vm::Program& program, std::span<const uint8_t> elf,
                                      std::span<const uint8_t> input, const RunOptions& options);
// What an execution was, as run() has it. `seconds`: that it took; of the options the limits are used.
[[nodiscard]] Run run_of(const vm::Program& program, std::span<const uint8_t> elf,
                         std::span<const uint8_t> input, const RunOptions& options,
                         vm::RunResult result, double seconds);

// Why no proof of any run of the program can be made, known without a run; or nothing.
[[nodiscard]] std::optional<std::string> why_unprovable(const vm::Program& program);

}  // namespace zkvm
