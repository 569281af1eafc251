#include "host/import/definitions.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <optional>

#include "host/import/constants.h"
#include "host/import/copies.h"
#include "host/import/tree.h"

namespace zkvm::importer {
namespace {

constexpr size_t kMaxCopies = 1 << 15;  // of a Move

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
    const uint32_t bytes = bytes_of(value(move.y).type);
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
    const auto copies = copies_of(moves, kMaxCopies);
    if (!copies) {
      error_ = {ErrorCode::kTooLarge,
                fmt::format("tensor {}: its elements are moved in no order: expected one that {} "
                            "copies make at most, of five axes each",
                            onnx_file::printable(value(move.y).name), kMaxCopies)};
      return "";
    }
    std::string text;
    for (const zk::nn::MoveCopy& copy : *copies) {
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
        type_name_(move.y), copies->size(), tables.size(), constant_,
        fills ? int{static_cast<uint8_t>(move.fill ^ flip)} : -1, text,
        tables.empty() ? "" : "{\n" + tables_text + "}");
  }

  std::string operator()(const Constant& c) const {
    std::string elements;
    const Type type = value(c.y).type;
    const size_t bytes = bytes_of(type);
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

  std::string operator()(const AveragePool& pool) const {
    const layers::Shape in = shape_of(value(pool.x).dims, View::kFirst);
    const layers::Shape out = shape_of(value(pool.y).dims, View::kFirst);
    const auto& [kernel, strides, dilations, pads] = pool.window;
    return definition(
        "AveragePool2dParams", pool.y,
        fmt::format("{}, {{{}, {}}}, {{{}, {}}}, {{{}}}, {{{}}}, {{{}}}, {{{}}}, {}, {}, {}",
                    in.channels, in.height, in.width, out.height, out.width,
                    fmt::join(kernel, ", "), fmt::join(strides, ", "), fmt::join(dilations, ", "),
                    fmt::join(pads, ", "), pool.count_include_pad, scale_text(pool.x),
                    scale_text(pool.y)));
  }

  std::string operator()(const MatMul& product) const {
    const Dims &a = value(product.a).dims, &b = value(product.b).dims;
    const size_t rank = a.size();
    uint64_t batch = 1;
    for (size_t axis = 0; axis + 2 < rank; ++axis) batch *= a[axis];
    return definition(
        "MatMulParams", product.y,
        fmt::format("{}, {}, {}, {}, {}, {}, {}, {:a}f", batch, a[rank - 2], a[rank - 1], b.back(),
                    value(product.a).q.zero_point, value(product.b).q.zero_point,
                    value(product.y).q.zero_point, product.scale));
  }

  std::string operator()(const Softmax& softmax) const {
    const uint32_t width = last_axis(softmax.x);
    std::string exponentials;
    for (const float x : softmax_table(value(softmax.x).q.scale, width))
      exponentials += fmt::format("{:#x},", std::bit_cast<uint32_t>(x));
    return definition("SoftmaxParams", softmax.y,
                      fmt::format("{}, {}, {}, {{{{{}}}}}", width,
                                  static_cast<uint32_t>(softmax_factor(value(softmax.y).q.scale)),
                                  value(softmax.y).q.zero_point, exponentials));
  }

  std::string operator()(const ReduceMean& mean) const {
    return definition(
        "ReduceMeanParams", mean.y,
        fmt::format("{}, {}, {}", last_axis(mean.x), scale_text(mean.x), scale_text(mean.y)));
  }

  std::string operator()(const LayerNormalization& norm) const {
    const NormalizationConstants c = normalization_constants(norm.scale, norm.bias, norm.epsilon,
                                                             value(norm.x).q, value(norm.y).q);
    return fmt::format(
        "inline constexpr zk::nn::LayerNormalizationParams<{}, {}> {}{{{}u, {}, {{{{{}}}}}, "
        "{{{{{}}}}}}};\n",
        type_name_(norm.y), last_axis(norm.x), constant_, c.epsilon, c.shift,
        fmt::join(c.gains, ","), fmt::join(c.offsets, ","));
  }

  std::string operator()(const Gather& gather) const {
    return fmt::format("inline constexpr uint8_t {0}Rows[] = {{{1}}};\n", constant_,
                       bytes_text(*gather.table)) +
           definition("GatherParams", gather.y,
                      fmt::format("{}, {}, {}Rows", gather.rows, gather.width, constant_));
  }

  std::string operator()(const ArgMax& arg) const {
    return definition("ArgMaxParams", arg.y,
                      fmt::format("{}, {}, {}", last_axis(arg.x), arg.least, arg.last));
  }

  std::string operator()(const TopK& top) const {
    return fmt::format("inline constexpr zk::nn::TopKParams<{}, {}> {}{{{}, {}, {}}};\n",
                       type_name_(top.values), type_name_(top.indices), constant_, last_axis(top.x),
                       value(top.values).dims.back(), top.least);
  }

  std::string operator()(const Trees& trees) const {
    return tree_definition(*trees.trees, constant_);
  }

  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

  // Those that the unit has.
  template <class OnUnit>
  std::string operator()(const OnUnit&) const {
    ZK_CHECK(false);
  }

 private:
  const Value& value(ValueId v) const { return plan_.network.values[v]; }
  uint32_t last_axis(ValueId v) const { return value(v).dims.empty() ? 1 : value(v).dims.back(); }
  std::string scale_text(ValueId v) const {
    return fmt::format("{{{:a}f, {}}}", value(v).q.scale, value(v).q.zero_point);
  }
  std::string definition(const char* params, ValueId y, const std::string& members) const {
    return fmt::format("inline constexpr zk::nn::{}<{}> {}{{{}}};\n", params, type_name_(y),
                       constant_, members);
  }

  const Plan& plan_;
  const std::string& constant_;
  mutable std::optional<Error> error_;  // why there is no text
  const std::function<std::string(ValueId)>& type_name_;
};

}  // namespace

Result<std::string> operator_definition(const Plan& plan, const Operator& op,
                                        const std::string& constant,
                                        const std::function<std::string(ValueId)>& type_name) {
  const Definition definition(plan, constant, type_name);
  std::string text = std::visit(definition, op.what);
  if (definition.error()) return tl::unexpected(*definition.error());
  return text;
}

}  // namespace zkvm::importer
