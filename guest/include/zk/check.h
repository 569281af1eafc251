// ZK_CHECK(condition): an invariant of our own code, always on, on the host and in guests.
// A failure is our bug, never a reaction to untrusted input: that returns a typed error.
#pragma once

#if defined(__riscv) && !defined(__linux__)  // a guest
#include <zk/io.h>

namespace zk {
// Prints "file:line: text" on stderr and ends the run in a trap; without printf, which is large.
[[noreturn]] void fail_at(const char* file, int line, const char* what, const char* text);
}  // namespace zk

#define ZK_CHECK_FAILED(text) ::zk::fail_at(__FILE__, __LINE__, "ZK_CHECK failed: ", text)
#else
#include <stdio.h>
#include <stdlib.h>

#define ZK_CHECK_FAILED(text) \
  (fprintf(stderr, "%s:%d: ZK_CHECK failed: %s\n", __FILE__, __LINE__, text), abort())
#endif

#define ZK_CHECK(condition)        \
  do {                             \
    if (!(condition)) [[unlikely]] \
      ZK_CHECK_FAILED(#condition); \
  } while (0)
