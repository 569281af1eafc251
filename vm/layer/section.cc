#include "vm/layer/section.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace zkvm::vm {
namespace {

static_assert(std::endian::native == std::endian::little);

constexpr uint32_t kMagic = 0x4c564b5a;  // "ZKVL"
constexpr uint32_t kVersion = 1;
constexpr size_t kTableBytes = 256;

struct BlobHeader {
  uint32_t magic, version, bytes;
};
static_assert(sizeof(BlobHeader) == 12);

constexpr uint8_t kSums = 1, kWideWeights = 2, kMemoryWeights = 4;
struct LayerHeader {
  uint8_t kind, flags, zero, name_bytes;
  uint32_t positions, back, step, quads, quad_step, outputs, groups;
  uint32_t taps, emits, weights, tables, functions;
};
static_assert(sizeof(LayerHeader) == 52);

struct PairHeader {
  uint32_t positions, step, quad_step;  // of b
  uint32_t table;
};
static_assert(sizeof(PairHeader) == 16);

constexpr uint8_t kByOutputs = 1, kBias = 2;
struct MemoryWeightsHeader {
  uint32_t lane_step, row_step, product_step, bias;
  uint8_t zero, flags;
  uint16_t reserved;
};
static_assert(sizeof(MemoryWeightsHeader) == 20);

constexpr uint8_t kSigned = 1, kTable = 2, kSteps = 4;
struct FunctionHeader {
  uint32_t scale;
  int16_t zero_point;
  uint8_t flags, reserved;
  uint32_t number;
};
static_assert(sizeof(FunctionHeader) == 12);

using Table = std::span<const uint8_t>;
bool before(Table a, Table b) { return std::ranges::lexicographical_compare(a, b); }

bool is_wide(int16_t weight) { return weight != static_cast<int8_t>(weight); }

class Writer {
 public:
  template <class T>
  void one(const T& value) {
    array(std::span(&value, 1));
  }
  template <class T>
  void array(std::span<const T> values) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(values.data());
    bytes_.insert(bytes_.end(), bytes, bytes + values.size_bytes());
    bytes_.resize((bytes_.size() + 3) & ~size_t{3});
  }
  template <class T>
  void array(const std::vector<T>& values) {
    array(std::span<const T>(values));
  }

  void layer(const Layer& layer);
  std::vector<uint8_t> blob() &&;

 private:
  void function(const LayerFunction& f, uint32_t table);
  void memory_weights(const Layer::MemoryWeights& w);
  void pair(const Layer& layer);

  std::map<Table, uint32_t, decltype(&before)> pair_tables_{&before};  // numbers
  std::vector<uint8_t> bytes_ = std::vector<uint8_t>(sizeof(BlobHeader));
};

void Writer::layer(const Layer& layer) {
  ZK_CHECK(!layer.complaint());
  std::map<Table, uint32_t, decltype(&before)> number_of(&before);
  std::vector<uint8_t> tables;
  for (const LayerFunction& f : layer.functions) {
    if (f.table.empty()) continue;
    if (number_of.try_emplace(f.table, static_cast<uint32_t>(number_of.size())).second)
      tables.insert(tables.end(), f.table.begin(), f.table.end());
  }
  const bool linear = layer.kind == Layer::Kind::kLinear;
  const bool wide = std::ranges::any_of(layer.weights, is_wide);
  one(LayerHeader{
      .kind = static_cast<uint8_t>(layer.kind),
      .flags = static_cast<uint8_t>((layer.sums ? kSums : 0) | (wide ? kWideWeights : 0) |
                                    (layer.memory_weights ? kMemoryWeights : 0)),
      .zero = layer.zero,
      .name_bytes = static_cast<uint8_t>(layer.name.size()),
      .positions = layer.positions,
      .back = layer.back,
      .step = layer.step,
      .quads = layer.quads,
      .quad_step = layer.quad_step,
      .outputs = linear ? layer.outputs : 0,
      .groups = layer.groups,
      .taps = static_cast<uint32_t>(layer.taps.size()),
      .emits = static_cast<uint32_t>(layer.emits.size()),
      .weights = static_cast<uint32_t>(layer.weights.size()),
      .tables = static_cast<uint32_t>(number_of.size()),
      .functions = static_cast<uint32_t>(layer.functions.size())});
  array(std::span(layer.name.data(), layer.name.size()));
  array(layer.taps);
  array(layer.emits);
  if (wide) {
    array(layer.weights);
  } else {
    array(std::vector<int8_t>(layer.weights.begin(), layer.weights.end()));
  }
  array(layer.bias);
  array(tables);
  for (const LayerFunction& f : layer.functions)
    function(f, f.table.empty() ? 0 : number_of.at(f.table));
  array(layer.function_of);
  if (layer.memory_weights) memory_weights(*layer.memory_weights);
  if (layer.kind == Layer::Kind::kPair) pair(layer);
}

void Writer::memory_weights(const Layer::MemoryWeights& w) {
  one(MemoryWeightsHeader{
      .lane_step = w.lane_step,
      .row_step = w.row_step,
      .product_step = w.product_step,
      .bias = w.bias.value_or(0),
      .zero = w.zero,
      .flags = static_cast<uint8_t>((w.by_outputs ? kByOutputs : 0) | (w.bias ? kBias : 0)),
      .reserved = 0});
}

void Writer::pair(const Layer& layer) {
  const Table table = layer.pair_table.bytes();
  const auto [known, is_new] =
      pair_tables_.try_emplace(table, static_cast<uint32_t>(pair_tables_.size()));
  one(PairHeader{layer.positions_b, layer.step_b, layer.quad_step_b, known->second});
  if (is_new) array(table);
}

void Writer::function(const LayerFunction& f, uint32_t table) {
  const bool steps = !f.steps.empty();
  one(FunctionHeader{
      .scale = f.scale,
      .zero_point = f.zero_point,
      .flags = static_cast<uint8_t>((f.is_signed ? kSigned : 0) | (f.table.empty() ? 0 : kTable) |
                                    (steps ? kSteps : 0)),
      .reserved = 0,
      .number = steps ? static_cast<uint32_t>(f.steps.size()) : table});
  std::vector<int32_t> from;
  std::vector<uint8_t> value;
  for (const LayerFunction::Step& step : f.steps) {
    from.push_back(step.from);
    value.push_back(step.value);
  }
  array(from);
  array(value);
}

std::vector<uint8_t> Writer::blob() && {
  ZK_CHECK(bytes_.size() <= std::numeric_limits<uint32_t>::max());
  const BlobHeader header{kMagic, kVersion, static_cast<uint32_t>(bytes_.size())};
  std::memcpy(bytes_.data(), &header, sizeof(header));
  return std::move(bytes_);
}

// What is left of the limits of a section.
struct Budget {
  size_t layers = kMaxLayers, tabled_functions = kMaxTabledFunctions;
  uint64_t weights = kMaxSectionWeights;
};

// Reads a blob. The first fault stays; what is read after it is zero or empty.
class Reader {
 public:
  Reader(std::span<const uint8_t> blob, Budget& budget) : left_(blob), budget_(budget) {
    one<BlobHeader>("header");
  }

  bool at_end() const { return left_.empty(); }
  const std::optional<std::string>& fault() const { return fault_; }
  Layer layer();

 private:
  template <class... Args>
  void fail(fmt::format_string<Args...> format, Args&&... args) {
    if (!fault_) fault_ = fmt::format(format, std::forward<Args>(args)...);
    left_ = {};
  }

  template <class T>
  T one(const char* what) {
    const std::vector<T> read = array<T>(what, 1);
    return read.empty() ? T{} : read.front();
  }
  // Nothing is allocated before the bytes are known to be there.
  template <class T>
  std::vector<T> array(const char* what, uint64_t count) {
    std::vector<T> read;
    if (!has(what, count * sizeof(T))) return read;
    const std::span<const uint8_t> bytes = take(count * sizeof(T));
    read.resize(count);
    if (count != 0) std::memcpy(read.data(), bytes.data(), bytes.size());
    return read;
  }
  // Whether so many bytes are there. Blobs are of whole words: then so is their padding.
  bool has(const char* what, uint64_t bytes) {
    if (bytes > left_.size()) fail("{}: expected {} bytes, found {}", what, bytes, left_.size());
    return !fault_;
  }
  // REQUIRES: has(bytes).
  std::span<const uint8_t> take(size_t bytes) {
    const auto taken = left_.first(bytes);
    const auto padding = left_.subspan(bytes, (4 - bytes % 4) % 4);
    left_ = left_.subspan(bytes + padding.size());
    for (const uint8_t byte : padding)
      if (byte != 0) fail("padding: expected 0, found {}", byte);
    return taken;
  }
  template <class T>
  void spend(const char* what, T& left, T amount) {
    if (amount > left)
      return fail("{} in the section: expected {} more, found {}", what, left, amount);
    left -= amount;
  }

  void weights(Layer& layer, const LayerHeader& header);
  void functions(Layer& layer, const LayerHeader& header);
  LayerFunction function(std::span<const uint8_t> tables, uint32_t& used);
  Layer::MemoryWeights memory_weights();
  void pair(Layer& layer);

  std::vector<PairTable> pair_tables_;
  std::set<Table, decltype(&before)> distinct_{&before};  // of pair_tables_
  std::span<const uint8_t> left_;                         // a multiple of 4
  Budget& budget_;
  std::optional<std::string> fault_;
};

Layer Reader::layer() {
  spend("layers", budget_.layers, size_t{1});
  const auto header = one<LayerHeader>("layer");
  const bool linear = header.kind == static_cast<uint8_t>(Layer::Kind::kLinear);
  const bool is_pair = header.kind == static_cast<uint8_t>(Layer::Kind::kPair);
  if (header.kind > static_cast<uint8_t>(Layer::Kind::kPair))
    fail("kind: expected 0..2, found {}", header.kind);
  const bool in_memory = (header.flags & kMemoryWeights) != 0;
  if ((header.flags & ~(kSums | kWideWeights | kMemoryWeights)) != 0)
    fail("flags: expected 0..7, found {}", header.flags);
  if (!linear && header.outputs != 0)
    fail("outputs of a {}: expected 0, found {}", is_pair ? "pair" : "max pool", header.outputs);
  const auto name = array<char>("name", header.name_bytes);
  Layer layer{.id = 0,
              .name = {name.begin(), name.end()},
              .kind = static_cast<Layer::Kind>(header.kind),
              .positions = header.positions,
              .back = header.back,
              .step = header.step,
              .quads = header.quads,
              .quad_step = header.quad_step,
              .zero = header.zero,
              .taps = array<uint32_t>("taps", header.taps),
              .emits = array<Layer::Emit>("emits", header.emits),
              .groups = header.groups,
              .sums = (header.flags & kSums) != 0,
              .weights = {},
              .bias = {},
              .functions = {},
              .function_of = {},
              .pair_table = {}};
  if (linear) layer.outputs = header.outputs;
  weights(layer, header);
  layer.bias = array<int32_t>("biases", in_memory ? 0 : header.outputs);
  functions(layer, header);
  layer.function_of = array<uint16_t>("functions of outputs", layer.sums ? 0 : header.outputs);
  if (in_memory) layer.memory_weights = memory_weights();
  if (is_pair) pair(layer);
  if (fault_) return layer;
  if (const auto complaint = layer.complaint())
    fail("expected a layer that the tensor unit has, found: {}", *complaint);
  return layer;
}

void Reader::weights(Layer& layer, const LayerHeader& header) {
  spend("weights", budget_.weights, uint64_t{header.weights});
  if ((header.flags & kWideWeights) == 0) {
    const auto narrow = array<int8_t>("weights", header.weights);
    layer.weights.assign(narrow.begin(), narrow.end());
    return;
  }
  layer.weights = array<int16_t>("weights", header.weights);
  if (std::ranges::none_of(layer.weights, is_wide))
    fail("weights: expected one that needs 16 bits, found none");
}

void Reader::functions(Layer& layer, const LayerHeader& header) {
  const auto tables = array<uint8_t>("tables", uint64_t{header.tables} * kTableBytes);
  std::vector<Table> sorted;
  for (size_t i = 0; i < tables.size(); i += kTableBytes)
    sorted.push_back(std::span(tables).subspan(i, kTableBytes));
  std::ranges::sort(sorted, before);
  if (std::ranges::adjacent_find(sorted, [](Table a, Table b) { return !before(a, b); }) !=
      sorted.end())
    fail("tables: expected each once, found one twice");
  if (!has("functions", header.functions * sizeof(FunctionHeader))) return;
  layer.functions.reserve(header.functions);
  uint32_t used = 0;
  for (uint32_t i = 0; i < header.functions && !fault_; ++i)
    layer.functions.push_back(function(tables, used));
  if (used != header.tables) fail("tables: expected {} as used, found {}", used, header.tables);
}

Layer::MemoryWeights Reader::memory_weights() {
  const auto header = one<MemoryWeightsHeader>("weights in memory");
  const bool has_bias = (header.flags & kBias) != 0;
  if ((header.flags & ~(kByOutputs | kBias)) != 0 || header.reserved != 0)
    fail("weights in memory: expected flags 0..3 and 0, found {} and {}", header.flags,
         header.reserved);
  if (!has_bias && header.bias != 0)
    fail("biases in memory: expected 0 where there are none, found {}", header.bias);
  return {.by_outputs = (header.flags & kByOutputs) != 0,
          .zero = header.zero,
          .lane_step = header.lane_step,
          .row_step = header.row_step,
          .product_step = header.product_step,
          .bias = has_bias ? std::optional(header.bias) : std::nullopt};
}

// A table is there where it is used first; each layer has 64 KiB of its own in the file, or shares them.
void Reader::pair(Layer& layer) {
  const auto header = one<PairHeader>("pair");
  layer.positions_b = header.positions;
  layer.step_b = header.step;
  layer.quad_step_b = header.quad_step;
  if (header.table > pair_tables_.size())
    fail("table of a pair: expected at most {}, the next, found {}", pair_tables_.size(),
         header.table);
  if (fault_) return;
  if (header.table == pair_tables_.size()) {
    if (!has("table of a pair", PairTable::kBytes)) return;
    const Table table = take(PairTable::kBytes);
    if (!distinct_.insert(table).second)
      return fail("tables of pairs: expected each once, found one twice");
    pair_tables_.emplace_back(std::vector(table.begin(), table.end()));
  }
  layer.pair_table = pair_tables_[header.table];
}

// `used`: tables that functions before have.
LayerFunction Reader::function(std::span<const uint8_t> tables, uint32_t& used) {
  const auto header = one<FunctionHeader>("function");
  const bool has_table = (header.flags & kTable) != 0, has_steps = (header.flags & kSteps) != 0;
  LayerFunction f{.scale = header.scale,
                  .zero_point = header.zero_point,
                  .is_signed = (header.flags & kSigned) != 0,
                  .table = {},
                  .steps = {}};
  if ((header.flags & ~(kSigned | kTable | kSteps)) != 0 || header.reserved != 0 ||
      (has_table && has_steps))
    fail("function: expected flags for a table or for steps, found {} and {}", header.flags,
         header.reserved);
  if (has_table) {
    spend("functions with tables", budget_.tabled_functions, size_t{1});
    if (header.number > used || header.number >= tables.size() / kTableBytes)
      fail("table: expected one of {} and at most {}, the next, found {}",
           tables.size() / kTableBytes, used, header.number);
    if (fault_) return f;
    if (header.number == used) ++used;
    const auto table = tables.subspan(header.number * kTableBytes, kTableBytes);
    f.table.assign(table.begin(), table.end());
  } else if (has_steps) {
    if (header.number == 0) fail("steps: expected some, found none");
    const auto from = array<int32_t>("steps", header.number);
    const auto value = array<uint8_t>("steps", header.number);
    if (fault_) return f;
    f.steps.reserve(header.number);
    for (size_t i = 0; i < from.size(); ++i) f.steps.push_back({from[i], value[i]});
  } else if (header.number != 0) {
    fail("function: expected 0 where there is neither table nor steps, found {}", header.number);
  }
  return f;
}

template <class... Args>
tl::unexpected<Error> fail_at(size_t offset, fmt::format_string<Args...> format, Args&&... args) {
  return tl::unexpected(
      Error{ErrorCode::kBadLayers, fmt::format("{}: blob at {:#x}: {}", kLayerSection, offset,
                                               fmt::format(format, std::forward<Args>(args)...))});
}

}  // namespace

std::vector<uint8_t> write_layers(std::span<const Layer> layers) {
  Writer writer;
  for (const Layer& layer : layers) writer.layer(layer);
  return std::move(writer).blob();
}

Result<std::vector<Layer>> read_layers(std::span<const uint8_t> section) {
  if (section.size() > std::numeric_limits<uint32_t>::max())
    return fail_at(0, "expected less than 4 GiB, found {} bytes", section.size());
  std::vector<Layer> layers;
  Budget budget;
  for (size_t offset = 0; offset < section.size();) {
    const auto left = section.subspan(offset);
    BlobHeader header;
    if (left.size() < sizeof(header))
      return fail_at(offset, "expected at least {} bytes, found {}", sizeof(header), left.size());
    std::memcpy(&header, left.data(), sizeof(header));
    if (header.magic != kMagic || header.version != kVersion)
      return fail_at(offset, "expected {:#x} and version {}, found {:#x} and version {}", kMagic,
                     kVersion, header.magic, header.version);
    if (header.bytes < sizeof(header) || header.bytes % 4 != 0 || header.bytes > left.size())
      return fail_at(offset, "expected {} to {} bytes, a multiple of 4, found {}", sizeof(header),
                     left.size(), header.bytes);
    Reader reader(left.first(header.bytes), budget);
    // A layer has more than one byte: no two have one id.
    for (auto id = static_cast<uint32_t>(offset); !reader.at_end(); ++id) {
      Layer layer = reader.layer();
      if (reader.fault()) return fail_at(offset, "layer {}: {}", id - offset, *reader.fault());
      layer.id = id;
      layers.push_back(std::move(layer));
    }
    offset += header.bytes;
  }
  return layers;
}

}  // namespace zkvm::vm
