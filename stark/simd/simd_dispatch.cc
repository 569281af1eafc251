#include "stark/simd/simd_dispatch.h"

#include <zk/check.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>

#include "stark/field/field.h"

namespace zkvm::stark {
namespace {

constexpr SimdTarget kTargets[] = {SimdTarget::kScalar, SimdTarget::kAvx2, SimdTarget::kAvx512};

// How many of kTargets can run here; each includes those before it.
size_t count_available() {
#ifndef ZKVM_SIMD_ENABLED
  return 1;
#elif defined(ZKVM_SIMD_EMULATED)
  return 3;  // the AVX-512 objects of this binary are the emulated ones
#else
  __builtin_cpu_init();
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return 1;
  if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
      !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl")) {
    return 2;
  }
  return 3;
#endif
}

SimdTarget initial_target() {
  const std::span<const SimdTarget> available = available_simd_targets();
  if (const char* wanted = std::getenv("ZKVM_SIMD")) {
    for (SimdTarget target : available) {
      if (to_string(target) == wanted) return target;
    }
  }
  return available.back();
}

std::atomic<SimdTarget>& current_target() {
  static std::atomic<SimdTarget> target{initial_target()};
  return target;
}

constexpr SimdConstants make_constants() {
  SimdConstants constants{};
  for (int lane = 0; lane < 16; ++lane) {
    constants.modulus[lane] = Fp::kModulus;
    constants.modulus_inverse[lane] = Fp::kModulusInverse;
  }
  return constants;
}

}  // namespace

const SimdConstants kSimdConstants = make_constants();

std::string_view to_string(SimdTarget target) {
  switch (target) {
    case SimdTarget::kScalar:
      return "scalar";
    case SimdTarget::kAvx2:
      return "avx2";
    case SimdTarget::kAvx512:
      return "avx512";
  }
  return "unknown";
}

std::span<const SimdTarget> available_simd_targets() {
  static const size_t count = count_available();
  return {kTargets, count};
}

SimdTarget simd_target() { return current_target().load(std::memory_order_relaxed); }

void set_simd_target(SimdTarget target) {
  const auto available = available_simd_targets();
  ZK_CHECK(std::find(available.begin(), available.end(), target) != available.end());
  current_target().store(target, std::memory_order_relaxed);
}

}  // namespace zkvm::stark
