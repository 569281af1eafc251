// Layers as guests call them: every executor against plain loops, every trap, and the functions from
// accumulators to bytes against their definition.
#include "vm/layer/layer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/vm/every_executor.h"
#include "tests/vm/layer_program.h"
#include "tests/vm/random_layer.h"

namespace zkvm::vm::test {
namespace {

// By the host's floats, whose rounding is half to even.
uint8_t applied(const LayerFunction& f, int32_t x) {
  if (!f.steps.empty()) {
    uint8_t value = f.steps.front().value;
    for (const auto& step : f.steps)
      if (x >= step.from) value = step.value;
    return value;
  }
  const float scaled = static_cast<float>(x) * std::bit_cast<float>(f.scale);
  const double y = std::nearbyint(static_cast<double>(scaled)) + f.zero_point;
  const double byte = f.is_signed ? std::clamp(y, -128.0, 127.0) + 128 : std::clamp(y, 0.0, 255.0);
  const auto index = static_cast<uint8_t>(byte);
  return f.table.empty() ? index : f.table[index];
}

// What `memory`, which begins at address 0, is after a call: the definition at the head of layer.h.
void apply(const Layer& layer, std::vector<uint8_t>& memory, uint32_t in, uint32_t out,
           uint32_t b = 0) {
  const std::vector<uint8_t> before = memory;
  const auto x = [&](int64_t p, uint32_t channel) -> int32_t {
    if (p < 0 || p >= layer.positions) return layer.zero;
    return before[in + static_cast<size_t>(p) * layer.step + size_t{channel / 4} * layer.quad_step +
                  channel % 4];
  };
  const uint32_t group_quads = layer.quads / layer.groups;
  const auto weight = [&](uint32_t quad, uint32_t tap, uint32_t k, uint32_t o) -> int64_t {
    if (!layer.memory_weights) return layer.weight(quad, tap, k, o);
    const auto& w = *layer.memory_weights;
    const auto n = static_cast<uint32_t>(quad * layer.taps.size() + tap);
    const uint32_t lane = w.by_outputs ? k : o % 4, byte = w.by_outputs ? o % 4 : k;
    return int64_t{
               before[b + n * w.product_step + o / 4 * w.row_step + lane * w.lane_step + byte]} -
           w.zero;
  };
  const auto bias = [&](uint32_t o) {
    int32_t value = 0;
    if (!layer.memory_weights) return layer.bias[o];
    if (const auto& at = layer.memory_weights->bias)
      std::memcpy(&value, &before[b + *at + 4 * o], 4);
    return value;
  };
  for (const auto& [q, offset] : layer.emits) {
    if (layer.kind == Layer::Kind::kMaxPool) {
      for (uint32_t channel = 0; channel < 4 * layer.quads; ++channel) {
        int32_t most = 0;
        for (const uint32_t tap : layer.taps)
          most = std::max(most, x(int64_t{q} - layer.back + tap, channel));
        memory[out + offset + channel] = static_cast<uint8_t>(most);
      }
      continue;
    }
    if (layer.kind == Layer::Kind::kPair) {
      const size_t p_b = layer.positions_b == 1 ? 0 : q;
      for (uint32_t channel = 0; channel < 4 * layer.quads; ++channel) {
        const uint8_t y =
            before[b + p_b * layer.step_b + size_t{channel / 4} * layer.quad_step_b + channel % 4];
        memory[out + offset + channel] =
            layer.pair_table.bytes()[static_cast<size_t>(256 * x(q, channel) + y)];
      }
      continue;
    }
    for (uint32_t o = 0; o < layer.outputs; ++o) {
      const uint32_t group = o / layer.group_outputs();
      int64_t sum = bias(o);
      for (uint32_t t = 0; t < layer.taps.size(); ++t)
        for (uint32_t quad = group * group_quads; quad < (group + 1) * group_quads; ++quad)
          for (uint32_t k = 0; k < 4; ++k)
            sum += int64_t{x(int64_t{q} - layer.back + layer.taps[t], 4 * quad + k) - layer.zero} *
                   weight(quad, t, k, o % layer.group_outputs());
      const auto result = static_cast<int32_t>(sum);
      ASSERT_EQ(result, sum);
      if (layer.sums) {
        std::memcpy(&memory[out + offset + 4 * o], &result, 4);
      } else {
        memory[out + offset + o] = applied(layer.functions[layer.function_of[o]], result);
      }
    }
  }
}

Layer random_layer(LayerGenerator& generator) {
  for (;;) {
    Layer layer = generator.layer();
    if (layer.kind == Layer::Kind::kLinear && generator.one_in(2))
      layer = generator.weights_in_memory(std::move(layer));
    if (!layer.complaint()) return layer;
  }
}

TEST(Layer, ComputesWhatPlainLoopsDo) {
  constexpr uint32_t kMixed = 8192;  // behind it are weights with biases, which nobody overwrites
  for (uint64_t seed = 0; seed < 200; ++seed) {
    LayerGenerator generator(seed);
    std::vector<Layer> layers;
    std::vector<CallOfLayer> calls;
    std::vector<uint8_t> ram(kMixed);
    for (uint8_t& byte : ram) {
      byte = static_cast<uint8_t>(seed % 5 == 0 ? 255 * generator.below(2) : generator.below(256));
    }
    std::vector<uint8_t> expected = ram;
    for (uint32_t id = 0; id < 3; ++id) {
      const Layer& layer = layers.emplace_back(random_layer(generator));
      const auto within = [&](uint64_t extent) {
        return 4 * generator.below((kMixed - static_cast<uint32_t>(extent)) / 4 + 1);
      };
      const uint32_t in = within(layer.in_extent());
      // Often on top of each other.
      uint32_t out = within(layer.out_extent());
      if (generator.one_in(2) && in + layer.out_extent() <= kMixed) out = in;
      CallOfLayer& call = calls.emplace_back(id, kRamBase + in, kRamBase + out);
      uint32_t b = 0;
      if (layer.kind == Layer::Kind::kPair) {
        b = within(layer.b_extent());
        if (generator.one_in(3) && in + layer.b_extent() <= kMixed) b = in;
        call.b = kRamBase + b;
      }
      if (layer.memory_weights) {
        call.number_of_two = zk::abi::kSysLayerWeights;
        if (layer.memory_weights->bias) {
          b = static_cast<uint32_t>(ram.size());
          for (uint64_t i = 0; i < layer.w_extent(); ++i)
            ram.push_back(static_cast<uint8_t>(generator.below(256)));
          generator.set_biases(layer, &ram[b]);
          expected.insert(expected.end(), ram.begin() + b, ram.end());
        } else {
          b = within(layer.w_extent());
          if (generator.one_in(3) && out + layer.w_extent() <= kMixed) b = out;
        }
        call.b = kRamBase + b;
      }
      apply(layer, expected, in, out, b);
    }
    const RunResult result = run_everywhere(load(layer_file(layers, calls, ram)));
    ASSERT_FALSE(result.trap) << seed;
    EXPECT_EQ(result.exit_code, 2u) << "a0 is left as it is";
    EXPECT_EQ(result.layer_calls, (std::vector<uint64_t>{1, 1, 1}));
    ASSERT_EQ(result.journal, expected) << seed;
  }
}

TEST(Layer, ReachesTheGreatestSums) {
  for (const auto zero : {uint8_t{0}, uint8_t{255}}) {
    Layer layer;
    layer.zero = zero;
    layer.sums = true;
    layer.quads = 4063;  // 4 * 4063 * 255 * 255 is the last below kMaxLayerSum
    layer.weights.resize(size_t{layer.quads} * 16);
    for (size_t i = 0; i < layer.weights.size(); ++i)
      layer.weights[i] = static_cast<int16_t>(i % 2 == 0 ? 255 : -255);
    const auto most = int64_t{4} * layer.quads * 255 * 255;
    const auto spare = static_cast<int32_t>(kMaxLayerSum - most);
    const int32_t sign = zero == 0 ? 1 : -1;
    layer.step = 4 * layer.quads;
    layer.bias = {sign * spare, -sign * spare, 0, 0};
    ASSERT_EQ(layer.complaint(), std::nullopt);
    std::vector<uint8_t> ram(4 * layer.quads + 16, zero == 0 ? 255 : 0);
    std::vector<uint8_t> expected = ram;
    apply(layer, expected, 0, 4 * layer.quads);
    int32_t first;
    std::memcpy(&first, &expected[4 * layer.quads], 4);
    EXPECT_EQ(first, sign * static_cast<int32_t>(kMaxLayerSum));
    const auto file = layer_file({layer}, {{0, kRamBase, kRamBase + 4 * layer.quads}}, ram);
    EXPECT_EQ(run_everywhere(load(file)).journal, expected);
    layer.bias[0] += sign;
    EXPECT_TRUE(layer.complaint());
  }
}

// Two words in, 512 bytes apart, and two out, as far.
Layer sparse_layer() {
  Layer layer;
  layer.kind = Layer::Kind::kMaxPool;
  layer.positions = 2;
  layer.step = 512;
  layer.emits = {{0, 0}, {1, 512}};
  EXPECT_EQ(layer.complaint(), std::nullopt);
  return layer;
}

// Regions for it: its words at kRamBase, those of its output at kRamBase + 0x1000.
ElfFile sparse_file(uint32_t in = kRamBase, uint32_t out = kRamBase + 0x1000, uint32_t id = 0) {
  ElfFile file = layer_file({sparse_layer()}, {{id, in, out}}, {});
  for (const uint32_t at : {0u, 512u, 0x1000u, 0x1200u})
    file.segments.push_back({kRamBase + at, PF_R | PF_W, {}, 4});
  return file;
}

void expect_trap(const ElfFile& file, TrapKind kind, uint32_t address, uint32_t detail) {
  const RunResult result = run_everywhere(load(file));
  ASSERT_TRUE(result.trap) << name_of(kind);
  EXPECT_EQ(*result.trap, (Trap{kind, kTextBase + 32, address, detail, 8}))
      << name_of(result.trap->kind);
  EXPECT_EQ(result.layer_calls, (std::vector<uint64_t>{0}));
  EXPECT_EQ(result.touched_bytes, 0u) << "a trap leaves all as it was";
}

TEST(Layer, NeedsOnlyTheWordsThatItAccesses) {
  EXPECT_FALSE(run_everywhere(load(sparse_file())).trap);
  constexpr uint32_t kIn = kRamBase, kOut = kRamBase + 0x1000, kExtent = 516;
  const auto bad = TrapKind::kBadBuffer;
  for (size_t word = 0; word < 4; ++word) {
    const uint32_t base = word < 2 ? kIn : kOut;
    ElfFile file = sparse_file();
    file.segments.erase(file.segments.begin() + 3 + static_cast<ptrdiff_t>(word));
    expect_trap(file, bad, base, kExtent);
    file = sparse_file();
    file.segments[3 + word].flags = PF_R;
    expect_trap(file, bad, base, kExtent);
  }
  for (const uint32_t off : {1u, 2u, 3u}) {
    expect_trap(sparse_file(kIn + off, kOut), bad, kIn + off, kExtent);
    expect_trap(sparse_file(kIn, kOut + off), bad, kOut + off, kExtent);
  }
  expect_trap(sparse_file(kIn + 4, kOut), bad, kIn + 4, kExtent);
  expect_trap(sparse_file(kIn, kIn - 512), bad, kIn - 512, kExtent);
  expect_trap(sparse_file(0, 1), bad, 0, kExtent);
  expect_trap(sparse_file(kIn, kOut, 1), TrapKind::kUnknownLayer, 0, 1);
  expect_trap(sparse_file(1, 1, 0xffffffff), TrapKind::kUnknownLayer, 0, 0xffffffff);
}

// Two words of a, 512 bytes apart, one of b, two out.
Layer sparse_pair() {
  Layer layer = sparse_layer();
  layer.kind = Layer::Kind::kPair;
  layer.positions_b = 1;
  layer.pair_table = PairTable(std::vector<uint8_t>(PairTable::kBytes, 7));
  EXPECT_EQ(layer.complaint(), std::nullopt);
  return layer;
}

TEST(Layer, PairsNeedOnlyTheWordsThatTheyAccess) {
  constexpr uint32_t kA = kRamBase, kB = kRamBase + 0x800, kOut = kRamBase + 0x1000;
  constexpr uint32_t kWords[] = {0, 512, 0x800, 0x1000, 0x1200};
  const auto file = [&](CallOfLayer call, uint32_t without = 1, uint32_t read_only = 1) {
    ElfFile made = layer_file({sparse_pair()}, {call}, {});
    for (const uint32_t at : kWords)
      if (at != without)
        made.segments.push_back(
            {kRamBase + at, at == read_only ? uint32_t{PF_R} : PF_R | PF_W, {}, 4});
    return made;
  };
  const auto expect = [&](const ElfFile& made, TrapKind kind, uint32_t address, uint32_t detail) {
    const RunResult result = run_everywhere(load(made));
    ASSERT_TRUE(result.trap) << name_of(kind);
    EXPECT_EQ(result.trap->kind, kind) << name_of(result.trap->kind);
    EXPECT_EQ(result.trap->address, address);
    EXPECT_EQ(result.trap->detail, detail);
    EXPECT_EQ(result.touched_bytes, 0u);
  };
  EXPECT_FALSE(run_everywhere(load(file({0, kA, kOut, kB}))).trap);
  EXPECT_FALSE(run_everywhere(load(file({0, kA, kA, kA}))).trap) << "all may be one";
  const auto bad = TrapKind::kBadBuffer;
  for (const uint32_t word : kWords) {
    const bool of_b = word == 0x800;
    const uint32_t base = word < 0x800 ? kA : of_b ? kB : kOut, extent = of_b ? 4 : 516;
    expect(file({0, kA, kOut, kB}, word), bad, base, extent);
    expect(file({0, kA, kOut, kB}, 1, word), bad, base, extent);
  }
  for (const uint32_t off : {1u, 2u, 3u}) {
    expect(file({0, kA + off, kOut, kB}), bad, kA + off, 516);
    expect(file({0, kA, kOut + off, kB}), bad, kOut + off, 516);
    expect(file({0, kA, kOut, kB + off}), bad, kB + off, 4);
  }
  for (const uint32_t base : {kAddressEnd, 0u, 0u - 4})
    expect(file({0, kA, kOut, base}), bad, base, 4);
  // The kinds do not mix.
  expect(file({0, kA, kOut}), TrapKind::kUnknownLayer, 0, 0);
  expect(file({1, kA, kOut, kB}), TrapKind::kUnknownLayer, 0, 1);
  ElfFile other = layer_file({sparse_layer()}, {{0, kA, kOut, kB}}, std::vector<uint8_t>(0x2000));
  expect(other, TrapKind::kUnknownLayer, 0, 0);
}

TEST(Layer, PairsThatThereAreNotAreRefused) {
  const auto refuses = [](const char* says, auto spoil) {
    Layer layer = sparse_pair();
    spoil(layer);
    const auto complaint = layer.complaint();
    ASSERT_TRUE(complaint) << says;
    EXPECT_NE(complaint->find(says), std::string::npos) << *complaint;
  };
  refuses("pair: expected a table", [](Layer& l) { l.pair_table = {}; });
  refuses("positions of b: expected 1 or 2, found 3", [](Layer& l) { l.positions_b = 3; });
  refuses("positions of b: expected 1 or 2, found 0", [](Layer& l) { l.positions_b = 0; });
  refuses("steps of b: some words", [](Layer& l) { l.positions_b = 2; });
  refuses("steps of b: some words", [](Layer& l) { l.quads = 2; });
  refuses("steps of b: expected multiples", [](Layer& l) { l.step_b = 2; });
  refuses("bytes spanned by b", [](Layer& l) { l.positions_b = 2, l.step_b = kMaxLayerExtent; });
  refuses("pair: expected the tap 0", [](Layer& l) { l.taps = {0, 0}; });
  refuses("pair: expected the tap 0", [](Layer& l) { l.back = 1; });
  refuses("pair: expected no weights", [](Layer& l) { l.bias = {1}; });
  refuses("pair: expected no weights", [](Layer& l) { l.zero = 1; });
  refuses("second input: expected none", [](Layer& l) { l.kind = Layer::Kind::kMaxPool; });
}

// Two products of four outputs with biases: two words in, weights in memory 0x100 apart, biases behind.
Layer weights_in_memory() {
  Layer layer;
  layer.quads = 2;
  layer.step = 8;
  layer.sums = true;
  layer.memory_weights = {.product_step = 0x100, .bias = 0x200};
  EXPECT_EQ(layer.complaint(), std::nullopt);
  return layer;
}

constexpr uint32_t kIn = kRamBase, kW = kRamBase + 0x1000, kOut = kRamBase + 0x2000;

// A call of it, where some region of it is not there, or read-only; `bias`: in each of the four words.
ElfFile weights_file(CallOfLayer call, uint32_t without = 1, uint32_t read_only = 1,
                     uint32_t bias = 0) {
  call.number_of_two = zk::abi::kSysLayerWeights;
  ElfFile made = layer_file({weights_in_memory()}, {call}, {});
  constexpr std::pair<uint32_t, uint32_t> kRegions[] = {
      {0, 8}, {0x1000, 16}, {0x1100, 16}, {0x1200, 16}, {0x2000, 16}};
  for (const auto& [at, size] : kRegions)
    if (at != without) {
      std::vector<uint8_t> bytes(size);
      for (uint32_t i = 0; at == 0x1200 && i < size; ++i)
        bytes[i] = static_cast<uint8_t>(bias >> (8 * (i % 4)));
      made.segments.push_back(
          {kRamBase + at, at == read_only ? uint32_t{PF_R} : PF_R | PF_W, bytes, size});
    }
  return made;
}

TEST(Layer, WeightsInMemoryNeedOnlyTheWordsThatAreRead) {
  const auto expect = [](const ElfFile& made, TrapKind kind, uint32_t address, uint32_t detail) {
    const RunResult result = run_everywhere(load(made));
    ASSERT_TRUE(result.trap) << name_of(kind);
    EXPECT_EQ(result.trap->kind, kind) << name_of(result.trap->kind);
    EXPECT_EQ(result.trap->address, address);
    EXPECT_EQ(result.trap->detail, detail);
    EXPECT_EQ(result.touched_bytes, 0u);
  };
  EXPECT_FALSE(run_everywhere(load(weights_file({0, kIn, kOut, kW}))).trap);
  const auto bad = TrapKind::kBadBuffer;
  constexpr uint32_t kExtent = 0x210;
  for (const uint32_t region : {0u, 0x1000u, 0x1100u, 0x1200u, 0x2000u}) {
    const bool of_w = region >= 0x1000 && region < 0x2000;
    const uint32_t base = of_w ? kW : kRamBase + region, extent = of_w          ? kExtent
                                                                  : region == 0 ? 8
                                                                                : 16;
    expect(weights_file({0, kIn, kOut, kW}, region), bad, base, extent);
    expect(weights_file({0, kIn, kOut, kW}, 1, region), bad, base, extent);
  }
  for (const uint32_t off : {1u, 2u, 3u})
    expect(weights_file({0, kIn, kOut, kW + off}), bad, kW + off, kExtent);
  for (const uint32_t base : {kAddressEnd - kExtent + 4, kAddressEnd, 0u - 4})
    expect(weights_file({0, kIn, kOut, base}), bad, base, kExtent);
  // Biases.
  for (const uint32_t bias : {0x10000000u, 0x7fffffffu, 0x80000000u, 0xefffffffu})
    expect(weights_file({0, kIn, kOut, kW}, 1, 1, bias), TrapKind::kBadBias, kW + 0x200, bias);
  for (const uint32_t bias : {0x0fffffffu, 0xf0000000u, 0xffffffffu})
    EXPECT_FALSE(run_everywhere(load(weights_file({0, kIn, kOut, kW}, 1, 1, bias))).trap);
  // The calls do not mix.
  const auto unknown = TrapKind::kUnknownLayer;
  expect(layer_file({weights_in_memory()}, {{0, kIn, kOut}}, {}), unknown, 0, 0);
  expect(layer_file({weights_in_memory()}, {{0, kIn, kOut, kW}}, {}), unknown, 0, 0);
  for (const Layer& other : {sparse_layer(), sparse_pair()})
    expect(layer_file({other}, {{0, kIn, kOut, kW, zk::abi::kSysLayerWeights}}, {}), unknown, 0, 0);
}

// All that a call reads is from before it, also where its results are written over its own biases and weights.
TEST(Layer, WeightsInMemoryAreReadBeforeResultsAreWritten) {
  std::vector<uint8_t> ram(0x400);
  for (size_t i = 0; i < 0x200; ++i) ram[i] = static_cast<uint8_t>(37 * i + 11);
  ram[0x300] = 200;  // the first bias
  for (const uint32_t out : {0u, 0x100u, 0x200u, 0x300u}) {
    std::vector<uint8_t> expected = ram;
    apply(weights_in_memory(), expected, 0, out, 0x100);
    ASSERT_NE(expected, ram);
    const auto file = layer_file(
        {weights_in_memory()},
        {{0, kRamBase, kRamBase + out, kRamBase + 0x100, zk::abi::kSysLayerWeights}}, ram);
    EXPECT_EQ(run_everywhere(load(file)).journal, expected) << out;
  }
}

// Both ends of all sums, with weights and biases at theirs.
TEST(Layer, WeightsInMemoryReachTheGreatestSums) {
  for (const uint8_t zero : {uint8_t{0}, uint8_t{255}}) {
    Layer layer = weights_in_memory();
    layer.zero = zero;
    layer.quads = 3031;  // 4 * 3031 * 255 * 255 + 2^28 is the last below kMaxLayerSum
    layer.step = 4 * layer.quads;
    layer.memory_weights = {
        .zero = 255, .product_step = 16, .bias = static_cast<uint32_t>(16 * layer.quads)};
    ASSERT_EQ(layer.complaint(), std::nullopt);
    const uint32_t in = 0, w = layer.step, out = w + static_cast<uint32_t>(layer.w_extent());
    std::vector<uint8_t> ram(out + 16, zero == 0 ? 255 : 0);
    for (uint64_t i = 0; i < 16 * layer.quads; ++i) ram[w + i] = 0;
    for (uint32_t o = 0; o < 4; ++o) {
      const int32_t bias = zero == 0 ? -kMemoryBiasEnd : kMemoryBiasEnd - 1;
      std::memcpy(&ram[w + bias_offset(layer, o)], &bias, 4);
    }
    std::vector<uint8_t> expected = ram;
    apply(layer, expected, in, out, w);
    int32_t sum;
    std::memcpy(&sum, &expected[out], 4);
    const auto range = layer.ranges()[3];
    EXPECT_EQ(sum, zero == 0 ? range.low : range.high);
    const auto file = layer_file(
        {layer}, {{0, kRamBase, kRamBase + out, kRamBase + w, zk::abi::kSysLayerWeights}}, ram);
    EXPECT_EQ(run_everywhere(load(file)).journal, expected);
    layer.quads += 1;
    layer.memory_weights->bias = 16 * layer.quads;
    EXPECT_TRUE(layer.complaint());
    layer.memory_weights->bias.reset();
    EXPECT_FALSE(layer.complaint());
  }
}

TEST(Layer, WeightsInMemoryThatThereAreNotAreRefused) {
  const auto refuses = [](const char* says, auto spoil) {
    Layer layer = weights_in_memory();
    spoil(layer, *layer.memory_weights);
    const auto complaint = layer.complaint();
    ASSERT_TRUE(complaint) << says;
    EXPECT_NE(complaint->find(says), std::string::npos) << *complaint;
  };
  using W = Layer::MemoryWeights;
  refuses("expected none of its own, found 1 and 0", [](Layer& l, W&) { l.weights = {1}; });
  refuses("expected none of its own, found 0 and 4", [](Layer& l, W&) { l.bias = {1, 2, 3, 4}; });
  refuses("max pool: expected no weights",
          [](Layer& l, W&) { l.kind = Layer::Kind::kMaxPool, l.sums = false; });
  refuses("pair: expected no weights", [](Layer& l, W&) {
    const W w = *l.memory_weights;
    l = sparse_pair();
    l.memory_weights = w;
  });
  refuses("expected multiples of 4", [](Layer&, W& w) { w.product_step = 18; });
  refuses("expected multiples of 4", [](Layer&, W& w) { w.row_step = 2; });
  refuses("expected multiples of 4", [](Layer&, W& w) { w.lane_step = 1; });
  refuses("expected multiples of 4", [](Layer&, W& w) { w.bias = 0x201; });
  refuses("some words would be read twice", [](Layer&, W& w) { w.lane_step = 0; });
  refuses("some words would be read twice", [](Layer&, W& w) { w.product_step = 12; });
  refuses("some words would be read twice", [](Layer&, W& w) { w.product_step = 0; });
  refuses("some words would be read twice", [](Layer& l, W& w) {
    l.outputs = 8, w.row_step = 12, w.product_step = 64, w.bias = 0x300;
  });
  refuses("expected them behind 272 bytes", [](Layer&, W& w) { w.bias = 268; });
  refuses("expected them behind 272 bytes", [](Layer&, W& w) { w.bias = 0; });
  refuses("bytes spanned by weights", [](Layer&, W& w) { w.bias = kMaxLayerExtent - 12; });
  refuses("bytes spanned by weights",
          [](Layer&, W& w) { w.product_step = kMaxLayerExtent - 12, w.bias.reset(); });
  refuses("words of weights in memory: expected 1..2097152, found 2097156",
          [](Layer& l, W&) { l.outputs = 699052, l.taps.assign(1, 0); });
  refuses("sums that span at most 1040187392", [](Layer& l, W& w) {
    l.sums = false, l.functions.resize(1), l.functions[0].scale = 0x3a000000;
    l.function_of = {0, 0, 0, 0};
    l.zero = w.zero = 128, l.quads = 3856, l.step = 4 * l.quads;
    w.product_step = 16, w.bias = 16 * l.quads;
  });
}

TEST(Layer, EndsWithinTheAddressSpace) {
  constexpr uint32_t kExtent = 516, kLast = kAddressEnd - kExtent;
  const auto file = [](uint32_t in, uint32_t out) {
    ElfFile at_end = sparse_file(in, out);
    at_end.segments.push_back({kAddressEnd - 0x400, PF_R | PF_W, {}, 0x400});
    return at_end;
  };
  EXPECT_FALSE(run_everywhere(load(file(kLast, kLast))).trap);
  for (const uint32_t base : {kLast + 4, kAddressEnd, 0u - kExtent, 0u - 4}) {
    expect_trap(file(base, kRamBase), TrapKind::kBadBuffer, base, kExtent);
    expect_trap(file(kRamBase, base), TrapKind::kBadBuffer, base, kExtent);
  }
}

TEST(Layer, TouchesTheGranulesOfItsWordsAlone) {
  Layer layer = sparse_layer();
  layer.step = 0x4000;
  layer.emits[1].offset = 0x8000;
  const auto file = [&](std::vector<CallOfLayer> calls) {
    ElfFile made = layer_file({layer}, calls, {});
    made.segments.push_back({kRamBase, PF_R | PF_W, {}, 0x10000});
    return load(made);
  };
  EXPECT_EQ(run_everywhere(file({})).touched_bytes, 0u);
  EXPECT_EQ(run_everywhere(file({{0, kRamBase, kRamBase}})).touched_bytes, 3 * kGranuleBytes);
  EXPECT_EQ(run_everywhere(file({{0, kRamBase + 4, kRamBase + 0x100}})).touched_bytes,
            4 * kGranuleBytes);
}

TEST(Layer, CallsAreCounted) {
  const std::vector<CallOfLayer> calls(7, {1, kRamBase, kRamBase});
  std::vector<CallOfLayer> all = calls;
  all.push_back({0, kRamBase, kRamBase + 0x200});
  const auto program = load(layer_file({sparse_layer(), sparse_layer(), sparse_layer()}, all,
                                       std::vector<uint8_t>(0x1000, 9)));
  const RunResult result = run_everywhere(program);
  EXPECT_EQ(result.layer_calls, (std::vector<uint64_t>{1, 7, 0}));
  EXPECT_EQ(run_everywhere(program, {}, {.cycles = 36}).layer_calls,
            (std::vector<uint64_t>{0, 4, 0}))
      << "a call is one cycle";
}

// A call is one cycle, but no way around the limit.
TEST(Layer, WorkIsLimited) {
  Layer layer = sparse_layer();
  layer.positions = 64;
  layer.step = 4;
  layer.emits.clear();
  for (uint32_t p = 0; p < layer.positions; ++p) layer.emits.push_back({p, 4 * p});
  ASSERT_EQ(layer.work(), 64u);
  const std::vector<CallOfLayer> calls(7, {0, kRamBase, kRamBase + 0x400});
  const auto program = load(layer_file({layer}, calls, std::vector<uint8_t>(0x1000, 9)));
  const auto run = [&](uint64_t cycles) { return run_everywhere(program, {}, {.cycles = cycles}); };
  EXPECT_EQ(run(4 * 64 - 1).layer_calls, (std::vector<uint64_t>{3}));
  ASSERT_TRUE(run(4 * 64 - 1).trap);
  EXPECT_EQ(run(4 * 64 - 1).trap->kind, TrapKind::kCycleLimit);
  EXPECT_EQ(run(4 * 64).layer_calls, (std::vector<uint64_t>{4}));
  EXPECT_FALSE(run(7 * 64).trap);
}

TEST(LayerFunction, IsTheRuleOfItsDefinition) {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    LayerGenerator generator(seed);
    const LayerFunction f = generator.function();
    const int32_t middle = static_cast<int32_t>(generator.below(1u << 20)) - (1 << 19);
    for (int32_t x = -2000; x < 2000; ++x) {
      ASSERT_EQ(f(x), applied(f, x)) << x;
      ASSERT_EQ(f(middle + 701 * x), applied(f, middle + 701 * x)) << middle + 701 * x;
    }
  }
}

TEST(LayerFunction, StepsAreTheLongestThatItIsConstantOn) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    LayerGenerator generator(seed);
    const LayerFunction f = generator.function();
    const int32_t low = static_cast<int32_t>(generator.below(1u << 16)) - (1 << 15);
    const int32_t high = low + static_cast<int32_t>(generator.below(1u << 14));
    std::vector<LayerFunction::Step> expected;
    for (int32_t x = low; x <= high; ++x) {
      const uint8_t value = f(x);
      if (expected.empty() || expected.back().value != value) expected.push_back({x, value});
    }
    ASSERT_EQ(f.steps_on(low, high), expected) << seed;
    EXPECT_EQ(f.steps_on(low, low).size(), 1u);
  }
}

// On the whole of what an accumulator can be: the function's value at both ends of every step.
TEST(LayerFunction, StepsCoverEverything) {
  constexpr auto kMost = static_cast<int32_t>(kMaxLayerSum);
  for (uint64_t seed = 0; seed < 60; ++seed) {
    LayerGenerator generator(seed);
    const LayerFunction f = generator.function();
    const auto steps = f.steps_on(-kMost, kMost);
    ASSERT_EQ(steps.front().from, -kMost);
    for (size_t i = 0; i < steps.size(); ++i) {
      const bool last = i + 1 == steps.size();
      if (!last) {
        ASSERT_LT(steps[i].from, steps[i + 1].from);
        ASSERT_NE(steps[i].value, steps[i + 1].value);
      }
      const int32_t end = last ? kMost : steps[i + 1].from - 1;
      for (const int32_t x : {steps[i].from, steps[i].from + (end - steps[i].from) / 2, end})
        ASSERT_EQ(f(x), steps[i].value) << x;
    }
  }
  LayerFunction all;
  all.scale = std::bit_cast<uint32_t>(0.5f);
  EXPECT_EQ(all.steps_on(INT32_MIN, INT32_MAX).size(), 256u);
  EXPECT_EQ(all.steps_on(INT32_MAX, INT32_MAX),
            (std::vector<LayerFunction::Step>{{INT32_MAX, 255}}));
}

}  // namespace
}  // namespace zkvm::vm::test
