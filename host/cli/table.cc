#include "host/cli/table.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <zk/check.h>

#include <algorithm>
#include <cstdlib>
#include <limits>

#include "host/cli/output.h"

namespace zkvm::cli {
namespace {

// Characters, not bytes: continuation bytes of UTF-8 don't count.
size_t width_of(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string cut(std::string_view text, size_t width) {
  if (width_of(text) <= width) return std::string(text);
  std::string out;
  size_t used = 0;
  for (char c : text) {
    if ((c & 0xc0) != 0x80 && ++used >= width) break;
    out += c;
  }
  return out + "…";
}

std::string emphasised(std::string_view text, std::FILE* out, const char* code) {
  static const bool wanted = std::getenv("NO_COLOR") == nullptr;
  if (!wanted || isatty(fileno(out)) == 0) return std::string(text);
  return fmt::format("\033[{}m{}\033[0m", code, text);
}

}  // namespace

size_t terminal_width(std::FILE* out) {
  winsize size{};
  if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col >= 40) return size.ws_col;
  return std::numeric_limits<size_t>::max();
}

void Table::print(std::FILE* out) const {
  std::vector<size_t> widths;
  for (const Column& column : columns_) widths.push_back(width_of(column.heading));
  for (const auto& row : rows_) {
    ZK_CHECK(row.size() == columns_.size());
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  size_t before_last = 2 * columns_.size();
  for (size_t i = 0; i + 1 < widths.size(); ++i) before_last += widths[i];
  const size_t terminal = terminal_width(out);
  const size_t room = terminal > before_last + 12 ? terminal - before_last : 12;

  const auto line = [&](const auto& cell_of) {
    std::string text;
    for (size_t i = 0; i < columns_.size(); ++i) {
      const bool last = i + 1 == columns_.size();
      const std::string cell = last ? cut(cell_of(i), room) : cell_of(i);
      const std::string padding(widths[i] - std::min(widths[i], width_of(cell)), ' ');
      const bool right = columns_[i].align == Align::kRight;
      text += "  ";
      if (right) text += padding;
      text += cell;
      if (!right && !last) text += padding;
    }
    return text;
  };
  const bool headed = std::any_of(columns_.begin(), columns_.end(),
                                  [](const Column& c) { return !c.heading.empty(); });
  if (headed) {
    print_to(out, "{}\n", dim(line([&](size_t i) { return columns_[i].heading; }), out));
  }
  for (const auto& row : rows_) print_to(out, "{}\n", line([&](size_t i) { return row[i]; }));
}

std::string bold(std::string_view text, std::FILE* out) { return emphasised(text, out, "1"); }
std::string dim(std::string_view text, std::FILE* out) { return emphasised(text, out, "2"); }

}  // namespace zkvm::cli
