#include "stark/session/proof_memory.h"

#include <algorithm>
#include <bit>

#include "stark/poly/tile_matrix.h"
#include "stark/prover/stages/quotient.h"
#include "vm/code.h"
#include "vm/isa.h"
#include "vm/record.h"

namespace zkvm::stark::machine {
namespace {

/// Of a TileMatrix: a part of a tile takes all of it.
uint64_t matrix(unsigned log_rows, uint64_t columns) {
  const uint64_t tiles = (columns + kTileWidth - 1) / kTileWidth;
  const uint64_t rows = uint64_t{1} << log_rows;
  return tiles * (rows + rows / kBlockRows + 16) * kTileWidth * sizeof(uint32_t);
}

/// Of the digests that a MerkleTree keeps: those above its three lowest levels.
uint64_t digests(unsigned log_rows) { return uint64_t{8} << log_rows; }

/// The matrices of one phase.
class PhaseMemory {
 public:
  PhaseMemory(const Shape& shape, Phase phase) : shape_(shape), phase_(phase) {}

  [[nodiscard]] uint64_t of(const GroupShape& group) const {
    return shape_.has(phase_) ? matrix(group.log_height, group.width[shape_.tree(phase_)]) : 0;
  }
  [[nodiscard]] uint64_t all() const {
    uint64_t sum = 0;
    for (const GroupShape& group : shape_.groups) sum += of(group);
    return sum;
  }
  /// On the extra coset, and the next rows there.
  [[nodiscard]] uint64_t extra() const {
    if (!shape_.params.zk || !shape_.has(phase_)) return 0;
    uint64_t sum = 0;
    for (const GroupShape& group : shape_.groups)
      sum += 2 * matrix(static_cast<unsigned>(std::countr_zero(group.extra_coset)),
                        group.width[shape_.tree(phase_)]);
    return sum;
  }

 private:
  const Shape& shape_;
  Phase phase_;
};

uint64_t slot_trees(const Shape& shape) {
  uint64_t sum = 0;
  for (uint32_t t = 0; t < shape.slot_trees(); ++t) {
    const TreeShape& tree = shape.trees[t];
    const unsigned log_blowup = shape.params.log_blowup + tree.log_stride;
    for (const GroupShape& group : shape.groups)
      sum += (1 + (uint64_t{1} << log_blowup)) * matrix(group.log_height, group.width[t]);
    sum += digests(tree.log_height + log_blowup);
  }
  return sum;
}

}  // namespace

uint64_t prover_memory(const Shape& shape, uint64_t rows_bytes) {
  const uint64_t cosets = uint64_t{1} << shape.params.log_blowup;
  const PhaseMemory main(shape, Phase::kMain), late(shape, Phase::kLate), aux(shape, Phase::kAux),
      quotient(shape, Phase::kQuotient);
  const uint64_t tree = digests(shape.log_domain());
  uint64_t peak = 0, held = slot_trees(shape);
  const auto hold = [&](uint64_t bytes) { peak = std::max(peak, held += bytes); };
  // Main and late: trace, cosets and what they are made from. Late columns stand there twice for a
  // time.
  hold(rows_bytes + (1 + cosets) * main.all() + main.extra() + tree);
  uint64_t late_twice = 0;
  for (const GroupShape& group : shape.groups) late_twice = std::max(late_twice, late.of(group));
  peak = std::max(peak, held + late_twice);
  hold((1 + cosets) * late.all() + late.extra() + (shape.has(Phase::kLate) ? tree : 0));
  held -= rows_bytes;
  // Aux, group by group: the traces are dropped.
  for (const GroupShape& group : shape.groups) {
    hold(aux.of(group));
    held -= main.of(group) + late.of(group);
    hold((cosets - 1) * aux.of(group));
  }
  hold(aux.extra() + tree);
  // Quotients: their values, then their columns.
  uint64_t values = 0;
  for (const GroupShape& group : shape.groups) values += matrix(group.log_height, kBlinding);
  hold(values);
  held -= main.extra() + late.extra() + aux.extra();
  hold(cosets * quotient.all() + tree);
  held -= values;
  // The batch, and the layers of FRI with their trees.
  uint64_t codewords = 0;
  for (unsigned log = shape.log_domain(); log > 10; log -= std::min(log, 3u))
    codewords += (uint64_t{4 * kExtensionDegree} << log) + digests(log - std::min(log, 3u));
  hold(codewords);
  return peak;
}

uint64_t fixed_tree_memory(std::span<const Slot::Row> rows, uint8_t log_blowup) {
  uint64_t sum = rows.empty() ? 0 : digests(rows[0].log_height + log_blowup);
  for (const Slot::Row& row : rows)
    sum += (1 + (uint64_t{1} << log_blowup)) * matrix(row.log_height, row.width);
  return sum;
}

uint64_t record_memory(const vm::Program& program, const vm::Survey& survey, uint64_t pages) {
  uint64_t bytes = std::bit_ceil(pages) * sizeof(vm::Page);
  for (uint32_t i = 0; i < survey.counts.size(); ++i)
    if (survey.counts[i] != 0)
      bytes += survey.counts[i] *
               vm::row_bytes(vm::class_of(vm::decode(vm::text_word(program.text(), i)).op));
  bytes += survey.transfers * sizeof(vm::TransferRow);
  uint64_t words = 0;
  for (const uint32_t call : survey.layer_calls) {
    const vm::Layer& layer = program.layers[call];
    words += layer.words_read() + layer.words_written();
  }
  bytes += survey.layer_calls.size() * sizeof(vm::LayerRow);
  for (const vm::HashUse& hash : survey.hashes) {
    words += vm::kHashBlockWords * hash.blocks + vm::kCvWords * hash.calls;
    bytes += hash.calls * sizeof(vm::HashRow);
  }
  return bytes + words * sizeof(vm::Access);
}

uint64_t record_memory(uint64_t cycles, uint64_t layer_words) {
  return cycles * sizeof(vm::ImmediateRow) + layer_words * (sizeof(vm::Access) + 12);
}

uint64_t jobs_memory(const Circuit& circuit, const LayerJobs& jobs) {
  uint64_t bytes = 0;
  for (const auto& [chip, list] : jobs)
    for (const uint64_t rows : list)
      bytes += rows * sizeof(Fp) * circuit.key().chips[circuit.chip(chip)].columns();
  return bytes;
}

uint64_t estimate_memory(const MemoryUse& use) {
  constexpr uint64_t kBase = 33'000'000;
  // What lies between blocks, and is not counted otherwise: a sixteenth, as measured; twice that where
  // a second proof finds blocks of other sizes.
  const uint64_t held = use.largest_segment + use.other_trees;
  return kBase + held + held / 16 * (use.segments > 1 ? 2 : 1) + 4 * use.proof_bytes +
         3 * use.program_bytes + use.layer_lists;
}

}  // namespace zkvm::stark::machine
