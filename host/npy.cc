#include "host/npy.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>

namespace zkvm {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kMaxHeader = 1 << 16;
constexpr size_t kMaxAxes = 64;

struct TypeName {
  std::string_view code, name;  // of the format; numpy's
  ArrayType type;
  uint32_t bytes;
};
constexpr std::array kTypes = {TypeName{"b1", "bool", ArrayType::kBool, 1},
                               TypeName{"i1", "int8", ArrayType::kInt8, 1},
                               TypeName{"u1", "uint8", ArrayType::kUint8, 1},
                               TypeName{"i2", "int16", ArrayType::kInt16, 2},
                               TypeName{"u2", "uint16", ArrayType::kUint16, 2},
                               TypeName{"i4", "int32", ArrayType::kInt32, 4},
                               TypeName{"u4", "uint32", ArrayType::kUint32, 4},
                               TypeName{"i8", "int64", ArrayType::kInt64, 8},
                               TypeName{"u8", "uint64", ArrayType::kUint64, 8},
                               TypeName{"f2", "float16", ArrayType::kFloat16, 2},
                               TypeName{"f4", "float32", ArrayType::kFloat32, 4},
                               TypeName{"f8", "float64", ArrayType::kFloat64, 8}};

const TypeName& of(ArrayType type) { return *std::ranges::find(kTypes, type, &TypeName::type); }

template <class... Args>
tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{ErrorCode::kMalformedArray,
                              ".npy: " + fmt::format(format, std::forward<Args>(args)...)});
}

// For messages: one line whatever stands there.
std::string shown(std::string_view text) {
  constexpr size_t kMost = 40;
  std::string out;
  for (const char c : text.substr(0, kMost)) out += c < ' ' || c > '~' ? '?' : c;
  return text.size() > kMost ? out + ".." : out;
}

struct Header {
  std::optional<ArrayType> type;
  std::optional<bool> fortran_order;
  std::optional<std::vector<uint64_t>> shape;
};

// The header is a Python dictionary, of which this knows what numpy writes.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view text) : text_(text) {}

  Result<Header> read() {
    Header header;
    if (!take('{')) return expected("{");
    while (!take('}')) {
      const auto key = quoted();
      if (!key) return expected("a key");
      if (!take(':')) return expected(":");
      if (auto ok = read_value(header, *key); !ok) return tl::unexpected(ok.error());
      if (!take(',') && !is_next('}')) return expected(", or }");
    }
    skip_spaces();
    if (!text_.empty()) return expected("spaces to its end");
    if (!header.type || !header.fortran_order || !header.shape)
      return fail("header: expected descr, fortran_order and shape, found less");
    return header;
  }

 private:
  void skip_spaces() {
    text_.remove_prefix(std::min(text_.find_first_not_of(" \t\r\n"), text_.size()));
  }
  bool is_next(char c) {
    skip_spaces();
    return text_.starts_with(c);
  }
  bool take(char c) {
    if (!is_next(c)) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool take(std::string_view word) {
    skip_spaces();
    if (!text_.starts_with(word)) return false;
    text_.remove_prefix(word.size());
    return true;
  }
  // Without escapes: no name that is known has one.
  std::optional<std::string_view> quoted() {
    const char mark = take('\'') ? '\'' : take('"') ? '"' : '\0';
    const size_t end = mark == '\0' ? text_.npos : text_.find(mark);
    if (end == text_.npos) return {};
    const std::string_view inside = text_.substr(0, end);
    text_.remove_prefix(end + 1);
    return inside;
  }
  std::optional<uint64_t> number() {
    skip_spaces();
    uint64_t value = 0;
    const auto [rest, error] = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (error != std::errc()) return {};
    text_.remove_prefix(static_cast<size_t>(rest - text_.data()));
    return value;
  }
  tl::unexpected<Error> expected(std::string_view what) {
    skip_spaces();
    return fail("header: expected {}, found {}", what, text_.empty() ? "its end" : shown(text_));
  }

  Result<void> read_value(Header& header, std::string_view key) {
    if (key == "descr" && !header.type) {
      const auto descr = quoted();
      if (!descr) return expected("a type of numbers (records have none)");
      const auto type = type_of(*descr);
      if (!type)
        return fail("type: expected little-endian integers or floats, found {}", shown(*descr));
      header.type = *type;
    } else if (key == "fortran_order" && !header.fortran_order) {
      header.fortran_order = take("True");
      if (!*header.fortran_order && !take("False")) return expected("True or False");
    } else if (key == "shape" && !header.shape) {
      return read_shape(header.shape.emplace());
    } else {
      return fail("header: expected descr, fortran_order and shape, each once, found {}",
                  shown(key));
    }
    return {};
  }

  static std::optional<ArrayType> type_of(std::string_view descr) {
    if (descr.empty()) return {};
    const auto found = std::ranges::find(kTypes, descr.substr(1), &TypeName::code);
    if (found == kTypes.end()) return {};
    // Bytes have no order.
    if (descr[0] != '<' && !(found->bytes == 1 && (descr[0] == '|' || descr[0] == '>'))) return {};
    return found->type;
  }

  Result<void> read_shape(std::vector<uint64_t>& shape) {
    if (!take('(')) return expected("(");
    while (!take(')')) {
      const auto extent = number();
      if (!extent) return expected("an extent");
      if (shape.size() == kMaxAxes) return fail("shape: expected at most {} axes", kMaxAxes);
      shape.push_back(*extent);
      if (!take(',') && !is_next(')')) return expected(", or )");
    }
    return {};
  }

  std::string_view text_;
};

// Bytes of so many elements, or nothing if they are more than `most`.
std::optional<uint64_t> bytes_within(std::span<const uint64_t> shape, uint64_t element,
                                     uint64_t most) {
  if (std::ranges::find(shape, 0u) != shape.end()) return 0;
  uint64_t bytes = element;
  for (const uint64_t extent : shape) {
    if (bytes > most || extent > most / bytes) return {};
    bytes *= extent;
  }
  return bytes <= most ? std::optional(bytes) : std::nullopt;
}

// From the first axis fastest to the last.
std::vector<uint8_t> reordered(std::span<const uint8_t> bytes, std::span<const uint64_t> shape,
                               size_t element) {
  struct Axis {
    size_t extent, step, index;
  };
  std::vector<Axis> axes;  // but for those of one: each would take time for every element
  size_t step = element;
  for (const uint64_t extent : shape) {
    if (extent != 1) axes.push_back({static_cast<size_t>(extent), step, 0});
    step *= extent;
  }
  std::vector<uint8_t> out(bytes.size());
  size_t from = 0;
  for (size_t to = 0; to < out.size(); to += element) {
    std::memcpy(&out[to], &bytes[from], element);
    for (auto axis = axes.rbegin(); axis != axes.rend(); ++axis) {
      from += axis->step;
      if (++axis->index < axis->extent) break;
      from -= axis->step * axis->extent;
      axis->index = 0;
    }
  }
  return out;
}

}  // namespace

const char* name_of(ArrayType type) { return of(type).name.data(); }
uint32_t bytes_of(ArrayType type) { return of(type).bytes; }

std::string shape_text(std::span<const uint64_t> shape) {
  return shape.empty() ? "scalar" : fmt::format("{}", fmt::join(shape, "x"));
}

Result<Array> read_npy(std::span<const uint8_t> file) {
  const std::string_view text(reinterpret_cast<const char*>(file.data()), file.size());
  if (!text.starts_with(kMagic)) return fail("expected an array of numpy, found another file");
  if (file.size() < kMagic.size() + 2) return fail("expected a version, found the file's end");
  const uint8_t version = file[kMagic.size()];
  if (version < 1 || version > 3)
    return fail("version: expected 1 to 3, found {}.{}", version, file[kMagic.size() + 1]);
  const size_t at = kMagic.size() + 2, width = version == 1 ? 2 : 4;
  uint32_t length = 0;
  if (file.size() - at < width) return fail("expected a header, found the file's end");
  std::memcpy(&length, &file[at], width);
  if (length > std::min(kMaxHeader, file.size() - at - width))
    return fail("header: expected at most {} bytes, all in the file, found {}", kMaxHeader, length);
  auto header = HeaderReader(text.substr(at + width, length)).read();
  if (!header) return tl::unexpected(std::move(header.error()));

  const auto data = file.subspan(at + width + length);
  const uint32_t element = bytes_of(*header->type);
  const auto bytes = bytes_within(*header->shape, element, data.size());
  if (!bytes || *bytes != data.size())
    return fail("data: expected {} of shape {}, found {} bytes", name_of(*header->type),
                shape_text(*header->shape), data.size());
  Array out{.type = *header->type, .shape = std::move(*header->shape), .bytes = {}};
  if (*header->fortran_order && out.shape.size() > 1)
    out.bytes = reordered(data, out.shape, element);
  else
    out.bytes.assign(data.begin(), data.end());
  return out;
}

}  // namespace zkvm
