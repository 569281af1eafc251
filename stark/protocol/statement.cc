#include "stark/protocol/statement.h"

#include <fmt/core.h>

#include <algorithm>
#include <map>

#include "stark/field/field.h"

namespace zkvm::stark {

std::vector<uint8_t> Statement::serialise() const {
  ByteWriter out;
  out.put(static_cast<uint32_t>(publics.size()));
  for (const PublicInteraction& item : publics) {
    out.put(item.bus);
    out.put(item.sign);
    out.put(item.multiplicity);
    out.put(static_cast<uint8_t>(item.tuple.size()));
    for (const uint32_t word : item.tuple) out.put(word);
  }
  out.put(static_cast<uint16_t>(shared.size()));
  for (const SharedRoot& item : shared) {
    out.put(item.slot);
    out.put(item.root);
  }
  return std::move(out).take();
}

Result<void> check_statement(const VerifyingKey& key, const Shape& shape,
                             const Statement& statement) {
  const auto widths = bus_widths(key);
  if (!widths) return propagate(widths);
  for (size_t i = 0; i < statement.publics.size(); ++i) {
    const PublicInteraction& item = statement.publics[i];
    const auto width = widths->find(item.bus);  // never kBlindBus, which no key may name
    if ((item.sign != 1 && item.sign != -1) || width == widths->end() ||
        item.tuple.size() != width->second)
      return fail(ErrorCode::kStatement, fmt::format("public interaction {} is malformed", i));
    const auto field = [](uint32_t word) { return word < Fp::kModulus; };
    if (!field(item.multiplicity) || !std::ranges::all_of(item.tuple, field))
      return fail(ErrorCode::kNonCanonical, fmt::format("public interaction {}: word >= p", i));
  }
  size_t next = 0;
  for (const TreeShape& tree : shape.trees) {
    if (tree.kind != TreeShape::Kind::kShared) continue;
    if (next == statement.shared.size() || statement.shared[next].slot != tree.slot)
      return fail(ErrorCode::kStatement, fmt::format("shared slot {}: no root", tree.slot));
    ++next;
  }
  if (next != statement.shared.size())
    return fail(ErrorCode::kStatement,
                fmt::format("shared roots: expected {}, found {}", next, statement.shared.size()));
  return {};
}

Result<void> check_multiplicities(const Shape& shape, const Statement& statement) {
  std::map<uint16_t, uint64_t> carried;
  for (const GroupShape& group : shape.groups)
    for (const GroupInteraction& interaction : group.interactions) {
      uint64_t& sum = carried[interaction.bus];
      // At most 2^22 * 2^31 each, so one addition cannot wrap a sum that is still below p.
      sum += uint64_t{group.height()} * interaction.max_multiplicity;
      if (sum >= Fp::kModulus)
        return fail(ErrorCode::kMultiplicities,
                    fmt::format("bus {}: tuples: expected fewer than p = {}, found up to {}",
                                interaction.bus, Fp::kModulus, sum));
    }
  for (const PublicInteraction& item : statement.publics) {
    uint64_t& sum = carried[item.bus];
    sum += Fp::from_wire(item.multiplicity).value();  // as an integer
    if (sum >= Fp::kModulus)
      return fail(ErrorCode::kMultiplicities,
                  fmt::format("bus {}: tuples with the public ones: expected fewer than p = {}, found up to {}",
                              item.bus, Fp::kModulus, sum));
  }
  return {};
}

}  // namespace zkvm::stark
