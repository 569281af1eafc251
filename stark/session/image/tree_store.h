// Where the trees of large fixed slots are kept, so that the next process that proves the same program
// need not make them: host/tree_cache.h is one.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "stark/hash/blake3.h"
#include "stark/pcs/commit/committed_tree.h"
#include "stark/poly/aligned_words.h"
#include "stark/protocol/key.h"
#include "stark/witness/witness.h"

namespace zkvm::stark::machine {

class TreeStore {
 public:
  TreeStore() = default;
  TreeStore(const TreeStore&) = delete;
  TreeStore& operator=(const TreeStore&) = delete;
  virtual ~TreeStore() = default;

  /// Words to make a tree in. It is gone with this, if it isn't kept, but what was taken of it stays
  /// with whoever has it.
  class Room {
   public:
    Room() = default;
    Room(const Room&) = delete;
    Room& operator=(const Room&) = delete;
    virtual ~Room() = default;
    [[nodiscard]] virtual WordSpace space() = 0;
    /// The tree is made: from now on find(key) has it, if it can be kept. Nobody writes to it any more.
    virtual void keep(const Digest& key) = 0;
  };

  /// The words that were kept under this key, to be read; nothing if they are not there or not whole.
  [[nodiscard]] virtual std::optional<WordSpace> find(const Digest& key, size_t words) = 0;
  /// What find() gave was not what was asked for.
  virtual void drop(const Digest& key) = 0;
  /// Null if a tree of so many words is not to be kept.
  [[nodiscard]] virtual std::unique_ptr<Room> room(size_t words) = 0;
};

/// Smaller trees are made anew: that is as fast.
inline constexpr size_t kLeastKeptWords = size_t{1} << 20;

/// The tree of a fixed slot with this root, from the store. Nothing, if there is no store or root, or
/// the tree is small or not there.
[[nodiscard]] std::optional<CommittedTree> kept_tree(TreeStore* store, const VerifyingKey& key,
                                                     uint8_t log_blowup, uint16_t slot,
                                                     const Digest* root);

/// commit_slot of a fixed slot; a large tree is made in the store, if there is one, and kept there.
/// REQUIRES: all tables that have columns in the slot.
[[nodiscard]] CommittedTree make_tree(TreeStore* store, const VerifyingKey& key, uint8_t log_blowup,
                                      uint16_t slot, const Witness& tables);

}  // namespace zkvm::stark::machine
