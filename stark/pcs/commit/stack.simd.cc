// See stack_kernels.h. Lanes are rows.
#include "stark/pcs/commit/stack_kernels.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

// twiddles[2^l - 1 + i] = x^(2^(s - 1 - l)) root(l + 1)^i.
ZKVM_SIMD_INLINE void set_twiddles(const StackRun& run, PFp x, uint32_t* twiddles) {
  for (unsigned l = run.log_stack; l-- > 0;) {
    const size_t first = (size_t{1} << l) - 1;
    store(twiddles + first * kLanes, x.v);
    for (size_t i = 1; i <= first; ++i)
      store(twiddles + (first + i) * kLanes, (x * PFp{broadcast(run.roots[first + i])}).v);
    x = x * x;
  }
}

// From A_j at reversed places to the values at all 2^s rows.
ZKVM_SIMD_INLINE void transform(unsigned log_stack, const uint32_t* twiddles, uint32_t* values) {
  for (unsigned l = 0; l < log_stack; ++l) {
    const size_t half = size_t{1} << l;
    for (size_t block = 0; block < size_t{1} << log_stack; block += 2 * half) {
      for (size_t i = 0; i < half; ++i) {
        uint32_t* low = values + (block + i) * kLanes;
        uint32_t* high = low + half * kLanes;
        const PFp a = load_fp(low);
        const PFp b = load_fp(high) * load_fp(twiddles + (half - 1 + i) * kLanes);
        store(low, (a + b).v);
        store(high, (a - b).v);
      }
    }
  }
}

void stack(const StackRun& run) {
  const size_t height = size_t{1} << run.log_stack;
  uint32_t* const twiddles = run.scratch;
  uint32_t* const values = run.scratch + height * kPackLanes;
  PFp first = broadcast(run.points->first);
  for (size_t row = 0; row < 16 * run.packs; row += kLanes) {
    set_twiddles(run, first * load_fp(run.points->powers + row % 16), twiddles);
    if (row % 16 + kLanes == 16) first = first * broadcast(run.points->step);
    size_t place = 0;
    uint32_t* out = run.out + row;
    const auto finish = [&]() __attribute__((always_inline)) {
      for (; place < height; ++place) store(values + run.reversed[place] * kLanes, broadcast(0));
      place = 0;
      transform(run.log_stack, twiddles, values);
      for (size_t k = 0; k < height; ++k)
        store(out + k * run.place_stride, load(values + k * kLanes));
      out += run.word_stride;
    };
    for (size_t column = 0; column < run.columns;) {
      const uint32_t* rows = run.tiles[column / 16] + 16 * row;
      U32 columns[16];
      transpose_in(rows, 16, columns);
      alignas(64) uint32_t words[16 * kLanes];
      for (size_t i = 0; i < 16; ++i) store(words + i * kLanes, columns[i]);
      for (size_t r = 0; r < kLanes; ++r) prefetch(rows + 16 * (kLanes + r));
      for (size_t i = 0; i < 16 && column < run.columns; ++i, ++column) {
        if (column == run.restart && place != 0) finish();
        store(values + run.reversed[place++] * kLanes, load(words + i * kLanes));
        if (place == height) finish();
      }
    }
    if (place != 0) finish();
  }
}

}  // namespace

extern const StackKernels stack_kernels = {.stack = &stack};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
