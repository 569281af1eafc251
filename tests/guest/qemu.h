// Runs a guest under qemu-riscv32, the oracle that shares no code with us.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace zkvm::test {

struct QemuRun {
  int status = -1;  // exit status, or -1 where a signal ended the run
  int signal = 0;   // the signal, or 0
  std::string out;  // console
  std::string err;  // qemu's own words on a signal included
  std::vector<uint8_t> journal;
};

// Runs `qemu-riscv32 elf <input 3>journal`. At most 60 seconds, then it is killed (signal 9 or 14).
QemuRun run_qemu(const std::string& elf, std::span<const uint8_t> input = {});

// The path of a guest of this build, "stl" -> ".../guests/stl.elf".
std::string guest_path(const std::string& name);

}  // namespace zkvm::test
