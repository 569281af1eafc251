// A chip's eval() on the values of one row: asserts that are not zero, and what the row puts on the
// buses. For the checker, and for whoever counts look-ups.
#pragma once

#include <cstdint>
#include <vector>

#include "stark/air/chip.h"
#include "stark/field/field.h"

namespace zkvm::stark {

/// An element of F that converts from integers, as Expr does.
struct RowValue {
  Fp value;

  RowValue() = default;
  template <std::integral I>
  RowValue(I integer) : RowValue(Fp::from_signed(static_cast<int64_t>(integer))) {}
  RowValue(Fp x) : value(x) {}

  friend RowValue operator+(RowValue a, RowValue b) { return a.value + b.value; }
  friend RowValue operator-(RowValue a, RowValue b) { return a.value - b.value; }
  friend RowValue operator*(RowValue a, RowValue b) { return a.value * b.value; }
  RowValue operator-() const { return -value; }
};

/// Runs one row: collects the asserts that are not zero, and what the row puts on the buses.
class RowChecker : public AirBuilderBase<RowChecker, RowValue> {
 public:
  struct BrokenAssert {
    size_t index;
    const char* label;
    Fp value;
  };
  struct BusEntry {
    uint16_t bus;
    InteractionKind kind;
    Fp multiplicity;
    std::vector<Fp> tuple;
  };

  /// The challenges that asserts hold from now on.
  void set_late(const LatePowers& late) { late_ = late; }
  void clear() {
    broken.clear();
    entries.clear();
    asserts_ = 0;
  }
  void zero(const char* label, const RowValue& x) {
    if (x.value != Fp{}) broken.push_back({asserts_, label, x.value});
    ++asserts_;
  }
  void boolean(const char* label, const RowValue& x) { zero(label, x * (x - 1)); }
  RowValue late_coordinate(unsigned challenge, unsigned power, unsigned coordinate) const {
    return late_(challenge, power).c[coordinate];
  }
  void interact(InteractionKind kind, uint16_t bus, const char*, const RowValue& multiplicity,
                const RowValue* tuple, size_t width) {
    if (multiplicity.value == Fp{}) return;
    BusEntry& entry = entries.emplace_back(BusEntry{bus, kind, multiplicity.value, {}});
    for (size_t i = 0; i < width; ++i) entry.tuple.push_back(tuple[i].value);
  }

  std::vector<BrokenAssert> broken;
  std::vector<BusEntry> entries;

 private:
  size_t asserts_ = 0;
  LatePowers late_;
};

using RowCheck = void (*)(RowChecker& air, const RowValue* row, const RowValue* next);

template <ChipDefinition Chip>
void check_row(RowChecker& air, const RowValue* row, const RowValue* next) {
  eval_chip<Chip>(air, row, next);
}

}  // namespace zkvm::stark
