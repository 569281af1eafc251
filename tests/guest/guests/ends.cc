// Every way in which a run can end; the first word of the input chooses.
#include <zk/zk.h>

#include <atomic>
#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <vector>

extern "C" [[noreturn]] void
__cxa_pure_virtual();  // what an abstract class's table of functions holds

namespace {

volatile uint32_t g_zero = 0;
const uint32_t g_constant[2] = {1, 2};

__attribute__((noinline)) uint32_t recurse(uint32_t depth) {
  volatile uint32_t frame[256];
  if (depth == 1'000'000) return 0;
  frame[depth % 256] = depth;
  return recurse(depth + 1) + frame[(depth + 1) % 256];
}

struct Pair {
  uint64_t a, b;
  bool operator==(const Pair&) const = default;
};
struct Odd {
  uint8_t bytes[3];
};

// How many of these atomic operations do what they should, out of 12.
int atomics() {
  int right = 0;
  std::atomic<Pair> pair(Pair{g_zero, 2});
  right += pair.exchange({3, 4}) == Pair{0, 2};
  Pair expected{3, 5};
  right += !pair.compare_exchange_strong(expected, {7, 8}) && expected == Pair{3, 4};
  right += pair.compare_exchange_strong(expected, {7, 8}) && pair.load() == Pair{7, 8};
  std::atomic<Odd> odd(Odd{{1, 2, 3}});
  odd.store({{4, 5, 6}});
  right += odd.load().bytes[2] == 6;
  std::atomic<uint64_t> wide(g_zero);
  right += wide.is_lock_free() && pair.is_lock_free();
  wide.wait(1);  // it is 0: no wait
  wide.notify_all();
  std::atomic_flag flag;
  right += !flag.test_and_set() && flag.test();
  uint32_t x = 12;
  right += __atomic_fetch_nand(&x, 4u, __ATOMIC_SEQ_CST) == 12 && x == ~4u;
  right += __atomic_add_fetch(&x, 5u, __ATOMIC_SEQ_CST) == 0;
  right += __sync_fetch_and_add(&x, 3u) == 0 && __sync_sub_and_fetch(&x, 1u) == 2;
  right += __sync_bool_compare_and_swap(&x, 2u, 6u) && __sync_val_compare_and_swap(&x, 2u, 7u) == 6;
  uint8_t byte = 0;
  right += __sync_lock_test_and_set(&byte, 1) == 0 && byte == 1;
  __sync_lock_release(&byte);
  __sync_synchronize();
  uint64_t eight = 1;
  right += byte == 0 && __sync_or_and_fetch(&eight, uint64_t{1} << 40) == (uint64_t{1} << 40) + 1;
  return right;
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
    case 20:
      std::atomic<uint32_t>(g_zero).wait(0);
      break;
    case 21:
      return atomics();
    default:
      return 99;
  }
  return 98;
}
