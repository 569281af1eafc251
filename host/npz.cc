// Source: APPNOTE.TXT 6.3.10 of PKWARE, sections 4.3.7 (local header), 4.3.12 (central directory), 4.3.16 (its end).
#include "host/npz.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace zkvm {
namespace {

constexpr uint32_t kLocal = 0x04034b50, kCentral = 0x02014b50, kEnd = 0x06054b50;
constexpr size_t kLocalBytes = 30, kCentralBytes = 46, kEndBytes = 22;
constexpr size_t kMaxComment = 0xffff;
constexpr uint16_t kStored = 0, kDeflated = 8;
constexpr uint16_t kEncrypted = 1;
constexpr uint64_t kGreatestRatio = 1032;  // of deflate: 258 bytes for two bits
constexpr std::string_view kSuffix = ".npy";

template <class... Args>
tl::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(Error{ErrorCode::kMalformedArray,
                              ".npz: " + fmt::format(format, std::forward<Args>(args)...)});
}

// REQUIRES: it is inside.
template <class T>
T at(std::span<const uint8_t> file, size_t offset) {
  T value;
  std::memcpy(&value, file.data() + offset, sizeof(T));
  return value;
}

// For messages: one line whatever stands there.
std::string shown(std::string_view name) {
  constexpr size_t kMost = 60;
  std::string out;
  for (const char c : name.substr(0, kMost)) out += c < ' ' || c > '~' ? '?' : c;
  return name.size() > kMost ? out + ".." : out;
}

struct Member {
  std::string name;
  uint16_t method;
  uint32_t checksum;
  std::span<const uint8_t> packed;
  uint32_t bytes;  // unpacked, as the archive says
};

// Where the end of the central directory stands: before a comment that ends the file.
std::optional<size_t> find_end(std::span<const uint8_t> file) {
  if (file.size() < kEndBytes) return {};
  const size_t last = file.size() - kEndBytes;
  const size_t first = last > kMaxComment ? last - kMaxComment : 0;
  for (size_t offset = last + 1; offset-- > first;)
    if (at<uint32_t>(file, offset) == kEnd && at<uint16_t>(file, offset + 20) == last - offset)
      return offset;
  return {};
}

Result<std::span<const uint8_t>> packed_bytes(std::span<const uint8_t> file, size_t directory,
                                              uint64_t local, uint64_t bytes,
                                              const std::string& name) {
  if (local > directory || directory - local < kLocalBytes || at<uint32_t>(file, local) != kLocal)
    return fail("{}: expected its header before the directory, found none at byte {}", shown(name),
                local);
  const uint64_t begin =
      local + kLocalBytes + at<uint16_t>(file, local + 26) + at<uint16_t>(file, local + 28);
  if (begin > directory || directory - begin < bytes)
    return fail("{}: expected {} bytes before the directory at {}, found them at {}", shown(name),
                bytes, directory, begin);
  return file.subspan(begin, bytes);
}

Result<std::vector<Member>> read_directory(std::span<const uint8_t> file, const NpzLimits& limits) {
  const auto end = find_end(file);
  if (!end) return fail("expected a zip archive, found another file, or a part of one");
  const auto members = at<uint16_t>(file, *end + 10);
  const auto size = at<uint32_t>(file, *end + 12), start = at<uint32_t>(file, *end + 16);
  if (at<uint16_t>(file, *end + 4) != 0 || at<uint16_t>(file, *end + 6) != 0 ||
      at<uint16_t>(file, *end + 8) != members)
    return fail("expected an archive in one part, found one of several");
  if (start == UINT32_MAX || members == UINT16_MAX)
    return fail("expected a zip archive of less than 4 GiB, found a zip64 archive");
  if (uint64_t{start} + size > *end)
    return fail("directory: expected it before byte {}, found {} bytes at {}", *end, size, start);
  if (members > limits.members)
    return fail("expected at most {} members, found {}", limits.members, members);
  std::vector<Member> out;
  uint64_t next = start, total = 0, packed_total = 0;
  for (uint32_t i = 0; i < members; ++i) {
    if (*end - next < kCentralBytes || at<uint32_t>(file, next) != kCentral)
      return fail("directory: expected {} members, found {}", members, i);
    const auto name_bytes = at<uint16_t>(file, next + 28);
    const uint64_t after = next + kCentralBytes + name_bytes + at<uint16_t>(file, next + 30) +
                           at<uint16_t>(file, next + 32);
    if (after > *end) return fail("directory: expected {} members, found {}", members, i);
    Member member{.name = {reinterpret_cast<const char*>(&file[next]) + kCentralBytes, name_bytes},
                  .method = at<uint16_t>(file, next + 10),
                  .checksum = at<uint32_t>(file, next + 16),
                  .packed = {},
                  .bytes = at<uint32_t>(file, next + 24)};
    if ((at<uint16_t>(file, next + 8) & kEncrypted) != 0)
      return fail("{}: expected no encryption", shown(member.name));
    if (member.method != kStored && member.method != kDeflated)
      return fail("{}: expected it stored (0) or deflated (8), found method {}", shown(member.name),
                  member.method);
    const auto packed = packed_bytes(file, start, at<uint32_t>(file, next + 42),
                                     at<uint32_t>(file, next + 20), member.name);
    if (!packed) return tl::unexpected(packed.error());
    member.packed = *packed;
    packed_total += packed->size();
    if (packed_total > start)  // or reading them takes the file's size times their number
      return fail("expected members beside each other, found {} that share bytes", i + 1);
    const uint64_t most =
        member.method == kStored ? packed->size() : packed->size() * kGreatestRatio;
    if (member.bytes > most || (member.method == kStored && member.bytes != most))
      return fail("{}: expected what {} bytes can hold, found {}", shown(member.name),
                  packed->size(), member.bytes);
    total += member.bytes;
    if (total > limits.bytes)
      return fail("expected at most {} bytes in all members, found more", limits.bytes);
    out.push_back(std::move(member));
    next = after;
  }
  return out;
}

// Nothing if it is no stream of exactly so many bytes.
std::optional<std::vector<uint8_t>> inflated(std::span<const uint8_t> packed, size_t bytes) {
  std::vector<uint8_t> out(bytes);
  uint8_t none = 0;  // zlib takes no null pointer
  z_stream stream{};
  if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) return {};
  stream.next_in = const_cast<Bytef*>(packed.data());  // it is not written
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = out.empty() ? &none : out.data();
  stream.avail_out = static_cast<uInt>(out.size());
  const int status = inflate(&stream, Z_FINISH);
  const bool whole = status == Z_STREAM_END && stream.avail_out == 0 && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? std::optional(std::move(out)) : std::nullopt;
}

Result<Array> read_member(const Member& member) {
  std::optional<std::vector<uint8_t>> unpacked;
  std::span<const uint8_t> bytes = member.packed;
  if (member.method == kDeflated) {
    unpacked = inflated(member.packed, member.bytes);
    if (!unpacked)
      return fail("{}: expected {} deflated bytes, found no such stream", shown(member.name),
                  member.bytes);
    bytes = *unpacked;
  }
  const uLong checksum = crc32_z(crc32_z(0, nullptr, 0), bytes.data(), bytes.size());
  if (checksum != member.checksum)
    return fail("{}: checksum: expected {:08x}, found {:08x}", shown(member.name), member.checksum,
                checksum);
  Result<Array> array = read_npy(bytes);
  if (!array) return fail("{}: {}", shown(member.name), array.error().message);
  return array;
}

}  // namespace

Result<std::map<std::string, Array>> read_npz(std::span<const uint8_t> file,
                                              const NpzLimits& limits) {
  const auto members = read_directory(file, limits);
  if (!members) return tl::unexpected(members.error());
  std::map<std::string, Array> out;
  for (const Member& member : *members) {
    if (!member.name.ends_with(kSuffix) || member.name.size() == kSuffix.size())
      return fail("expected arrays, NAME.npy, found {}", shown(member.name));
    auto array = read_member(member);
    if (!array) return tl::unexpected(std::move(array.error()));
    const std::string name = member.name.substr(0, member.name.size() - kSuffix.size());
    if (!out.emplace(name, std::move(*array)).second)
      return fail("expected each name once, found {} twice", shown(name));
  }
  return out;
}

}  // namespace zkvm
