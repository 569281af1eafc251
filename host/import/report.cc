#include "host/import/report.h"

#include <fmt/format.h>

#include <algorithm>

#include "host/import/tree.h"
#include "host/proof_speed.h"
#include "stark/session/proof_estimate.h"

namespace zkvm::importer {
namespace {

// Instructions for each element, in round figures of profiles; loops of zk::nn on GCC.
uint64_t cycles_of(const Network& network, const Operator& op) {
  const auto count = [&](ValueId v) { return elements_of(network.values[v].dims); };
  const auto last = [&](ValueId v) -> uint64_t {
    const Dims& dims = network.values[v].dims;
    return dims.empty() ? 1 : dims.back();
  };
  return std::visit(
      [&](const auto& what) -> uint64_t {
        using What = std::remove_cvref_t<decltype(what)>;
        if constexpr (std::is_same_v<What, Move>) {
          return 6 * count(what.y);
        } else if constexpr (std::is_same_v<What, AveragePool>) {
          return count(what.y) * (25 + 3 * what.window.kernel[0] * what.window.kernel[1]);
        } else if constexpr (std::is_same_v<What, MatMul>) {
          return count(what.y) * (30 + 5 * last(what.a));
        } else if constexpr (std::is_same_v<What, Softmax>) {
          return 250 * count(what.y);
        } else if constexpr (std::is_same_v<What, ReduceMean>) {
          return 4 * count(what.x) + 100 * count(what.y);
        } else if constexpr (std::is_same_v<What, LayerNormalization>) {
          return 60 * count(what.x);
        } else if constexpr (std::is_same_v<What, Gather>) {
          return 10 * count(what.index) + 2 * count(what.y);
        } else if constexpr (std::is_same_v<What, ArgMax>) {
          return 5 * count(what.x);
        } else if constexpr (std::is_same_v<What, TopK>) {
          return 20 * count(what.x);
        } else if constexpr (std::is_same_v<What, Trees>) {
          return 12 * count(what.x) + what.trees->roots.size() * 150;
        } else {
          return 0;
        }
      },
      op.what);
}

constexpr uint64_t kCallCycles = 20;         // of an operator of the unit
constexpr uint64_t kCellsOfCycle = 45;       // of an instruction: stark/doc/chips.md
constexpr uint64_t kCellsOfCommittedByte = 100;  // BLAKE3's blocks and the words that are read, in round figures
constexpr uint64_t kLeastCells = 4'300'000;  // of the tables that every proof has

}  // namespace

Report report(const Plan& plan, uint32_t batch) {
  Report report;
  const Network& network = plan.network;
  uint64_t layer_cells = 0;
  for (size_t i = 0; i < network.operators.size(); ++i) {
    const Operator& op = network.operators[i];
    LineReport line;
    line.name = op.name, line.node = op.node, line.op_type = op.op_type;
    for_each_operand(
        op, [](ValueId) {},
        [&](ValueId v) {
          if (line.shape.empty()) line.shape = network.values[v].dims;
        });
    line.on_unit = !plan.calls_of[i].empty();
    if (line.on_unit) {
      if (const auto* linear = std::get_if<Linear>(&op.what))
        line.weights = linear->layer.weights.size();
      const std::span<const float> scales = plan.public_scales(i);
      line.public_scales.assign(scales.begin(), scales.end());
      for (const layers::Call& call : plan.calls_of[i]) {
        const vm::Layer& layer = plan.layers[call.layer];
        line.products += layer.products();
        line.cycles += kCallCycles;
        line.cells += stark::machine::layer_cells(layer) * batch;
      }
    } else {
      if (const auto* trees = std::get_if<Trees>(&op.what))
        line.weights = trees->trees->nodes.size();
      if (const auto* product = std::get_if<MatMul>(&op.what))
        line.products =
            elements_of(network.values[product->y].dims) * network.values[product->a].dims.back();
      line.cycles = cycles_of(network, op);
    }
    line.cells += line.cycles * kCellsOfCycle * batch;
    report.weights += line.weights;
    report.products += line.products;
    report.cycles += line.cycles;
    layer_cells += line.cells;
    report.lines.push_back(std::move(line));
  }
  report.commitment_cells = plan.private_bytes() * kCellsOfCommittedByte;
  report.cells = kLeastCells + layer_cells + report.commitment_cells;
  report.seconds = typical_seconds(report.cells, 1, 2);
  return report;
}

std::string svg(const Report& report, const std::string& title) {
  constexpr int kRow = 20, kNames = 190, kBars = 520, kTop = 56;
  uint64_t most = 1, all = 0;
  for (const LineReport& line : report.lines) {
    most = std::max(most, line.cells);
    all += line.cells;
  }
  const auto escaped = [](const std::string& text) {
    std::string safe;
    for (const char c : text) {
      switch (c) {
        case '<':
          safe += "&lt;";
          break;
        case '>':
          safe += "&gt;";
          break;
        case '&':
          safe += "&amp;";
          break;
        default:
          safe += static_cast<unsigned char>(c) < 32 ? ' ' : c;
      }
    }
    return safe;
  };
  const int height = kTop + kRow * static_cast<int>(report.lines.size()) + 16;
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0}\" height=\"{1}\" viewBox=\"0 0 {0} "
      "{1}\" font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"#fff\"/>\n<text x=\"8\" y=\"20\" font-size=\"15\">{2}</text>\n<text x=\"8\" "
      "y=\"40\" fill=\"#555\">cells of a proof, by line of the guest: blue on the tensor unit, "
      "orange by instructions</text>\n",
      kNames + kBars + 130, height, escaped(title));
  int y = kTop;
  for (const LineReport& line : report.lines) {
    const double share =
        static_cast<double>(line.cells) / static_cast<double>(std::max<uint64_t>(all, 1));
    const double width = kBars * static_cast<double>(line.cells) / static_cast<double>(most);
    text += fmt::format(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text><rect x=\"{}\" y=\"{}\" "
        "width=\"{:.1f}\" height=\"{}\" fill=\"{}\"><title>{} {}</title></rect><text x=\"{:.1f}\" "
        "y=\"{}\" fill=\"#555\">{} ({:.1f} %)</text>\n",
        kNames - 8, y + 13, escaped(line.name), kNames, y + 2, std::max(width, 1.0), kRow - 5,
        line.on_unit ? "#3b6fb6" : "#d9822b", escaped(line.op_type), text_of(line.shape),
        kNames + std::max(width, 1.0) + 6, y + 13, line.cells, 100 * share);
    y += kRow;
  }
  return text + "</svg>\n";
}

}  // namespace zkvm::importer
