// Every way in which a run can end; the first word of the input chooses.
#include <zk/zk.h>

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

extern "C" [[noreturn]] void __cxa_pure_virtual();  // what an abstract class's table of functions holds

namespace {

volatile uint32_t g_zero = 0;
const uint32_t g_constant[2] = {1, 2};

__attribute__((noinline)) uint32_t recurse(uint32_t depth) {
  volatile uint32_t frame[256];
  if (depth == 1'000'000) return 0;
  frame[depth % 256] = depth;
  return recurse(depth + 1) + frame[(depth + 1) % 256];
}

}  // namespace

int main() {
  zk::commit(0xaaaaaaaau);
  std::printf("no newline at the end");  // must come out however the run ends
  switch (zk::read<uint32_t>()) {
    case 0:
      return 0;
    case 1:
      return 7;
    case 2:
      zk::exit(259);  // modulo 256
    case 3:
      std::exit(5);
    case 4:
      std::abort();
    case 5:
      assert(g_zero == 1);
      break;
    case 6:
      ZK_CHECK(g_zero == 1);
      break;
    case 7:
      zk::fail("failed on purpose");
    case 8:
      (void)zk::read<uint32_t>();
      break;  // nothing left
    case 9:
      zk::commit(std::vector<uint32_t>(3).at(g_zero + 3));
      break;
    case 10:
      zk::commit(static_cast<uint32_t>(std::vector<char>(600'000 + g_zero).size()));
      break;
    case 11: {
      void* volatile pointer = std::malloc(10);
      std::free(pointer);
      std::free(pointer);
      break;
    }
    case 12:
      return static_cast<int>(recurse(g_zero));
    case 13:
      *const_cast<volatile uint32_t*>(g_constant) = 1;
      break;
    case 14:
      return static_cast<int>(*reinterpret_cast<volatile uint32_t*>(g_zero));
    case 15:
      std::terminate();
    case 16:
      __cxa_pure_virtual();
    case 17:
      zk::commit(static_cast<uint32_t>(std::string(1, 'x').substr(g_zero + 2).size()));
      break;
    case 18:
      (void)std::getchar();
      break;
    default:
      return 99;
  }
  return 98;
}
