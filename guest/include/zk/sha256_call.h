// The system call that compresses blocks of SHA-256. Most guests want <zk/sha256.h>.
#pragma once

#include <stdint.h>
#include <zk/abi.h>

namespace zk::detail {

// Whether the machine did: `count` blocks, 1 .. abi::kMaxHashBlocks, of 16 words each, into `state`. False, and
// nothing done, under qemu, which has no such call (-ENOSYS); in no proof, where a0 is left as it is.
inline bool sha256_call(uint32_t* state, const uint32_t* blocks, uint32_t count) {
#if defined(__riscv) && !defined(__linux__)
  const auto address = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(state));
  register uint32_t a0 asm("a0") = address;
  register const uint32_t* a1 asm("a1") = blocks;
  register uint32_t a2 asm("a2") = count;
  register uint32_t a7 asm("a7") = abi::kSysSha256;
  asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return a0 == address;
#else
  (void)state, (void)blocks, (void)count;
  return false;
#endif
}

}  // namespace zk::detail
