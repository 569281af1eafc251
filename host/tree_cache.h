// Trees of large fixed columns that provers of this user made, in the cache folder: a second proof of
// a program with millions of weights does not make them again. A cache: what is not there is made.
//
// A file is 4 KiB that say what it is, and then the words of one tree, which are mapped, not read. A
// prover makes them in the file itself, which gets its name when it is whole. Each is checked when
// it is mapped: that it is this user's own, that it is the tree that was asked for, and a checksum of
// all words. That is against torn and damaged files, not against somebody who writes this user's
// files: such a tree gives a receipt that does not verify. Verifiers use none, and image ids neither.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <set>

#include "host/cache_folder.h"
#include "stark/session/image/tree_store.h"

namespace zkvm {

/// Bytes of all trees; $ZKVM_CACHE_TREES is another limit ("8G", or "off"). The one whose last use is
/// longest ago goes first.
inline constexpr uint64_t kMaxCachedTreeBytes = uint64_t{4} << 30;

class TreeCache : public stark::machine::TreeStore {
 public:
  [[nodiscard]] std::optional<stark::WordSpace> find(const stark::Digest& key,
                                                     size_t words) override;
  void drop(const stark::Digest& key) override;
  /// Null too, where the disk would be left with less than what the tree takes, or has no files
  /// without a name (O_TMPFILE).
  [[nodiscard]] std::unique_ptr<Room> room(size_t words) override;

  /// Those that find() gave and others had made, and those that were made and kept; each once.
  struct Count {
    uint32_t trees = 0;
    uint64_t bytes = 0;
  };
  [[nodiscard]] const Count& found() const { return found_; }
  [[nodiscard]] const Count& kept() const { return kept_; }
  /// drop() of all that find() gave.
  void drop_found();

 private:
  class CachedRoom;

  Count found_, kept_;
  std::set<stark::Digest> found_keys_, kept_keys_;
};

[[nodiscard]] CacheContents cached_trees();
void clear_trees();

}  // namespace zkvm
