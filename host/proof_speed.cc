#include "host/proof_speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>

#include "host/cache_folder.h"
#include "host/file.h"

namespace zkvm {
namespace {

// Fitted to the measured proofs of README.md: seconds. A cell costs more in a large segment, whose
// tables are far from the caches.
struct Fit {
  double cell, large_cell, proof;
};
constexpr Fit kHalf{13e-9, 7.5e-9, 0.15}, kQuarter{34e-9, 0, 0.1};
constexpr double kLargeSegment = 2.7e8;  // cells

constexpr std::string_view kSpeedHead = "zkvm slowness 1 ";
constexpr uint64_t kMostSpeedBytes = 64;

std::filesystem::path speed_file() {
  const std::filesystem::path folder = cache_folder();
  return folder.empty() ? folder : folder / "speed";
}

}  // namespace

double typical_seconds(uint64_t cells, uint64_t segments, uint8_t log_blowup) {
  const Fit& f = log_blowup == 1 ? kHalf : kQuarter;
  const auto all = static_cast<double>(cells);
  const double in_segment = all / static_cast<double>(std::max<uint64_t>(segments, 1));
  return f.proof + all * (f.cell + f.large_cell * std::min(1.0, in_segment / kLargeSegment));
}

std::optional<double> last_slowness() {
  const std::filesystem::path file = speed_file();
  if (file.empty()) return std::nullopt;
  const Result<std::vector<uint8_t>> bytes = read_file(file.string(), "speed", kMostSpeedBytes);
  if (!bytes) return std::nullopt;
  const std::string text(bytes->begin(), bytes->end());
  if (!text.starts_with(kSpeedHead)) return std::nullopt;
  char* end = nullptr;
  const double slowness = std::strtod(text.c_str() + kSpeedHead.size(), &end);
  if (end == nullptr || *end != '\n' || !(slowness > 1e-3 && slowness < 1e3)) return std::nullopt;
  return slowness;
}

void keep_slowness(double slowness) {
  const std::filesystem::path file = speed_file();
  std::error_code ignored;
  if (file.empty()) return;
  std::filesystem::create_directories(file.parent_path(), ignored);
  const std::string text = fmt::format("{}{:.4f}\n", kSpeedHead, slowness);
  (void)write_file(file.string(), "speed",
                   {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace zkvm
