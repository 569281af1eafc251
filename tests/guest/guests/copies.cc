// memcpy and memmove beside copies byte by byte, and, for counting their instructions, as often as the input asks.
//
//   input    0; or 1, how many calls, whether of memmove, where in its word the destination and the source begin, size,
//            distance of the destination from the source in words
//   journal  how many copies were compared
#include <zk/zk.h>

#include <array>
#include <cstring>
#include <vector>

extern "C" char __zk_stack_size[], __zk_stack_top[], __zk_heap_end[];

namespace {

constexpr size_t kGuard = 8;      // bytes on each side of a destination, which are not to change
constexpr size_t kSmallest = 71;  // each size below is tested
constexpr size_t kLargest = 1100;

// Called through these, so that no compiler knows what is called.
void* (*volatile g_memcpy)(void*, const void*, size_t) = &memcpy;
void* (*volatile g_memmove)(void*, const void*, size_t) = &memmove;

alignas(4) char g_bytes[kLargest + 200], g_expected[kLargest + 200];
uint32_t g_copies = 0;

// The reference: volatile, so that no compiler makes a call of it. `from` and `to` do not overlap.
void copy_bytes(char* to, const char* from, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    static_cast<volatile char*>(to)[i] = static_cast<const volatile char*>(from)[i];
  }
}

// Whether `to` has the `size` bytes of `expected`; volatile, as above.
bool same(const char* to, const char* expected, size_t size) {
  for (size_t i = 0; i < size; ++i) {
    if (static_cast<const volatile char*>(to)[i] != static_cast<const volatile char*>(expected)[i])
      return false;
  }
  return true;
}

void fill(char* bytes, size_t size, uint32_t seed) {
  for (size_t i = 0; i < size; ++i) {
    seed = seed * 1664525 + 1013904223;
    bytes[i] = static_cast<char>(seed >> 24);
  }
}

// Copies `size` bytes from `from` to g_bytes + at. Nothing else may change.
void test_copy(void* (*copy)(void*, const void*, size_t), const char* from, size_t at,
               size_t size) {
  const size_t all = at + size + kGuard;
  fill(g_bytes, all, static_cast<uint32_t>(size));
  copy_bytes(g_expected, g_bytes, all);
  copy_bytes(g_expected + at, from, size);
  ZK_CHECK(copy(g_bytes + at, from, size) == g_bytes + at);
  ZK_CHECK(same(g_bytes, g_expected, all));
  ++g_copies;
}

void test_sizes(const char* from, size_t to_place, size_t from_place) {
  const auto test = [&](size_t size) {
    test_copy(g_memcpy, from + from_place, kGuard + to_place, size);
    test_copy(g_memmove, from + from_place, kGuard + to_place, size);
  };
  for (size_t size = 0; size < kSmallest; ++size) test(size);
  for (const size_t size : {127, 128, 129, 255, 256, 257, 1024, 1087}) test(size);
}

// Moves within g_bytes; the bytes to move are saved first.
void test_overlap(size_t from, size_t to, size_t size) {
  static char moved[kLargest];
  const size_t all = std::max(from, to) + size + kGuard;
  fill(g_bytes, all, static_cast<uint32_t>(from + to));
  copy_bytes(g_expected, g_bytes, all);
  copy_bytes(moved, g_bytes + from, size);
  copy_bytes(g_expected + to, moved, size);
  ZK_CHECK(g_memmove(g_bytes + to, g_bytes + from, size) == g_bytes + to);
  ZK_CHECK(same(g_bytes, g_expected, all));
  ++g_copies;
}

void test_overlaps() {
  constexpr size_t kAt = 40;
  for (size_t from = kAt; from < kAt + 4; ++from) {
    for (size_t to = 0; to <= 2 * kAt; ++to) {
      for (const size_t size :
           {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 23, 31, 32, 33, 47, 64, 70, 101, 300}) {
        test_overlap(from, to, size);
      }
    }
  }
}

// Memory that nobody declares lies below the stack and above the heap: a word too many would be a trap.
void test_edges() {
  char* volatile ends[] = {__zk_stack_top,
                           __zk_heap_end};  // volatile: compilers know of no bytes before a symbol
  char* const first = ends[0] - reinterpret_cast<uintptr_t>(__zk_stack_size);
  char* const last = ends[1];
  fill(first, 64, 1);
  fill(last - 64, 64, 2);
  for (size_t size = 0; size <= 48; ++size) {
    for (size_t skip = 0; skip < 4; ++skip) {
      for (size_t place = 0; place < 4; ++place) {
        test_copy(g_memcpy, first + skip, kGuard + place, size);
        test_copy(g_memcpy, last - skip - size, kGuard + place, size);
        // Backward: the last byte moves up by `place`, the source is at the edge.
        if (size <= place) continue;
        for (char* const from : {first + skip, last - skip - place - size}) {
          copy_bytes(g_bytes, from, size);
          g_memmove(from + place, from, size);
          ZK_CHECK(same(from + place, g_bytes, size));
          ++g_copies;
        }
      }
    }
  }
}

void count() {
  const auto [times, move, to_place, from_place, size, distance] =
      zk::read<std::array<uint32_t, 6>>();
  std::vector<uint32_t> memory((size + 16) / 4 + distance);
  char* const from = reinterpret_cast<char*>(memory.data()) + from_place;
  char* const to = reinterpret_cast<char*>(memory.data() + distance) + to_place;
  auto* const copy = move != 0 ? g_memmove : g_memcpy;
  for (uint32_t i = 0; i < times; ++i) copy(to, from, size);
}

}  // namespace

int main() {
  if (zk::read<uint32_t>() != 0) {
    count();
    return 0;
  }
  static char source[kLargest];
  fill(source, sizeof(source), 3);
  for (size_t to = 0; to < 4; ++to) {
    for (size_t from = 0; from < 4; ++from) test_sizes(source, to, from);
  }
  test_overlaps();
  test_edges();
  zk::commit(g_copies);
}
