// A class that cannot be used, for the names in std that need threads.
#pragma once

namespace std {
template <bool kAvailable>
struct zk_no_threads {
  static_assert(kAvailable, "zkvm: guests have one thread: no std::thread, mutex or condition_variable");
};
}  // namespace std
