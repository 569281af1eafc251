// The section of layers: round trips, and everything that is refused.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>

#include "tests/vm/guest_builder.h"
#include "tests/vm/random_layer.h"
#include "vm/elf.h"
#include "vm/layer/section.h"

namespace zkvm::vm::test {
namespace {

// `pairs`: some are, of 64 KiB each.
std::vector<Layer> random_layers(uint64_t seed, size_t count, bool pairs = false) {
  LayerGenerator generator(seed);
  std::vector<Layer> layers;
  while (layers.size() < count) {
    Layer layer = pairs ? generator.layer() : generator.one_input();
    if (layer.kind == Layer::Kind::kLinear && generator.one_in(3))
      layer = generator.weights_in_memory(std::move(layer));
    if (!layer.complaint()) layers.push_back(std::move(layer));
  }
  return layers;
}

// A dense layer with each thing once: two functions with one table, steps, wide weights.
Layer small_layer() {
  Layer layer;
  layer.name = "dense";
  layer.weights = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, -11, 12, -255, 14, 15, 255};
  layer.bias = {1, 2, 3, -4};
  layer.functions.resize(4);
  for (uint32_t f = 0; f < 3; ++f) layer.functions[f].scale = 0x3a000000 + (f << 24);
  layer.functions[0].zero_point = -3;
  layer.functions[0].is_signed = true;
  for (uint32_t f = 1; f < 3; ++f) layer.functions[f].table.assign(256, 7);
  layer.functions[3].steps = {{-100, 1}, {5, 2}};
  layer.function_of = {0, 1, 2, 3};
  return layer;
}

std::string refusal(std::span<const uint8_t> section) {
  const auto layers = read_layers(section);
  if (layers) return "accepted";
  EXPECT_EQ(layers.error().code, ErrorCode::kBadLayers);
  EXPECT_NE(layers.error().message.find("expected"), std::string::npos) << layers.error().message;
  EXPECT_NE(layers.error().message.find("found"), std::string::npos) << layers.error().message;
  return layers.error().message;
}

TEST(LayerSection, KeepsLayers) {
  for (uint64_t seed = 0; seed < 50; ++seed) {
    std::vector<Layer> layers = random_layers(seed, seed % 5, true);
    const auto read = read_layers(write_layers(layers));
    ASSERT_TRUE(read) << read.error().message;
    for (uint32_t i = 0; i < layers.size(); ++i) layers[i].id = i;
    EXPECT_EQ(*read, layers);
  }
  EXPECT_TRUE(read_layers({})->empty());
}

TEST(LayerSection, NumbersTheLayersOfEachBlobFromItsPlace) {
  std::vector<uint8_t> section;
  std::vector<uint32_t> ids;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    const auto blob = write_layers(random_layers(seed, seed));
    for (uint32_t i = 0; i < seed; ++i) ids.push_back(static_cast<uint32_t>(section.size()) + i);
    section.insert(section.end(), blob.begin(), blob.end());
  }
  const auto layers = read_layers(section);
  ASSERT_TRUE(layers) << layers.error().message;
  ASSERT_EQ(layers->size(), ids.size());
  for (size_t i = 0; i < ids.size(); ++i) EXPECT_EQ((*layers)[i].id, ids[i]);
}

TEST(LayerSection, HasNarrowWeightsWhereTheyFit) {
  Layer layer = small_layer();
  layer.weights.assign(16, 127);
  layer.weights[3] = -128;
  const size_t narrow = write_layers({&layer, 1}).size();
  layer.weights[3] = -129;
  EXPECT_EQ(write_layers({&layer, 1}).size(), narrow + 16);
}

TEST(LayerSection, RefusesEveryTruncation) {
  const auto section = write_layers(random_layers(3, 3));
  for (size_t size = 1; size < section.size(); ++size) {
    auto cut = std::vector(section.begin(), section.begin() + static_cast<ptrdiff_t>(size));
    EXPECT_NE(refusal(cut), "accepted") << size;
    if (size < 12 || size % 4 != 0) continue;
    // With a header that agrees, unless it is between two layers.
    const auto bytes = static_cast<uint32_t>(size);
    std::memcpy(cut.data() + 8, &bytes, 4);
    const auto layers = read_layers(cut);
    EXPECT_TRUE(!layers || write_layers(*layers) == cut) << size;
  }
}

// Whatever is read has this one byte string.
TEST(LayerSection, RefusesFlippedBitsOrReadsOtherLayers) {
  std::vector<Layer> layers = random_layers(5, 2);
  layers.push_back(small_layer());
  const auto section = write_layers(layers);
  size_t accepted = 0;
  for (size_t bit = 0; bit < section.size() * 8; ++bit) {
    auto flipped = section;
    flipped[bit / 8] ^= static_cast<uint8_t>(1 << bit % 8);
    const auto read = read_layers(flipped);
    if (!read) continue;
    ++accepted;
    ASSERT_EQ(write_layers(*read), flipped) << bit;
  }
  EXPECT_GT(accepted, section.size());
}

struct Refusal {
  const char* says;
  size_t offset;
  uint32_t value;
  size_t bytes = 4;
};

// Offsets in the blob of small_layer(): its header is at 12, the name at 64, tap 72, emit 76, weights
// 84, biases 116, the table 132, functions 388, 400, 412, 424, steps 436 and 444, functions of outputs
// 448.
const Refusal kRefusals[] = {
    {"expected 0x4c564b5a and version 1, found 0x12345678", 0, 0x12345678},
    {"version 2", 4, 2},
    {"expected 12 to 456 bytes", 8, 8},
    {"a multiple of 4, found 455", 8, 455},
    {"found 460", 8, 460},
    {"found 4294967292", 8, 0xfffffffc},
    {"kind: expected 0..2, found 3", 12, 3, 1},
    {"outputs of a pair: expected 0, found 4", 12, 2, 1},
    {"outputs of a max pool: expected 0, found 4", 12, 1, 1},
    {"flags: expected 0..7, found 10", 13, 10, 1},
    {"positions: expected 1..", 16, 0},
    {"quads: expected 1..", 28, 0x80000000},
    {"groups: expected a divisor", 40, 0},
    {"biases: expected", 36, 0xfffffffc},
    {"taps: expected 17179869180 bytes", 44, 0xffffffff},
    {"emits: expected 34359738360 bytes", 48, 0xffffffff},
    {"weights in the section: expected 134217728 more, found 134217729", 52, (1u << 27) + 1},
    {"weights: expected 268435456 bytes", 52, 1u << 27},
    {"tables: expected 1099511627520 bytes", 56, 0xffffffff},
    {"functions: expected 51539607540 bytes", 60, 0xffffffff},
    {"name: expected at most 63", 64, 10, 1},
    {"padding: expected 0, found 1", 69, 1, 1},
    {"weight: expected -255..255, found 256", 84, 256, 2},
    {"output 0: expected sums of at most", 116, 0x7fffffff},
    {"function 0 has a scale", 388, 0xff800000},
    {"function 0 has zero point 128", 392, 128, 2},
    {"function: expected flags", 394, 8, 1},
    {"function: expected flags", 394, 6, 1},
    {"function: expected flags", 395, 1, 1},
    {"function: expected 0 where", 396, 1},
    {"table: expected one of 1", 408, 1},
    {"table: expected one of 1", 420, 1},
    {"has steps and a rule", 424, 1},
    {"has steps and a rule", 430, 5, 1},
    {"steps: expected some, found none", 432, 0},
    {"steps: expected 17179869180 bytes", 432, 0xffffffff},
    {"has steps that are not ascending", 436, 6},
    {"has steps that are not ascending", 445, 1, 1},
    {"padding: expected 0, found 9", 446, 9, 1},
    {"function: expected one of 4", 448, 4, 2},
};

TEST(LayerSection, RefusesEachFault) {
  const Layer layer = small_layer();
  ASSERT_FALSE(layer.complaint());
  const auto good = write_layers({&layer, 1});
  ASSERT_EQ(good.size(), 456u);
  for (const Refusal& fault : kRefusals) {
    auto section = good;
    std::memcpy(section.data() + fault.offset, &fault.value, fault.bytes);
    EXPECT_NE(refusal(section).find(fault.says), std::string::npos)
        << fault.says << ": " << refusal(section);
  }
  Layer named = layer;
  named.name.assign(kMaxLayerName, 'n');
  auto section = write_layers({&named, 1});
  ASSERT_TRUE(read_layers(section));
  section[15] = kMaxLayerName + 1;
  EXPECT_NE(refusal(section).find("name: expected at most 63"), std::string::npos);
  auto longer = good;
  longer.resize(good.size() + 4);
  EXPECT_NE(refusal(longer).find("expected at least 12 bytes"), std::string::npos);
}

TEST(LayerSection, RefusesWhatIsNotShortest) {
  Layer layer = small_layer();
  auto section = write_layers({&layer, 1});
  for (size_t i = 84; i < 116; ++i) section[i] = static_cast<uint8_t>(i % 2 == 0 ? 1 : 0);
  EXPECT_NE(refusal(section).find("weights: expected one that needs 16 bits"), std::string::npos);
  // Tables that are alike, that nobody has, or that are not by first use.
  layer.functions[2].table[0] = 8;
  section = write_layers({&layer, 1});
  ASSERT_EQ(section.size(), 712u);
  ASSERT_EQ(section[388], 8);
  section[388] = 7;
  EXPECT_NE(refusal(section).find("tables: expected each once"), std::string::npos);
  section[388] = 8;
  section[420 + 256] = 0;
  EXPECT_NE(refusal(section).find("tables: expected 1 as used, found 2"), std::string::npos);
  section[420 + 256] = 1;
  EXPECT_EQ(refusal(section), "accepted");
  section[408 + 256] = 1;
  section[420 + 256] = 0;
  EXPECT_NE(refusal(section).find("table: expected one of 2 and at most 0"), std::string::npos);
}

TEST(LayerSection, RefusesEachFaultOfWeightsInMemory) {
  Layer layer;
  layer.sums = true;
  layer.memory_weights = {.by_outputs = true, .zero = 7, .bias = 20};
  const auto good = write_layers({&layer, 1});
  constexpr size_t kAt = 12 + 52 + 4 + 8;  // of the steps
  ASSERT_EQ(good.size(), kAt + 20);
  EXPECT_EQ(*read_layers(good), std::vector{layer});
  const auto expect = [&](const char* says, size_t offset, uint32_t value, size_t bytes = 4) {
    auto section = good;
    std::memcpy(section.data() + offset, &value, bytes);
    EXPECT_NE(refusal(section).find(says), std::string::npos) << says << ": " << refusal(section);
  };
  expect("weights: expected 1000 bytes", 52, 1000);
  expect("outputs of a max pool", 12, 1, 1);
  expect("expected multiples of 4", kAt, 5);
  expect("some words would be read twice", kAt, 0);
  expect("expected multiples of 4", kAt + 4, 6);
  expect("expected multiples of 4", kAt + 8, 7);
  expect("expected them behind 16 bytes", kAt + 12, 12);
  expect("bytes spanned by weights", kAt + 12, 0xfffffffc);
  expect("expected flags 0..3 and 0, found 7 and 0", kAt + 17, 7, 1);
  expect("expected flags 0..3 and 0, found 3 and 1", kAt + 18, 1, 2);
  expect("expected 0 where there are none, found 20", kAt + 17, 1, 1);
  auto cut = good;
  cut.resize(good.size() - 4);
  const auto bytes = static_cast<uint32_t>(cut.size());
  std::memcpy(cut.data() + 8, &bytes, 4);
  EXPECT_NE(refusal(cut).find("weights in memory: expected 20 bytes, found 16"), std::string::npos);
}

// Two pairs of one table and one of another: offsets of the tables' numbers, and of the tables.
struct Pairs {
  std::vector<Layer> layers;
  std::vector<uint8_t> section;
  static constexpr size_t kBytes = 12 + 3 * (52 + 4 + 8 + 16) + 2 * PairTable::kBytes;
  static constexpr size_t kFirst = 12 + 52 + 4 + 8, kFirstTable = kFirst + 16;
  static constexpr size_t kSecond = kFirstTable + PairTable::kBytes + 64;
  static constexpr size_t kThird = kSecond + 16 + 64, kThirdTable = kThird + 16;

  Pairs() {
    for (uint8_t n = 0; n < 3; ++n) {
      Layer& layer = layers.emplace_back();
      layer.id = n;
      layer.kind = Layer::Kind::kPair;
      layer.positions_b = 1;
      std::vector<uint8_t> table(PairTable::kBytes);
      table[1000] = n == 2 ? 1 : 0;
      layer.pair_table =
          PairTable(std::move(table));  // of the first and second: equal, not the same
    }
    section = write_layers(layers);
  }
};

TEST(LayerSection, HasTheTablesOfPairsOnce) {
  const Pairs pairs;
  ASSERT_EQ(pairs.section.size(), Pairs::kBytes);
  const auto read = read_layers(pairs.section);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(*read, pairs.layers);
  EXPECT_EQ((*read)[0].pair_table.bytes().data(), (*read)[1].pair_table.bytes().data())
      << "shared: a small file needs little memory";
}

TEST(LayerSection, RefusesEachFaultOfPairs) {
  const Pairs pairs;
  const auto with = [&](size_t offset, uint32_t value) {
    auto section = pairs.section;
    std::memcpy(section.data() + offset, &value, 4);
    return refusal(section);
  };
  const auto has = [](const std::string& says, const char* text) {
    EXPECT_NE(says.find(text), std::string::npos) << says;
  };
  has(with(Pairs::kFirst, 2), "positions of b: expected 1 or 1, found 2");
  has(with(Pairs::kFirst, 0), "positions of b: expected 1 or 1, found 0");
  has(with(Pairs::kFirst + 4, 2), "steps of b: expected multiples of 4");
  has(with(Pairs::kFirst + 12, 1), "table of a pair: expected at most 0, the next, found 1");
  has(with(Pairs::kSecond + 12, 0xffffffff), "table of a pair: expected at most 1");
  has(with(Pairs::kThird + 12, 2), "table of a pair: expected at most 1");
  has(with(Pairs::kThirdTable + 1000, 0), "tables of pairs: expected each once");
  auto cut = pairs.section;
  cut.resize(cut.size() - 4);
  const auto bytes = static_cast<uint32_t>(cut.size());
  std::memcpy(cut.data() + 8, &bytes, 4);
  has(refusal(cut), "table of a pair: expected 65536 bytes, found 65532");
  // The second's table is what the third has, and it stands where the third's begins.
  EXPECT_NE(with(Pairs::kSecond + 12, 1), "accepted");
  // Every bit beside the tables.
  for (size_t byte = 0; byte < pairs.section.size(); ++byte) {
    const auto in_table = [&](size_t table) { return byte - table < PairTable::kBytes; };
    if (in_table(Pairs::kFirstTable) || in_table(Pairs::kThirdTable)) continue;
    for (int bit = 0; bit < 8; ++bit) {
      auto flipped = pairs.section;
      flipped[byte] ^= static_cast<uint8_t>(1 << bit);
      if (const auto read = read_layers(flipped)) ASSERT_EQ(write_layers(*read), flipped) << byte;
    }
  }
}

TEST(LayerSection, RefusesMoreLayersThanItsLimit) {
  Layer layer;
  layer.kind = Layer::Kind::kMaxPool;
  const std::vector<Layer> layers(kMaxLayers, layer);
  const auto section = write_layers(layers);
  EXPECT_EQ(read_layers(section)->size(), kMaxLayers);
  auto twice = section;
  twice.insert(twice.end(), section.begin(), section.end());
  EXPECT_NE(refusal(twice).find("layers in the section: expected 0 more, found 1"),
            std::string::npos);
}

TEST(LayerSection, IsLoadedFromAnElfFile) {
  const auto layers = random_layers(1, 3);
  ElfFile file = ElfFile::of(Assembler().exit(0).words());
  file.symbols = {{"main", kTextBase, 8}};
  file.sections = {{".zkvm", {}}, {".zkvm.layers", write_layers(layers)}, {".zkvm.layers2", {1}}};
  const auto program = load_elf(file.bytes());
  ASSERT_TRUE(program) << program.error().message;
  EXPECT_EQ(program->symbols.size(), 1u);
  ASSERT_EQ(program->layers.size(), 3u);
  for (uint32_t id = 0; id < 3; ++id) {
    ASSERT_NE(program->layer(id), nullptr);
    EXPECT_EQ(program->layer(id)->name, layers[id].name);
  }
  EXPECT_EQ(program->layer(3), nullptr);
  file.sections.erase(file.sections.begin() + 1);
  EXPECT_TRUE(load_elf(file.bytes())->layers.empty());
}

TEST(LayerSection, IsRefusedByTheLoaderUnlessItIsOneAndNotLoaded) {
  ElfFile good = ElfFile::of(Assembler().exit(0).words());
  good.sections = {{".zkvm.layers", write_layers(random_layers(1, 1))}};
  ASSERT_TRUE(load_elf(good.bytes()));
  const auto expect = [&](const std::function<void(ElfFile&)>& spoil, ErrorCode code) {
    ElfFile file = good;
    spoil(file);
    const auto program = load_elf(file.bytes());
    ASSERT_FALSE(program);
    EXPECT_STREQ(name_of(program.error().code), name_of(code)) << program.error().message;
  };
  const auto bad = ErrorCode::kBadLayers;
  expect([](ElfFile& f) { f.sections.push_back(f.sections[0]); }, bad);
  expect([](ElfFile& f) { f.sections[0].flags = SHF_ALLOC; }, bad);
  expect([](ElfFile& f) { f.sections[0].type = SHT_NOBITS; }, bad);
  expect([](ElfFile& f) { f.sections[0].type = SHT_NOTE; }, bad);
  expect([](ElfFile& f) { f.sections[0].bytes[0] = 0; }, bad);

  // The headers: 0, the layers, the names.
  const auto bytes = good.bytes();
  Elf32_Ehdr header;
  std::memcpy(&header, bytes.data(), sizeof(header));
  ASSERT_EQ(header.e_shnum, 3);
  const auto with = [&](size_t offset, uint32_t value, size_t size = 4) {
    auto spoilt = bytes;
    std::memcpy(spoilt.data() + offset, &value, size);
    const auto program = load_elf(spoilt);
    return program ? "accepted" : name_of(program.error().code);
  };
  const size_t layers = header.e_shoff + sizeof(Elf32_Shdr), names = layers + sizeof(Elf32_Shdr);
  EXPECT_STREQ(with(offsetof(Elf32_Ehdr, e_shstrndx), 3, 2), "Truncated");
  EXPECT_STREQ(with(offsetof(Elf32_Ehdr, e_shstrndx), 1, 2), "BadHeader");
  EXPECT_STREQ(with(names + offsetof(Elf32_Shdr, sh_offset), 0xfffffff0), "Truncated");
  EXPECT_STREQ(with(layers + offsetof(Elf32_Shdr, sh_size), 0xfffffff0), "Truncated");
  // A name outside of the names, or that does not end, is none.
  EXPECT_STREQ(with(layers + offsetof(Elf32_Shdr, sh_name), 0xffffffff), "accepted");
  EXPECT_STREQ(with(names + offsetof(Elf32_Shdr, sh_size), 13), "accepted");
  EXPECT_TRUE(load_elf(bytes)->layer(0) != nullptr);
}

}  // namespace
}  // namespace zkvm::vm::test
