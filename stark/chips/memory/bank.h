// Banks: where the words of memory are at the start of a segment and at its end. Each row of a
// bank is one word of memory, if that is declared, or zero.
//
//   RamBank       fixed: place declared image[2] | initial[2] (shared) | final[2] | time
//   ConstantBank  fixed: place declared value[2] | time
//
// The place is relative to the bank's base, a constant that the circuit adds to both tuples of each
// bank (ChipInstance::base); the machine bank has base 0. So banks that hold the same words have the
// same columns, and all blank ones read the same.
//
// A row sends (place, initial, 0) and receives (place, final, time), once if its word is declared.
// A word that nobody touched has final = initial and time 0, and cancels itself. Constants are of
// the read-only kind: their final value is the initial one.
//
// In the first segment that touches a bank the initial values are the image's; later ones have them
// in a tree that they share with the segment that touched it last, whose final values they were.
// Final values that no later segment needs are main columns of this proof alone. So RamBank has
// four variants: <from image or shared, kept (shared with a later one) or not>.
//
// Why it is sound: `declared` and the relative places are pinned by the image, and a bank's base, too
// (it is part of the key that the verifier makes), so which places exist and that each exists once is
// the same in every segment; each declared place has one first tuple, at time 0,
// and one last. Values of the image are limbs below 2^16 (the pc's word and the journal position:
// elements), and every value that is received was sent by a chip that saw to its limbs; so by
// induction over segments all initial values of declared words are such limbs. What stands in rows
// that are not declared reaches no bus.
#pragma once

#include <cstdint>

#include "stark/chips/access.h"

namespace zkvm::stark::chips {

namespace bank_detail {

template <bool kFromImage, bool kKept>
struct Text;
template <>
struct Text<true, false> {
  static constexpr const char* kName = "bank from image";
  static constexpr const char* kColumns = "place declared image[2] final[2] time";
  static constexpr SlotUse kSlots[] = {{"rows", 2}, {"bank", 2}};
};
template <>
struct Text<true, true> {
  static constexpr const char* kName = "bank from image, kept";
  static constexpr const char* kColumns = "place declared image[2] final[2] time";
  static constexpr SlotUse kSlots[] = {{"rows", 2}, {"bank", 2}, {"bank out", 2}};
};
template <>
struct Text<false, false> {
  static constexpr const char* kName = "bank";
  static constexpr const char* kColumns = "place declared image[2] initial[2] final[2] time";
  static constexpr SlotUse kSlots[] = {{"rows", 2}, {"bank", 2}, {"bank in", 2}};
};
template <>
struct Text<false, true> {
  static constexpr const char* kName = "bank, kept";
  static constexpr const char* kColumns = "place declared image[2] initial[2] final[2] time";
  static constexpr SlotUse kSlots[] = {{"rows", 2}, {"bank", 2}, {"bank in", 2}, {"bank out", 2}};
};

template <class T, bool kFromImage>
struct RamColumns {
  T place, declared;
  Limbs<T> image;
  Limbs<T> final;
  T time;
  const Limbs<T>& first() const { return image; }
};
template <class T>
struct RamColumns<T, false> {
  T place, declared;
  Limbs<T> image;
  Limbs<T> initial;
  Limbs<T> final;
  T time;
  const Limbs<T>& first() const { return initial; }
};

}  // namespace bank_detail

/// What a bank does with one word in one segment.
struct BankWord {
  uint32_t image, initial, final;
  uint32_t time;  // of the last access, 0: none
};

template <bool kFromImage, bool kKept>
struct RamBank : bank_detail::Text<kFromImage, kKept> {
  template <class T>
  using Cols = bank_detail::RamColumns<T, kFromImage>;

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("declared", row.declared);
    const auto& initial = row.first();
    air.send(kMemory, row.declared, {row.place, initial.lo, initial.hi, 0});
    air.receive(kMemory, row.declared, {row.place, row.final.lo, row.final.hi, row.time});
  }

  /// The row of a declared word; other rows are zero.
  static void fill(Cols<Fp>& row, uint32_t place, const BankWord& word) {
    row = {};
    row.place = fp(place);
    row.declared = Fp::one();
    row.image = word_at(place, word.image);
    row.final = word_at(place, word.final);
    row.time = fp(word.time);
    if constexpr (!kFromImage) row.initial = word_at(place, word.initial);
  }
};

struct ConstantBank {
  static constexpr const char* kName = "constants";
  static constexpr const char* kColumns = "place declared value[2] time";
  static constexpr SlotUse kSlots[] = {{"rows", 2}, {"bank", 2}};
  template <class T>
  struct Cols {
    T place, declared;
    Limbs<T> value;
    T time;
  };

  template <AirBuilder B>
  static void eval(B& air, const Cols<typename B::Var>& row) {
    air.assert_bool("declared", row.declared);
    air.send(kMemory, row.declared, {row.place, row.value.lo, row.value.hi, 0});
    air.receive(kMemory, row.declared, {row.place, row.value.lo, row.value.hi, row.time});
  }

  /// The row of a declared word; other rows are zero.
  static void fill(Cols<Fp>& row, uint32_t place, uint32_t value, uint32_t time) {
    row = {fp(place), Fp::one(), limbs_of(value), fp(time)};
  }
};

}  // namespace zkvm::stark::chips
