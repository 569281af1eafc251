#include "tests/peak_memory.h"

#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <new>

namespace {

std::atomic<size_t> live_bytes = 0, peak_bytes = 0, allocated_bytes = 0;

void* counted(void* memory) {
  if (memory == nullptr) abort();
  const size_t size = malloc_usable_size(memory);
  allocated_bytes += size;
  const size_t live = live_bytes += size;
  size_t peak = peak_bytes;
  while (peak < live && !peak_bytes.compare_exchange_weak(peak, live)) {
  }
  return memory;
}
void release(void* memory) {
  if (memory != nullptr) live_bytes -= malloc_usable_size(memory);
  free(memory);
}

}  // namespace

void* operator new(size_t size) { return counted(malloc(size)); }
void* operator new(size_t size, std::align_val_t align) {
  const size_t step = static_cast<size_t>(align);
  return counted(aligned_alloc(step, (size + step - 1) / step * step));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { release(memory); }

namespace zkvm::test {

size_t peak_memory_of(const std::function<void()>& action) {
  const size_t before = live_bytes;
  peak_bytes = before;
  action();
  return peak_bytes - before;
}

size_t allocation_of(const std::function<void()>& action) {
  const size_t before = allocated_bytes;
  action();
  return allocated_bytes - before;
}

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  return text == nullptr ? otherwise : strtoull(text, nullptr, 10);
}

}  // namespace zkvm::test
