#include "host/verify.h"

#include <fmt/format.h>
#include <zk/check.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <map>
#include <optional>

#include "stark/chips/buses.h"
#include "stark/hash/blake3.h"
#include "stark/protocol/proof.h"
#include "stark/verifier/verifier.h"

namespace zkvm {
namespace {

using stark::machine::BankUse;
using stark::machine::Image;
using stark::machine::SegmentClaim;

tl::unexpected<Error> refuse(ErrorCode code, std::string message) {
  return tl::unexpected(Error{code, "receipt: " + std::move(message)});
}

// Where the line between "no receipt" and "a receipt that proves nothing" runs.
ErrorCode code_of(stark::ErrorCode code) {
  switch (code) {
    case stark::ErrorCode::kTruncated:
    case stark::ErrorCode::kTrailing:
    case stark::ErrorCode::kFormat:
    case stark::ErrorCode::kNonCanonical:
      return ErrorCode::kMalformedReceipt;
    case stark::ErrorCode::kSecurity:
      return ErrorCode::kInsecure;
    default:
      return ErrorCode::kInvalidReceipt;
  }
}

tl::unexpected<Error> refuse(size_t segment, const stark::Error& error) {
  return refuse(code_of(error.code), fmt::format("segment {}: {}", segment, error.message));
}

// How many public interactions segment_publics() makes of claim_of().
size_t count_publics(const Receipt& receipt, size_t index) {
  const bool last = index + 1 == receipt.segments.size();
  return receipt.segments[index].journal_end - journal_begin(receipt, index) + (last ? 1 : 0);
}

// What the segment adds to the journal, and the exit code if it is the last one.
// SOUNDNESS: positions are those of the whole journal, so no segment can repeat, skip or reorder
// words; only the last segment's proof may, and must, end by exit.
SegmentClaim claim_of(const Receipt& receipt, size_t index) {
  SegmentClaim claim;
  claim.journal_begin = journal_begin(receipt, index);
  claim.journal.reserve(receipt.segments[index].journal_end - claim.journal_begin);
  stark::ByteReader words(receipt.journal.subspan(4 * size_t{claim.journal_begin}));
  for (uint32_t at = claim.journal_begin; at < receipt.segments[index].journal_end; ++at) {
    claim.journal.push_back(words.get<uint32_t>());
  }
  if (index + 1 == receipt.segments.size()) claim.exit_code = receipt.exit_code;
  return claim;
}

// SOUNDNESS: a root that two proofs share means one polynomial for both only if both read the tree
// in the same way: the same rate, masks and salt. All of them follow from the parameters.
Result<void> check_params(const stark::Params& first, const stark::Params& params) {
  if (params != first) {
    return refuse(ErrorCode::kInvalidReceipt, "the proofs differ in their parameters");
  }
  return {};
}

// SOUNDNESS: a row takes one step, so clocks and times, which are field elements, are
// integers, and so is every count of words that one system call moves (chips/buses.h).
Result<void> check_rows(size_t segment, std::span<const stark::TableSpec> tables) {
  uint64_t rows = 0;
  for (const stark::TableSpec& table : tables) rows += uint64_t{1} << table.log_height;
  if (rows <= stark::chips::kMaxRows) return {};
  return refuse(ErrorCode::kInvalidReceipt,
                fmt::format("segment {}: rows of all tables: expected at most {}, found {}",
                            segment, stark::chips::kMaxRows, rows));
}

// All that the shape of a segment's proof depends on of a use: where its columns stand, and in which
// of its shared trees.
struct UseInShape {
  uint32_t chip, volume, column, before, after;
  auto operator<=>(const UseInShape&) const = default;
};

std::vector<UseInShape> in_shape(const stark::machine::BankMap& banks,
                                 std::span<const BankUse> uses) {
  std::map<uint32_t, uint32_t> before, after;  // by segment: its rank among those named, from 1
  for (const BankUse& use : uses) {
    if (use.before) before[*use.before];
    if (use.after) after[*use.after];
  }
  for (auto* ranks : {&before, &after}) {
    uint32_t next = 1;
    for (auto& [segment, rank] : *ranks) rank = next++;
  }
  const auto rank = [](const auto& among, stark::machine::OptionalSegment segment) {
    return segment ? among.at(*segment) : 0;
  };
  std::vector<UseInShape> out;
  for (const BankUse& use : uses) {
    UseInShape& shape = out.emplace_back();
    shape.before = rank(before, use.before);
    shape.after = rank(after, use.after);
    if (use.bank == stark::machine::kMachineBank) continue;
    if (stark::machine::is_chips_bank(use.bank)) {
      shape.chip = UINT32_MAX - static_cast<uint32_t>(stark::machine::layer_group(use.bank));
      continue;
    }
    const stark::machine::BankMap::Bank bank = banks[use.bank];
    shape.chip = 1 + 2 * static_cast<uint32_t>(bank.kind) + (use.constant ? 1 : 0);
    shape.volume = bank.volume ? 1 + *bank.volume : 0;
    shape.column = bank.column;
  }
  return out;
}

// Keys with the shapes of the segments' own. One serves all segments that use banks of the same kinds
// in the same places; of others there can be as many as segments, so few are kept.
class Keys {
 public:
  Keys(const Image& image, uint8_t log_blowup)
      : image_(image), log_blowup_(log_blowup), banks_(image.runs, image.layer_heights.size()) {}

  [[nodiscard]] const stark::machine::BankMap& banks() const { return banks_; }
  // REQUIRES: check_bank_uses() agrees.
  const stark::VerifyingKey& of(std::span<const BankUse> uses) {
    constexpr size_t kMostKept = 16;
    auto signature = in_shape(banks_, uses);
    auto found = made_.find(signature);
    if (found == made_.end()) {
      if (made_.size() == kMostKept) made_.clear();
      auto circuit = stark::machine::machine_circuit(image_, uses, nullptr, log_blowup_);
      ZK_CHECK(circuit);
      found = made_.emplace(std::move(signature), circuit->key()).first;
    }
    return found->second;
  }

 private:
  const Image& image_;
  uint8_t log_blowup_;
  stark::machine::BankMap banks_;
  std::map<std::vector<UseInShape>, stark::VerifyingKey> made_;
};

// What the head of one proof says.
struct Head {
  std::vector<stark::TableSpec> tables;
  double rate = 0;
};

stark::Result<stark::Params> params_of(const Receipt& receipt, size_t index) {
  stark::ByteReader in(receipt.segments[index].proof);
  return stark::read_params(in);
}

stark::Result<Head> head_of(const stark::VerifyingKey& key, const Receipt& receipt, size_t index) {
  stark::ByteReader in(receipt.segments[index].proof);
  stark::Proof proof;
  const auto shape = read_head(key, in, proof);
  if (!shape) return tl::unexpected(shape.error());
  return Head{std::move(proof.tables),
              soundness(*shape, key.tuple_width, count_publics(receipt, index)).rho};
}

}  // namespace

ImageId to_api(const stark::Digest& digest) {
  ImageId id;
  for (size_t i = 0; i < id.size(); ++i) {
    id[i] = static_cast<uint8_t>(digest[i / 4] >> (8 * (i % 4)));
  }
  return id;
}

ModelDigest model_digest(std::span<const uint8_t> section) {
  return to_api(stark::blake3_hash(section));
}

Regime to_api(stark::Regime regime) {
  return regime == stark::Regime::kUnique ? Regime::kUnique : Regime::kJohnson;
}

const char* regime_name(Regime regime) { return name(receipt_regime(regime, 1)); }

const char* regime_assumption(Regime regime) { return assumption(receipt_regime(regime, 1)); }

Result<Image> parse_image(const Receipt& receipt) {
  auto image = Image::parse(receipt.image);
  if (!image) return refuse(ErrorCode::kMalformedReceipt, image.error().message);
  return std::move(*image);
}

Result<SegmentTask> segment_task(const Image& image, const Receipt& receipt, size_t index) {
  const ReceiptSegment& segment = receipt.segments[index];
  const stark::Result<stark::Params> params = params_of(receipt, index);
  if (!params) return refuse(index, params.error());
  auto circuit = stark::machine::machine_circuit(image, segment.uses, nullptr, params->log_blowup);
  if (!circuit) return refuse(index, circuit.error());
  SegmentClaim claim = claim_of(receipt, index);
  stark::Statement statement = stark::machine::segment_statement(*circuit, claim, segment.roots);
  return SegmentTask{std::move(claim), std::move(*circuit), std::move(statement)};
}

Result<Outline> outline(const Image& image, const Receipt& receipt) {
  Outline out;
  std::optional<Keys> keys;
  for (size_t i = 0; i < receipt.segments.size(); ++i) {
    const stark::Result<stark::Params> params = params_of(receipt, i);
    if (!params) return refuse(i, params.error());
    if (!keys) {
      out.params = *params;
      keys.emplace(image, params->log_blowup);
    }
    if (auto ok = check_params(out.params, *params); !ok) return tl::unexpected(ok.error());
    if (auto ok = check_bank_uses(keys->banks(), receipt.segments[i].uses); !ok) {
      return refuse(i, ok.error());
    }
    stark::Result<Head> head = head_of(keys->of(receipt.segments[i].uses), receipt, i);
    if (!head) return refuse(i, head.error());
    if (auto ok = check_rows(i, head->tables); !ok) return tl::unexpected(ok.error());
    out.rate = std::max(out.rate, head->rate);
    out.tables.push_back(std::move(head->tables));
  }
  return out;
}

stark::Soundness segment_soundness(const Outline& outline, const stark::VerifyingKey& key,
                                   const Receipt& receipt, size_t index, double bits,
                                   stark::Regime widest) {
  const auto shape = make_shape(key, outline.params, outline.tables[index]);
  ZK_CHECK(shape);  // outline() has made it, too
  return soundness_for(bits, std::min(widest, stark::widest_regime(receipt.segments.size())),
                       *shape, key.tuple_width, count_publics(receipt, index), outline.rate);
}

Result<void> check_security(const Image& image, const Receipt& receipt, const Outline& outline,
                            double bits, stark::Regime widest) {
  Keys keys(image, outline.params.log_blowup);
  for (size_t i = 0; i < receipt.segments.size(); ++i) {
    const stark::Soundness found =
        segment_soundness(outline, keys.of(receipt.segments[i].uses), receipt, i, bits, widest);
    if (!(found.bits >= bits)) {
      return refuse(ErrorCode::kInsecure,
                    fmt::format("segment {}: security: expected {:.2f} bits, found {:.2f} ({})", i,
                                bits, found.bits, name(found.regime)));
    }
  }
  return {};
}

stark::Regime receipt_regime(Regime wanted, size_t segments) {
  return wanted == Regime::kUnique ? stark::Regime::kUnique : stark::widest_regime(segments);
}

// SOUNDNESS: a false receipt has a false segment, and the errors of all segments add up.
double receipt_security(double least, size_t segments) {
  return least - std::log2(static_cast<double>(segments));
}

Result<Verification> verify(std::span<const uint8_t> bytes, const ImageId& image_id,
                            const VerifyOptions& options) {
  return verify(bytes, image_id, options, [](size_t segments, const auto& check) {
    for (size_t i = 0; i < segments; ++i) check(i);
  });
}

Result<Verification> verify(std::span<const uint8_t> bytes, const ImageId& image_id,
                            const VerifyOptions& options, const ForEachSegment& for_each) {
  const Result<Receipt> receipt = parse_receipt(bytes);
  if (!receipt) return tl::unexpected(receipt.error());
  const Result<Image> image = parse_image(*receipt);
  if (!image) return tl::unexpected(image.error());
  if (const ImageId found = to_api(image->id()); found != image_id) {
    return refuse(ErrorCode::kWrongProgram,
                  fmt::format("program: expected {:02x}, found {:02x}", fmt::join(image_id, ""),
                              fmt::join(found, "")));
  }
  const Result<Outline> outlined = outline(*image, *receipt);
  if (!outlined) return tl::unexpected(outlined.error());

  // SOUNDNESS: proofs that share a tree must be computed with the greatest of their rates, for two
  // polynomials within theta_1 and theta_2 of one word are equal only if theta_1 + theta_2 is below
  // 1 - that rate.
  const size_t segments = receipt->segments.size();
  const stark::VerifyOptions wanted{
      .security_bits = options.security_bits - receipt_security(0, segments),
      .least_rate = outlined->rate,
      .widest = receipt_regime(options.regime, segments)};
  if (auto ok = check_security(*image, *receipt, *outlined, wanted.security_bits, wanted.widest);
      !ok) {
    return tl::unexpected(ok.error());
  }
  const auto check = [&](size_t i) -> Result<stark::Soundness> {
    const Result<SegmentTask> task = segment_task(*image, *receipt, i);
    if (!task) return tl::unexpected(task.error());
    const auto verified =
        stark::verify(task->circuit.key(), task->statement, receipt->segments[i].proof, wanted);
    if (!verified) return refuse(i, verified.error());
    return verified->soundness;
  };
  std::vector<std::optional<Result<stark::Soundness>>> checked(segments);
  std::atomic<bool> failed = false;
  for_each(segments, [&](size_t i) {
    if (failed) return;  // of a false receipt no more is looked at
    checked[i] = check(i);
    if (!*checked[i]) failed = true;
  });
  for (const auto& segment : checked)
    if (segment && !*segment) return tl::unexpected(segment->error());
  auto regime = stark::Regime::kUnique;
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < segments; ++i) {
    // SOUNDNESS: one that nobody has looked at is not good.
    if (!checked[i])
      return refuse(ErrorCode::kInvalidReceipt, fmt::format("segment {}: not checked", i));
    least = std::min(least, (*checked[i])->bits);
    regime = std::max(regime, (*checked[i])->regime);
  }
  std::optional<ModelDigest> model;
  if (image->model) model = to_api(*image->model);
  return Verification{.image_id = image_id,
                      .exit_code = static_cast<int32_t>(receipt->exit_code),
                      .journal = {receipt->journal.begin(), receipt->journal.end()},
                      .security_bits = receipt_security(least, segments),
                      .regime = to_api(regime),
                      .segments = static_cast<uint32_t>(segments),
                      .model = model};
}

}  // namespace zkvm
