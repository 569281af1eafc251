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

}  // namespace

int main() {
  const auto choice = zk::read<uint32_t>();
  uint32_t destroyed = 0;
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
  if (choice == 1) throw std::logic_error("nobody catches this");
  if (choice == 2) throw 5;
}
