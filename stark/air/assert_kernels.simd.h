// The SIMD reader of chips, second half: see assert_kernels.h. Only for *.simd.cc files.
#pragma once

#include "stark/air/assert_kernels.h"
#include "stark/air/chip.h"
#include "stark/simd/simd.h"

namespace zkvm::stark::ZKVM_SIMD_TARGET {

/// A column or an expression on kLanes rows.
struct PackedExpr {
  PFp v;

  PackedExpr() = default;
  ZKVM_SIMD_INLINE explicit PackedExpr(PFp value) : v(value) {}
  template <std::integral I>
  ZKVM_SIMD_INLINE PackedExpr(I integer)
      : v(broadcast(Fp::from_signed(static_cast<int64_t>(integer)))) {}
  ZKVM_SIMD_INLINE PackedExpr(Fp constant) : v(broadcast(constant)) {}

  ZKVM_SIMD_INLINE friend PackedExpr operator+(const PackedExpr& a, const PackedExpr& b) {
    return PackedExpr(a.v + b.v);
  }
  ZKVM_SIMD_INLINE friend PackedExpr operator-(const PackedExpr& a, const PackedExpr& b) {
    return PackedExpr(a.v - b.v);
  }
  ZKVM_SIMD_INLINE friend PackedExpr operator*(const PackedExpr& a, const PackedExpr& b) {
    return PackedExpr(a.v * b.v);
  }
  ZKVM_SIMD_INLINE PackedExpr operator-() const { return PackedExpr(-v); }
};

/// Stores the value of each assert; interactions are the LogUp stage's.
class AssertEvaluator : public AirBuilderBase<AssertEvaluator, PackedExpr> {
 public:
  ZKVM_SIMD_INLINE AssertEvaluator(const uint32_t* late, uint32_t* values)
      : late_(late), values_(values) {}

  ZKVM_SIMD_INLINE void zero(const char*, const PackedExpr& x) {
    store(values_, x.v.v);
    values_ += kLanes;
  }
  ZKVM_SIMD_INLINE void boolean(const char*, const PackedExpr& x) { zero(nullptr, x * x - x); }
  ZKVM_SIMD_INLINE PackedExpr late_coordinate(unsigned challenge, unsigned power,
                                              unsigned coordinate) const {
    return PackedExpr(Fp::from_wire(late_[late_word(challenge, power, coordinate)]));
  }
  ZKVM_SIMD_INLINE void interact(InteractionKind, uint16_t, const char*, const PackedExpr&,
                                 const PackedExpr*, size_t) {}

 private:
  const uint32_t* late_;
  uint32_t* values_;
};

template <ChipDefinition Chip>
void evaluate_asserts(const uint32_t* columns, const uint32_t* next, const uint32_t* late,
                      uint32_t* values) {
  static_assert(sizeof(PackedExpr) == kLanes * sizeof(uint32_t));
  AssertEvaluator air(late, values);
  eval_chip<Chip>(air, reinterpret_cast<const PackedExpr*>(columns),
                  reinterpret_cast<const PackedExpr*>(next));
}

template <class List>
struct AssertKernelArray;
template <ChipDefinition... Chips>
struct AssertKernelArray<ChipList<Chips...>> {
  static constexpr AssertKernel kKernels[] = {&evaluate_asserts<Chips>...};
};

template <ChipDefinition... Chips>
constexpr AssertKernels assert_kernels(ChipList<Chips...>) {
  return {AssertKernelArray<ChipList<Chips...>>::kKernels, sizeof...(Chips)};
}

}  // namespace zkvm::stark::ZKVM_SIMD_TARGET
