// Atomic operations on a processor without atomic instructions and with one thread: plain loads and
// stores. The names and signatures are GCC's libatomic interface, which both compilers call, and
// those of the older __sync functions.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The compilers know these names as built-ins of their own; asm labels define them all the same.
#define ZK_FUNCTION(result, name, symbol, ...)    \
  result zk_##name(__VA_ARGS__) asm("__" symbol); \
  result zk_##name(__VA_ARGS__)

// One operation, in four forms: what is returned is the value before or after.
#define ZK_FETCH(size, type, name, expression)                                                    \
  ZK_FUNCTION(type, fetch_##name##_##size, "atomic_fetch_" #name "_" #size, type* at, type value, \
              int) {                                                                              \
    const type old = *at;                                                                         \
    *at = static_cast<type>(expression);                                                          \
    return old;                                                                                   \
  }                                                                                               \
  ZK_FUNCTION(type, name##_fetch_##size, "atomic_" #name "_fetch_" #size, type* at, type value,   \
              int) {                                                                              \
    const type old = *at;                                                                         \
    return *at = static_cast<type>(expression);                                                   \
  }                                                                                               \
  ZK_FUNCTION(type, sync_fetch_##name##_##size, "sync_fetch_and_" #name "_" #size, type* at,      \
              type value) {                                                                       \
    return zk_fetch_##name##_##size(at, value, 0);                                                \
  }                                                                                               \
  ZK_FUNCTION(type, sync_##name##_fetch_##size, "sync_" #name "_and_fetch_" #size, type* at,      \
              type value) {                                                                       \
    return zk_##name##_fetch_##size(at, value, 0);                                                \
  }

#define ZK_ATOMIC(size, type)                                                                      \
  ZK_FUNCTION(type, load_##size, "atomic_load_" #size, const type* at, int) { return *at; }        \
  ZK_FUNCTION(void, store_##size, "atomic_store_" #size, type* at, type value, int) {              \
    *at = value;                                                                                   \
  }                                                                                                \
  ZK_FUNCTION(type, exchange_##size, "atomic_exchange_" #size, type* at, type value, int) {        \
    const type old = *at;                                                                          \
    *at = value;                                                                                   \
    return old;                                                                                    \
  }                                                                                                \
  ZK_FUNCTION(bool, compare_exchange_##size, "atomic_compare_exchange_" #size, type* at,           \
              type* expected, type value, int, int) {                                              \
    if (*at == *expected) {                                                                        \
      *at = value;                                                                                 \
      return true;                                                                                 \
    }                                                                                              \
    *expected = *at;                                                                               \
    return false;                                                                                  \
  }                                                                                                \
  ZK_FUNCTION(type, sync_swap_##size, "sync_val_compare_and_swap_" #size, type* at, type expected, \
              type value) {                                                                        \
    zk_compare_exchange_##size(at, &expected, value, 0, 0);                                        \
    return expected;                                                                               \
  }                                                                                                \
  ZK_FUNCTION(bool, sync_try_swap_##size, "sync_bool_compare_and_swap_" #size, type* at,           \
              type expected, type value) {                                                         \
    return zk_compare_exchange_##size(at, &expected, value, 0, 0);                                 \
  }                                                                                                \
  ZK_FUNCTION(type, sync_lock_##size, "sync_lock_test_and_set_" #size, type* at, type value) {     \
    return zk_exchange_##size(at, value, 0);                                                       \
  }                                                                                                \
  ZK_FUNCTION(void, sync_release_##size, "sync_lock_release_" #size, type* at) { *at = 0; }        \
  ZK_FETCH(size, type, add, old + value)                                                           \
  ZK_FETCH(size, type, sub, old - value)                                                           \
  ZK_FETCH(size, type, and, old& value)                                                            \
  ZK_FETCH(size, type, or, old | value)                                                            \
  ZK_FETCH(size, type, xor, old ^ value)                                                           \
  ZK_FETCH(size, type, nand, ~(old & value))

ZK_ATOMIC(1, uint8_t)
ZK_ATOMIC(2, uint16_t)
ZK_ATOMIC(4, uint32_t)
ZK_ATOMIC(8, uint64_t)

// Of any size.
ZK_FUNCTION(void, load, "atomic_load", size_t size, const void* at, void* result, int) {
  memcpy(result, at, size);
}
ZK_FUNCTION(void, store, "atomic_store", size_t size, void* at, const void* value, int) {
  memcpy(at, value, size);
}
ZK_FUNCTION(void, exchange, "atomic_exchange", size_t size, void* at, const void* value,
            void* result, int) {
  auto* const bytes = static_cast<unsigned char*>(at);
  for (size_t i = 0; i < size; ++i) {  // `result` may be `value`
    const unsigned char old = bytes[i];
    bytes[i] = static_cast<const unsigned char*>(value)[i];
    static_cast<unsigned char*>(result)[i] = old;
  }
}
ZK_FUNCTION(bool, compare_exchange, "atomic_compare_exchange", size_t size, void* at,
            void* expected, const void* value, int, int) {
  const bool equal = memcmp(at, expected, size) == 0;
  if (equal) {
    memcpy(at, value, size);
  } else {
    memcpy(expected, at, size);
  }
  return equal;
}

// Nothing here takes a lock.
ZK_FUNCTION(bool, is_lock_free, "atomic_is_lock_free", size_t, const void*) { return true; }
