#include "stark/protocol/shape.h"

#include <fmt/core.h>

#include <algorithm>
#include <bit>

#include "stark/field/field.h"

namespace zkvm::stark {
namespace {

constexpr uint32_t kOne = Fp::one().wire;
constexpr uint32_t kQuotientOpened = 2 * kExtensionDegree;  // chunks a and b; R is not opened
constexpr uint32_t kChunkMask = 6;  // of chunks whose stack has fillers: for zeta, and one more

/// What the shape keeps of each table of a chip: its affine forms, and their terms.
uint64_t forms_and_terms(const ChipKey& chip) {
  uint64_t count = 0;
  for (const Interaction& interaction : chip.interactions) {
    count += 1 + interaction.multiplicity.terms.size();
    for (const AffineForm& form : interaction.tuple) count += 1 + form.terms.size();
  }
  return count;
}

/// A chip may occur in many tables, so a key of some megabytes could ask for a shape of gigabytes:
/// nodes and terms of all tables are counted before anything is made for them.
Result<void> check_tables(const VerifyingKey& key, std::span<const TableSpec> tables) {
  if (tables.empty() || tables.size() > kMaxTables)
    return fail(ErrorCode::kTables,
                fmt::format("tables: expected 1..{}, found {}", kMaxTables, tables.size()));
  uint64_t nodes = 0, terms = 0;
  for (size_t i = 0; i < tables.size(); ++i) {
    const TableSpec& table = tables[i];
    if (table.chip >= key.chips.size())
      return fail(ErrorCode::kTables, fmt::format("table {}: no chip {}", i, table.chip));
    const ChipKey& chip = key.chips[table.chip];
    nodes += chip.nodes.size();
    if (nodes > kMaxNodes)
      return fail(ErrorCode::kTables, fmt::format("tables: more than {} nodes in all", kMaxNodes));
    terms += forms_and_terms(chip);
    if (terms > kMaxTerms)
      return fail(ErrorCode::kTables,
                  fmt::format("tables: more than {} affine forms and terms in all", kMaxTerms));
    if (chip.log_height != kFreeHeight && table.log_height != chip.log_height)
      return fail(ErrorCode::kTables,
                  fmt::format("table {} ({}): height: expected 2^{}, found 2^{}", i, chip.name,
                              chip.log_height, table.log_height));
    if (table.log_height > kMaxLogHeight)
      return fail(ErrorCode::kTables, fmt::format("table {} ({}): height: at most 2^{}, found 2^{}",
                                                  i, chip.name, kMaxLogHeight, table.log_height));
    if (i > 0 &&
        (table.log_height > tables[i - 1].log_height ||
         (table.log_height == tables[i - 1].log_height && table.chip < tables[i - 1].chip)))
      return fail(ErrorCode::kNonCanonical, fmt::format("table {}: not in order", i));
  }
  return {};
}

/// Which slots are present. A slot is whole or absent: every chip that has columns in it exactly
/// once, or none.
Result<std::vector<bool>> present_slots(const VerifyingKey& key,
                                        std::span<const TableSpec> tables) {
  std::vector<uint32_t> uses(key.chips.size());
  for (const TableSpec& table : tables) ++uses[table.chip];
  std::vector<int> state(key.slots.size(), -1);
  for (size_t c = 0; c < key.chips.size(); ++c) {
    const ChipKey& chip = key.chips[c];
    if (!chip.slots.empty() && uses[c] > 1)
      return fail(ErrorCode::kTables,
                  fmt::format("chip {} has slot columns and occurs {} times", chip.name, uses[c]));
    for (const auto& group : chip.slots) {
      const int now = static_cast<int>(uses[c]);
      if (state[group.slot] >= 0 && state[group.slot] != now)
        return fail(ErrorCode::kTables,
                    fmt::format("slot {}: chip {} occurs {} times, others {} times", group.slot,
                                chip.name, now, state[group.slot]));
      state[group.slot] = now;
    }
  }
  std::vector<bool> present;
  for (const int s : state) present.push_back(s == 1);
  return present;
}

/// Fixed trees must hold every point of the proof's domains.
Result<void> check_blowups(const VerifyingKey& key, const Params& params,
                           const std::vector<bool>& present) {
  for (size_t s = 0; s < present.size(); ++s)
    if (present[s] && key.slots[s].kind == Slot::Kind::kFixed &&
        key.slots[s].log_blowup < params.log_blowup)
      return fail(ErrorCode::kParams,
                  fmt::format("parameters: log_blowup: at most {}, that of slot {}, found {}",
                              key.slots[s].log_blowup, s, params.log_blowup));
  return {};
}

GroupAffineForm resolve(const AffineForm& form, const std::vector<ColumnRef>& columns) {
  GroupAffineForm out{form.constant, {}};
  out.terms.reserve(form.terms.size());
  for (const auto& term : form.terms) out.terms.push_back({columns[term.column], term.coefficient});
  return out;
}

GroupAffineForm single(ColumnRef column) { return {0, {{column, kOne}}}; }

TreeShape::Kind kind_of(Phase phase) {
  switch (phase) {
    case Phase::kMain:
      return TreeShape::Kind::kMain;
    case Phase::kLate:
      return TreeShape::Kind::kLate;
    case Phase::kAux:
      return TreeShape::Kind::kAux;
    case Phase::kQuotient:
      break;
  }
  return TreeShape::Kind::kQuotient;
}

/// Builds one Shape, group by group.
class Builder {
 public:
  Builder(const VerifyingKey& key, Shape& shape) : key_(key), shape_(shape) {}

  void add_trees(const std::vector<bool>& present) {
    tree_of_slot_.resize(present.size());
    for (size_t s = 0; s < present.size(); ++s) {
      if (!present[s]) continue;
      tree_of_slot_[s] = static_cast<uint32_t>(shape_.trees.size());
      const Slot& slot = key_.slots[s];
      const bool fixed = slot.kind == Slot::Kind::kFixed;
      TreeShape& tree = shape_.trees.emplace_back();
      tree.kind = fixed ? TreeShape::Kind::kFixed : TreeShape::Kind::kShared;
      tree.slot = static_cast<uint16_t>(s);
      tree.log_height = slot.rows[0].log_height;
      if (fixed) tree.log_stride = slot.log_blowup - shape_.params.log_blowup;
    }
    shape_.phases = {Phase::kMain, Phase::kAux, Phase::kQuotient};
    const auto late = [&](const TableSpec& table) { return key_.chips[table.chip].late_width > 0; };
    if (std::ranges::any_of(shape_.tables, late))
      shape_.phases.insert(shape_.phases.begin() + 1, Phase::kLate);
    shape_.log_height = shape_.tables[0].log_height + shape_.params.log_stack;
    for (const Phase phase : shape_.phases) {
      TreeShape& tree = shape_.trees.emplace_back();
      tree.kind = kind_of(phase);
      tree.log_height = shape_.log_height;
    }
  }

  void add_groups() {
    const auto& tables = shape_.tables;
    for (size_t i = 0; i < tables.size();) {
      GroupShape group;
      group.log_height = tables[i].log_height;
      group.width.assign(shape_.trees.size(), 0);
      group.stacked.resize(shape_.trees.size());
      group.mask.resize(shape_.trees.size());
      add_slot_columns(group);
      group.short_masks = may_have_short_masks(group);
      for (; i < tables.size() && tables[i].log_height == group.log_height; ++i)
        add_table(group, static_cast<uint32_t>(i));
      if (shape_.params.zk) add_blind(group, i == tables.size());
      add_prover_columns(group);
      place_stacks(group);
      open_whole_stacks(group);
      set_masks(group);
      set_degrees(group);
      shape_.groups.push_back(std::move(group));
    }
    set_rows();
  }

 private:
  ColumnRef add_column(GroupShape& group, uint32_t tree, bool next) {
    const ColumnRef ref{tree, group.width[tree]++};
    if (next) group.next.push_back(ref);
    return ref;
  }

  void add_slot_columns(GroupShape& group) {
    for (uint32_t tree = 0; tree < shape_.tree(Phase::kMain); ++tree)
      group.width[tree] = key_.slots[shape_.trees[tree].slot].width(group.log_height);
  }

  void add_table(GroupShape& group, uint32_t index) {
    const ChipKey& chip = key_.chips[shape_.tables[index].chip];
    TableShape table{index, shape_.tables[index].chip, {}};
    const auto is_next = [&] {
      return std::ranges::binary_search(chip.next, static_cast<uint16_t>(table.columns.size()));
    };
    for (const auto& use : chip.slots)
      for (uint32_t i = 0; i < use.width; ++i) {
        const ColumnRef ref{tree_of_slot_[use.slot], use.first + i};
        if (is_next()) group.next.push_back(ref);
        table.columns.push_back(ref);
      }
    for (uint32_t i = 0; i < chip.main_width; ++i)
      table.columns.push_back(add_column(group, shape_.tree(Phase::kMain), is_next()));
    for (uint32_t i = 0; i < chip.late_width; ++i)
      table.columns.push_back(add_column(group, shape_.tree(Phase::kLate), is_next()));
    shape_.late_degree += uint64_t{group.height()} * chip.late_degree;
    for (const Interaction& interaction : chip.interactions) {
      GroupInteraction out{interaction.bus,
                           interaction.kind == Interaction::Kind::kSend,
                           interaction.max_multiplicity,
                           resolve(interaction.multiplicity, table.columns),
                           {}};
      for (const AffineForm& form : interaction.tuple)
        out.tuple.push_back(resolve(form, table.columns));
      group.interactions.push_back(std::move(out));
    }
    group.asserts += static_cast<uint32_t>(chip.asserts.size());
    group.tables.push_back(std::move(table));
  }

  void add_blind(GroupShape& group, bool smallest) {
    const uint32_t tree = shape_.tree(Phase::kMain);
    const ColumnRef blind = add_column(group, tree, false);
    group.blind = blind.column;
    group.interactions.push_back({kBlindBus, true, 1, {kOne, {}}, {single(blind)}});
    if (!smallest) return;
    const ColumnRef value = add_column(group, tree, false);
    const ColumnRef count = add_column(group, tree, false);
    group.interactions.push_back({kBlindBus, false, 0, single(count), {single(value)}});
  }

  /// ZERO-KNOWLEDGE: that the fillers of a stack of chunks hide its words supposes as many rows as
  /// queries, and that no more of them than fillers meet in a row, but for a chance of 2^-100:
  /// zero_knowledge.md, "Short masks". Shared columns have masks for two proofs.
  bool may_have_short_masks(const GroupShape& group) const {
    const Params& params = shape_.params;
    if (!params.zk || shape_.tables[0].log_height < group.log_height + kShortLift) return false;
    for (uint32_t tree = 0; tree < shape_.slot_trees(); ++tree)
      if (shape_.trees[tree].kind == TreeShape::Kind::kShared && group.width[tree] > 0)
        return false;
    return group.height() >= params.mask_for_one_opening() &&
           uint64_t{group.height()} << params.log_blowup >= 4u * params.queries;
  }

  void add_prover_columns(GroupShape& group) {
    const uint32_t aux = shape_.tree(Phase::kAux), quotient = shape_.tree(Phase::kQuotient);
    group.width[aux] = group.pairs() * kExtensionDegree;
    if (group.short_masks) fill_stacks(group, aux, kMinLogShortStack);
    group.acc = group.width[aux];
    for (uint32_t i = 0; i < kExtensionDegree; ++i) add_column(group, aux, true);
    group.width[quotient] = kQuotientOpened;
    if (shape_.params.zk && shape_.groups.empty())  // the tallest
      group.width[quotient] += kExtensionDegree << shape_.params.log_stack;
  }

  /// Stacks of the columns since the last ones, of short masks: full ones, and one that is as low as
  /// it may be, but has at least 2^least places. All places of a stack are filled.
  void fill_stacks(GroupShape& group, uint32_t tree, unsigned least) const {
    const unsigned most =
        std::min<unsigned>(shape_.tables[0].log_height - group.log_height, kMaxLogShortStack);
    uint32_t first = group.stacked[tree].empty() ? 0 : group.stacked[tree].back().end;
    const auto add = [&](uint32_t end, unsigned log_stack) {
      group.stacked[tree].push_back(
          {first, end, end, static_cast<uint8_t>(log_stack), shape_.stacks(group, tree)});
      first = group.width[tree] = end;
    };
    const uint32_t columns = group.width[tree] - first, rest = columns & ((1u << most) - 1);
    const unsigned log_rest = std::max<unsigned>(least, std::bit_width(rest - 1));
    const bool one_size = rest == 0 || log_rest == most;
    const uint32_t full = columns - rest + (rest > 0 && one_size ? 1u << most : 0);
    if (full > 0) add(first + full, most);
    if (!one_size) add(first + (1u << log_rest), log_rest);
  }

  void place_stacks(GroupShape& group) const {
    const uint32_t aux = shape_.tree(Phase::kAux), quotient = shape_.tree(Phase::kQuotient);
    for (uint32_t tree = 0; tree < shape_.trees.size(); ++tree) {
      if (group.width[tree] == 0) continue;
      if (group.short_masks && tree >= shape_.slot_trees()) {
        fill_stacks(group, tree,
                    tree == aux        ? kLogAccStack
                    : tree == quotient ? kLogChunkStack
                                       : kMinLogShortStack);
        continue;
      }
      const uint32_t end = group.width[tree];
      group.stacked[tree].push_back(
          {0, end,
           tree == aux                            ? group.acc
           : tree == quotient && shape_.params.zk ? kQuotientOpened
                                                  : end,
           static_cast<uint8_t>(shape_.trees[tree].log_height - group.log_height), 0});
    }
  }

  /// What is known of a stack at w zeta is known of all its columns, or it could not be divided by
  /// X^(2^s) - w zeta.
  void open_whole_stacks(GroupShape& group) const {
    std::vector<std::vector<bool>> opened(shape_.trees.size());  // by word
    for (const ColumnRef ref : group.next) {
      const uint32_t word = shape_.place(group, ref).word;
      auto& words = opened[ref.tree];
      if (words.size() <= word) words.resize(word + 1);
      words[word] = true;
    }
    group.next.clear();
    for (uint32_t tree = 0; tree < shape_.trees.size(); ++tree)
      for (uint32_t column = 0; column < group.width[tree]; ++column) {
        const uint32_t word = shape_.place(group, {tree, column}).word;
        if (word < opened[tree].size() && opened[tree][word]) group.next.push_back({tree, column});
      }
  }

  void set_masks(GroupShape& group) const {
    const Params& params = shape_.params;
    for (uint32_t tree = 0; tree < shape_.trees.size(); ++tree) {
      const TreeShape::Kind kind = shape_.trees[tree].kind;
      group.mask[tree].assign(group.width[tree], kind == TreeShape::Kind::kFixed ? 0
                                                 : kind == TreeShape::Kind::kShared
                                                     ? params.mask_for_two()
                                                     : params.mask_for_one_opening());
      if (!group.short_masks || tree < shape_.slot_trees()) continue;
      for (const StackedColumns& part : group.stacked[tree])
        std::fill(group.mask[tree].begin() + part.first, group.mask[tree].begin() + part.end,
                  params.short_mask(part.log_stack, 1));
    }
    for (const ColumnRef ref : group.next)
      if (shape_.trees[ref.tree].kind != TreeShape::Kind::kFixed)
        group.mask[ref.tree][ref.column] =
            group.short_masks ? params.short_mask(shape_.place(group, ref).log_stack, 2)
                              : params.mask_for_two();
  }

  void set_degrees(GroupShape& group) const {
    const uint32_t aux = shape_.tree(Phase::kAux), quotient = shape_.tree(Phase::kQuotient);
    for (uint32_t tree = 0; tree < shape_.trees.size(); ++tree)
      for (uint32_t column = 0; column < group.width[tree] && tree != quotient; ++column)
        if (tree != aux || column < group.acc)
          group.mask_max = std::max(group.mask_max, group.mask[tree][column]);
    const uint32_t n = group.height();
    const uint32_t k = group.mask_max;
    group.chunk_mask = group.short_masks ? kChunkMask : shape_.params.mask_for_one_opening();
    group.quotient_size = 2 * n + 3 * k;
    group.split = n + (3 * k - group.chunk_mask + 1) / 2;
    const uint32_t of_acc = group.mask[aux][group.acc];
    group.bound = std::max(n + of_acc, group.split + group.chunk_mask);
    group.extra_coset = std::bit_ceil(std::max({3 * k, of_acc, uint32_t{1}}));
  }

  /// The words of every tree's rows, group after group.
  void set_rows() {
    for (uint32_t t = 0; t < shape_.trees.size(); ++t) {
      TreeShape& tree = shape_.trees[t];
      const GroupShape* tallest = nullptr;
      bool any_short = false;
      for (GroupShape& group : shape_.groups) {
        if (group.width[t] == 0) continue;
        for (StackedColumns& part : group.stacked[t]) part.first_word += tree.row_words;
        tree.row_words += shape_.stacks(group, t);
        if (tallest == nullptr) tallest = &group;
        any_short |= group.short_masks;
      }
      tree.salted =
          shape_.params.zk && tree.kind != TreeShape::Kind::kFixed &&
          (hiding_words(*tallest, t) < kSaltStacks || (any_short && tallest != &shape_.groups[0]));
      if (tree.salted) tree.row_words += kSaltWords;
    }
  }

  /// ZERO-KNOWLEDGE: who can guess all words of a row that is not opened finds it by its hash. Where
  /// no row is opened that is made of the same cells of the tallest group, its words are uniform, but
  /// those of next columns, which follow from the constraints at the row before, and R's, which
  /// follow from all others. (Elsewhere the row tells nothing that opened rows may not:
  /// zero_knowledge.md, "Leaves". Of short masks that is so below the tallest group of all.)
  uint32_t hiding_words(const GroupShape& tallest, uint32_t tree) const {
    uint32_t count = shape_.opened_stacks(tallest, tree);
    uint32_t last = UINT32_MAX;
    for (const ColumnRef ref : tallest.next) {
      if (ref.tree != tree) continue;
      const uint32_t word = shape_.place(tallest, ref).word;
      count -= word != last;
      last = word;
    }
    return count;
  }

  const VerifyingKey& key_;
  Shape& shape_;
  std::vector<uint32_t> tree_of_slot_;
};

/// The bound of all stacks, and the folds of protocol.md section 10. REQUIRES: check_sizes().
void add_layers(Shape& shape) {
  for (const GroupShape& group : shape.groups)
    shape.bound = std::max(shape.bound, group.bound << (shape.log_height - group.log_height));
  unsigned log_size = shape.log_domain();
  uint32_t bound = shape.bound;
  while (log_size > shape.params.log_final) {
    const unsigned arity = std::min(kMaxLogArity, log_size);
    shape.layers.push_back({static_cast<uint8_t>(log_size), static_cast<uint8_t>(arity), bound});
    log_size -= arity;
    bound = (bound + (1u << arity) - 1) >> arity;
  }
  shape.log_final_size = static_cast<uint8_t>(log_size);
  shape.final_bound = bound;
}

/// Whether the domains are there, and tables tall enough.
Result<void> check_sizes(const Shape& shape) {
  const auto no_domain = [](unsigned log_domain) {
    return fail(ErrorCode::kTables,
                fmt::format("domain 2^{} exceeds the field's 2^{}", log_domain, Fp::kTwoAdicity));
  };
  if (shape.log_domain() > unsigned{Fp::kTwoAdicity}) return no_domain(shape.log_domain());
  for (const TreeShape& tree : shape.trees)
    if (const unsigned log = tree.log_height + shape.params.log_blowup + tree.log_stride;
        log > unsigned{Fp::kTwoAdicity})
      return no_domain(log);
  for (const GroupShape& group : shape.groups)
    if (group.height() < group.extra_coset)
      return fail(ErrorCode::kTables,
                  fmt::format("height 2^{} is too small for masks of {} coefficients: at least {}",
                              group.log_height, group.mask_max, group.extra_coset));
  return {};
}

}  // namespace

Result<void> Params::check() const {
  const auto out_of_range = [](const char* what, unsigned low, unsigned high, unsigned found) {
    return fail(ErrorCode::kParams,
                fmt::format("parameters: {}: expected {}..{}, found {}", what, low, high, found));
  };
  if (log_blowup < 1 || log_blowup > kMaxLogBlowup)
    return out_of_range("log_blowup", 1, kMaxLogBlowup, log_blowup);
  if (queries < 1 || queries > kMaxQueries) return out_of_range("queries", 1, kMaxQueries, queries);
  if (grind_query > kMaxGrind) return out_of_range("grind_query", 0, kMaxGrind, grind_query);
  if (grind_round > kMaxGrind) return out_of_range("grind_round", 0, kMaxGrind, grind_round);
  if (log_final > 12) return out_of_range("log_final", 0, 12, log_final);
  if (log_stack > kMaxLogStack) return out_of_range("log_stack", 0, kMaxLogStack, log_stack);
  return {};
}

std::vector<uint8_t> Params::serialise() const {
  ByteWriter out;
  out.put(static_cast<uint8_t>(zk ? 1 : 0));
  out.put(log_blowup);
  out.put(queries);
  out.put(grind_query);
  out.put(grind_round);
  out.put(log_final);
  out.put(log_stack);
  return std::move(out).take();
}

Result<Params> Params::read(ByteReader& in) {
  Params params;
  const auto zk = in.get<uint8_t>();
  params.zk = zk == 1;
  params.log_blowup = in.get<uint8_t>();
  params.queries = in.get<uint16_t>();
  params.grind_query = in.get<uint8_t>();
  params.grind_round = in.get<uint8_t>();
  params.log_final = in.get<uint8_t>();
  params.log_stack = in.get<uint8_t>();
  if (in.failed())
    return fail(ErrorCode::kTruncated,
                fmt::format("parameters: the bytes end at {}", in.position()));
  if (zk > 1)
    return fail(ErrorCode::kParams, fmt::format("parameters: zk: expected 0..1, found {}", zk));
  if (auto ok = params.check(); !ok) return propagate(ok);
  return params;
}

std::vector<uint8_t> serialise(std::span<const TableSpec> tables) {
  ByteWriter out;
  out.put(static_cast<uint16_t>(tables.size()));
  for (const TableSpec& table : tables) {
    out.put(table.chip);
    out.put(table.log_height);
  }
  return std::move(out).take();
}

bool is_salted(const Slot& slot, const Params& params) {
  return params.zk && slot.kind == Slot::Kind::kShared && slot.rows[0].width < kSaltStacks;
}

const char* name(Phase phase) {
  switch (phase) {
    case Phase::kMain:
      return "main";
    case Phase::kLate:
      return "late";
    case Phase::kAux:
      return "aux";
    case Phase::kQuotient:
      break;
  }
  return "quotient";
}

uint32_t Shape::place(Phase phase) const {
  return static_cast<uint32_t>(std::ranges::find(phases, phase) - phases.begin());
}

StackPlace Shape::place(const GroupShape& group, ColumnRef column) const {
  const auto& parts = group.stacked[column.tree];
  const auto part = std::ranges::find_if(
      parts, [&](const StackedColumns& stacked) { return column.column < stacked.end; });
  const uint32_t at = column.column - part->first, restart = part->restart - part->first;
  return {part->first_word + stacked_words(at + 1, restart, part->log_stack) - 1,
          (at - (at < restart ? 0 : restart)) & ((1u << part->log_stack) - 1), part->log_stack};
}

uint32_t Shape::stacks(const GroupShape& group, uint32_t tree) const {
  uint32_t words = 0;
  for (const StackedColumns& part : group.stacked[tree]) words += part.words();
  return words;
}

uint32_t Shape::opened_stacks(const GroupShape& group, uint32_t tree) const {
  const uint32_t opened = opened_width(group, tree);
  if (opened == 0) return 0;
  const StackedColumns& first = group.stacked[tree][0];
  return place(group, {tree, opened - 1}).word - first.first_word + 1;
}

uint32_t Shape::blinding_word() const {
  return place(groups[0], {tree(Phase::kQuotient), kQuotientOpened}).word;
}

uint32_t Shape::opened_width(const GroupShape& group, uint32_t tree) const {
  const bool has_r = tree == Shape::tree(Phase::kQuotient) && &group == &groups[0];
  return has_r ? kQuotientOpened : group.width[tree];
}

uint32_t Shape::openings(const GroupShape& group) const {
  auto count = static_cast<uint32_t>(group.next.size());
  for (uint32_t tree = 0; tree < trees.size(); ++tree) count += opened_width(group, tree);
  return count;
}

uint32_t Shape::openings() const {
  uint32_t count = 0;
  for (const GroupShape& group : groups) count += openings(group);
  return count;
}

uint32_t Shape::batched(const GroupShape& group) const {
  uint32_t count = 0;
  for (uint32_t tree = 0; tree < trees.size(); ++tree) count += opened_stacks(group, tree);
  for (size_t i = 0; i < group.next.size(); ++i)
    count += i == 0 || group.next[i].tree != group.next[i - 1].tree ||
             place(group, group.next[i]).word != place(group, group.next[i - 1]).word;
  return count;
}

uint32_t Shape::batched() const {
  uint32_t count = 0;
  for (const GroupShape& group : groups) count += batched(group);
  return count;
}

uint64_t Shape::expected_hashes() const {
  // As many nonces as phases: before lambda, gamma, zeta and the batch; and one a layer.
  const uint64_t rounds = phases.size() + layers.size();
  return (params.grind_query > 0 ? uint64_t{1} << params.grind_query : 0) +
         (params.grind_round > 0 ? rounds << params.grind_round : 0);
}

Result<Shape> make_shape(const VerifyingKey& key, const Params& params,
                         std::span<const TableSpec> tables) {
  if (auto ok = params.check(); !ok) return propagate(ok);
  if (auto ok = check_tables(key, tables); !ok) return propagate(ok);
  auto present = present_slots(key, tables);
  if (!present) return propagate(present);
  if (auto ok = check_blowups(key, params, *present); !ok) return propagate(ok);

  Shape shape;
  shape.params = params;
  shape.tables.assign(tables.begin(), tables.end());
  Builder builder(key, shape);
  builder.add_trees(*present);
  builder.add_groups();
  const auto in_main = [&](const GroupShape& group) {
    return group.width[shape.tree(Phase::kMain)] > 0;
  };
  if (std::ranges::none_of(shape.groups, in_main))
    return fail(ErrorCode::kTables, "no table has main columns");
  if (auto ok = check_sizes(shape); !ok) return propagate(ok);
  add_layers(shape);
  return shape;
}

}  // namespace zkvm::stark
