#include "stark/session/proof_estimate.h"

#include <zk/check.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <set>

#include "stark/chips/buses.h"
#include "stark/chips/layer/call.h"
#include "stark/chips/layer/pair_call.h"
#include "stark/chips/layer/weights_call.h"
#include "stark/chips/memory/boundary.h"
#include "stark/machine/chip_list.h"
#include "stark/machine/circuit.h"
#include "stark/session/execution_params.h"
#include "stark/session/image/program_image.h"
#include "stark/session/image/program_rows.h"
#include "stark/session/proof_memory.h"
#include "stark/session/rows/layer_rows.h"
#include "stark/session/rows/row_counts.h"
#include "stark/session/rows/table_heights.h"
#include "vm/code.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;

/// Instructions of the whole execution by chip, none joined.
SortedRows rows_of_all(const vm::Program& program, const vm::RunResult& run) {
  const vm::Region& text = program.text();
  std::vector<ProgramRow> rows;
  for (uint32_t i = 0; i < run.counts.size(); ++i)
    rows.push_back(program_row(text, text.base + 4 * i, vm::text_word(text, i)));
  uint64_t calls = 0;
  for (const vm::HashUse& hash : run.hashes) calls += hash.calls;
  for (const uint64_t of_layer : run.layer_calls) calls += of_layer;
  return sorted_rows(rows, std::span(run.counts), calls);
}

/// Calls, so many of each layer.
std::vector<const vm::Layer*> calls_of(const vm::Program& program,
                                       std::span<const uint64_t> calls) {
  std::vector<const vm::Layer*> out;
  for (size_t i = 0; i < calls.size(); ++i) out.insert(out.end(), calls[i], &program.layers[i]);
  return out;
}

/// One segment, and how many others are like it.
struct SegmentKind {
  uint64_t cycles = 0;
  uint64_t count = 1;
  std::vector<uint64_t> calls = {};  // of each layer
  uint64_t cost = 0;
};

/// First, last, and those between, where no layers are called.
std::vector<SegmentKind> kinds_of(uint64_t cycles, uint64_t most, uint64_t tick) {
  const uint64_t segments = (cycles + most - 1) / most;
  std::vector<SegmentKind> kinds = {{std::min(cycles, most)}};
  if (segments > 2) kinds.push_back({most, segments - 2});
  if (segments > 1) kinds.push_back({cycles - (segments - 1) * most});
  for (SegmentKind& kind : kinds) kind.cost = kind.cycles * tick;
  return kinds;
}

/// Layers are called in their order, again and again, and instructions are spread over the calls.
std::vector<SegmentKind> kinds_of(const vm::RunResult& run, const vm::SegmentLimits& limits) {
  constexpr uint64_t kRounds = 1024;  // of more, several are taken at once
  const vm::CallCosts& costs = limits.costs;
  // Hashing is spread over all instructions.
  uint64_t hashing = 0;
  for (size_t hash = 0; hash < vm::kHashes; ++hash)
    hashing += run.hashes[hash].calls * costs.hash_call[hash] +
               run.hashes[hash].blocks * costs.hash_block[hash];
  const uint64_t tick = costs.tick + (hashing + run.cycles - 1) / run.cycles;
  const uint64_t most =
      std::max<uint64_t>(std::min<uint64_t>(limits.clk, limits.cost / tick), 3) - 2;
  uint64_t calls = 0, rounds = 0;
  for (const uint64_t of_layer : run.layer_calls) {
    calls += of_layer;
    rounds = std::max(rounds, of_layer);
  }
  if (calls == 0) return kinds_of(run.cycles, most, tick);
  std::vector<SegmentKind> kinds;
  SegmentKind now{.calls = std::vector<uint64_t>(run.layer_calls.size())};
  std::vector<bool> called(costs.once.size());
  const auto left = [&] { return limits.cost - std::min(limits.cost, now.cost); };
  const auto cut = [&] {
    const auto same = std::ranges::find_if(kinds, [&](const SegmentKind& other) {
      return other.cycles == now.cycles && other.calls == now.calls;
    });
    same == kinds.end() ? kinds.push_back(now) : static_cast<void>(++same->count);
    now.cycles = now.cost = 0;
    std::ranges::fill(now.calls, 0);
    called.assign(called.size(), false);
  };
  const auto execute = [&](uint64_t ticks) {
    while (ticks > 0) {
      if (now.cycles >= most) cut();
      const uint64_t taken =
          std::min({ticks, std::max<uint64_t>(left() / tick, 1), most - now.cycles});
      now.cycles += taken;
      now.cost += taken * tick;
      ticks -= taken;
      if (ticks > 0) cut();
    }
  };
  const uint64_t ticks = run.cycles / calls;  // a call is one at least
  const uint64_t step = (rounds + kRounds - 1) / kRounds;
  for (uint64_t round = 0; round < rounds; round += step)
    for (size_t i = 0; i < run.layer_calls.size(); ++i)
      for (uint64_t n = std::min(step, run.layer_calls[i] - std::min(run.layer_calls[i], round));
           n > 0;) {
        const uint32_t group = costs.group[i];
        const uint64_t once = called[group] ? 0 : costs.once[group];
        const uint64_t each = costs.call[i] + ticks * tick;
        const uint64_t fit =
            std::min((left() - std::min(left(), once)) / each, (most - now.cycles) / ticks);
        if (fit == 0 && now.cycles > 0) {
          cut();
          continue;
        }
        const uint64_t taken = std::clamp<uint64_t>(fit, 1, n);
        now.cost += once + taken * costs.call[i];
        called[group] = true;
        now.calls[i] += taken;
        execute(taken * ticks);
        n -= taken;
      }
  execute(run.cycles % calls);
  cut();
  return kinds;
}

/// The banks that the run touched. Of a bank of RAM and one of constants in the same 64 KiB, both; and
/// the groups of the layers that a segment calls.
std::vector<BankUse> uses_of(const Image& image, const LayerImage& layers, const vm::RunResult& run,
                             const SegmentKind& segment) {
  static_assert(kLogBank + 2 == vm::kLogBlockBytes);
  const BankMap banks(image.runs);
  std::vector<BankUse> uses = {{kMachineBank}};
  for (const bool constant : {false, true})
    for (const uint16_t block : run.touched_blocks) {
      const uint32_t place = uint32_t{block} * kBankWords + (constant ? kReadOnlyBase : 0);
      if (const uint16_t bank = banks.find(place); bank != 0) uses.push_back({bank, constant});
    }
  for (size_t hash = vm::kHashes; hash-- > 0;)
    if (run.hashes[hash].calls != 0) uses.push_back({hash_bank(hash), true});
  std::set<BankUse> groups;
  for (size_t i = 0; i < segment.calls.size(); ++i)
    if (segment.calls[i] != 0) groups.insert({layers_bank(layers.group_of(i)), true});
  uses.insert(uses.end(), groups.begin(), groups.end());
  return uses;
}

/// Committed columns of the machine's chips, by name.
const std::map<std::string, uint32_t>& chip_columns() {
  static const std::map<std::string, uint32_t> columns = committed_columns(MachineChips{});
  return columns;
}

/// Words that the record has of hashes in a segment of so many instructions, if they are like all.
uint64_t hashed_words(const vm::RunResult& run, uint64_t cycles) {
  const double part = static_cast<double>(cycles) / static_cast<double>(run.cycles);
  uint64_t words = 0;
  for (const vm::HashUse& use : run.hashes)
    words += vm::kHashBlockWords * use.blocks + vm::kCvWords * use.calls;
  return static_cast<uint64_t>(part * static_cast<double>(words));
}

/// Cells of a call's jobs, in the cheaper forms.
uint64_t call_cells(const vm::Layer& layer) {
  uint64_t cells = 0;
  for (const auto& [chip, rows] : layer_rows(layer, kCheaperForms))
    cells += rows * chip_columns().at(chip);
  return cells;
}

}  // namespace

RowCounts estimate_rows(const vm::Program& program, const vm::RunResult& run, uint64_t cycles) {
  ZK_CHECK(run.cycles != 0);
  const double part = static_cast<double>(cycles) / static_cast<double>(run.cycles);
  const auto share = [part](uint64_t count) {
    return static_cast<uint64_t>(std::llround(static_cast<double>(count) * part));
  };
  SortedRows sorted = rows_of_all(program, run);
  for (size_t i = 0; i < kSorts; ++i)
    sorted[static_cast<Sort>(i)] = share(sorted[static_cast<Sort>(i)]);
  sorted.join_few();
  std::array<vm::HashUse, vm::kHashes> hashes;
  for (size_t i = 0; i < vm::kHashes; ++i)
    hashes[i] = {share(run.hashes[i].calls), share(run.hashes[i].blocks)};
  RowCounts rows =
      row_counts(sorted, share((run.input_bytes + 3) / 4 + run.journal.size() / 4), hashes);
  for (size_t i = 0; i < run.layer_calls.size(); ++i)
    if (const uint64_t calls = share(run.layer_calls[i]))
      rows[call_chip(program.layers[i])] += calls;
  rows[Boundary::kName] = 1;
  return rows;
}

namespace {

/// `largest`: the cost of the segment that takes most memory.
Result<ProofEstimate> estimate_in_segments(const vm::Program& program, const LayerImage& layers,
                                           const vm::RunResult& run, const SessionOptions& options,
                                           const vm::SegmentLimits& limits, uint64_t& largest) {
  Image image = image_without_roots(program, layers);
  image.log_blowup = std::max(
      kImageRate, options.log_blowup != 0 ? options.log_blowup : options.weights.lowest_rate);
  const std::vector<SegmentKind> kinds = kinds_of(run, limits);
  ProofEstimate out;
  std::vector<std::vector<BankUse>> all_uses;
  for (const SegmentKind& kind : kinds) all_uses.push_back(uses_of(image, layers, run, kind));
  std::vector<std::vector<BankUse>*> linked;
  for (auto& uses : all_uses) linked.push_back(&uses);
  link_banks(linked);
  std::vector<SegmentShape> shapes;
  std::vector<uint64_t> record_bytes, job_bytes;
  uint64_t segments = 0;
  for (const SegmentKind& kind : kinds) segments += kind.count;
  const auto shapes_for = [&](uint8_t log_blowup) -> Result<std::vector<SegmentShape>> {
    HeightSearch search(proof_target(options, segments, log_blowup));
    shapes.clear();
    record_bytes.clear();
    job_bytes.clear();
    out = {};
    for (size_t i = 0; i < kinds.size(); ++i) {
      const SegmentKind& kind = kinds[i];
      const std::vector<BankUse>& uses = all_uses[i];
      const auto circuit = machine_circuit(image, uses);
      if (!circuit) return tl::unexpected<Error>(circuit.error());
      RowCounts rows = estimate_rows(program, run, kind.cycles);
      const std::vector<const vm::Layer*> calls = calls_of(program, kind.calls);
      const LayerJobs jobs =
          layer_jobs(calls, options.forms ? *options.forms : choose_forms(calls));
      std::erase_if(rows, [](const auto& of_chip) {
        return of_chip.first == LayerCall::kName || of_chip.first == LayerPairCall::kName ||
               of_chip.first == LayerWeightsCall::kName;
      });
      uint64_t words = hashed_words(run, kind.cycles);
      for (size_t layer = 0; layer < kind.calls.size(); ++layer) {
        if (kind.calls[layer] == 0) continue;
        const vm::Layer& of = program.layers[layer];
        rows[call_chip(of)] += kind.calls[layer];
        words += kind.calls[layer] * (of.words_read() + of.words_written());
      }
      add_jobs(rows, jobs);
      const auto heights = chip_heights(*circuit, rows, search, jobs);
      shapes.push_back({.key = circuit->key(),
                        .tables = place_tables(*circuit, heights),
                        .publics = run.journal.size() / 4 / kinds.size() + 1,
                        .count = kind.count});
      const uint64_t cells = committed_cells(*circuit, shapes.back().tables);
      shapes.back().cells = cells;
      record_bytes.push_back(record_memory(kind.cycles, words));
      job_bytes.push_back(jobs_memory(*circuit, jobs));
      out.segments += kind.count;
      out.cells += kind.count * cells;
      out.banks += kind.count * uses.size();
    }
    return shapes;
  };
  Params wish;
  wish.log_blowup = options.log_blowup;
  const auto chosen = choose_execution_params(shapes_for, wish, options.security_bits,
                                              options.weights, options.widest);
  if (!chosen) return tl::unexpected<Error>(chosen.error());
  out.params = chosen->params;
  MemoryUse memory{.segments = out.segments,
                   .program_bytes = program_bytes(program),
                   .layer_lists = layers.memory()};
  for (size_t i = 0; i < kinds.size(); ++i) {
    const auto shape = make_shape(shapes[i].key, out.params, shapes[i].tables);
    if (!shape) return tl::unexpected<Error>(shape.error());
    out.proof_bytes += kinds[i].count * estimate_proof_bytes(*shape);
    const uint64_t bytes = prover_memory(*shape, job_bytes[i]) + record_bytes[i];
    if (bytes <= memory.largest_segment) continue;
    memory.largest_segment = bytes;
    largest = kinds[i].cost;
  }
  memory.proof_bytes = out.proof_bytes;
  out.memory = estimate_memory(memory);
  return out;
}

}  // namespace

Result<ProofEstimate> estimate_proof(const vm::Program& program, const vm::RunResult& run,
                                     const SessionOptions& options) {
  const auto layers = LayerImage::of(program.layers, kImageRate);
  if (!layers) return propagate(layers);
  vm::SegmentLimits limits = segment_limits(options, *layers);
  const uint64_t most = segment_memory(options);
  for (;;) {
    uint64_t largest = 0;
    auto out = estimate_in_segments(program, *layers, run, options, limits, largest);
    if (!out || out->memory <= most || options.segment_cycles != 0) return out;
    const double excess = static_cast<double>(out->memory) / static_cast<double>(most);
    const uint64_t cost = smaller_cost(std::min(limits.cost, largest), excess);
    if (cost >= limits.cost) return out;
    limits.cost = cost;
  }
}

uint64_t committed_cells(const Circuit& circuit, std::span<const TableSpec> tables) {
  uint64_t cells = 0;
  for (const TableSpec& table : tables)
    cells += uint64_t{committed_columns(circuit.key().chips[table.chip])} << table.log_height;
  return cells;
}

uint64_t layer_cells(const vm::Layer& layer) {
  const bool weights64 = pays_weights64({&layer, 1});
  const LayerTable table = weights64 ? LayerTable::kWeights64 : LayerTable::kWeights;
  return call_cells(layer) +
         weight_rows(layer, weights64 ? 64 : 16) * chip_columns().at(layer_chip(table));
}

uint64_t program_bytes(const vm::Program& program) {
  uint64_t bytes = 0;
  for (const vm::Region& region : program.regions) bytes += region.bytes.size();
  for (const vm::Layer& layer : program.layers) bytes += layer.weights.size();
  return bytes;
}

vm::CallCosts call_costs(const LayerImage& layers) {
  // A fixed column's cell takes as much memory as one or two that a proof commits.
  constexpr uint64_t kFixed = 2;
  vm::CallCosts out;
  out.tick = kCellsPerTick;
  const auto columns = [](const char* chip) { return uint64_t{chip_columns().at(chip)}; };
  out.hash_call = {columns(Blake3Call::kName), columns(Sha256Call::kName)};
  out.hash_block = {columns(Blake3Block::kName) + kBlake3Rounds * columns(Blake3Round::kName),
                    columns(Sha256Block::kName) + kSha256Eighths * columns(Sha256Rounds::kName)};
  for (size_t i = 0; i < layers.layers().size(); ++i) {
    out.call.push_back(call_cells(layers.layer(i)));
    out.group.push_back(static_cast<uint32_t>(layers.group_of(i)));
  }
  const std::vector<LayerHeights> heights = layers.heights();
  for (size_t group = 0; group < layers.groups(); ++group) {
    uint64_t cells = kFixed * layers.cells(group);
    for (size_t t = 0; t < kLayerTables; ++t)
      if (const uint8_t log_height = heights[group][t]; log_height != 0)
        cells += uint64_t{chip_columns().at(layer_chip(static_cast<LayerTable>(t)))} << log_height;
    out.once.push_back(cells);
  }
  return out;
}

}  // namespace zkvm::stark::machine
