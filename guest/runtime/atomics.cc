// std::atomic on a processor without atomic instructions and with one thread: plain loads and
// stores. The names and signatures are GCC's libatomic interface, which both compilers call.
#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The compilers know these names as built-ins of their own; asm labels define them all the same.
#define ZK_ATOMIC_FETCH(size, type, name, expression)                               \
  type zk_atomic_fetch_##name##_##size(type* at, type value,                        \
                                       int) asm("__atomic_fetch_" #name "_" #size); \
  type zk_atomic_fetch_##name##_##size(type* at, type value, int) {                 \
    const type old = *at;                                                           \
    *at = static_cast<type>(expression);                                            \
    return old;                                                                     \
  }

#define ZK_ATOMIC(size, type)                                                                \
  type zk_atomic_load_##size(const type* at, int) asm("__atomic_load_" #size);               \
  type zk_atomic_load_##size(const type* at, int) { return *at; }                            \
  void zk_atomic_store_##size(type* at, type value, int) asm("__atomic_store_" #size);       \
  void zk_atomic_store_##size(type* at, type value, int) { *at = value; }                    \
  type zk_atomic_exchange_##size(type* at, type value, int) asm("__atomic_exchange_" #size); \
  type zk_atomic_exchange_##size(type* at, type value, int) {                                \
    const type old = *at;                                                                    \
    *at = value;                                                                             \
    return old;                                                                              \
  }                                                                                          \
  bool zk_atomic_compare_exchange_##size(type* at, type* expected, type value, int,          \
                                         int) asm("__atomic_compare_exchange_" #size);       \
  bool zk_atomic_compare_exchange_##size(type* at, type* expected, type value, int, int) {   \
    if (*at == *expected) {                                                                  \
      *at = value;                                                                           \
      return true;                                                                           \
    }                                                                                        \
    *expected = *at;                                                                         \
    return false;                                                                            \
  }                                                                                          \
  ZK_ATOMIC_FETCH(size, type, add, old + value)                                              \
  ZK_ATOMIC_FETCH(size, type, sub, old - value)                                              \
  ZK_ATOMIC_FETCH(size, type, and, old& value)                                               \
  ZK_ATOMIC_FETCH(size, type, or, old | value)                                               \
  ZK_ATOMIC_FETCH(size, type, xor, old ^ value)

ZK_ATOMIC(1, uint8_t)
ZK_ATOMIC(2, uint16_t)
ZK_ATOMIC(4, uint32_t)
ZK_ATOMIC(8, uint64_t)
