// Writes receipts of small programs, true and not, and what the C++ verifier says of each, for
// tests/oracle/receipt_test.py to put before the Python verifier.
//
//     host_oracle_cases DIRECTORY SEED MUTATIONS
//
// DIRECTORY/cases.txt has one line per case: receipt (a file in DIRECTORY), image id, bits asked
// for, expected reason ("Valid" or a name of host/error.h without its k), bits found, description.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <zk/check.h>

#include <algorithm>
#include <cmath>

#include "host/zkvm_verify.h"
#include "stark/chips/buses.h"
#include "tests/host/hollow_receipt.h"
#include "tests/host/receipt_mutator.h"
#include "tests/host/true_receipt.h"
#include "tests/oracle/case_files.h"
#include "tests/stark/session/layer_guests.h"
#include "tests/vm/hash_program.h"

namespace zkvm::test {
namespace {

using stark::Params;
using stark::machine::BankKind;
using stark::machine::kBankWords;
using Bytes = std::vector<uint8_t>;

const char* reason_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kMalformedReceipt:
      return "MalformedReceipt";
    case ErrorCode::kInvalidReceipt:
      return "InvalidReceipt";
    case ErrorCode::kWrongProgram:
      return "WrongProgram";
    case ErrorCode::kInsecure:
      return "Insecure";
    default:
      ZK_CHECK(false && "no reason of a receipt");
      return "";
  }
}

class CaseWriter {
 public:
  explicit CaseWriter(std::string directory) : files_(std::move(directory)) {}

  // Asks the C++ verifier and writes the case down. The bits found.
  double add(const std::string& what, const Bytes& receipt, const ImageId& id, double bits = 0) {
    const auto verdict = verify(receipt, id, {.security_bits = bits});
    const double found = verdict ? verdict->security_bits : 0;
    files_.add(fmt::format("{} {:02x} {} {} {} {}", files_.file(receipt), fmt::join(id, ""), bits,
                           verdict ? "Valid" : reason_of(verdict.error().code), found, what));
    return found;
  }

 private:
  CaseFiles files_;
};

struct Made {
  std::string name;
  Bytes image;
  ImageId id{};
  stark::machine::Proven proofs;

  Made(std::string name_of_it, const Bytes& elf, Bytes input,
       const stark::machine::SessionOptions& options,
       uint64_t group_cells = stark::machine::kGroupCells)
      : name(std::move(name_of_it)) {
    auto guest = stark::machine::Guest::of(elf, group_cells);
    image = guest.image->image().serialise();
    id = to_api(guest.image->image().id());
    proofs =
        stark::machine::prove_execution(guest, {.input = std::move(input), .console = {}}, options);
  }
  Receipt receipt() const { return receipt_of(image, proofs); }
  Bytes bytes() const { return serialise(receipt()); }
};

stark::machine::SessionOptions in_segments(uint64_t cycles, bool zk = true,
                                           uint8_t log_blowup = 1) {
  Params params = stark::quick_params(zk);
  params.log_blowup = log_blowup;
  return {.segment_cycles = cycles, .params = params};
}

// Few of the machine's instructions, no input, no journal, no word of RAM.
Bytes additions() {
  using namespace vm::test;
  return ElfFile::of(Assembler()
                         .li(a0, 5)
                         .li(a1, 0xfffffffe)(add(a2, a0, a1))(r_type(0x20, 0, a3, a0, a1))
                         .exit(0xffff0007)
                         .words())
      .bytes();
}

// Uses two banks of RAM by turns, so that each is left alone by some segments between two that use
// it, and one of them is used by the first and the last segment.
Bytes two_banks() {
  using namespace vm::test;
  constexpr uint32_t kFar = 0x100000;
  Assembler text;
  const auto count_up = [&](uint32_t address) {
    text.li(t0, address)(lw(t2, 0, t0))(addi(t2, t2, 1))(sw(t2, 0, t0));
    text.li(t1, 20)(addi(t1, t1, -1))(b_type(1, t1, zero, -4));
  };
  for (const uint32_t address : {kDataBase, kFar, kFar, kDataBase}) count_up(address);
  text.call(64, 3, kFar, 4).call(64, 3, kDataBase, 4);
  ElfFile file = ElfFile::of(text.exit(0).words(), {7, 0, 0, 0});
  file.segments.push_back({kFar, PF_R | PF_W, {9, 0, 0, 0}, 0x1000});
  return file.bytes();
}

// Uses banks of all kinds, each in two segments: in the slot `image`, and in a volume, where columns
// are passed over.
Bytes volume_of_banks() {
  using namespace vm::test;
  constexpr uint32_t kBank = 4 * kBankWords, kWholes = 0x100000, kBlanks = 0x200000;
  constexpr uint32_t kPartial = 0x300000, kCount = 13;
  Assembler text;
  for (int round = 0; round < 2; ++round) {
    for (const uint32_t address :
         {kDataBase, kWholes, kWholes + (kCount - 1) * kBank, kBlanks + kBank, kPartial})
      text.li(t0, address)(lw(t1, 0, t0))(add(t2, t2, t1))(sw(t2, 0, t0));
    text.li(t0, kConstBase)(lw(t1, 0, t0))(add(t2, t2, t1));
  }
  text.li(t0, kPartial)(sw(t2, 0, t0)).call(64, 3, kPartial, 4);
  ElfFile file = ElfFile::of(text.exit(0).words(), {7, 0, 0, 0});
  std::vector<uint8_t> filled((kCount - 1) * kBank + 4);
  for (size_t i = 0; i < filled.size(); i += 4) filled[i] = static_cast<uint8_t>(1 + i / kBank);
  file.segments.push_back({kWholes, PF_R | PF_W, filled, kCount * kBank});
  file.segments.push_back({kBlanks, PF_R | PF_W, {}, 2 * kBank});
  file.segments.push_back({kPartial, PF_R | PF_W, {9, 0, 0, 0}, 0x1000});
  return file.bytes();
}

// Valid, and refused at a level just above what it has and for another program.
void add_honest(CaseWriter& out, const Made& made) {
  const Bytes bytes = made.bytes();
  const double bits = out.add(made.name, bytes, made.id);
  ZK_CHECK(bits > 0);
  out.add(made.name + ", level met", bytes, made.id, bits - 1e-6);
  // Receipts of one segment have more in the Johnson regime.
  const double most =
      std::max(bits, out.add(made.name + ", next level", bytes, made.id, bits + 1e-6));
  out.add(made.name + ", greatest level met", bytes, made.id, most - 1e-6);
  out.add(made.name + ", level missed", bytes, made.id, most + 1e-6);
  out.add(made.name + ", no number of bits", bytes, made.id, std::nan(""));
  ImageId other = made.id;
  other[31] ^= 1;
  out.add(made.name + ", another program", bytes, other);
}

void add_mutations(CaseWriter& out, const Made& made, uint64_t seed, size_t count) {
  ReceiptMutator mutator(made.bytes(), seed);
  for (size_t i = 0; i < count; ++i) {
    std::string what;
    const Bytes bytes = mutator.next(what);
    out.add(fmt::format("{}, mutation {}: {}", made.name, i, what), bytes, made.id);
  }
}

// Segments of two executions of one program, in every mixture.
void add_mixtures(CaseWriter& out, const Made& one, const Made& other) {
  const Receipt receipts[] = {one.receipt(), other.receipt()};
  const size_t count = receipts[0].segments.size();
  ZK_CHECK(receipts[1].segments.size() == count && count < 10);
  for (size_t mask = 1; mask + 1 < size_t{1} << count; ++mask) {
    Receipt mixed = receipts[0];
    Bytes journal;
    uint32_t begin = 0;
    for (size_t i = 0; i < count; ++i) {
      const Receipt& from = receipts[mask >> i & 1];
      mixed.segments[i] = from.segments[i];
      const uint32_t end = from.segments[i].journal_end;
      const auto words = from.journal.subspan(4 * size_t{begin}, 4 * size_t{end - begin});
      journal.insert(journal.end(), words.begin(), words.end());
      begin = end;
    }
    mixed.journal = journal;
    out.add(fmt::format("mixture {:b}", mask), serialise(mixed), one.id);
  }
}

// What is checked before any proof: parameters, rates, rows, images, levels. Where it is good, the
// receipt is refused for its level, if that is high, or for its proofs.
class HollowCases {
 public:
  explicit HollowCases(CaseWriter& out) : out_(&out) {}

  void add_all() {
    add("as it is", 0, [](HollowReceipt&) {});
    for (const double bits : {1.0, 6.0, 7.0, 8.0, 9.0, 100.0, 160.0})
      add(fmt::format("{} bits", bits), bits, [](HollowReceipt&) {});
    add_params("zk", [](Params& params) { params.zk = false; });
    add_params("log_blowup", [](Params& params) { params.log_blowup = 2; });
    add_params("queries", [](Params& params) { params.queries = 21; });
    add_params("grind_query", [](Params& params) { params.grind_query = 1; });
    add_params("grind_round", [](Params& params) { params.grind_round = 1; });
    add_params("log_final", [](Params& params) { params.log_final = 7; });
    add("the image's rate", kHigh, [](HollowReceipt& r) {
      r.image.log_blowup = 2;
      for (auto& segment : r.segments) segment.params.log_blowup = 2;
    });
    add("a rate above the image's", kHigh, [](HollowReceipt& r) { r.image.log_blowup = 3; });
    add("a rate below the image's", kHigh, [](HollowReceipt& r) {
      for (auto& segment : r.segments) segment.params.log_blowup = 2;
    });
    for (const uint8_t log_blowup : std::vector<uint8_t>{2, 3})
      add(fmt::format("rate 2^-{} of an image of 1/2 and 1/4", log_blowup), kHigh,
          [&](HollowReceipt& r) {
            r.image.lower.emplace();
            for (auto& segment : r.segments) segment.params.log_blowup = log_blowup;
          });
    add("2^26 rows", kHigh, [](HollowReceipt& r) { r.segments[2].tables = all_rows(r); });
    add("2^26 rows and a table", kHigh, [](HollowReceipt& r) {
      r.segments[2].tables = all_rows(r);
      r.segments[2].tables.push_back({0, 9});
    });
    // One segment's small table decides the rate of all: the first is refused for its level.
    for (const double bits : {2.0, 3.0, 4.0, 5.0, 6.0})
      add(fmt::format("a small table, {} bits", bits), bits,
          [](HollowReceipt& r) { r.segments[1].tables.push_back({0, 7}); });
    // No proof fits its statement: found after the level of every segment.
    for (const double bits : {0.0, kHigh})
      add(fmt::format("no fixed tables, {} bits", bits), bits, [](HollowReceipt& r) {
        for (auto& segment : r.segments) segment.fixed_tables = false;
      });
    add_images();
  }

 private:
  static constexpr double kHigh = 200;

  template <class Change>
  void add(const std::string& what, double bits, Change change) {
    HollowReceipt receipt;
    receipt.image.runs = {{0, 1, BankKind::kPartial}, {kBankWords, 1, BankKind::kBlank}};
    Params params;
    params.queries = 20;
    params.grind_query = 0;
    receipt.segments.assign(3, {{1, 2}, params, {{0, 14}}});
    change(receipt);
    out_->add("hollow: " + what, receipt.bytes(), receipt.id(), bits);
  }

  template <class Change>
  void add_params(const std::string& what, Change change) {
    add(what + " in one segment", kHigh, [&](HollowReceipt& r) { change(r.segments[1].params); });
    add(what + " in all", kHigh, [&](HollowReceipt& r) {
      for (auto& segment : r.segments) change(segment.params);
    });
  }

  void add_images() {
    using stark::machine::Image;
    using Runs = std::vector<Image::Run>;
    constexpr uint32_t kReadOnly = stark::chips::kReadOnlyBase;
    add("a tall program", 0, [](HollowReceipt& r) { r.image.log_program = 20; });
    // Where banks stand: in `image` to its last column and beyond, in volumes, with columns passed
    // over; and one segment for each bank, and two for all.
    const auto add_banks = [&](const std::string& what, Runs runs) {
      add(what, 0, [&](HollowReceipt& r) {
        const stark::machine::BankMap banks(runs);
        r.image.runs = runs;
        r.image.volumes.resize(banks.volume_widths().size());
        const auto params = r.segments[0].params;
        std::vector<uint16_t> all;
        for (uint16_t bank = 1; bank <= banks.count(); ++bank) all.push_back(bank);
        r.segments.assign(2, {all, params, {{0, 14}}});
        for (const uint16_t bank : all) r.segments.push_back({{bank}, params, {{0, 14}}});
      });
    };
    add_banks("no banks", {});
    add_banks("blank banks alone", {{kBankWords, 3, BankKind::kBlank}});
    add_banks("constants in a volume",
              {{0, 1, BankKind::kPartial}, {kReadOnly, 16, BankKind::kPartial}});
    for (const uint16_t count : std::vector<uint16_t>{13, 14, 15})
      add_banks(fmt::format("{} whole banks", count), {{kBankWords, count, BankKind::kWhole}});
    for (const uint16_t count : std::vector<uint16_t>{6, 7, 8})
      add_banks(fmt::format("{} partial banks", count), {{0, count, BankKind::kPartial}});
    // A pair of columns passed over: in `image`, at its end, in a volume, at its end.
    for (const uint16_t count : std::vector<uint16_t>{1, 13, 15, 45})
      add_banks(fmt::format("{} whole banks, then others", count),
                {{kBankWords, count, BankKind::kWhole},
                 {0x100000, 2, BankKind::kPartial},
                 {kReadOnly, 1, BankKind::kPartial},
                 {kReadOnly + kBankWords, 1, BankKind::kWhole},
                 {kReadOnly + 2 * kBankWords, 1, BankKind::kBlank}});
    add("as many banks as can be, the last ones are used", 0, [](HollowReceipt& r) {
      const uint16_t all = stark::chips::kAddressEnd / 4 / kBankWords;
      r.image.runs = {{kBankWords, static_cast<uint16_t>(all - 1), BankKind::kBlank},
                      {kReadOnly + kBankWords, static_cast<uint16_t>(all - 1), BankKind::kWhole}};
      r.image.volumes.resize(stark::machine::BankMap(r.image.runs).volume_widths().size());
      r.segments[2].banks = {static_cast<uint16_t>(all - 1), static_cast<uint16_t>(2 * (all - 1))};
    });
  }

  // Tables of the first chip that make 2^26 rows with those of fixed height.
  static std::vector<stark::TableSpec> all_rows(const HollowReceipt& receipt) {
    const std::vector<stark::machine::BankUse> uses = {{0}, {1}, {2}};
    const auto circuit = stark::machine::machine_circuit(receipt.image, uses).value();
    uint32_t left = 1u << 26;
    for (const auto& table : HollowReceipt::all_tables(circuit.key(), {}))
      left -= 1u << table.log_height;
    std::vector<stark::TableSpec> tables;
    for (uint8_t log_height = 22; left > 0;)
      if (left >= 1u << log_height) {
        tables.push_back({0, log_height});
        left -= 1u << log_height;
      } else {
        --log_height;
      }
    return tables;
  }

  CaseWriter* out_;
};

// Orders and positions that no receipt has.
void add_malformed(CaseWriter& out, const Made& made) {
  const auto add = [&](const std::string& what, auto change) {
    Receipt receipt = made.receipt();
    change(receipt, receipt.segments);
    out.add(made.name + ", " + what, serialise(receipt), made.id);
  };
  using Segments = std::vector<ReceiptSegment>;
  const auto words = static_cast<uint32_t>(made.receipt().journal.size() / 4);
  ZK_CHECK(words > 0 && made.proofs.segments.size() > 2);
  add("a position that falls", [&](Receipt&, Segments& s) { s[0].journal_end = words; });
  add("a position after the end", [&](Receipt&, Segments& s) { s.back().journal_end = words + 1; });
  add("a word that no segment has", [&](Receipt&, Segments& s) {
    for (auto& segment : s) segment.journal_end = std::min(segment.journal_end, words - 1);
  });
  add("no segment", [](Receipt&, Segments& s) { s.clear(); });
  // A segment with two banks of RAM, listed the other way round; or one bank twice.
  size_t both = 0;
  while (made.proofs.segments.at(both).uses.size() < 3) ++both;
  add("banks in the wrong order",
      [&](Receipt&, Segments& s) { std::swap(s[both].uses[1], s[both].uses[2]); });
  add("a bank twice", [&](Receipt&, Segments& s) { s[both].uses[2].bank = s[both].uses[1].bank; });
  add("the machine's bank listed", [&](Receipt&, Segments& s) { s[both].uses[1].bank = 0; });
  add("a bank that the image does not have",
      [](Receipt&, Segments& s) { s[1].uses.push_back({99, s[1].uses.back().constant}); });
  // Which of two faults is named.
  add("a bank that the image does not have, and no proof", [](Receipt&, Segments& s) {
    s[1].uses.push_back({99, s[1].uses.back().constant});
    s[1].proof = {};
  });
  Bytes other_params(made.proofs.segments[1].proof.begin(), made.proofs.segments[1].proof.end());
  other_params[4 + 4 + 2] ^= 1;  // queries
  const std::span<const uint8_t> cut = std::span(other_params).first(20);
  add("other parameters, and a short proof", [&](Receipt&, Segments& s) { s[1].proof = cut; });
  add("other parameters, and a bank that the image does not have", [&](Receipt&, Segments& s) {
    s[1].uses.push_back({99, s[1].uses.back().constant});
    s[1].proof = other_params;
  });
  add("RAM as constants", [&](Receipt&, Segments& s) {
    for (size_t u = 1; u < s[both].uses.size(); ++u) s[both].uses[u].constant = true;
    link_banks(s);
  });
  add("constants as RAM", [&](Receipt&, Segments& s) {
    for (auto& segment : s)
      for (auto& use : segment.uses) use.constant = false;
    link_banks(s);
  });
}

size_t volumes_of(const std::vector<stark::machine::Image::Run>& runs) {
  size_t columns = stark::machine::kBlankColumns;
  for (const auto& run : runs) {
    const size_t width = stark::machine::volume_columns(std::min(run.kind, BankKind::kPartial));
    if (width != 0) columns = (columns + width - 1) / width * width + run.count * width;
  }
  const size_t beyond =
      std::max<size_t>(columns, stark::machine::kImageColumns) - stark::machine::kImageColumns;
  return (beyond + stark::machine::kVolumeColumns - 1) / stark::machine::kVolumeColumns;
}

// Layers of every kind, in segments of which some call one and some do not.
Bytes layers() {
  vm::test::LayerGenerator random(1);
  std::vector<vm::Layer> list = {stark::machine::dense_layer(2, 8, 1), random.pair(),
                                 random.weights_in_memory(stark::machine::dense_layer(2, 8, 2))};
  for (int i = 0; i < 5; ++i) list.push_back(random.layer());
  return stark::machine::LayerGuest(std::move(list)).elf();
}

// Blocks of both hashes, in segments of which some hash and some do not.
Bytes hashes() {
  const uint32_t base = vm::test::kRamBase;
  return vm::test::hash_file({{base, base + 64, 3, 1, 0x400b0a01},
                              {base + 32, base, 2, 0, 9},
                              {.cv = base + 16, .blocks = base, .count = 2, .hash = vm::Hash::kSha256}},
                             Bytes(512, 7))
      .bytes();
}

// Images that are none, under an id that fits.
void add_images(CaseWriter& out, const Made& made, uint64_t seed, size_t count) {
  std::mt19937_64 random(seed);
  const auto add = [&](const std::string& what, const Bytes& image) {
    Receipt receipt = made.receipt();
    receipt.image = image;
    stark::Blake3 hash;
    const std::string_view prefix = "zkvm image";
    hash.update({reinterpret_cast<const uint8_t*>(prefix.data()), prefix.size()});
    hash.update(image);
    out.add(made.name + ", image: " + what, serialise(receipt), to_api(hash.finish()));
  };
  const auto add_changed = [&](const std::string& what, auto change) {
    auto image = stark::machine::Image::parse(made.image).value();
    change(image);
    add(what, image.serialise());
  };
  using stark::machine::Image;
  using stark::machine::LayerTable;
  const auto add_heights = [&](const std::string& what, LayerTable table, uint8_t log_height) {
    add_changed(what, [&](Image& i) {
      if (i.has_layers()) i.layer_heights.back()[static_cast<size_t>(table)] = log_height;
    });
  };
  for (const uint8_t log_height : std::vector<uint8_t>{1, 11, 12, 13, 22, 23}) {
    add_heights(fmt::format("layers of 2^{}", log_height), LayerTable::kLayers, log_height);
    add_heights(fmt::format("steps of 2^{}", log_height), LayerTable::kSteps, log_height);
    add_heights(fmt::format("bytes of pairs of 2^{}", log_height), LayerTable::kPairBytes,
                log_height);
  }
  add_heights("no layers among the tables", LayerTable::kLayers, 0);
  add_heights("no weights", LayerTable::kWeights, 0);
  add_heights("weights in rows of 64", LayerTable::kWeights64, 12);
  // As many groups, or other numbers of them; with roots, or without.
  for (const size_t groups : std::vector<size_t>{0, 1, 2, 64, 65, 255})
    for (const bool roots : {true, false})
      add_changed(fmt::format("{} groups of layers, roots {}", groups, roots), [&](Image& i) {
        i.layer_heights.resize(
            groups, i.has_layers() ? i.layer_heights[0] : stark::machine::LayerHeights{12});
        if (!roots) return;
        i.layers.resize(groups);
        if (i.lower) i.lower->layers.resize(groups);
      });
  add_changed("another root of layers", [](Image& i) {
    if (i.has_layers()) i.layers.back()[0] ^= 1;
  });
  add_changed("the first group last", [](Image& i) {
    std::ranges::reverse(i.layer_heights);
    std::ranges::reverse(i.layers);
    if (i.lower) std::ranges::reverse(i.lower->layers);
  });
  // Which the proofs do not see.
  add_changed("another entry", [](Image& i) { i.entry ^= 4; });
  add_changed("with or without a model", [](Image& i) {
    i.model = i.model ? std::nullopt : std::optional(stark::Digest{1, 2, 3});
  });
  add_changed("another model", [](Image& i) { i.model = stark::Digest{7}; });
  add_changed("entry in an instruction", [](Image& i) { i.entry += 2; });
  add_changed("entry too high", [](Image& i) { i.entry = 0x3f000000; });
  for (const uint8_t rate : std::vector<uint8_t>{0, 1, 3, 4, 5})
    add_changed(fmt::format("rate {}", rate), [&](Image& i) { i.log_blowup = rate; });
  for (const uint8_t log_height : std::vector<uint8_t>{11, 13, 14, 15, 22, 23}) {
    add_changed(fmt::format("program of 2^{}", log_height),
                [&](Image& i) { i.log_program = log_height; });
  }
  add_changed("rate 3 and height 2^22", [](Image& i) { i.log_blowup = 3, i.log_program = 22; });
  add_changed("height 2^21 at the lower rate", [](Image& i) { i.log_program = 21; });
  // What the proofs are made with, and what not: trees of two rates.
  add_changed("another root", [](Image& i) { i.root[0] ^= 1; });
  const auto add_lower = [&](const std::string& what, auto change) {
    if (stark::machine::Image::parse(made.image)->lower) add_changed(what, change);
  };
  add_lower("other roots of the lower rate", [](Image& i) { i.lower->root[0] ^= 1; });
  add_lower("roots exchanged", [](Image& i) { std::swap(i.root, i.lower->root); });
  add_lower("no lower rate", [](Image& i) { i.lower.reset(); });
  add_lower("the lower rate's roots alone", [](Image& i) {
    i = {3, i.entry, i.log_program, i.runs, i.lower->volumes, i.lower->root, {}, {}};
  });
  add_lower("a volume more at the lower rate", [](Image& i) { i.lower->volumes.push_back({}); });
  if (!stark::machine::Image::parse(made.image)->volumes.empty())
    add_lower("a volume less at the lower rate", [](Image& i) { i.lower->volumes.pop_back(); });
  if (!stark::machine::Image::parse(made.image)->lower)
    add_changed("a lower rate that there is not", [](Image& i) {
      i.lower = {.volumes = i.volumes, .root = i.root, .layers = i.layers};
    });
  // Runs of banks: places, order, kinds, lengths; and as many volumes as they fill, or not.
  const auto add_runs = [&](const std::string& what, auto change) {
    for (const bool fitting : {true, false})
      add_changed(what + (fitting ? "" : ", volumes as they were"), [&](Image& i) {
        change(i.runs);
        if (!fitting) return;
        i.volumes.resize(std::min<size_t>(volumes_of(i.runs), 5000));
        if (i.lower) i.lower->volumes.resize(i.volumes.size());
      });
  };
  using Runs = std::vector<Image::Run>;
  add_runs("no banks", [](Runs& runs) { runs.clear(); });
  add_runs("a bank more", [](Runs& runs) { runs[0].count += 1; });
  add_runs("a run of none", [](Runs& runs) { runs[0].count = 0; });
  add_runs("a longest run", [](Runs& runs) { runs[0].count = 65535; });
  add_runs("a bank between two", [](Runs& runs) { runs[0].base += 1; });
  add_runs("runs at one place", [](Runs& runs) { runs[1].base = runs[0].base; });
  add_runs("runs not in order", [](Runs& runs) { std::swap(runs[0], runs[1]); });
  add_runs("a run cut in two", [](Runs& runs) {
    runs.insert(runs.begin() + 1, {runs[0].base + kBankWords, 1, runs[0].kind});
  });
  add_runs("another kind", [](Runs& runs) { runs[0].kind = BankKind::kWhole; });
  add_runs("no kind", [](Runs& runs) { runs[0].kind = static_cast<BankKind>(3); });
  add_runs("a bank too high",
           [](Runs& runs) { runs = {{stark::chips::kAddressEnd / 4, 1, BankKind::kBlank}}; });
  add_runs("a bank as high as can be", [](Runs& runs) {
    runs = {{stark::chips::kAddressEnd / 4 - kBankWords, 1, BankKind::kBlank}};
  });
  add_runs("constants too high", [](Runs& runs) {
    runs = {{stark::chips::kReadOnlyBase + stark::chips::kAddressEnd / 4, 1, BankKind::kBlank}};
  });
  for (const BankKind kind : {BankKind::kBlank, BankKind::kWhole, BankKind::kPartial}) {
    const unsigned number = static_cast<unsigned>(kind);
    add_runs(fmt::format("RAM from address 0 on, kind {}", number),
             [&](Runs& runs) { runs.insert(runs.begin(), {0, 1, kind}); });
    add_runs(fmt::format("constants from address 0 on, kind {}", number),
             [&](Runs& runs) { runs = {{stark::chips::kReadOnlyBase, 1, kind}}; });
  }
  add_runs("a bank of machine words", [](Runs& runs) {
    runs = {{stark::chips::kMachineBase / kBankWords * kBankWords, 1, BankKind::kBlank}};
  });
  for (const uint8_t version : std::vector<uint8_t>{2, 4}) {
    Bytes other = made.image;
    other[4] = version;
    add(fmt::format("version {}", version), other);
  }
  Bytes longer = made.image;
  longer.push_back(0);
  add("a byte more", longer);
  for (size_t i = 0; i < count; ++i) {
    Bytes image = made.image;
    // Mostly where the numbers are, before the first root.
    const size_t at = random() % (random() % 4 == 0 ? image.size() : 24);
    switch (random() % 4) {
      case 0:
        image.resize(at);
        break;
      case 1:
        image.insert(image.begin() + static_cast<ptrdiff_t>(at), static_cast<uint8_t>(random()));
        break;
      case 2:
        image[at] = static_cast<uint8_t>(random());
        break;
      default:
        image[at] = static_cast<uint8_t>(image[at] + (random() % 2 == 0 ? 1 : 255));
    }
    add(fmt::format("changed at {}", at), image);
  }
}

int run(const std::string& directory, uint64_t seed, size_t mutations) {
  CaseWriter out(directory);
  std::mt19937_64 seeds(seed);
  const auto wait = true_program();
  const Made segments("three segments", wait, {41, 0, 0, 0}, in_segments(30));
  ZK_CHECK(segments.proofs.segments.size() >= 3);
  const Made other("another execution", wait, {7, 0, 0, 0}, in_segments(30));
  const Made banks("two banks", two_banks(), {}, in_segments(45));
  const Made plain("two banks, not masked", two_banks(), {}, in_segments(60, false));
  const Made one("one segment", wait, {1, 2, 3, 4}, in_segments(0));
  const Made least("additions", additions(), {}, in_segments(0));
  const Made volume("a volume", volume_of_banks(), {}, in_segments(30));
  const auto in_volume = stark::machine::Image::parse(volume.image).value();
  ZK_CHECK(volume.proofs.segments.size() > 1 && in_volume.volumes.size() == 1);
  const Made quarter("a volume at rate 1/4", volume_of_banks(), {}, in_segments(30, true, 2));
  const Made eighth("a volume at rate 1/8", volume_of_banks(), {}, in_segments(30, true, 3));
  ZK_CHECK(in_volume.lower);
  const Made unit("layers", layers(), {}, in_segments(40));
  ZK_CHECK(unit.proofs.segments.size() >= 3 &&
           stark::machine::Image::parse(unit.image)->has_layers());
  const Made groups("layers in groups", layers(), {}, in_segments(40, true, 2), 1);
  ZK_CHECK(stark::machine::Image::parse(groups.image)->layer_heights.size() > 2);
  const Made unit_at_quarter("layers at rate 1/4, not masked", layers(), {},
                             in_segments(0, false, 2));
  const Made unit_at_eighth("layers at rate 1/8", layers(), {}, in_segments(40, true, 3));
  const Made hashing("hashes", hashes(), {}, in_segments(12));
  ZK_CHECK(hashing.proofs.segments.size() >= 3);
  const Made hashing_at_quarter("hashes at rate 1/4", hashes(), {}, in_segments(0, true, 2));
  for (const Made* made : {&segments, &other, &banks, &plain, &one, &least, &volume, &quarter,
                           &eighth, &unit, &groups, &unit_at_quarter, &unit_at_eighth, &hashing,
                           &hashing_at_quarter})
    add_honest(out, *made);
  for (const Made* made : {&segments, &banks, &plain, &one, &volume, &eighth, &unit, &groups, &hashing})
    add_mutations(out, *made, seeds(), mutations / 9);
  add_mixtures(out, segments, other);
  add_malformed(out, banks);
  HollowCases(out).add_all();
  for (const Made* made : {&banks, &volume, &eighth, &unit_at_eighth, &groups})
    add_images(out, *made, seeds(), mutations / 20);

  const Made secure("additions at 128 bits", additions(), {}, {});
  out.add(secure.name, secure.bytes(), secure.id, 128);
  // What failed in making the receipts, GoogleTest has printed.
  return ::testing::UnitTest::GetInstance()->Failed() ? 1 : 0;
}

}  // namespace
}  // namespace zkvm::test

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: {} DIRECTORY SEED MUTATIONS\n", argv[0]);
    return 2;
  }
  return zkvm::test::run(argv[1], std::stoull(argv[2]), std::stoull(argv[3]));
}
