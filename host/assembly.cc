#include "host/assembly.h"

#include <fmt/format.h>
#include <tbb/parallel_for.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <set>
#include <utility>

#include "host/job_file.h"
#include "host/prove_error.h"
#include "host/receipt.h"
#include "host/verify.h"
#include "stark/protocol/proof.h"
#include "stark/verifier/verifier.h"

namespace zkvm {
namespace {

using stark::machine::BankUse;
using stark::machine::Session;
using stark::machine::SharedRoots;

tl::unexpected<Error> refuse(uint32_t segment, const std::string& message) {
  return tl::unexpected(
      Error{ErrorCode::kInvalidSegment, fmt::format("segment {}: {}", segment, message)});
}

}  // namespace

Assembly::Assembly(Session& session, const stark::machine::Image& image, const Wanted& wanted)
    : session_(&session), image_(image), image_bytes_(image.serialise()), wanted_(wanted) {
  for (size_t i = 0; i < session.segments(); ++i) {
    const auto& segment = planned_.emplace_back(session.planned(i));
    segments_.push_back({segment.cycles, segment.cells, segment.memory});
  }
  parts_.resize(planned_.size());
}

// The receipt without roots and proofs.
Receipt Assembly::outline() const {
  Receipt receipt;
  receipt.image = image_bytes_;
  receipt.exit_code = session_->execution().exit_code;
  receipt.journal = session_->execution().journal;
  for (const auto& segment : planned_)
    receipt.segments.push_back({segment.journal_end, segment.uses, {}, {}});
  return receipt;
}

Result<void> Assembly::verify_alone(uint32_t segment, const SharedRoots& roots,
                                    std::span<const uint8_t> proof) const {
  std::set<uint32_t> before, after;
  for (const BankUse& use : planned_[segment].uses) {
    if (use.before) before.insert(*use.before);
    if (use.after) after.insert(*use.after);
  }
  if (!std::ranges::equal(roots.before | std::views::keys, before) ||
      !std::ranges::equal(roots.after | std::views::keys, after))
    return refuse(segment, "roots of other segments than it shares memory with");
  Receipt receipt = outline();
  receipt.segments[segment].roots = roots;
  receipt.segments[segment].proof = proof;
  // What is common to all proofs, the plan says: a true proof with other parameters or tables would be no part of the
  // receipt.
  stark::ByteReader head(proof), start(proof);
  const auto params = stark::read_params(start);
  if (!params) return refuse(segment, params.error().message);
  if (*params != session_->params()) return refuse(segment, "other parameters than planned");
  const Result<SegmentTask> task = segment_task(image_, receipt, segment);
  if (!task) return refuse(segment, task.error().message);
  stark::Proof read;
  const auto shape = stark::read_head(task->circuit.key(), head, read);
  if (!shape) return refuse(segment, shape.error().message);
  if (stark::blake3_hash(stark::serialise(read.tables)) != planned_[segment].tables)
    return refuse(segment, "other tables than planned");
  const auto verified = stark::verify(
      task->circuit.key(), task->statement, proof,
      {.security_bits = wanted_.security_bits - receipt_security(0, planned_.size()),
       .least_rate = session_->least_rate(),
       .widest = receipt_regime(wanted_.regime, planned_.size())});
  if (!verified) return refuse(segment, verified.error().message);
  return {};
}

// Whether these are the roots of the memory that a segment finds and leaves: found out by execution.
Result<bool> Assembly::are_true(uint32_t segment, const SharedRoots& roots) {
  const auto found = session_->roots(segment);
  if (found) return *found == roots;
  const Error error = prove_error(found.error());
  if (error.code == ErrorCode::kOutOfMemory || error.code == ErrorCode::kCancelled)
    return tl::unexpected(error);
  return refuse(segment, error.message);
}

Result<Added> Assembly::add(std::span<const uint8_t> bytes) {
  Result<PartFile> part = parse_part(bytes);
  if (!part) return tl::unexpected(part.error());
  const uint32_t segment = part->segment;
  if (part->job != wanted_.job)
    return refuse(segment, "expected a part of this job, found another's");
  if (segment >= parts_.size())
    return refuse(segment, fmt::format("expected one below {}", parts_.size()));
  Added added{segment, {}};
  auto& known = parts_[segment];
  if (known && known->roots == part->roots && std::ranges::equal(known->proof, part->proof))
    return added;
  if (auto ok = verify_alone(segment, part->roots, part->proof); !ok)
    return tl::unexpected(ok.error());
  // SOUNDNESS: a true proof may start from false memory. Its neighbours know better, or are false themselves.
  std::vector<uint32_t> others;  // that do not fit
  for (const auto& [before, root] : part->roots.before)
    if (parts_[before] && parts_[before]->roots.after.at(segment) != root) others.push_back(before);
  for (const auto& [after, root] : part->roots.after)
    if (parts_[after] && parts_[after]->roots.before.at(segment) != root) others.push_back(after);
  if (!others.empty() || known) {
    const auto right = are_true(segment, part->roots);
    if (!right) return tl::unexpected(right.error());
    if (!*right) {
      return refuse(segment, others.empty() ? "its memory is another execution's"
                                            : fmt::format("its memory is not what segment {} has",
                                                          others.back()));
    }
    // ZERO-KNOWLEDGE: a secret gives one proof of a segment. Whoever made the other one made it otherwise.
    if (known && known->roots == part->roots)
      return refuse(segment, "true, but not the same bytes as the part that is there");
    for (const uint32_t dropped : others) parts_[dropped].reset();
    added.dropped = std::move(others);
  }
  known = Part{std::move(part->roots), {part->proof.begin(), part->proof.end()}};
  return added;
}

std::vector<uint8_t> Assembly::put(uint32_t segment, stark::machine::SegmentProof proof) {
  std::vector<uint8_t> bytes =
      serialise(PartFile{wanted_.job, segment, proof.roots, proof.proof});
  parts_[segment] = Part{std::move(proof.roots), std::move(proof.proof)};
  return bytes;
}

std::vector<uint32_t> Assembly::missing() const {
  std::vector<uint32_t> out;
  for (uint32_t i = 0; i < parts_.size(); ++i)
    if (!parts_[i]) out.push_back(i);
  return out;
}

Result<Assembled> Assembly::assemble() const {
  if (const auto left = missing(); !left.empty()) {
    return tl::unexpected(Error{ErrorCode::kInvalidSegment,
                                fmt::format("segments: expected all {}, found {}: segment {} is missing",
                                            parts_.size(), parts_.size() - left.size(), left[0])});
  }
  Receipt receipt = outline();
  for (size_t i = 0; i < parts_.size(); ++i) {
    receipt.segments[i].roots = parts_[i]->roots;
    receipt.segments[i].proof = parts_[i]->proof;
  }
  Assembled out;
  out.receipt = serialise(receipt);
  const auto start = std::chrono::steady_clock::now();
  Result<Verification> verified = verify(
      out.receipt, to_api(image_.id()),
      {.security_bits = wanted_.security_bits, .regime = wanted_.regime},
      [](size_t segments, const auto& check) { tbb::parallel_for(size_t{0}, segments, check); });
  out.verify_seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!verified) {
    return tl::unexpected(
        Error{ErrorCode::kInvalidReceipt,
              "the prover made a receipt that does not verify: " + verified.error().message});
  }
  out.verification = std::move(*verified);
  return out;
}

}  // namespace zkvm
