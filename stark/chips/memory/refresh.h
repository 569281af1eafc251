// Re-reads the machine words on a fixed schedule, so that the age of any of them fits 16 bits.
//
//   fixed: place time | lo hi before real                                                2^14 rows
//
// Row i reads machine word i mod 34 at the end of tick 256 (i + 1): at time 4 * 256 (i + 1) + 3,
// which no instruction uses. (The pc's word is not among them: only the boundary touches it.)
// Buses: memory 2, range16 1.
//
// Why it is sound: it is an access that leaves the value as it finds it. Its time is fixed, because
// refreshes belong to no tick of the state chain: with times of their own choosing, 2^15 of them
// could go once around p and close a loop from which any value can be read.
#pragma once

#include <cstdint>

#include "stark/chips/access.h"

namespace zkvm::stark::chips {

struct Refresh {
  static constexpr const char* kName = "refresh";
  static constexpr const char* kColumns = "place time lo hi before real";
  static constexpr SlotUse kSlots[] = {{"image", 2}};
  static constexpr uint8_t kLogHeight = 14;  // clk stays below 2^22
  static constexpr uint32_t kTicks = 256;    // between two rows
  static constexpr uint32_t kWords = kPcWord;
  template <class T>
  struct Cols {
    T place, time;
    Found<T> found;
    T real;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("real", row.real);
    access<B>(air, row.real, row.place, row.found, row.found.value, row.time);
    air.send(kRange16, row.real, {row.time - row.found.time - 1});
  }

  /// The machine word that row `index` reads, and when.
  static constexpr uint32_t word(uint32_t index) { return index % kWords; }
  static constexpr uint32_t time(uint32_t index) { return 4 * kTicks * (index + 1) + 3; }

  static void fill_padding(Cols<Fp>& row, uint32_t index) {
    row = {};
    row.place = fp(kMachineBase + word(index));
    row.time = fp(time(index));
  }
  /// `found`: as in vm::RefreshRow.
  template <class Access>
  static void fill(Cols<Fp>& row, uint32_t index, const Access& found_word) {
    fill_padding(row, index);
    row.found = {word_at(kMachineBase + word(index), found_word.value), fp(found_word.time)};
    row.real = Fp::one();
  }
};

}  // namespace zkvm::stark::chips
