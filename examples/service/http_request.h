// Requests as RFC 9112 writes them, read strictly: what the standard lets a recipient repair
// (a bare LF, folded lines, spaces in odd places) is refused, because another program on the way
// may repair it otherwise. Knows no sockets.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <utility>
#include <vector>

namespace http {

// Why a request is not served: the status to answer with, and one line.
struct Refusal {
  int status;
  std::string message;
};

template <class T>
using Result = tl::expected<T, Refusal>;

// The longest request line and trailer section, and all header fields together, in bytes.
inline constexpr size_t kMaxLine = 8 << 10;
inline constexpr size_t kMaxFields = 32 << 10;

// A request without its body.
struct Head {
  std::string method;
  std::string path;                                         // decoded, without the query
  int minor_version = 1;                                    // of HTTP/1
  std::vector<std::pair<std::string, std::string>> fields;  // names in lower case, as they came

  // Of the body; neither: there is none.
  std::optional<uint64_t> length;
  bool chunked = false;

  [[nodiscard]] bool has(std::string_view name) const;
  // The values of all fields of that name, joined by ", ".
  [[nodiscard]] std::string value(std::string_view name) const;
};

// Takes a request's head from the bytes of a connection, as far as they have come.
class HeadReader {
 public:
  // Reads on in `bytes`, all that came so far. The head's length, once it is complete; nothing as
  // long as it is not.
  [[nodiscard]] Result<std::optional<size_t>> read(std::string_view bytes);

  // REQUIRES: read() has returned a length.
  [[nodiscard]] const Head& head() const { return head_; }

 private:
  [[nodiscard]] Result<void> take_line(std::string_view line);

  Head head_;
  size_t position_ = 0;  // of the next line
  size_t fields_begin_ = 0;
  bool has_request_line_ = false;
};

// Takes a chunked body apart, as its bytes come.
class ChunkedBody {
 public:
  explicit ChunkedBody(uint64_t limit) : limit_(limit) {}

  // Consumes bytes and appends what is data to `body`. Refuses more than the limit before the chunk
  // that holds it has come.
  [[nodiscard]] Result<void> read(std::string_view bytes, std::vector<uint8_t>& body);
  [[nodiscard]] bool is_complete() const { return state_ == State::kEnd; }

 private:
  enum class State : uint8_t { kSize, kData, kDataEnd, kTrailer, kEnd };

  [[nodiscard]] Result<void> take_line(std::string_view line, uint64_t body_size);

  uint64_t limit_;
  State state_ = State::kSize;
  uint64_t left_ = 0;    // bytes of the chunk
  size_t overhead_ = 0;  // bytes of extensions and trailers so far
  std::string line_;     // that has begun
};

}  // namespace http
