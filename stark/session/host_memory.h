// How much memory this process may take at all: what the machine has, or less if a control group
// (a container's limit) says so.
#pragma once

#include <cstdint>
#include <filesystem>

namespace zkvm::stark::machine {

/// The least limit of the memory control groups that this process is in, of cgroup v2 and v1, in
/// bytes; 2^64 - 1 if there is none. `root`: where /proc and /sys are.
[[nodiscard]] uint64_t cgroup_memory_limit(const std::filesystem::path& root = "/");

/// Physical memory or the limit of the control groups, whichever is less; in bytes.
[[nodiscard]] uint64_t machine_memory();

}  // namespace zkvm::stark::machine
