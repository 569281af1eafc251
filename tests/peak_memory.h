// How much memory an action takes at most: for tests of code that reads hostile bytes. Linking
// peak_memory.cc replaces operator new of the whole test program.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

namespace zkvm::test {

// The peak of memory that `action` adds, in bytes.
size_t peak_memory_of(const std::function<void()>& action);

// All that `action` allocates, freed again or not, in bytes: work as a number that no clock
// decides.
size_t allocation_of(const std::function<void()>& action);

// A number from the environment, for tests that run longer on demand.
uint64_t from_environment(const char* name, uint64_t otherwise);

}  // namespace zkvm::test
