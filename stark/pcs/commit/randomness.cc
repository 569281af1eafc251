#include "stark/pcs/commit/randomness.h"

#include <openssl/rand.h>
#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <algorithm>
#include <string_view>

#include "stark/hash/blake3_kernels.h"

namespace zkvm::stark {
namespace {

constexpr size_t kColumnPart = 4096;

}  // namespace

Randomness::Seed Randomness::fresh_seed() {
  Seed seed;
  ZK_CHECK(RAND_bytes(seed.data(), seed.size()) == 1);
  return seed;
}

Blake3Xof Randomness::stream(RandomUse use, uint64_t index) const {
  constexpr std::string_view kContext = "zkvm prover random";
  Blake3 hasher;
  hasher.update({reinterpret_cast<const uint8_t*>(kContext.data()), kContext.size()});
  hasher.update(seed_);
  const uint32_t address[3] = {static_cast<uint32_t>(use), static_cast<uint32_t>(index),
                               static_cast<uint32_t>(index >> 32)};
  hasher.update_words(address);
  return hasher.finish_xof();
}

void Randomness::fill(RandomUse use, uint64_t index, uint64_t part, std::span<Fp> out) const {
  fill_part(stream(use, index), part, out);
}

void Randomness::fill_column(RandomUse use, uint64_t index, std::span<Fp> out) const {
  const Blake3Xof xof = stream(use, index);
  const size_t parts = (out.size() + kColumnPart - 1) / kColumnPart;
  tbb::parallel_for(size_t{0}, parts, [&](size_t part) {
    const size_t first = part * kColumnPart;
    fill_part(xof, part, out.subspan(first, std::min(kColumnPart, out.size() - first)));
  });
}

// Part `part` is the output from block part * 2^32 on. Elements are the words' low 31 bits, those
// below p, in order.
void Randomness::fill_part(const Blake3Xof& stream, uint64_t part, std::span<Fp> out) {
  ZK_CHECK(part >> 32 == 0 && out.size() >> 30 == 0);
  constexpr size_t kBlocks = 32;
  alignas(64) uint32_t words[kBlocks * blake3::kBlockWords];
  uint64_t block = part << 32;
  for (size_t done = 0; done < out.size();) {
    // 127 of 128 words are good; whole batches of 16 blocks.
    const size_t wanted = out.size() - done;
    const size_t blocks = std::min(kBlocks, (wanted + wanted / 64 + 255) / 256 * 16);
    blake3_kernels().extend(stream.cv(), stream.block(), stream.length(), stream.flags(), block,
                            blocks, words);
    block += blocks;
    const size_t count = blocks * blake3::kBlockWords;
    size_t i = 0;
    // While there is room for all that may come, without a branch on the word.
    for (; i < count && done + (count - i) <= out.size(); ++i) {
      const uint32_t word = words[i] & 0x7fffffff;
      out[done] = Fp::from_wire(word);
      done += Fp::is_canonical(word);
    }
    for (; i < count && done < out.size(); ++i) {
      const uint32_t word = words[i] & 0x7fffffff;
      if (Fp::is_canonical(word)) out[done++] = Fp::from_wire(word);
    }
  }
}

}  // namespace zkvm::stark
