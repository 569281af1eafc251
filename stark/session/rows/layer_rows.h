// The tables of the tensor unit for the layers that a segment calls: from the words that the record
// has to rows of reading, products and writing, and how often each fixed row is asked for.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stark/air/circuit.h"
#include "stark/session/image/layer_image.h"
#include "stark/session/rows/chip_rows.h"
#include "stark/witness/witness.h"
#include "vm/record.h"
#include "vm/survey.h"

namespace zkvm::stark::machine {

/// Which calls of layers with products are in the chips' wide forms, of four positions a row: those whose
/// runs have at least so many.
struct WideForms {
  static constexpr uint32_t kNever = UINT32_MAX;
  uint32_t read = kNever;   // positions of a quad
  uint32_t write = kNever;  // of a word of output, of bytes
};
/// Where a run has fewer cells in the wide form.
inline constexpr WideForms kCheaperForms{.read = 3, .write = 7};
inline constexpr WideForms kAllWide{.read = 1, .write = 1};
/// Those, but of chips whose wide form is not among these chips.
[[nodiscard]] WideForms forms_among(const std::set<std::string>& chips);
/// What commits to the fewest cells for these calls, least heights included.
[[nodiscard]] WideForms choose_forms(std::span<const vm::Layer* const> calls);

/// Rows that a call of a layer has in each of the unit's chips with a free number of them, by name: a
/// *job* each, which is in one table, for its rows refer to the next ones. (A pair's two of reading count
/// as one here.) Calls' chips are not among them.
[[nodiscard]] std::map<std::string, uint64_t> layer_rows(const vm::Layer& layer,
                                                         const WideForms& forms);
/// The chip that a call of it has a row in.
[[nodiscard]] const char* call_chip(const vm::Layer& layer);
/// Whether rows of that chip are of weights and biases in memory.
[[nodiscard]] bool is_of_weights(std::string_view chip);
/// The layers that a segment calls, in the order of the calls.
[[nodiscard]] std::vector<const vm::Layer*> called_layers(const LayerImage& layers,
                                                          const vm::Survey& survey);
/// The rows of all jobs of a segment, in their order.
using LayerJobs = std::map<std::string, std::vector<uint64_t>>;
[[nodiscard]] LayerJobs layer_jobs(std::span<const vm::Layer* const> calls, const WideForms& forms);

/// What the tables of a segment's calls are made from.
class LayerRows {
 public:
  /// Both must outlive this and all tables of it.
  LayerRows(const LayerImage& layers, const vm::Segment& segment, const WideForms& forms);
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
