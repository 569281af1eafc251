// The guest of the command line's tests. Its first input word says what it does.
#include <zk/zk.h>

#include <cstdio>
#include <string>

namespace {

[[gnu::noinline]] uint32_t fibonacci(uint32_t n) {
  return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

// Inlined into its caller, and known only from DWARF.
[[gnu::always_inline]] inline uint32_t mixed(uint32_t x) {
  for (int i = 0; i < 100; ++i) x = x * 1664525u + (x >> 13);
  return x;
}

[[gnu::noinline]] uint32_t hot(uint32_t seed) { return mixed(seed) + mixed(seed + 1); }

const uint32_t kReadOnly = 7;

[[gnu::noinline]] void write_to(const uint32_t* place) {
  *const_cast<volatile uint32_t*>(place) = 1;  // traps where the place is read-only
}

}  // namespace

int main() {
  switch (zk::read<uint32_t>()) {
    case 0:  // console, journal, success
      std::printf("to standard output\n");
      zk::log("to standard error");
      zk::commit(0x04030201u);
      return 0;
    case 1:
      return 7;
    case 2:
      write_to(&kReadOnly);
      return 0;
    case 3:
      for (volatile uint32_t n = 0;;) n = n + 1;
    case 4:  // work in known functions, as much as the next word says
      zk::commit(fibonacci(zk::read<uint32_t>()) + hot(3));
      return 0;
    case 5:  // as many journal words as the next word says
      for (uint32_t n = zk::read<uint32_t>(), i = 0; i < n; ++i) zk::commit(i);
      return 0;
    default:
      zk::fail("unknown task");
  }
}
