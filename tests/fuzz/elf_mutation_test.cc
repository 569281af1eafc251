// ELF files with random faults, in every default run; the debug preset runs it under ASan and
// UBSan. More: ZKVM_MUTATIONS=...; others: ZKVM_SEED=... (printed).
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <random>

#include "tests/fuzz/elf_run.h"
#include "tests/fuzz/section_read.h"
#include "tests/isa/streams.h"
#include "tests/vm/layer_program.h"
#include "tests/vm/random_layer.h"

namespace zkvm::vm::test {
namespace {

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::vector<uint8_t> mutate(std::vector<uint8_t> file) {
    for (uint64_t n = 1 + random_() % 4; n > 0 && !file.empty(); --n) change(file);
    return file;
  }

 private:
  // Half of the changes hit the headers at the start or the tables at the end.
  size_t place(const std::vector<uint8_t>& file) {
    const size_t at = random_() % file.size();
    switch (random_() % 4) {
      case 0:
        return at % 160 % file.size();
      case 1:
        return file.size() - 1 - at % 240 % file.size();
      default:
        return at;
    }
  }

  void change(std::vector<uint8_t>& file) {
    static constexpr uint32_t kValues[] = {0,          1,       4,          0x7fffffff,
                                           0x80000000, ~0u,     0x3efffffc, 0x3f000000,
                                           0x10000,    0x20000, 0xffff,     0xfffffffc};
    size_t at = place(file);
    switch (random_() % 6) {
      case 0:
        file[at] ^= static_cast<uint8_t>(1u << random_() % 8);
        break;
      case 1:
        file[at] = static_cast<uint8_t>(random_());
        break;
      case 2:
        file.resize(at);
        break;
      default: {
        at &= ~size_t{3};
        const uint32_t value = random_() % 3 == 0 ? static_cast<uint32_t>(random_())
                                                  : kValues[random_() % std::size(kValues)];
        if (at + 4 <= file.size()) std::memcpy(file.data() + at, &value, 4);
      }
    }
  }

  std::mt19937_64 random_;
};

TEST(ElfMutations, AreRejectedOrRun) {
  const uint64_t count = setting("ZKVM_MUTATIONS", 4000), seed = setting("ZKVM_SEED", 1);
  std::printf("%lu mutations, seeds from %lu\n", count, seed);
  ElfFile file = ElfFile::of(StreamGenerator(7).program(1, 60), {1, 2, 3});
  file.symbols = {
      {"main", kTextBase, 64}, {"other", kTextBase + 64, 0}, {"data", kDataBase, 4, STT_OBJECT}};
  const auto good = file.bytes();
  ASSERT_TRUE(run_hostile_elf(good));
  uint64_t ran = 0;
  for (uint64_t i = 0; i < count; ++i)
    ran += run_hostile_elf(Mutator(seed + i).mutate(good)) ? 1 : 0;
  // Both sides are met, or the test would show nothing.
  EXPECT_GT(ran, count / 20);
  EXPECT_LT(ran, count - count / 20);
}

// Calls of layers whose operands overlap; the section of layers is most of the file's end.
TEST(ElfMutations, OfLayersAreRejectedOrRun) {
  const uint64_t count = setting("ZKVM_MUTATIONS", 4000), seed = setting("ZKVM_SEED", 1);
  LayerGenerator generator(3);
  std::vector<Layer> layers;
  while (layers.size() < 5) {
    Layer layer = generator.one_input();
    if (layers.size() == 4) {
      if (layer.kind != Layer::Kind::kLinear) continue;
      layer = generator.weights_in_memory(std::move(layer));
      layer.memory_weights->bias.reset();
    }
    if (!layer.complaint()) layers.push_back(std::move(layer));
  }
  const uint32_t in = kRamBase, out = kRamBase + 64;
  const auto good = layer_file(layers,
                               {{0, in, out},
                                {1, out, in},
                                {2, in, in},
                                {3, in, out},
                                {4, in, out, in, zk::abi::kSysLayerWeights}},
                               std::vector<uint8_t>(2048, 3))
                        .bytes();
  ASSERT_TRUE(run_hostile_elf(good));
  uint64_t ran = 0;
  for (uint64_t i = 0; i < count; ++i)
    ran += run_hostile_elf(Mutator(seed + i).mutate(good)) ? 1 : 0;
  EXPECT_GT(ran, count / 20);
  EXPECT_LT(ran, count - count / 20);

  // The section alone.
  const auto section = write_layers(layers);
  ASSERT_TRUE(read_hostile_section(section));
  uint64_t read = 0;
  for (uint64_t i = 0; i < 10 * count; ++i)
    read += read_hostile_section(Mutator(seed + i).mutate(section)) ? 1 : 0;
  EXPECT_GT(read, count / 20);
  EXPECT_LT(read, 10 * count - count / 20);
}

// The same of pairs: what is mutated is all but the tables.
TEST(ElfMutations, OfPairsAreRejectedOrRun) {
  const uint64_t count = setting("ZKVM_MUTATIONS", 4000), seed = setting("ZKVM_SEED", 1);
  LayerGenerator generator(5);
  const std::vector<Layer> layers = {generator.pair(), generator.one_input(), generator.pair()};
  for (const Layer& layer : layers) ASSERT_EQ(layer.complaint(), std::nullopt);
  const uint32_t in = kRamBase, out = kRamBase + 64;
  const auto good = layer_file(layers, {{0, in, out, in}, {1, in, out}, {2, out, in, in}},
                               std::vector<uint8_t>(2048, 3));
  ASSERT_TRUE(run_hostile_elf(good.bytes()));
  std::vector<uint8_t> section = write_layers(layers);
  const std::span<const uint8_t> table = layers[0].pair_table.bytes();
  const auto at = std::ranges::search(section, table).begin() - section.begin();
  section.erase(section.begin() + at, section.begin() + at + PairTable::kBytes);
  uint64_t ran = 0;
  for (uint64_t i = 0; i < count / 2; ++i) {
    auto mutated = Mutator(seed + i).mutate(section);
    const auto place = std::min<ptrdiff_t>(at, std::ssize(mutated));
    mutated.insert(mutated.begin() + place, table.begin(), table.end());
    read_hostile_section(mutated);
    ElfFile file = good;
    file.sections.back().bytes = mutated;
    ran += run_hostile_elf(file.bytes()) ? 1 : 0;
  }
  EXPECT_GT(ran, count / 200);
  EXPECT_LT(ran, count / 2 - count / 200);
}

// Text of random words: mostly illegal instructions, wild jumps and addresses.
TEST(ElfMutations, RandomTextRuns) {
  const uint64_t count = setting("ZKVM_MUTATIONS", 4000), seed = setting("ZKVM_SEED", 1);
  for (uint64_t i = 0; i < count; ++i) {
    std::mt19937_64 random(seed + i);
    std::vector<uint32_t> text(40);
    for (uint32_t& word : text) {
      // Mostly legal: a line of the table with random operands.
      const Instruction& line = kInstructions[random() % kInstructions.size()];
      const auto any = static_cast<uint32_t>(random());
      word = random() % 16 == 0 ? any : (any & ~line.mask) | line.match;
    }
    ASSERT_TRUE(run_hostile_elf(ElfFile::of(text).bytes())) << "seed " << seed + i;
  }
}

}  // namespace
}  // namespace zkvm::vm::test
