// From a program to its image, and what a prover keeps of it: the rows of the program table, what
// each bank holds at the start, and the trees of all fixed slots.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "stark/chips/program_row.h"
#include "stark/machine/circuit.h"
#include "stark/machine/image.h"
#include "stark/pcs/commit/committed_tree.h"
#include "stark/protocol/error.h"
#include "stark/session/image/layer_image.h"
#include "stark/session/image/tree_store.h"
#include "vm/elf.h"

namespace zkvm::stark::machine {

/// Rows of a bank, [row, row + count).
struct RowRun {
  uint32_t row, count;
};

/// What a bank holds at the start.
struct BankLayout {
  std::vector<RowRun> declared;   // by row, disjoint, longest; all other rows are zero
  std::vector<uint32_t> initial;  // words of the first rows; those of all others are 0

  [[nodiscard]] uint32_t initial_word(uint32_t row) const {
    return row < initial.size() ? initial[row] : 0;
  }
  [[nodiscard]] bool is_declared(uint32_t row) const;
};

/// Images are made for rate 1/4, and for 1/8 if they have few fixed cells, so that it costs little.
/// That follows from the ELF alone, or one program would have several ids.
inline constexpr uint8_t kImageRate = 2;
inline constexpr uint64_t kMostCellsAtLowerRate = uint64_t{3}
                                                  << 19;  // of program table, banks, layers

/// A program's image, but all roots are zero, which the shape of no proof depends on, and none are of
/// a lower rate. `layers`: the program's. REQUIRES: as ProgramImage::of().
[[nodiscard]] Image image_without_roots(const vm::Program& program, const LayerImage& layers);

class ProgramImage {
 public:
  /// REQUIRES: the program is one that vm::load_elf accepted, and outlives this. `known`: its image, if somebody has
  /// made it before; then no tree is made now. One that cannot be this program's is not used.
  /// `store`: has large trees of images that are known, and gets those that are made; it outlives this. What
  /// it has is believed: proofs with a tree that is another one's do not verify. Roots are never taken from
  /// it. For tests: `log_blowup`, this rate alone; `group_cells`, of a group of layers. Errors: kFormat, if
  /// it is too large.
  [[nodiscard]] static Result<ProgramImage> of(const vm::Program& program,
                                               const Image* known = nullptr,
                                               std::optional<uint8_t> log_blowup = {},
                                               TreeStore* store = nullptr,
                                               uint64_t group_cells = kGroupCells);

  [[nodiscard]] const Image& image() const { return *image_; }
  [[nodiscard]] const BankMap& banks() const { return banks_; }
  /// Row i is word i of the text: `index` of the execution record.
  [[nodiscard]] std::span<const chips::ProgramRow> program() const { return program_; }
  /// Bank 0 are the machine words.
  [[nodiscard]] const BankLayout& bank(uint16_t bank) const;
  [[nodiscard]] const LayerImage& layers() const { return layers_; }
  /// Whether the trees of all groups of layers are kept, once they are made, or only those that were asked for
  /// last. At first they are.
  void keep_all_groups(bool keep) { keep_all_groups_ = keep; }
  [[nodiscard]] bool keeps_all_groups() const { return keep_all_groups_; }
  /// What stands in the column `place` of a bank's row.
  [[nodiscard]] static uint32_t place_of(uint16_t bank, uint32_t row);

  /// The trees of the fixed slots of this image's circuit for these uses. Trees are made when they
  /// are first asked for and kept, those of groups of layers as said above. Not thread safe. The result is valid
  /// until the next call.
  /// `log_blowup`: the circuit's.
  [[nodiscard]] SlotTrees fixed_trees(const Circuit& circuit, std::span<const BankUse> uses,
                                      uint8_t log_blowup = 1);

 private:
  ProgramImage() = default;
  /// `root`: of the image; null while that is made.
  [[nodiscard]] CommittedTree commit(const std::string& slot, uint8_t log_blowup,
                                     const Digest* root) const;
  void make_roots();
  void drop_groups_but(std::span<const BankUse> uses);
  /// Those whose columns stand in a volume, or none: in `image`.
  [[nodiscard]] std::vector<uint16_t> banks_of(std::optional<uint32_t> volume) const;

  TreeStore* store_ = nullptr;
  std::unique_ptr<Image> image_;  // stays where it is: banks_ refers to it
  BankMap banks_{std::span<const Image::Run>{}};
  std::vector<chips::ProgramRow> program_;
  LayerImage layers_;
  bool keep_all_groups_ = true;
  std::map<uint16_t, BankLayout> layouts_;  // of all banks but blank ones
  // By slot and rate.
  std::map<std::pair<std::string, uint8_t>, std::unique_ptr<CommittedTree>> trees_;
};

}  // namespace zkvm::stark::machine
