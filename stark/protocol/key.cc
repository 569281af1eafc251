#include "stark/protocol/key.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "stark/field/field.h"
#include "stark/protocol/late.h"

namespace zkvm::stark {
namespace {

constexpr uint32_t kVersion = 3;
constexpr uint32_t kModulus = Fp::kModulus;

void put_form(ByteWriter& out, const AffineForm& form) {
  out.put(form.constant);
  out.put(static_cast<uint16_t>(form.terms.size()));
  for (const auto& term : form.terms) {
    out.put(term.column);
    out.put(term.coefficient);
  }
}

void put_node(ByteWriter& out, const ExpressionNode& node) {
  out.put(static_cast<uint8_t>(node.op));
  switch (node.op) {
    case ExpressionNode::Op::kConst:
      out.put(node.a);
      break;
    case ExpressionNode::Op::kColumn:
    case ExpressionNode::Op::kNext:
      out.put(static_cast<uint16_t>(node.a));
      break;
    case ExpressionNode::Op::kLate:
      out.put(static_cast<uint8_t>(node.a));
      out.put(static_cast<uint8_t>(node.b));
      break;
    default:
      out.put(node.a);
      out.put(node.b);
  }
}

void put_chip(ByteWriter& out, const ChipKey& chip) {
  out.put(static_cast<uint8_t>(chip.name.size()));
  out.put_text(chip.name);
  out.put(chip.log_height);
  out.put(static_cast<uint8_t>(chip.slots.size()));
  for (const auto& group : chip.slots) {
    out.put(group.slot);
    out.put(group.first);
    out.put(group.width);
  }
  out.put(chip.main_width);
  out.put(chip.late_width);
  out.put(chip.late_degree);
  out.put(static_cast<uint16_t>(chip.next.size()));
  for (const uint16_t column : chip.next) out.put(column);
  out.put(static_cast<uint32_t>(chip.nodes.size()));
  for (const ExpressionNode& node : chip.nodes) put_node(out, node);
  out.put(static_cast<uint32_t>(chip.asserts.size()));
  for (const uint32_t node : chip.asserts) out.put(node);
  out.put(static_cast<uint16_t>(chip.interactions.size()));
  for (const Interaction& interaction : chip.interactions) {
    out.put(interaction.bus);
    out.put(static_cast<uint8_t>(interaction.kind));
    out.put(interaction.max_multiplicity);
    put_form(out, interaction.multiplicity);
    out.put(static_cast<uint8_t>(interaction.tuple.size()));
    for (const AffineForm& form : interaction.tuple) put_form(out, form);
  }
}

AffineForm get_form(ByteReader& in) {
  AffineForm form;
  form.constant = in.get_field();
  const auto count = in.get<uint16_t>();
  if (!in.can_hold(count, 6)) return form;
  form.terms.reserve(count);
  for (uint32_t i = 0; i < count; ++i) {
    const auto column = in.get<uint16_t>();
    form.terms.push_back({column, in.get_field()});
  }
  return form;
}

ExpressionNode get_node(ByteReader& in) {
  ExpressionNode node{static_cast<ExpressionNode::Op>(in.get<uint8_t>())};
  switch (node.op) {
    case ExpressionNode::Op::kConst:
      node.a = in.get_field();
      break;
    case ExpressionNode::Op::kColumn:
    case ExpressionNode::Op::kNext:
      node.a = in.get<uint16_t>();
      break;
    case ExpressionNode::Op::kLate:
      node.a = in.get<uint8_t>();
      node.b = in.get<uint8_t>();
      break;
    default:  // an unknown operation is found by check()
      node.a = in.get<uint32_t>();
      node.b = in.get<uint32_t>();
  }
  return node;
}

Interaction get_interaction(ByteReader& in) {
  Interaction interaction{};
  interaction.bus = in.get<uint16_t>();
  interaction.kind = static_cast<Interaction::Kind>(in.get<uint8_t>());
  interaction.max_multiplicity = in.get<uint32_t>();
  interaction.multiplicity = get_form(in);
  const auto width = in.get<uint8_t>();
  for (uint32_t i = 0; i < width && !in.failed(); ++i) interaction.tuple.push_back(get_form(in));
  return interaction;
}

ChipKey get_chip(ByteReader& in) {
  ChipKey chip;
  const auto length = in.get<uint8_t>();
  chip.name = std::string(in.get_text(length));
  chip.log_height = in.get<uint8_t>();
  const auto groups = in.get<uint8_t>();
  for (uint32_t i = 0; i < groups && !in.failed(); ++i) {
    const auto slot = in.get<uint16_t>(), first = in.get<uint16_t>();
    chip.slots.push_back({slot, first, in.get<uint16_t>()});
  }
  chip.main_width = in.get<uint16_t>();
  chip.late_width = in.get<uint16_t>();
  chip.late_degree = in.get<uint32_t>();
  const auto next = in.get<uint16_t>();
  for (uint32_t i = 0; i < next && !in.failed(); ++i) chip.next.push_back(in.get<uint16_t>());
  const auto nodes = in.get<uint32_t>();
  if (!in.can_hold(nodes, 3)) return chip;
  for (uint32_t i = 0; i < nodes && !in.failed(); ++i) chip.nodes.push_back(get_node(in));
  const auto asserts = in.get<uint32_t>();
  if (!in.can_hold(asserts, 4)) return chip;
  for (uint32_t i = 0; i < asserts; ++i) chip.asserts.push_back(in.get<uint32_t>());
  const auto interactions = in.get<uint16_t>();
  for (uint32_t i = 0; i < interactions && !in.failed(); ++i)
    chip.interactions.push_back(get_interaction(in));
  return chip;
}

/// `where` gives the beginning of an error's message.
template <class Where>
Result<void> check_form(const AffineForm& form, uint32_t columns, const Where& where) {
  if (form.constant >= kModulus) return fail(ErrorCode::kNonCanonical, where() + ": constant >= p");
  int64_t previous = -1;
  for (const auto& term : form.terms) {
    if (term.column >= columns)
      return fail(ErrorCode::kKey,
                  fmt::format("{}: column {} of {}", where(), term.column, columns));
    if (term.column <= previous)
      return fail(ErrorCode::kNonCanonical, where() + ": columns are not ascending");
    if (term.coefficient == 0 || term.coefficient >= kModulus)
      return fail(ErrorCode::kNonCanonical, where() + ": coefficient is 0 or >= p");
    previous = term.column;
  }
  return {};
}

/// Degree of every node, given that of a leaf. More than `most` is most + 1: a hostile key squares its
/// way past any integer.
template <class Leaf>
std::vector<unsigned> degrees(std::span<const ExpressionNode> nodes, unsigned most,
                              const Leaf& of_leaf) {
  std::vector<unsigned> degree(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    const ExpressionNode& node = nodes[i];
    if (!node.is_inner())
      degree[i] = of_leaf(node);
    else if (node.op == ExpressionNode::Op::kMul)
      degree[i] = std::min(degree[node.a] + degree[node.b], most + 1);
    else
      degree[i] = std::max(degree[node.a], degree[node.b]);
  }
  return degree;
}

Result<void> check_nodes(const ChipKey& chip) {
  for (size_t i = 0; i < chip.nodes.size(); ++i) {
    const ExpressionNode& node = chip.nodes[i];
    bool ok = false;
    switch (node.op) {
      case ExpressionNode::Op::kConst:
        ok = node.a < kModulus && node.b == 0;
        break;
      case ExpressionNode::Op::kColumn:
        ok = node.a < chip.columns() && node.b == 0;
        break;
      case ExpressionNode::Op::kNext:
        ok = std::ranges::binary_search(chip.next, node.a) && node.b == 0;
        break;
      case ExpressionNode::Op::kAdd:
      case ExpressionNode::Op::kSub:
      case ExpressionNode::Op::kMul:
        ok = node.a < i && node.b < i;
        break;
      case ExpressionNode::Op::kLate:
        ok = node.a < kLateChallenges * Fp5::kDegree && node.b >= 1 && node.b <= kMaxLatePower;
        break;
    }
    if (!ok)
      return fail(ErrorCode::kKey, fmt::format("chip {}: node {} is malformed", chip.name, i));
  }
  const auto degree = node_degrees(chip.nodes);
  if (std::ranges::any_of(degree, [](unsigned d) { return d > kMaxDegree; }))
    return fail(ErrorCode::kKey, fmt::format("chip {}: a node has degree above 3", chip.name));
  bool late = false;
  for (const ExpressionNode& node : chip.nodes) late |= node.op == ExpressionNode::Op::kLate;
  if (late && chip.late_width == 0)
    return fail(ErrorCode::kKey,
                fmt::format("chip {}: a late challenge, but no late columns", chip.name));
  for (const uint32_t node : chip.asserts)
    if (node >= chip.nodes.size())
      return fail(ErrorCode::kKey, fmt::format("chip {}: assert of node {}", chip.name, node));
  // SOUNDNESS: the row "late" of the calculator; not less than what the asserts show.
  const unsigned least =
      chip.late_width == 0 ? 0 : std::max(1u, late_degree(chip.nodes, chip.asserts));
  if (chip.late_degree < least || chip.late_degree > (chip.late_width == 0 ? 0 : kMaxLateDegree))
    return fail(ErrorCode::kKey,
                fmt::format("chip {}: late degree: expected {}..{}, found {}", chip.name, least,
                            chip.late_width == 0 ? 0 : kMaxLateDegree, chip.late_degree));
  return {};
}

Result<void> check_interactions(const ChipKey& chip, uint8_t tuple_width) {
  for (size_t i = 0; i < chip.interactions.size(); ++i) {
    const Interaction& interaction = chip.interactions[i];
    const auto where = [&] { return fmt::format("chip {}: interaction {}", chip.name, i); };
    if (interaction.kind > Interaction::Kind::kAnswer || interaction.bus == kBlindBus)
      return fail(ErrorCode::kKey, where() + ": kind or bus out of range");
    const bool answer = interaction.kind == Interaction::Kind::kAnswer;
    if (answer != (interaction.max_multiplicity == 0) || interaction.max_multiplicity >= kModulus)
      return fail(ErrorCode::kKey, where() + ": greatest multiplicity out of range");
    if (interaction.tuple.empty() || interaction.tuple.size() > tuple_width)
      return fail(ErrorCode::kKey, where() + ": tuple wider than the key's");
    // SOUNDNESS: what is sent must not be chosen by who knows the late challenges.
    if (auto ok = check_form(interaction.multiplicity, chip.slot_width() + chip.main_width,
                             [&] { return where() + ": multiplicity"; });
        !ok)
      return ok;
    for (const AffineForm& form : interaction.tuple)
      if (auto ok = check_form(form, chip.columns(), where); !ok) return ok;
  }
  return {};
}

/// That the heights of each slot are in order, and that somebody reads at each: or a proof would
/// have no group for them.
Result<void> check_slots(const VerifyingKey& key) {
  std::set<std::pair<size_t, uint8_t>> read;
  for (const ChipKey& chip : key.chips)
    for (const auto& use : chip.slots) read.insert({use.slot, chip.log_height});
  uint64_t columns = 0;
  for (size_t s = 0; s < key.slots.size(); ++s) {
    const Slot& slot = key.slots[s];
    const auto bad = [&](const std::string& what) {
      return fail(ErrorCode::kKey, fmt::format("slot {}: {}", s, what));
    };
    if (slot.kind > Slot::Kind::kShared) return bad("unknown kind");
    if (slot.kind == Slot::Kind::kFixed && (slot.log_blowup < 1 || slot.log_blowup > kMaxLogBlowup))
      return bad(fmt::format("log_blowup: expected 1..{}, found {}", kMaxLogBlowup,
                             slot.log_blowup));
    if (slot.rows.empty()) return bad("it has no columns");
    for (size_t i = 0; i < slot.rows.size(); ++i) {
      if (slot.rows[i].width == 0) return bad("a row without columns");
      if (i > 0 && slot.rows[i].log_height >= slot.rows[i - 1].log_height)
        return bad("heights are not descending");
      if (!read.contains({s, slot.rows[i].log_height}))
        return bad(fmt::format("no chip reads its rows of height 2^{}", slot.rows[i].log_height));
      columns += slot.rows[i].width;
    }
  }
  if (columns > kMaxSlotColumns)
    return fail(ErrorCode::kKey, fmt::format("slots: expected at most {} columns, found {}",
                                             kMaxSlotColumns, columns));
  return {};
}

Result<void> check_columns(const ChipKey& chip, const std::vector<Slot>& slots) {
  const auto bad = [&](const char* what) {
    return fail(ErrorCode::kKey, fmt::format("chip {}: {}", chip.name, what));
  };
  if (chip.name.empty() || chip.name.size() > 255) return bad("name length out of range");
  if (chip.slots.empty() != (chip.log_height == kFreeHeight))
    return bad("a height is fixed if and only if there are slot columns");
  if (!chip.slots.empty() && chip.log_height > kMaxLogHeight) return bad("height out of range");
  for (size_t i = 0; i < chip.slots.size(); ++i) {
    const auto& use = chip.slots[i];
    if (use.slot >= slots.size() || use.width == 0 ||
        uint32_t{use.first} + use.width > slots[use.slot].width(chip.log_height))
      return bad("slot columns out of range");
    if (i > 0 && std::pair(use.slot, use.first) <=
                     std::pair(chip.slots[i - 1].slot, chip.slots[i - 1].first))
      return bad("slot columns are not ascending");
  }
  if (chip.main_width == 0 || chip.columns() > kMaxChipColumns) return bad("columns out of range");
  for (size_t i = 0; i < chip.next.size(); ++i)
    if (chip.next[i] >= chip.columns() || (i > 0 && chip.next[i] <= chip.next[i - 1]))
      return bad("next columns out of range or not ascending");
  return {};
}

/// ZERO-KNOWLEDGE: a shared column is opened by two proofs; read on the next row as well, it would
/// be opened at more points than its mask has coefficients (stark/doc/zero_knowledge.md).
Result<void> check_shared_next(const ChipKey& chip, const std::vector<Slot>& slots) {
  uint32_t first = 0;
  for (const auto& group : chip.slots) {
    const auto next = std::ranges::lower_bound(chip.next, first);
    if (slots[group.slot].kind == Slot::Kind::kShared && next != chip.next.end() &&
        *next < first + group.width)
      return fail(ErrorCode::kKey,
                  fmt::format("chip {}: column {} of a shared slot is read on the next row",
                              chip.name, *next));
    first += group.width;
  }
  return {};
}

}  // namespace

uint32_t Slot::width(uint8_t log_height) const {
  const auto found = std::ranges::find(rows, log_height, &Row::log_height);
  return found == rows.end() ? 0 : found->width;
}

uint32_t ChipKey::slot_width() const {
  uint32_t count = 0;
  for (const auto& group : slots) count += group.width;
  return count;
}


std::vector<unsigned> node_degrees(std::span<const ExpressionNode> nodes) {
  return degrees(nodes, kMaxDegree, [](const ExpressionNode& leaf) {
    return leaf.op == ExpressionNode::Op::kColumn || leaf.op == ExpressionNode::Op::kNext ? 1u : 0u;
  });
}

unsigned late_degree(std::span<const ExpressionNode> nodes, std::span<const uint32_t> asserts) {
  const auto degree = degrees(nodes, kMaxLateDegree, [](const ExpressionNode& leaf) {
    return leaf.op == ExpressionNode::Op::kLate ? leaf.b : 0u;
  });
  unsigned greatest = 0;
  for (const uint32_t node : asserts) greatest = std::max(greatest, degree[node]);
  return greatest;
}

Result<std::map<uint16_t, size_t>> bus_widths(const VerifyingKey& key) {
  std::map<uint16_t, size_t> widths;
  for (const ChipKey& chip : key.chips)
    for (const Interaction& interaction : chip.interactions) {
      const size_t found = interaction.tuple.size();
      const size_t expected = widths.try_emplace(interaction.bus, found).first->second;
      if (expected != found)
        return fail(ErrorCode::kKey, fmt::format("chip {}: bus {}: width: expected {}, found {}",
                                                 chip.name, interaction.bus, expected, found));
    }
  return widths;
}

Result<void> VerifyingKey::check() const {
  if (tuple_width == 0 || tuple_width > kMaxTupleWidth)
    return fail(ErrorCode::kKey, fmt::format("tuple width: expected 1..32, found {}", tuple_width));
  if (slots.size() > 0xffff || chips.size() > 0xffff || chips.empty())
    return fail(ErrorCode::kKey, "number of chips or slots out of range");
  if (auto ok = check_slots(*this); !ok) return ok;
  for (const ChipKey& chip : chips) {
    if (auto ok = check_columns(chip, slots); !ok) return ok;
    if (auto ok = check_shared_next(chip, slots); !ok) return ok;
    if (auto ok = check_nodes(chip); !ok) return ok;
    if (auto ok = check_interactions(chip, tuple_width); !ok) return ok;
  }
  const auto widths = bus_widths(*this);
  if (!widths) return propagate(widths);
  size_t widest = 1;
  for (const auto& [bus, width] : *widths) widest = std::max(widest, width);
  if (widest != tuple_width)
    return fail(ErrorCode::kNonCanonical,
                fmt::format("tuple width: expected {}, found {}", widest, tuple_width));
  return {};
}

std::vector<uint8_t> VerifyingKey::serialise() const {
  ByteWriter out;
  out.put_text("ZKVK");
  out.put(kVersion);
  out.put(tuple_width);
  out.put(static_cast<uint16_t>(slots.size()));
  for (const Slot& slot : slots) {
    out.put(static_cast<uint8_t>(slot.kind));
    if (slot.kind == Slot::Kind::kFixed) {
      out.put(slot.log_blowup);
      out.put(slot.root);
    }
    out.put(static_cast<uint8_t>(slot.rows.size()));
    for (const Slot::Row& row : slot.rows) {
      out.put(row.log_height);
      out.put(row.width);
    }
  }
  out.put(static_cast<uint16_t>(chips.size()));
  for (const ChipKey& chip : chips) put_chip(out, chip);
  return std::move(out).take();
}

Result<VerifyingKey> VerifyingKey::parse(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  if (in.get_text(4) != "ZKVK") return fail(ErrorCode::kFormat, "verifying key: magic is not ZKVK");
  if (const auto version = in.get<uint32_t>(); version != kVersion)
    return fail(ErrorCode::kFormat,
                fmt::format("verifying key: version: expected {}, found {}", kVersion, version));
  VerifyingKey key;
  key.tuple_width = in.get<uint8_t>();
  const auto slots = in.get<uint16_t>();
  for (uint32_t i = 0; i < slots && !in.failed(); ++i) {
    Slot slot{static_cast<Slot::Kind>(in.get<uint8_t>())};
    if (slot.kind == Slot::Kind::kFixed) {
      slot.log_blowup = in.get<uint8_t>();
      slot.root = in.get_digest();
    }
    const auto rows = in.get<uint8_t>();
    for (uint32_t r = 0; r < rows && !in.failed(); ++r) {
      const auto log_height = in.get<uint8_t>();
      slot.rows.push_back({log_height, in.get<uint16_t>()});
    }
    key.slots.push_back(std::move(slot));
  }
  const auto chips = in.get<uint16_t>();
  for (uint32_t i = 0; i < chips && !in.failed(); ++i) key.chips.push_back(get_chip(in));
  if (in.truncated())
    return fail(ErrorCode::kTruncated, fmt::format("verifying key: ends at byte {}", bytes.size()));
  if (in.non_canonical())
    return fail(ErrorCode::kNonCanonical, "verifying key: a field element is >= p");
  if (in.remaining() != 0)
    return fail(ErrorCode::kTrailing,
                fmt::format("verifying key: {} bytes left over", in.remaining()));
  if (auto ok = key.check(); !ok) return propagate(ok);
  return key;
}

}  // namespace zkvm::stark
