#include "tests/stark/support/mutator.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>

namespace zkvm::stark {
namespace {

using Kind = ProofBytes::Kind;

uint32_t get_word(const std::vector<uint8_t>& bytes, size_t at) {
  uint32_t word = 0;
  std::memcpy(&word, bytes.data() + at, 4);
  return word;
}
void put_word(std::vector<uint8_t>& bytes, size_t at, uint32_t word) {
  std::memcpy(bytes.data() + at, &word, 4);
}

}  // namespace

std::vector<ProofBytes> proof_layout(const Proof& proof) {
  std::vector<ProofBytes> out;
  size_t offset = 0;
  const auto add = [&](std::string name, Kind kind, size_t count, size_t item) {
    if (count == 0) return;
    out.push_back({std::move(name), kind, offset, count * item, item});
    offset += count * item;
  };
  const auto nonce = [&](const std::string& name, unsigned bits) {
    add(name, Kind::kInteger, bits > 0 ? 1 : 0, 8);
  };
  const unsigned grind = proof.params.grind_round;
  add("magic", Kind::kInteger, 1, 4);
  add("version", Kind::kInteger, 1, 4);
  add("zk", Kind::kInteger, 1, 1);
  add("log_blowup", Kind::kInteger, 1, 1);
  add("queries", Kind::kInteger, 1, 2);
  add("grind_query", Kind::kInteger, 1, 1);
  add("grind_round", Kind::kInteger, 1, 1);
  add("log_final", Kind::kInteger, 1, 1);
  add("log_stack", Kind::kInteger, 1, 1);
  add("number of tables", Kind::kInteger, 1, 2);
  for (size_t i = 0; i < proof.tables.size(); ++i) {
    add(fmt::format("table {}: chip", i), Kind::kInteger, 1, 2);
    add(fmt::format("table {}: height", i), Kind::kInteger, 1, 1);
  }
  for (size_t i = 0; i < proof.roots.size(); ++i)
    add(fmt::format("root {}", i), Kind::kDigest, 1, 32);
  add("sums", Kind::kField, proof.sums.size(), 20);
  if (proof.nonce_late) nonce("nonce late", grind);
  nonce("nonce logup", grind);
  nonce("nonce zeta", grind);
  nonce("nonce batch", grind);
  add("openings", Kind::kField, proof.openings.size(), 20);
  for (size_t i = 0; i < proof.layers.size(); ++i) {
    add(fmt::format("layer {}: root", i), Kind::kDigest, 1, 32);
    nonce(fmt::format("layer {}: nonce", i), grind);
  }
  add("final polynomial", Kind::kField, proof.final_polynomial.size(), 20);
  nonce("nonce query", proof.params.grind_query);
  for (size_t i = 0; i < proof.trees.size(); ++i) {
    add(fmt::format("tree {}: rows", i), Kind::kField, proof.trees[i].rows.size(), 4);
    add(fmt::format("tree {}: number of digests", i), Kind::kInteger, 1, 4);
    add(fmt::format("tree {}: digests", i), Kind::kDigest, proof.trees[i].digests.size(), 32);
  }
  return out;
}

ProofMutator::ProofMutator(const Proof& good, const Proof& other, uint64_t seed)
    : proof_(good),
      other_(other),
      bytes_(good.serialise()),
      other_bytes_(other.serialise()),
      layout_(proof_layout(good)),
      random_(seed) {}

std::vector<uint8_t> ProofMutator::flip(const ProofBytes& at) const {
  std::vector<uint8_t> out = bytes_;
  out[at.offset + at.length / 2] ^= 1;
  return out;
}

std::vector<uint8_t> ProofMutator::next(std::string& what) {
  for (;;) {
    auto out = below(4) == 0 ? change_structure(what) : change_bytes(what);
    if (out != bytes_) return out;
  }
}

std::vector<uint8_t> ProofMutator::change_bytes(std::string& what) {
  // A class first, so that the small ones get their share.
  const ProofBytes& part = layout_[below(layout_.size())];
  const size_t count = part.length / part.item;
  const size_t at = part.offset + below(count) * part.item;
  const size_t other = part.offset + below(count) * part.item;
  std::vector<uint8_t> out = bytes_;
  const auto said = [&](const char* change) { what = fmt::format("{}: {}", part.name, change); };
  switch (below(7)) {
    case 0:
      said("a bit flipped");
      out[at + below(part.item)] ^= static_cast<uint8_t>(1u << below(8));
      break;
    case 1:
      said("all bytes of an item random");
      for (size_t i = 0; i < part.item; ++i) out[at + i] = static_cast<uint8_t>(random_());
      break;
    case 2:
      said("two items swapped");
      std::swap_ranges(out.begin() + static_cast<ptrdiff_t>(at),
                       out.begin() + static_cast<ptrdiff_t>(at + part.item),
                       out.begin() + static_cast<ptrdiff_t>(at == other ? at : other));
      break;
    case 3: {
      said("an item set to a constant");
      const uint8_t constants[] = {0x00, 0x01, 0x7f, 0xff};
      std::fill_n(out.begin() + static_cast<ptrdiff_t>(at), part.item, constants[below(4)]);
      break;
    }
    case 4:
      if (part.kind == Kind::kField) {
        said("p added to a word");  // the same element, another byte string
        const size_t word = at + 4 * below(part.item / 4);
        put_word(out, word, get_word(out, word) + Fp::kModulus);
      } else {
        said("one added to an integer");
        ++out[at];
      }
      break;
    case 5:
      if (part.kind == Kind::kField) {
        said("another canonical word");
        put_word(out, at + 4 * below(part.item / 4),
                 static_cast<uint32_t>(random_() % Fp::kModulus));
      } else {
        said("one subtracted from an integer");
        --out[at];
      }
      break;
    case 6:
      said("an item from the other proof");
      if (at + part.item <= other_bytes_.size())
        std::copy_n(other_bytes_.begin() + static_cast<ptrdiff_t>(at), part.item,
                    out.begin() + static_cast<ptrdiff_t>(at));
      break;
  }
  return out;
}

std::vector<uint8_t> ProofMutator::change_structure(std::string& what) {
  Proof proof = proof_;
  const auto cut = [&](auto& list, const char* name) {
    what = fmt::format("{}: the last one dropped", name);
    if (!list.empty()) list.pop_back();
  };
  const auto grow = [&](auto& list, const char* name) {
    what = fmt::format("{}: one repeated", name);
    if (!list.empty()) {
      const auto copy = list[below(list.size())];
      list.push_back(copy);
    }
  };
  const auto swap_in = [&](auto& list, const char* name) {
    what = fmt::format("{}: two swapped", name);
    if (!list.empty()) std::swap(list[below(list.size())], list[below(list.size())]);
  };
  auto& tree = proof.trees[below(proof.trees.size())];
  switch (below(20)) {
    case 0: {
      what = "cut short";
      std::vector<uint8_t> out = bytes_;
      out.resize(below(out.size()));
      return out;
    }
    case 1: {
      what = "bytes appended";
      std::vector<uint8_t> out = bytes_;
      out.resize(out.size() + 1 + below(64));
      return out;
    }
    case 2: {
      what = "bytes inserted";
      std::vector<uint8_t> out = bytes_;
      out.insert(out.begin() + static_cast<ptrdiff_t>(below(out.size())), 4 * (1 + below(8)), 0);
      return out;
    }
    case 3:
      cut(proof.sums, "sums");
      break;
    case 4:
      grow(proof.tables, "tables");
      break;
    case 5:
      cut(proof.tables, "tables");
      break;
    case 6:
      swap_in(proof.tables, "tables");
      break;
    case 7:
      cut(proof.layers, "layers");
      break;
    case 8:
      grow(proof.layers, "layers");
      break;
    case 9:
      swap_in(proof.layers, "layers");
      break;
    case 10:
      cut(proof.final_polynomial, "final polynomial");
      break;
    case 11:
      grow(proof.final_polynomial, "final polynomial");
      break;
    case 12:
      cut(tree.digests, "digests");
      break;
    case 13:
      grow(tree.digests, "digests");
      break;
    case 14:
      cut(tree.rows, "rows");
      break;
    case 15:
      swap_in(proof.trees, "trees");
      break;
    case 16:
      what = "a tree of the other proof";
      if (const size_t t = below(proof.trees.size()); t < other_.trees.size())
        proof.trees[t] = other_.trees[t];
      break;
    case 17:
      what = "openings of the other proof";
      proof.openings = other_.openings;
      break;
    case 18:
      what = "all queries of the other proof";
      proof.trees = other_.trees;
      break;
    case 19:
      swap_in(proof.openings, "openings");
      break;
  }
  return proof.serialise();
}

}  // namespace zkvm::stark
