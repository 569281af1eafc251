// Calls sha256 on blocks of the input: whether the machine did, and the chaining value.
#include <zk/sha256_call.h>
#include <zk/zk.h>

#include <array>
#include <vector>

int main() {
  uint32_t state[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  std::vector<std::array<uint32_t, 16>> blocks(zk::read<uint32_t>());
  for (auto& block : blocks) block = zk::read<std::array<uint32_t, 16>>();
  const bool done = zk::detail::sha256_call(state, blocks.data()->data(),
                                            static_cast<uint32_t>(blocks.size()));
  zk::commit(static_cast<uint32_t>(done));
  for (const uint32_t word : state) zk::commit(word);
}
