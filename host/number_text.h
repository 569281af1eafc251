// Numbers as people read them: grouped digits, units, shares.
#pragma once

#include <cstdint>
#include <string>

namespace zkvm {

[[nodiscard]] std::string grouped(uint64_t n);            // "1,234,567"
[[nodiscard]] std::string byte_text(uint64_t bytes);      // "784 bytes", "8.1 MiB"
[[nodiscard]] std::string duration_text(double seconds);  // "1.24 s", "310 ms", "42 us"
[[nodiscard]] std::string rate_text(uint64_t cycles, double seconds);   // "512 M cycles/s"
[[nodiscard]] std::string percent_text(uint64_t part, uint64_t whole);  // "45.1"; "0.0" of nothing

}  // namespace zkvm
