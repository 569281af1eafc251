#include "stark/session/image/tree_store.h"

#include "stark/protocol/bytes.h"

namespace zkvm::stark::machine {
namespace {

/// To be raised when words of a tree come to stand elsewhere (TileMatrix, MerkleTree, commit_slot).
constexpr uint32_t kLayoutVersion = 1;

/// Of all that determines the words: the root binds the columns, heights and widths say where they
/// stand.
Digest key_of(const Slot& slot, uint8_t log_blowup, const Digest& root) {
  ByteWriter bytes;
  bytes.put_text("zkvm tree");
  bytes.put(kLayoutVersion);
  bytes.put(log_blowup);
  bytes.put(root);
  for (const Slot::Row& row : slot.rows) {
    bytes.put(row.log_height);
    bytes.put(row.width);
  }
  return blake3_hash(bytes.view());
}

Params params_for(uint8_t log_blowup) {
  Params params;
  params.log_blowup = log_blowup;  // all that fixed columns depend on
  return params;
}

}  // namespace

std::optional<CommittedTree> kept_tree(TreeStore* store, const VerifyingKey& key,
                                       uint8_t log_blowup, uint16_t slot, const Digest* root) {
  const size_t words = slot_words(key, log_blowup, slot);
  if (store == nullptr || root == nullptr || words < kLeastKeptWords) return std::nullopt;
  const Digest name = key_of(key.slots[slot], log_blowup, *root);
  auto space = store->find(name, words);
  if (!space) return std::nullopt;
  CommittedTree tree = committed_slot(key, params_for(log_blowup), slot, std::move(*space));
  if (tree.root() == *root) return tree;
  store->drop(name);
  return std::nullopt;
}

CommittedTree make_tree(TreeStore* store, const VerifyingKey& key, uint8_t log_blowup,
                        uint16_t slot, const Witness& tables) {
  const Params params = params_for(log_blowup);
  const size_t words = slot_words(key, log_blowup, slot);
  const auto room = store == nullptr || words < kLeastKeptWords ? nullptr : store->room(words);
  if (room == nullptr) return commit_slot(key, params, slot, tables, {});
  CommittedTree tree = commit_slot(key, params, slot, tables, {}, room->space());
  room->keep(key_of(key.slots[slot], log_blowup, tree.root()));
  return tree;
}

}  // namespace zkvm::stark::machine
