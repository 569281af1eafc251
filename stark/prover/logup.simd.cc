// One chunk of the LogUp stage: see logup.h.
#include "stark/prover/logup.h"

#include "stark/prover/interactions.simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

/// Scratch of a chunk: per row group the aux columns in their order (so that they leave by plain
/// transposes), and the pairs' denominators.
struct Scratch {
  PFp* columns;        // of one row group
  Split* centred;      // of one row group
  PFp* aux;            // [group][aux_tiles * 16]: first the pairs' numerators, then h; then acc
  PFp5* denominators;  // [group][pair]

  ZKVM_SIMD_INLINE Scratch(const LogupProgram& program, uint32_t groups, uint32_t* memory) {
    columns = reinterpret_cast<PFp*>(memory);
    centred = reinterpret_cast<Split*>(columns + program.columns);
    aux = reinterpret_cast<PFp*>(centred + program.tables.centred_count);
    denominators = reinterpret_cast<PFp5*>(aux + size_t{groups} * program.aux_tiles * kTileColumns);
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
ZKVM_SIMD_INLINE void evaluate_pair(const LogupProgram& program, const LogupPair& pair,
                                    const Scratch& scratch, PFp5& numerator, PFp5& denominator) {
  const InteractionView& view = program.tables;
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

// Lane l holds the rows l * groups .. (l + 1) * groups - 1 of the chunk, so that the running sum
// goes on from group to group within a lane, and the lanes are joined once at the end.
void logup_chunk(const LogupProgram& program, const LogupChunk& chunk) {
  const uint32_t groups = chunk.rows / kLanes;
  const size_t row_stride = size_t{groups} * kTileColumns;
  const uint32_t aux_columns = program.aux_tiles * kTileColumns;
  const Scratch scratch(program, groups, chunk.scratch);

  // All denominators are inverted together (Montgomery): numerators are multiplied by the product
  // of the denominators before them on the way, and by the inverse of the rest on the way back.
  // There are two such chains, used in turn, because each step waits for the one before.
  PFp5 product[2] = {broadcast(Fp5::one()), broadcast(Fp5::one())};
  uint32_t turn = 0;
  for (uint32_t g = 0; g < groups; ++g) {
    for (uint32_t t = 0; t < program.tiles; ++t) {
      const uint32_t* rows = chunk.tiles[t] + size_t{g} * kTileColumns;
      prefetch_rows(rows + 4 * kTileColumns, row_stride);
      load_tile(rows, row_stride, scratch.columns + size_t{t} * kTileColumns);
    }
    centre_columns(program.tables, scratch.columns, scratch.centred);
    PFp* const aux = scratch.aux + size_t{g} * aux_columns;
    PFp5* const denominators = scratch.denominators + size_t{g} * program.pair_count;
#pragma GCC unroll 1
    for (uint32_t p = 0; p < program.pair_count; ++p) {
      PFp5 numerator, denominator;
      evaluate_pair(program, program.pairs[p], scratch, numerator, denominator);
      PFp5& chain = product[turn++ & 1];
      extension_at(aux + 5 * p) = numerator * chain;
      chain = chain * denominator;
      denominators[p] = denominator;
    }
  }

  const PFp5 inverse_both = inverse(product[0] * product[1]);
  PFp5 inverse_product[2] = {inverse_both * product[1], inverse_both * product[0]};
  for (uint32_t g = groups; g-- > 0;) {
    PFp* const aux = scratch.aux + size_t{g} * aux_columns;
    const PFp5* const denominators = scratch.denominators + size_t{g} * program.pair_count;
    PFp5 sum = broadcast(Fp5::zero());
#pragma GCC unroll 1
    for (uint32_t p = program.pair_count; p-- > 0;) {
      PFp5& chain = inverse_product[--turn & 1];
      const PFp5 h = extension_at(aux + 5 * p) * chain;
      chain = denominators[p] * chain;
      extension_at(aux + 5 * p) = h;
      sum = sum + h;
    }
    extension_at(aux + 5 * program.pair_count) = sum;
  }

  // acc: sums of the rows before, in the lane, then over the lanes.
  PFp5 lane_sum = broadcast(Fp5::zero());
  for (uint32_t g = 0; g < groups; ++g) {
    PFp5& acc = extension_at(scratch.aux + size_t{g} * aux_columns + 5 * program.pair_count);
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
      const Fp lane = Fp::from_word(lanes[k][l]);
      lanes[k][l] = sum.word;
      sum += lane;
    }
    chunk.total->c[k] = sum;
    before.c[k] = load_fp(lanes[k]);
  }

  for (uint32_t g = 0; g < groups; ++g) {
    PFp* const aux = scratch.aux + size_t{g} * aux_columns;
    PFp5& acc = extension_at(aux + 5 * program.pair_count);
    acc = acc + before;
    for (uint32_t i = 5 * program.pair_count + 5; i < aux_columns; ++i)
      aux[i] = broadcast(Fp::zero());
    for (uint32_t t = 0; t < program.aux_tiles; ++t)
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

size_t scratch_words(const LogupProgram& program, uint32_t rows) {
  const size_t groups = rows / kLanes;
  return program.columns * sizeof(PFp) / 4 + program.tables.centred_count * sizeof(Split) / 4 +
         groups * program.aux_tiles * kTileColumns * sizeof(PFp) / 4 +
         groups * program.pair_count * sizeof(PFp5) / 4;
}

}  // namespace

extern const LogupKernels logup_kernels = {
    .lanes = kLanes,
    .scratch_words = &scratch_words,
    .logup_chunk = &logup_chunk,
    .add_line = &add_line,
};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
