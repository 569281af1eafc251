// A group's interactions as tables of numbers, for the loops of the LogUp and constraint stages.
//
// Both stages compute, for each interaction and row, the fingerprint
//   f = gamma + sum_i beta^i v_i + beta^K bus                     (protocol.md section 6)
// with v_i affine in the columns. So f = constant + sum over distinct columns of (element of E) *
// column, and one loop at run time serves every circuit (unrolled code for each would not stay in
// the instruction cache). Elements that lie in F, in practice the 1 of v_0, are added to the first
// coefficient alone.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "stark/field/factor.h"
#include "stark/field/field.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/shape.h"

namespace zkvm::stark {

inline constexpr uint32_t kTileColumns = kTileWidth;

/// Columns of a group as they lie in a stage's buffer: whole tiles, one after the other.
class ColumnLayout {
 public:
  struct Tile {
    uint32_t tree, tile;
    bool operator==(const Tile&) const = default;
  };

  /// Place of a column in the buffer, in vectors; adds its tile if it is new.
  uint32_t place(ColumnRef column);
  [[nodiscard]] const std::vector<Tile>& tiles() const { return tiles_; }
  [[nodiscard]] uint32_t columns() const {
    return static_cast<uint32_t>(tiles_.size()) * kTileColumns;
  }

 private:
  std::vector<Tile> tiles_;
};

// The lists are plain, because *.simd.cc files read them (simd.h, RULE).

struct BaseTerm {
  uint32_t column;  // place in the buffer
  ShoupFactor coefficient;
};

/// constant + sum of columns - sum of columns + sum of coefficient * column, in F. Ranges are
/// indices into PackedInteractions::columns and base_terms.
struct PackedForm {
  uint32_t constant = 0;  // Montgomery word
  uint32_t plus_begin = 0, plus_end = 0;
  uint32_t minus_begin = 0, minus_end = 0;
  uint32_t term_begin = 0, term_end = 0;
};

struct ExtensionTerm {
  uint32_t column;          // index into PackedInteractions::centred
  uint32_t coefficient[5];  // centred words (simd.h)
};

/// constant + (base, in F) + sum of coefficient * (column - (p - 1) / 2); the constant makes up for
/// the centring of the columns.
struct Fingerprint {
  PackedForm base;
  uint32_t constant[5] = {};
  uint32_t term_begin = 0, term_end = 0;  // into extension_terms
};

struct PackedInteractions {
  std::vector<uint32_t> columns;
  std::vector<BaseTerm> base_terms;
  std::vector<ExtensionTerm> extension_terms;
  std::vector<uint32_t> centred;  // places of the columns that extension terms use

  /// A multiplicity with its sign, or any form.
  PackedForm add_base(const GroupAffineForm& form, Fp factor, ColumnLayout& layout);
  /// factor * fingerprint of the interaction. tuple_width: K of the key.
  Fingerprint add_fingerprint(const GroupInteraction& interaction, const Fp5& gamma,
                              const Fp5& beta, uint32_t tuple_width, const Fp5& factor,
                              ColumnLayout& layout);

 private:
  PackedForm add_base_terms(const std::map<uint32_t, Fp>& terms);
  uint32_t centred_index(uint32_t place);
};

/// The pointers of PackedInteractions.
struct InteractionView {
  const uint32_t* columns = nullptr;
  const BaseTerm* base_terms = nullptr;
  const ExtensionTerm* extension_terms = nullptr;
  const uint32_t* centred = nullptr;
  uint32_t centred_count = 0;

  InteractionView() = default;
  explicit InteractionView(const PackedInteractions& packed)
      : columns(packed.columns.data()),
        base_terms(packed.base_terms.data()),
        extension_terms(packed.extension_terms.data()),
        centred(packed.centred.data()),
        centred_count(static_cast<uint32_t>(packed.centred.size())) {}
};

}  // namespace zkvm::stark
