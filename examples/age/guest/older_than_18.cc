// Proves: "I know a photograph, and the network takes the person for older than 18". The photograph is private, and so is the
// age; the journal has 1 or 0, a uint32.
#include <zk/nn/input.h>
#include <zk/zk.h>

#include <cstddef>

#include "age_network.h"

int main() {
  alignas(4) static std::byte memory[age::kMemory];
  const age::Outputs outputs = age::infer(zk::nn::read_pixels<age::Image>(), memory);
  const auto& [limit, years] = outputs.ages.data;  // bytes of one scale
  zk::commit(uint32_t{years > limit});
}
