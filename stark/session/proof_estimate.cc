#include "stark/session/proof_estimate.h"

#include <zk/check.h>

#include <algorithm>
#include <cmath>

#include "stark/chips/buses.h"
#include "stark/chips/layer/call.h"
#include "stark/chips/layer/pair_call.h"
#include "stark/chips/memory/boundary.h"
#include "stark/chips/rv32im/add.h"
#include "stark/chips/rv32im/bits.h"
#include "stark/chips/rv32im/branch.h"
#include "stark/chips/rv32im/compare.h"
#include "stark/chips/rv32im/div.h"
#include "stark/chips/rv32im/jump.h"
#include "stark/chips/rv32im/load.h"
#include "stark/chips/rv32im/mul.h"
#include "stark/chips/rv32im/shift.h"
#include "stark/chips/rv32im/store.h"
#include "stark/chips/rv32im/sub_word.h"
#include "stark/chips/rv32im/system.h"
#include "stark/chips/rv32im/transfer.h"
#include "stark/machine/circuit.h"
#include "stark/session/execution_params.h"
#include "stark/session/image/program_rows.h"
#include "stark/session/rows/layer_rows.h"
#include "stark/session/rows/table_heights.h"
#include "vm/code.h"

namespace zkvm::stark::machine {
namespace {

using namespace chips;

bool is_in_place(const ProgramRow& insn) { return insn.rd == insn.rs1 && insn.rd != insn.rs2; }

/// The chip of an instruction, as chip_rows.cc picks it before rows of narrow chips join others.
const char* chip_of(vm::Class cls, const ProgramRow& insn) {
  using vm::Class;
  switch (cls) {
    case Class::kAddImm:
      return is_in_place(insn) ? AddImmInPlace::kName : AddImm::kName;
    case Class::kAdd:
      return insn.operation == number(Operation::kAdd) && is_in_place(insn) ? AddInPlace::kName
                                                                            : Add::kName;
    case Class::kBits:
    case Class::kBitsImm:
      return Bits::kName;
    case Class::kShift:
      return Shift::kName;
    case Class::kShiftImm:
      return is_in_place(insn) ? ShiftImmInPlace::kName : ShiftImm::kName;
    case Class::kCompare:
    case Class::kCompareImm:
      return Compare::kName;
    case Class::kBranch:
      return insn.operation <= number(Operation::kBne) ? BranchEqual::kName : Branch::kName;
    case Class::kJump:
      return Jalr::kName;
    case Class::kLoadWord:
      return LoadWord::kName;
    case Class::kStoreWord:
      return StoreWord::kName;
    case Class::kLoadSub:
    case Class::kStoreSub:
      return SubWord::kName;
    case Class::kMul:
      if (insn.operation != number(Operation::kMul)) return MulHigh::kName;
      return is_in_place(insn) ? MulInPlace::kName : Mul::kName;
    case Class::kDiv:
      return Div::kName;
    case Class::kSystem:
      return System::kName;
    default:
      return nullptr;
  }
}

/// As chip_rows.cc: rows of a narrow chip join a wider one's table, where they are few.
void join_if_few(RowCounts& rows, const char* wide, const char* narrow) {
  const auto from = rows.find(narrow), to = rows.find(wide);
  if (from == rows.end() || to == rows.end() || from->second >= uint64_t{5} << kMinLogHeight)
    return;
  to->second += from->second;
  rows.erase(from);
}

/// Rows of the whole execution by chip, none joined.
RowCounts rows_of_all(const vm::Program& program, const vm::RunResult& run) {
  const vm::Region& text = program.text();
  RowCounts rows;
  for (uint32_t i = 0; i < run.counts.size(); ++i) {
    if (run.counts[i] == 0) continue;
    const uint32_t pc = text.base + 4 * i, word = vm::text_word(text, i);
    const char* chip = chip_of(vm::class_of(vm::decode(word).op), program_row(text, pc, word));
    if (chip != nullptr) rows[chip] += run.counts[i];
  }
  uint64_t calls = 0;
  for (size_t i = 0; i < run.layer_calls.size(); ++i) {
    if (run.layer_calls[i] == 0) continue;
    const bool pair = program.layers[i].kind == vm::Layer::Kind::kPair;
    rows[pair ? LayerPairCall::kName : LayerCall::kName] += run.layer_calls[i];
    calls += run.layer_calls[i];
  }
  // ecalls of layers have rows of their own.
  if (const auto system = rows.find(System::kName); system != rows.end())
    system->second -= std::min(system->second, calls);
  const uint64_t moved = (run.input_bytes + 3) / 4 + run.journal.size() / 4;
  if (moved != 0) rows[Transfer::kName] = moved;
  return rows;
}

/// The jobs of that part of the layers' calls. What one layer's share is rounded by, the next ones make
/// good: layers that are called once each are spread over the segments.
LayerJobs estimate_jobs(const vm::Program& program, const vm::RunResult& run, double part) {
  LayerJobs jobs;
  double owed = 0;
  for (size_t i = 0; i < run.layer_calls.size(); ++i) {
    owed += static_cast<double>(run.layer_calls[i]) * part;
    const auto calls = static_cast<uint64_t>(std::max(0.0, std::floor(owed + 0.5)));
    owed -= static_cast<double>(calls);
    if (calls == 0) continue;
    for (const auto& [chip, rows] : layer_rows(program.layers[i]))
      jobs[chip].insert(jobs[chip].end(), calls, rows);
  }
  return jobs;
}

/// The most cycles of a segment: as long as it may be, or as its layers' rows allow.
uint64_t most_cycles(const vm::Program& program, const vm::RunResult& run, uint32_t ticks) {
  uint64_t rows = 0;
  for (size_t i = 0; i < run.layer_calls.size(); ++i)
    rows += run.layer_calls[i] * program.layers[i].table_rows();
  const uint64_t most = ticks - 2;  // the first tick is 1, and clk stays below its limit
  if (rows <= ticks) return most;
  const double part = static_cast<double>(ticks) / static_cast<double>(rows);
  return std::max(uint64_t{1},
                  std::min(most, static_cast<uint64_t>(static_cast<double>(run.cycles) * part)));
}

/// The banks that the run touched. Of a bank of RAM and one of constants in the same 64 KiB, both.
std::vector<BankUse> uses_of(const Image& image, const vm::RunResult& run) {
  static_assert(kLogBank + 2 == vm::kLogBlockBytes);
  const BankMap banks(image.runs);
  std::vector<BankUse> uses = {{kMachineBank}};
  for (const bool constant : {false, true})
    for (const uint16_t block : run.touched_blocks) {
      const uint32_t place = uint32_t{block} * kBankWords + (constant ? kReadOnlyBase : 0);
      if (const uint16_t bank = banks.find(place); bank != 0) uses.push_back({bank, constant});
    }
  if (std::ranges::any_of(run.layer_calls, [](uint64_t calls) { return calls != 0; }))
    uses.push_back({kLayersBank, true});
  return uses;
}

/// One segment, and how many others are like it.
struct SegmentKind {
  uint64_t cycles;
  uint64_t count;
};

/// First, last, and those between.
std::vector<SegmentKind> kinds_of(uint64_t cycles, uint64_t most) {
  const uint64_t segments = (cycles + most - 1) / most;
  if (segments == 1) return {{cycles, 1}};
  std::vector<SegmentKind> kinds = {{most, 1}};
  if (segments > 2) kinds.push_back({most, segments - 2});
  kinds.push_back({cycles - (segments - 1) * most, 1});
  return kinds;
}

}  // namespace

RowCounts estimate_rows(const vm::Program& program, const vm::RunResult& run, uint64_t cycles) {
  ZK_CHECK(run.cycles != 0);
  RowCounts rows;
  const double part = static_cast<double>(cycles) / static_cast<double>(run.cycles);
  for (const auto& [chip, count] : rows_of_all(program, run)) {
    const auto share = static_cast<uint64_t>(std::llround(static_cast<double>(count) * part));
    if (share != 0) rows[chip] = share;
  }
  join_if_few(rows, AddImm::kName, AddImmInPlace::kName);
  join_if_few(rows, Add::kName, AddInPlace::kName);
  join_if_few(rows, Mul::kName, MulInPlace::kName);
  join_if_few(rows, Branch::kName, BranchEqual::kName);
  join_if_few(rows, ShiftImm::kName, ShiftImmInPlace::kName);
  join_if_few(rows, Shift::kName, ShiftImm::kName);
  join_if_few(rows, Shift::kName, ShiftImmInPlace::kName);
  rows[Boundary::kName] = 1;
  return rows;
}

Result<ProofEstimate> estimate_proof(const vm::Program& program, const vm::RunResult& run,
                                     const SessionOptions& options) {
  Image image = image_without_roots(program);
  image.log_blowup = kImageRate + 1;  // serves proofs of all rates
  const std::vector<SegmentKind> kinds =
      kinds_of(run.cycles, most_cycles(program, run, segment_ticks(options)));
  ProofEstimate out;
  std::vector<std::vector<BankUse>> all_uses(kinds.size(), uses_of(image, run));
  std::vector<std::vector<BankUse>*> linked;
  for (auto& uses : all_uses) linked.push_back(&uses);
  link_banks(linked);
  std::vector<SegmentShape> shapes;
  const auto shapes_for = [&](uint8_t log_blowup) -> Result<std::vector<SegmentShape>> {
    shapes.clear();
    out = {};
    for (size_t i = 0; i < kinds.size(); ++i) {
      const SegmentKind& kind = kinds[i];
      const std::vector<BankUse>& uses = all_uses[i];
      const auto circuit = machine_circuit(image, uses);
      if (!circuit) return tl::unexpected<Error>(circuit.error());
      RowCounts rows = estimate_rows(program, run, kind.cycles);
      const LayerJobs jobs = estimate_jobs(
          program, run, static_cast<double>(kind.cycles) / static_cast<double>(run.cycles));
      add_jobs(rows, jobs);
      const auto heights = chip_heights(*circuit, rows, log_blowup, jobs);
      shapes.push_back({.key = circuit->key(),
                        .tables = place_tables(*circuit, heights),
                        .publics = run.journal.size() / 4 / kinds.size() + 1,
                        .count = kind.count});
      const uint64_t cells = committed_cells(*circuit, shapes.back().tables);
      shapes.back().cells = cells;
      out.segments += kind.count;
      out.cells += kind.count * cells;
      out.largest_cells = std::max(out.largest_cells, cells);
      out.banks += kind.count * uses.size();
    }
    return shapes;
  };
  Params wish;
  wish.log_blowup = options.log_blowup;
  const auto chosen =
      choose_execution_params(shapes_for, wish, options.security_bits, options.weights);
  if (!chosen) return tl::unexpected<Error>(chosen.error());
  out.params = chosen->params;
  for (size_t i = 0; i < kinds.size(); ++i) {
    const auto shape = make_shape(shapes[i].key, out.params, shapes[i].tables);
    if (!shape) return tl::unexpected<Error>(shape.error());
    out.proof_bytes += kinds[i].count * estimate_proof_bytes(*shape);
  }
  return out;
}

uint64_t committed_cells(const Circuit& circuit, std::span<const TableSpec> tables) {
  uint64_t cells = 0;
  for (const TableSpec& table : tables)
    cells += uint64_t{committed_columns(circuit.key().chips[table.chip])} << table.log_height;
  return cells;
}

uint64_t layer_cells(const vm::Layer& layer) {
  static const std::map<std::string, uint64_t> columns = [] {
    Image image;
    image.layer_heights.fill(kMinLogLayers);
    const std::vector<BankUse> uses = {{.bank = kMachineBank},
                                       {.bank = kLayersBank, .constant = true}};
    const auto circuit = machine_circuit(image, uses);
    ZK_CHECK(circuit.has_value());
    std::map<std::string, uint64_t> of;
    for (const ChipKey& chip : circuit->key().chips) of[chip.name] = committed_columns(chip);
    return of;
  }();
  uint64_t cells = weight_rows(layer) * columns.at("weights");
  for (const auto& [chip, rows] : layer_rows(layer)) cells += rows * columns.at(chip);
  return cells;
}

uint64_t estimate_memory(const MemoryUse& use, uint8_t log_blowup) {
  constexpr double kBase = 41e6;
  constexpr double kVolume = 26e6;  // trace, extension and tree of 64 columns
  const double per_cell = log_blowup == 1 ? 10.5 : log_blowup == 2 ? 21 : 47;
  return static_cast<uint64_t>(kBase + per_cell * static_cast<double>(use.largest_cells) +
                               4 * static_cast<double>(use.proof_bytes) +
                               3 * static_cast<double>(use.program_bytes) +
                               kVolume * static_cast<double>(use.volumes));
}

}  // namespace zkvm::stark::machine
