#include "stark/session/rows/layer_rows.h"

#include <zk/check.h>

#include <algorithm>
#include <array>
#include <iterator>
#include <set>

#include "stark/air/recorder.h"
#include "stark/chips/layer/bias.h"
#include "stark/chips/layer/call.h"
#include "stark/chips/layer/layer_tables.h"
#include "stark/chips/layer/pair.h"
#include "stark/chips/layer/pair_call.h"
#include "stark/chips/layer/pool.h"
#include "stark/chips/layer/product.h"
#include "stark/chips/layer/read.h"
#include "stark/chips/layer/read_weights.h"
#include "stark/chips/layer/weights_call.h"
#include "stark/chips/layer/write_bytes.h"
#include "stark/chips/layer/write_words.h"
#include "stark/machine/circuit.h"
#include "stark/session/rows/table_heights.h"
#include "vm/layer/layer_call.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;

bool reads_wide(const vm::Layer& layer, const WideForms& forms) {
  return layer.kind == vm::Layer::Kind::kLinear && layer.positions >= forms.read;
}
bool writes_wide(const vm::Layer& layer, const WideForms& forms) {
  return layer.kind == vm::Layer::Kind::kLinear && !layer.sums && layer.rows() >= forms.write;
}

/// Rows of a run of so many positions.
constexpr uint32_t rows_for(uint32_t positions, uint32_t lanes) {
  return (positions + lanes - 1) / lanes;
}
/// Rows of a word of output, of bytes.
uint32_t rows_of_word(const vm::Layer& layer, const WideForms& forms) {
  return rows_for(layer.rows(), writes_wide(layer, forms) ? LayerWriteBytesWide::kLanes : 1);
}

const char* writer_of(const vm::Layer& layer, const WideForms& forms) {
  if (layer.kind == vm::Layer::Kind::kMaxPool) return LayerPool::kName;
  if (layer.kind == vm::Layer::Kind::kPair) return LayerPair::kName;
  if (layer.sums) return LayerWriteWords::kName;
  return writes_wide(layer, forms) ? LayerWriteBytesWide::kName : LayerWriteBytes::kName;
}

/// One call as the record has it.
struct Call {
  size_t layer;
  uint32_t clk, in, b, out;  // b of pairs, or of weights in memory
  // [quad][position], [quad][position of b] or [product][output of its group], [output], [word][emit]
  std::span<const vm::Access> reads, reads_b, biases, writes;

  [[nodiscard]] uint32_t word_read(const vm::Layer& of, uint32_t quad, uint32_t position) const {
    return reads[size_t{quad} * of.positions + position].value;
  }
};

std::vector<Call> calls_of(const LayerImage& layers, const vm::Segment& segment) {
  std::vector<Call> out;
  if (!segment.layer_calls) return out;
  const auto words = segment.layer_words.rows<vm::Access>();
  for (const vm::LayerRow& row : segment.layer_calls.rows<vm::LayerRow>()) {
    const vm::Layer& layer = layers.layer(row.layer);
    const bool two = vm::has_second_input(layer);
    const size_t read = size_t{layer.quads} * layer.positions, all = layer.words_read(),
                 biases = layer.bias_words();
    out.push_back({row.layer, row.clk, row.a1.value, two ? row.a2.value : 0,
                   two ? row.a3.value : row.a2.value, words.subspan(row.word, read),
                   words.subspan(row.word + read, all - biases - read),
                   words.subspan(row.word + all - biases, biases),
                   words.subspan(row.word + all, layer.words_written())});
  }
  return out;
}

Fp5 get(const Fp* cells) { return {{cells[0], cells[1], cells[2], cells[3], cells[4]}}; }
void put(Fp* cells, const Fp5& x) { std::copy_n(x.c, 5, cells); }

template <class Row>
bool is_real(const Row& row) {
  if constexpr (requires { row.live; })
    return row.live[0] == Fp::one();
  else
    return row.real == Fp::one();
}

/// Sums by Horner of what a table has, from its last row to its first. visit(row, goes on in its run,
/// goes on in its job).
template <class Chip, class Visit>
void backwards(const Table& table, Visit visit) {
  using Row = typename Chip::template Cols<Fp>;
  constexpr size_t kKept = kWidth<Chip> - kLateWidth<Chip>;
  constexpr uint64_t kBlock = 256;
  ZK_CHECK(table.width == kKept);
  std::vector<Fp> cells(kBlock * kKept);
  bool run = false, job = false;
  Row row{};
  for (uint64_t end = table.height(); end > 0;) {
    const uint64_t count = std::min(kBlock, end);
    end -= count;
    table.read(end, count, cells.data());
    for (uint64_t r = count; r-- > 0;) {
      std::copy_n(&cells[r * kKept], kKept, reinterpret_cast<Fp*>(&row));
      visit(end + r, row, run, job);
      job = is_real(row) && row.first != Fp::one();
      if constexpr (requires { row.start; }) run = is_real(row) && row.start != Fp::one();
    }
  }
}

// The last row's next is the first, which begins a job: nothing goes on from there.

template <class Chip>
void late_read(const Witness&, const Table& table, const LatePowers& late, Fp* out) {
  Fp5 x[4];
  backwards<Chip>(table, [&](uint64_t r, const auto& row, bool run, bool) {
    for (int k = 0; k < 4; ++k) {
      x[k] = run ? x[k] * late(kMu, Chip::kLanes) : Fp5{};
      x[k] += Fp5::one() * (row.lane[0].word.byte[k] - row.zero);
      for (unsigned i = 1; i < Chip::kLanes; ++i)
        x[k] += late(kMu, i) * (row.live[i] * (row.lane[i].word.byte[k] - row.zero));
      put(out + 20 * r + 5 * k, x[k]);
    }
  });
}

void late_read_weights(const Witness&, const Table& table, const LatePowers& late, Fp* out) {
  Fp5 v[4];
  backwards<LayerReadWeights>(table, [&](uint64_t r, const auto& row, bool run, bool) {
    for (size_t k = 0; k < 4; ++k) {
      v[k] = run ? v[k] * late(kLambda, 4) : Fp5{};
      for (unsigned i = 0; i < 4; ++i) {
        const Fp by_channels = row.word[i].byte[k], by_outputs = row.word[k].byte[i];
        const Fp weight = by_channels + row.by_outputs * (by_outputs - by_channels) - row.zero;
        v[k] += (i == 0 ? Fp5::one() : late(kLambda, i)) * weight;
      }
      put(out + 20 * r + 5 * k, v[k]);
    }
  });
}

void late_bias(const Witness&, const Table& table, const LatePowers& late, Fp* out) {
  const Fp5 mu = late(kMu, 1), unit = inverse(mu - Fp5::one());
  Fp5 v;
  backwards<LayerBias>(table, [&](uint64_t r, const auto& row, bool, bool job) {
    v = job ? v * late(kLambda, 1) : Fp5{};
    v += Fp5::one() *
         (row.value.lo + row.value.hi * fp(kLimb) - row.negative * Fp::from(uint64_t{1} << 32));
    Fp* cells = out + LayerBias::kLateWidth * r;
    put(cells, v);
    if (row.first != Fp::one()) return;
    const Fp5 power = pow(mu, row.positions.value()), ones = (power - Fp5::one()) * unit;
    put(cells + 5, ones);
    put(cells + 10, power);
    put(cells + 15, ones * v);
  });
}

/// `positions`: of a row.
template <class Chip, class Outputs>
void late_write(const Table& table, const LatePowers& late, unsigned positions, unsigned outputs,
                Fp* out, const Outputs& sum_of) {
  Fp5 y, total;
  backwards<Chip>(table, [&](uint64_t r, const auto& row, bool run, bool job) {
    y = run ? y * late(kMu, positions) : Fp5{};
    y += sum_of(row);
    if (!job) total = {};
    if (row.start == Fp::one()) total = y + total * late(kLambda, outputs);
    put(out + 10 * r, y);
    put(out + 10 * r + 5, total);
  });
}

template <class Chip>
void late_write_bytes(const Witness&, const Table& table, const LatePowers& late, Fp* out) {
  late_write<Chip>(table, late, Chip::kLanes, 4, out, [&](const auto& row) {
    Fp5 sum;
    for (unsigned i = 0; i < Chip::kLanes; ++i) {
      Fp5 outputs = Fp5::one() * row.lane[i].raw[0];
      for (unsigned k = 1; k < 4; ++k) outputs += late(kLambda, k) * row.lane[i].raw[k];
      sum += i == 0 ? outputs : outputs * late(kMu, i) * row.live[i];
    }
    return sum;
  });
}

void late_write_words(const Witness&, const Table& table, const LatePowers& late, Fp* out) {
  late_write<LayerWriteWords>(table, late, 1, 1, out,
                              [](const auto& row) { return Fp5::one() * row.raw; });
}

}  // namespace

struct LayerRows::Data {
  const LayerImage& layers;
  WideForms forms;
  std::vector<Call> calls;
  std::vector<LayerRead::Cols<Fp>> read;
  std::vector<LayerReadWide::Cols<Fp>> read_wide;
  std::vector<LayerProduct::Cols<Fp>> products;
  std::vector<LayerWriteBytes::Cols<Fp>> bytes;
  std::vector<LayerWriteBytesWide::Cols<Fp>> bytes_wide;
  std::vector<LayerWriteWords::Cols<Fp>> words;
  std::vector<LayerPool::Cols<Fp>> pools;
  std::vector<LayerPair::Cols<Fp>> pairs;
  std::vector<LayerReadWeights::Cols<Fp>> read_weights;
  std::vector<LayerProductMemory::Cols<Fp>> products_memory;
  std::vector<LayerBias::Cols<Fp>> biases;
  LayerCounts counts;

  void add(const Call& call);
  template <class Chip>
  void add_read(const Call& call, uint32_t operand, std::span<const uint32_t> pixels,
                std::vector<typename Chip::template Cols<Fp>>& rows);
  template <class Row>
  void add_products(const Call& call, std::vector<Row>& rows);
  void add_weights(const Call& call);
  void add_biases(const Call& call);
  template <class Chip>
  void add_bytes(const Call& call, std::span<const int32_t> sums,
                 std::vector<typename Chip::template Cols<Fp>>& rows);
  void add_words(const Call& call, std::span<const int32_t> sums);
  void add_pool(const Call& call);
  void add_pair(const Call& call);
};

void LayerRows::Data::add(const Call& call) {
  const vm::Layer& layer = layers.layer(call.layer);
  const LayerImage::Entry& entry = layers.entry(call.layer);
  ++counts.layers[call.layer];
  if (layer.kind == vm::Layer::Kind::kPair) return add_pair(call);
  std::vector<uint32_t> pixels(call.reads.size());
  if (layer.kind == vm::Layer::Kind::kMaxPool) {
    for (uint32_t quad = 0; quad < layer.quads; ++quad)
      for (const auto& [q, offset] : layer.emits)
        for (const uint32_t tap : layer.taps)
          ++pixels[size_t{quad} * layer.positions + q - layer.back + tap];
    for (uint32_t i = 0; i < layer.windows(); ++i) ++counts.windows[entry.windows_row + i];
    add_read<LayerRead>(call, 0, pixels, read);
    add_pool(call);
    return;
  }
  const auto taps = static_cast<uint32_t>(layer.taps.size());
  std::vector<uint32_t>& weights = entry.weights64 ? counts.weights64 : counts.weights;
  for (uint32_t i = 0; i < layer.products_summed(); ++i) {
    if (!layer.memory_weights) ++weights[entry.weights_row + i * entry.weights_each];
    ++counts.mus[entry.powers_row + layer.back - layer.taps[i % taps]];
    ++counts.lambdas[entry.powers_row + LayerImage::lambda_power(layer, i / taps, i % taps)];
  }
  for (uint32_t q = 0; q < layer.rows(); ++q)
    counts.positions[entry.positions_row + q] += layer.output_words();
  for (uint32_t w = 0; w < layer.output_words(); ++w)
    counts.channels[entry.channels_row + w] +=
        layer.sums ? static_cast<uint32_t>(layer.emits.size()) : rows_of_word(layer, forms);
  if (reads_wide(layer, forms))
    add_read<LayerReadWide>(call, 0, pixels, read_wide);
  else
    add_read<LayerRead>(call, 0, pixels, read);
  std::vector<uint32_t> input;
  for (const vm::Access& access : call.reads) input.push_back(access.value);
  for (const vm::Access& access : call.reads_b) input.push_back(access.value);
  std::vector<int32_t> sums = vm::layer_sums(layer, input);
  if (layer.memory_weights) {
    ++counts.operands[entry.operands_row];
    for (uint32_t i = 0; i < layer.products_summed(); ++i)
      ++counts.products[entry.products_row + i];
    add_weights(call);
    add_biases(call);
    add_products(call, products_memory);
    for (size_t i = 0; i < sums.size() && !call.biases.empty(); ++i)
      sums[i] += static_cast<int32_t>(call.biases[i % layer.outputs].value);
  } else {
    add_products(call, products);
  }
  if (layer.sums)
    add_words(call, sums);
  else if (writes_wide(layer, forms))
    add_bytes<LayerWriteBytesWide>(call, sums, bytes_wide);
  else
    add_bytes<LayerWriteBytes>(call, sums, bytes);
}

/// The words of one operand, each answered `pixels` times.
template <class Chip>
void LayerRows::Data::add_read(const Call& call, uint32_t operand, std::span<const uint32_t> pixels,
                               std::vector<typename Chip::template Cols<Fp>>& rows) {
  const vm::Layer& layer = layers.layer(call.layer);
  const Fp(&fixed)[16] = layers.entry(call.layer).tuple;
  const bool is_b = operand == 1;
  const auto reads = is_b ? call.reads_b : call.reads;
  const uint32_t positions = is_b ? layer.positions_b : layer.positions;
  const Fp zero = layer.kind == vm::Layer::Kind::kPair ? Fp{} : fixed[7];
  const Fp taps =
      fp(layer.kind == vm::Layer::Kind::kLinear ? static_cast<uint32_t>(layer.taps.size()) : 0);
  for (uint32_t quad = 0; quad < layer.quads; ++quad)
    for (uint32_t p = 0; p < positions; p += Chip::kLanes) {
      const size_t at = size_t{quad} * positions + p;
      typename Chip::template Cols<Fp>& row = rows.emplace_back();
      row.first = fp(at == 0);
      row.start = fp(p == 0);
      row.clk = fp(call.clk);
      row.place =
          fp((is_b ? call.b + b_offset(layer, quad, p) : call.in + in_offset(layer, quad, p)) / 4);
      row.left = fp(positions - p);
      row.quads = fp(layer.quads - quad);
      row.positions = fp(positions);
      row.step = fixed[is_b ? 8 : 4];
      row.jump = fixed[is_b ? 9 : 5];
      row.zero = zero;
      for (uint32_t i = 0; i < std::min(Chip::kLanes, positions - p); ++i) {
        const vm::Access& found = reads[at + i];
        row.live[i] = Fp::one();
        row.lane[i] = {bytes_of(found.value), fp(found.time),
                       fp((call.clk * 4 + operand - found.time - 1) >> 16)};
      }
      row.count = p == 0 ? taps : Fp{};
      if constexpr (Chip::kNarrow) row.any = {fp(operand), fp(pixels[at])};
    }
}

template <class Row>
void LayerRows::Data::add_products(const Call& call, std::vector<Row>& rows) {
  const vm::Layer& layer = layers.layer(call.layer);
  const LayerImage::Entry& entry = layers.entry(call.layer);
  const auto count = static_cast<uint32_t>(layer.products_summed()),
             taps = static_cast<uint32_t>(layer.taps.size());
  for (uint32_t i = 0; i < count; ++i) {
    Row& row = rows.emplace_back();
    row.first = fp(i == 0);
    row.real = Fp::one();
    row.clk = fp(call.clk);
    row.key = entry.tuple[8] + fp(i);
    row.left = fp(count - i);
    row.quad = fp(layer.quads - i / taps);
    row.mu_power = fp(layer.back - layer.taps[i % taps]);
    row.lambda_power = fp(LayerImage::lambda_power(layer, i / taps, i % taps));
    if constexpr (requires { row.biased; }) row.biased = fp(i == 0 && layer.bias_words() != 0);
  }
}

void LayerRows::Data::add_weights(const Call& call) {
  const vm::Layer& layer = layers.layer(call.layer);
  const Fp(&operand)[11] = layers.entry(call.layer).operand;
  const auto count = static_cast<uint32_t>(layer.products_summed()),
             rows = layer.group_outputs() / 4;
  for (uint32_t n = 0; n < count; ++n)
    for (uint32_t j = 0; j < rows; ++j) {
      LayerReadWeights::Cols<Fp>& row = read_weights.emplace_back();
      row.first = fp(n == 0 && j == 0);
      row.start = fp(j == 0);
      row.real = Fp::one();
      row.clk = fp(call.clk);
      row.place = fp((call.b + w_offset(layer, n, j, 0)) / 4);
      row.left = fp(rows - j);
      row.products = fp(count - n);
      row.rows = operand[5];
      row.lane = operand[2];
      row.step = operand[3];
      row.jump = operand[4];
      row.zero = operand[1];
      row.by_outputs = operand[6];
      for (uint32_t i = 0; i < 4; ++i) {
        const vm::Access& found = call.reads_b[(size_t{n} * rows + j) * 4 + i];
        row.word[i] = bytes_of(found.value);
        row.time[i] = fp(found.time);
        row.age_hi[i] = fp((call.clk * 4 + 1 - found.time - 1) >> 16);
      }
    }
}

void LayerRows::Data::add_biases(const Call& call) {
  const vm::Layer& layer = layers.layer(call.layer);
  const LayerImage::Entry& entry = layers.entry(call.layer);
  if (call.biases.empty()) return;
  ++counts.mus[entry.powers_row + layer.rows()];
  for (uint32_t o = 0; o < layer.outputs; ++o) {
    const vm::Access& found = call.biases[o];
    LayerBias::Cols<Fp>& row = biases.emplace_back();
    row.first = fp(o == 0);
    row.real = Fp::one();
    row.clk = fp(call.clk);
    row.place = fp((call.b + bias_offset(layer, o)) / 4);
    row.left = fp(layer.outputs - o);
    row.positions = fp(layer.rows());
    row.value = limbs_of(found.value);
    row.negative = fp(found.value >> 31);
    row.time = fp(found.time);
    row.age_hi = fp((call.clk * 4 + 1 - found.time - 1) >> 16);
  }
}

namespace {

/// What rows of both kinds of writing have.
template <class Row>
void fill_write(Row& row, const Call& call, const vm::Layer& layer, const LayerImage::Entry& entry,
                uint32_t word, uint32_t q) {
  row.first = fp(word == 0 && q == 0);
  row.start = fp(q == 0);
  row.clk = fp(call.clk);
  row.place = fp(call.out / 4 + word);
  row.left = fp(layer.rows() - q);
  row.words = fp(layer.output_words() - word);
  row.positions = entry.tuple[10];
  row.position_end = entry.tuple[12];
  row.channel_end = entry.tuple[13];
}

/// What the list of channels has of an output.
int32_t fixed_bias(const vm::Layer& layer, uint32_t output) {
  return layer.memory_weights ? 0 : layer.bias[output];
}

/// Visits all rows of a call: visit(word, q, emit or null, index of what is written).
template <class Visit>
void for_each_row(const vm::Layer& layer, Visit visit) {
  for (uint32_t word = 0; word < layer.output_words(); ++word) {
    size_t emit = 0;
    for (uint32_t q = 0; q < layer.rows(); ++q) {
      const bool emits = emit < layer.emits.size() && layer.emits[emit].position == q;
      visit(word, q, emits ? &layer.emits[emit] : nullptr,
            size_t{word} * layer.emits.size() + emit);
      if (emits) ++emit;
    }
  }
}

}  // namespace

template <class Chip>
void LayerRows::Data::add_bytes(const Call& call, std::span<const int32_t> sums,
                                std::vector<typename Chip::template Cols<Fp>>& rows) {
  const vm::Layer& layer = layers.layer(call.layer);
  const LayerImage::Entry& entry = layers.entry(call.layer);
  for_each_row(layer, [&](uint32_t word, uint32_t q, const vm::Layer::Emit* emit, size_t written) {
    const uint32_t index = q % Chip::kLanes;
    if (index == 0) {
      auto& row = rows.emplace_back();
      fill_write(row, call, layer, entry, word, q);
      for (uint32_t k = 0; k < 4; ++k) {
        row.function[k] = fp(entry.function + layer.function_of[4 * word + k]);
        row.bias[k] = Fp::from_signed(fixed_bias(layer, 4 * word + k));
        for (auto& lane : row.lane)
          lane.edge[k] = row.bias[k];  // some step, which is not looked up
      }
    }
    auto& row = rows.back();
    auto& lane = row.lane[index];
    row.live[index] = Fp::one();
    const int32_t* raw = &sums[size_t{q} * layer.outputs + 4 * word];
    for (uint32_t i = 0; i < 4; ++i) lane.edge[i] += lane.raw[i] = Fp::from_signed(raw[i]);
    if (emit == nullptr) return;
    lane.emit = Fp::one();
    lane.offset = fp(emit->offset / 4);
    for (uint32_t i = 0; i < 4; ++i) {
      const uint32_t o = 4 * word + i, function = entry.function + layer.function_of[o];
      const int32_t bias = fixed_bias(layer, o), sum = raw[i] + bias;
      const uint32_t number = layers.step_of(function, sum);
      const LayerImage::Step& step = layers.step(number);
      ++counts.steps[number];
      lane.value[i] = fp(step.value);
      lane.edge[i] = Fp::from_signed(step.edge());
      lane.reach[i] = fp(step.reach());
      lane.wide[i] = Fp::from_signed(step.wide);
      const auto distance = static_cast<uint32_t>(std::abs(int64_t{sum} - step.edge()));
      const uint32_t rest = step.wide != 0 ? distance / Chip::kWideUnit : step.reach() - distance;
      lane.rest[i] = fp(rest);
      lane.from[i] = fp(step.wide != 0 ? distance % Chip::kWideUnit : distance);
    }
    lane.old = found_in_ram(call.writes[written], call.clk * 4 + 2);
  });
}

void LayerRows::Data::add_words(const Call& call, std::span<const int32_t> sums) {
  const vm::Layer& layer = layers.layer(call.layer);
  const LayerImage::Entry& entry = layers.entry(call.layer);
  for_each_row(layer, [&](uint32_t word, uint32_t q, const vm::Layer::Emit* emit, size_t written) {
    LayerWriteWords::Cols<Fp>& row = words.emplace_back();
    fill_write(row, call, layer, entry, word, q);
    row.real = Fp::one();
    const int32_t raw = sums[size_t{q} * layer.outputs + word];
    row.raw = Fp::from_signed(raw);
    if (emit == nullptr) return;
    const int32_t bias = fixed_bias(layer, word), sum = raw + bias;
    row.emit = Fp::one();
    row.offset = fp(emit->offset / 4);
    row.bias = Fp::from_signed(bias);
    row.value = limbs_of(static_cast<uint32_t>(sum));
    row.negative = fp(sum < 0);
    row.old = found_in_ram(call.writes[written], call.clk * 4 + 2);
  });
}

void LayerRows::Data::add_pool(const Call& call) {
  const vm::Layer& layer = layers.layer(call.layer);
  const LayerImage::Entry& entry = layers.entry(call.layer);
  const auto count = static_cast<uint32_t>(layer.windows()),
             taps = static_cast<uint32_t>(layer.taps.size());
  uint32_t best = 0;
  const auto greater = [](uint32_t a, uint32_t b) {
    uint32_t out = 0;
    for (uint32_t lane = 0; lane < 32; lane += 8)
      out |= std::max(a >> lane & 0xff, b >> lane & 0xff) << lane;
    return out;
  };
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t tap = i % taps, emit = i / taps % static_cast<uint32_t>(layer.emits.size());
    const uint32_t quad = i / taps / static_cast<uint32_t>(layer.emits.size());
    const auto [q, offset] = layer.emits[emit];
    const uint32_t p = q - layer.back + layer.taps[tap];
    const uint32_t word = call.word_read(layer, quad, p);
    if (tap == 0) best = 0;
    LayerPool::Cols<Fp>& row = pools.emplace_back();
    row.first = fp(i == 0);
    row.real = Fp::one();
    row.clk = fp(call.clk);
    row.place = fp(call.out / 4);
    row.left = fp(count - i);
    row.key_end = entry.tuple[12];
    row.quad = fp(layer.quads - quad);
    row.position = fp(layer.positions - p);
    row.word = bytes_of(word);
    row.best = bytes_of(best);
    best = greater(best, word);
    row.most = bytes_of(best);
    if (tap + 1 != taps) continue;
    row.last = Fp::one();
    row.offset = fp(offset / 4 + quad);
    row.old = found_in_ram(call.writes[i / taps], call.clk * 4 + 2);
  }
}

void LayerRows::Data::add_pair(const Call& call) {
  const vm::Layer& layer = layers.layer(call.layer);
  const LayerImage::Entry& entry = layers.entry(call.layer);
  const std::span<const uint8_t> table = layer.pair_table.bytes();
  const auto count = static_cast<uint32_t>(layer.words_written());
  const auto emits = static_cast<uint32_t>(layer.emits.size());
  std::vector<uint32_t> of_a(call.reads.size()), of_b(call.reads_b.size());
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t quad = i / emits;
    const auto [p, offset] = layer.emits[i % emits];
    const uint32_t p_b = layer.position_of_b(p);
    const size_t at_a = size_t{quad} * layer.positions + p;
    const size_t at_b = size_t{quad} * layer.positions_b + p_b;
    const uint32_t a = call.reads[at_a].value, b = call.reads_b[at_b].value;
    ++of_a[at_a];
    ++of_b[at_b];
    ++counts.pairs[entry.pairs_row + i];
    uint32_t value = 0;
    for (uint32_t lane = 0; lane < 32; lane += 8) {
      const uint32_t both = (a >> lane & 0xff) * 256 + (b >> lane & 0xff);
      value |= uint32_t{table[both]} << lane;
      ++counts.pair_bytes[size_t{entry.pair_table} * PairBytesTable::kTable + both];
    }
    LayerPair::Cols<Fp>& row = pairs.emplace_back();
    row.first = fp(i == 0);
    row.real = Fp::one();
    row.clk = fp(call.clk);
    row.place = fp(call.out / 4);
    row.left = fp(count - i);
    row.list_end = entry.tuple[12];
    row.table = entry.tuple[13];
    row.quad = fp(layer.quads - quad);
    row.a = fp(layer.positions - p);
    row.b = fp(layer.positions_b - p_b);
    row.offset = fp(offset / 4 + quad);
    row.a_word = bytes_of(a);
    row.b_word = bytes_of(b);
    row.value = bytes_of(value);
    row.old = found_in_ram(call.writes[i], call.clk * 4 + 2);
  }
  add_read<LayerRead>(call, 0, of_a, read);
  add_read<LayerRead>(call, 1, of_b, read);
}

namespace {

using Four = std::array<Fp5, 4>;

Four four(const Fp* cells) {
  return {get(cells), get(cells + 5), get(cells + 10), get(cells + 15)};
}

/// X that the words read have, by clk and quad.
using OfQuads = std::map<std::pair<uint32_t, uint32_t>, Four>;
struct ReadChips {
  uint16_t narrow, wide;
};
OfQuads sums_of_activations(const Witness& witness, const ReadChips& chips,
                            const LatePowers& late) {
  OfQuads x;
  const auto add = [&]<class Chip>(const Table& table) {
    const std::vector<Fp> made = witness.late_columns(table, Chip::kLateWidth, late);
    backwards<Chip>(table, [&](uint64_t r, const auto& row, bool, bool) {
      // Reading for a pair or a pool answers nothing.
      if (row.count != Fp{}) x[{row.clk.value(), row.quads.value()}] = four(&made[20 * r]);
    });
  };
  for (const Table& table : witness.tables) {
    if (table.chip == chips.narrow) add.operator()<LayerRead>(table);
    if (table.chip == chips.wide) add.operator()<LayerReadWide>(table);
  }
  return x;
}

/// Late columns of products: what the other tables answer is looked up by the keys that the rows have.
/// weights_of(row): V. more(row, cells behind the total).
template <class Chip, class WeightsOf, class More>
void late_products(const Table& table, const LatePowers& late, OfQuads& x, Fp* out,
                   const WeightsOf& weights_of, const More& more) {
  Fp5 total;
  backwards<Chip>(table, [&](uint64_t r, const auto& row, bool, bool job) {
    const bool real = row.real == Fp::one();
    const Four of_x = real ? x[{row.clk.value(), row.quad.value()}] : Four{};
    const Four of_v = real ? weights_of(row) : Four{};
    const Fp5 shift = real ? pow(late(kMu, 1), row.mu_power.value()) : Fp5{};
    const Fp5 scale = real ? pow(late(kLambda, 1), row.lambda_power.value()) : Fp5{};
    Fp5 sum;
    for (size_t k = 0; k < 4; ++k) sum += of_x[k] * of_v[k];
    total = shift * sum + (job ? scale * total : Fp5{});
    Fp* cells = out + Chip::kLateWidth * r;
    for (size_t k = 0; k < 4; ++k) {
      put(cells + 5 * k, of_x[k]);
      put(cells + 20 + 5 * k, of_v[k]);
    }
    put(cells + 40, shift);
    put(cells + 45, scale);
    put(cells + 50, total);
    more(row, cells + 55);
  });
}

struct LateProducts {
  ReadChips read_chips;
  std::set<uint16_t> weights_chips;

  void operator()(const Witness& witness, const Table& table, const LatePowers& late,
                  Fp* out) const {
    OfQuads x = sums_of_activations(witness, read_chips, late);
    std::map<uint32_t, Four> v;  // by key
    for (const Table& other : witness.tables) {
      if (!weights_chips.contains(other.chip)) continue;
      const std::vector<Fp> made = witness.late_columns(other, WeightsTable::kLateWidth, late);
      std::vector<Fp> row(other.width);
      for (uint64_t r = 0; r < other.height(); ++r) {
        other.read(r, 1, row.data());
        if (row[0] == Fp::one()) v[row[1].value()] = four(&made[20 * r]);
      }
    }
    late_products<LayerProduct>(
        table, late, x, out, [&](const auto& row) { return v[row.key.value()]; },
        [](const auto&, Fp*) {});
  }
};

struct LateProductsMemory {
  ReadChips read_chips;
  uint16_t weights_chip, bias_chip;

  void operator()(const Witness& witness, const Table& table, const LatePowers& late,
                  Fp* out) const {
    OfQuads x = sums_of_activations(witness, read_chips, late);
    std::map<std::pair<uint32_t, uint32_t>, Four> v;  // by clk and product
    std::map<uint32_t, Fp5> biases;                   // by clk
    for (const Table& other : witness.tables) {
      if (other.chip == weights_chip) {
        const std::vector<Fp> made =
            witness.late_columns(other, LayerReadWeights::kLateWidth, late);
        backwards<LayerReadWeights>(other, [&](uint64_t r, const auto& row, bool, bool) {
          if (row.start == Fp::one())
            v[{row.clk.value(), row.products.value()}] = four(&made[20 * r]);
        });
      } else if (other.chip == bias_chip) {
        const std::vector<Fp> made = witness.late_columns(other, LayerBias::kLateWidth, late);
        backwards<LayerBias>(other, [&](uint64_t r, const auto& row, bool, bool) {
          if (row.first == Fp::one()) biases[row.clk.value()] = get(&made[20 * r + 15]);
        });
      }
    }
    late_products<LayerProductMemory>(
        table, late, x, out,
        [&](const auto& row) { return v[{row.clk.value(), row.left.value()}]; },
        [&](const auto& row, Fp* cells) {
          put(cells, row.biased == Fp::one() ? biases[row.clk.value()] : Fp5{});
        });
  }
};

}  // namespace

LayerRows::LayerRows(const LayerImage& layers, const vm::Segment& segment, const WideForms& forms)
    : data_(std::make_shared<Data>(Data{.layers = layers,
                                        .forms = forms,
                                        .calls = calls_of(layers, segment),
                                        .read = {},
                                        .read_wide = {},
                                        .products = {},
                                        .bytes = {},
                                        .bytes_wide = {},
                                        .words = {},
                                        .pools = {},
                                        .pairs = {},
                                        .read_weights = {},
                                        .products_memory = {},
                                        .biases = {},
                                        .counts = layers.no_counts()})) {
  for (const Call& call : data_->calls) data_->add(call);
}
LayerRows::~LayerRows() = default;

namespace {

/// Copies rows, without their late columns; what lies behind the last one is padding.
template <ChipDefinition Chip, class Row = typename Chip::template Cols<Fp>>
void copy_rows(std::span<const std::type_identity_t<Row>> rows, uint64_t first, uint64_t count,
               Fp* to) {
  constexpr size_t kKept = kWidth<Chip> - kLateWidth<Chip>;
  static constexpr Row kPadding{};
  for (uint64_t i = first; i < first + count; ++i, to += kKept)
    std::copy_n(reinterpret_cast<const Fp*>(i < rows.size() ? &rows[i] : &kPadding), kKept, to);
}

}  // namespace

std::vector<ChipRows> LayerRows::chip_rows() const {
  std::vector<ChipRows> out;
  const auto add =
      [&]<ChipDefinition Chip>(const std::vector<typename Chip::template Cols<Fp>>& rows) {
        if (rows.empty()) return;
        const auto fill = [data = data_, &rows](uint64_t first, uint64_t count, Fp* to) {
          copy_rows<Chip>(std::span(rows), first, count, to);
        };
        out.push_back({Chip::kName, kWidth<Chip> - kLateWidth<Chip>, rows.size(), fill,
                       &machine::count_lookups<Chip>});
      };
  add.operator()<LayerRead>(data_->read);
  add.operator()<LayerReadWide>(data_->read_wide);
  add.operator()<LayerWriteBytes>(data_->bytes);
  add.operator()<LayerWriteBytesWide>(data_->bytes_wide);
  add.operator()<LayerWriteWords>(data_->words);
  add.operator()<LayerPool>(data_->pools);
  add.operator()<LayerPair>(data_->pairs);
  add.operator()<LayerReadWeights>(data_->read_weights);
  add.operator()<LayerBias>(data_->biases);
  return out;
}

std::vector<Table> LayerRows::tables(
    const Circuit& circuit, const std::map<std::string, std::vector<uint8_t>>& heights) const {
  std::set<size_t> groups;
  for (const Call& call : data_->calls) groups.insert(data_->layers.group_of(call.layer));
  std::vector<Table> out;
  std::set<uint16_t> weights_chips;
  for (const size_t group : groups) {
    // The counts live as long as the rows.
    const std::shared_ptr<const LayerCounts> counts(data_, &data_->counts);
    std::ranges::move(data_->layers.tables(circuit, group, counts), std::back_inserter(out));
    for (const LayerTable table : {LayerTable::kWeights, LayerTable::kWeights64})
      if (data_->layers.heights()[group][static_cast<size_t>(table)] != 0)
        weights_chips.insert(circuit.chip(layer_chip(table, group)));
  }
  const auto add = [&]<ChipDefinition Chip>(
                       const std::vector<typename Chip::template Cols<Fp>>& rows,
                       const Table::LateProducer& late) {
    if (rows.empty()) return;
    // Each table takes as many jobs as it has room for.
    uint64_t begin = 0;
    for (const uint8_t log_height : heights.at(Chip::kName)) {
      uint64_t end = begin;
      for (uint64_t next = end; next <= rows.size() && next - begin <= uint64_t{1} << log_height;
           ++next)
        if (next == rows.size() || rows[next].first == Fp::one()) end = next;
      const auto produce = [data = data_, &rows, begin, end](uint64_t first, uint64_t count,
                                                             Fp* to) {
        copy_rows<Chip>(std::span(rows).subspan(begin, end - begin), first, count, to);
      };
      out.push_back({circuit.chip(Chip::kName),
                     log_height,
                     static_cast<uint32_t>(kWidth<Chip> - kLateWidth<Chip>),
                     {},
                     produce,
                     late});
      begin = end;
    }
    ZK_CHECK(begin == rows.size());
  };
  add.operator()<LayerRead>(data_->read, late_read<LayerRead>);
  add.operator()<LayerReadWide>(data_->read_wide, late_read<LayerReadWide>);
  const ReadChips read_chips{circuit.chip(LayerRead::kName), circuit.chip(LayerReadWide::kName)};
  add.operator()<LayerProduct>(data_->products, LateProducts{read_chips, weights_chips});
  add.operator()<LayerWriteBytes>(data_->bytes, late_write_bytes<LayerWriteBytes>);
  add.operator()<LayerWriteBytesWide>(data_->bytes_wide, late_write_bytes<LayerWriteBytesWide>);
  add.operator()<LayerWriteWords>(data_->words, late_write_words);
  add.operator()<LayerPool>(data_->pools, {});
  add.operator()<LayerPair>(data_->pairs, {});
  add.operator()<LayerReadWeights>(data_->read_weights, late_read_weights);
  add.operator()<LayerProductMemory>(
      data_->products_memory, LateProductsMemory{read_chips, circuit.chip(LayerReadWeights::kName),
                                                 circuit.chip(LayerBias::kName)});
  add.operator()<LayerBias>(data_->biases, late_bias);
  return out;
}

std::map<std::string, uint64_t> layer_rows(const vm::Layer& layer, const WideForms& forms) {
  std::map<std::string, uint64_t> rows;
  if (reads_wide(layer, forms))
    rows[LayerReadWide::kName] =
        uint64_t{layer.quads} * rows_for(layer.positions, LayerReadWide::kLanes);
  else
    rows[LayerRead::kName] = layer.words_read() - layer.weight_words() - layer.bias_words();
  if (layer.memory_weights) {
    rows[LayerReadWeights::kName] = layer.weight_words() / 4;
    rows[LayerProductMemory::kName] = layer.products_summed();
    if (layer.bias_words() != 0) rows[LayerBias::kName] = layer.bias_words();
  } else if (layer.products_summed() != 0) {
    rows[LayerProduct::kName] = layer.products_summed();
  }
  rows[writer_of(layer, forms)] = writes_wide(layer, forms)
                                      ? uint64_t{layer.output_words()} * rows_of_word(layer, forms)
                                      : layer.written_rows();
  return rows;
}

const char* call_chip(const vm::Layer& layer) {
  if (layer.memory_weights) return LayerWeightsCall::kName;
  return layer.kind == vm::Layer::Kind::kPair ? LayerPairCall::kName : LayerCall::kName;
}

bool is_of_weights(std::string_view chip) {
  return chip == LayerReadWeights::kName || chip == LayerBias::kName;
}

std::vector<const vm::Layer*> called_layers(const LayerImage& layers, const vm::Survey& survey) {
  std::vector<const vm::Layer*> calls;
  for (const uint32_t layer : survey.layer_calls) calls.push_back(&layers.layer(layer));
  return calls;
}

LayerJobs layer_jobs(std::span<const vm::Layer* const> calls, const WideForms& forms) {
  LayerJobs jobs;
  for (const vm::Layer* layer : calls)
    for (const auto& [chip, rows] : layer_rows(*layer, forms)) jobs[chip].push_back(rows);
  return jobs;
}

namespace {

/// Cells that these calls commit to in one chip's two forms.
template <ChipDefinition Narrow, ChipDefinition Wide>
uint64_t cells_of(std::span<const vm::Layer* const> calls, const WideForms& forms) {
  static const uint32_t kColumns[] = {committed_columns<Narrow>(), committed_columns<Wide>()};
  std::vector<uint64_t> jobs[2];
  for (const vm::Layer* layer : calls)
    for (const auto& [chip, rows] : layer_rows(*layer, forms)) {
      if (chip == Narrow::kName) jobs[0].push_back(rows);
      if (chip == Wide::kName) jobs[1].push_back(rows);
    }
  uint64_t cells = 0;
  for (size_t form = 0; form < 2; ++form)
    if (!jobs[form].empty())
      for (const uint8_t log_height : heights_for_jobs(jobs[form]))
        cells += ((uint64_t{1} << log_height) + kTablePrice) * kColumns[form];
  return cells;
}

}  // namespace

WideForms forms_among(const std::set<std::string>& chips) {
  WideForms forms;
  if (chips.contains(LayerReadWide::kName)) forms.read = kCheaperForms.read;
  if (chips.contains(LayerWriteBytesWide::kName))
    forms.write = chips.contains(LayerWriteBytes::kName) ? kCheaperForms.write : kAllWide.write;
  return forms;
}

WideForms choose_forms(std::span<const vm::Layer* const> calls) {
  WideForms best;
  uint64_t reading = UINT64_MAX, writing = UINT64_MAX;
  // If a few short runs are left over, they need no table of their own.
  for (const WideForms& forms : {WideForms{}, kCheaperForms, kAllWide}) {
    const uint64_t read = cells_of<LayerRead, LayerReadWide>(calls, forms);
    const uint64_t write = cells_of<LayerWriteBytes, LayerWriteBytesWide>(calls, forms);
    if (read < reading) reading = read, best.read = forms.read;
    if (write < writing) writing = write, best.write = forms.write;
  }
  return best;
}

}  // namespace zkvm::stark::machine
