// Text for a terminal: aligned columns, and emphasis where somebody looks.
#pragma once

#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace zkvm::cli {

// Columns as wide as their widest cell, two spaces apart, the whole indented by two.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };
  explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

  // REQUIRES: one cell per column.
  void row(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  // With a heading line, if any column has a heading; the last column is cut to the width of the
  // terminal that `out` is.
  void print(std::FILE* out) const;

 private:
  std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Columns of the terminal that `out` is; as good as infinite for anything else.
[[nodiscard]] size_t terminal_width(std::FILE* out);

// `text` bold or dim where `out` is a terminal that takes colours (NO_COLOR is respected).
[[nodiscard]] std::string bold(std::string_view text, std::FILE* out);
[[nodiscard]] std::string dim(std::string_view text, std::FILE* out);

}  // namespace zkvm::cli
