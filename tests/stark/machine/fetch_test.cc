// No live row of any chip fetches operation 0, which words that are no instruction, ebreak and the
// program table's padding have (stark/doc/soundness.md, "The machine", 7).
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "stark/air/recorder.h"
#include "stark/chips/buses.h"
#include "stark/chips/program_row.h"
#include "stark/machine/chip_list.h"

namespace zkvm::stark::machine {
namespace {

using Flags = std::map<uint32_t, Fp>;  // by column

template <ChipDefinition... Chips>
std::vector<RecordedChip> record_all(ChipList<Chips...>) {
  return {record_chip<Chips>()...};
}

Fp value_of(const AffineForm& form, const Flags& flags) {
  Fp value = Fp::from_wire(form.constant);
  for (const auto& term : form.terms)
    value += Fp::from_wire(term.coefficient) * flags.at(term.column);
  return value;
}

// The chip's asserts at these values; nothing for those that read another column.
std::vector<std::optional<Fp>> asserts_at(const ChipKey& chip, const Flags& flags) {
  std::vector<std::optional<Fp>> nodes;
  for (const ExpressionNode& node : chip.nodes) {
    std::optional<Fp>& value = nodes.emplace_back();
    if (node.op == ExpressionNode::Op::kConst) {
      value = Fp::from_wire(node.a);
    } else if (node.op == ExpressionNode::Op::kColumn) {
      if (const auto flag = flags.find(node.a); flag != flags.end()) value = flag->second;
    } else if (node.op != ExpressionNode::Op::kNext && nodes[node.a] && nodes[node.b]) {
      const Fp a = *nodes[node.a], b = *nodes[node.b];
      value = node.op == ExpressionNode::Op::kAdd   ? a + b
              : node.op == ExpressionNode::Op::kSub ? a - b
                                                    : a * b;
    }
  }
  std::vector<std::optional<Fp>> out;
  for (const uint32_t node : chip.asserts) out.push_back(nodes[node]);
  return out;
}

bool holds(const std::vector<std::optional<Fp>>& asserts) {
  return std::ranges::all_of(asserts, [](const auto& x) { return !x || *x == Fp::zero(); });
}

// Whether some assert of degree 2 has the roots 0 and 1, and so no others.
bool is_boolean(const ChipKey& chip, uint32_t column) {
  const std::vector<unsigned> degrees = node_degrees(chip.nodes);
  const auto at = [&](uint32_t x) { return asserts_at(chip, {{column, Fp::from(x)}}); };
  const auto zero = at(0), one = at(1), two = at(2);
  for (size_t i = 0; i < zero.size(); ++i)
    if (zero[i] && degrees[chip.asserts[i]] == 2 && *zero[i] == Fp::zero() &&
        *one[i] == Fp::zero() && *two[i] != Fp::zero())
      return true;
  return false;
}

TEST(Fetch, NoLiveRowFetchesOperation0) {
  std::set<uint32_t> fetched;
  size_t chips = 0;
  for (const RecordedChip& recorded : record_all(MachineChips{})) {
    const ChipKey& chip = recorded.key;
    for (const Interaction& interaction : chip.interactions) {
      if (interaction.bus != chips::kProgram.id || interaction.kind != Interaction::Kind::kSend)
        continue;
      ++chips;
      std::set<uint32_t> columns;
      const AffineForm &live = interaction.multiplicity, &operation = interaction.tuple.at(1);
      for (const AffineForm* form : {&live, &operation})
        for (const auto& term : form->terms) columns.insert(term.column);
      ASSERT_LE(columns.size(), 10u) << chip.name;
      for (const uint32_t column : columns)
        EXPECT_TRUE(is_boolean(chip, column)) << chip.name << ": column " << column;

      size_t live_settings = 0;
      for (uint32_t bits = 0; bits < 1u << columns.size(); ++bits) {
        Flags flags;
        for (const uint32_t column : columns) {
          const auto place = static_cast<uint32_t>(flags.size());
          flags[column] = Fp::from(bits >> place & 1);
        }
        if (!holds(asserts_at(chip, flags)) || value_of(live, flags) == Fp::zero()) continue;
        ++live_settings;
        const uint32_t found = value_of(operation, flags).value();
        EXPECT_NE(found, number(chips::Operation::kNone)) << chip.name << ": flags " << bits;
        fetched.insert(found);
      }
      EXPECT_GT(live_settings, 0u) << chip.name;
    }
  }
  EXPECT_GE(chips, 20u);
  for (uint32_t i = number(chips::Operation::kAdd); i <= number(chips::Operation::kEcall); ++i)
    if (i != 18) {
      EXPECT_TRUE(fetched.contains(i)) << "no chip has operation " << i;
    }
}

}  // namespace
}  // namespace zkvm::stark::machine
