#include "host/proof_speed.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <sstream>
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
constexpr Fit kHalf{18e-9, 3e-9, 0.1}, kQuarter{31e-9, 0, 0.08}, kEighth{60e-9, 0, 0.12};
constexpr double kLargeSegment = 2.7e8;  // cells

constexpr std::string_view kSpeedHead = "zkvm slowness 2 ";
constexpr uint64_t kMostSpeedBytes = 128;
constexpr size_t kSizes = 3;

std::filesystem::path speed_file() {
  const std::filesystem::path folder = cache_folder();
  return folder.empty() ? folder : folder / "speed";
}

// Below 16, 128 million cells, and above.
size_t size_class(uint64_t cells) { return cells >> 24 == 0 ? 0 : cells >> 27 == 0 ? 1 : 2; }

// By size; 0: not known.
std::array<double, kSizes> read_all() {
  std::array<double, kSizes> all{};
  const std::filesystem::path file = speed_file();
  if (file.empty()) return all;
  const Result<std::vector<uint8_t>> bytes = read_file(file.string(), "speed", kMostSpeedBytes);
  if (!bytes) return all;
  const std::string text(bytes->begin(), bytes->end());
  if (!text.starts_with(kSpeedHead)) return all;
  std::istringstream in(text.substr(kSpeedHead.size()));
  for (double& slowness : all)
    if (!(in >> slowness)) return {};
  return all;
}

}  // namespace

double typical_seconds(uint64_t cells, uint64_t segments, uint8_t log_blowup) {
  const Fit& f = log_blowup == 1 ? kHalf : log_blowup == 2 ? kQuarter : kEighth;
  const auto all = static_cast<double>(cells);
  const double in_segment = all / static_cast<double>(std::max<uint64_t>(segments, 1));
  return f.proof + all * (f.cell + f.large_cell * std::min(1.0, in_segment / kLargeSegment));
}

std::optional<double> last_slowness(uint64_t cells) {
  const double slowness = read_all()[size_class(cells)];
  if (!(slowness > 1e-3 && slowness < 1e3)) return std::nullopt;
  return slowness;
}

void keep_slowness(uint64_t cells, double slowness) {
  const std::filesystem::path file = speed_file();
  std::error_code ignored;
  if (file.empty()) return;
  std::array<double, kSizes> all = read_all();
  all[size_class(cells)] = slowness;
  std::filesystem::create_directories(file.parent_path(), ignored);
  const std::string text = fmt::format("{}{:.4f}\n", kSpeedHead, fmt::join(all, " "));
  (void)write_file(file.string(), "speed",
                   {reinterpret_cast<const uint8_t*>(text.data()), text.size()});
}

}  // namespace zkvm
