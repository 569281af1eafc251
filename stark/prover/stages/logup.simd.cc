// One chunk of the LogUp stage: see logup.h.
#include "stark/prover/stages/interactions.simd.h"
#include "stark/prover/stages/logup_kernels.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

/// Scratch of a chunk: per strip the aux columns in their order (so that they leave by plain
/// transposes), and the pairs' denominators.
struct Scratch {
  PFp* columns;        // of one strip
  Split* centred;      // of one strip
  PFp* aux;            // [strip][aux_tiles * 16]: first the pairs' numerators, then h; acc; zeros
  PFp5* denominators;  // [strip][pair]

  ZKVM_SIMD_INLINE Scratch(const LogupPlan& plan, uint32_t strips, uint32_t* memory) {
    columns = reinterpret_cast<PFp*>(memory);
    centred = reinterpret_cast<Split*>(columns + plan.columns);
    aux = reinterpret_cast<PFp*>(centred + plan.interactions.centred_count);
    denominators = reinterpret_cast<PFp5*>(aux + size_t{strips} * plan.aux_tiles * kTileColumns);
  }
};

ZKVM_SIMD_INLINE PFp5& extension_at(PFp* columns) { return *reinterpret_cast<PFp5*>(columns); }

// f2 m1 + f1 m2
ZKVM_SIMD_INLINE PFp5 cross(const PFp5& f1, PFp m1, const PFp5& f2, PFp m2) {
  const Split m1_split = split(m1), m2_split = split(m2);
  PFp5 sum;
#pragma GCC unroll 5
  for (int k = 0; k < 5; ++k)
    sum.c[k] = reduce(mul(split(f2.c[k]), m1_split) + mul(split(f1.c[k]), m2_split));
  return sum;
}

/// Numerator and denominator of one pair on kLanes rows.
ZKVM_SIMD_INLINE void evaluate_pair(const LogupPlan& plan, const LogupPair& pair,
                                    const Scratch& scratch, PFp5& numerator, PFp5& denominator) {
  const InteractionView& view = plan.interactions;
  const PFp5 f1 = evaluate(view, pair.fingerprint[0], scratch.columns, scratch.centred);
  const PFp m1 = evaluate(view, pair.multiplicity[0], scratch.columns);
  if (pair.single) {
    numerator = {{m1, broadcast(Fp::zero()), broadcast(Fp::zero()), broadcast(Fp::zero()),
                  broadcast(Fp::zero())}};
    denominator = f1;
    return;
  }
  const PFp5 f2 = evaluate(view, pair.fingerprint[1], scratch.columns, scratch.centred);
  const PFp m2 = evaluate(view, pair.multiplicity[1], scratch.columns);
  numerator = cross(f1, m1, f2, m2);
  denominator = f1 * f2;
}

// Lane l holds the rows l * strips .. (l + 1) * strips - 1 of the chunk, so that the running sum
// goes on from strip to strip within a lane, and the lanes are joined once at the end.
void logup_chunk(const LogupPlan& plan, const LogupChunk& chunk) {
  const uint32_t strips = chunk.rows / kLanes;
  const size_t row_stride = size_t{strips} * kTileColumns;
  const uint32_t aux_columns = plan.aux_tiles * kTileColumns;
  const Scratch scratch(plan, strips, chunk.scratch);

  // All denominators are inverted together (Montgomery): numerators are multiplied by the product
  // of the denominators before them on the way, and by the inverse of the rest on the way back.
  // There are two such chains, used in turn, because each step waits for the one before.
  PFp5 product[2] = {broadcast(Fp5::one()), broadcast(Fp5::one())};
  uint32_t turn = 0;
  for (uint32_t g = 0; g < strips; ++g) {
    for (uint32_t t = 0; t < plan.tiles; ++t) {
      const uint32_t* rows = chunk.tiles[t] + size_t{g} * kTileColumns;
      prefetch_rows(rows + 4 * kTileColumns, row_stride);
      load_tile(rows, row_stride, scratch.columns + size_t{t} * kTileColumns);
    }
    centre_columns(plan.interactions, scratch.columns, scratch.centred);
    PFp* const aux = scratch.aux + size_t{g} * aux_columns;
    PFp5* const denominators = scratch.denominators + size_t{g} * plan.pair_count;
#pragma GCC unroll 1
    for (uint32_t p = 0; p < plan.pair_count; ++p) {
      PFp5 numerator, denominator;
      evaluate_pair(plan, plan.pairs[p], scratch, numerator, denominator);
      PFp5& chain = product[turn++ & 1];
      extension_at(aux + 5 * p) = numerator * chain;
      chain = chain * denominator;
      denominators[p] = denominator;
    }
  }

  const PFp5 inverse_both = inverse(product[0] * product[1]);
  PFp5 inverse_product[2] = {inverse_both * product[1], inverse_both * product[0]};
  for (uint32_t g = strips; g-- > 0;) {
    PFp* const aux = scratch.aux + size_t{g} * aux_columns;
    const PFp5* const denominators = scratch.denominators + size_t{g} * plan.pair_count;
    PFp5 sum = broadcast(Fp5::zero());
#pragma GCC unroll 1
    for (uint32_t p = plan.pair_count; p-- > 0;) {
      PFp5& chain = inverse_product[--turn & 1];
      const PFp5 h = extension_at(aux + 5 * p) * chain;
      chain = denominators[p] * chain;
      extension_at(aux + 5 * p) = h;
      sum = sum + h;
    }
    extension_at(aux + plan.acc) = sum;
  }

  // acc: sums of the rows before, in the lane, then over the lanes.
  PFp5 lane_sum = broadcast(Fp5::zero());
  for (uint32_t g = 0; g < strips; ++g) {
    PFp5& acc = extension_at(scratch.aux + size_t{g} * aux_columns + plan.acc);
    const PFp5 next = lane_sum + acc;
    acc = lane_sum;
    lane_sum = next;
  }
  alignas(64) uint32_t lanes[5][kLanes];
  PFp5 before;
  for (int k = 0; k < 5; ++k) {
    store(lanes[k], lane_sum.c[k].v);
    Fp sum;
    for (int l = 0; l < kLanes; ++l) {
      const Fp lane = Fp::from_wire(lanes[k][l]);
      lanes[k][l] = sum.wire;
      sum += lane;
    }
    chunk.total->c[k] = sum;
    before.c[k] = load_fp(lanes[k]);
  }

  for (uint32_t g = 0; g < strips; ++g) {
    PFp* const aux = scratch.aux + size_t{g} * aux_columns;
    PFp5& acc = extension_at(aux + plan.acc);
    acc = acc + before;
    for (uint32_t i = 5 * plan.pair_count; i < aux_columns; ++i)
      if (i < plan.acc || i >= plan.acc + 5) aux[i] = broadcast(Fp::zero());
    for (uint32_t t = 0; t < plan.aux_tiles; ++t)
      transpose_out<true>(reinterpret_cast<const U32*>(aux + size_t{t} * kTileColumns),
                          chunk.aux_tiles[t] + size_t{g} * kTileColumns, row_stride);
  }
  stream_fence();
}

void add_line(uint32_t* rows, uint32_t count, const uint32_t* start, const uint32_t* step) {
  PFp line[kVectorsPerRow], increment[kVectorsPerRow];
  for (int i = 0; i < kVectorsPerRow; ++i) {
    line[i] = load_fp(start + i * kLanes);
    increment[i] = load_fp(step + i * kLanes);
  }
  for (uint32_t r = 0; r < count; ++r)
    for (int i = 0; i < kVectorsPerRow; ++i) {
      uint32_t* at = rows + size_t{r} * kTileColumns + i * kLanes;
      store(at, (load_fp(at) + line[i]).v);
      line[i] = line[i] + increment[i];
    }
}

size_t scratch_words(const LogupPlan& plan, uint32_t rows) {
  const size_t strips = rows / kLanes;
  return plan.columns * sizeof(PFp) / 4 + plan.interactions.centred_count * sizeof(Split) / 4 +
         strips * plan.aux_tiles * kTileColumns * sizeof(PFp) / 4 +
         strips * plan.pair_count * sizeof(PFp5) / 4;
}

}  // namespace

extern const LogupKernels logup_kernels = {
    .lanes = kLanes,
    .scratch_words = &scratch_words,
    .logup_chunk = &logup_chunk,
    .add_line = &add_line,
};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
