#include "stark/poly/aligned_words.h"

#include <sys/mman.h>
#include <zk/check.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>

namespace zkvm::stark {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;
constexpr size_t kPage = 4096;
std::atomic<bool> poison{false};

size_t round_up(size_t bytes, size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Straight from the system, since the C library's heap would keep holes of blocks of many sizes. In
/// huge pages, as far as they are whole: the last bytes must not take one of their own.
void* map_huge(size_t bytes, size_t alignment) {
  const size_t size = round_up(bytes, kPage);
  void* mapped =
      mmap(nullptr, size + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ZK_CHECK(mapped != MAP_FAILED);
  auto* start = static_cast<char*>(mapped);
  const size_t before = (alignment - reinterpret_cast<uintptr_t>(start) % alignment) % alignment;
  if (before > 0) munmap(start, before);
  munmap(start + before + size, alignment - before);
  madvise(start + before, bytes, MADV_HUGEPAGE);
  return start + before;
}
void unmap(void* block, size_t bytes) { munmap(block, round_up(bytes, kPage)); }

/// Blocks below a huge page, cut from slabs of one or several: the first touch of their pages, one
/// by one, took a seventh of the time of a proof of 2^14 rows. Tiles of 2^11 rows have slabs of their
/// own: the prover's extra cosets, freed early, left holes that no tile of a table fits in.
class Slabs {
 public:
  static constexpr size_t kSmallest = size_t{64} << 10;

  /// For blocks of so many bytes.
  static Slabs& instance(size_t bytes) {
    // They outlive every static that holds words.
    static Slabs& short_tiles = *new Slabs(kHugePage);
    static Slabs& others = *new Slabs(16 * kHugePage);
    return bytes > kShortTile && bytes < 2 * kShortTile ? short_tiles : others;
  }
  static size_t release_all() {
    return instance(kShortTile + 64).release() + instance(kShortTile).release();
  }

  /// `bytes`: a multiple of 64, at most a huge page.
  void* take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    // The tightest place, and of those the first: so slabs have a chance to become free.
    Slab* tightest = nullptr;
    Free::iterator place;
    for (auto& [start, slab] : slabs_)
      for (auto free = slab.begin(); free != slab.end(); ++free)
        if (free->second >= bytes && (tightest == nullptr || free->second < place->second))
          tightest = &slab, place = free;
    if (tightest == nullptr) {
      auto* start = static_cast<char*>(map_huge(slab_bytes_, slab_bytes_));
      tightest = &(slabs_[start] = {{start, slab_bytes_}});
      place = tightest->begin();
    }
    const auto [block, size] = *place;
    tightest->erase(place);
    if (size > bytes) tightest->emplace(block + bytes, size - bytes);
    return block;
  }

  void give(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    auto* at = static_cast<char*>(block);
    const auto found = slabs_.find(at - reinterpret_cast<uintptr_t>(at) % slab_bytes_);
    Slab& slab = found->second;
    auto free = slab.emplace(at, bytes).first;
    if (const auto next = std::next(free);
        next != slab.end() && free->first + free->second == next->first) {
      free->second += next->second;
      slab.erase(next);
    }
    if (free != slab.begin())
      if (const auto before = std::prev(free); before->first + before->second == free->first) {
        before->second += free->second;
        slab.erase(free);
        free = before;
      }
    if (free->second == slab_bytes_) {  // of which one is enough, if it is large
      if (spare_ != nullptr) release_spare();
      spare_ = found->first;
      if (slab_bytes_ == kHugePage) release_spare();
    }
  }

  size_t release() {
    const std::lock_guard lock(mutex_);
    return release_spare();
  }

 private:
  static constexpr size_t kShortTile = size_t{128} << 10;  // a tile takes some lines more
  using Free = std::map<char*, size_t>;                    // bytes by start: no two adjoin
  using Slab = Free;

  size_t release_spare() {
    const auto spare = std::exchange(spare_, nullptr);
    const auto found = slabs_.find(spare);
    if (found == slabs_.end() || found->second.empty() ||
        found->second.begin()->second != slab_bytes_)
      return 0;
    slabs_.erase(found);
    unmap(spare, slab_bytes_);
    return slab_bytes_;
  }

  explicit Slabs(size_t slab_bytes) : slab_bytes_(slab_bytes) {}

  const size_t slab_bytes_;
  std::mutex mutex_;
  std::map<char*, Slab> slabs_;  // by start
  char* spare_ = nullptr;        // one that was free last
};

/// Large blocks that were freed, kept for the next of about their size: a fresh page has to be
/// cleared by the kernel, which took half of the time of a proof of 2^20 rows. Blocks in use and
/// kept ones together never exceed the most that was in use, so keeping them adds nothing to the
/// peak.
class FreeBlocks {
 public:
  static FreeBlocks& instance() {
    static FreeBlocks& blocks = *new FreeBlocks;  // outlives every static that holds words
    return blocks;
  }

  /// A block of at least `bytes`; says in `bytes` how large it is.
  void* take(size_t& bytes) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = blocks_.lower_bound(bytes);
      if (found != blocks_.end() && found->first <= bytes + bytes / 4) {
        bytes = found->first;
        void* block = found->second;
        kept_ -= bytes;
        in_use_ += bytes;
        blocks_.erase(found);
        return block;
      }
      in_use_ += bytes;
      peak_ = std::max(peak_, in_use_);
      keep_at_most(peak_ - in_use_);
    }
    return map_huge(bytes, kHugePage);
  }

  void give(void* block, size_t bytes) {
    const std::lock_guard lock(mutex_);
    blocks_.emplace(bytes, block);
    kept_ += bytes;
    in_use_ -= bytes;
  }

  size_t release() {
    const std::lock_guard lock(mutex_);
    const size_t before = kept_;
    keep_at_most(0);
    peak_ = in_use_;
    return before;
  }

 private:
  void keep_at_most(size_t bytes) {
    while (kept_ > bytes) {  // the smallest go first: they are the cheapest to clear again
      kept_ -= blocks_.begin()->first;
      unmap(blocks_.begin()->second, blocks_.begin()->first);
      blocks_.erase(blocks_.begin());
    }
  }

  std::mutex mutex_;
  std::multimap<size_t, void*> blocks_;  // by size
  size_t kept_ = 0, in_use_ = 0, peak_ = 0;
};

}  // namespace

AlignedWords::AlignedWords(size_t count) : size_(count) {
  if (count == 0) return;
  const size_t bytes = count * sizeof(uint32_t);
  if (bytes < Slabs::kSmallest) {
    data_ = static_cast<uint32_t*>(std::aligned_alloc(64, round_up(bytes, 64)));
    ZK_CHECK(data_ != nullptr);
  } else if (bytes < kHugePage) {
    block_bytes_ = round_up(bytes, 64);
    data_ = static_cast<uint32_t*>(Slabs::instance(block_bytes_).take(block_bytes_));
  } else {
    block_bytes_ = bytes;
    data_ = static_cast<uint32_t*>(FreeBlocks::instance().take(block_bytes_));
  }
  if (poison.load(std::memory_order_relaxed)) std::memset(data_, 0xff, bytes);
}

AlignedWords::AlignedWords(uint32_t* words, size_t count, std::shared_ptr<const void> owner)
    : data_(words), size_(count), owner_(std::move(owner)) {
  ZK_CHECK(owner_ != nullptr && reinterpret_cast<uintptr_t>(words) % 64 == 0);
}

AlignedWords::AlignedWords(AlignedWords&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      block_bytes_(std::exchange(other.block_bytes_, 0)),
      owner_(std::move(other.owner_)) {}

AlignedWords& AlignedWords::operator=(AlignedWords&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(block_bytes_, other.block_bytes_);
  std::swap(owner_, other.owner_);
  return *this;
}

AlignedWords::~AlignedWords() {
  if (owner_ != nullptr) return;
  if (block_bytes_ == 0)
    std::free(data_);
  else if (block_bytes_ < kHugePage)
    Slabs::instance(block_bytes_).give(data_, block_bytes_);
  else
    FreeBlocks::instance().give(data_, block_bytes_);
}

size_t AlignedWords::release_kept() {
  return FreeBlocks::instance().release() + Slabs::release_all();
}

void AlignedWords::set_poison(bool on) { poison.store(on, std::memory_order_relaxed); }

WordSpace::WordSpace(uint32_t* words, size_t count, std::shared_ptr<const void> owner)
    : next_(words), left_(count), owner_(std::move(owner)) {}

AlignedWords WordSpace::take(size_t count) {
  if (owner_ == nullptr) return AlignedWords(count);
  ZK_CHECK(count <= left_ && count % 16 == 0);
  left_ -= count;
  return {std::exchange(next_, next_ + count), count, owner_};
}

}  // namespace zkvm::stark
