// What libstdc++'s <atomic> needs for wait() and notify_*(), which it lacks where there are no
// threads. With one thread a wait returns at once or never.
#pragma once

#include <bits/c++config.h>

#define __cpp_lib_atomic_wait 201907L

extern "C" [[noreturn]] void zk_unavailable(const char* message);

namespace std {

namespace __detail {
inline void __thread_relax() noexcept {}
inline void __thread_yield() noexcept {}
}  // namespace __detail

template <class T, class Load>
void __atomic_wait_address_v(const T*, T old, Load load) noexcept {
  T now = load();
  if (__builtin_memcmp(&now, &old, sizeof(T)) == 0) {
    zk_unavailable("zkvm: std::atomic::wait waits for ever: guests have one thread");
  }
}

template <class T>
void __atomic_notify_address(const T*, bool) noexcept {}

}  // namespace std
