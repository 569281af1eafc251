// See deep_kernels.h. Lanes are rows; a row's products are summed in 64 bits.
#include "stark/simd/simd.h"
#include "stark/verifier/deep_kernels.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

ZKVM_SIMD_INLINE void mac(CentredAcc5& acc, const uint32_t* column, const uint32_t* coefficients) {
  acc.mac(split(shifted(load_fp(column))), coefficients);
}

void sums(const OpenedTile* tiles, size_t tile_count, size_t rows, uint32_t* out) {
  for (size_t row = 0; row < rows; row += kLanes) {
    const size_t live = rows - row < kLanes ? rows - row : kLanes;
    CentredAcc5 at_zeta, next;
    for (size_t t = 0; t < tile_count; ++t) {
      const OpenedTile& tile = tiles[t];
      const size_t at = row * tile.row_words;
      alignas(64) uint32_t columns[16 * kLanes];
      load_rows(tile.first + at, tile.row_words, tile.words, live, tile.readable - at, columns);
      for (size_t i = 0; i < tile.words; i += 4) {
        at_zeta.make_room(4);
#pragma GCC unroll 4
        for (size_t j = i; j < i + 4; ++j)
          mac(at_zeta, columns + j * kLanes, tile.coefficients + 5 * j);
      }
      for (size_t n = 0; n < tile.next_count; ++n) {
        next.make_room(1);
        mac(next, columns + tile.next[n].lane * kLanes, tile.next[n].coefficients);
      }
    }
    for (size_t k = 0; k < 10; ++k) {
      alignas(64) uint32_t words[kLanes];
      store(words, (k < 5 ? at_zeta.c[k] : next.c[k - 5]).reduce().v);
      for (size_t r = 0; r < live; ++r) out[10 * (row + r) + k] = words[r];
    }
  }
}

}  // namespace

extern const VerifierDeepKernels verifier_deep_kernels = {.sums = &sums};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
