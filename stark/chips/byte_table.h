// The table of all pairs of bytes: it answers range checks and the bitwise and.
//
//   fixed: a b and small | range16 range14 bytes and8 (how often each is looked up)      2^16 rows
//
// Row i has a = i / 256, b = i mod 256, and = a & b, small = (i < 2^14). It answers range16(i),
// bytes(a, b), and8(a, b, a & b) and, on small rows, range14(i).
//
// Why it is sound: the fixed columns leave nothing to choose but how often; a count on bus range14
// is 0 on rows that are not small.
#pragma once

#include <cstdint>

#include "stark/chips/cpu.h"

namespace zkvm::stark::chips {

struct ByteTable {
  static constexpr const char* kName = "bytes";
  static constexpr const char* kColumns = "a b and small range16 range14 bytes and8";
  static constexpr SlotUse kSlots[] = {{"tables", 4}};
  static constexpr uint8_t kLogHeight = 16;
  template <class T>
  struct Cols {
    T a, b, and_ab, small;
    T range16, range14, bytes, and8;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    const Expr<B> value = row.a * 256 + row.b;
    air.assert_zero("range14 is answered by small rows", row.range14 * (1 - row.small));
    air.answer(kRange16, row.range16, {value});
    air.answer(kRange14, row.range14, {value});
    air.answer(kBytes, row.bytes, {row.a, row.b});
    air.answer(kAnd8, row.and8, {row.a, row.b, row.and_ab});
  }

  /// How often each answer of a row is asked for. (a, b) has row 256 a + b.
  struct Counts {
    uint32_t range16, range14, bytes, and8;
  };
  static void fill(Cols<Fp>& row, uint32_t index, const Counts& counts) {
    const uint32_t a = index / 256, b = index % 256;
    row = {fp(a),
           fp(b),
           fp(a & b),
           fp(index < 1u << 14),
           fp(counts.range16),
           fp(counts.range14),
           fp(counts.bytes),
           fp(counts.and8)};
  }
};

}  // namespace zkvm::stark::chips
