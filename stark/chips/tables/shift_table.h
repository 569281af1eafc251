// Powers of two for the shifts.
//
//   fixed: key power bytes | count                                                       2^14 rows
//
// key = 256 direction + byte, byte the low byte of the second operand, of which the machine uses
// five bits: amount = byte mod 32 = 8 bytes + bits. Direction 0 is left: power = 2^bits; direction
// 1 is right: power = 2^(8 - bits), which cuts off the low `bits` bits of a byte b as b * power /
// 256.
//
// Row i has the key i mod 512, so every row is a true answer.
#pragma once

#include <cstdint>

#include "stark/chips/program_row.h"
#include "stark/chips/words.h"

namespace zkvm::stark::chips {

struct ShiftTable {
  static constexpr const char* kName = "shift table";
  static constexpr const char* kColumns = "key power bytes count";
  static constexpr SlotUse kSlots[] = {{"image", 3}};
  static constexpr uint8_t kLogHeight = 14;
  static constexpr uint32_t kKeys = 512;
  template <class T>
  struct Cols {
    T key, power, bytes;
    T count;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.answer(kShift, row.count, {row.key, row.power, row.bytes});
  }

  /// `count`: of look-ups of the key `index`. REQUIRES: 0 on rows from kKeys on.
  static void fill(Cols<Fp>& row, uint32_t index, uint32_t count) {
    const uint32_t key = index % kKeys;
    const ShiftBy by = shift_by(key >= 256, key % 256);
    row = {fp(key), fp(by.power), fp(by.bytes), fp(count)};
  }
};

}  // namespace zkvm::stark::chips
