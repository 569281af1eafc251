// One chunk of the constraint stage: see constraints.h.
#include "stark/prover/stages/constraint_kernels.h"
#include "stark/prover/stages/interactions.simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

struct Scratch {
  PFp* columns;   // of kLanes rows
  PFp* next;      // of the rows after them
  PFp* gathered;  // a chip's columns, if they do not lie together
  PFp* next_gathered;
  PFp* values;  // of a chip's asserts
  Split* centred;
  uint32_t* tail;  // kLanes rows of a tile

  ZKVM_SIMD_INLINE Scratch(const ConstraintPlan& plan, uint32_t* memory) {
    columns = reinterpret_cast<PFp*>(memory);
    next = columns + plan.columns;
    gathered = next + plan.next_columns;
    next_gathered = gathered + plan.gathered;
    values = next_gathered + plan.gathered;
    centred = reinterpret_cast<Split*>(values + plan.values);
    tail = reinterpret_cast<uint32_t*>(centred + plan.interactions.centred_count);
  }
};

size_t scratch_words(const ConstraintPlan& plan) {
  return (plan.columns + plan.next_columns + 2 * plan.gathered + plan.values) * sizeof(PFp) / 4 +
         plan.interactions.centred_count * sizeof(Split) / 4 + kLanes * kTileColumns;
}

/// Five sums of products, each in [0, 2^32 p) between calls; reduced once per row.
struct Total {
  Wide c[5];

  /// += a.
  ZKVM_SIMD_INLINE void add(const PFp5& a) {
    const Split one = broadcast_split(Fp::one().wire);
    for (int k = 0; k < 5; ++k) c[k] = fold(c[k] + mul(split(a.c[k]), one));
  }
  /// += a * b - m * f.
  ZKVM_SIMD_INLINE void add_product_minus(const PFp5& a, const PFp5& b, PFp m, const PFp5& f) {
    Split a_split[5], map_split[9];
    for (int i = 0; i < 5; ++i) a_split[i] = split(a.c[i]);
    split_factor(b, map_split);
    const Split m_split = split(m);
#pragma GCC unroll 5
    for (int k = 0; k < 5; ++k) {
      const auto product = [&](int i) { return mul(a_split[i], map_split[kMulMatrix[k][i]]); };
      Wide sum = fold(c[k] + product(0) + product(1));
      sum = fold(sum + product(2) + product(3));
      // p - f is at most p, so this product, too, is below 2^31 p.
      const Split minus_f = split(broadcast(Fp::kModulus) - f.c[k].v);
      c[k] = fold(sum + product(4) + mul(m_split, minus_f));
    }
  }
  /// += matrix * a, a multiplication by a constant.
  ZKVM_SIMD_INLINE void add_mapped(const uint32_t matrix[5][5], const PFp5& a) {
    Split a_split[5];
    for (int i = 0; i < 5; ++i) a_split[i] = split(a.c[i]);
#pragma GCC unroll 5
    for (int k = 0; k < 5; ++k) {
      const auto product = [&](int i) { return mul(a_split[i], broadcast_split(matrix[k][i])); };
      Wide sum = fold(c[k] + product(0) + product(1));
      sum = fold(sum + product(2) + product(3));
      c[k] = fold(sum + product(4));
    }
  }
};

// h F - alpha m, reduced
ZKVM_SIMD_INLINE PFp5 scaled_remainder(const PFp5& h, const PFp5& f, PFp m,
                                       const uint32_t minus_alpha[5]) {
  Split h_split[5], map_split[9];
  for (int i = 0; i < 5; ++i) h_split[i] = split(h.c[i]);
  split_factor(f, map_split);
  const Split m_split = split(m);
  PFp5 out;
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k) {
    const auto product = [&](int i) { return mul(h_split[i], map_split[kMulMatrix[k][i]]); };
    const Wide sum = fold(product(0) + product(1) + product(2) + product(3));
    out.c[k] = reduce_2p(sum + product(4) + mul(m_split, broadcast_split(minus_alpha[k])));
  }
  return out;
}

ZKVM_SIMD_INLINE const PFp5& extension_at(const PFp* columns) {
  return *reinterpret_cast<const PFp5*>(columns);
}

/// sum of alpha^i * assert_i over all chips, as a first Total.
ZKVM_SIMD_INLINE Total sum_asserts(const ConstraintPlan& plan, const Scratch& scratch) {
  CentredAcc5 acc;
  const uint32_t(*power)[5] = plan.assert_powers;
  for (uint32_t t = 0; t < plan.chip_count; ++t) {
    const ChipPlan& chip = plan.chips[t];
    const PFp* columns = scratch.columns + chip.first_column;
    if (chip.columns != nullptr) {
      for (uint32_t i = 0; i < chip.width; ++i)
        scratch.gathered[i] = scratch.columns[chip.columns[i]];
      columns = scratch.gathered;
    }
    for (uint32_t i = 0; i < chip.next_count; ++i)
      scratch.next_gathered[chip.next[i].column] = scratch.next[chip.next[i].place];
    chip.kernel(reinterpret_cast<const uint32_t*>(columns),
                reinterpret_cast<const uint32_t*>(scratch.next_gathered), plan.late,
                reinterpret_cast<uint32_t*>(scratch.values));
#pragma GCC unroll 1
    for (uint32_t i = 0; i < chip.asserts; ++i, ++power) {
      acc.make_room(1);
      acc.mac(split(shifted(scratch.values[i])), *power);
    }
  }
  Total total;
  for (int k = 0; k < 5; ++k) total.c[k] = fold(acc.c[k].sum);
  return total;
}

/// Adds the pairs' equations; returns the sum of h.
ZKVM_SIMD_INLINE PFp5 add_pairs(const ConstraintPlan& plan, const Scratch& scratch, Total& total) {
  const InteractionView& view = plan.interactions;
  PFp5 h_sum = broadcast(Fp5::zero());
#pragma GCC unroll 1
  for (uint32_t p = 0; p < plan.pair_count; ++p) {
    const ConstraintPair& pair = plan.pairs[p];
    const PFp5& h = extension_at(scratch.columns + plan.h + 5 * p);
    h_sum = h_sum + h;
    const PFp5 f1 = evaluate(view, pair.scaled_first, scratch.columns, scratch.centred);
    const PFp m1 = evaluate(view, pair.multiplicity[0], scratch.columns);
    const PFp5 remainder = scaled_remainder(h, f1, m1, pair.minus_alpha);
    if (pair.single) {
      total.add(remainder);
      continue;
    }
    const PFp5 f2 = evaluate(view, pair.second, scratch.columns, scratch.centred);
    const PFp m2 = evaluate(view, pair.multiplicity[1], scratch.columns);
    total.add_product_minus(remainder, f2, m2, f1);
  }
  return h_sum;
}

ZKVM_SIMD_INLINE void load_rows(const ConstraintPlan& plan, const ConstraintChunk& chunk,
                                uint32_t first, const Scratch& scratch) {
  constexpr uint32_t kPrefetchRows = 2 * kLanes;
  for (uint32_t t = 0; t < plan.tiles; ++t) {
    const uint32_t* rows = chunk.tiles[t] + size_t{first} * kTileColumns;
    prefetch_rows(rows + kPrefetchRows * kTileColumns, kTileColumns);
    load_tile(rows, kTileColumns, scratch.columns + size_t{t} * kTileColumns);
  }
  const bool last = first + kLanes == chunk.rows;
  for (uint32_t t = 0; t < plan.next_tiles; ++t) {
    const uint32_t* rows = chunk.next_tiles[t] + size_t{first} * kTileColumns;
    if (last) {  // the last one lies elsewhere
      for (uint32_t i = 0; i < (kLanes - 1) * kTileColumns; ++i) scratch.tail[i] = rows[i];
      for (uint32_t i = 0; i < kTileColumns; ++i)
        scratch.tail[(kLanes - 1) * kTileColumns + i] = chunk.next_tails[t][i];
      rows = scratch.tail;
    }
    load_tile(rows, kTileColumns, scratch.next + size_t{t} * kTileColumns);
  }
}

void evaluate_chunk(const ConstraintPlan& plan, const ConstraintChunk& chunk) {
  const Scratch scratch(plan, chunk.scratch);
  PFp5 constant;
  for (int k = 0; k < 5; ++k) constant.c[k] = broadcast(Fp::from_wire(plan.constant[k]));
  for (uint32_t first = 0; first < chunk.rows; first += kLanes) {
    load_rows(plan, chunk, first, scratch);
    centre_columns(plan.interactions, scratch.columns, scratch.centred);

    Total total = sum_asserts(plan, scratch);
    const PFp5 h_sum = add_pairs(plan, scratch, total);
    const PFp5& acc = extension_at(scratch.columns + plan.acc);
    const PFp5& next_acc = extension_at(scratch.next + plan.next_acc);
    total.add_mapped(plan.running_sum_matrix, next_acc - acc - h_sum);

    alignas(64) uint32_t words[5][kLanes];
    for (int k = 0; k < 5; ++k) store(words[k], (reduce(total.c[k]) + constant.c[k]).v);
    uint32_t* out = chunk.out + size_t{first} * kTileColumns;
    for (uint32_t r = 0; r < kLanes; ++r)
      for (uint32_t k = 0; k < 5; ++k) out[r * kTileColumns + k] = words[k][r];
  }
}

}  // namespace

extern const ConstraintKernels constraint_kernels = {
    .lanes = kLanes,
    .scratch_words = &scratch_words,
    .evaluate_chunk = &evaluate_chunk,
};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
