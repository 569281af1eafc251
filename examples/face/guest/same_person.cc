// Proves: "I know two photographs, and the network finds them to be of one person". Both are private, and so is what the
// network makes of them; the journal has 1 or 0, a uint32.
#include <zk/nn/input.h>
#include <zk/zk.h>

#include <cstddef>
#include <cstdint>

#include "face_network.h"
#include "limit.h"

namespace {

using Embedding = decltype(face::Outputs::embedding);

Embedding next_embedding() {
  alignas(4) static std::byte memory[face::kMemory];
  return face::infer(zk::nn::read_pixels<face::Image>(), memory).embedding;
}

// 128 squares of differences of bytes: 23 bits.
uint32_t squared_distance(const Embedding& a, const Embedding& b) {
  uint32_t sum = 0;
  for (int i = 0; i < Embedding::kSize; ++i) {
    const int32_t difference = a.data[i] - b.data[i];
    sum += static_cast<uint32_t>(difference * difference);
  }
  return sum;
}

}  // namespace

int main() {
  const Embedding first = next_embedding(), second = next_embedding();
  zk::commit(uint32_t{squared_distance(first, second) < kLimit});
}
