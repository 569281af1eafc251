// Calls of layers are proven: the witness satisfies the circuit, and the proof verifies.
#include <cstdlib>

#include "stark/chips/layer/read.h"
#include "stark/session/rows/table_heights.h"
#include "tests/stark/session/layer_guests.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;

TEST(Layers, OfOneDenseLayer) {
  const LayerGuest layers({dense_layer(3, 8, 1)});
  Guest guest = Guest::of(layers.elf());
  EXPECT_EQ(check_execution(guest, {}, {}), "");
  SessionOptions options;
  options.params = quick_params();
  const Proven proven = prove_execution(guest, {}, options);
  EXPECT_EQ(proven.execution.journal, layers.journal());
}

/// Twenty layers a guest. More guests: ZKVM_LAYER_GUESTS=1000.
TEST(Layers, OfRandomGeometry) {
  const char* asked = std::getenv("ZKVM_LAYER_GUESTS");
  const uint64_t guests = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 12;
  for (uint64_t seed = 0; seed < guests; ++seed) {
    LayerGenerator random(seed);
    std::vector<vm::Layer> list;
    for (int i = 0; i < 20; ++i) list.push_back(random.layer());
    const LayerGuest layers(std::move(list), seed);
    Guest guest = Guest::of(layers.elf());
    EXPECT_EQ(check_execution(guest, {}, {}), "") << "seed " << seed;
    SessionOptions options;
    options.params = quick_params();
    const Proven proven = prove_execution(guest, {}, options);
    EXPECT_EQ(proven.execution.journal, layers.journal());
  }
}

/// Segments that hand on to one another what calls have written; one of them proven a second time.
TEST(Layers, InSegments) {
  LayerGenerator random(77);
  std::vector<vm::Layer> list;
  for (int i = 0; i < 12; ++i) list.push_back(random.layer());
  const LayerGuest layers(std::move(list), 5);
  Guest guest = Guest::of(layers.elf());
  SessionOptions options;
  options.params = quick_params();
  options.segment_cycles = 40;  // two calls and their writes
  options.seed.emplace();
  EXPECT_EQ(check_execution(guest, {}, options), "");
  const Proven proven = prove_execution(guest, {}, options);
  EXPECT_EQ(proven.execution.journal, layers.journal());
  EXPECT_GE(proven.segments.size(), 5u);
  size_t calling = 0;
  for (const SegmentProof& segment : proven.segments)
    calling += segment.uses.back().bank == kLayersBank ? 1 : 0;
  EXPECT_GE(calling, 4u);
  const auto done = std::span(proven.segments).first(proven.segments.size() - 1);
  const Proven resumed = prove_execution(guest, {}, options, done);
  EXPECT_EQ(resumed.segments.back().proof, proven.segments.back().proof);
}

/// More rows than a table of a power of two should have: jobs are spread, whole.
TEST(Layers, InSeveralTables) {
  vm::Layer layer = dense_layer(2, 4, 4);
  layer.positions = 700;
  layer.step = 8;
  layer.emits.clear();
  for (uint32_t p = 0; p < layer.positions; ++p) layer.emits.push_back({p, 4 * p});
  const LayerGuest layers(std::vector<vm::Layer>(7, layer), 5);
  Guest guest = Guest::of(layers.elf());
  EXPECT_EQ(check_execution(guest, {}, {}), "");
  SessionOptions options;
  options.params = quick_params();
  const Proven proven = prove_execution(guest, {}, options);
  EXPECT_EQ(proven.execution.journal, layers.journal());
  const auto read =
      std::ranges::find(proven.stats.chips, chips::LayerRead::kName, &SessionStats::Chip::name);
  ASSERT_NE(read, proven.stats.chips.end());
  EXPECT_EQ(read->rows, 9800u);
  EXPECT_EQ(read->height, 8192u + 4096u);
}

TEST(Layers, JobsAreSpreadOverTables) {
  using Heights = std::vector<uint8_t>;
  const auto heights = [](std::vector<uint64_t> jobs) { return heights_for_jobs(jobs); };
  EXPECT_EQ(heights({1}), Heights{12});
  EXPECT_EQ(heights({4096}), Heights{12});
  EXPECT_EQ(heights({4097}), Heights{13});
  EXPECT_EQ(heights({4000, 97}), Heights{13});    // a table more costs as much
  EXPECT_EQ(heights({9000}), Heights{14});        // one job, one table
  EXPECT_EQ(heights({5000, 5000}), Heights{14});  // neither fits beside the other in 2^13
  EXPECT_EQ(heights({8000, 1000}), (Heights{13, 12}));
  EXPECT_EQ(heights({8193, 1000}), Heights{14});
  EXPECT_EQ(heights(std::vector<uint64_t>(5, 1 << 21)), (Heights{22, 22, 21}));  // none is taller
  EXPECT_EQ(heights(std::vector<uint64_t>(20, 1000)), (Heights{14, 12}));
}

/// One call's input is another's output, and its own.
TEST(Layers, InAChainAndInPlace) {
  std::vector<vm::Layer> list = {dense_layer(5, 20, 1), dense_layer(5, 20, 2),
                                 dense_layer(5, 20, 3)};
  LayerGuest layers(std::move(list), 9);
  layers.places[1].in = layers.places[0].out;
  layers.places[1].out = layers.places[1].in;
  layers.places[2].in = layers.places[1].out;
  Guest guest = Guest::of(layers.elf());
  EXPECT_EQ(check_execution(guest, {}, {}), "");
  SessionOptions options;
  options.params = quick_params();
  const Proven proven = prove_execution(guest, {}, options);
  std::vector<uint32_t> words(5);
  std::memcpy(words.data(), &layers.data[layers.places[0].in - kDataBase], 20);
  std::vector<uint8_t> journal;
  for (const vm::Layer& layer : layers.layers) {
    words = layer_results(layer, words);
    journal.resize(journal.size() + 20);
    std::memcpy(journal.data() + journal.size() - 20, words.data(), 20);
  }
  EXPECT_EQ(proven.execution.journal, journal);
}

/// What would not fit into tables is refused, before there is no memory left.
TEST(Layers, ListsThatAreTooLongAreRefused) {
  vm::Layer pool;
  pool.kind = vm::Layer::Kind::kMaxPool;
  pool.quads = 1 << 13;
  pool.positions = 128;
  pool.step = 4 << 13;
  pool.back = 15;
  pool.taps.resize(16);
  pool.emits.clear();
  for (uint32_t i = 0; i < 16; ++i) {
    pool.taps[i] = i;
    pool.emits.push_back({15 + i, i << 16});
  }
  EXPECT_EQ(pool.complaint(), std::nullopt);
  const std::vector<vm::Layer> pools(3, pool);
  const auto image = LayerImage::of(pools, 2);
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message,
            "layers: table windows: expected at most 4194304 rows, found 6291456 or more");
}

}  // namespace
}  // namespace zkvm::stark::machine
