// The tables of the tensor unit for the layers that a segment calls: from the words that the record
// has to rows of reading, products and writing, and how often each fixed row is asked for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/session/image/layer_image.h"
#include "stark/session/rows/chip_rows.h"
#include "stark/witness/witness.h"
#include "vm/record.h"

namespace zkvm::stark::machine {

/// Rows that a call of a layer has in each of the unit's chips with a free number of them, by name: a
/// *job* each, which is in one table, for its rows refer to the next ones. (A pair's two of reading count
/// as one here.) Calls' chips are not among them.
[[nodiscard]] std::map<std::string, uint64_t> layer_rows(const vm::Layer& layer);
/// The chip that a call of it has a row in.
[[nodiscard]] const char* call_chip(const vm::Layer& layer);
/// Whether rows of that chip are of weights and biases in memory.
[[nodiscard]] bool is_of_weights(std::string_view chip);
/// Rows of the fixed table `weights` that it has.
[[nodiscard]] uint64_t weight_rows(const vm::Layer& layer);
/// The rows of all jobs of a segment, in their order.
using LayerJobs = std::map<std::string, std::vector<uint64_t>>;
[[nodiscard]] LayerJobs layer_jobs(const LayerImage& layers, const vm::Segment& segment);

/// What the tables of a segment's calls are made from.
class LayerRows {
 public:
  /// Both must outlive this and all tables of it.
  LayerRows(const LayerImage& layers, const vm::Segment& segment);
  ~LayerRows();

  /// The rows whose look-ups of the machine's own tables are to be counted.
  [[nodiscard]] std::vector<ChipRows> chip_rows() const;
  /// The tables of chips that have rows, of these heights, and the fixed tables. They keep what they
  /// need of this.
  [[nodiscard]] std::vector<Table> tables(
      const Circuit& circuit, const std::map<std::string, std::vector<uint8_t>>& heights) const;

 private:
  struct Data;
  std::shared_ptr<Data> data_;
};

}  // namespace zkvm::stark::machine
