#include "host/verify.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "stark/chips/buses.h"
#include "stark/proof.h"
#include "stark/verifier.h"

namespace zkvm {
namespace {

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

// What the segment adds to the journal, and the exit code if it is the last one.
// SOUNDNESS: positions are those of the whole journal, so no segment can repeat, skip or reorder
// words; only the last segment's proof may, and must, end by exit.
SegmentClaim claim_of(const Receipt& receipt, size_t index) {
  SegmentClaim claim;
  if (index > 0) claim.journal_begin = receipt.segments[index - 1].journal_end;
  stark::ByteReader words(receipt.journal.subspan(4 * size_t{claim.journal_begin}));
  for (uint32_t at = claim.journal_begin; at < receipt.segments[index].journal_end; ++at) {
    claim.journal.push_back(words.get<uint32_t>());
  }
  if (index + 1 == receipt.segments.size()) claim.exit_code = receipt.exit_code;
  return claim;
}

// SOUNDNESS: a root that two proofs share means one polynomial for both only if both read the tree
// in the same way: the same rate, masks and salt. All of them follow from the parameters. Trees of
// the image were made for one rate.
Result<void> check_params(const Image& image, const stark::Params& first,
                          const stark::Params& params) {
  if (params != first) {
    return refuse(ErrorCode::kInvalidReceipt, "the proofs differ in their parameters");
  }
  if (params.log_blowup != image.log_blowup) {
    return refuse(ErrorCode::kInvalidReceipt,
                  fmt::format("log_blowup: expected the image's {}, found {}", image.log_blowup,
                              params.log_blowup));
  }
  return {};
}

// SOUNDNESS: a row takes two steps at most, so clocks and times, which are field elements, are
// integers, and so is every count of words that one system call moves (chips/buses.h).
Result<void> check_rows(size_t segment, std::span<const stark::TableSpec> tables) {
  uint64_t rows = 0;
  for (const stark::TableSpec& table : tables) rows += uint64_t{1} << table.log_height;
  if (rows <= stark::chips::kMaxRows) return {};
  return refuse(ErrorCode::kInvalidReceipt,
                fmt::format("segment {}: rows of all tables: expected at most {}, found {}",
                            segment, stark::chips::kMaxRows, rows));
}

}  // namespace

ImageId to_api(const stark::Digest& digest) {
  ImageId id;
  for (size_t i = 0; i < id.size(); ++i) {
    id[i] = static_cast<uint8_t>(digest[i / 4] >> (8 * (i % 4)));
  }
  return id;
}

Result<Image> parse_image(const Receipt& receipt) {
  auto image = Image::parse(receipt.image);
  if (!image) return refuse(ErrorCode::kMalformedReceipt, image.error().message);
  return std::move(*image);
}

Result<SegmentTask> segment_task(const Image& image, const Receipt& receipt, size_t index) {
  const ReceiptSegment& segment = receipt.segments[index];
  auto circuit = stark::machine::machine_circuit(image, segment.uses);
  if (!circuit) return refuse(index, circuit.error());
  SegmentClaim claim = claim_of(receipt, index);
  stark::Statement statement =
      stark::machine::segment_statement(*circuit, claim, segment.uses, segment.roots);
  return SegmentTask{std::move(claim), std::move(*circuit), std::move(statement)};
}

Result<Outline> outline(const Image& image, const Receipt& receipt) {
  Outline out;
  for (size_t i = 0; i < receipt.segments.size(); ++i) {
    const Result<SegmentTask> task = segment_task(image, receipt, i);
    if (!task) return tl::unexpected(task.error());
    stark::ByteReader in(receipt.segments[i].proof);
    stark::Proof head;
    const auto shape = read_head(task->circuit.key(), in, head);
    if (!shape) return refuse(i, shape.error());
    if (i == 0) out.params = head.params;
    if (auto ok = check_params(image, out.params, head.params); !ok) {
      return tl::unexpected(ok.error());
    }
    if (auto ok = check_rows(i, head.tables); !ok) return tl::unexpected(ok.error());
    const double rate =
        soundness(*shape, task->circuit.key().tuple_width, task->statement.publics.size()).rho;
    out.rate = std::max(out.rate, rate);
    out.tables.push_back(std::move(head.tables));
  }
  return out;
}

stark::Soundness segment_soundness(const Outline& outline, const SegmentTask& task, size_t index) {
  const auto shape = make_shape(task.circuit.key(), outline.params, outline.tables[index]);
  return soundness(*shape, task.circuit.key().tuple_width, task.statement.publics.size(),
                   outline.rate);
}

// SOUNDNESS: a false receipt has a false segment, and the errors of all segments add up.
double receipt_security(double least, size_t segments) {
  return least - std::log2(static_cast<double>(segments));
}

Result<Verification> verify(std::span<const uint8_t> bytes, const ImageId& image_id,
                            const VerifyOptions& options) {
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
      .least_rate = outlined->rate};
  double least = std::numeric_limits<double>::infinity();
  for (size_t i = 0; i < segments; ++i) {
    const Result<SegmentTask> task = segment_task(*image, *receipt, i);
    if (!task) return tl::unexpected(task.error());
    const auto verified =
        stark::verify(task->circuit.key(), task->statement, receipt->segments[i].proof, wanted);
    if (!verified) return refuse(i, verified.error());
    least = std::min(least, verified->soundness.bits);
  }
  return Verification{.image_id = image_id,
                      .exit_code = static_cast<int32_t>(receipt->exit_code),
                      .journal = {receipt->journal.begin(), receipt->journal.end()},
                      .security_bits = receipt_security(least, segments),
                      .segments = static_cast<uint32_t>(segments)};
}

}  // namespace zkvm
