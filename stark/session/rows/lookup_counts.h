// How often each look-up of a segment is made. A chip's fill knows nothing of look-ups: they are
// counted by running its eval on the filled rows with a builder that only counts, so that eval is
// the one place that says what a row looks up.
#pragma once

#include <cstdint>
#include <vector>

#include "stark/air/chip.h"
#include "stark/air/row_check.h"
#include "stark/chips/buses.h"
#include "stark/chips/hash/buses.h"

namespace zkvm::stark::machine {

/// Per look-up bus how often each of its tuples is asked for, by the tuple's place in the table
/// that answers.
struct LookupCounts {
  LookupCounts(uint32_t text_base_, size_t program_rows)
      : text_base(text_base_), program(program_rows) {}

  uint32_t text_base;
  std::vector<uint32_t> program;  // (pc - text base) / 4
  std::vector<uint32_t> range16 = std::vector<uint32_t>(size_t{1} << 16);
  std::vector<uint32_t> range14 = std::vector<uint32_t>(size_t{1} << 14);
  std::vector<uint32_t> bytes = std::vector<uint32_t>(size_t{1} << 16);  // 256 a + b
  std::vector<uint32_t> and8 = std::vector<uint32_t>(size_t{1} << 16);   // 256 a + b
  std::vector<uint32_t> xor8 = std::vector<uint32_t>(size_t{1} << 16);   // 256 a + b
  std::vector<uint32_t> shift = std::vector<uint32_t>(size_t{1} << 9);   // 256 direction + amount

  LookupCounts& operator+=(const LookupCounts& other) {
    const auto add = [](std::vector<uint32_t>& to, const std::vector<uint32_t>& from) {
      for (size_t i = 0; i < to.size(); ++i) to[i] += from[i];
    };
    add(program, other.program), add(range16, other.range16), add(range14, other.range14);
    add(bytes, other.bytes), add(and8, other.and8), add(xor8, other.xor8), add(shift, other.shift);
    return *this;
  }
};

/// An AirBuilder on a row's values: asserts do nothing, look-ups are counted. What no table has is
/// left out: then the bus does not balance, and checker.h says who asked for it.
class LookupCounter : public AirBuilderBase<LookupCounter, RowValue> {
 public:
  explicit LookupCounter(LookupCounts& counts) : counts_(counts) {}

  void zero(const char*, const RowValue&) {}
  void boolean(const char*, const RowValue&) {}
  RowValue late_coordinate(unsigned, unsigned, unsigned) { return 0; }
  [[gnu::always_inline]] void interact(InteractionKind kind, uint16_t bus, const char*,
                                       const RowValue& multiplicity, const RowValue* tuple,
                                       size_t) {
    using namespace chips;
    if (kind != InteractionKind::kSend || multiplicity.value == Fp::zero()) return;
    const auto at = [&](size_t i) { return tuple[i].value.value(); };
    const auto count = [&](std::vector<uint32_t>& counts, uint32_t index) {
      if (index < counts.size()) counts[index] += multiplicity.value.value();
    };
    switch (bus) {
      case kProgram.id:
        return count(counts_.program, (at(0) - counts_.text_base) / 4);
      case kRange16.id:
        return count(counts_.range16, at(0));
      case kRange14.id:
        return count(counts_.range14, at(0));
      case kBytes.id:
        return count(counts_.bytes, byte_pair(at(0), at(1)));
      case kAnd8.id:
        return count(counts_.and8, byte_pair(at(0), at(1)));
      case kXor8.id:
        return count(counts_.xor8, byte_pair(at(0), at(1)));
      case kShift.id:
        return count(counts_.shift, at(0));
      default:
        return;
    }
  }

 private:
  static uint32_t byte_pair(uint32_t a, uint32_t b) {
    return a < 256 && b < 256 ? 256 * a + b : ~0u;
  }

  LookupCounts& counts_;
};

/// Counts the look-ups of `count` rows that stand one after the other, without their late columns: those
/// are on no bus that is counted here. Nor does any tuple depend on the next row.
template <ChipDefinition Chip>
void count_lookups(const Fp* rows, uint64_t count, LookupCounts& counts) {
  constexpr size_t kKept = kWidth<Chip> - kLateWidth<Chip>;
  LookupCounter air(counts);
  RowValue row[kWidth<Chip>];
  for (uint64_t r = 0; r < count; ++r, rows += kKept) {
    for (size_t i = 0; i < kKept; ++i) row[i] = rows[i];
    eval_chip<Chip>(air, row, row);
  }
}

}  // namespace zkvm::stark::machine
