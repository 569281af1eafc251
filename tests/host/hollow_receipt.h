// Receipts whose proofs have all that can be checked before any hash: parameters, tables, lengths;
// and zeros for everything else.
#pragma once

#include <algorithm>
#include <vector>

#include "host/verify.h"
#include "stark/protocol/proof.h"

namespace zkvm::test {

struct HollowReceipt {
  struct Segment {
    std::vector<uint16_t> banks;  // without the machine's own
    stark::Params params;
    std::vector<stark::TableSpec> tables;  // beside those of fixed height
    bool fixed_tables = true;              // whether those are there
  };

  stark::machine::Image image;
  std::vector<uint8_t> journal;  // all of it in the first segment
  std::vector<Segment> segments;

  [[nodiscard]] ImageId id() const { return to_api(image.id()); }

  // REQUIRES: image, banks and tables fit each other.
  [[nodiscard]] std::vector<uint8_t> bytes() const {
    const std::vector<uint8_t> image_bytes = image.serialise();
    Receipt receipt{.image = image_bytes, .exit_code = 0, .journal = journal, .segments = {}};
    for (const Segment& from : segments) {
      ReceiptSegment& to = receipt.segments.emplace_back();
      to.journal_end = static_cast<uint32_t>(journal.size() / 4);
      to.uses.push_back({stark::machine::kMachineBank});
      for (const uint16_t bank : from.banks)
        to.uses.push_back({bank, stark::machine::BankMap(image.runs)[bank].constant});
    }
    link_banks(receipt.segments);
    std::vector<std::vector<uint8_t>> proofs;
    for (size_t i = 0; i < segments.size(); ++i) {
      proofs.push_back(proof(segments[i], receipt.segments[i].uses));
      receipt.segments[i].proof = proofs.back();
    }
    return serialise(receipt);
  }

  static std::vector<stark::TableSpec> all_tables(const stark::VerifyingKey& key,
                                                  std::vector<stark::TableSpec> tables) {
    for (size_t chip = 0; chip < key.chips.size(); ++chip) {
      const uint8_t log_height = key.chips[chip].log_height;
      if (log_height != stark::kFreeHeight)
        tables.push_back({static_cast<uint16_t>(chip), log_height});
    }
    std::ranges::sort(tables, {}, [](const stark::TableSpec& table) {
      return std::pair(-int{table.log_height}, table.chip);
    });
    return tables;
  }

 private:
  [[nodiscard]] std::vector<uint8_t> proof(const Segment& segment,
                                           std::span<const stark::machine::BankUse> uses) const {
    stark::machine::Image of_rate = image;  // lengths do not depend on it
    of_rate.log_blowup = std::max(image.log_blowup, segment.params.log_blowup);
    const auto circuit = stark::machine::machine_circuit(of_rate, uses).value();
    const auto tables =
        segment.fixed_tables ? all_tables(circuit.key(), segment.tables) : segment.tables;
    const auto shape = make_shape(circuit.key(), segment.params, tables).value();
    stark::Proof out;
    out.params = segment.params;
    out.tables = tables;
    out.roots.resize(shape.phases.size());
    out.sums.resize(shape.groups.size());
    out.openings.resize(shape.openings());
    out.layers.resize(shape.layers.size());
    out.final_polynomial.resize(shape.final_bound);
    return out.serialise();
  }
};

}  // namespace zkvm::test
