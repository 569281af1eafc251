#include "host/image_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <string_view>
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

fs::path images_folder() { return cache_folder_of("images"); }

fs::path file_of(const stark::Digest& key) {
  const fs::path folder = images_folder();
  return folder.empty() ? folder : folder / fmt::format("{:02x}", fmt::join(to_api(key), ""));
}

stark::Digest checksum(const stark::Digest& key, std::span<const uint8_t> image) {
  stark::Blake3 hash;
  hash.update({reinterpret_cast<const uint8_t*>(kMagic.data()), kMagic.size()});
  hash.update_words(key);
  hash.update(image);
  return hash.finish();
}

// All bytes of a file of this user's own, which is no link; nothing if it is not one.
// SOUNDNESS: `verify --elf` takes the image id from here.
std::optional<std::vector<uint8_t>> read_own(const fs::path& path) {
  const int file = open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return std::nullopt;
  std::optional<std::vector<uint8_t>> bytes;
  struct stat info{};
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
  if (path.empty() || !is_own_folder(path.parent_path())) return std::nullopt;
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
  if (path.empty() || bytes.size() > kMaxImageBytes / 2 || !make_own_folder(path.parent_path()))
    return;
  stark::ByteWriter out;
  out.put_text(kMagic);
  out.put_bytes(bytes);
  out.put(checksum(key, bytes));
  (void)write_file(path.string(), "cached image", out.view(), 0600);
  drop_oldest(path.parent_path(), kMaxCachedImages, kMaxCachedBytes);
}

CacheContents cached_images() { return cache_contents(images_folder()); }

void clear_images() { drop_oldest(images_folder(), 0, 0); }

}  // namespace zkvm
