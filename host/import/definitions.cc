#include "host/import/definitions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <bit>

#include "host/import/constants.h"
#include "host/import/copies.h"

namespace zkvm::importer {
namespace {

uint8_t flip_of(const Plan& plan, ValueId v) {
  return plan.storage[v].layout && plan.network.values[v].type == Type::kInt8 ? 0x80 : 0;
}

std::string bytes_text(std::span<const uint8_t> bytes) {
  std::string text;
  for (size_t i = 0; i < bytes.size(); ++i)
    text += fmt::format("{}{}", bytes[i], i % 32 == 31 ? ",\n" : ",");
  return text;
}

class Definition {
 public:
  Definition(const Plan& plan, const std::string& constant,
             const std::function<std::string(ValueId)>& type_name)
      : plan_(plan), constant_(constant), type_name_(type_name) {}

  std::string operator()(const Move& move) const {
    const std::vector<uint32_t> to = plan_.positions_of(move.y);
    std::vector<std::vector<uint32_t>> from;
    std::vector<uint64_t> ends;  // of each input's elements, counted through
    for (const ValueId x : move.inputs) {
      from.push_back(plan_.positions_of(x));
      ends.push_back((ends.empty() ? 0 : ends.back()) + from.back().size());
    }
    const uint32_t bytes = value(move.y).type == Type::kInt32 ? 4 : 1;
    std::vector<ByteMove> moves;
    moves.reserve(move.from.size() * bytes);
    bool fills = false;
    for (size_t i = 0; i < move.from.size(); ++i) {
      if (move.from[i] == Move::kFill) {
        fills = true;
        continue;
      }
      const auto input =
          static_cast<size_t>(std::ranges::upper_bound(ends, move.from[i]) - ends.begin());
      const uint64_t begin = input == 0 ? 0 : ends[input - 1];
      for (uint32_t b = 0; b < bytes; ++b)
        moves.push_back(
            {static_cast<uint32_t>(input), from[input][move.from[i] - begin] + b, to[i] + b});
    }
    std::vector<std::vector<uint8_t>> tables;
    std::vector<int32_t> table_of;
    const uint8_t flip = flip_of(plan_, move.y);
    for (size_t input = 0; input < move.inputs.size(); ++input) {
      const uint8_t of_input = flip_of(plan_, move.inputs[input]);
      if (move.tables.empty() || move.tables[input].empty()) {
        table_of.push_back(of_input == flip ? zk::nn::kNoTable : zk::nn::kFlipTable);
        continue;
      }
      std::vector<uint8_t> table(256);
      for (size_t i = 0; i < 256; ++i)
        table[i] = static_cast<uint8_t>(move.tables[input][i ^ of_input] ^ flip);
      auto at = std::ranges::find(tables, table);
      if (at == tables.end()) at = tables.insert(at, table);
      table_of.push_back(static_cast<int32_t>(at - tables.begin()));
    }
    std::vector<zk::nn::MoveCopy> copies = copies_of(moves);
    std::string text;
    for (const zk::nn::MoveCopy& copy : copies) {
      std::string axes;
      for (const zk::nn::MoveAxis& axis : copy.axes)
        axes += fmt::format("{{{}, {}, {}}}, ", axis.count, axis.from, axis.to);
      text += fmt::format("  {{{}, {}, {}, {}, {{{{{}}}}}}},\n", copy.input, table_of[copy.input],
                          copy.from, copy.to, axes);
    }
    std::string tables_text;
    for (const std::vector<uint8_t>& table : tables)
      tables_text += fmt::format("  {{{{{}}}}},\n", bytes_text(table));
    return fmt::format(
        "inline constexpr zk::nn::MoveParams<{}, {}, {}> {}{{{}, {{{{\n{}}}}}, {{{}}}}};\n",
        type_name_(move.y), copies.size(), tables.size(), constant_,
        fills ? int{static_cast<uint8_t>(move.fill ^ flip)} : -1, text,
        tables.empty() ? "" : "{\n" + tables_text + "}");
  }

  std::string operator()(const Constant& c) const {
    std::string elements;
    const Type type = value(c.y).type;
    const size_t bytes = type == Type::kInt32 || type == Type::kFloat32 ? 4 : 1;
    for (size_t i = 0; i + bytes <= c.bytes.size(); i += bytes) {
      uint32_t word = 0;
      for (size_t b = 0; b < bytes; ++b) word |= uint32_t{c.bytes[i + b]} << 8 * b;
      elements += type == Type::kFloat32 ? fmt::format("{:a}f", std::bit_cast<float>(word))
                  : type == Type::kInt32 ? fmt::format("{}", static_cast<int32_t>(word))
                  : type == Type::kInt8  ? fmt::format("{}", static_cast<int8_t>(word))
                                         : fmt::format("{}", word);
      elements += i / bytes % 24 == 23 ? ",\n" : ",";
    }
    return fmt::format("inline constexpr {} {}{{{{{}}}}};\n", type_name_(c.y), constant_, elements);
  }

  template <class Other>
  std::string operator()(const Other&) const {
    return fmt::format("// {}: no descriptor\n", constant_);
  }

 private:
  const Value& value(ValueId v) const { return plan_.network.values[v]; }

  const Plan& plan_;
  const std::string& constant_;
  const std::function<std::string(ValueId)>& type_name_;
};

}  // namespace

std::string operator_definition(const Plan& plan, const Operator& op, const std::string& constant,
                                const std::function<std::string(ValueId)>& type_name) {
  return std::visit(Definition(plan, constant, type_name), op.what);
}

}  // namespace zkvm::importer
