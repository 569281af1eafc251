// The guest of the command line's tests. Its first input word says what it does.
#include <zk/zk.h>

#include <csetjmp>
#include <cstdio>
#include <string>
#include <vector>

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

std::jmp_buf g_back;

[[gnu::noinline]] void work() {
  for (volatile uint32_t n = 0; n < 100;) n = n + 1;
}

[[gnu::noinline]] uint32_t bottomless(uint32_t n) {
  volatile uint32_t frame[64] = {n};
  return bottomless(n + 1) + frame[0];
}

}  // namespace

// A name that would be a type's, were it mangled.
extern "C" [[gnu::noinline]] void f() { std::longjmp(g_back, 1); }

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
    case 6:  // leave f by longjmp, as many times as the next word says
      for (static volatile uint32_t n = zk::read<uint32_t>(); n > 0; n = n - 1) {
        if (setjmp(g_back) == 0) f();
        work();
      }
      return 0;
    case 7: {  // out of memory
      std::vector<std::vector<int>> all;
      for (;;) all.emplace_back(1000);
    }
    case 8:
      return static_cast<int>(bottomless(0));
    default:
      zk::fail("unknown task");
  }
}
