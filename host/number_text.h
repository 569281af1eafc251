// Numbers as people read them: grouped digits, units, shares.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace zkvm {

[[nodiscard]] std::string grouped(uint64_t n);            // "1,234,567"
[[nodiscard]] std::string byte_text(uint64_t bytes);      // "784 bytes", "8.1 MiB"
[[nodiscard]] std::string duration_text(double seconds);  // "42 us", "310 ms", "1.24 s", "23 min"
[[nodiscard]] std::string rough_duration_text(double seconds);  // "0.3 s", "14 s", "1 h 5 min"
[[nodiscard]] std::string rate_text(uint64_t cycles, double seconds);   // "512 M cycles/s"
[[nodiscard]] std::string percent_text(uint64_t part, uint64_t whole);  // "45.1"; "0.0" of nothing

// "512M", "6G", "1048576": bytes; nothing where the text is no size.
[[nodiscard]] std::optional<uint64_t> parse_size(std::string_view text);

}  // namespace zkvm
