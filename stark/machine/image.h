// The image of a program: all that a verifier needs to know of it. Whoever has the ELF can make it
// again (program_image.h); its id, 32 bytes, names the program.
//
// It pins, by the roots of trees of fixed columns, the program table, the constants and the initial
// memory, the entry point among it. Format: stark/doc/format.md.
//
// Memory lies in banks of 64 KiB, whatever a program declares. Banks are numbered from 1 by place:
// RAM, then constants. Most are blank: all their words declared, all zero. The same four columns
// serve them all, because the place of a word is relative to its bank and a bank's base is the
// image's. What the others hold stands beside these in the slot `image`, as far as 32 columns go, and
// then in volumes: trees with the columns of up to 32 banks side by side.
//
// A program with layers (vm/layer/layer.h) has slots with the fixed tables of the tensor unit. Its
// layers fall into groups, mostly one, each with a slot and tables of its own: those of the groups
// whose layers a segment calls are tables of its proof.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "stark/hash/blake3.h"
#include "stark/protocol/error.h"
#include "stark/protocol/key.h"

namespace zkvm::stark::machine {

// Masks weigh more in a short table, which raises the rate and with it the number of queries of the
// whole proof, twice as much where columns are shared. So tables that every segment has are not the
// short ones; whether others are is the prover's choice (table_heights.h).
inline constexpr uint8_t kMinLogHeight = 12;  // of tables without fixed columns
// Of those without next columns, whose masks are half as long, in proofs of a rate below 1/2: a proof
// has as many queries then as with next columns at 2^kMinLogHeight.
inline constexpr uint8_t kMinLogShort = 11;
inline constexpr uint8_t kMinLogFixed = 14;
inline constexpr uint8_t kLogBank = kMinLogFixed;
inline constexpr uint32_t kBankWords = 1u << kLogBank;
inline constexpr uint32_t kBlankColumns = 4;    // of blank banks: place declared word[2]
inline constexpr uint32_t kImageColumns = 32;   // of banks in the slot `image`, those included
inline constexpr uint32_t kVolumeColumns = 64;  // of a volume's row; the last one may have fewer

enum class BankKind : uint8_t {
  kBlank = 0,    // all words are declared, and zero: no column of its own
  kWhole = 1,    // all words are declared: word[2]
  kPartial = 2,  // place declared word[2]
};
/// Columns of such a bank, beside those of blank ones.
[[nodiscard]] constexpr uint32_t volume_columns(BankKind kind) {
  return 2 * static_cast<uint32_t>(kind);
}

/// The fixed tables of the tensor unit (chips/layer/layer_tables.h), in the order of the key.
enum class LayerTable : uint8_t {
  kLayers = 0,
  kWeights = 1,
  kPowers = 2,
  kPositions = 3,
  kChannels = 4,
  kSteps = 5,
  kWindows = 6,
  kPairs = 7,
  kPairBytes = 8,
  kOperands = 9,
  kProducts = 10,
  kManySteps = 11,
  kWeights64 = 12
};
inline constexpr size_t kLayerTables = 13;
/// log2 of their heights in a group; 0: there is no such table.
using LayerHeights = std::array<uint8_t, kLayerTables>;
inline constexpr uint8_t kMinLogLayers = 12;  // of a table that there is
inline constexpr size_t kMaxLayerGroups = 64;

/// The roots of the trees of fixed columns at one rate.
struct ImageRoots {
  std::vector<Digest> volumes;      // as many as the runs' columns fill
  Digest root{};                    // of the slot `image`, which every segment has
  std::vector<Digest> layers = {};  // of the slots of groups of layers
  bool operator==(const ImageRoots&) const = default;
};

struct Image {
  /// `count` banks of one kind, one behind the other; row i of the first is the word of place
  /// base + i (chips/buses.h).
  struct Run {
    uint32_t base;  // a multiple of kBankWords
    uint16_t count;
    BankKind kind;
    bool operator==(const Run&) const = default;
  };

  uint8_t log_blowup = 1;  // of `volumes` and `root`: of these trees
  uint32_t entry = 0;      // for display: the machine bank, in the slot `image`, holds it
  uint8_t log_program = kMinLogFixed;
  std::vector<Run> runs;                         // by base, as long as can be
  std::vector<Digest> volumes;                   // roots; as many as the runs' columns fill
  Digest root{};                                 // of the slot `image`, which every segment has
  std::vector<LayerHeights> layer_heights = {};  // of each group of layers; none without layers
  std::vector<Digest> layers = {};               // of their slots

  /// Of the same columns' trees at the next lower rate, if there are such: proofs of that rate read
  /// those, and all others need not make them.
  std::optional<ImageRoots> lower = {};

  /// BLAKE3 of what the program says of its model (vm::kModelSection), if it says something. The id
  /// covers it, and no proof depends on it.
  std::optional<Digest> model = {};

  bool operator==(const Image&) const = default;

  /// The lowest rate of proofs, as log2 of the blowup.
  [[nodiscard]] uint8_t lowest_rate() const {
    return static_cast<uint8_t>(log_blowup + (lower ? 1 : 0));
  }

  [[nodiscard]] bool has_layers() const { return !layer_heights.empty(); }

  /// The rate, as log2 of the blowup, that the trees which proofs of rate `of_proofs` read were made
  /// for.
  [[nodiscard]] uint8_t made_for(uint8_t of_proofs) const {
    return of_proofs > log_blowup ? lowest_rate() : log_blowup;
  }

  /// The canonical bytes. REQUIRES: what parse() asks for.
  [[nodiscard]] std::vector<uint8_t> serialise() const;
  /// Reads untrusted bytes. That roots are those of any program is not checked: the id says which
  /// image is meant. Errors: kTruncated, kTrailing, kFormat, kNonCanonical.
  [[nodiscard]] static Result<Image> parse(std::span<const uint8_t> bytes);
  /// The checks of parse, for images made otherwise.
  [[nodiscard]] Result<void> check() const;

  /// BLAKE3("zkvm image" || bytes).
  [[nodiscard]] Digest id() const;
};

/// The number that the fixed tables of the first group of layers have in lists of banks, as constants;
/// those of the other groups are the numbers below it. So whatever lists the banks that a segment uses
/// says which groups it calls layers of.
inline constexpr uint16_t kLayersBank = UINT16_MAX;
[[nodiscard]] constexpr uint16_t layers_bank(size_t group) {
  return static_cast<uint16_t>(kLayersBank - group);
}
/// Whether a number is that of a group, of whatever image.
[[nodiscard]] constexpr bool is_layers_bank(uint16_t bank) {
  return bank > kLayersBank - kMaxLayerGroups;
}
/// REQUIRES: is_layers_bank().
[[nodiscard]] constexpr size_t layer_group(uint16_t bank) { return kLayersBank - bank; }

/// The number that the chips of a hash have in lists of banks, likewise, below those of groups: they are
/// part of the circuits of segments that list it alone. `hash`: as vm::Hash.
[[nodiscard]] constexpr uint16_t hash_bank(size_t hash) {
  return static_cast<uint16_t>(kLayersBank - kMaxLayerGroups - hash);
}
inline constexpr uint16_t kBlake3Bank = hash_bank(0), kSha256Bank = hash_bank(1);
[[nodiscard]] constexpr bool is_hash_bank(uint16_t bank) {
  return bank == kBlake3Bank || bank == kSha256Bank;
}
/// Whether a number stands for chips, and has no words.
[[nodiscard]] constexpr bool is_chips_bank(uint16_t bank) {
  return is_hash_bank(bank) || is_layers_bank(bank);
}

/// The banks of an image by number. Bank 0, the machine's own, is not among them.
class BankMap {
 public:
  struct Bank {
    uint32_t base;  // place of its first word
    BankKind kind;
    bool constant;  // of read-only words
    // Where its columns stand: in a volume, or, if none, in `image`; its first one there. A blank
    // bank has none.
    std::optional<uint32_t> volume = {};
    uint16_t column = 0;
  };

  /// REQUIRES: the runs are checked, and outlive this.
  explicit BankMap(std::span<const Image::Run> runs, size_t layer_groups = 0);

  /// Banks are 1..count().
  [[nodiscard]] uint16_t count() const {
    return static_cast<uint16_t>(ends_.empty() ? 0 : ends_.back().bank);
  }
  /// Whether there is a bank of this number, or a group of layers; the chips that hash are always.
  [[nodiscard]] bool contains(uint16_t bank) const {
    if (is_hash_bank(bank)) return true;
    return is_layers_bank(bank) ? layer_group(bank) < layer_groups_ : bank >= 1 && bank <= count();
  }
  /// REQUIRES: contains(bank). What stands for chips has no words.
  [[nodiscard]] Bank operator[](uint16_t bank) const;
  /// The bank that a place falls in; 0 if none does.
  [[nodiscard]] uint16_t find(uint32_t place) const;
  /// Columns of banks in the slot `image`, those of blank ones included.
  [[nodiscard]] uint16_t image_width() const;
  /// Columns of each volume.
  [[nodiscard]] std::vector<uint16_t> volume_widths() const;

 private:
  struct End {
    uint32_t bank;          // the run's last one
    uint32_t first_column;  // of the run, counted from those of blank banks on
    uint32_t end_column;
  };
  std::span<const Image::Run> runs_;
  size_t layer_groups_;
  std::vector<End> ends_;  // of each run
};

}  // namespace zkvm::stark::machine
