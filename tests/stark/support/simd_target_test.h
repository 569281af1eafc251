// A fixture whose cases run once per SIMD target that this binary and CPU can run.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <new>
#include <string>
#include <vector>

#include "stark/simd/simd_dispatch.h"

namespace zkvm::stark {

class SimdTargetTest : public testing::TestWithParam<SimdTarget> {
 protected:
  SimdTargetTest() { set_simd_target(GetParam()); }
  ~SimdTargetTest() override { set_simd_target(available_simd_targets().back()); }
};

#define INSTANTIATE_SIMD_TARGET_TESTS(Fixture)                                             \
  INSTANTIATE_TEST_SUITE_P(                                                                \
      Targets, Fixture,                                                                    \
      testing::ValuesIn(available_simd_targets().begin(), available_simd_targets().end()), \
      [](const auto& param_info) { return std::string(to_string(param_info.param)); })

// std::allocator for 64-byte aligned vectors, as kernels load them.
template <class T>
struct CacheLineAllocator {
  using value_type = T;
  CacheLineAllocator() = default;
  template <class U>
  explicit(false) CacheLineAllocator(const CacheLineAllocator<U>&) {}
  T* allocate(size_t count) {
    return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t(64)));
  }
  void deallocate(T* pointer, size_t) { ::operator delete(pointer, std::align_val_t(64)); }
  bool operator==(const CacheLineAllocator&) const { return true; }
};
using AlignedVector = std::vector<uint32_t, CacheLineAllocator<uint32_t>>;

}  // namespace zkvm::stark
