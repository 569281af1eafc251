// A seeded storm of allocations of all kinds and sizes; every byte is checked before it is freed.
#include <stdlib.h>
#include <zk/zk.h>

#include <cstdlib>
#include <cstring>
#include <new>
#include <random>
#include <vector>

namespace {

struct Block {
  unsigned char* data;
  uint32_t size;
  unsigned char fill;
  uint32_t alignment;  // 0: malloc, 1: operator new, else aligned
};

void check(const Block& block) {
  ZK_CHECK(
      reinterpret_cast<uintptr_t>(block.data) % (block.alignment > 16 ? block.alignment : 16) == 0);
  for (uint32_t i = 0; i < block.size; ++i) ZK_CHECK(block.data[i] == block.fill);
}

}  // namespace

int main() {
  std::mt19937 random(zk::read<uint32_t>());
  std::vector<Block> blocks;
  blocks.reserve(256);
  uint32_t live = 0;
  for (int step = 0; step < 20'000; ++step) {
    const bool large = random() % 16 == 0;
    const uint32_t size = random() % (large ? 8000 : 200);
    if (blocks.size() < 256 && live + size < 150'000 && random() % 2 == 0) {
      Block block{nullptr, size, static_cast<unsigned char>(random()), 0};
      switch (random() % 4) {
        case 0:
          block.data = static_cast<unsigned char*>(std::malloc(size));
          break;
        case 1:
          block.data = static_cast<unsigned char*>(std::calloc(1, size));
          for (uint32_t i = 0; i < size; ++i) ZK_CHECK(block.data[i] == 0);
          break;
        case 2:
          block.data = static_cast<unsigned char*>(::operator new(size));
          block.alignment = 1;
          break;
        default:
          block.alignment = 32u << random() % 4;
          block.data = static_cast<unsigned char*>(aligned_alloc(block.alignment, size));
      }
      std::memset(block.data, block.fill, size);
      live += size;
      blocks.push_back(block);
    } else if (!blocks.empty()) {
      Block& block = blocks[random() % blocks.size()];
      check(block);
      if (block.alignment == 0 && random() % 4 == 0) {
        block.data = static_cast<unsigned char*>(std::realloc(block.data, size));
        for (uint32_t i = 0; i < std::min(size, block.size); ++i)
          ZK_CHECK(block.data[i] == block.fill);
        live += size - block.size;
        block.size = size;
        std::memset(block.data, block.fill, size);
        continue;
      }
      live -= block.size;
      if (block.alignment == 1) {
        ::operator delete(block.data);
      } else {
        std::free(block.data);
      }
      block = blocks.back();
      blocks.pop_back();
    }
  }
  for (const Block& block : blocks) check(block);
  zk::commit(live);
}
