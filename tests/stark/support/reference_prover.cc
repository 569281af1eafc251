#include "tests/stark/support/reference_prover.h"

#include <zk/check.h>

#include <algorithm>
#include <bit>

#include "stark/field/bit_reverse.h"

namespace zkvm::stark {
namespace {

using Kind = RandomPurpose::Kind;

Fp integer(uint64_t a) { return Fp::from(a); }

/// Values of the polynomial at root^0, root^1, .. (root of order values.size()), in place.
template <class Field>
void transform(std::vector<Field>& values, Fp root) {
  const size_t n = values.size();
  for (size_t i = 0; i < n; ++i)
    if (const size_t j = bit_reverse(i, std::countr_zero(n)); i < j)
      std::swap(values[i], values[j]);
  for (size_t half = 1; half < n; half *= 2) {
    const Fp step = pow(root, n / (2 * half));
    Fp power = Fp::one();
    for (size_t j = 0; j < half; ++j, power *= step)
      for (size_t i = j; i < n; i += 2 * half) {
        const Field even = values[i], odd = values[i + half] * power;
        values[i] = even + odd;
        values[i + half] = even - odd;
      }
  }
}

template <class Field>
std::vector<Field> interpolate(std::vector<Field> values, unsigned log_size) {
  transform(values, inverse(Fp::root_of_unity(static_cast<int>(log_size))));
  const Fp scale = inverse(integer(values.size()));
  for (Field& value : values) value = value * scale;
  return values;
}

/// Values at shift * root^e, e < 2^log_size. REQUIRES: no more coefficients than values.
template <class Field>
std::vector<Field> evaluate(const std::vector<Field>& coefficients, unsigned log_size, Fp shift) {
  std::vector<Field> values(size_t{1} << log_size);
  ZK_CHECK(coefficients.size() <= values.size());
  Fp power = Fp::one();
  for (size_t i = 0; i < coefficients.size(); ++i, power *= shift)
    values[i] = coefficients[i] * power;
  transform(values, Fp::root_of_unity(static_cast<int>(log_size)));
  return values;
}

/// The LDE domain of a height, by index.
std::vector<Fp> lde_points(unsigned log_height, unsigned log_blowup) {
  std::vector<Fp> points(size_t{1} << (log_height + log_blowup), lde_shift(log_height));
  const Fp root = Fp::root_of_unity(static_cast<int>(log_height + log_blowup));
  for (size_t e = 1; e < points.size(); ++e) points[e] = points[e - 1] * root;
  return points;
}

/// sum_i a_i x^i
template <class Field, class Point>
Fp5 value_at(const std::vector<Field>& coefficients, const Point& x) {
  Fp5 sum;
  for (size_t i = coefficients.size(); i-- > 0;) sum = sum * x + coefficients[i];
  return sum;
}

Fp5 element(const std::vector<std::vector<Fp>>& columns, size_t first, size_t row) {
  return {{columns[first][row], columns[first + 1][row], columns[first + 2][row],
           columns[first + 3][row], columns[first + 4][row]}};
}

/// Reads columns of a group at one point or row.
using Cell = std::function<Fp(ColumnRef)>;

Fp form_value(const GroupAffineForm& form, const Cell& cell) {
  Fp sum = Fp::from_wire(form.constant);
  for (const auto& term : form.terms) sum += cell(term.column) * Fp::from_wire(term.coefficient);
  return sum;
}

/// s * m and f of an interaction.
struct Fraction {
  Fp numerator;
  Fp5 denominator;
};
Fraction fraction(const GroupInteraction& interaction, const Fp5& gamma,
                  const std::vector<Fp5>& beta_powers, const Cell& cell) {
  Fp5 f = gamma + beta_powers.back() * integer(interaction.bus);
  for (size_t i = 0; i < interaction.tuple.size(); ++i)
    f += beta_powers[i] * form_value(interaction.tuple[i], cell);
  const Fp m = form_value(interaction.multiplicity, cell);
  return {interaction.positive ? m : -m, f};
}

std::vector<Fp> node_values(const ChipKey& chip, const std::vector<ColumnRef>& columns,
                            const Cell& row, const Cell& next, std::span<const Fp5> late) {
  std::vector<Fp> values;
  for (const ExpressionNode& node : chip.nodes) {
    switch (node.op) {
      case ExpressionNode::Op::kConst:
        values.push_back(Fp::from_wire(node.a));
        break;
      case ExpressionNode::Op::kColumn:
        values.push_back(row(columns[node.a]));
        break;
      case ExpressionNode::Op::kNext:
        values.push_back(next(columns[node.a]));
        break;
      case ExpressionNode::Op::kAdd:
        values.push_back(values[node.a] + values[node.b]);
        break;
      case ExpressionNode::Op::kSub:
        values.push_back(values[node.a] - values[node.b]);
        break;
      case ExpressionNode::Op::kMul:
        values.push_back(values[node.a] * values[node.b]);
        break;
      case ExpressionNode::Op::kLate:
        values.push_back(pow(late[node.a / Fp5::kDegree], node.b).c[node.a % Fp5::kDegree]);
        break;
    }
  }
  return values;
}

std::vector<uint32_t> words(const std::vector<Fp>& row) {
  std::vector<uint32_t> out;
  for (const Fp x : row) out.push_back(x.wire);
  return out;
}

TreeShape slot_tree(const VerifyingKey& key, uint16_t slot) {
  const bool fixed = key.slots[slot].kind == Slot::Kind::kFixed;
  return {fixed ? TreeShape::Kind::kFixed : TreeShape::Kind::kShared, slot};
}

}  // namespace

// --------------------------------------------------------------------------------------- trees

const ReferenceTree::Group& ReferenceTree::group(uint8_t log_height) const {
  const auto found = std::ranges::find(groups, log_height, &Group::log_height);
  ZK_CHECK(found != groups.end());
  return *found;
}

std::vector<Fp> stack_words(std::span<const std::vector<Fp>> columns, unsigned log_height,
                            unsigned tree_log_height, unsigned log_blowup) {
  const size_t domain = size_t{1} << (log_height + log_blowup);
  const std::vector<Fp> points = lde_points(tree_log_height, log_blowup);
  std::vector<Fp> words(points.size()), powers(points.size(), Fp::one());
  for (const std::vector<Fp>& column : columns) {
    const auto values = evaluate(column, log_height + log_blowup, lde_shift(log_height));
    for (size_t e = 0; e < points.size(); ++e) {
      words[e] += powers[e] * values[e % domain];
      powers[e] *= points[e];
    }
  }
  return words;
}

void ReferenceTree::stack(unsigned log_height, unsigned log_blowup) {
  rows.assign(size_t{1} << (log_height + log_blowup), {});
  const auto append = [&](const std::vector<Fp>& word) {
    for (size_t e = 0; e < rows.size(); ++e) rows[e].push_back(word[e % word.size()]);
  };
  for (const Group& group : groups)
    for (const StackedColumns& stacked : group.stacked) {
      const unsigned log_words = group.log_height + stacked.log_stack;
      for (uint32_t c = stacked.first; c < stacked.end;) {
        uint32_t end = std::min(c + (1u << stacked.log_stack), stacked.end);
        if (c < stacked.restart) end = std::min(end, stacked.restart);
        append(stack_words(std::span(group.polynomials).subspan(c, end - c), group.log_height,
                           log_words, log_blowup));
        c = end;
      }
    }
  for (const auto& salt : salts) append(salt);
}

void ReferenceTree::hash() {
  const auto top = static_cast<unsigned>(std::countr_zero(rows.size()));
  levels.assign(top + 1, {});
  for (const auto& row : rows) levels[top].push_back(row_hash(words(row)));
  for (unsigned m = top; m-- > 0;)
    for (size_t i = 0; i < size_t{1} << m; ++i)
      levels[m].push_back(node_hash(levels[m + 1][i], levels[m + 1][i + (size_t{1} << m)]));
}

TreeOpening ReferenceTree::open(const std::vector<uint32_t>& indices) const {
  TreeOpening out;
  for (const uint32_t i : indices)
    for (const Fp x : rows[i]) out.rows.push_back(x.wire);
  for (auto m = static_cast<unsigned>(levels.size()) - 1; m-- > 0;) {
    const auto known = distinct_below(indices, m + 1);
    for (const uint32_t parent : distinct_below(indices, m))
      for (const uint32_t child : {parent, parent + (1u << m)})
        if (!std::ranges::binary_search(known, child)) out.digests.push_back(levels[m + 1][child]);
  }
  return out;
}

// ------------------------------------------------------------------------------------- the prover

ReferenceProver::ReferenceProver(const VerifyingKey& key, const Params& params, Witness witness,
                                 std::map<uint16_t, const ReferenceTree*> slots,
                                 RandomSource random)
    : key_(key),
      witness_(std::move(witness)),
      slots_(std::move(slots)),
      random_(std::move(random)) {
  witness_.sort();
  proof_.params = params;
  proof_.tables = witness_.specs();
  auto shape = make_shape(key, params, proof_.tables);
  ZK_CHECK(shape.has_value());
  shape_ = std::move(*shape);
}

Statement ReferenceProver::statement() const {
  Statement out;
  out.publics = witness_.publics;
  for (const TreeShape& tree : shape_.trees)
    if (tree.kind == TreeShape::Kind::kShared)
      out.shared.push_back({tree.slot, slots_.at(tree.slot)->root()});
  return out;
}

Proof ReferenceProver::prove() {
  absorb_statement();
  commit_main();
  if (shape_.has(Phase::kLate)) commit_late();
  commit_aux();
  commit_quotient();
  open_columns();
  run_fri();
  answer_queries();
  return proof_;
}

void ReferenceProver::absorb_statement() {
  Statement said = statement();
  on_statement(said);
  transcript_.absorb("params", proof_.params.serialise());
  transcript_.absorb("key", blake3_hash(key_.serialise()));
  transcript_.absorb("statement", said.serialise());
  transcript_.absorb("tables", serialise(proof_.tables));
  std::vector<uint32_t> roots;
  for (uint32_t t = 0; t < shape_.slot_trees(); ++t)
    roots.insert(roots.end(), tree(t).root().begin(), tree(t).root().end());
  transcript_.absorb_words("slots", roots);
}

void ReferenceProver::absorb_root(Phase phase) {
  proof_.roots.push_back(tree(shape_.tree(phase)).root());
  transcript_.absorb(name(phase), proof_.roots.back());
}

void ReferenceProver::commit_main() {
  std::vector<Columns> coefficients;
  for (size_t g = 0; g < shape_.groups.size(); ++g) {
    Columns columns = main_columns(g);
    on_columns(shape_.tree(Phase::kMain), static_cast<uint32_t>(g), columns);
    traces_[shape_.tree(Phase::kMain)].push_back(columns);
    coefficients.push_back(mask(shape_.tree(Phase::kMain), g, columns));
  }
  finish_tree(shape_.tree(Phase::kMain), std::move(coefficients));
  absorb_root(Phase::kMain);
}

void ReferenceProver::commit_late() {
  proof_.nonce_late = grind("grind late", proof_.params.grind_round);
  transcript_.squeeze("late", late_);
  on_late_challenges(late_);
  const uint32_t tree = shape_.tree(Phase::kLate);
  std::vector<Columns> coefficients;
  for (uint32_t g = 0; g < shape_.groups.size(); ++g) {
    Columns columns = late_columns(g);
    on_columns(tree, g, columns);
    traces_[tree].push_back(columns);
    coefficients.push_back(mask(tree, g, columns));
  }
  finish_tree(tree, std::move(coefficients));
  absorb_root(Phase::kLate);
}

void ReferenceProver::commit_aux() {
  proof_.nonce_logup = grind("grind logup", proof_.params.grind_round);
  Fp5 challenges[2];
  transcript_.squeeze("logup", challenges);
  gamma_ = challenges[0];
  beta_powers_ = {Fp5::one()};
  for (unsigned i = 0; i < key_.tuple_width; ++i)
    beta_powers_.push_back(beta_powers_.back() * challenges[1]);
  std::vector<Columns> coefficients;
  for (size_t g = 0; g < shape_.groups.size(); ++g) {
    Fp5 sum;
    Columns columns = aux_columns(g, sum);
    on_columns(shape_.tree(Phase::kAux), static_cast<uint32_t>(g), columns);
    proof_.sums.push_back(sum);
    traces_[shape_.tree(Phase::kAux)].push_back(columns);
    coefficients.push_back(mask(shape_.tree(Phase::kAux), g, columns));
  }
  finish_tree(shape_.tree(Phase::kAux), std::move(coefficients));
  absorb_root(Phase::kAux);
  on_sums(proof_.sums);
  transcript_.absorb("sums", proof_.sums);
}

void ReferenceProver::commit_quotient() {
  alpha_ = transcript_.squeeze("alpha");
  const TreeShape place = shape_.trees[shape_.tree(Phase::kQuotient)];
  std::vector<Columns> coefficients;
  for (size_t g = 0; g < shape_.groups.size(); ++g) {
    const GroupShape& group = shape_.groups[g];
    const std::vector<Fp5> q = quotient(g);
    Columns columns(group.width[shape_.tree(Phase::kQuotient)]);
    for (uint32_t c = 0; c < Fp5::kDegree; ++c) {
      std::vector<Fp>& a = columns[c];
      std::vector<Fp>& b = columns[Fp5::kDegree + c];
      for (size_t i = 0; i < q.size(); ++i) (i < group.split ? a : b).push_back(q[i].c[c]);
      const auto ra = random_({Kind::kChunkMask, place, group.log_height, c}, group.chunk_mask);
      for (size_t i = 0; i < ra.size(); ++i) {
        a.push_back(ra[i]);
        b[i] -= ra[i];
      }
    }
    for (uint32_t c = 2 * Fp5::kDegree; c < columns.size(); ++c)  // R, or fillers
      columns[c] = random_({Kind::kBlinding, place, group.log_height, c - 2 * Fp5::kDegree},
                           g == 0 ? shape_.blinding_size() : group.height());
    coefficients.push_back(std::move(columns));
  }
  finish_tree(shape_.tree(Phase::kQuotient), std::move(coefficients));
  absorb_root(Phase::kQuotient);
  proof_.nonce_zeta = grind("grind zeta", proof_.params.grind_round);
}

void ReferenceProver::open_columns() {
  zeta_ = transcript_.squeeze("zeta");
  for (const GroupShape& group : shape_.groups) {
    for (const ColumnRef ref : opened_columns(group))
      proof_.openings.push_back(value_at(polynomial(group, ref), zeta_));
    for (const ColumnRef ref : group.next)
      proof_.openings.push_back(
          value_at(polynomial(group, ref), zeta_ * Fp::root_of_unity(group.log_height)));
  }
  on_openings(proof_.openings);
  transcript_.absorb("openings", proof_.openings);
  proof_.nonce_batch = grind("grind batch", proof_.params.grind_round);
}

void ReferenceProver::run_fri() {
  std::vector<Fp5> coefficients(shape_.batched());
  transcript_.squeeze("batch", coefficients);
  std::vector<Fp5> word = batch_codeword(coefficients);
  const auto scope = transcript_.scope("fri");
  for (size_t i = 0; i < shape_.layers.size(); ++i) {
    const FriLayerShape& layer = shape_.layers[i];
    const auto layer_scope = transcript_.scope("layer", static_cast<uint32_t>(i));
    on_codeword(i, word);
    const size_t arity = size_t{1} << layer.log_arity, rows = word.size() / arity;
    ReferenceTree& tree = layer_trees_.emplace_back();
    for (size_t e = 0; e < rows; ++e) {
      std::vector<Fp>& row = tree.rows.emplace_back();
      for (size_t j = 0; j < arity; ++j)
        row.insert(row.end(), word[e + j * rows].c, word[e + j * rows].c + Fp5::kDegree);
    }
    tree.hash();
    Proof::Layer sent{tree.root(), 0};
    transcript_.absorb("root", sent.root);
    sent.nonce = grind("grind", proof_.params.grind_round);
    proof_.layers.push_back(sent);

    Fp5 beta[kMaxLogArity];
    transcript_.squeeze("fold", std::span(beta).first(layer.log_arity));
    const Fp root_inverse = inverse(Fp::root_of_unity(layer.log_size));
    std::vector<Fp5> next_word(rows);
    for (size_t u = 0; u < arity; ++u) {
      Fp5 power = Fp5::from(inverse(integer(arity)));
      for (unsigned bit = 0; bit < layer.log_arity; ++bit)
        if (u >> bit & 1) power *= beta[bit];
      // G_u at the fibre's point: the sum over the fibre of value * x^-u, over the arity.
      for (size_t e = 0; e < word.size(); ++e) next_word[e % rows] += word[e] * power;
      Fp x_inverse = Fp::one();
      for (size_t e = 0; e < word.size(); ++e, x_inverse *= root_inverse)
        word[e] = word[e] * x_inverse;
    }
    word = std::move(next_word);
  }
  proof_.final_polynomial = interpolate(word, shape_.log_final_size);
  proof_.final_polynomial.resize(shape_.final_bound);
  on_final(proof_.final_polynomial);
  transcript_.absorb("final", proof_.final_polynomial);
}

void ReferenceProver::answer_queries() {
  proof_.nonce_query = grind("grind query", proof_.params.grind_query);
  indices_.resize(proof_.params.queries);
  transcript_.squeeze_indices("queries", shape_.log_domain(), indices_);
  for (uint32_t t = 0; t < opened_trees(shape_); ++t) {
    const bool of_shape = t < shape_.trees.size();
    proof_.trees.push_back((of_shape ? tree(t) : layer_trees_[t - shape_.trees.size()])
                               .open(opened_rows(shape_, t, indices_)));
  }
}

// ------------------------------------------------------------------------------------------ pieces

uint64_t ReferenceProver::grind(std::string_view label, unsigned bits) {
  if (bits == 0) return 0;
  const Digest state = transcript_.begin_grind();
  uint64_t nonce = 0;
  while (!Transcript::grind_passes(state, bits, nonce)) ++nonce;
  ZK_CHECK(transcript_.finish_grind(label, bits, nonce));
  return nonce;
}

const ReferenceTree& ReferenceProver::tree(uint32_t index) const {
  return index < shape_.slot_trees() ? *slots_.at(shape_.trees[index].slot) : own_trees_.at(index);
}

const std::vector<Fp>& ReferenceProver::polynomial(const GroupShape& group, ColumnRef ref) const {
  return tree(ref.tree).group(group.log_height).polynomials[ref.column];
}

const ReferenceProver::Columns& ReferenceProver::trace(uint32_t tree, size_t group) const {
  return traces_.at(tree)[group];
}

/// Coefficients of f + (X^N - 1) rho for every column f.
std::vector<std::vector<Fp>> ReferenceProver::mask(uint32_t tree, size_t g,
                                                   const Columns& columns) {
  const GroupShape& group = shape_.groups[g];
  Columns out;
  for (uint32_t c = 0; c < columns.size(); ++c) {
    std::vector<Fp> f = interpolate(columns[c], group.log_height);
    const auto rho =
        random_({Kind::kMask, shape_.trees[tree], group.log_height, c}, group.mask[tree][c]);
    for (size_t i = 0; i < rho.size(); ++i) {
      f[i] -= rho[i];
      f.push_back(rho[i]);
    }
    out.push_back(std::move(f));
  }
  return out;
}

void ReferenceProver::finish_tree(uint32_t tree, std::vector<Columns> coefficients) {
  ReferenceTree& out = own_trees_[tree];
  for (uint32_t g = 0; g < shape_.groups.size(); ++g) {
    const GroupShape& group = shape_.groups[g];
    on_polynomials(tree, g, coefficients[g]);
    out.groups.push_back({group.log_height, std::move(coefficients[g]), group.stacked[tree]});
  }
  if (shape_.trees[tree].salted)
    for (uint32_t s = 0; s < kSaltWords; ++s)
      out.salts.push_back(random_({Kind::kSalt, shape_.trees[tree], shape_.log_height, s},
                                  size_t{1} << shape_.log_domain()));
  out.stack(shape_.log_height, shape_.params.log_blowup);
  on_rows(tree, out);
  out.hash();
}

ReferenceTree ReferenceProver::make_slot(const VerifyingKey& key, const Params& params,
                                         uint16_t slot, const Witness& witness,
                                         const RandomSource& random) {
  Witness sorted = witness;
  sorted.sort();
  const TreeShape place = slot_tree(key, slot);
  ReferenceTree out;
  for (const Slot::Row& height : key.slots[slot].rows) {
    std::vector<std::vector<Fp>> columns(height.width,
                                         std::vector<Fp>(size_t{1} << height.log_height));
    for (const Table& table : sorted.tables) {
      if (table.log_height != height.log_height) continue;
      uint32_t first = 0;
      for (const auto& use : key.chips[table.chip].slots) {
        std::vector<Fp> row(table.width);
        for (size_t r = 0; use.slot == slot && r < table.height(); ++r) {
          table.read(r, 1, row.data());
          for (uint32_t c = 0; c < use.width; ++c) columns[use.first + c][r] = row[first + c];
        }
        first += use.width;
      }
    }
    const auto log_stack =
        static_cast<uint8_t>(key.slots[slot].rows[0].log_height - height.log_height);
    auto& group = out.groups.emplace_back(
        height.log_height, Columns{},
        std::vector<StackedColumns>{
            {.end = height.width, .restart = height.width, .log_stack = log_stack}});
    for (const std::vector<Fp>& values : columns) {
      std::vector<Fp> f = interpolate(values, height.log_height);
      if (place.kind == TreeShape::Kind::kShared) {
        const auto column = static_cast<uint32_t>(group.polynomials.size());
        const auto rho =
            random({Kind::kMask, place, height.log_height, column}, params.mask_for_two());
        for (size_t i = 0; i < rho.size(); ++i) {
          f[i] -= rho[i];
          f.push_back(rho[i]);
        }
      }
      group.polynomials.push_back(std::move(f));
    }
  }
  const uint8_t log_height = out.groups[0].log_height;
  if (is_salted(key.slots[slot], params))
    for (uint32_t s = 0; s < kSaltWords; ++s)
      out.salts.push_back(random({Kind::kSalt, place, log_height, s},
                                 size_t{1} << (log_height + params.log_blowup)));
  out.stack(log_height, params.log_blowup);
  out.hash();
  return out;
}

/// Fills the slots' columns of the group into traces_ on the way.
ReferenceProver::Columns ReferenceProver::main_columns(size_t g) {
  const GroupShape& group = shape_.groups[g];
  std::vector<Columns> by_tree(shape_.trees.size());
  for (uint32_t t = 0; t <= shape_.tree(Phase::kMain); ++t)
    by_tree[t].assign(group.width[t], std::vector<Fp>(group.height()));
  for (const TableShape& place : group.tables) {
    const Table& table = witness_.tables[place.table];
    std::vector<Fp> row(table.width);
    for (size_t r = 0; r < group.height(); ++r) {
      table.read(r, 1, row.data());
      for (uint32_t c = 0; c < row.size(); ++c)
        by_tree[place.columns[c].tree][place.columns[c].column][r] = row[c];
    }
  }
  for (uint32_t t = 0; t < shape_.slot_trees(); ++t) traces_[t].push_back(by_tree[t]);
  Columns& main = by_tree[shape_.tree(Phase::kMain)];
  if (!shape_.params.zk) return main;

  const bool smallest = g + 1 == shape_.groups.size();
  const size_t blind = group.blind;
  const auto random =
      random_({Kind::kBlindColumn, shape_.trees[shape_.tree(Phase::kMain)], group.log_height, 0},
              kBlindRows);
  for (size_t i = 0; i < kBlindRows; ++i) main[blind][i] = random[i];
  if (!smallest) return main;
  // The answering table: every value that any group sends, with how often.
  std::map<uint32_t, uint64_t> sent;
  for (size_t h = 0; h <= g; ++h) {
    const auto& columns = h == g ? main : trace(shape_.tree(Phase::kMain), h);
    for (const Fp x : columns[shape_.groups[h].blind]) ++sent[x.wire];
  }
  size_t row = 0;
  for (const auto& [word, count] : sent) {
    main[blind + 1][row] = Fp::from_wire(word);
    main[blind + 2][row++] = integer(count);
  }
  return main;
}

ReferenceProver::Columns ReferenceProver::late_columns(size_t g) {
  const GroupShape& group = shape_.groups[g];
  Columns columns(group.width[shape_.tree(Phase::kLate)], std::vector<Fp>(group.height()));
  for (const TableShape& place : group.tables) {
    const Table& table = witness_.tables[place.table];
    const uint32_t width = key_.chips[place.chip].late_width;
    const std::vector<Fp> rows = witness_.late_columns(table, width, {late_[kLambda], late_[kMu]});
    for (uint32_t c = 0; c < width; ++c)
      for (size_t r = 0; r < group.height(); ++r)
        columns[place.columns[table.width + c].column][r] = rows[r * width + c];
  }
  return columns;
}

ReferenceProver::Columns ReferenceProver::aux_columns(size_t g, Fp5& total) {
  const GroupShape& group = shape_.groups[g];
  Columns columns(group.width[shape_.tree(Phase::kAux)], std::vector<Fp>(group.height()));
  std::vector<Fp5> row_sum(group.height());
  for (size_t i = 0; i < group.interactions.size(); ++i) {
    std::vector<Fp5> terms(group.height());
    std::vector<Fp> numerators;
    std::vector<Fp5> denominators;
    for (size_t r = 0; r < group.height(); ++r) {
      const Cell cell = [&](ColumnRef ref) { return trace(ref.tree, g)[ref.column][r]; };
      const Fraction f = fraction(group.interactions[i], gamma_, beta_powers_, cell);
      numerators.push_back(f.numerator);
      denominators.push_back(f.denominator);
    }
    batch_inverse(denominators.data(), terms.data(), terms.size());
    for (size_t r = 0; r < group.height(); ++r) {
      terms[r] = terms[r] * numerators[r];
      for (size_t c = 0; c < 5; ++c) columns[5 * (i / 2) + c][r] += terms[r].c[c];
      row_sum[r] += terms[r];
    }
  }
  for (const Fp5& sum : row_sum) total += sum;
  const Fp5 step = total * inverse(integer(group.height()));
  Fp5 acc;
  for (size_t r = 0; r < group.height(); ++r) {
    for (size_t c = 0; c < 5; ++c) columns[group.acc + c][r] = acc.c[c];
    acc += row_sum[r] - step;
  }
  return columns;
}

/// The coefficients of Q, from the constraints on a coset of at least as many points.
std::vector<Fp5> ReferenceProver::quotient(size_t g) const {
  const GroupShape& group = shape_.groups[g];
  size_t longest = 0;  // polynomial; three of them in a constraint
  for (uint32_t t = 0; t < shape_.tree(Phase::kQuotient); ++t)
    for (uint32_t c = 0; c < group.width[t]; ++c)
      longest = std::max(longest, polynomial(group, {t, c}).size());
  unsigned log_size = group.log_height;
  while (size_t{1} << log_size < 3 * longest - group.height()) ++log_size;
  const size_t step = size_t{1} << (log_size - group.log_height);  // to the next row
  const Fp shift = integer(Fp::kGenerator);
  std::vector<std::vector<std::vector<Fp>>> values(shape_.tree(Phase::kQuotient));
  for (uint32_t t = 0; t < shape_.tree(Phase::kQuotient); ++t)
    for (uint32_t c = 0; c < group.width[t]; ++c)
      values[t].push_back(evaluate(polynomial(group, {t, c}), log_size, shift));

  const size_t size = size_t{1} << log_size;
  const uint32_t aux = shape_.tree(Phase::kAux);
  std::vector<Fp5> q(size);
  Fp x = shift;
  for (size_t e = 0; e < size; ++e, x *= Fp::root_of_unity(static_cast<int>(log_size))) {
    const Cell row = [&](ColumnRef ref) { return values[ref.tree][ref.column][e]; };
    const Cell next = [&](ColumnRef ref) {
      return values[ref.tree][ref.column][(e + step) % size];
    };
    Fp5 power = Fp5::one(), sum;
    const auto add = [&](const Fp5& constraint) {
      sum += power * constraint;
      power *= alpha_;
    };
    for (const TableShape& table : group.tables) {
      const ChipKey& chip = key_.chips[table.chip];
      const auto nodes = node_values(chip, table.columns, row, next, late_);
      for (const uint32_t node : chip.asserts) add(Fp5::from(nodes[node]));
    }
    Fp5 pair_sum;
    for (size_t p = 0; p < group.pairs(); ++p) {
      const Fp5 h = element(values[aux], 5 * p, e);
      const Fraction a = fraction(group.interactions[2 * p], gamma_, beta_powers_, row);
      pair_sum += h;
      if (2 * p + 1 == group.interactions.size()) {
        add(h * a.denominator - a.numerator);
        continue;
      }
      const Fraction b = fraction(group.interactions[2 * p + 1], gamma_, beta_powers_, row);
      add(h * a.denominator * b.denominator - b.denominator * a.numerator -
          a.denominator * b.numerator);
    }
    add(element(values[aux], group.acc, (e + step) % size) - element(values[aux], group.acc, e) -
        pair_sum + proof_.sums[g] * inverse(integer(group.height())));
    q[e] = sum * inverse(pow(x, group.height()) - Fp::one());
  }
  q = interpolate(q, log_size);
  Fp power = Fp::one();
  for (Fp5& coefficient : q) {
    coefficient = coefficient * inverse(power);
    power *= shift;
  }
  // A cheater may have more coefficients, as many as a domain knows.
  while (q.size() > group.quotient_size && q.back() == Fp5{}) q.pop_back();
  q.resize(std::min(q.size(), group.split + (size_t{1} << shape_.log_domain(group))));
  return q;
}

/// All but R's, in the order in which their values are sent.
std::vector<ColumnRef> ReferenceProver::opened_columns(const GroupShape& group) const {
  std::vector<ColumnRef> columns;
  for (uint32_t t = 0; t < shape_.trees.size(); ++t)
    for (uint32_t c = 0; c < shape_.opened_width(group, t); ++c) columns.push_back({t, c});
  return columns;
}

/// B of protocol.md section 10.
std::vector<Fp5> ReferenceProver::batch_codeword(std::span<const Fp5> coefficients) const {
  const unsigned log_blowup = shape_.params.log_blowup;
  std::vector<std::vector<Fp>> points;  // by height
  for (unsigned h = 0; h <= shape_.log_height; ++h) points.push_back(lde_points(h, log_blowup));
  // At index e of the common domain.
  const auto point = [&](unsigned h, size_t e) { return points[h][e % points[h].size()]; };
  const auto row = [&](uint32_t t, size_t e) -> const auto& {
    const TreeShape& place = shape_.trees[t];
    return tree(t).rows[e % points[place.log_height].size() << place.log_stride];
  };

  std::vector<Fp5> out(points.back().size());
  auto coefficient = coefficients.begin();
  auto opened = proof_.openings.begin();
  const auto add_stacks = [&](const GroupShape& group, std::span<const ColumnRef> columns,
                              const Fp5& opened_at) {
    struct Stack {
      uint32_t tree, word;
      unsigned log_height;
      Fp5 coefficient;
      std::vector<Fp5> known;  // V, or W
    };
    std::vector<Stack> stacks;
    for (const ColumnRef ref : columns) {
      const auto [word, place, log_stack] = shape_.place(group, ref);
      if (place == 0)
        stacks.push_back({ref.tree, word, group.log_height + log_stack, *coefficient++, {}});
      stacks.back().known.push_back(*opened++);
    }
    std::vector<Fp5> denominators, inverses(points[group.log_height].size());
    for (const Fp x : points[group.log_height]) denominators.push_back(x - opened_at);
    batch_inverse(denominators.data(), inverses.data(), inverses.size());
    for (size_t e = 0; e < out.size(); ++e) {
      Fp5 sum;
      for (const Stack& stack : stacks) {
        const Fp x = point(stack.log_height, e);
        sum += stack.coefficient * (row(stack.tree, e)[stack.word] - value_at(stack.known, x));
      }
      out[e] += sum * inverses[e % inverses.size()];
    }
  };
  for (const GroupShape& group : shape_.groups) {
    add_stacks(group, opened_columns(group), zeta_);
    add_stacks(group, group.next, zeta_ * Fp::root_of_unity(group.log_height));
  }
  if (shape_.params.zk)
    for (size_t e = 0; e < out.size(); ++e) {
      Fp5 r;
      std::copy_n(row(shape_.tree(Phase::kQuotient), e).begin() + shape_.blinding_word(),
                  Fp5::kDegree, r.c);
      out[e] += r;
    }
  return out;
}

}  // namespace zkvm::stark
