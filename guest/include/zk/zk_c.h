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

// BLAKE3 (zk/blake3.h) and SHA-256 (zk/sha256.h): 32 bytes of output.
void zk_blake3(uint8_t out[32], const void* data, size_t bytes);
void zk_sha256(uint8_t out[32], const void* data, size_t bytes);

// The same in pieces: begin, update as often as one likes, finish, which leaves the hasher as it is.
typedef struct {
  uint64_t state[235];
} zk_blake3_hasher;
typedef struct {
  uint64_t state[13];
} zk_sha256_hasher;
void zk_blake3_begin(zk_blake3_hasher* hasher);
void zk_blake3_begin_keyed(zk_blake3_hasher* hasher, const uint8_t key[32]);
void zk_blake3_begin_derive_key(zk_blake3_hasher* hasher, const char* context);
void zk_blake3_update(zk_blake3_hasher* hasher, const void* data, size_t bytes);
void zk_blake3_finish(const zk_blake3_hasher* hasher, void* out, size_t bytes);  // any length
void zk_sha256_begin(zk_sha256_hasher* hasher);
void zk_sha256_update(zk_sha256_hasher* hasher, const void* data, size_t bytes);
void zk_sha256_finish(const zk_sha256_hasher* hasher, uint8_t out[32]);

// Ed25519 (zk/ed25519.h): 1 where the signature is the message's by the key, else 0.
#ifdef __cplusplus
[[nodiscard]]
#else
__attribute__((warn_unused_result))
#endif
int zk_ed25519_verify(const uint8_t signature[64], const void* message, size_t bytes, const uint8_t public_key[32]);

// Commitments (zk/commitment.h), to a file and to a tensor of `axes` axes, 8 at most. zk_read_committed reads a salt
// and the elements from the input, and appends their commitment to the journal.
enum {
  ZK_INT8 = 1,
  ZK_UINT8,
  ZK_INT16,
  ZK_UINT16,
  ZK_INT32,
  ZK_UINT32,
  ZK_INT64,
  ZK_UINT64,
  ZK_FLOAT16,
  ZK_FLOAT32,
  ZK_FLOAT64,
  ZK_BOOL
};
void zk_commitment_of_file(uint8_t out[32], const void* file, size_t bytes, const uint8_t salt[32]);
void zk_commitment_of_tensor(uint8_t out[32], const void* elements, int type, const uint32_t* shape,
                             uint32_t axes, const uint8_t salt[32]);
void zk_read_committed(void* elements, int type, const uint32_t* shape, uint32_t axes);
void zk_read_committed_file(void* out, size_t bytes);

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
