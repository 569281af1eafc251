#include "host/number_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace zkvm {

std::string grouped(uint64_t n) {
  const std::string digits = std::to_string(n);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

std::string byte_text(uint64_t bytes) {
  if (bytes == 1) return "1 byte";
  if (bytes < 10000) return grouped(bytes) + " bytes";
  double value = static_cast<double>(bytes);
  const char* unit = "";
  for (const char* next : {"KiB", "MiB", "GiB"}) {
    if (*unit != 0 && value < 1000) break;
    value /= 1024;
    unit = next;
  }
  return fmt::format("{:.{}f} {}", value, value < 100 ? 1 : 0, unit);
}

namespace {

// From a minute on: "1 min 23 s", "23 min", "1 h 5 min", "3 days 2 h".
std::string long_duration_text(double seconds) {
  const auto with_rest = [](uint64_t whole, const char* unit, uint64_t rest, const char* part) {
    std::string text = fmt::format("{} {}", grouped(whole), unit);
    if (rest != 0) text += fmt::format(" {} {}", rest, part);
    return text;
  };
  constexpr double kLongest = 1e15;
  const auto whole = static_cast<uint64_t>(std::llround(std::min(seconds, kLongest)));
  if (whole < 600) return with_rest(whole / 60, "min", whole % 60, "s");
  const uint64_t minutes = (whole + 30) / 60;
  if (minutes < 60) return with_rest(minutes, "min", 0, "");
  if (minutes < 48 * 60) return with_rest(minutes / 60, "h", minutes % 60, "min");
  const uint64_t hours = (minutes + 30) / 60;
  return with_rest(hours / 24, "days", hours % 24, "h");
}

}  // namespace

std::string duration_text(double seconds) {
  if (seconds < 0.9995e-3) return fmt::format("{:.0f} us", seconds * 1e6);
  if (seconds < 0.9995) return fmt::format("{:.{}f} ms", seconds * 1e3, seconds < 0.1 ? 1 : 0);
  if (seconds < 59.995) return fmt::format("{:.2f} s", seconds);
  return long_duration_text(seconds);
}

std::string rough_duration_text(double seconds) {
  if (seconds < 9.95) return fmt::format("{:.1f} s", std::max(seconds, 0.1));
  if (seconds < 59.5) return fmt::format("{:.0f} s", seconds);
  return long_duration_text(seconds);
}

std::string rate_text(uint64_t cycles, double seconds) {
  const double rate = static_cast<double>(cycles) / std::max(seconds, 1e-9);
  if (rate < 1e6) return fmt::format("{:.0f} k cycles/s", rate / 1e3);
  return fmt::format("{:.{}f} M cycles/s", rate / 1e6, rate < 1e7 ? 1 : 0);
}

std::string percent_text(uint64_t part, uint64_t whole) {
  const double share =
      whole == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(whole);
  return fmt::format("{:.1f}", share);
}

std::optional<uint64_t> parse_size(std::string_view text) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || number == 0) return std::nullopt;
  const std::string_view unit(rest, end);
  constexpr std::string_view kUnits = "KMG";
  unsigned shift = 0;
  if (!unit.empty()) {
    const size_t index = kUnits.find(unit.front());
    if (unit.size() != 1 || index == kUnits.npos) return std::nullopt;
    shift = 10 * (static_cast<unsigned>(index) + 1);
  }
  if (number > std::numeric_limits<uint64_t>::max() >> shift) return std::nullopt;
  return number << shift;
}

}  // namespace zkvm
