// What the verifier is in WebAssembly beside host/verify_c.cc: memory that has an end, and the layout that index.js reads.
#include <cstddef>
#include <cstdlib>
#include <new>

#include "host/zkvm_verify_c.h"

// Throws in JavaScript, through all that stands on the stack: index.js takes a fresh instance then.
extern "C" [[noreturn]] __attribute__((import_module("zkvm"), import_name("out_of_memory"))) void
zkvm_out_of_memory();

namespace {

void* allocated(void* memory) {
  if (memory == nullptr) zkvm_out_of_memory();
  return memory;
}

static_assert(sizeof(zkvm_verify_options) == 16 && offsetof(zkvm_verify_options, regime) == 8);
static_assert(sizeof(zkvm_verification) == 64 && offsetof(zkvm_verification, journal_bytes) == 4 &&
              offsetof(zkvm_verification, security_bits) == 8 &&
              offsetof(zkvm_verification, exit_code) == 16 &&
              offsetof(zkvm_verification, regime) == 20 &&
              offsetof(zkvm_verification, segments) == 24 &&
              offsetof(zkvm_verification, has_model) == 28 &&
              offsetof(zkvm_verification, model) == 32);
static_assert(sizeof(zkvm_output) == 44 && offsetof(zkvm_output, shape) == 4 &&
              offsetof(zkvm_output, axes) == 8 && offsetof(zkvm_output, values) == 12 &&
              offsetof(zkvm_output, elements) == 16 && offsetof(zkvm_output, reals) == 20 &&
              offsetof(zkvm_output, labels) == 24 && offsetof(zkvm_output, label_count) == 28 &&
              offsetof(zkvm_output, type) == 32 && offsetof(zkvm_output, zero_point) == 36 &&
              offsetof(zkvm_output, scale) == 40);
static_assert(sizeof(zkvm_outputs) == 20 && offsetof(zkvm_outputs, count) == 4 &&
              offsetof(zkvm_outputs, batch) == 8 && offsetof(zkvm_outputs, model_id) == 12 &&
              offsetof(zkvm_outputs, input_digest) == 16);

}  // namespace

void* operator new(size_t bytes) { return allocated(std::malloc(bytes == 0 ? 1 : bytes)); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  const auto unit = static_cast<size_t>(alignment);
  return allocated(std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { std::free(memory); }
