// The three system calls as functions. Most guests want <zk/io.h> instead.
#pragma once

#include <zk/abi.h>

#if !defined(__riscv) || defined(__linux__)
#error "<zk/syscall.h> is for guests; host code talks to a guest through the zkvm API"
#endif

namespace zk::abi {

// One system call. A result in [-4095, -1] is a Linux error (only under qemu; the VM traps
// instead).
inline int32_t syscall(uint32_t number, uint32_t arg0, uint32_t arg1, uint32_t arg2) {
  register uint32_t a0 asm("a0") = arg0;
  register uint32_t a1 asm("a1") = arg1;
  register uint32_t a2 asm("a2") = arg2;
  register uint32_t a7 asm("a7") = number;
  asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a7) : "memory");
  return static_cast<int32_t>(a0);
}

// Fills up to `length` bytes of `buffer` from the input; both are multiples of 4. Bytes written, 0
// at the end.
inline int32_t read(void* buffer, uint32_t length) {
  return syscall(kSysRead, kFdInput, reinterpret_cast<uintptr_t>(buffer), length);
}

// Writes to the console (any length) or the journal (buffer and length multiples of 4). Bytes
// written.
inline int32_t write(uint32_t fd, const void* buffer, uint32_t length) {
  return syscall(kSysWrite, fd, reinterpret_cast<uintptr_t>(buffer), length);
}

// Ends the run. The status is `code` modulo 256, as on Linux.
[[noreturn]] inline void exit(int code) {
  for (;;) syscall(kSysExit, static_cast<uint32_t>(code) & 0xff, 0, 0);
}

}  // namespace zk::abi
