// A walk through the standard library whose results are numbers: the guests of both compilers
// commit them, the test computes them on the host, and all three must agree.
#pragma once

#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <bit>
#include <bitset>
#include <charconv>
#include <chrono>
#include <cmath>
#include <compare>
#include <complex>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <deque>
#include <forward_list>
#include <functional>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <memory_resource>
#include <numbers>
#include <numeric>
#include <optional>
#include <queue>
#include <random>
#include <ranges>
#include <set>
#include <source_location>
#include <span>
#include <stack>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <typeinfo>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>

namespace standard_library {

struct Shape {
  virtual ~Shape() = default;
  virtual uint32_t area() const = 0;
};
struct Square : Shape {
  explicit Square(uint32_t side) : side_(side) {}
  uint32_t area() const override { return side_ * side_; }
  uint32_t side_;
};
struct Rectangle : Shape {
  Rectangle(uint32_t width, uint32_t height) : width_(width), height_(height) {}
  uint32_t area() const override { return width_ * height_; }
  uint32_t width_, height_;
};

// A static constructor with an effect that main sees.
struct Primes {
  Primes() {
    for (uint32_t n = 2; primes.size() < 50; ++n) {
      if (std::ranges::none_of(primes, [n](uint32_t p) { return n % p == 0; })) primes.push_back(n);
    }
  }
  std::vector<uint32_t> primes;
};
inline Primes g_primes;

template <std::integral T>
constexpr T gcd_of(T a, T b) {
  return b == 0 ? a : gcd_of(b, static_cast<T>(a % b));
}

struct Version {
  uint32_t major_part, minor_part;
  auto operator<=>(const Version&) const = default;
};

inline void add_text(std::vector<uint32_t>& out, std::string_view text) {
  uint32_t hash = 2166136261u;  // FNV-1a
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
  out.push_back(hash);
}

inline void add_double(std::vector<uint32_t>& out, double value) {
  const auto bits = std::bit_cast<uint64_t>(value);
  out.push_back(static_cast<uint32_t>(bits));
  out.push_back(static_cast<uint32_t>(bits >> 32));
}

inline void containers(std::vector<uint32_t>& out) {
  std::vector<uint32_t> numbers(100);
  std::iota(numbers.begin(), numbers.end(), 1u);
  std::mt19937 random(42);
  std::ranges::shuffle(numbers, random);  // libstdc++'s algorithm on both sides
  out.insert(out.end(), numbers.begin(), numbers.begin() + 10);
  std::ranges::sort(numbers, std::greater{});
  out.push_back(numbers.front());

  std::map<std::string, uint32_t> ordered;
  std::unordered_map<std::string, uint32_t> hashed;
  for (const std::string_view word : {"one", "two", "three", "two", "three", "three"}) {
    ++ordered[std::string(word)];
    ++hashed[std::string(word)];
  }
  for (const auto& [word, count] : ordered) {
    add_text(out, word);
    out.push_back(count + 16 * hashed.at(word));
  }

  std::set<int> set{3, 1, 2};
  std::multimap<int, int> multi{{1, 2}, {1, 3}};
  std::unordered_set<uint64_t> wide{1ull << 40, 7};
  std::deque<int> deque{1, 2, 3};
  deque.push_front(0);
  std::list<int> list{5, 4, 3};
  list.sort();
  std::forward_list<int> forward{9, 8};
  std::priority_queue<int> heap(set.begin(), set.end());
  std::stack<int> stack;
  stack.push(deque.back());
  out.push_back(static_cast<uint32_t>(*set.rbegin() + multi.count(1) + wide.count(1ull << 40) +
                                      deque.size() + list.front() + forward.front() + heap.top() +
                                      stack.top()));
  std::array<std::byte, 1024> storage;
  std::pmr::monotonic_buffer_resource arena(storage.data(), storage.size());
  std::pmr::vector<uint32_t> in_arena({1, 2, 3}, &arena);
  out.push_back(std::accumulate(in_arena.begin(), in_arena.end(), 0u));
}

inline void vocabulary_types(std::vector<uint32_t>& out) {
  std::optional<uint32_t> nothing, something = 7u;
  out.push_back(nothing.value_or(1) + *something);
  std::variant<int, std::string, double> variant = std::string("text");
  out.push_back(static_cast<uint32_t>(variant.index()));
  variant = 2.5;
  out.push_back(std::visit([](const auto& v) { return static_cast<uint32_t>(sizeof(v)); },
                           variant) == static_cast<uint32_t>(sizeof(double)));
  const auto [a, b, c] = std::tuple(1u, 'x', 3u);
  out.push_back(a + static_cast<uint32_t>(b) + c);
  std::any any = 3;
  out.push_back(static_cast<uint32_t>(std::any_cast<int>(any)));
  std::function<uint32_t(uint32_t)> twice = [](uint32_t x) { return 2 * x; };
  out.push_back(std::invoke(twice, 21u));
  std::vector<std::unique_ptr<Shape>> shapes;
  shapes.push_back(std::make_unique<Square>(3));
  shapes.push_back(std::make_unique<Rectangle>(2, 5));
  for (const auto& shape : shapes) out.push_back(shape->area());
  out.push_back(dynamic_cast<Square*>(shapes[0].get()) != nullptr);
  out.push_back(dynamic_cast<Square*>(shapes[1].get()) == nullptr);
  const Shape& second = *shapes[1];
  out.push_back(typeid(second) == typeid(Rectangle));
  auto shared = std::make_shared<uint32_t>(5);
  std::weak_ptr<uint32_t> weak = shared;
  out.push_back(static_cast<uint32_t>(shared.use_count()) + *weak.lock());
  shared.reset();
  out.push_back(weak.expired());
  std::atomic<uint32_t> atomic = 4;
  atomic.fetch_add(3);
  uint32_t expected = 7;
  out.push_back(atomic.compare_exchange_strong(expected, 9) ? atomic.load() : 0);
  std::atomic<uint64_t> wide_atomic = 1;
  wide_atomic |= 1ull << 40;
  out.push_back(static_cast<uint32_t>(wide_atomic.load() >> 32));
}

inline void text(std::vector<uint32_t>& out) {
  std::string s = "hello";
  s += std::string(40, '!');
  s.replace(0, 1, "J").insert(5, ", world");
  add_text(out, s);
  out.push_back(static_cast<uint32_t>(std::string_view(s).find("world")));
  add_text(out, std::to_string(-123456789012345ll));
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof(buffer), 0xdeadbeefu, 16);
  add_text(out, {buffer, end});
  uint32_t parsed = 0;
  const std::string_view digits = "4294967295";
  const auto [rest, problem] = std::from_chars(digits.begin(), digits.end(), parsed);
  out.push_back(parsed);
  out.push_back(problem == std::errc{} && rest == digits.end());
  std::string decimal(32, ' ');
  const auto shortest = std::to_chars(decimal.data(), decimal.data() + decimal.size(), 0.1);
  add_text(out, {decimal.data(), shortest.ptr});
  out.push_back(static_cast<uint32_t>(std::source_location::current().line() != 0));
}

inline void numbers(std::vector<uint32_t>& out) {
  static_assert(gcd_of(12, 18) == 6);
  out.push_back(gcd_of(1071u, 462u) + std::lcm(4u, 6u) + std::midpoint(1u, 9u));
  out.push_back(std::popcount(0xf0f0u) + 100 * std::countl_zero(1u) + 10000 * std::bit_width(255u));
  out.push_back(std::rotl(0x80000001u, 4));
  std::bitset<64> bits(0x123456789abcdefull);
  out.push_back(static_cast<uint32_t>(bits.count()));
  auto squares = std::views::iota(1u, 20u) |
                 std::views::filter([](uint32_t n) { return n % 3 == 0; }) |
                 std::views::transform([](uint32_t n) { return n * n; });
  for (const uint32_t square : squares) out.push_back(square);
  for (const uint32_t word : std::span(g_primes.primes).last(3)) out.push_back(word);
  out.push_back(Version{1, 2} < Version{1, 10});

  volatile double x = 2.0;  // soft float, at run time
  add_double(out, x / 3.0 + 1e10 * x);
  add_double(out, std::sqrt(x));
  out.push_back(static_cast<uint32_t>(std::lround(std::sin(x) * 1e6)));
  out.push_back(std::bit_cast<uint32_t>(static_cast<float>(x) / 7.0f));
  out.push_back(static_cast<uint32_t>(static_cast<int64_t>(-x * 1e12) % 1000003));
  volatile uint64_t big = 0x123456789abcdefull;
  out.push_back(static_cast<uint32_t>(big / 12345 % 99991));
  std::mt19937_64 random(7);
  out.push_back(static_cast<uint32_t>(random() >> 32));
  std::mt19937 narrow(
      7);  // with 64-bit generators libstdc++ takes another path where there is __int128
  out.push_back(std::uniform_int_distribution<uint32_t>(0, 999)(narrow));
  std::complex<double> z(0, 1);
  add_double(out, (z * z).real());
  out.push_back(static_cast<uint32_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::hours(2)).count()));
}

inline std::vector<uint32_t> results() {
  std::vector<uint32_t> out;
  containers(out);
  vocabulary_types(out);
  text(out);
  numbers(out);
  return out;
}

}  // namespace standard_library
