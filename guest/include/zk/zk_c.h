// <zk/io.h> for guests in C. Streams, words and rules are the same: see there. Input is untrusted,
// and only what is committed is public.
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define ZK_NORETURN [[noreturn]]
extern "C" {
#else
#define ZK_NORETURN _Noreturn
#endif

// Fills `out` with the next `bytes` bytes of the input, taken from ceil(bytes / 4) words. Fails
// (message and trap) where the input has fewer words.
void zk_read(void* out, size_t bytes);

// Like zk_read, but stops at the end of the input: returns how many bytes it wrote, 0 at the end.
// `bytes` must be a multiple of 4.
size_t zk_read_some(void* out, size_t bytes);

// Appends bytes to the journal, padded with zeros to whole words. C cannot refuse a struct with
// padding, whose bytes may hold remains of private data: commit its members.
void zk_commit(const void* values, size_t bytes);

// Prints one line on the host's console (stderr); no part of the proof.
void zk_log(const char* line);

// Ends the run at once with status `code` modulo 256. 0 is success.
ZK_NORETURN void zk_exit(int code);

// Prints `message` on stderr and ends the run in a trap, which no proof exists for.
ZK_NORETURN void zk_fail(const char* message);

// What a failed ZK_CHECK calls.
ZK_NORETURN void zk_check_failed(const char* file, int line, const char* text);

#ifdef __cplusplus
}  // extern "C"
#else

// ZK_CHECK(condition): an invariant, always on. A failure prints "file:line: text" and traps.
#define ZK_CHECK(condition) \
  ((condition) ? (void)0 : zk_check_failed(__FILE__, __LINE__, #condition))

#endif

// zk_read_u32() and so on: the next value, which stands in whole words; zk_commit_u32(value).
#define ZK_C_VALUE(name, type)              \
  static inline type zk_read_##name(void) { \
    type value;                             \
    zk_read(&value, sizeof value);          \
    return value;                           \
  }                                         \
  static inline void zk_commit_##name(type value) { zk_commit(&value, sizeof value); }
ZK_C_VALUE(u8, uint8_t)
ZK_C_VALUE(u16, uint16_t)
ZK_C_VALUE(u32, uint32_t)
ZK_C_VALUE(u64, uint64_t)
ZK_C_VALUE(i8, int8_t)
ZK_C_VALUE(i16, int16_t)
ZK_C_VALUE(i32, int32_t)
ZK_C_VALUE(i64, int64_t)
#undef ZK_C_VALUE
