#include "host/tree_cache.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <tbb/parallel_for.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "host/environment.h"
#include "host/number_text.h"
#include "host/verify.h"
#include "stark/hash/blake3.h"
#include "stark/protocol/bytes.h"

namespace zkvm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "zkvm cached tree 1\n";
constexpr size_t kHeadBytes = 4096;  // a page: words begin on one
constexpr size_t kPartWords = size_t{1} << 18;

fs::path trees_folder() { return cache_folder_of("trees"); }

fs::path file_of(const stark::Digest& key) {
  const fs::path folder = trees_folder();
  return folder.empty() ? folder : folder / fmt::format("{:02x}", fmt::join(to_api(key), ""));
}

// 0: none are kept.
uint64_t most_bytes() {
  const auto given = environment("ZKVM_CACHE_TREES");
  if (!given) return kMaxCachedTreeBytes;
  return parse_size(*given).value_or(0);
}

class File {
 public:
  explicit File(int file) : file_(file) {}
  File(File&& other) noexcept : file_(std::exchange(other.file_, -1)) {}
  File& operator=(File&&) = delete;
  ~File() {
    if (file_ >= 0) close(file_);
  }
  [[nodiscard]] int get() const { return file_; }

 private:
  int file_;
};

// The first bytes of a file, mapped as long as this lives.
class Mapping {
 public:
  // Null if that is not possible.
  static std::shared_ptr<Mapping> of(const File& file, size_t bytes, int protection) {
    void* at = mmap(nullptr, bytes, protection, MAP_SHARED, file.get(), 0);
    if (at == MAP_FAILED) return nullptr;
    return std::make_shared<Mapping>(static_cast<uint8_t*>(at), bytes);
  }
  Mapping(uint8_t* at, size_t bytes) : at_(at), bytes_(bytes) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { munmap(at_, bytes_); }

  [[nodiscard]] std::span<uint8_t> head() const { return {at_, kHeadBytes}; }
  [[nodiscard]] std::span<uint32_t> words() const {
    return {reinterpret_cast<uint32_t*>(at_ + kHeadBytes),
            (bytes_ - kHeadBytes) / sizeof(uint32_t)};
  }
  void protect() const { mprotect(at_, bytes_, PROT_READ); }

 private:
  uint8_t* at_;
  size_t bytes_;
};

stark::WordSpace space_in(const std::shared_ptr<Mapping>& mapping) {
  const auto words = mapping->words();
  return {words.data(), words.size(), mapping};
}

// One step for each word and lane, so that it takes no longer than to read them. Each step is a
// bijection: one word that is another gives another sum.
std::array<uint64_t, 8> part_sum(std::span<const uint32_t> words) {
  constexpr uint64_t kFactor = 0x9e3779b97f4a7c15;
  std::array<uint64_t, 8> lanes{};
  for (size_t i = 0; i < words.size(); i += 16)
    for (size_t lane = 0; lane < 8; ++lane) {
      uint64_t pair;
      std::memcpy(&pair, &words[i + 2 * lane], sizeof(pair));
      lanes[lane] = std::rotl((lanes[lane] ^ pair) * kFactor, 29);
    }
  return lanes;
}

// REQUIRES: a multiple of 16 words.
stark::Digest checksum(std::span<const uint32_t> words) {
  std::vector<std::array<uint64_t, 8>> sums((words.size() + kPartWords - 1) / kPartWords);
  tbb::parallel_for(size_t{0}, sums.size(), [&](size_t part) {
    const auto rest = words.subspan(part * kPartWords);
    sums[part] = part_sum(rest.first(std::min(rest.size(), kPartWords)));
  });
  stark::Blake3 hash;
  for (const auto& sum : sums) hash.update({reinterpret_cast<const uint8_t*>(&sum), sizeof(sum)});
  return hash.finish();
}

// magic, key, number of words, their checksum; BLAKE3 of all that.
std::vector<uint8_t> head_of(const stark::Digest& key, std::span<const uint32_t> words) {
  stark::ByteWriter out;
  out.put_text(kMagic);
  out.put(key);
  out.put(uint64_t{words.size()});
  out.put(checksum(words));
  out.put(stark::blake3_hash(out.view()));
  return std::move(out).take();
}

bool has_head(const Mapping& mapping, std::span<const uint8_t> head) {
  return std::ranges::equal(mapping.head().first(head.size()), head);
}

}  // namespace

std::optional<stark::WordSpace> TreeCache::find(const stark::Digest& key, size_t words) {
  const fs::path path = file_of(key);
  if (most_bytes() == 0 || path.empty() || !is_own_folder(path.parent_path())) return std::nullopt;
  const File file(open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK));
  const size_t bytes = kHeadBytes + words * sizeof(uint32_t);
  struct stat info{};
  if (file.get() < 0 || fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode) || !is_own(info))
    return std::nullopt;
  const bool fits = std::cmp_equal(info.st_size, bytes);
  const auto mapping = fits ? Mapping::of(file, bytes, PROT_READ) : nullptr;
  if (fits && mapping == nullptr) return std::nullopt;  // no room: the file may be good
  const bool is_new = !found_keys_.contains(key) && !kept_keys_.contains(key);
  if (!fits || (is_new && !has_head(*mapping, head_of(key, mapping->words())))) {
    drop(key);
    return std::nullopt;
  }
  (void)futimens(file.get(), nullptr);
  if (is_new) {
    found_keys_.insert(key);
    ++found_.trees;
    found_.bytes += bytes;
  }
  return space_in(mapping);
}

void TreeCache::drop(const stark::Digest& key) {
  const fs::path path = file_of(key);
  if (!path.empty() && is_own_folder(path.parent_path())) unlink(path.c_str());
  found_keys_.erase(key);
  kept_keys_.erase(key);
}

void TreeCache::drop_found() {
  while (!found_keys_.empty()) drop(stark::Digest(*found_keys_.begin()));
  found_ = {};
}

class TreeCache::CachedRoom : public Room {
 public:
  CachedRoom(TreeCache& cache, File file, std::shared_ptr<Mapping> mapping)
      : cache_(cache), file_(std::move(file)), mapping_(std::move(mapping)) {}

  [[nodiscard]] stark::WordSpace space() override { return space_in(mapping_); }

  void keep(const stark::Digest& key) override {
    const auto head = head_of(key, mapping_->words());
    std::ranges::copy(head, mapping_->head().begin());
    mapping_->protect();
    const fs::path path = file_of(key);
    const std::string temporary = fmt::format("{}.{}.partial", path.string(), getpid());
    const std::string own = fmt::format("/proc/self/fd/{}", file_.get());
    if (path.empty()) return;
    unlink(temporary.c_str());  // a killed process of this number may have left one
    if (linkat(AT_FDCWD, own.c_str(), AT_FDCWD, temporary.c_str(), AT_SYMLINK_FOLLOW) != 0) return;
    if (rename(temporary.c_str(), path.c_str()) != 0) {
      unlink(temporary.c_str());
      return;
    }
    if (cache_.kept_keys_.insert(key).second) {
      ++cache_.kept_.trees;
      cache_.kept_.bytes += kHeadBytes + mapping_->words().size_bytes();
    }
    drop_oldest(path.parent_path(), UINT64_MAX, most_bytes());
  }

 private:
  TreeCache& cache_;
  File file_;
  std::shared_ptr<Mapping> mapping_;
};

std::unique_ptr<TreeCache::Room> TreeCache::room(size_t words) {
  const fs::path folder = trees_folder();
  const uint64_t bytes = kHeadBytes + words * sizeof(uint32_t);
  if (folder.empty() || bytes > most_bytes() || !make_own_folder(folder)) return nullptr;
  drop_oldest(folder, UINT64_MAX, most_bytes() - bytes);
  struct statvfs disk{};
  if (statvfs(folder.c_str(), &disk) != 0 || disk.f_bavail * disk.f_frsize / 2 < bytes)
    return nullptr;
  rlimit longest{};  // to grow a file beyond it ends the process, too
  if (getrlimit(RLIMIT_FSIZE, &longest) != 0 || bytes > longest.rlim_cur) return nullptr;
  File file(open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
  // Disk blocks for all of it: a write to a mapped page without one, on a full disk, ends the process.
  if (file.get() < 0 || fallocate(file.get(), 0, 0, static_cast<off_t>(bytes)) != 0) return nullptr;
  auto mapping = Mapping::of(file, bytes, PROT_READ | PROT_WRITE);
  if (mapping == nullptr) return nullptr;
  return std::make_unique<CachedRoom>(*this, std::move(file), std::move(mapping));
}

CacheContents cached_trees() { return cache_contents(trees_folder()); }

void clear_trees() { drop_oldest(trees_folder(), 0, 0); }

}  // namespace zkvm
