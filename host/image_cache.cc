#include "host/image_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <tuple>
#include <vector>

#include "host/cache_folder.h"
#include "host/file.h"
#include "host/verify.h"
#include "stark/hash/blake3.h"
#include "stark/protocol/bytes.h"

namespace zkvm {
namespace {

namespace fs = std::filesystem;
using stark::machine::Image;

constexpr std::string_view kMagic = "zkvm cached image 2\n";
constexpr uint64_t kMaxImageBytes = uint64_t{1} << 20;

// Empty where there is no cache.
fs::path images_folder() {
  const char* use = std::getenv("ZKVM_CACHE");
  if (use != nullptr && std::string_view(use) == "off") return {};
  const fs::path folder = cache_folder();
  return folder.empty() ? folder : folder / "images";
}

fs::path file_of(const stark::Digest& key) {
  const fs::path folder = images_folder();
  return folder.empty() ? folder : folder / fmt::format("{:02x}", fmt::join(to_api(key), ""));
}

// SOUNDNESS: `verify --elf` takes the image id from here.
bool is_own(const struct stat& info) {
  return info.st_uid == geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool is_own(const fs::path& path) {
  struct stat info {};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && is_own(info);
}

// Whether the folder is there and this user's own, or can be made in a place that is.
bool may_make(fs::path folder) {
  std::error_code error;
  while (!folder.empty() && !fs::exists(folder, error) && folder != folder.root_path())
    folder = folder.parent_path();
  struct stat info {};
  return stat(folder.c_str(), &info) == 0 && info.st_uid == geteuid();
}

stark::Digest checksum(const stark::Digest& key, std::span<const uint8_t> image) {
  stark::Blake3 hash;
  hash.update({reinterpret_cast<const uint8_t*>(kMagic.data()), kMagic.size()});
  hash.update_words(key);
  hash.update(image);
  return hash.finish();
}

// All bytes of a file of this user's own, which is no link; nothing if it is not one.
std::optional<std::vector<uint8_t>> read_own(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return std::nullopt;
  std::optional<std::vector<uint8_t>> bytes;
  struct stat info {};
  if (fstat(file, &info) == 0 && S_ISREG(info.st_mode) && is_own(info) &&
      static_cast<uint64_t>(info.st_size) <= kMaxImageBytes) {
    bytes.emplace(static_cast<size_t>(info.st_size));
    size_t done = 0;
    while (done < bytes->size()) {
      const ssize_t got = read(file, bytes->data() + done, bytes->size() - done);
      if (got <= 0) break;
      done += static_cast<size_t>(got);
    }
    if (done != bytes->size()) bytes.reset();
  }
  close(file);
  return bytes;
}

struct Entry {
  fs::file_time_type time;
  uint64_t bytes;
  fs::path path;
};

// The oldest first.
std::vector<Entry> entries() {
  std::vector<Entry> out;
  const fs::path folder = images_folder();
  if (folder.empty() || !is_own(folder)) return out;
  std::error_code error;
  for (auto file = fs::directory_iterator(folder, error);
       !error && file != fs::directory_iterator(); file.increment(error)) {
    std::error_code gone;
    if (!file->is_regular_file(gone) || file->is_symlink(gone)) continue;
    const uint64_t bytes = file->file_size(gone);
    const auto time = file->last_write_time(gone);
    if (!gone) out.push_back({time, bytes, file->path()});
  }
  std::ranges::sort(out, {}, [](const Entry& e) { return std::tuple(e.time, e.path); });
  return out;
}

void drop_oldest() {
  const std::vector<Entry> all = entries();
  uint64_t images = all.size(), bytes = 0;
  for (const Entry& entry : all) bytes += entry.bytes;
  for (const Entry& entry : all) {
    if (images <= kMaxCachedImages && bytes <= kMaxCachedBytes) return;
    std::error_code error;
    fs::remove(entry.path, error);
    --images;
    bytes -= entry.bytes;
  }
}

}  // namespace

stark::Digest image_key(std::span<const uint8_t> elf) {
  stark::Blake3 hash;
  // The bytes of an image begin with the version of the format, the chips and the heights.
  hash.update(Image{}.serialise());
  hash.update(elf);
  return hash.finish();
}

std::optional<Image> cached_image(const stark::Digest& key) {
  const fs::path path = file_of(key);
  if (path.empty() || !is_own(path.parent_path())) return std::nullopt;
  const auto bytes = read_own(path);
  if (!bytes || bytes->size() < kMagic.size() + sizeof(stark::Digest)) return std::nullopt;
  stark::ByteReader in(*bytes);
  if (in.get_text(kMagic.size()) != kMagic) return std::nullopt;
  const auto image = in.get_bytes(bytes->size() - kMagic.size() - sizeof(stark::Digest));
  if (in.get_digest() != checksum(key, image)) return std::nullopt;
  auto parsed = Image::parse(image);
  if (!parsed) return std::nullopt;
  return std::move(*parsed);
}

void keep_image(const stark::Digest& key, const Image& image) {
  const fs::path path = file_of(key);
  const std::vector<uint8_t> bytes = image.serialise();
  if (path.empty() || bytes.size() > kMaxImageBytes / 2 || !may_make(path.parent_path())) return;
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  if (error || !is_own(path.parent_path())) return;
  stark::ByteWriter out;
  out.put_text(kMagic);
  out.put_bytes(bytes);
  out.put(checksum(key, bytes));
  (void)write_file(path.string(), "cached image", out.view(), 0600);
  drop_oldest();
}

CacheContents cache_contents() {
  CacheContents out{.folder = images_folder()};
  for (const Entry& entry : entries()) {
    ++out.images;
    out.bytes += entry.bytes;
  }
  return out;
}

CacheContents clear_cache() {
  const CacheContents before = cache_contents();
  for (const Entry& entry : entries()) {
    std::error_code error;
    fs::remove(entry.path, error);
  }
  return before;
}

}  // namespace zkvm
