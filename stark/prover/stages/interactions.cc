#include "stark/prover/stages/interactions.h"

#include <algorithm>

#include "stark/field/factor.h"

namespace zkvm::stark {
namespace {

bool in_base_field(const Fp5& a) {
  return a.c[1] == Fp{} && a.c[2] == Fp{} && a.c[3] == Fp{} && a.c[4] == Fp{};
}

}  // namespace

uint32_t ColumnLayout::place(ColumnRef column) {
  const Tile tile{column.tree, column.column / kTileColumns};
  auto found = std::ranges::find(tiles_, tile);
  if (found == tiles_.end()) found = tiles_.insert(tiles_.end(), tile);
  return static_cast<uint32_t>(found - tiles_.begin()) * kTileColumns +
         column.column % kTileColumns;
}

uint32_t PackedInteractions::centred_index(uint32_t place) {
  auto found = std::ranges::find(centred, place);
  if (found == centred.end()) found = centred.insert(centred.end(), place);
  return static_cast<uint32_t>(found - centred.begin());
}

PackedForm PackedInteractions::add_base_terms(const std::map<uint32_t, Fp>& terms) {
  PackedForm out;
  const auto add_columns = [&](Fp coefficient, uint32_t& begin, uint32_t& end) {
    begin = static_cast<uint32_t>(columns.size());
    for (const auto& [place, c] : terms)
      if (c == coefficient) columns.push_back(place);
    end = static_cast<uint32_t>(columns.size());
  };
  add_columns(Fp::one(), out.plus_begin, out.plus_end);
  add_columns(-Fp::one(), out.minus_begin, out.minus_end);
  out.term_begin = static_cast<uint32_t>(base_terms.size());
  for (const auto& [place, c] : terms)
    if (c != Fp::one() && c != -Fp::one()) base_terms.push_back({place, ShoupFactor::from(c)});
  out.term_end = static_cast<uint32_t>(base_terms.size());
  return out;
}

PackedForm PackedInteractions::add_base(const GroupAffineForm& form, Fp factor,
                                        ColumnLayout& layout) {
  std::map<uint32_t, Fp> terms;
  for (const GroupAffineForm::Term& term : form.terms)
    terms[layout.place(term.column)] += Fp::from_wire(term.coefficient) * factor;
  PackedForm out = add_base_terms(terms);
  out.constant = (Fp::from_wire(form.constant) * factor).wire;
  return out;
}

Fingerprint PackedInteractions::add_fingerprint(const GroupInteraction& interaction,
                                                const Fp5& gamma, const Fp5& beta,
                                                uint32_t tuple_width, const Fp5& factor,
                                                ColumnLayout& layout) {
  Fp5 constant = factor * (gamma + pow(beta, tuple_width) * Fp::from(interaction.bus));
  std::map<uint32_t, Fp5> coefficients;
  Fp5 power = factor;
  for (const GroupAffineForm& form : interaction.tuple) {
    constant += power * Fp::from_wire(form.constant);
    for (const GroupAffineForm::Term& term : form.terms)
      coefficients[layout.place(term.column)] += power * Fp::from_wire(term.coefficient);
    power *= beta;
  }
  std::map<uint32_t, Fp> base;
  Fingerprint out;
  out.term_begin = static_cast<uint32_t>(extension_terms.size());
  for (const auto& [place, coefficient] : coefficients) {
    if (in_base_field(coefficient)) {
      base[place] = coefficient.c[0];
      continue;
    }
    ExtensionTerm term{centred_index(place), {}};
    for (int k = 0; k < 5; ++k) term.coefficient[k] = centred_word(coefficient.c[k]);
    extension_terms.push_back(term);
    constant += coefficient * centre();
  }
  out.term_end = static_cast<uint32_t>(extension_terms.size());
  out.base = add_base_terms(base);
  for (int k = 0; k < 5; ++k) out.constant[k] = constant.c[k].wire;
  return out;
}

}  // namespace zkvm::stark
