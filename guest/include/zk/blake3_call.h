// The system call that compresses blocks of BLAKE3. Most guests want <zk/blake3.h>.
#pragma once

#include <stdint.h>
#include <zk/abi.h>

#include <cstddef>

namespace zk::detail {

// What a call passes beside addresses. A call of one block has the flags `last`.
struct Blake3Modes {
  uint8_t first, middle, last;  // flags of its first block, of its last, of those between
  uint8_t length;               // of its last block, in bytes; the others are whole
};

// Whether the machine did: `count` blocks, 1 .. abi::kMaxHashBlocks, of 16 words each, into `cv`. False, and
// nothing done, under qemu, which has no such call (-ENOSYS); in no proof, where a0 is left as it is.
inline bool blake3_call(uint32_t* cv, const uint32_t* blocks, uint32_t count, uint64_t counter,
                        Blake3Modes modes) {
#if defined(__riscv) && !defined(__linux__)
  const auto address = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(cv));
  register uint32_t a0 asm("a0") = address;
  register const uint32_t* a1 asm("a1") = blocks;
  register uint32_t a2 asm("a2") = count;
  register uint32_t a3 asm("a3") = static_cast<uint32_t>(counter);
  register uint32_t a4 asm("a4") = static_cast<uint32_t>(counter >> 32);
  register uint32_t a5 asm("a5") = uint32_t{modes.first} | uint32_t{modes.middle} << 8 |
                                   uint32_t{modes.last} << 16 | uint32_t{modes.length} << 24;
  register uint32_t a7 asm("a7") = abi::kSysBlake3;
  asm volatile("ecall"
               : "+r"(a0)
               : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7)
               : "memory");
  return a0 == address;
#else
  (void)cv, (void)blocks, (void)count, (void)counter, (void)modes;
  return false;
#endif
}

}  // namespace zk::detail
