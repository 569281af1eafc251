// ZK_CHECK(condition): an invariant of our own code, always on, on the host and in guests.
// A failure is our bug, never a reaction to untrusted input: that returns a typed error.
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define ZK_CHECK(condition)                                                            \
  do {                                                                                 \
    if (!(condition)) [[unlikely]] {                                                   \
      fprintf(stderr, "%s:%d: ZK_CHECK failed: %s\n", __FILE__, __LINE__, #condition); \
      abort();                                                                         \
    }                                                                                  \
  } while (0)
