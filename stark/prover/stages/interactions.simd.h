// Fingerprints and multiplicities on kLanes rows at once. Only for *.simd.cc files.
#pragma once

#include "stark/prover/stages/interactions.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {

/// Loads kLanes rows of 16 columns, row_stride words apart, as 16 vectors.
ZKVM_SIMD_INLINE void load_tile(const uint32_t* rows, size_t row_stride, PFp* columns) {
  transpose_in(rows, row_stride, reinterpret_cast<U32*>(columns));
}

/// Prefetches kLanes rows.
ZKVM_SIMD_INLINE void prefetch_rows(const uint32_t* rows, size_t row_stride) {
#pragma GCC unroll 16
  for (size_t r = 0; r < kLanes; ++r) prefetch(rows + r * row_stride);
}

ZKVM_SIMD_INLINE void centre_columns(const InteractionView& view, const PFp* columns,
                                     Split* centred) {
  for (uint32_t i = 0; i < view.centred_count; ++i)
    centred[i] = split(shifted(columns[view.centred[i]]));
}

ZKVM_SIMD_INLINE PFp evaluate(const InteractionView& view, const PackedForm& form,
                              const PFp* columns) {
  PFp sum = broadcast(Fp::from_wire(form.constant));
#pragma GCC unroll 1
  for (uint32_t i = form.plus_begin; i < form.plus_end; ++i) sum = sum + columns[view.columns[i]];
#pragma GCC unroll 1
  for (uint32_t i = form.minus_begin; i < form.minus_end; ++i) sum = sum - columns[view.columns[i]];
#pragma GCC unroll 1
  for (uint32_t i = form.term_begin; i < form.term_end; ++i) {
    const BaseTerm& term = view.base_terms[i];
    sum = sum + times(columns[term.column], broadcast(term.coefficient));
  }
  return sum;
}

ZKVM_SIMD_INLINE PFp5 evaluate(const InteractionView& view, const Fingerprint& form,
                               const PFp* columns, const Split* centred) {
  CentredAcc5 acc;
#pragma GCC unroll 1
  for (uint32_t i = form.term_begin; i < form.term_end; ++i) {
    acc.make_room(1);
    const ExtensionTerm& term = view.extension_terms[i];
    acc.mac(centred[term.column], term.coefficient);
  }
  PFp5 f;
  f.c[0] = acc.c[0].reduce() + broadcast(Fp::from_wire(form.constant[0])) +
           evaluate(view, form.base, columns);
#pragma GCC unroll 4
  for (int k = 1; k < 5; ++k)
    f.c[k] = acc.c[k].reduce() + broadcast(Fp::from_wire(form.constant[k]));
  return f;
}

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
