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

// Levels first .. first + count - 1 of the transform, of 2^count values that stand `half` rows of
// values apart, value i of them at level `first` being number i of its half-block.
template <unsigned kCount>
ZKVM_SIMD_INLINE void levels(PFp (&v)[1u << kCount], const uint32_t* twiddles, size_t half,
                             size_t i) {
#pragma GCC unroll 3
  for (unsigned l = 0; l < kCount; ++l) {
    const size_t first = (half << l) - 1 + i;
#pragma GCC unroll 8
    for (unsigned k = 0; k < 1u << kCount; k += 2u << l) {
#pragma GCC unroll 4
      for (unsigned m = 0; m < 1u << l; ++m) {
        PFp& low = v[k + m];
        PFp& high = v[k + m + (1u << l)];
        const PFp b = high * load_fp(twiddles + (first + m * half) * kLanes);
        high = low - b;
        low = low + b;
      }
    }
  }
}

// The first kCount levels, in registers: 2^kCount columns at reversed places, of which there may be
// none. `column(j)`: A_j.
template <unsigned kCount, class Column>
ZKVM_SIMD_INLINE void first_levels(const uint32_t* twiddles, const uint32_t* reversed,
                                   const Column& column, PFp (&v)[1u << kCount]) {
#pragma GCC unroll 8
  for (unsigned k = 0; k < 1u << kCount; ++k) v[k] = column(reversed[k]);
  levels<kCount>(v, twiddles, 1, 0);
}

template <unsigned kLevels, class Column>
ZKVM_SIMD_INLINE void small_stack(const uint32_t* twiddles, const uint32_t* reversed,
                                  const Column& column, uint32_t* out, size_t place_stride) {
  PFp v[1u << kLevels];
  first_levels<kLevels>(twiddles, reversed, column, v);
#pragma GCC unroll 8
  for (unsigned k = 0; k < 1u << kLevels; ++k) store(out + k * place_stride, v[k].v);
}

// Does a stack that fits in registers; false, and nothing done: it is too high.
template <class Column>
ZKVM_SIMD_INLINE bool in_registers(const StackRun& run, const uint32_t* twiddles,
                                   const Column& column, uint32_t* out) {
  switch (run.log_stack) {
    case 1:
      small_stack<1>(twiddles, run.reversed, column, out, run.place_stride);
      return true;
    case 2:
      small_stack<2>(twiddles, run.reversed, column, out, run.place_stride);
      return true;
    case 3:
      small_stack<3>(twiddles, run.reversed, column, out, run.place_stride);
      return true;
    default:
      return false;
  }
}

// Three levels from the columns, then two at a time, the last ones to where the words belong.
template <class Column>
ZKVM_SIMD_INLINE void large_stack(unsigned log_stack, const uint32_t* twiddles,
                                  const uint32_t* reversed, const Column& column, uint32_t* values,
                                  uint32_t* out, size_t place_stride) {
  const size_t height = size_t{1} << log_stack;
  for (size_t block = 0; block < height; block += 8) {
    PFp v[8];
    first_levels<3>(twiddles, reversed + block, column, v);
#pragma GCC unroll 8
    for (size_t k = 0; k < 8; ++k) store(values + (block + k) * kLanes, v[k].v);
  }
  for (unsigned l = 3; l < log_stack;) {
    const size_t half = size_t{1} << l;
    if (log_stack - l == 1) {
      for (size_t i = 0; i < half; ++i) {
        PFp v[2] = {load_fp(values + i * kLanes), load_fp(values + (i + half) * kLanes)};
        levels<1>(v, twiddles, half, i);
        store(out + i * place_stride, v[0].v);
        store(out + (i + half) * place_stride, v[1].v);
      }
      return;
    }
    const bool last = log_stack - l == 2;
    for (size_t block = 0; block < height; block += 4 * half) {
      for (size_t i = 0; i < half; ++i) {
        uint32_t* at = values + (block + i) * kLanes;
        PFp v[4];
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; ++k) v[k] = load_fp(at + k * half * kLanes);
        levels<2>(v, twiddles, half, i);
#pragma GCC unroll 4
        for (size_t k = 0; k < 4; ++k)
          store(last ? out + (i + k * half) * place_stride : at + k * half * kLanes, v[k].v);
      }
    }
    if (last) return;
    l += 2;
  }
}

void stack(const StackRun& run) {
  const size_t height = size_t{1} << run.log_stack;
  uint32_t* const twiddles = run.scratch;
  uint32_t* const values = twiddles + height * kPackLanes;
  uint32_t* const columns = values + height * kPackLanes;
  PFp first = broadcast(run.points->first);
  for (size_t row = 0; row < 16 * run.packs; row += kLanes) {
    set_twiddles(run, first * load_fp(run.points->powers + row % 16), twiddles);
    if (row % 16 + kLanes == 16) first = first * broadcast(run.points->step);
    for (size_t tile = 0; 16 * tile < run.columns; ++tile) {
      const uint32_t* rows = run.tiles[tile] + 16 * row;
      U32 words[16];
      transpose_in(rows, 16, words);
      for (size_t i = 0; i < 16; ++i) store(columns + (16 * tile + i) * kLanes, words[i]);
      // The next tile's rows, or those that come next of the first one.
      const uint32_t* next = 16 * (tile + 1) < run.columns   ? run.tiles[tile + 1] + 16 * row
                             : row + kLanes < 16 * run.packs ? run.tiles[0] + 16 * (row + kLanes)
                                                             : nullptr;
      for (size_t r = 0; next != nullptr && r < kLanes; ++r) prefetch(next + 16 * r);
    }
    uint32_t* out = run.out + row;
    for (size_t column = 0; column < run.columns; out += run.word_stride) {
      const size_t end = column < run.restart ? run.restart : run.columns;
      const size_t count = end - column < height ? end - column : height;
      const uint32_t* from = columns + column * kLanes;
      const auto whole = [from](size_t j)
                             __attribute__((always_inline)) { return load_fp(from + j * kLanes); };
      const auto part = [from, count](size_t j) __attribute__((always_inline)) {
        return j < count ? load_fp(from + j * kLanes) : PFp{broadcast(0)};
      };
      column += count;
      const bool done = count == height ? in_registers(run, twiddles, whole, out)
                                        : in_registers(run, twiddles, part, out);
      if (!done)
        large_stack(run.log_stack, twiddles, run.reversed, part, values, out, run.place_stride);
    }
  }
}

}  // namespace

extern const StackKernels stack_kernels = {.stack = &stack};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
