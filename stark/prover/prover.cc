// stark/doc/protocol.md, sections 5 to 10, in the order of section 8.
#include "stark/prover/prover.h"

#include <tbb/parallel_for.h>
#include <zk/check.h>

#include <map>
#include <numeric>

#include "stark/hash/blake3.h"
#include "stark/pcs/fri/fri.h"
#include "stark/pcs/fri/grind.h"
#include "stark/pcs/open/deep.h"
#include "stark/pcs/open/ood.h"
#include "stark/prover/phases.h"
#include "stark/prover/stages/constraints.h"
#include "stark/prover/stages/logup.h"
#include "stark/prover/stages/quotient.h"

namespace zkvm::stark {
namespace {

class Prover {
 public:
  Prover(const Circuit& circuit, Witness witness, const SlotTrees& slots, Shape shape,
         const ProverOptions& options, ProverStats& stats)
      : circuit_(circuit),
        witness_(std::move(witness)),
        slots_(slots),
        shape_(std::move(shape)),
        options_(options),
        randomness_(options.seed ? *options.seed : Randomness::fresh_seed()),
        stats_(stats),
        timed_(stats.stages),
        phases_(shape_, slots, randomness_, timed_),
        transcript_(options.log) {
    proof_.params = shape_.params;
    proof_.tables = shape_.tables;
  }

  /// False if the caller cancelled.
  bool run() {
    absorb_statement();
    return report(0.00, "main columns") && commit_main() &&  //
           commit_late() &&                                  //
           report(0.20, "running sums") && commit_aux() &&   //
           report(0.55, "quotient") && commit_quotient() &&  //
           report(0.80, "openings") && open_columns() &&     //
           report(0.85, "low-degree test") && run_fri() &&   //
           report(0.98, "queries") && answer_queries();
  }
  [[nodiscard]] Proof take() && { return std::move(proof_); }

 private:
  // ---------------------------------------------------------------------------------- statement

  void absorb_statement() {
    transcript_.absorb("params", proof_.params.serialise());
    transcript_.absorb("key", blake3_hash(circuit_.key().serialise()));
    transcript_.absorb("statement", make_statement(circuit_, witness_, slots_).serialise());
    transcript_.absorb("tables", serialise(proof_.tables));
    std::vector<uint32_t> roots;
    for (const CommittedTree* tree : phases_.trees())
      roots.insert(roots.end(), tree->root().begin(), tree->root().end());
    transcript_.absorb_words("slots", roots);
  }

  // --------------------------------------------------------------------------------------- main

  bool commit_main() {
    std::vector<CommittedGroup> groups;
    for (const GroupShape& group : shape_.groups) {
      CommittedGroup& made = groups.emplace_back();
      made.log_height = group.log_height;
      made.on_trace_domain = timed_("gather columns", cells(group, shape_.tree(Phase::kMain)),
                                    "cell", [&] { return main_columns(group); });
    }
    if (shape_.params.zk) answer_blinds(groups);
    for (size_t g = 0; g < groups.size(); ++g) phases_.extend(Phase::kMain, g, groups[g]);
    commit(Phase::kMain, std::move(groups));
    return true;
  }

  TileMatrix main_columns(const GroupShape& group) {
    std::vector<ColumnCopy> copies;
    for (const TableShape& place : group.tables) {
      const Table& table = witness_.tables[place.table];
      const ChipKey& chip = circuit_.key().chips[place.chip];
      const uint32_t first = chip.slot_width();
      copies.push_back({&table, first, chip.main_width, place.columns[first].column});
    }
    TileMatrix trace =
        gather_columns(group.log_height, group.width[shape_.tree(Phase::kMain)], copies);
    if (!shape_.params.zk) return trace;
    std::vector<Fp> blind(kBlindRows);
    randomness_.fill(RandomUse::kBlindColumn, group.log_height, 0, blind);
    const auto column = static_cast<int>(group.blind);
    for (size_t r = 0; r < blind.size(); ++r) trace.set(r, column, blind[r]);
    return trace;
  }

  /// The smallest group's answers: every value that any group sends on the blind bus, and how
  /// often.
  void answer_blinds(std::vector<CommittedGroup>& groups) const {
    std::map<uint32_t, uint64_t> sent;
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto column = static_cast<int>(shape_.groups[g].blind);
      for (size_t r = 0; r < kBlindRows; ++r) ++sent[groups[g].on_trace_domain.at(r, column).wire];
      sent[0] += shape_.groups[g].height() - kBlindRows;
    }
    TileMatrix& trace = groups.back().on_trace_domain;
    const auto value = static_cast<int>(shape_.groups.back().blind + 1);
    ZK_CHECK(sent.size() <= trace.rows());
    size_t row = 0;
    for (const auto& [word, count] : sent) {
      trace.set(row, value, Fp::from_wire(word));
      trace.set(row++, value + 1, Fp::from(count));
    }
  }

  // --------------------------------------------------------------------------------------- late

  bool commit_late() {
    if (shape_.has(Phase::kLate) && !commit_late_columns()) return false;
    witness_.tables = {};  // read no more
    return true;
  }

  bool commit_late_columns() {
    if (!grind_for("grind late", proof_.params.grind_round, proof_.nonce_late.emplace()))
      return false;
    Fp5 drawn[kLateChallenges];
    transcript_.squeeze("late", drawn);
    late_ = LatePowers(drawn[kLambda], drawn[kMu]);
    const uint32_t tree = shape_.tree(Phase::kLate);
    std::vector<CommittedGroup> groups;
    for (size_t g = 0; g < shape_.groups.size(); ++g) {
      const GroupShape& group = shape_.groups[g];
      if (group.width[tree] == 0) continue;
      CommittedGroup& made = groups.emplace_back();
      made.log_height = group.log_height;
      made.on_trace_domain =
          timed_("late columns", cells(group, tree), "cell", [&] { return late_columns(group); });
      phases_.extend(Phase::kLate, g, made);
    }
    commit(Phase::kLate, std::move(groups));
    return true;
  }

  TileMatrix late_columns(const GroupShape& group) {
    std::vector<Table> made;
    std::vector<ColumnCopy> copies;
    std::vector<const Table*> of;
    made.reserve(group.tables.size());
    for (const TableShape& place : group.tables) {
      const ChipKey& chip = circuit_.key().chips[place.chip];
      if (chip.late_width == 0) continue;
      made.push_back({place.chip, group.log_height, chip.late_width, {}});
      of.push_back(&witness_.tables[place.table]);
      copies.push_back({&made.back(), 0, chip.late_width,
                        place.columns[chip.slot_width() + chip.main_width].column});
    }
    // Each by itself from its last row to its first.
    tbb::parallel_for(size_t{0}, made.size(), [&](size_t i) {
      made[i].cells = witness_.late_columns(*of[i], made[i].width, late_);
    });
    return gather_columns(group.log_height, group.width[shape_.tree(Phase::kLate)], copies);
  }

  // ---------------------------------------------------------------------------------------- aux

  bool commit_aux() {
    if (!grind_for("grind logup", proof_.params.grind_round, proof_.nonce_logup)) return false;
    Fp5 drawn[2];
    transcript_.squeeze("logup", drawn);
    logup_ = {drawn[0], drawn[1]};
    std::vector<CommittedGroup> groups;
    for (size_t g = 0; g < shape_.groups.size(); ++g) {
      const GroupShape& group = shape_.groups[g];
      CommittedGroup& made = groups.emplace_back();
      made.log_height = group.log_height;
      TileMatrix& trace = made.cosets.emplace_back(
          group.log_height, static_cast<int>(group.width[shape_.tree(Phase::kAux)]));
      timed_("logup", uint64_t{group.height()} * group.interactions.size(), "interaction", [&] {
        proof_.sums.push_back(fill_logup(shape_, group, circuit_.key().tuple_width, logup_,
                                         phases_.on_trace_domain(group), trace));
      });
      // Nobody needs those any more, nor that of aux once it is extended.
      phases_.drop_trace(group);
      phases_.extend(Phase::kAux, g, made);
    }
    commit(Phase::kAux, std::move(groups));
    transcript_.absorb("sums", proof_.sums);
    return true;
  }

  // ----------------------------------------------------------------------------------- quotient

  bool commit_quotient() {
    alpha_ = transcript_.squeeze("alpha");
    // Of all groups first: so the extra cosets make room for the quotient's columns.
    std::vector<QuotientValues> values;
    for (size_t g = 0; g < shape_.groups.size(); ++g) {
      const uint64_t evaluated = uint64_t{shape_.groups[g].height()} * 2;
      timed_("constraints", evaluated, "row", [&] {
        values.push_back({quotient_on_cosets(g), {}});
        if (shape_.params.zk) values.back().on_extra_coset = quotient_on_extra_coset(g);
      });
    }
    phases_.drop_extra_cosets();
    std::vector<CommittedGroup> groups;
    for (size_t g = 0; g < shape_.groups.size(); ++g) {
      const GroupShape& group = shape_.groups[g];
      CommittedGroup& made = groups.emplace_back();
      made.log_height = group.log_height;
      const uint64_t rows = uint64_t{group.height()} << shape_.params.log_blowup;
      timed_("split quotient", rows, "LDE row", [&] {
        for (size_t c = 0; c < phases_.coset_count(); ++c)
          made.cosets.emplace_back(group.log_height,
                                   static_cast<int>(group.width[shape_.tree(Phase::kQuotient)]));
        made.masks =
            split_quotient(shape_, group, randomness_, values[g].on_cosets,
                           shape_.params.zk ? &values[g].on_extra_coset : nullptr, made.cosets);
      });
      values[g] = {};
    }
    commit(Phase::kQuotient, std::move(groups));
    return grind_for("grind zeta", proof_.params.grind_round, proof_.nonce_zeta);
  }

  struct QuotientValues {
    TileMatrix on_cosets, on_extra_coset;
  };

  /// As split_quotient takes them: Q has less than 2 N + M coefficients, so that two cosets and the
  /// extra one determine it.
  TileMatrix quotient_on_cosets(size_t g) {
    const GroupShape& group = shape_.groups[g];
    TileMatrix out(group.log_height, static_cast<int>(kBlinding));
    for (const size_t half : {0u, 1u}) {
      const size_t c = half * phases_.coset_count() / 2;
      const std::vector<const TileMatrix*> columns = phases_.on_coset(group, c);
      const Fp shift = coset_shift(group.log_height, shape_.params.log_blowup, c);
      evaluate_quotient(circuit_, shape_, group, {late_, logup_, alpha_, proof_.sums[g]},
                        inverse_vanishing(group, shift), {columns, {}}, out,
                        static_cast<uint32_t>(5 * half));
    }
    return out;
  }

  TileMatrix quotient_on_extra_coset(size_t g) {
    const GroupShape& group = shape_.groups[g];
    const auto [at, next] = phases_.on_extra_coset(group);
    TileMatrix out(Phases::log_extra(group), static_cast<int>(kBlinding));
    evaluate_quotient(circuit_, shape_, group, {late_, logup_, alpha_, proof_.sums[g]},
                      inverse_vanishing(group, kExtraShift), {at, next}, out, kChunkB);
    return out;
  }

  static Fp inverse_vanishing(const GroupShape& group, Fp shift) {
    return inverse(pow(shift, group.height()) - Fp::one());
  }

  // ----------------------------------------------------------------------------------- openings

  bool open_columns() {
    zeta_ = transcript_.squeeze("zeta");
    timed_("openings", total_cells(), "cell", [&] {
      for (const GroupShape& group : shape_.groups) open_group(group);
    });
    transcript_.absorb("openings", proof_.openings);
    return grind_for("grind batch", proof_.params.grind_round, proof_.nonce_batch);
  }

  void open_group(const GroupShape& group) {
    const OutOfDomainPoint zeta(group.log_height, zeta_);
    for (uint32_t t = 0; t < shape_.trees.size(); ++t)
      if (const CommittedGroup* found = phases_.trees()[t]->group(group.log_height)) {
        std::vector<int> columns(shape_.opened_width(group, t));
        std::iota(columns.begin(), columns.end(), 0);
        append(zeta.evaluate(found->cosets[0], found->masks.view(), columns));
      }
    const OutOfDomainPoint next(group.log_height, zeta_ * Fp::root_of_unity(group.log_height));
    for (uint32_t t = 0; t < shape_.trees.size(); ++t) {
      std::vector<int> columns;
      for (const ColumnRef ref : group.next)
        if (ref.tree == t) columns.push_back(static_cast<int>(ref.column));
      if (columns.empty()) continue;
      const CommittedGroup* found = phases_.trees()[t]->group(group.log_height);
      append(next.evaluate(found->cosets[0], found->masks.view(), columns));
    }
  }

  void append(const std::vector<Fp5>& values) {
    proof_.openings.insert(proof_.openings.end(), values.begin(), values.end());
  }

  // ---------------------------------------------------------------------------------------- fri

  bool run_fri() {
    std::vector<Fp5> coefficients(shape_.batched());
    transcript_.squeeze("batch", coefficients);
    std::vector<std::vector<TreeLde>> extensions;
    for (const GroupShape& group : shape_.groups) extensions.push_back(phases_.extensions(group));
    Codeword batch = timed_("deep", total_cells() << shape_.params.log_blowup, "LDE cell", [&] {
      return deep_batch(shape_, extensions, zeta_, proof_.openings, coefficients);
    });
    const uint64_t points = batch.size();
    auto fri = timed_("fri", points, "point",
                      [&] { return fri_commit(shape_, std::move(batch), transcript_); });
    fri_ = std::move(*fri);
    for (const FriLayer& layer : fri_.layers)
      proof_.layers.push_back({layer.tree.root(), layer.nonce});
    proof_.final_polynomial = fri_.final_polynomial;
    return true;
  }

  // ------------------------------------------------------------------------------------ queries

  bool answer_queries() {
    if (!grind_for("grind query", proof_.params.grind_query, proof_.nonce_query)) return false;
    std::vector<uint32_t> indices(proof_.params.queries);
    transcript_.squeeze_indices("queries", shape_.log_domain(), indices);
    timed_("queries", indices.size(), "query", [&] {
      for (uint32_t t = 0; t < shape_.trees.size(); ++t) {
        const MerkleTree& tree = phases_.trees()[t]->merkle();
        proof_.trees.push_back(tree.open(opened_rows(shape_, t, indices)));
      }
      for (size_t i = 0; i < fri_.layers.size(); ++i)
        proof_.trees.push_back(open_layer(shape_, fri_, i, indices));
    });
    return true;
  }

  // ------------------------------------------------------------------------------------- pieces

  void commit(Phase phase, std::vector<CommittedGroup> groups) {
    proof_.roots.push_back(phases_.commit(phase, std::move(groups)));
    const uint64_t count = cells(shape_, shape_.tree(phase));
    stats_.committed_cells += count;
    stats_.committed_bytes += count * 4 * (1 + phases_.coset_count());
    transcript_.absorb(name(phase), proof_.roots.back());
  }

  bool grind_for(std::string_view label, unsigned bits, uint64_t& nonce) {
    const auto found = timed_("proof of work", bits > 0 ? uint64_t{1} << bits : 0, "hash",
                              [&] { return grind(transcript_, label, bits); });
    nonce = found.value_or(0);
    return found.has_value();
  }

  [[nodiscard]] uint64_t total_cells() const {
    uint64_t count = 0;
    for (uint32_t t = 0; t < shape_.trees.size(); ++t) count += cells(shape_, t);
    return count;
  }

  [[nodiscard]] bool report(double done, const char* next) const {
    return !options_.progress || options_.progress(done, next);
  }

  const Circuit& circuit_;
  Witness witness_;
  const SlotTrees& slots_;
  const Shape shape_;
  const ProverOptions& options_;
  const Randomness randomness_;
  ProverStats& stats_;
  StageTimer timed_;
  Phases phases_;
  Transcript transcript_;
  Proof proof_;
  LatePowers late_;
  LogupChallenges logup_;
  Fp5 alpha_, zeta_;
  FriCommitment fri_;
};

/// Whether a tree is there for every slot and was made for these very columns and parameters: of
/// them, fixed columns depend on the blowup alone.
/// ZERO-KNOWLEDGE: a shared tree with shorter masks, or none, gives proofs that verify and leak.
/// Errors: kStatement.
Result<void> check_slots(const Shape& shape, const SlotTrees& slots) {
  for (uint32_t t = 0; t < shape.slot_trees(); ++t) {
    const std::string where = "slot " + std::to_string(shape.trees[t].slot) + ": ";
    const auto found = slots.find(shape.trees[t].slot);
    if (found == slots.end()) return fail(ErrorCode::kStatement, where + "no tree given");
    const Params& made_for = found->second->params();
    const bool masked = shape.trees[t].kind == TreeShape::Kind::kShared;
    if (made_for.log_blowup != shape.params.log_blowup + shape.trees[t].log_stride ||
        (masked && (made_for.zk != shape.params.zk || made_for.queries != shape.params.queries)))
      return fail(ErrorCode::kStatement, where + "the tree was made for other parameters");
    for (const GroupShape& group : shape.groups) {
      const CommittedGroup* made = found->second->group(group.log_height);
      const uint32_t width =
          made == nullptr ? 0 : static_cast<uint32_t>(made->on_trace_domain.columns());
      if (width != group.width[t])
        return fail(ErrorCode::kStatement, where + "the tree has other columns");
    }
  }
  return {};
}

}  // namespace

Statement make_statement(const Circuit& circuit, const Witness& witness, const SlotTrees& slots) {
  Statement out;
  out.publics = witness.publics;
  for (const auto& [slot, tree] : slots)
    if (circuit.key().slots[slot].kind == Slot::Kind::kShared)
      out.shared.push_back({slot, tree->root()});
  return out;
}

Result<Proof> prove(const Circuit& circuit, Witness witness, const SlotTrees& slots,
                    const ProverOptions& options, ProverStats* stats) {
  auto shape = make_shape(circuit.key(), options.params, witness.specs());
  if (!shape) return propagate(shape);
  if (auto ok = check_slots(*shape, slots); !ok) return propagate(ok);
  for (const Table& table : witness.tables)
    if ((table.make_late != nullptr) != (circuit.key().chips[table.chip].late_width > 0))
      return fail(ErrorCode::kTables, "chip " + circuit.key().chips[table.chip].name +
                                          ": late columns without a producer, or the reverse");
  if (options.params.zk && kBlindRows * shape->groups.size() >= shape->groups.back().height())
    return fail(ErrorCode::kTables,
                "the smallest table has too few rows to answer every group's blinds");
  ProverStats unused;
  (stats ? stats : &unused)->nonce_hashes += shape->expected_hashes();
  Prover prover(circuit, std::move(witness), slots, std::move(*shape), options,
                stats ? *stats : unused);
  if (!prover.run()) return fail(ErrorCode::kCancelled, "cancelled");
  return std::move(prover).take();
}

}  // namespace zkvm::stark
