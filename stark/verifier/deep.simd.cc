// See deep_kernels.h. Lanes are rows; a row's products are summed in 64 bits.
#include "stark/simd/simd.h"
#include "stark/verifier/deep_kernels.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {
namespace {

ZKVM_SIMD_INLINE void mac(CentredAcc5& acc, const uint32_t* column, const uint32_t* coefficients) {
  acc.mac(split(shifted(load_fp(column))), coefficients);
}

void sums(const OpenedTile* tiles, size_t tile_count, size_t rows, uint32_t* out) {
  constexpr size_t kStep = kLanes > 1 ? 4 : 1;  // columns at once; a tile ends with zeros
  for (size_t row = 0; row < rows; row += kLanes) {
    const size_t live = rows - row < kLanes ? rows - row : kLanes;
    CentredAcc5 acc;
    for (size_t t = 0; t < tile_count; ++t) {
      const OpenedTile& tile = tiles[t];
      const size_t at = row * tile.row_words;
      const uint32_t* columns = tile.first + at;  // one lane's
      alignas(64) uint32_t vectors[16 * kLanes];
      if (kLanes > 1) {
        load_rows(columns, tile.row_words, tile.words, live, tile.readable - at, vectors);
        columns = vectors;
      }
      for (size_t i = 0; i < tile.words; i += kStep) {
        acc.make_room(kStep);
#pragma GCC unroll 4
        for (size_t j = i; j < i + kStep; ++j)
          mac(acc, columns + j * kLanes, tile.coefficients + 5 * j);
      }
    }
#pragma GCC unroll 5
    for (size_t k = 0; k < 5; ++k) {
      alignas(64) uint32_t words[kLanes];
      store(words, acc.c[k].reduce().v);
      for (size_t r = 0; r < live; ++r) out[5 * (row + r) + k] = words[r];
    }
  }
}

}  // namespace

extern const VerifierDeepKernels verifier_deep_kernels = {.sums = &sums};

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
