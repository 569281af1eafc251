// The table of the xor of all pairs of bytes, split into nibbles: for words that are rotated by 12 bits.
//
//   fixed: a b and[4] low, the byte table's | xor8[4] (how often each is looked up)
//
// Rows are the byte table's, and so are its pairs (a + 64 k, b). Their xor is the sum less twice their
// and; 64 k does not touch its low nibble.
//
// Why it is sound: as there.
#pragma once

#include "stark/chips/hash/buses.h"
#include "stark/chips/tables/byte_table.h"

namespace zkvm::stark::chips {

struct XorTable {
  static constexpr const char* kName = "xor table";
  static constexpr const char* kColumns = "a b and[4] low xor8[4]";
  static constexpr SlotUse kSlots[] = {{"image", 7}};
  static constexpr uint8_t kLogHeight = ByteTable::kLogHeight;
  static constexpr uint32_t kParts = ByteTable::kParts;
  static constexpr uint32_t kSixteenth = inverse(Fp::from(16)).value();
  template <class T>
  struct Cols {
    T a, b, and_ab[kParts], low;
    T xor8[kParts];
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    for (uint32_t k = 0; k < kParts; ++k) {
      const Expr<B> a = row.a + 64 * k;
      const Expr<B> high = (a + row.b - row.and_ab[k] * 2 - row.low) * kSixteenth;
      air.answer(kXor8, row.xor8[k], {a, row.b, row.low, high});
    }
  }

  /// count_of(value): how often the pair 256 a + b is asked for.
  template <class CountOf>
  static void fill(Cols<Fp>& row, uint32_t index, const CountOf& count_of) {
    ByteTable::Cols<Fp> fixed;
    ByteTable::fill(fixed, index, [](uint32_t) { return ByteTable::Counts{}; });
    row.a = fixed.a;
    row.b = fixed.b;
    row.low = fixed.low;
    for (uint32_t k = 0; k < kParts; ++k) {
      row.and_ab[k] = fixed.and_ab[k];
      row.xor8[k] = fp(count_of(index + (k << kLogHeight)));
    }
  }
};

}  // namespace zkvm::stark::chips
