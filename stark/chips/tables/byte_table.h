// The table of all pairs of bytes: it answers range checks and the bitwise and.
//
//   fixed: a b and[4] low | range14 range16[4] bytes[4] and8[4] (how often each is looked up)
//   2^14 rows
//
// Row i has a = i / 256, b = i mod 256, and stands for the four pairs (a + 64 k, b), k < 4, each
// with the value 256 (a + 64 k) + b = i + 2^14 k: of these it answers range16(value), bytes(a + 64
// k, b) and and8(a + 64 k, b, and[k]). With k = 0 it also answers range14(value). (One pair a row
// would be a table of 2^16 rows, often the only one of its height in a small proof.)
//
// Why it is sound: the fixed columns leave nothing to choose but how often.
#pragma once

#include <cstdint>

#include "stark/chips/words.h"

namespace zkvm::stark::chips {

struct ByteTable {
  static constexpr const char* kName = "bytes";
  static constexpr const char* kColumns = "a b and[4] low range14 range16[4] bytes[4] and8[4]";
  static constexpr SlotUse kSlots[] = {{"image", 7}};
  static constexpr uint8_t kLogHeight = 14;
  static constexpr uint32_t kParts = 4;  // pairs of a row
  template <class T>
  struct Cols {
    T a, b, and_ab[kParts], low;
    T range14, range16[kParts], bytes[kParts], and8[kParts];
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(kRange14, row.range14, {row.a * 256 + row.b});
    for (uint32_t k = 0; k < kParts; ++k) {
      const Expr<B> a = row.a + 64 * k;
      air.answer(kRange16, row.range16[k], {a * 256 + row.b});
      air.answer(kBytes, row.bytes[k], {a, row.b});
      air.answer(kAnd8, row.and8[k], {a, row.b, row.and_ab[k]});
    }
  }

  /// Where the answers to a value, or to a pair of bytes 256 a + b, stand. REQUIRES: value < 2^16.
  static constexpr uint32_t row_of(uint32_t value) { return value % (1u << kLogHeight); }
  static constexpr uint32_t part_of(uint32_t value) { return value >> kLogHeight; }

  /// How often each answer to a value is asked for; range14 counts below 2^14 only.
  struct Counts {
    uint32_t range16, range14, bytes, and8;
  };
  /// counts_of(value): its Counts.
  template <class CountsOf>
  static void fill(Cols<Fp>& row, uint32_t index, const CountsOf& counts_of) {
    const uint32_t a = index / 256, b = index % 256;
    row.a = fp(a);
    row.b = fp(b);
    row.low = fp((a ^ b) & 15);
    for (uint32_t k = 0; k < kParts; ++k) {
      const Counts counts = counts_of(index + (k << kLogHeight));
      row.and_ab[k] = fp((a + 64 * k) & b);
      if (k == 0) row.range14 = fp(counts.range14);
      row.range16[k] = fp(counts.range16);
      row.bytes[k] = fp(counts.bytes);
      row.and8[k] = fp(counts.and8);
    }
  }
};

}  // namespace zkvm::stark::chips
