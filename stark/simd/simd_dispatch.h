// Which instruction set the kernels run on: the widest that the CPU has, or what the environment
// variable ZKVM_SIMD (scalar, avx2, avx512) names, never above what the CPU has.
//
// A room of kernels declares a struct of function pointers and defines it once per target:
//
//   // fold_kernels.h
//   struct FoldKernels {
//     void (*fold)(const uint32_t* in, ...);
//   };
//   ZKVM_SIMD_KERNELS(FoldKernels, fold_kernels);
//
//   // fold.simd.cc, compiled once per target
//   namespace zkvm::stark::ZKVM_SIMD_TARGET {
//   extern const FoldKernels fold_kernels = {.fold = &fold};
//   }
//
//   // fold.cc
//   fold_kernels().fold(...);
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace zkvm::stark {

// Digests, codewords and rows to be hashed lie in packs of so many lanes, whatever the instruction
// set: kernels take a pack as 1, 2 or 16 vectors.
inline constexpr size_t kPackLanes = 16;

enum class SimdTarget { kScalar, kAvx2, kAvx512 };

std::string_view to_string(SimdTarget target);

// The targets of this build that this CPU can run, narrowest first; never empty.
std::span<const SimdTarget> available_simd_targets();

// The target in use. Thread safe; decided at the first call.
SimdTarget simd_target();

// Switches every later call, for tests and benchmarks. REQUIRES: available, and no kernel is
// running.
void set_simd_target(SimdTarget target);

// Factors that kernels read from memory, one per lane; see modulus() in simd.h.
struct SimdConstants {
  alignas(64) uint32_t modulus[16];
  alignas(64) uint32_t modulus_inverse[16];
};
extern const SimdConstants kSimdConstants;

}  // namespace zkvm::stark

#ifdef ZKVM_SIMD_ENABLED
#define ZKVM_SIMD_KERNELS(Kernels, name)       \
  namespace scalar {                           \
  extern const Kernels name;                   \
  }                                            \
  namespace avx2 {                             \
  extern const Kernels name;                   \
  }                                            \
  namespace avx512 {                           \
  extern const Kernels name;                   \
  }                                            \
  inline const Kernels& name() {               \
    switch (::zkvm::stark::simd_target()) {    \
      case ::zkvm::stark::SimdTarget::kAvx512: \
        return avx512::name;                   \
      case ::zkvm::stark::SimdTarget::kAvx2:   \
        return avx2::name;                     \
      case ::zkvm::stark::SimdTarget::kScalar: \
        break;                                 \
    }                                          \
    return scalar::name;                       \
  }                                            \
  static_assert(true, "a semicolon follows")
#else
#define ZKVM_SIMD_KERNELS(Kernels, name)                \
  namespace scalar {                                    \
  extern const Kernels name;                            \
  }                                                     \
  inline const Kernels& name() { return scalar::name; } \
  static_assert(true, "a semicolon follows")
#endif
