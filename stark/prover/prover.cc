// stark/doc/protocol.md, sections 5 to 10, in the order of section 8.
#include "stark/prover/prover.h"

#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <map>
#include <type_traits>

#include "stark/hash/blake3.h"
#include "stark/pcs/open/deep.h"
#include "stark/pcs/open/fri.h"
#include "stark/pcs/open/grind.h"
#include "stark/pcs/open/ood.h"
#include "stark/prover/constraints.h"
#include "stark/prover/logup.h"
#include "stark/prover/quotient.h"

namespace zkvm::stark {
namespace {

class Prover {
 public:
  Prover(const Circuit& circuit, const Witness& witness, const SlotTrees& slots, Shape shape,
         const ProverOptions& options, ProverStats& stats)
      : circuit_(circuit),
        witness_(witness),
        slots_(slots),
        shape_(std::move(shape)),
        options_(options),
        randomness_(options.seed ? *options.seed : Randomness::fresh_seed()),
        stats_(stats),
        transcript_(options.log) {
    proof_.params = shape_.params;
    proof_.tables = shape_.tables;
    for (uint32_t t = 0; t < shape_.main_tree(); ++t)
      trees_.push_back(slots_.at(shape_.trees[t].slot));
  }

  /// False if the caller cancelled.
  bool run() {
    absorb_statement();
    return report(0.00, "main columns") && commit_main() &&  //
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
    for (const CommittedTree* tree : trees_)
      roots.insert(roots.end(), tree->root().begin(), tree->root().end());
    transcript_.absorb_words("slots", roots);
  }

  // --------------------------------------------------------------------------------------- main

  bool commit_main() {
    std::vector<CommittedGroup> groups;
    for (const GroupShape& group : shape_.groups) {
      CommittedGroup& made = groups.emplace_back();
      made.log_height = group.log_height;
      made.on_trace_domain = timed("gather columns", cells(group, shape_.main_tree()), "cell",
                                   [&] { return main_columns(group); });
    }
    if (shape_.params.zk) answer_blinds(groups);
    for (size_t g = 0; g < groups.size(); ++g) extend(shape_.main_tree(), g, groups[g]);
    proof_.main_root = hash(shape_.main_tree(), std::move(groups));
    transcript_.absorb("main", proof_.main_root);
    return grind_for("grind logup", proof_.params.grind_round, proof_.nonce_logup);
  }

  TileMatrix main_columns(const GroupShape& group) {
    std::vector<ColumnCopy> copies;
    for (const TableShape& place : group.tables) {
      const Table& table = witness_.tables[place.table];
      const ChipKey& chip = circuit_.key().chips[place.chip];
      const uint32_t first = chip.columns() - chip.main_width;
      copies.push_back({&table, first, chip.main_width, place.columns[first].column});
    }
    TileMatrix trace = gather_columns(group.log_height, group.width[shape_.main_tree()], copies);
    if (!shape_.params.zk) return trace;
    std::vector<Fp> blind(kBlindRows);
    randomness_.fill(RandomUse::kBlindColumn, group.log_height, 0, blind);
    const auto column = static_cast<int>(blind_column(group));
    for (size_t r = 0; r < blind.size(); ++r) trace.set(r, column, blind[r]);
    return trace;
  }

  [[nodiscard]] uint32_t blind_column(const GroupShape& group) const {
    const bool smallest = &group == &shape_.groups.back();
    return group.width[shape_.main_tree()] - (smallest ? 3 : 1);
  }

  /// The smallest group's answers: every value that any group sends on the blind bus, and how
  /// often.
  void answer_blinds(std::vector<CommittedGroup>& groups) const {
    std::map<uint32_t, uint64_t> sent;
    for (size_t g = 0; g < groups.size(); ++g) {
      const auto column = static_cast<int>(blind_column(shape_.groups[g]));
      for (size_t r = 0; r < kBlindRows; ++r) ++sent[groups[g].on_trace_domain.at(r, column).wire];
      sent[0] += shape_.groups[g].height() - kBlindRows;
    }
    TileMatrix& trace = groups.back().on_trace_domain;
    const auto value = static_cast<int>(blind_column(shape_.groups.back()) + 1);
    ZK_CHECK(sent.size() <= trace.rows());
    size_t row = 0;
    for (const auto& [word, count] : sent) {
      trace.set(row, value, Fp::from_wire(word));
      trace.set(row++, value + 1, Fp::from(count));
    }
  }

  // ---------------------------------------------------------------------------------------- aux

  bool commit_aux() {
    Fp5 drawn[2];
    transcript_.squeeze("logup", drawn);
    logup_ = {drawn[0], drawn[1]};
    std::vector<CommittedGroup> groups;
    for (size_t g = 0; g < shape_.groups.size(); ++g) {
      const GroupShape& group = shape_.groups[g];
      CommittedGroup& made = groups.emplace_back();
      made.log_height = group.log_height;
      TileMatrix& trace = made.cosets.emplace_back(
          group.log_height, static_cast<int>(group.width[shape_.aux_tree()]));
      timed("logup", uint64_t{group.height()} * group.interactions.size(), "interaction", [&] {
        proof_.sums.push_back(
            fill_logup(shape_, group, circuit_.key().tuple_width, logup_, traces(group), trace));
      });
      made_[0]->groups()[g].on_trace_domain =
          {};  // of main; nobody needs that of aux once it is extended
      extend(shape_.aux_tree(), g, made);
    }
    proof_.aux_root = hash(shape_.aux_tree(), std::move(groups));
    transcript_.absorb("aux", proof_.aux_root);
    transcript_.absorb("sums", proof_.sums);
    return true;
  }

  // ----------------------------------------------------------------------------------- quotient

  bool commit_quotient() {
    alpha_ = transcript_.squeeze("alpha");
    std::vector<CommittedGroup> groups;
    for (size_t g = 0; g < shape_.groups.size(); ++g) {
      const GroupShape& group = shape_.groups[g];
      CommittedGroup& made = groups.emplace_back();
      made.log_height = group.log_height;
      const uint64_t rows = uint64_t{group.height()} << shape_.params.log_blowup;
      const uint64_t evaluated = uint64_t{group.height()} * 2;
      TileMatrix values, extra;
      timed("constraints", evaluated, "row", [&] {
        values = quotient_on_cosets(g);
        if (shape_.params.zk) extra = quotient_on_extra_coset(g);
      });
      timed("split quotient", rows, "LDE row", [&] {
        for (size_t c = 0; c < coset_count(); ++c)
          made.cosets.emplace_back(group.log_height,
                                   static_cast<int>(group.width[shape_.quotient_tree()]));
        made.masks = split_quotient(shape_, group, randomness_, values,
                                    shape_.params.zk ? &extra : nullptr, made.cosets);
      });
    }
    extra_.clear();
    proof_.quotient_root = hash(shape_.quotient_tree(), std::move(groups));
    transcript_.absorb("quotient", proof_.quotient_root);
    return grind_for("grind zeta", proof_.params.grind_round, proof_.nonce_zeta);
  }

  /// As split_quotient takes them: Q has less than 2 N + M coefficients, so that two cosets and the
  /// extra one determine it.
  TileMatrix quotient_on_cosets(size_t g) {
    const GroupShape& group = shape_.groups[g];
    TileMatrix out(group.log_height, 10);
    for (const size_t half : {0u, 1u}) {
      const size_t c = half * coset_count() / 2;
      const std::vector<const TileMatrix*> columns = on_coset(group, c);
      const Fp shift = coset_shift(group.log_height, shape_.params.log_blowup, c);
      evaluate_quotient(circuit_, shape_, group, {logup_, alpha_, proof_.sums[g]},
                        inverse_vanishing(group, shift), {columns, {}}, out,
                        static_cast<uint32_t>(5 * half));
    }
    return out;
  }

  /// Main and aux left their values there when they were extended; slots are shared by many proofs,
  /// whose extra cosets differ, so theirs are computed now.
  TileMatrix quotient_on_extra_coset(size_t g) {
    const GroupShape& group = shape_.groups[g];
    for (uint32_t t = 0; t < shape_.main_tree(); ++t)
      if (const CommittedGroup* slot = trees_[t]->group(group.log_height))
        extend_to_extra(t, group, slot->on_trace_domain, slot->masks.view(), {});
    std::vector<const TileMatrix*> at, next;
    for (uint32_t t = 0; t < shape_.trees.size(); ++t) {
      const auto found = extra_.find({t, group.log_height});
      at.push_back(found == extra_.end() ? nullptr : &found->second.at);
      next.push_back(found == extra_.end() ? nullptr : &found->second.next);
    }
    TileMatrix out(log_extra(group), static_cast<int>(group.width[shape_.quotient_tree()]));
    evaluate_quotient(circuit_, shape_, group, {logup_, alpha_, proof_.sums[g]},
                      inverse_vanishing(group, kExtraShift), {at, next}, out, kChunkB);
    return out;
  }

  static Fp inverse_vanishing(const GroupShape& group, Fp shift) {
    return inverse(pow(shift, group.height()) - Fp::one());
  }

  // ----------------------------------------------------------------------------------- openings

  bool open_columns() {
    zeta_ = transcript_.squeeze("zeta");
    timed("openings", total_cells(), "cell", [&] {
      for (const GroupShape& group : shape_.groups) open_group(group);
    });
    transcript_.absorb("openings", proof_.openings);
    return grind_for("grind batch", proof_.params.grind_round, proof_.nonce_batch);
  }

  void open_group(const GroupShape& group) {
    const OutOfDomainPoint zeta(group.log_height, zeta_);
    for (uint32_t t = 0; t < shape_.trees.size(); ++t)
      if (const CommittedGroup* found = trees_[t]->group(group.log_height)) {
        std::vector<Fp5> values = zeta.evaluate(found->cosets[0], found->masks.view());
        values.resize(shape_.opened_width(group, t));  // R is not opened
        append(values);
      }
    const OutOfDomainPoint next(group.log_height, zeta_ * Fp::root_of_unity(group.log_height));
    for (uint32_t t = 0; t < shape_.trees.size(); ++t) {
      std::vector<int> columns;
      for (const ColumnRef ref : group.next)
        if (ref.tree == t) columns.push_back(static_cast<int>(ref.column));
      if (columns.empty()) continue;
      const CommittedGroup* found = trees_[t]->group(group.log_height);
      append(next.evaluate(found->cosets[0], found->masks.view(), columns));
    }
  }

  void append(const std::vector<Fp5>& values) {
    proof_.openings.insert(proof_.openings.end(), values.begin(), values.end());
  }

  // ---------------------------------------------------------------------------------------- fri

  bool run_fri() {
    std::vector<Fp5> coefficients(proof_.openings.size());
    transcript_.squeeze("batch", coefficients);
    std::vector<Codeword> batch;
    size_t first = 0;
    for (const GroupShape& group : shape_.groups) {
      const size_t count = shape_.openings(group);
      batch.push_back(timed("deep", deep_cells(group), "LDE cell", [&] {
        return deep_batch(shape_, group, extensions(group), zeta_,
                          std::span(proof_.openings).subspan(first, count),
                          std::span(coefficients).subspan(first, count));
      }));
      first += count;
    }
    const uint64_t points = batch[0].size();
    auto fri = timed("fri", points, "point",
                     [&] { return fri_commit(shape_, std::move(batch), transcript_); });
    fri_ = std::move(*fri);
    for (const FriLayer& layer : fri_.layers)
      proof_.layers.push_back({layer.tree.root(), layer.nonce});
    proof_.final_polynomial = fri_.final_polynomial;
    return true;
  }

  [[nodiscard]] std::vector<TreeLde> extensions(const GroupShape& group) const {
    std::vector<TreeLde> out(trees_.size());
    for (size_t c = 0; c < coset_count(); ++c) {
      const auto matrices = on_coset(group, c);
      for (size_t t = 0; t < trees_.size(); ++t)
        if (matrices[t] != nullptr) out[t].push_back(matrices[t]);
    }
    return out;
  }

  [[nodiscard]] uint64_t deep_cells(const GroupShape& group) const {
    uint64_t count = 0;
    for (uint32_t t = 0; t < shape_.trees.size(); ++t) count += cells(group, t);
    return count << shape_.params.log_blowup;
  }

  // ------------------------------------------------------------------------------------ queries

  bool answer_queries() {
    if (!grind_for("grind query", proof_.params.grind_query, proof_.nonce_query)) return false;
    std::vector<uint32_t> indices(proof_.params.queries);
    transcript_.squeeze_indices("queries", shape_.log_domain(shape_.groups[0]), indices);
    timed("queries", indices.size(), "query", [&] {
      for (uint32_t t = 0; t < shape_.trees.size(); ++t) {
        const MerkleTree& tree = trees_[t]->merkle();
        proof_.trees.push_back(tree.open(opened_rows(shape_, t, indices)));
      }
      for (size_t i = 0; i < fri_.layers.size(); ++i)
        proof_.trees.push_back(open_layer(shape_, fri_, i, indices));
    });
    return true;
  }

  // ------------------------------------------------------------------------------------- pieces

  struct ExtraValues {
    TileMatrix at, next;
  };

  [[nodiscard]] size_t coset_count() const { return size_t{1} << shape_.params.log_blowup; }
  static int log_extra(const GroupShape& group) {
    return std::countr_zero(group.extra_coset);  // a power of two
  }

  /// Masks and extends group g of main or aux, from its trace or, without one, in place from
  /// cosets[0].
  void extend(uint32_t tree, size_t g, CommittedGroup& made) {
    const GroupShape& group = shape_.groups[g];
    made.masks = GroupMasks::draw(randomness_, random_stream(shape_.trees[tree], group.log_height),
                                  group.mask[tree]);
    while (made.cosets.size() < coset_count())
      made.cosets.emplace_back(group.log_height, static_cast<int>(group.width[tree]));
    const TileMatrix& trace =
        made.on_trace_domain.columns() > 0 ? made.on_trace_domain : made.cosets[0];
    const bool main = tree == shape_.main_tree();
    timed(main ? "extend main" : "extend aux", cells(group, tree), "cell", [&] {
      if (shape_.params.zk)
        extend_to_extra(tree, group, trace, made.masks.view(), made.cosets);
      else
        low_degree_extend(trace, {}, made.cosets);
    });
  }

  /// low_degree_extend to `cosets`, to the extra coset and to its next rows.
  void extend_to_extra(uint32_t tree, const GroupShape& group, const TileMatrix& trace,
                       const ColumnMasks& masks, std::span<TileMatrix> cosets) {
    ExtraValues& values = extra_[{tree, group.log_height}];
    values.at = TileMatrix(log_extra(group), trace.columns());
    values.next = TileMatrix(log_extra(group), trace.columns());
    const ExtraCoset extra[] = {{kExtraShift, &values.at},
                                {kExtraShift * Fp::root_of_unity(group.log_height), &values.next}};
    low_degree_extend(trace, masks, cosets, extra);
  }

  Digest hash(uint32_t tree, std::vector<CommittedGroup> groups) {
    uint64_t count = 0;
    for (size_t g = 0; g < groups.size(); ++g) {
      groups[g].salted = shape_.groups[g].salted[tree];
      count += cells(shape_.groups[g], tree);
    }
    stats_.committed_cells += count;
    stats_.committed_bytes += count * 4 * (1 + coset_count());
    timed("hash rows", count, "cell", [&] {
      made_.push_back(std::make_unique<CommittedTree>(shape_.params, std::move(groups),
                                                      shape_.trees[tree], randomness_));
    });
    trees_.push_back(made_.back().get());
    return made_.back()->root();
  }

  bool grind_for(std::string_view label, unsigned bits, uint64_t& nonce) {
    const auto found =
        timed("proof of work", 1, "nonce", [&] { return grind(transcript_, label, bits); });
    nonce = found.value_or(0);
    return found.has_value();
  }

  /// Per tree the group's matrix on the trace domain; null where it has none.
  std::vector<const TileMatrix*> traces(const GroupShape& group) const {
    std::vector<const TileMatrix*> out;
    for (const CommittedTree* tree : trees_) {
      const CommittedGroup* found = tree->group(group.log_height);
      out.push_back(found == nullptr ? nullptr : &found->on_trace_domain);
    }
    return out;
  }

  std::vector<const TileMatrix*> on_coset(const GroupShape& group, size_t c) const {
    std::vector<const TileMatrix*> out;
    for (size_t t = 0; t < trees_.size(); ++t) {
      const CommittedGroup* found = trees_[t]->group(group.log_height);
      out.push_back(found == nullptr ? nullptr : &found->cosets[c << shape_.trees[t].log_stride]);
    }
    return out;
  }

  static uint64_t cells(const GroupShape& group, uint32_t tree) {
    return uint64_t{group.height()} * group.width[tree];
  }
  [[nodiscard]] uint64_t total_cells() const {
    uint64_t count = 0;
    for (const GroupShape& group : shape_.groups)
      for (uint32_t t = 0; t < shape_.trees.size(); ++t) count += cells(group, t);
    return count;
  }

  [[nodiscard]] bool report(double done, const char* next) const {
    return !options_.progress || options_.progress(done, next);
  }

  /// Runs `body` and adds its time to the stage of this name.
  template <class Body>
  std::invoke_result_t<Body> timed(const std::string& name, uint64_t units, const char* unit,
                                   const Body& body) {
    const auto start = std::chrono::steady_clock::now();
    struct AtEnd {
      Prover& prover;
      const std::string& name;
      uint64_t units;
      const char* unit;
      std::chrono::steady_clock::time_point start;
      ~AtEnd() {
        auto stage = std::ranges::find(prover.stats_.stages, name, &StageTime::name);
        if (stage == prover.stats_.stages.end())
          stage = prover.stats_.stages.insert(stage, {name, 0, 0, unit});
        stage->seconds +=
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
        stage->units += units;
      }
    } at_end{*this, name, units, unit, start};
    return body();
  }

  const Circuit& circuit_;
  const Witness& witness_;
  const SlotTrees& slots_;
  const Shape shape_;
  const ProverOptions& options_;
  const Randomness randomness_;
  ProverStats& stats_;
  Transcript transcript_;
  Proof proof_;
  std::vector<const CommittedTree*> trees_;           // in the shape's order, as far as made
  std::vector<std::unique_ptr<CommittedTree>> made_;  // main, aux, quotient
  std::map<std::pair<uint32_t, uint8_t>, ExtraValues> extra_;  // by tree and height
  LogupChallenges logup_;
  Fp5 alpha_, zeta_;
  FriCommitment fri_;
};

/// Whether a tree is there for every slot and was made for these very columns and parameters: of
/// them, fixed columns depend on the blowup alone.
/// ZERO-KNOWLEDGE: a shared tree with shorter masks, or none, gives proofs that verify and leak.
/// Errors: kStatement.
Result<void> check_slots(const Shape& shape, const SlotTrees& slots) {
  for (uint32_t t = 0; t < shape.main_tree(); ++t) {
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

Result<Proof> prove(const Circuit& circuit, const Witness& witness, const SlotTrees& slots,
                    const ProverOptions& options, ProverStats* stats) {
  auto shape = make_shape(circuit.key(), options.params, witness.specs());
  if (!shape) return tl::unexpected<Error>(shape.error());
  if (auto ok = check_slots(*shape, slots); !ok) return tl::unexpected<Error>(ok.error());
  if (options.params.zk && kBlindRows * shape->groups.size() >= shape->groups.back().height())
    return fail(ErrorCode::kTables,
                "the smallest table has too few rows to answer every group's blinds");
  ProverStats unused;
  Prover prover(circuit, witness, slots, std::move(*shape), options, stats ? *stats : unused);
  if (!prover.run()) return fail(ErrorCode::kCancelled, "cancelled");
  return std::move(prover).take();
}

}  // namespace zkvm::stark
