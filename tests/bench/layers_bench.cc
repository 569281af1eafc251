// What layers cost in the tensor unit: whole proofs at 128 bits, less that of a guest with next to no
// layer. Time is of all cores together; per_X counters are nanoseconds of it.
#include <benchmark/benchmark.h>
#include <sys/resource.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <utility>

#include "stark/session/session.h"
#include "tests/vm/guest_builder.h"
#include "vm/layer/layer_call.h"
#include "vm/layer/section.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;

double core_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void fill(vm::Layer& layer) {
  std::mt19937 random(1);
  layer.zero = 128;
  layer.weights.resize(size_t{layer.quads} * layer.taps.size() * 4 * layer.outputs);
  for (int16_t& w : layer.weights) w = static_cast<int16_t>(static_cast<int>(random() % 255) - 127);
  layer.bias.resize(layer.outputs);
  layer.function_of.resize(layer.outputs);
  // A scale of its own for each output, as quantisers give them.
  for (uint32_t o = 0; o < layer.outputs; ++o) {
    vm::LayerFunction& f = layer.functions.emplace_back();
    const double spread =
        50.0 * 74 * std::sqrt(4.0 * layer.quads * static_cast<double>(layer.taps.size()));
    f.scale = std::bit_cast<uint32_t>(static_cast<float>((1 + o * 1e-3) * 128 / (3 * spread)));
    f.is_signed = true;
    layer.function_of[o] = static_cast<uint16_t>(o);
  }
}

vm::Layer dense(uint32_t inputs, uint32_t outputs) {
  vm::Layer layer;
  layer.name = "dense";
  layer.quads = inputs / 4;
  layer.outputs = outputs;
  fill(layer);
  return layer;
}

/// 3 x 3 on size x size pixels, padded; or 1 x 1.
vm::Layer conv(uint32_t kernel, uint32_t channels, uint32_t outputs, uint32_t size) {
  vm::Layer layer;
  layer.name = "conv";
  const uint32_t pad = kernel / 2, stride = size + pad;
  layer.quads = channels / 4;
  layer.positions = (size - 1) * stride + size;
  layer.step = channels;
  layer.outputs = outputs;
  layer.taps.clear();
  for (uint32_t i = 0; i < kernel; ++i)
    for (uint32_t j = 0; j < kernel; ++j) layer.taps.push_back(i * stride + j);
  layer.back = layer.taps.back();
  layer.emits.clear();
  // x outside is the zero point: q - D + (tap of the middle) = p.
  const uint32_t middle = layer.taps[layer.taps.size() / 2];
  for (uint32_t i = 0; i < size; ++i)
    for (uint32_t j = 0; j < size; ++j)
      layer.emits.push_back({i * stride + j + layer.back - middle, (i * size + j) * outputs});
  fill(layer);
  return layer;
}

/// The same with its weights in memory, a word of four channels for each output, and biases behind them.
vm::Layer in_memory(vm::Layer layer) {
  layer.weights.clear();
  layer.bias.clear();
  layer.memory_weights = {.zero = 128, .product_step = 4 * layer.group_outputs()};
  layer.memory_weights->bias = static_cast<uint32_t>(layer.weights_extent());
  return layer;
}

/// A B, of two square matrices, with one scale for all results, as products of activations have.
vm::Layer matrices(uint32_t size) {
  vm::Layer layer = dense(size, size);
  layer.positions = size;
  layer.step = size;
  layer.emits.clear();
  for (uint32_t p = 0; p < size; ++p) layer.emits.push_back({p, p * size});
  layer.weights.clear();
  layer.bias.clear();
  layer.functions.resize(1);
  std::ranges::fill(layer.function_of, uint16_t{0});
  layer.memory_weights = {
      .by_outputs = true, .zero = 128, .lane_step = size, .row_step = 4, .product_step = 4 * size};
  return layer;
}

/// Trees of large fixed slots, as zkvm's cache keeps them for the next proof.
class KeptTrees : public TreeStore {
 public:
  std::optional<WordSpace> find(const Digest& key, size_t words) override {
    const auto found = kept_.find(key);
    if (found == kept_.end() || found->second->size() != words) return std::nullopt;
    return space_in(found->second);
  }
  void drop(const Digest& key) override { kept_.erase(key); }
  std::unique_ptr<Room> room(size_t words) override {
    return std::make_unique<Memory>(*this, std::make_shared<AlignedWords>(words));
  }

 private:
  using Words = std::shared_ptr<AlignedWords>;
  class Memory : public Room {
   public:
    Memory(KeptTrees& store, Words words) : store_(store), words_(std::move(words)) {}
    WordSpace space() override { return space_in(words_); }
    void keep(const Digest& key) override { store_.kept_[key] = words_; }

   private:
    KeptTrees& store_;
    Words words_;
  };
  static WordSpace space_in(const Words& words) { return {words->data(), words->size(), words}; }

  std::map<Digest, Words> kept_;
};

struct Measured {
  double core = 0;
  uint64_t cells = 0;
  size_t bytes = 0;
};

/// One proof of a call of the layer.
Measured prove_call(const vm::Layer& layer, uint8_t log_blowup) {
  constexpr uint32_t kIn = 0x1000000, kWeights = 0x4000000, kOut = 0x8000000;
  Assembler text;
  if (layer.memory_weights)
    text.call(vm::call_number(layer), 0, kIn, kWeights, kOut).exit(0);
  else
    text.call(vm::call_number(layer), 0, kIn, kOut).exit(0);
  ElfFile file = ElfFile::of(text.words());
  const auto rounded = [](uint64_t bytes) {
    return static_cast<uint32_t>((bytes + 0xffff) & ~0xffffu);
  };
  std::vector<uint8_t> input(layer.in_extent());
  std::mt19937 random(2);
  for (uint8_t& x : input) x = static_cast<uint8_t>(random());
  file.segments.push_back({kIn, PF_R | PF_W, input, rounded(layer.in_extent())});
  if (layer.memory_weights) {
    std::vector<uint8_t> weights(layer.w_extent());
    const auto end = weights.begin() + static_cast<ptrdiff_t>(layer.weights_extent());
    for (auto at = weights.begin(); at != end; ++at) *at = static_cast<uint8_t>(random());
    file.segments.push_back({kWeights, PF_R | PF_W, weights, rounded(layer.w_extent())});
  }
  file.segments.push_back({kOut, PF_R | PF_W, {}, rounded(layer.out_extent())});
  file.sections.push_back({".zkvm.layers", vm::write_layers(std::vector{layer})});
  const auto program = vm::load_elf(file.bytes());
  ZK_CHECK(program);
  KeptTrees trees;
  auto image = ProgramImage::of(*program, nullptr, std::nullopt, &trees);
  ZK_CHECK(image);
  const auto known = image->image();
  image = ProgramImage::of(*program, &known, std::nullopt, &trees);  // as a second proof finds it
  const double start = core_seconds();
  auto session = Session::plan(*program, *image, {}, {.log_blowup = log_blowup});
  ZK_CHECK(session && !session->execution().trap);
  Measured out;
  const auto proved = session->prove([&](size_t, SegmentProof proof) {
    out.bytes += proof.proof.size();
    return true;
  });
  ZK_CHECK(proved);
  out.core = core_seconds() - start;
  out.cells = session->stats().prover.committed_cells;
  return out;
}

void prove_layer(benchmark::State& state, const vm::Layer& layer,
                 const std::map<std::string, double>& units) {
  ZK_CHECK(!layer.complaint());
  const auto log_blowup = static_cast<uint8_t>(state.range(0));
  const Measured floor = prove_call(dense(4, 4), log_blowup);
  Measured last;
  double core = 0;
  for (auto _ : state) {
    last = prove_call(layer, log_blowup);
    core += last.core;
  }
  core = core / static_cast<double>(state.iterations()) - floor.core;
  for (const auto& [name, count] : units) state.counters["ns_per_" + name] = 1e9 * core / count;
  state.counters["cells"] = static_cast<double>(last.cells - floor.cells);
  state.counters["floor_ms"] = 1e3 * floor.core;
  state.counters["core_ms"] = 1e3 * core;
  state.counters["MB"] = 1e-6 * static_cast<double>(last.bytes);
}

void Dense(benchmark::State& state) {
  prove_layer(state, dense(2048, 2048), {{"weight", 2048.0 * 2048}});
}
void Activations(benchmark::State& state) {  // 8 channels to 8, at each pixel: next to no weights
  prove_layer(state, conv(1, 8, 8, 180), {{"activation", 180.0 * 180 * 8}});
}
void Convolution(benchmark::State& state) {
  prove_layer(state, conv(3, 256, 256, 16), {{"product", 16.0 * 16 * 9 * 256 * 256}});
}
void Matrices(benchmark::State& state) {
  prove_layer(state, matrices(256), {{"product", 256.0 * 256 * 256}});
}
/// As LeNet-5 has: 5 x 5 on 14 x 14 pixels, 8 channels to 16, with weights of its own or in memory.
void SmallConvolution(benchmark::State& state) {
  const vm::Layer layer = conv(5, 8, 16, 14);
  prove_layer(state, state.range(1) == 0 ? layer : in_memory(layer),
              {{"weight", 25.0 * 8 * 16}, {"product", 14.0 * 14 * 25 * 8 * 16}});
}
BENCHMARK(Dense)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(Activations)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(Convolution)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(Matrices)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->Iterations(1);
BENCHMARK(SmallConvolution)
    ->Args({1, 0})
    ->Args({1, 1})
    ->Unit(benchmark::kMillisecond)
    ->Iterations(1);

}  // namespace
}  // namespace zkvm::stark::machine

BENCHMARK_MAIN();
