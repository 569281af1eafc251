// Behind all nodes: moves are composed, tables folded into layers, what nobody reads is dropped, and operators and
// values numbered.
#include <algorithm>
#include <map>
#include <numeric>

#include "host/import/lower/lowering.h"

namespace zkvm::importer::lowering {

namespace {

constexpr auto kIgnore = [](ValueId) {};

// How often each value is read, and which operator makes it.
struct Uses {
  std::vector<uint32_t> reads;
  std::vector<std::optional<size_t>> producer;
};
Uses uses_of(Network* network) {
  Uses uses{std::vector<uint32_t>(network->values.size()),
            std::vector<std::optional<size_t>>(network->values.size())};
  for (size_t i = 0; i < network->operators.size(); ++i) {
    for_each_operand(
        network->operators[i], [&](ValueId x) { ++uses.reads[x]; },
        [&](ValueId y) { uses.producer[y] = i; });
  }
  for (const Port& port : network->outputs) ++uses.reads[port.value];
  return uses;
}

// "Transpose + Reshape": of a long chain its beginning.
std::string joined(const std::string& first, const std::string& second) {
  constexpr size_t kMost = 120;
  if (first.size() + second.size() <= kMost) return first + " + " + second;
  return first.ends_with(" ..") ? first : first.substr(0, kMost) + " ..";
}

const std::vector<uint8_t> kNoTable;
const std::vector<uint8_t>& table_of(const Move& move, size_t input) {
  return move.tables.empty() ? kNoTable : move.tables[input];
}

std::vector<uint8_t> composed(const std::vector<uint8_t>& first,
                              const std::vector<uint8_t>& second) {
  if (first.empty()) return second;
  if (second.empty()) return first;
  std::vector<uint8_t> both(256);
  for (size_t i = 0; i < 256; ++i) both[i] = second[first[i]];
  return both;
}

// `move`, whose input `input` is what `before` makes, without that. Nothing where a filler would have to differ.
std::optional<Move> fused(const Network& network, const Move& before, const Move& move,
                          size_t input) {
  const auto elements = [&](ValueId id) { return elements_of(network.values[id].dims); };
  const bool fills_before = std::ranges::find(before.from, Move::kFill) != before.from.end();
  const bool fills = std::ranges::find(move.from, Move::kFill) != move.from.end();
  const auto& table = table_of(move, input);
  const uint8_t filler = table.empty() ? before.fill : table[before.fill];
  if (fills_before && fills && filler != move.fill) return std::nullopt;
  Move result{.inputs = {},
              .y = move.y,
              .from = move.from,
              .fill = fills_before ? filler : move.fill,
              .tables = {}};
  std::vector<uint64_t> starts;  // of each of move's inputs: in the old order, in the new one
  std::vector<uint64_t> new_starts;
  uint64_t start = 0, new_start = 0;
  for (size_t i = 0; i < move.inputs.size(); ++i) {
    starts.push_back(start);
    new_starts.push_back(new_start);
    start += elements(move.inputs[i]);
    if (i == input) {
      for (size_t j = 0; j < before.inputs.size(); ++j) {
        result.inputs.push_back(before.inputs[j]);
        result.tables.push_back(composed(table_of(before, j), table));
        new_start += elements(before.inputs[j]);
      }
    } else {
      result.inputs.push_back(move.inputs[i]);
      result.tables.push_back(table_of(move, i));
      new_start += elements(move.inputs[i]);
    }
  }
  starts.push_back(start);
  if (new_start >= Move::kFill) return std::nullopt;
  for (uint32_t& from : result.from) {
    if (from == Move::kFill) continue;
    const size_t of =
        static_cast<size_t>(std::ranges::upper_bound(starts, from) - starts.begin()) - 1;
    const uint64_t offset = from - starts[of];
    if (of != input) {
      from = static_cast<uint32_t>(new_starts[of] + offset);
    } else if (before.from[offset] == Move::kFill) {
      from = Move::kFill;
    } else {
      from = static_cast<uint32_t>(new_starts[of] + before.from[offset]);
    }
  }
  if (std::ranges::all_of(result.tables, [](const auto& t) { return t.empty(); }))
    result.tables.clear();
  return result;
}

// Consecutive moves become one where nobody else reads what is between.
void fuse_moves(Network* network) {
  Uses uses = uses_of(network);
  std::vector<bool> gone(network->operators.size());
  for (Operator& op : network->operators) {
    auto* move = std::get_if<Move>(&op.what);
    if (move == nullptr) continue;
    for (size_t input = 0; input < move->inputs.size();) {
      const ValueId x = move->inputs[input];
      const auto producer = uses.producer[x];
      const Move* before =
          producer ? std::get_if<Move>(&network->operators[*producer].what) : nullptr;
      if (before == nullptr || uses.reads[x] != 1) {
        ++input;
        continue;
      }
      auto both = fused(*network, *before, *move, input);
      if (!both) {
        ++input;
        continue;
      }
      gone[*producer] = true;
      uses.reads[x] = 0;
      const size_t made = before->inputs.size();
      Operator& old = network->operators[*producer];
      // The reshape of a transposition is a transposition.
      if (op.name == "reshape")
        op.name = old.name, op.op_type = old.op_type;
      else if (old.name != "reshape" && op.op_type != old.op_type)
        op.op_type = joined(old.op_type, op.op_type);
      *move = std::move(*both);
      auto& [inputs, y, from, fill, tables] = std::get<Move>(old.what);
      inputs = {}, from = {}, tables = {};  // or a long chain would keep them all
      input += made;
    }
  }
  size_t at = 0;
  std::erase_if(network->operators, [&](const Operator&) { return gone[at++]; });
}

// A table directly behind a layer that nobody else reads is the layer's own.
void fold_tables(Network* network) {
  const Uses uses = uses_of(network);
  std::vector<bool> gone(network->operators.size());
  for (size_t i = 0; i < network->operators.size(); ++i) {
    Operator& op = network->operators[i];
    auto* move = std::get_if<Move>(&op.what);
    if (move == nullptr || move->inputs.size() != 1 || table_of(*move, 0).empty()) continue;
    const ValueId x = move->inputs[0];
    if (uses.reads[x] != 1 || !uses.producer[x]) continue;
    auto* linear = std::get_if<Linear>(&network->operators[*uses.producer[x]].what);
    if (linear == nullptr || linear->layer.sums || !linear->layer.table.empty()) continue;
    if (network->values[x].type != network->values[move->y].type) continue;
    if (!is_identity(move->from, elements_of(network->values[x].dims))) continue;
    // Offset binary: as the unit stores bytes.
    const uint8_t flip = network->values[x].type == Type::kInt8 ? 0x80 : 0;
    linear->layer.table.resize(256);
    for (size_t byte = 0; byte < 256; ++byte)
      linear->layer.table[byte] = static_cast<uint8_t>(move->tables[0][byte ^ flip] ^ flip);
    std::string& type = network->operators[*uses.producer[x]].op_type;
    type = joined(type, op.op_type);
    if (network->values[x].dims != network->values[move->y].dims) {  // the reshape is left
      network->values[x].type = network->values[move->y].type;
      network->values[x].q = network->values[move->y].q;
      move->tables.clear();
      op.name = "reshape";
      continue;
    }
    linear->y = move->y;
    gone[i] = true;
  }
  size_t at = 0;
  std::erase_if(network->operators, [&](const Operator&) { return gone[at++]; });
}

// Operators whose results nobody reads, from the last one.
void drop_dead(Network* network) {
  Uses uses = uses_of(network);
  std::vector<bool> gone(network->operators.size());
  for (size_t i = network->operators.size(); i-- > 0;) {
    bool is_read = false;
    for_each_operand(network->operators[i], kIgnore,
                     [&](ValueId y) { is_read |= uses.reads[y] > 0; });
    if (is_read) continue;
    gone[i] = true;
    for_each_operand(network->operators[i], [&](ValueId x) { --uses.reads[x]; }, kIgnore);
  }
  size_t at = 0;
  std::erase_if(network->operators, [&](const Operator&) { return gone[at++]; });
}

// Values that are left, in the order in which they come to be.
void number_values(Network* network) {
  std::vector<std::optional<ValueId>> numbers(network->values.size());
  std::vector<Value> values;
  const auto number = [&](ValueId& id) {
    if (!numbers[id]) {
      numbers[id] = static_cast<ValueId>(values.size());
      values.push_back(std::move(network->values[id]));
    }
    id = *numbers[id];
  };
  for (Port& port : network->inputs) number(port.value);
  for (Operator& op : network->operators) for_each_operand(op, number, number);
  for (Port& port : network->outputs) number(port.value);
  network->values = std::move(values);
}

void number_operators(Network* network) {
  std::map<std::string, int> counts;
  for (Operator& op : network->operators) {
    op.name += std::to_string(++counts[op.name]);
    if (auto* linear = std::get_if<Linear>(&op.what)) linear->layer.name = op.name;
  }
}

}  // namespace

void finish(Network* network) {
  drop_dead(network);
  fuse_moves(network);
  fold_tables(network);
  number_values(network);
  number_operators(network);
}

}  // namespace zkvm::importer::lowering
