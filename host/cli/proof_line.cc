#include "host/cli/proof_line.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "host/number_text.h"

namespace zkvm::cli {
namespace {

// "[######----]"
std::string bar_text(double fraction) {
  constexpr size_t kWidth = 16;
  const auto done = static_cast<size_t>(std::clamp(fraction, 0.0, 1.0) * kWidth);
  return fmt::format("[{}{}]", std::string(done, '#'), std::string(kWidth - done, '-'));
}

}  // namespace

void ProofLine::report(const ProveProgress& progress) {
  const bool known = progress.segments != 0;
  if (known && !first_) first_ = {progress.fraction, line_->seconds()};
  if (!line_->due()) return;
  if (!known)
    return line_->show(fmt::format("{}: {} M cycles", progress.stage,
                                   grouped(progress.cycles / 1'000'000)));
  const double seconds = line_->seconds() - first_->seconds;
  const double done = progress.fraction - first_->fraction;
  std::string text = fmt::format("{:3.0f} %  segment {} of {}", 100 * progress.fraction,
                                 progress.segment + 1, progress.segments);
  if (line_->is_terminal()) text = bar_text(progress.fraction) + " " + text;
  if (done > 0) {
    text += fmt::format(
        ", {}, {} left",
        rate_text(static_cast<uint64_t>(done * static_cast<double>(progress.cycles)), seconds),
        rough_duration_text(seconds * (1 - progress.fraction) / done));
  }
  line_->show(text);
}

}  // namespace zkvm::cli
