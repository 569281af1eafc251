// Calls of layers are proven: the witness satisfies the circuit, and the proof verifies.
#include <gmock/gmock.h>

#include <array>
#include <cstdlib>
#include <limits>
#include <map>
#include <set>

#include "host/layers/split.h"
#include "stark/chips/layer/layer_tables.h"
#include "stark/chips/layer/read.h"
#include "stark/session/image/program_image.h"
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

constexpr WideForms kNarrow;

/// Twenty layers a guest, in the forms by turns. More guests: ZKVM_LAYER_GUESTS=1000.
TEST(Layers, OfRandomGeometry) {
  const char* asked = std::getenv("ZKVM_LAYER_GUESTS");
  const uint64_t guests = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 12;
  for (uint64_t seed = 0; seed < guests; ++seed) {
    LayerGenerator random(seed);
    std::vector<vm::Layer> list;
    for (int i = 0; i < 20; ++i) list.push_back(random.layer());
    const LayerGuest layers(std::move(list), seed);
    Guest guest = Guest::of(layers.elf());
    SessionOptions options;
    options.params = quick_params();
    options.forms = std::array{kAllWide, kNarrow, kCheaperForms}[seed % 3];
    EXPECT_EQ(check_execution(guest, {}, options), "") << "seed " << seed;
    const Proven proven = prove_execution(guest, {}, options);
    EXPECT_EQ(proven.execution.journal, layers.journal());
  }
}

/// A linear layer of random geometry whose weights are in memory.
vm::Layer of_memory(LayerGenerator& random) {
  for (;;) {
    vm::Layer layer = random.one_input();
    if (layer.kind != vm::Layer::Kind::kLinear) continue;
    layer = random.weights_in_memory(std::move(layer));
    if (!layer.complaint()) return layer;
  }
}

/// Some with weights of their own among them. More guests: ZKVM_LAYER_GUESTS=1000.
TEST(Layers, OfWeightsInMemory) {
  const char* asked = std::getenv("ZKVM_LAYER_GUESTS");
  const uint64_t guests = asked != nullptr ? std::strtoull(asked, nullptr, 10) : 6;
  for (uint64_t seed = 0; seed < guests; ++seed) {
    LayerGenerator random(seed);
    std::vector<vm::Layer> list;
    for (int i = 0; i < 20; ++i)
      list.push_back(seed % 2 == 1 && random.one_in(4) ? random.layer() : of_memory(random));
    const LayerGuest layers(std::move(list), seed);
    Guest guest = Guest::of(layers.elf());
    SessionOptions options;
    options.params = quick_params();
    options.forms = std::array{kAllWide, kNarrow, kCheaperForms}[seed % 3];
    EXPECT_EQ(check_execution(guest, {}, options), "") << "seed " << seed;
    const Proven proven = prove_execution(guest, {}, options);
    EXPECT_EQ(proven.execution.journal, layers.journal());
  }
}

/// A product of two matrices in each order gives the same, with each weight a factor of its own; and weights
/// that lie on the input, or on the output.
TEST(Layers, OfMatricesInBothOrders) {
  constexpr uint32_t kRows = 5, kInner = 8, kColumns = 12;  // A B: 5 x 8 by 8 x 12
  vm::Layer layer;
  layer.name = "matrices";
  layer.positions = kRows;
  layer.step = kInner;
  layer.quads = kInner / 4;
  layer.outputs = kColumns;
  layer.zero = 7;
  layer.sums = true;
  layer.emits.clear();
  for (uint32_t p = 0; p < kRows; ++p) layer.emits.push_back({p, 4 * kColumns * p});
  layer.memory_weights = {.by_outputs = true,
                          .zero = 200,
                          .lane_step = kColumns,
                          .row_step = 4,
                          .product_step = 4 * kColumns};
  vm::Layer transposed = layer;
  transposed.memory_weights = {
      .zero = 200, .lane_step = kInner, .row_step = 4 * kInner, .product_step = 4};
  ASSERT_EQ(layer.complaint(), std::nullopt);
  ASSERT_EQ(transposed.complaint(), std::nullopt);
  LayerGuest layers({layer, transposed, layer, layer}, 3);
  const auto byte = [&](uint32_t address) -> uint8_t& { return layers.data[address - kDataBase]; };
  layers.places[1].in = layers.places[0].in;
  for (uint32_t k = 0; k < kInner; ++k)
    for (uint32_t n = 0; n < kColumns; ++n)
      byte(layers.places[1].b + n * kInner + k) = byte(layers.places[0].b + k * kColumns + n);
  layers.places[2].b =
      layers.places[2].in;  // as far as that goes, what stands behind the input, too
  layers.places[3].b = layers.places[3].out;
  for (uint32_t i = 0; i < layer.out_extent(); ++i)
    byte(layers.places[3].out + i) = static_cast<uint8_t>(37 * i);
  std::vector<uint8_t> journal = layers.journal();
  const size_t bytes = layer.out_extent();
  for (uint32_t p = 0; p < kRows; ++p)
    for (uint32_t n = 0; n < kColumns; ++n) {
      int32_t sum = 0, found;
      for (uint32_t k = 0; k < kInner; ++k)
        sum += (byte(layers.places[0].in + p * kInner + k) - 7) *
               (byte(layers.places[0].b + k * kColumns + n) - 200);
      std::memcpy(&found, &journal[4 * (p * kColumns + n)], 4);
      EXPECT_EQ(found, sum);
    }
  EXPECT_TRUE(std::equal(journal.begin(), journal.begin() + bytes, journal.begin() + bytes));
  Guest guest = Guest::of(layers.elf());
  EXPECT_EQ(check_execution(guest, {}, {}), "");
  SessionOptions options;
  options.params = quick_params();
  EXPECT_EQ(prove_execution(guest, {}, options).execution.journal, journal);
}

/// Segments that hand on to one another what calls have written; one of them proven a second time.
TEST(Layers, InSegments) {
  LayerGenerator random(77);
  std::vector<vm::Layer> list;
  for (int i = 0; i < 12; ++i) list.push_back(i % 4 == 1 ? of_memory(random) : random.layer());
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

/// Layers that are cut into calls, which several segments have: what they write is what the whole one does, and the
/// image has the weights of all parts once.
TEST(Layers, InParts) {
  size_t parts = 0, shared = 0;
  for (uint64_t seed = 0; seed < 2; ++seed) {
    LayerGenerator random(seed);
    std::vector<vm::Layer> list;
    struct Of {
      size_t whole;
      layers::Part at;
    };
    std::vector<Of> of;
    for (int i = 0; i < 6; ++i) {
      const vm::Layer layer = i % 4 == 1 ? of_memory(random) : random.layer();
      const size_t whole = list.size();
      list.push_back(layer);
      of.push_back({whole, {}});
      const auto cut = layers::split(layer, 1 + random.below(12));
      ASSERT_TRUE(cut) << cut.error().message;
      for (const layers::Part& part : *cut) {
        list.push_back(part.layer);
        of.push_back({whole, part});
      }
      parts += cut->size() - 1;
    }
    LayerGuest layers(std::move(list), seed);
    for (size_t i = 0; i < of.size(); ++i) {
      layers.places[i].in = layers.places[of[i].whole].in + of[i].at.in;
      layers.places[i].b = layers.places[of[i].whole].b + of[i].at.b;
    }
    Guest guest = Guest::of(layers.elf());
    for (size_t i = 0; i < of.size(); ++i) {
      const auto [narrow, wide] = guest.image->layers().weights_rows(i);
      shared += layers.layers[i].weights.empty() ? 0 : narrow + wide == 0;
    }
    SessionOptions options;
    options.params = quick_params();
    options.segment_cycles = 150;
    EXPECT_EQ(check_execution(guest, {}, options), "") << "seed " << seed;
    const Proven proven = prove_execution(guest, {}, options);
    EXPECT_EQ(proven.execution.journal, layers.journal());
    EXPECT_GE(proven.segments.size(), 2u);
  }
  EXPECT_GT(parts, 8u);
  EXPECT_GT(shared, 8u);
}

/// A guest that calls one layer, in parts; input is zeros, and nothing is committed.
std::vector<uint8_t> elf_of(const std::vector<layers::Part>& parts, const vm::Layer& whole) {
  constexpr uint32_t kIn = 0x1000000, kB = 0x2000000, kOut = 0x3000000;
  Assembler text;
  std::vector<vm::Layer> layers;
  for (const auto& [layer, in, b, out] : parts) {
    const uint32_t number = vm::call_number(layer), id = static_cast<uint32_t>(layers.size());
    if (vm::has_second_input(layer))
      text.call(number, id, kIn + in, kB + b, kOut + out);
    else
      text.call(number, id, kIn + in, kOut + out);
    layers.push_back(layer);
  }
  text.exit(0);
  ElfFile file = ElfFile::of(text.words());
  const auto declare = [&](uint32_t address, uint64_t bytes) {
    file.segments.push_back(
        {address, PF_R | PF_W, {}, static_cast<uint32_t>((bytes + 0xffff) & ~uint64_t{0xffff})});
  };
  declare(kIn, whole.in_extent());
  if (vm::has_second_input(whole)) declare(kB, vm::second_extent(whole));
  declare(kOut, whole.out_extent());
  file.sections.push_back({".zkvm.layers", vm::write_layers(layers)});
  return file.bytes();
}

/// A layer that no segment has room for is refused whole, and proven in the parts that call_rows() says.
TEST(Layers, InPartsThatTheMemoryHasRoomFor) {
  constexpr uint64_t kMemory = 256u << 20;
  const auto padded = [](uint32_t channels, uint32_t size) {
    return layers::Layout{.shape = {channels, size, size},
                          .row = size + 1,
                          .lead = size + 2,
                          .tail = size + 2,
                          .gap = 0};
  };
  const auto as_output = [](layers::Layout layout) {
    return layers::Layout{.shape = layout.shape, .row = layout.shape.width, .gap = {}};
  };
  const layers::Window window{.kernel = {3, 3}, .pads = {1, 1, 1, 1}};
  layers::Linear conv{.name = "conv", .outputs = 32, .window = window};
  conv.input.zero_point = -128;
  conv.weights.assign(32 * 32 * 9, 1);
  conv.bias.assign(32, 100);
  conv.weight_scales = {0.01f};
  const layers::Layout of_conv = padded(32, 112), of_pool = padded(8, 72);
  const auto whole_conv = layers::lower(conv, of_conv, as_output(of_conv));
  const auto whole_pool =
      layers::lower(layers::MaxPool{"pool", window}, of_pool, as_output(of_pool));
  size_t segments = 0;
  for (const auto& whole : {whole_conv, whole_pool}) {
    ASSERT_TRUE(whole) << whole.error().message;
    SCOPED_TRACE(whole->name);
    SessionOptions options;
    options.memory_bytes = kMemory;
    Guest uncut = Guest::of(elf_of({{.layer = *whole}}, *whole));
    const auto refused = Session::plan(uncut.program, *uncut.image, {}, options);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message,
                testing::HasSubstr("for the call of layer " + whole->name +
                                   ", which no segment splits, found 256 MiB"));
    const auto parts = layers::split(*whole, call_rows(kMemory));
    ASSERT_TRUE(parts) << parts.error().message;
    Guest guest = Guest::of(elf_of(*parts, *whole));
    segments += prove_execution(guest, {}, options).segments.size();
  }
  EXPECT_GE(segments, 3u);
}

/// The groups that a segment lists, ascending.
std::set<size_t> groups_of(std::span<const BankUse> uses) {
  std::set<size_t> groups;
  for (const BankUse& use : uses)
    if (is_layers_bank(use.bank)) groups.insert(layer_group(use.bank));
  return groups;
}

/// Each layer is a group of its own: several in a segment, and segments of one or none.
TEST(Layers, InGroups) {
  LayerGenerator random(78);
  std::vector<vm::Layer> list = {dense_layer(2, 8, 1), random.pair(), random.pair()};
  for (int i = 0; i < 4; ++i) list.push_back(random.layer());
  const LayerGuest layers(std::move(list), 6);
  Guest guest = Guest::of(layers.elf(), 1);
  ASSERT_EQ(guest.image->layers().groups(), layers.layers.size());
  SessionOptions options;
  options.params = quick_params();
  options.seed.emplace();
  EXPECT_EQ(check_execution(guest, {}, options), "");
  const Proven whole = prove_execution(guest, {}, options);
  EXPECT_EQ(whole.execution.journal, layers.journal());
  ASSERT_EQ(whole.segments.size(), 1u);
  EXPECT_EQ(groups_of(whole.segments[0].uses).size(), layers.layers.size());

  guest.image->keep_all_groups(false);
  options.segment_cycles = 22;  // a call and its writes, mostly
  EXPECT_EQ(check_execution(guest, {}, options), "");
  const Proven proven = prove_execution(guest, {}, options);
  EXPECT_EQ(proven.execution.journal, layers.journal());
  std::set<size_t> all;
  for (const SegmentProof& segment : proven.segments) {
    const std::set<size_t> groups = groups_of(segment.uses);
    EXPECT_LE(groups.size(), 2u);
    all.insert(groups.begin(), groups.end());
  }
  EXPECT_EQ(all.size(), layers.layers.size());
  const auto done = std::span(proven.segments).first(2);
  const Proven resumed = prove_execution(guest, {}, options, done);
  for (size_t i = 2; i < proven.segments.size(); ++i)
    EXPECT_EQ(resumed.segments[i].proof, proven.segments[i].proof) << i;
}

/// SOUNDNESS: what two groups answer, they answer under different keys, powers alone excepted; and what one
/// group has of each layer is what it has where all layers are one group.
TEST(LayerImage, KeysAreNumberedThroughGroups) {
  LayerGenerator random(79);
  std::vector<vm::Layer> list = {dense_layer(2, 8, 1), dense_layer(2, 8, 1), random.pair()};
  for (int i = 0; i < 12; ++i) list.push_back(random.layer());
  list.push_back(list[2]);
  list.push_back(dense_layer(150, 1020, 3));  // with weights in rows of 64
  for (uint32_t i = 0; i < list.size(); ++i) list[i].id = 7 * i;
  const auto one = LayerImage::of(list, 2), groups = LayerImage::of(list, 2, 1);
  ASSERT_TRUE(one && groups);
  EXPECT_EQ(one->groups(), 1u);
  ASSERT_EQ(groups->groups(), list.size());
  // By bus and number of the tuple's key, the group that answers it.
  std::map<std::pair<uint16_t, uint32_t>, size_t> answers;
  for (size_t g = 0; g < groups->groups(); ++g) {
    EXPECT_EQ(groups->group_of(g), g);
    Image image;
    image.layer_heights = groups->heights();
    image.layers.resize(list.size());
    const std::vector<BankUse> uses = {{kMachineBank}, {layers_bank(g), true}};
    const auto circuit = machine_circuit(image, uses);
    ASSERT_TRUE(circuit) << circuit.error().message;
    const auto counts = std::make_shared<const LayerCounts>(groups->no_counts());
    for (const Table& table : groups->tables(*circuit, g, counts)) {
      const ChipKey& chip = circuit->key().chips[table.chip];
      if (circuit->recorded(table.chip).key.name == chips::PowersTable::kName) continue;
      std::vector<Fp> row(table.width);
      for (uint64_t r = 0; r < table.height(); ++r) {
        table.read(r, 1, row.data());
        for (const Interaction& answer : chip.interactions) {
          const AffineForm& form = answer.tuple[0];
          Fp key = Fp::from_wire(form.constant);
          for (const auto& [column, coefficient] : form.terms)
            key += Fp::from_wire(coefficient) * row[column];
          const bool pairs = answer.bus == chips::kPairByte.id;
          const bool layer = answer.bus == chips::kLayer.id;
          if (layer ? row[1] == Fp::from(1 << 16) : key.value() < (pairs ? 1u << 16 : 1u)) continue;
          const auto [found, is_new] = answers.try_emplace({answer.bus, key.value()}, g);
          EXPECT_EQ(found->second, g) << chip.name << ": key " << key.value();
        }
      }
    }
  }
  std::set<uint16_t> buses;
  for (const auto& [key, group] : answers) buses.insert(key.first);
  EXPECT_EQ(buses.size(), 8u);  // all but powers
}

/// Groups are as long as fits.
TEST(LayerImage, AGroupTakesWhatFits) {
  std::vector<vm::Layer> list;
  for (uint32_t i = 0; i < 300; ++i) list.push_back(dense_layer(40, 32, i));
  for (uint32_t i = 0; i < list.size(); ++i) list[i].id = i;
  const auto one = LayerImage::of(list, 2);
  ASSERT_TRUE(one);
  EXPECT_EQ(one->groups(), 1u);
  for (const uint64_t most : {uint64_t{1} << 20, one->cells() / 2, one->cells() - 1}) {
    const auto image = LayerImage::of(list, 2, most);
    ASSERT_TRUE(image);
    ASSERT_GE(image->groups(), 2u);
    for (size_t g = 0; g < image->groups(); ++g) {
      EXPECT_LE(image->cells(g), most);
      if (g + 1 == image->groups()) continue;
      size_t end = 0;
      while (image->group_of(end) <= g) ++end;
      size_t first = 0;
      while (image->group_of(first) < g) ++first;
      const auto longer = LayerImage::of(std::span(list).subspan(first, end + 1 - first), 2);
      EXPECT_GT(longer->cells(), most) << "group " << g;
    }
    EXPECT_EQ(image->group_of(list.size() - 1), image->groups() - 1);
  }
  EXPECT_EQ(LayerImage::of(list, 2, one->cells())->groups(), 1u);
  // Tables with next columns are short where there is one group only.
  constexpr auto kPowers = static_cast<size_t>(LayerTable::kPowers);
  EXPECT_EQ(one->heights()[0][kPowers], kMinLogLayers);
  EXPECT_EQ(LayerImage::of(list, 2, 1 << 20)->heights()[0][kPowers], kMinLogLayers + 1);
}

/// Segments are as few as memory allows; a call that does not fit alone is named.
TEST(Layers, AreSpreadOverSegmentsByMemory) {
  std::vector<vm::Layer> list;
  for (uint32_t i = 0; i < 8; ++i) {
    vm::Layer& layer = list.emplace_back(dense_layer(4, 128, i));
    layer.name = "layer" + std::to_string(i);
    layer.functions.clear();
    for (uint32_t o = 0; o < layer.outputs; ++o) {
      vm::LayerFunction function;
      for (int step = 0; step < 256; ++step)
        function.steps.push_back({40 * step + static_cast<int>(o), static_cast<uint8_t>(step + i)});
      layer.functions.push_back(function);
      layer.function_of[o] = static_cast<uint16_t>(o);
    }
    layer.quads = 4;
  }
  const LayerGuest layers(std::move(list), 6);
  const auto program = vm::load_elf(layers.elf());
  ASSERT_TRUE(program);
  auto groups = LayerImage::of(program->layers, kImageRate, 1 << 20);
  ASSERT_TRUE(groups);
  Image known = image_without_roots(*program, *groups);
  auto image = ProgramImage::of(*program, &known, {}, nullptr, 1 << 20);  // makes no tree
  ASSERT_TRUE(image);
  SessionOptions options;
  options.log_blowup = 1;
  size_t segments = 1;
  for (options.memory_bytes = 1000u << 20;; options.memory_bytes -= options.memory_bytes / 16) {
    const auto session = Session::plan(*program, *image, {}, options);
    if (!session) {
      EXPECT_EQ(session.error().code, ErrorCode::kMemory);
      EXPECT_THAT(session.error().message, ::testing::HasSubstr("memory: expected at least"));
      break;
    }
    EXPECT_GE(session->segments(), segments);
    segments = session->segments();
  }
  EXPECT_GE(segments, 4u);
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
  SessionOptions options;
  options.params = quick_params();
  const auto expect = [&](const char* chip, uint64_t rows, uint64_t height) {
    EXPECT_EQ(check_execution(guest, {}, options), "");
    const Proven proven = prove_execution(guest, {}, options);
    EXPECT_EQ(proven.execution.journal, layers.journal());
    const auto found = std::ranges::find(proven.stats.chips, chip, &SessionStats::Chip::name);
    ASSERT_NE(found, proven.stats.chips.end());
    EXPECT_EQ(found->rows, rows);
    EXPECT_EQ(found->height, height);
  };
  expect(chips::LayerReadWide::kName, 2450, 4096);  // of itself
  options.forms = kNarrow;
  expect(chips::LayerRead::kName, 9800, 8192 + 4096);
}

/// Wide forms are for those whose tables become less, least heights included.
TEST(Layers, FormsAreTheCheaperOnes) {
  vm::Layer layer = dense_layer(2, 8, 4);
  const auto expect = [&](size_t calls, uint32_t positions, bool read, bool write) {
    layer.positions = positions;
    const WideForms forms = choose_forms(std::vector<const vm::Layer*>(calls, &layer));
    EXPECT_EQ(forms.read != WideForms::kNever, read) << calls << " of " << positions;
    EXPECT_EQ(forms.write != WideForms::kNever, write) << calls << " of " << positions;
  };
  expect(1, 1, false, false);
  expect(1, 2000, false, false);
  expect(1, 4100, true, false);  // 2^14 rows, or 2^12 wide ones
  expect(1, 8200, true, true);
  expect(1000, 100, true, true);
  expect(10000, 2, false, false);
  expect(5000, 4, true, false);
  expect(5000, 7, true, true);
  layer.sums = true;
  layer.function_of.clear();
  expect(5000, 7, true, false);
}

/// Of 64 outputs a row, the last one not full, beside those of 16; in one group and in four, of which each has
/// one of the tables.
TEST(Layers, WeightsInTwoTables) {
  const LayerGuest layers({dense_layer(150, 1020, 1), dense_layer(3, 8, 2), dense_layer(20, 72, 3),
                           dense_layer(300, 512, 4)});
  ASSERT_TRUE(pays_weights64(layers.layers));
  for (const uint64_t group_cells : {kGroupCells, uint64_t{1}}) {
    Guest guest = Guest::of(layers.elf(), group_cells);
    const LayerImage& image = guest.image->layers();
    ASSERT_EQ(image.groups(), group_cells == 1 ? 4u : 1u);
    EXPECT_EQ(image.weights_rows(0), (std::array<uint64_t, 2>{0, 150 * 16}));
    EXPECT_EQ(image.weights_rows(1), (std::array<uint64_t, 2>{3, 0}));
    EXPECT_EQ(image.weights_rows(2), (std::array<uint64_t, 2>{20 * 5, 0}));
    EXPECT_EQ(image.weights_rows(3), (std::array<uint64_t, 2>{0, 300 * 8}));
    for (size_t g = 0; g < image.groups(); ++g) {
      const bool both = group_cells != 1, wide = g == 0 || g == 3;
      const int of_16 = both ? 12 : (wide ? 0 : 13), of_64 = both || wide ? 13 : 0;
      EXPECT_EQ(image.heights()[g][static_cast<size_t>(LayerTable::kWeights)], of_16);
      EXPECT_EQ(image.heights()[g][static_cast<size_t>(LayerTable::kWeights64)], of_64);
    }
    SessionOptions options;
    options.params = quick_params();
    EXPECT_EQ(check_execution(guest, {}, options), "");
    EXPECT_EQ(prove_execution(guest, {}, options).execution.journal, layers.journal());
  }
}

TEST(Layers, SecondTablesOfWeightsAreForMany) {
  const auto pays = [](uint32_t quads, uint32_t outputs) {
    return pays_weights64(std::vector{dense_layer(quads, outputs, 1)});
  };
  EXPECT_FALSE(pays(1, 4));
  EXPECT_FALSE(pays(100, 64 * 8));  // 2^12 rows of 16 outputs suffice
  EXPECT_FALSE(pays(200, 64 * 8));  // 2^13
  EXPECT_TRUE(pays(300, 64 * 8));
  EXPECT_TRUE(pays(3000, 48));
  EXPECT_FALSE(pays(6000, 32));  // half of a row of 64
}

/// So many steps that both tables of them have some; outputs that use the one and the other.
TEST(Layers, OfManySteps) {
  constexpr uint32_t kOutputs = 300;
  vm::Layer layer = dense_layer(3, kOutputs, 6);
  layer.functions.assign(kOutputs, {});
  for (uint32_t f = 0; f < kOutputs; ++f) {
    std::vector<vm::LayerFunction::Step>& steps = layer.functions[f].steps;
    for (int32_t i = 0; i < 256; ++i)
      steps.push_back({(i - 128) * 40 - static_cast<int32_t>(f), static_cast<uint8_t>(i)});
    layer.function_of[f] = static_cast<uint16_t>(f);
  }
  ASSERT_EQ(layer.complaint(), std::nullopt);
  const LayerGuest layers({layer});
  Guest guest = Guest::of(layers.elf());
  const LayerHeights& heights = guest.image->image().layer_heights[0];
  EXPECT_EQ(heights[static_cast<size_t>(LayerTable::kManySteps)], 12);  // 2^16 of some 76,800
  EXPECT_EQ(heights[static_cast<size_t>(LayerTable::kSteps)], 12);
  EXPECT_EQ(check_execution(guest, {}, {}), "");
  SessionOptions options;
  options.params = quick_params();
  EXPECT_EQ(prove_execution(guest, {}, options).execution.journal, layers.journal());
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
  std::vector<vm::Layer> nine(9, pool), pools;
  for (uint32_t i = 0; i < 9; ++i) nine[i].positions += i;  // no two have a list in common
  pools.assign(nine.begin(), nine.begin() + 3);
  EXPECT_EQ(LayerImage::of(pools, 2)->groups(), 3u);
  const auto image = LayerImage::of(pools, 2, std::numeric_limits<uint64_t>::max());
  ASSERT_FALSE(image);
  EXPECT_EQ(image.error().message,
            "layers: table windows: expected at most 4194304 rows, found 6291456 or more");
  const auto many = LayerImage::of(nine, 2);
  ASSERT_FALSE(many);
  EXPECT_EQ(many.error().message,
            "layers: lists of positions, channels, windows, pairs and products: expected at most "
            "16777216 rows, found 18874368 up to layer ");
}

}  // namespace
}  // namespace zkvm::stark::machine
