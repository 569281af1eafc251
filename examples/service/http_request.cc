#include "examples/service/http_request.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>

namespace http {
namespace {

constexpr uint64_t kTooMany = std::numeric_limits<uint64_t>::max();
constexpr std::string_view kBlank = " \t";

tl::unexpected<Refusal> refuse(int status, std::string message) {
  return tl::unexpected(Refusal{status, std::move(message)});
}

bool is_letter_or_digit(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// tchar of RFC 9110, 5.6.2.
bool is_token_character(char c) {
  return is_letter_or_digit(c) ||
         (c != '\0' && std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos);
}
bool is_token(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_token_character);
}

bool is_control(char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(kBlank);
  if (begin == text.npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

// The elements of a comma-separated list; empty ones are left out (RFC 9110, 5.6.1.2).
std::vector<std::string_view> elements(std::string_view list) {
  std::vector<std::string_view> out;
  for (size_t begin = 0; begin <= list.size();) {
    const size_t end = std::min(list.find(',', begin), list.size());
    const std::string_view element = trimmed(list.substr(begin, end - begin));
    if (!element.empty()) out.push_back(element);
    begin = end + 1;
  }
  return out;
}

// Digits alone; kTooMany where they are beyond 64 bits.
std::optional<uint64_t> parse_number(std::string_view text, int base) {
  uint64_t number = 0;
  const char* end = text.data() + text.size();
  if (text.starts_with('-')) return std::nullopt;  // from_chars takes a sign
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (rest != end || error == std::errc::invalid_argument) return std::nullopt;
  return error == std::errc() ? number : kTooMany;
}

// A line without its CRLF.
Result<std::string_view> without_end(std::string_view line) {
  if (!line.ends_with("\r\n")) return refuse(400, "expected lines that end with CR LF");
  line.remove_suffix(2);
  if (line.find('\r') != line.npos) return refuse(400, "a CR that ends no line");
  return line;
}

// ------------------------------------------------------------------------------------ request line

// Characters of a URI's path (RFC 3986, 3.3), '%' included; a query has '?' beside them.
bool is_path_character(char c) {
  return is_letter_or_digit(c) ||
         (c != '\0' && std::string_view("-._~!$&'()*+,;=:@/%").find(c) != std::string_view::npos);
}

std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    const std::optional<uint64_t> byte =
        i + 2 < text.size() ? parse_number(text.substr(i + 1, 2), 16) : std::nullopt;
    if (!byte) return std::nullopt;
    out += static_cast<char>(*byte);
    i += 2;
  }
  return out;
}

// uri-host [ ":" port ], as in Host and in an absolute target; no user in front.
bool is_authority(std::string_view text) {
  size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == text.npos || end == 1) return false;
    const std::string_view address = text.substr(1, end - 1);
    if (address.find_first_not_of("0123456789abcdefABCDEF:.v") != address.npos) return false;
    ++end;
  } else {
    end = std::min(text.find(':'), text.size());
    const std::string_view name = text.substr(0, end);
    if (!std::ranges::all_of(
            name, [](char c) { return is_path_character(c) && c != '/' && c != '@' && c != ':'; }))
      return false;
    if (!percent_decoded(name)) return false;
  }
  const std::string_view port = text.substr(end);
  return port.empty() || port == ":" || (port[0] == ':' && is_digits(port.substr(1)));
}

// The path that a target in origin form or absolute form names (RFC 9112, 3.2), and that of "*".
std::optional<std::string> path_of(std::string_view method, std::string_view target) {
  if (method == "CONNECT")
    return is_authority(target) ? std::optional<std::string>("") : std::nullopt;
  if (target == "*") return method == "OPTIONS" ? std::optional<std::string>("*") : std::nullopt;
  if (!target.starts_with('/')) {
    const size_t colon = target.find("://");
    const std::string scheme = lower(target.substr(0, std::min(colon, target.size())));
    if (scheme != "http" && scheme != "https") return std::nullopt;
    target.remove_prefix(colon + 3);
    const size_t end = std::min(target.find_first_of("/?"), target.size());
    if (end == 0 || target[0] == ':' || !is_authority(target.substr(0, end))) return std::nullopt;
    target.remove_prefix(end);
  }
  const size_t query = std::min(target.find('?'), target.size());
  if (!std::ranges::all_of(target.substr(0, query), is_path_character) ||
      !std::ranges::all_of(target.substr(query),
                           [](char c) { return is_path_character(c) || c == '?'; }) ||
      !percent_decoded(target.substr(query)))
    return std::nullopt;
  if (query == 0) return "/";
  return percent_decoded(target.substr(0, query));
}

// "HTTP/1.x" -> x.
Result<int> minor_version(std::string_view text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (text.size() != 8 || !text.starts_with("HTTP/") || !is_digit(text[5]) || text[6] != '.' ||
      !is_digit(text[7]))
    return refuse(400, "request line: expected METHOD TARGET HTTP/1.1");
  if (text[5] != '1') return refuse(505, "expected HTTP/1.0 or HTTP/1.1");
  return text[7] - '0';
}

Result<void> take_request_line(std::string_view line, Head& head) {
  const size_t first = line.find(' '), last = line.rfind(' ');
  if (first == line.npos || first == last || !is_token(line.substr(0, first)))
    return refuse(400, "request line: expected METHOD TARGET HTTP/1.1");
  const Result<int> version = minor_version(line.substr(last + 1));
  if (!version) return tl::unexpected(version.error());
  head.minor_version = *version;
  head.method = line.substr(0, first);
  const auto path = path_of(head.method, line.substr(first + 1, last - first - 1));
  if (!path) return refuse(400, "request target: expected a path or an http URL");
  head.path = *path;
  return {};
}

Result<std::pair<std::string, std::string>> parse_field(std::string_view line) {
  if (kBlank.find(line.front()) != kBlank.npos)
    return refuse(400, "header: a line begins with a space (folded lines are obsolete)");
  const size_t colon = line.find(':');
  if (colon == line.npos || !is_token(line.substr(0, colon)))
    return refuse(400, "header: expected NAME: VALUE, without a space before the colon");
  const std::string_view value = trimmed(line.substr(colon + 1));
  if (std::ranges::any_of(value, [](char c) { return is_control(c) && c != '\t'; }))
    return refuse(400, "header: a control character in a value");
  return std::pair(lower(line.substr(0, colon)), std::string(value));
}

// ---------------------------------------------------------------------------------- framing, RFC 6

Result<void> check_host(const Head& head) {
  const auto count = std::ranges::count(head.fields, "host", [](const auto& f) { return f.first; });
  if (count > 1) return refuse(400, "Host: expected one, found several");
  if (count == 0 && head.minor_version > 0) return refuse(400, "Host: expected one, found none");
  if (count == 1 && !is_authority(head.value("host")))
    return refuse(400, "Host: expected NAME or NAME:PORT");
  return {};
}

Result<void> take_transfer_encoding(Head& head) {
  if (head.has("content-length"))
    return refuse(400, "expected Content-Length or Transfer-Encoding, found both");
  if (head.minor_version == 0) return refuse(400, "Transfer-Encoding: expected none in HTTP/1.0");
  const std::string list = lower(head.value("transfer-encoding"));
  const std::vector<std::string_view> codings = elements(list);
  const auto is_chunked = [](std::string_view coding) {
    return trimmed(coding.substr(0, coding.find(';'))) == "chunked";
  };
  const auto first = std::ranges::find_if(codings, is_chunked);
  if (codings.empty() || (first != codings.end() && first + 1 != codings.end()))
    return refuse(400, "Transfer-Encoding: expected chunked, once and last");
  if (first != codings.begin())
    return refuse(501, "Transfer-Encoding: expected chunked, found another coding");
  if (*first != "chunked") return refuse(400, "Transfer-Encoding: chunked has no parameters");
  head.chunked = true;
  return {};
}

Result<void> take_content_length(Head& head) {
  const std::string list = head.value("content-length");
  for (const std::string_view element : elements(list)) {
    const std::optional<uint64_t> length = parse_number(element, 10);
    if (!length) return refuse(400, "Content-Length: expected decimal digits");
    if (head.length && *head.length != *length)
      return refuse(400, "Content-Length: expected one length, found two");
    head.length = length;
  }
  if (!head.length) return refuse(400, "Content-Length: expected decimal digits, found nothing");
  return {};
}

Result<void> take_framing(Head& head) {
  if (auto ok = check_host(head); !ok) return ok;
  if (head.has("transfer-encoding")) return take_transfer_encoding(head);
  if (head.has("content-length")) return take_content_length(head);
  return {};
}

}  // namespace

bool Head::has(std::string_view name) const {
  return std::ranges::any_of(fields, [&](const auto& field) { return field.first == name; });
}

std::string Head::value(std::string_view name) const {
  std::string out;
  bool is_first = true;
  for (const auto& field : fields) {
    if (field.first != name) continue;
    if (!std::exchange(is_first, false)) out += ", ";
    out += field.second;
  }
  return out;
}

Result<std::optional<size_t>> HeadReader::read(std::string_view bytes) {
  for (;;) {
    const std::string_view rest = bytes.substr(position_);
    const size_t end = rest.find('\n');
    const size_t size = std::min(end, rest.size());
    if (!has_request_line_) {
      // Something else than HTTP may never send a line's end.
      if (!rest.empty() && rest[0] != '\r' && !is_token_character(rest[0]))
        return refuse(400, "request line: expected METHOD TARGET HTTP/1.1");
      if (size > kMaxLine) return refuse(414, "request line: expected at most 8 KiB");
    } else if (position_ - fields_begin_ + size > kMaxFields) {
      return refuse(431, "header: expected at most 32 KiB");
    }
    if (end == rest.npos) return std::nullopt;
    const Result<std::string_view> line = without_end(rest.substr(0, end + 1));
    if (!line) return tl::unexpected(line.error());
    position_ += end + 1;
    if (!has_request_line_) {
      if (line->empty() && position_ <= kMaxLine)
        continue;  // left over from before (RFC 9112, 2.2)
      if (auto ok = take_request_line(*line, head_); !ok) return tl::unexpected(ok.error());
      has_request_line_ = true;
      fields_begin_ = position_;
    } else if (line->empty()) {
      if (auto ok = take_framing(head_); !ok) return tl::unexpected(ok.error());
      return position_;
    } else {
      auto field = parse_field(*line);
      if (!field) return tl::unexpected(field.error());
      head_.fields.push_back(std::move(*field));
    }
  }
}

Result<void> ChunkedBody::read(std::string_view bytes, std::vector<uint8_t>& body) {
  while (!bytes.empty() && state_ != State::kEnd) {
    if (state_ == State::kData) {
      const auto size = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
      body.insert(body.end(), bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(size));
      bytes.remove_prefix(size);
      left_ -= size;
      if (left_ == 0) state_ = State::kDataEnd;
      continue;
    }
    const size_t end = bytes.find('\n');
    const size_t size = end == bytes.npos ? bytes.size() : end + 1;
    line_ += bytes.substr(0, size);
    bytes.remove_prefix(size);
    if (state_ == State::kDataEnd && !std::string_view("\r\n").starts_with(line_))
      return refuse(400, "chunk: expected as many bytes as its size says");
    if (line_.size() > kMaxLine) return refuse(400, "chunk: expected lines of at most 8 KiB");
    if (end == bytes.npos && !line_.ends_with('\n')) return {};
    const Result<std::string_view> line = without_end(line_);
    if (!line) return tl::unexpected(line.error());
    if (auto ok = take_line(*line, body.size()); !ok) return ok;
    line_.clear();
  }
  return {};
}

Result<void> ChunkedBody::take_line(std::string_view line, uint64_t body_size) {
  switch (state_) {
    case State::kSize: {
      const size_t digits = std::min(line.find_first_not_of("0123456789abcdefABCDEF"), line.size());
      const std::string_view extensions = line.substr(digits);
      const std::optional<uint64_t> size = parse_number(line.substr(0, digits), 16);
      if (!size || (!extensions.empty() && !trimmed(extensions).starts_with(';')) ||
          std::ranges::any_of(extensions, [](char c) { return is_control(c) && c != '\t'; }))
        return refuse(400, "chunk: expected its size in hex digits");
      overhead_ += extensions.size();
      if (overhead_ > kMaxFields)
        return refuse(400, "chunks: expected at most 32 KiB of extensions");
      if (*size > limit_ - std::min(limit_, body_size))
        return refuse(413, "expected a body of at most " + std::to_string(limit_) + " bytes");
      left_ = *size;
      state_ = *size == 0 ? State::kTrailer : State::kData;
      return {};
    }
    case State::kDataEnd:
      state_ = State::kSize;
      return {};
    case State::kTrailer: {
      if (line.empty()) {
        state_ = State::kEnd;
        return {};
      }
      overhead_ += line.size();
      if (overhead_ > kMaxFields) return refuse(431, "trailer: expected at most 32 KiB");
      const auto field = parse_field(line);  // well-formed, and of no interest
      if (!field) return tl::unexpected(field.error());
      return {};
    }
    default:
      return {};
  }
}

}  // namespace http
