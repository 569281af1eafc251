#include "standard_library.h"

#include <zk/zk.h>

#include <cstdio>

namespace {

struct Farewell {
  ~Farewell() { std::printf("destroyed after main\n"); }
} g_farewell;

}  // namespace

int main() {
  const std::vector<uint32_t> results = standard_library::results();
  zk::commit(results);
  std::printf("%zu results, %.6f %s %5d|%-5d|%x %lld\n", results.size(), 3.14159265, "text", 42, 42,
              48879, -5000000000ll);
}
