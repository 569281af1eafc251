// `zkvm inspect` of a receipt: what is in it, what it would prove, and what it gives away.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "host/cli/command.h"
#include "host/cli/table.h"
#include "host/number_text.h"
#include "host/verify.h"
#include "stark/chips/buses.h"
#include "stark/protocol/proof.h"

namespace zkvm::cli {
namespace {

constexpr auto kRight = Table::Align::kRight;

struct Bytes {
  size_t head = 0;      // parameters, tables, roots, sums, nonces
  size_t openings = 0;  // of the columns at zeta
  size_t fri = 0;       // roots of layers and the final polynomial
  size_t queries = 0;   // rows and paths
};

struct ChipTables {
  std::string chip;
  uint32_t columns = 0;
  size_t interactions = 0;
  std::vector<uint8_t> log_heights;

  [[nodiscard]] uint64_t rows() const {
    uint64_t sum = 0;
    for (const uint8_t log : log_heights) sum += uint64_t{1} << log;
    return sum;
  }
};

struct Segment {
  uint32_t journal_begin = 0, journal_end = 0;
  std::vector<stark::machine::BankUse> uses;
  std::vector<ChipTables> tables;  // in the order of the key
  Bytes bytes;
  stark::Soundness soundness;
};

struct Report {
  stark::machine::Image image;
  stark::Params params;
  std::vector<Segment> segments;
  size_t weakest = 0;
  double security_bits = 0;
};

Bytes bytes_of(const stark::Shape& shape, size_t head, size_t proof) {
  const size_t nonce = shape.params.grind_round > 0 ? 8 : 0;
  Bytes out;
  out.openings = 20 * size_t{shape.openings()};
  out.fri = shape.layers.size() * (32 + nonce) + 20 * size_t{shape.final_bound};
  out.head = head - out.openings - out.fri;
  out.queries = proof - head;
  return out;
}

std::vector<ChipTables> tables_of(const stark::VerifyingKey& key,
                                  std::span<const stark::TableSpec> tables) {
  std::map<uint16_t, ChipTables> chips;
  for (const stark::TableSpec& table : tables) {
    const stark::ChipKey& chip = key.chips[table.chip];
    ChipTables& entry = chips[table.chip];
    entry.chip = chip.name;
    entry.columns = chip.columns();
    entry.interactions = chip.interactions.size();
    entry.log_heights.push_back(table.log_height);
  }
  std::vector<ChipTables> out;
  for (auto& [index, chip] : chips) out.push_back(std::move(chip));
  return out;
}

Result<Report> report_on(const Receipt& receipt) {
  Result<stark::machine::Image> image = parse_image(receipt);
  if (!image) return tl::unexpected(image.error());
  const Result<Outline> outlined = outline(*image, receipt);
  if (!outlined) return tl::unexpected(outlined.error());
  Report report{.image = std::move(*image), .params = outlined->params, .segments = {}};
  for (size_t i = 0; i < receipt.segments.size(); ++i) {
    const ReceiptSegment& from = receipt.segments[i];
    // outline() has checked the uses.
    const auto circuit =
        stark::machine::machine_circuit(report.image, from.uses, nullptr, report.params.log_blowup)
            .value();
    const stark::VerifyingKey& key = circuit.key();
    Segment segment;
    segment.journal_begin = journal_begin(receipt, i);
    segment.journal_end = from.journal_end;
    segment.uses = from.uses;
    segment.tables = tables_of(key, outlined->tables[i]);
    stark::ByteReader in(from.proof);
    stark::Proof head;
    const auto shape = read_head(key, in, head).value();  // outline() has read it already
    segment.bytes = bytes_of(shape, in.position(), from.proof.size());
    segment.soundness = segment_soundness(
        *outlined, key, receipt, i,
        VerifyOptions{}.security_bits - receipt_security(0, receipt.segments.size()));
    report.segments.push_back(std::move(segment));
    if (report.segments[i].soundness.bits < report.segments[report.weakest].soundness.bits) {
      report.weakest = i;
    }
  }
  report.security_bits =
      receipt_security(report.segments[report.weakest].soundness.bits, receipt.segments.size());
  return report;
}

std::string heights_text(const std::vector<uint8_t>& log_heights) {
  std::string text;
  for (const uint8_t log : log_heights)
    text += fmt::format("{}2^{}", text.empty() ? "" : " + ", log);
  return text;
}

// The name of the hash whose chips a bank's number stands for, or null.
const char* hash_of(uint16_t bank) {
  if (bank == stark::machine::kBlake3Bank) return "blake3";
  return bank == stark::machine::kSha256Bank ? "sha256" : nullptr;
}

// All but the machine's own bank, as "1-9 12"; then "sha256", "blake3"; then groups of layers, as "layers 0-2", the first alone
// as "layers".
std::string banks_text(const Segment& segment) {
  std::string text;
  const auto uses = std::span(segment.uses).subspan(1);
  for (size_t i = 0; i < uses.size();) {
    size_t end = i + 1;
    if (!text.empty()) text += " ";
    if (const char* hash = hash_of(uses[i].bank)) {
      text += hash;
      i = end;
      continue;
    }
    while (end < uses.size() && uses[end].bank == uses[end - 1].bank + 1) ++end;
    if (stark::machine::is_layers_bank(uses[i].bank)) {
      const size_t last = stark::machine::layer_group(uses[i].bank);
      const size_t first = stark::machine::layer_group(uses[end - 1].bank);
      text += last == 0 ? "layers" : fmt::format("layers {}", first);
      if (last > first) text += fmt::format("-{}", last);
      i = end;
      continue;
    }
    text += fmt::format("{}", uses[i].bank);
    if (end > i + 1) text += fmt::format("-{}", uses[end - 1].bank);
    i = end;
  }
  return text.empty() ? "none" : text;
}

void print_segments(const Report& report, size_t top) {
  const size_t shown = std::min(top, report.segments.size());
  fmt::print("\n{} ({})\n", bold("Segments", stdout),
             shown < report.segments.size()
                 ? fmt::format("the first {} of {}", shown, grouped(report.segments.size()))
                 : grouped(shown));
  Table table({{"segment", kRight},
               {"rows", kRight},
               {"journal bytes", kRight},
               {"proof bytes", kRight},
               {"bits", kRight},
               {"banks of memory"}});
  for (size_t i = 0; i < shown; ++i) {
    const Segment& segment = report.segments[i];
    uint64_t rows = 0;
    for (const ChipTables& tables : segment.tables) rows += tables.rows();
    const Bytes& bytes = segment.bytes;
    table.row({grouped(i), grouped(rows),
               grouped(4 * uint64_t{segment.journal_end - segment.journal_begin}),
               grouped(bytes.head + bytes.openings + bytes.fri + bytes.queries),
               fmt::format("{:.1f}", segment.soundness.bits), banks_text(segment)});
  }
  table.print(stdout);
}

void print_tables(const Report& report) {
  fmt::print("\n{}\n", bold(fmt::format("Tables of segment {}", report.weakest), stdout));
  Table table(
      {{"chip"}, {"columns", kRight}, {"interactions", kRight}, {"rows", kRight}, {"heights"}});
  for (const ChipTables& chip : report.segments[report.weakest].tables) {
    table.row({chip.chip, grouped(chip.columns), grouped(chip.interactions), grouped(chip.rows()),
               heights_text(chip.log_heights)});
  }
  table.print(stdout);
}

// Name and size of each part; they add up to the file.
std::vector<std::pair<std::string, size_t>> parts_of(const Receipt& receipt, const Report& report,
                                                     size_t receipt_bytes) {
  Bytes sum;
  for (const Segment& segment : report.segments) {
    sum.head += segment.bytes.head;
    sum.openings += segment.bytes.openings;
    sum.fri += segment.bytes.fri;
    sum.queries += segment.bytes.queries;
  }
  const size_t proofs = sum.head + sum.openings + sum.fri + sum.queries;
  return {{"image", receipt.image.size()},
          {"journal", receipt.journal.size()},
          {"segments", receipt_bytes - receipt.image.size() - receipt.journal.size() - proofs},
          {"proof_heads", sum.head},
          {"proof_openings", sum.openings},
          {"proof_fri", sum.fri},
          {"proof_queries", sum.queries}};
}

void print_parts(const std::vector<std::pair<std::string, size_t>>& parts, size_t receipt_bytes) {
  static const std::map<std::string, const char*> kNames = {
      {"image", "image of the program"},
      {"journal", "journal"},
      {"segments", "list of segments, roots of memory"},
      {"proof_heads", "proofs: parameters, roots, sums"},
      {"proof_openings", "proofs: opened values"},
      {"proof_fri", "proofs: FRI layers, final polynomial"},
      {"proof_queries", "proofs: queried rows and paths"}};
  fmt::print("\n{}\n", bold("Bytes", stdout));
  Table table({{"part"}, {"bytes", kRight}, {"%", kRight}});
  for (const auto& [name, bytes] : parts) {
    table.row({kNames.at(name), grouped(bytes), percent_text(bytes, receipt_bytes)});
  }
  table.print(stdout);
}

void print_soundness(const Report& report) {
  const stark::Soundness& weakest = report.segments[report.weakest].soundness;
  fmt::print("\n{}\n",
             bold(fmt::format("Soundness of segment {}, the weakest", report.weakest), stdout));
  Table table({{"round"}, {"bits", kRight}, {"error"}});
  for (const stark::SoundnessRound& round : weakest.rounds) {
    table.row({round.name, fmt::format("{:.2f}", round.bits), round.formula});
  }
  table.row({"receipt", fmt::format("{:.2f}", report.security_bits),
             fmt::format("the least of the rounds, less log2 of {} segments",
                         grouped(report.segments.size()))});
  table.print(stdout);
  if (weakest.regime == stark::Regime::kUnique) return;
  fmt::print("agreement alpha = {:.4f}, m = {}; lists of at most {:.0f} (L); rho = {:.4f}\n",
             weakest.agreement, weakest.multiplicity, weakest.list_size, weakest.rho);
}

void print_observer(const Report& report) {
  fmt::print("\n{}\n", bold("What an observer learns", stdout));
  Table table({{""}, {""}});
  if (!report.params.zk) {
    table.row({"everything", "the proofs are not zero-knowledge"});
  } else {
    table.row({"instructions", "of each class no more than its tables have rows, in each segment"});
    table.row({"segments", "how many there are"});
    table.row({"memory", fmt::format("which banks of {}, RAM and constants, each segment used",
                                     byte_text(4 * uint64_t{stark::machine::kBankWords}))});
    table.row({"journal", "all of it, and how much each segment wrote"});
    table.row({"exit code", "as it is"});
    table.row(
        {"program", fmt::format("with all constants in it, from enough receipts: each segment "
                                "opens up to {} values of every fixed column",
                                report.params.queries)});
    table.row({"nothing else", "of the input, of values or of control flow"});
  }
  table.print(stdout);
}

void print_text(const ReceiptFile& file, const Receipt& receipt, const Report& report) {
  fmt::print("{}\n", bold(file.path + ": a receipt; `zkvm verify` says if it is valid", stdout));
  const stark::Params& params = report.params;
  Table facts({{""}, {""}});
  facts.row({"program", hex(to_api(report.image.id()))});
  if (report.image.model) facts.row({"model", "BLAKE3 " + hex(to_api(*report.image.model))});
  facts.row({"exit code", fmt::format("{}", static_cast<int32_t>(receipt.exit_code))});
  facts.row({"journal", journal_text(receipt.journal)});
  facts.row({"public",
             "the program with all constants in it, weights too if they are no input, to whoever has "
             "enough receipts"});
  const Regime regime = to_api(report.segments[report.weakest].soundness.regime);
  facts.row({"security", "if valid " + security_text(report.security_bits, regime)});
  facts.row({"assuming", fmt::format("BLAKE3 is a random oracle; {}", regime_assumption(regime))});
  facts.row({"proofs",
             fmt::format("{}zero-knowledge, rate 1/{}, {} columns of the tallest tables a word, {} "
                         "queries, work of {} bits before queries and {} before other rounds",
                         params.zk ? "" : "not ", 1u << params.log_blowup, 1u << params.log_stack,
                         params.queries, params.grind_query, params.grind_round)});
  facts.print(stdout);
  print_segments(report, file.top);
  print_tables(report);
  print_parts(parts_of(receipt, report, file.bytes.size()), file.bytes.size());
  print_soundness(report);
  print_observer(report);
}

nlohmann::ordered_json to_json(const stark::machine::Image& image, const Segment& segment) {
  nlohmann::ordered_json object;
  object["journal_begin"] = 4 * uint64_t{segment.journal_begin};
  object["journal_end"] = 4 * uint64_t{segment.journal_end};
  object["banks"] = nlohmann::ordered_json::array();
  const stark::machine::BankMap banks(image.runs);
  object["layers"] = nlohmann::ordered_json::array();
  object["hashing"] = false;
  object["hashes"] = nlohmann::ordered_json::array();
  for (const auto& use : std::span(segment.uses).subspan(1)) {
    if (const char* hash = hash_of(use.bank)) {
      object["hashing"] = true;
      object["hashes"].push_back(hash);
      continue;
    }
    if (stark::machine::is_layers_bank(use.bank)) {
      object["layers"].insert(object["layers"].begin(), stark::machine::layer_group(use.bank));
      continue;
    }
    const uint32_t word = banks[use.bank].base - (use.constant ? stark::chips::kReadOnlyBase : 0);
    object["banks"].push_back({{"bank", use.bank},
                               {"address", 4 * uint64_t{word}},
                               {"bytes", 4 * uint64_t{stark::machine::kBankWords}},
                               {"constant", use.constant},
                               {"from_image", !use.before},
                               {"kept", use.after.has_value()}});
  }
  object["tables"] = nlohmann::ordered_json::array();
  for (const ChipTables& chip : segment.tables) {
    object["tables"].push_back({{"chip", chip.chip},
                                {"columns", chip.columns},
                                {"interactions", chip.interactions},
                                {"rows", chip.rows()},
                                {"log_heights", chip.log_heights}});
  }
  object["security_bits"] = segment.soundness.bits;
  object["rounds"] = nlohmann::ordered_json::array();
  for (const stark::SoundnessRound& round : segment.soundness.rounds) {
    object["rounds"].push_back(
        {{"round", round.name}, {"bits", round.bits}, {"error", round.formula}});
  }
  return object;
}

nlohmann::ordered_json to_json(const ReceiptFile& file, const Receipt& receipt,
                               const Report& report) {
  const stark::Params& params = report.params;
  nlohmann::ordered_json object;
  object["image_id"] = hex(to_api(report.image.id()));
  object["model"] = nullptr;
  if (report.image.model) object["model"] = hex(to_api(*report.image.model));
  object["exit_code"] = static_cast<int32_t>(receipt.exit_code);
  object["journal"] = hex(receipt.journal);
  const Regime regime = to_api(report.segments[report.weakest].soundness.regime);
  object["security_bits"] = report.security_bits;
  object["regime"] = regime_name(regime);
  object["assumption"] = regime_assumption(regime);
  object["zero_knowledge"] = params.zk;
  object["parameters"] = {{"log_blowup", params.log_blowup},   {"queries", params.queries},
                          {"grind_query", params.grind_query}, {"grind_round", params.grind_round},
                          {"log_final", params.log_final},     {"log_stack", params.log_stack}};
  object["receipt_bytes"] = file.bytes.size();
  object["bytes"] = nlohmann::ordered_json::object();
  for (const auto& [name, bytes] : parts_of(receipt, report, file.bytes.size())) {
    object["bytes"][name] = bytes;
  }
  object["segments"] = nlohmann::ordered_json::array();
  for (const Segment& segment : report.segments) {
    object["segments"].push_back(to_json(report.image, segment));
  }
  return object;
}

}  // namespace

int inspect_receipt(const ReceiptFile& file) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm inspect", in_file(file.path, error).message, file.json);
  };
  const Result<Receipt> receipt = parse_receipt(file.bytes);
  if (!receipt) return failed(receipt.error());
  const Result<Report> report = report_on(*receipt);
  if (!report) return failed(report.error());
  if (file.json) {
    print_json(to_json(file, *receipt, *report));
  } else {
    print_text(file, *receipt, *report);
  }
  return kSuccess;
}

}  // namespace zkvm::cli
