// throw and catch, in a guest that was built with EXCEPTIONS.
#include <zk/zk.h>

#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

struct Count {
  explicit Count(uint32_t& target) : target_(target) {}
  ~Count() { ++target_; }
  uint32_t& target_;
};

__attribute__((noinline)) void thrower(uint32_t depth, uint32_t& destroyed) {
  const Count count(destroyed);
  if (depth == 0) throw std::runtime_error("at the bottom");
  thrower(depth - 1, destroyed);
}

// Thrown before main, and caught.
const uint32_t g_before_main = [] {
  try {
    throw uint32_t{5};
  } catch (uint32_t n) {
    return n;
  }
}();

struct Base {
  virtual ~Base() = default;
  virtual uint32_t value() const { return 1; }
};
struct Derived : Base {
  uint32_t value() const override { return 7; }
};

// A frame whose size is known at run time only, a large one, and all the registers that callees keep.
[[gnu::noinline]] uint32_t through_frames(uint32_t n) {
  auto* const varying = static_cast<volatile uint8_t*>(__builtin_alloca(n));
  volatile uint32_t large[3000];
  uint32_t kept[12];
  for (uint32_t i = 0; i < 12; ++i) kept[i] = n * i + 1;
  for (uint32_t i = 0; i < 12; ++i) asm volatile("" : "+r"(kept[i]));
  varying[n - 1] = 3;
  large[n] = 4;
  try {
    if (varying[n - 1] == 3) throw Derived();
  } catch (const Base& e) {
    uint32_t sum = e.value() + varying[n - 1] + large[n];
    for (const uint32_t k : kept) sum += k;
    return sum;  // 7 + 3 + 4 + 66 n + 12
  }
  return 0;
}

// Rethrown, thrown anew while another is handled, and not what a handler on the way is for.
[[gnu::noinline]] uint32_t rethrown() {
  uint32_t seen = 0;
  try {
    try {
      try {
        throw std::runtime_error("first");
      } catch (const std::logic_error&) {
        seen += 1000;
      } catch (const std::exception& e) {
        seen += 1;
        try {
          throw std::string("inner");
        } catch (const std::string& text) {
          seen += 10 * text.size();
        }
        throw;
      }
    } catch (const std::runtime_error& e) {
      seen += 100;
      throw std::logic_error(std::string(e.what()) + " second");
    }
  } catch (const std::logic_error& e) {
    seen += std::string_view(e.what()) == "first second" ? 10000 : 0;
  }
  return seen;
}

[[gnu::noinline]] uint32_t throws(uint32_t n) {
  if (n != 0) throw std::runtime_error("for nothing");
  return n;
}
[[gnu::noinline]] uint32_t passes_on(uint32_t n) { return throws(n) + 1; }

[[gnu::noinline]] void must_not_throw(uint32_t& destroyed) noexcept { thrower(1, destroyed); }

}  // namespace

int main() {
  const auto choice = zk::read<uint32_t>();
  uint32_t destroyed = 0;
  if (choice == 4) {  // for what a throw costs
    for (uint32_t n = zk::read<uint32_t>(); n > 0; --n) {
      try {
        passes_on(n);
      } catch (const std::exception&) {
        ++destroyed;
      }
    }
    return static_cast<int>(destroyed);
  }
  try {
    thrower(10, destroyed);
  } catch (const std::exception& e) {
    zk::commit(destroyed);
    zk::commit(static_cast<uint32_t>(std::string(e.what()).size()));
  }
  try {
    zk::commit(std::vector<uint32_t>(3).at(choice + 3));
  } catch (const std::out_of_range& e) {
    zk::commit(std::string_view(e.what()));
  }
  zk::commit(g_before_main);
  zk::commit(through_frames(100 + choice));
  zk::commit(rethrown());
  uint32_t caught = 0;
  for (uint32_t i = 0; i < 300; ++i) {
    try {
      thrower(i % 30, destroyed);
    } catch (const std::runtime_error&) {
      ++caught;
    }
  }
  zk::commit(caught);
  zk::commit(destroyed);
  if (choice == 3) must_not_throw(destroyed);
  if (choice == 1) throw std::logic_error("nobody catches this");
  if (choice == 2) throw 5;
}
