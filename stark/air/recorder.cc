#include "stark/air/recorder.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <functional>
#include <map>
#include <set>

namespace zkvm::stark {
namespace {

/// The integer in (-p/2, p/2] that a field element stands for.
int64_t centred(Fp a) {
  const int64_t value = a.value();
  return value > Fp::kModulus / 2 ? value - Fp::kModulus : value;
}

}  // namespace

Symbol Symbol::combine(ExpressionNode::Op op, const Symbol& a, const Symbol& b) {
  const bool a_constant = a.recorder_ == nullptr;
  const bool b_constant = b.recorder_ == nullptr;
  if (a_constant && b_constant) {
    switch (op) {
      case ExpressionNode::Op::kAdd:
        return a.constant_ + b.constant_;
      case ExpressionNode::Op::kSub:
        return a.constant_ - b.constant_;
      default:
        return a.constant_ * b.constant_;
    }
  }
  // Neutral elements, so that `Expr sum = 0; sum = sum + x` records x.
  const auto is = [](bool constant, const Symbol& x, Fp value) {
    return constant && x.constant_ == value;
  };
  if (op == ExpressionNode::Op::kMul) {
    if (is(a_constant, a, Fp{}) || is(b_constant, b, Fp{})) return Symbol(Fp{});
    if (is(a_constant, a, Fp::one())) return b;
    if (is(b_constant, b, Fp::one())) return a;
  } else {
    if (is(b_constant, b, Fp{})) return a;
    if (op == ExpressionNode::Op::kAdd && is(a_constant, a, Fp{})) return b;
  }
  Recorder* recorder = a_constant ? b.recorder_ : a.recorder_;
  return {recorder, recorder->add(op, recorder->node_of(a), recorder->node_of(b))};
}

Recorder::Recorder(std::string chip, const char* columns, size_t late_width)
    : chip_(std::move(chip)), columns_(column_names(columns)), late_width_(late_width) {
  // Names as of an Ext each, so that no main column is late by a wrong order.
  for (size_t i = 0; i < late_width_; ++i) {
    const std::string& name = columns_[columns_.size() - late_width_ + i];
    if (!name.ends_with(fmt::format("[{}]", i % 5)))
      error(fmt::format("column {} is late, but not one of five", name));
  }
}

std::vector<Symbol> Recorder::row(bool next) {
  std::vector<Symbol> symbols;
  for (uint32_t i = 0; i < columns_.size(); ++i)
    symbols.push_back(
        Symbol(this, add(next ? ExpressionNode::Op::kNext : ExpressionNode::Op::kColumn, i, 0)));
  return symbols;
}

uint32_t Recorder::add(ExpressionNode::Op op, uint32_t a, uint32_t b) {
  const auto [entry, is_new] = index_.try_emplace(ExpressionNode{op, a, b}, static_cast<uint32_t>(nodes_.size()));
  if (!is_new) return entry->second;
  nodes_.push_back({op, a, b});
  const bool leaf = !nodes_.back().is_inner();
  if (leaf)
    degrees_.push_back(op == ExpressionNode::Op::kColumn || op == ExpressionNode::Op::kNext ? 1 : 0);
  else if (op == ExpressionNode::Op::kMul)
    degrees_.push_back(degrees_[a] + degrees_[b]);
  else
    degrees_.push_back(std::max(degrees_[a], degrees_[b]));
  return entry->second;
}

uint32_t Recorder::node_of(const Symbol& x) {
  if (x.recorder_ == nullptr) return add(ExpressionNode::Op::kConst, x.constant_.wire, 0);
  ZK_CHECK(x.recorder_ == this);
  return x.node_;
}

void Recorder::error(const std::string& message) {
  errors_.push_back(fmt::format("chip {}: {}", chip_, message));
}

void Recorder::zero(const char* label, const Symbol& x) {
  const uint32_t node = node_of(x);
  if (degrees_[node] > kMaxDegree)
    error(fmt::format("assert \"{}\" has degree {}, at most {} is possible", label, degrees_[node],
                      kMaxDegree));
  asserts_.push_back(node);
  labels_.emplace_back(label);
}

void Recorder::boolean(const char* label, const Symbol& x) {
  zero(label, x * (x - 1));
  if (auto form = affine(node_of(x))) boolean_.push_back(std::move(*form));
}

Symbol Recorder::late_coordinate(unsigned challenge, unsigned power, unsigned coordinate) {
  if (challenge >= kLateChallenges || power < 1 || power > kMaxLatePower) {
    error(fmt::format("late challenge {} to the power {}: expected 0..{}, 1..{}", challenge, power,
                      kLateChallenges - 1, kMaxLatePower));
    return {};
  }
  const auto degree = static_cast<unsigned>(Fp5::kDegree);
  return {this, add(ExpressionNode::Op::kLate, degree * challenge + coordinate, power)};
}

// From x to the columns: each node is met once, behind all that use it, with the factor that it has in x. (Forms of
// all nodes from the columns up would be copied from node to node.)
std::optional<AffineForm> Recorder::affine(uint32_t x) const {
  using Op = ExpressionNode::Op;
  std::map<uint32_t, Fp, std::greater<>> factors = {{x, Fp::one()}};  // by node; operands come before users
  AffineForm form;
  Fp constant;
  std::map<uint16_t, Fp> columns;
  while (!factors.empty()) {
    const auto [id, factor] = *factors.begin();
    factors.erase(factors.begin());
    const ExpressionNode& node = nodes_[id];
    switch (node.op) {
      case Op::kConst:
        constant += factor * Fp::from_wire(node.a);
        break;
      case Op::kColumn:
        columns[static_cast<uint16_t>(node.a)] += factor;
        break;
      case Op::kAdd:
      case Op::kSub:
        factors[node.a] += factor;
        factors[node.b] += node.op == Op::kAdd ? factor : -factor;
        break;
      case Op::kMul: {
        const bool first = nodes_[node.a].op == Op::kConst;
        const ExpressionNode& by = nodes_[first ? node.a : node.b];
        if (by.op != Op::kConst) return std::nullopt;
        factors[first ? node.b : node.a] += factor * Fp::from_wire(by.a);
        break;
      }
      case Op::kNext:
      case Op::kLate:
        return std::nullopt;
    }
  }
  form.constant = constant.wire;
  for (const auto& [column, coefficient] : columns)
    if (coefficient != Fp{}) form.terms.push_back({column, coefficient.wire});
  return form;
}

std::optional<AffineForm> Recorder::affine(const Symbol& x, const std::string& where) {
  auto form = affine(node_of(x));
  if (!form) error(where + " is not affine in the current row");
  return form;
}

void Recorder::interact(InteractionKind kind, uint16_t bus, const char* bus_name,
                        const Symbol& multiplicity, const Symbol* tuple, size_t width) {
  static constexpr const char* kKinds[] = {"send to", "receive from", "answer on"};
  const auto where = fmt::format("{} bus {}", kKinds[static_cast<size_t>(kind)], bus_name);
  if (bus == kBlindBus) error(where + ": identifier 0 is reserved");
  if (width == 0 || width > kMaxTupleWidth)
    error(fmt::format("{}: tuple of {} elements, expected 1..{}", where, width, kMaxTupleWidth));
  PendingInteraction out{{bus, kind, 0, {}, {}}, bus_name};
  if (const auto form = affine(multiplicity, where + ": multiplicity"))
    out.interaction.multiplicity = *form;
  // SOUNDNESS: who chooses late columns knows the challenges, and must not choose what is sent.
  for (const AffineForm::Term& term : out.interaction.multiplicity.terms)
    if (term.column >= columns_.size() - late_width_)
      error(fmt::format("{}: column {} of the multiplicity is late", where,
                        columns_[term.column]));
  for (size_t i = 0; i < width; ++i)
    if (const auto form = affine(tuple[i], fmt::format("{}: tuple element {}", where, i)))
      out.interaction.tuple.push_back(*form);
  interactions_.push_back(std::move(out));
}

// SOUNDNESS: LogUp counts modulo p. Every column of a multiplicity is 0 or 1 by an assert, so the
// count of tuples a table can send is height * this bound, and check_multiplicities (shape.h) sees
// to it that no bus reaches p.
uint32_t Recorder::bound_multiplicity(const AffineForm& form, const std::string& where) {
  const auto known_boolean = [&](const AffineForm& x) {
    return std::ranges::find(boolean_, x) != boolean_.end();
  };
  if (known_boolean(form)) return 1;
  int64_t least = centred(Fp::from_wire(form.constant));
  int64_t greatest = least;
  for (const AffineForm::Term& term : form.terms) {
    if (!known_boolean({0, {{term.column, Fp::one().wire}}}))
      error(fmt::format("{}: column {} of the multiplicity is not asserted to be boolean", where,
                        columns_[term.column]));
    const int64_t coefficient = centred(Fp::from_wire(term.coefficient));
    (coefficient > 0 ? greatest : least) += coefficient;
  }
  if (least < 0 || greatest <= 0 || greatest > 0xffff) {
    error(fmt::format("{}: multiplicity ranges over {}..{}, expected within 0..65535", where, least,
                      greatest));
    return 1;
  }
  return static_cast<uint32_t>(greatest);
}

// The list has what the asserts need, operands before users, in the order of the asserts and
// of the operands in the source. (Not in the order of recording: the order in which C++ evaluates
// operands is the compiler's choice, and the key must not depend on it.)
void Recorder::emit_expressions(ChipKey& key) const {
  std::vector<uint32_t> place(nodes_.size(), UINT32_MAX);
  std::vector<uint32_t> stack;
  std::set<uint16_t> next;
  for (const uint32_t root : asserts_) {
    stack.push_back(root);
    while (!stack.empty()) {
      const uint32_t id = stack.back();
      const ExpressionNode& node = nodes_[id];
      const bool inner = node.is_inner();
      if (place[id] == UINT32_MAX && inner && place[node.a] == UINT32_MAX) {
        stack.push_back(node.a);
        continue;
      }
      if (place[id] == UINT32_MAX && inner && place[node.b] == UINT32_MAX) {
        stack.push_back(node.b);
        continue;
      }
      stack.pop_back();
      if (place[id] != UINT32_MAX) continue;
      place[id] = static_cast<uint32_t>(key.nodes.size());
      if (inner)
        key.nodes.push_back({node.op, place[node.a], place[node.b]});
      else
        key.nodes.push_back(node);
      if (node.op == ExpressionNode::Op::kNext) next.insert(static_cast<uint16_t>(node.a));
    }
    key.asserts.push_back(place[root]);
  }
  key.next.assign(next.begin(), next.end());
}

RecordedChip Recorder::finish() {
  RecordedChip chip;
  chip.key.name = chip_;
  chip.columns = columns_;
  chip.asserts = labels_;
  emit_expressions(chip.key);
  for (PendingInteraction& pending : interactions_) {
    Interaction& interaction = pending.interaction;
    if (interaction.kind != Interaction::Kind::kAnswer)
      interaction.max_multiplicity =
          bound_multiplicity(interaction.multiplicity, "bus " + pending.bus_name);
    chip.buses.push_back({interaction.bus, pending.bus_name, interaction.tuple.size()});
    chip.key.interactions.push_back(interaction);
  }
  chip.errors = errors_;
  return chip;
}

std::vector<unsigned> RecordedChip::degrees() const {
  const std::vector<unsigned> of_nodes = node_degrees(key.nodes);
  std::vector<unsigned> out;
  for (const uint32_t node : key.asserts) out.push_back(of_nodes[node]);
  return out;
}

std::vector<std::string> column_names(const char* text) {
  std::vector<std::string> names;
  std::string_view rest = text;
  while (!rest.empty()) {
    const size_t end = std::min(rest.find(' '), rest.size());
    const std::string_view word = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (word.empty()) continue;
    const size_t bracket = word.find('[');
    if (bracket == std::string_view::npos) {
      names.emplace_back(word);
      continue;
    }
    const int count = std::stoi(std::string(word.substr(bracket + 1)));
    for (int i = 0; i < count; ++i)
      names.push_back(fmt::format("{}[{}]", word.substr(0, bracket), i));
  }
  return names;
}

}  // namespace zkvm::stark
