// The guest: what will be proven. "I know 8 numbers with this sum, and this is the largest of them."
#include <zk/zk.h>

#include <algorithm>
#include <array>
#include <numeric>

int main() {
  const auto numbers = zk::read<std::array<uint32_t, 8>>();  // private
  const uint32_t sum = std::accumulate(numbers.begin(), numbers.end(), 0u);
  const uint32_t largest = *std::max_element(numbers.begin(), numbers.end());
  zk::commit(sum);  // public: the journal
  zk::commit(largest);
  zk::log("hello from the guest");
}
