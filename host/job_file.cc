#include "host/job_file.h"

#include <fmt/format.h>

#include <bit>
#include <cmath>
#include <string_view>
#include <utility>

#include "host/file_kind.h"
#include "stark/protocol/bytes.h"

namespace zkvm {
namespace {

using stark::ByteReader;
using stark::ByteWriter;

constexpr std::string_view kJobMagic = "zkvm job 1\n";
constexpr std::string_view kPartMagic = "zkvm segment 3\n";
constexpr size_t kRootBytes = 4 + 32;

tl::unexpected<Error> malformed(std::string message) {
  return tl::unexpected(Error{ErrorCode::kMalformedJob, "job: " + std::move(message)});
}

tl::unexpected<Error> invalid(std::string message) {
  return tl::unexpected(Error{ErrorCode::kInvalidSegment, "segment: " + std::move(message)});
}

std::span<const uint8_t> get_long(ByteReader& in) { return in.get_bytes(in.get<uint64_t>()); }

void put_long(ByteWriter& out, std::span<const uint8_t> bytes) {
  out.put(static_cast<uint64_t>(bytes.size()));
  out.put_bytes(bytes);
}

}  // namespace

std::vector<uint8_t> serialise(const JobFile& job) {
  ByteWriter out;
  out.put_text(kJobMagic);
  out.put(std::bit_cast<uint64_t>(job.security_bits));
  out.put(static_cast<uint8_t>(job.regime));
  out.put(job.options);
  out.put_bytes(job.secret);
  for (const auto bytes : {job.elf, job.input, job.image, job.plan}) put_long(out, bytes);
  out.put(stark::blake3_hash(out.view()));
  return std::move(out).take();
}

Result<JobFile> parse_job(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  if (in.get_text(kJobMagic.size()) != kJobMagic) {
    const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    return malformed(text.starts_with("zkvm job ")
                         ? "expected one of this version of zkvm, found one of another"
                         : fmt::format("expected a job of `zkvm plan`, found {}",
                                       file_kind(bytes).name));
  }
  JobFile job;
  job.security_bits = std::bit_cast<double>(in.get<uint64_t>());
  const auto regime = in.get<uint8_t>();
  job.regime = static_cast<Regime>(regime);
  job.options = in.get_digest();
  const auto secret = in.get_bytes(job.secret.size());
  if (!in.failed()) std::ranges::copy(secret, job.secret.begin());
  for (auto* part : {&job.elf, &job.input, &job.image, &job.plan}) *part = get_long(in);
  const size_t end = in.position();
  const stark::Digest checksum = in.get_digest();
  if (in.failed()) return malformed(fmt::format("the bytes end at {}: not whole", bytes.size()));
  if (in.remaining() != 0)
    return malformed(fmt::format("{} bytes left over after byte {}", in.remaining(), in.position()));
  if (checksum != stark::blake3_hash(bytes.first(end)))
    return malformed("the checksum is of other bytes: a damaged file");
  if (regime > static_cast<uint8_t>(Regime::kJohnson) || !std::isfinite(job.security_bits))
    return malformed("security that is none");
  return job;
}

stark::Digest job_id(std::span<const uint8_t> job) {
  constexpr std::string_view kLabel = "zkvm job id";
  stark::Blake3 hash;
  hash.update({reinterpret_cast<const uint8_t*>(kLabel.data()), kLabel.size()});
  hash.update(job);
  return hash.finish();
}

stark::Randomness::Seed session_seed(const stark::Randomness::Seed& secret,
                                     std::span<const uint8_t> elf) {
  constexpr std::string_view kLabel = "zkvm session seed";
  stark::Blake3 hash;
  hash.update({reinterpret_cast<const uint8_t*>(kLabel.data()), kLabel.size()});
  hash.update(secret);
  hash.update_words(stark::blake3_hash(elf));
  return std::bit_cast<stark::Randomness::Seed>(hash.finish());
}

stark::Digest options_digest(const ProveOptions& options) {
  ByteWriter out;
  out.put(std::bit_cast<uint64_t>(options.security_bits));
  out.put(options.segment_cycles);
  out.put(options.memory_limit);
  out.put(static_cast<uint8_t>(options.rate));
  out.put(static_cast<uint8_t>(options.regime));
  return stark::blake3_hash(out.view());
}

std::vector<uint8_t> serialise(const PartFile& part) {
  ByteWriter out;
  out.put_text(kPartMagic);
  out.put(part.job);
  out.put(part.segment);
  for (const auto* roots : {&part.roots.before, &part.roots.after}) {
    out.put(static_cast<uint32_t>(roots->size()));
    for (const auto& [other, root] : *roots) {
      out.put(other);
      out.put(root);
    }
  }
  put_long(out, part.proof);
  return std::move(out).take();
}

Result<PartFile> parse_part(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  if (in.get_text(kPartMagic.size()) != kPartMagic) {
    return invalid(fmt::format("expected a segment of this version of zkvm, found {}",
                               file_kind(bytes).name));
  }
  PartFile part;
  part.job = in.get_digest();
  part.segment = in.get<uint32_t>();
  for (auto* roots : {&part.roots.before, &part.roots.after}) {
    const auto count = in.get<uint32_t>();
    if (!in.can_hold(count, kRootBytes)) break;
    int64_t last = -1;
    for (uint32_t i = 0; i < count; ++i) {
      const auto other = in.get<uint32_t>();
      if (other <= last) return invalid("roots that are not in order");
      last = other;
      (*roots)[other] = in.get_digest();
    }
  }
  part.proof = get_long(in);
  if (in.failed()) return invalid(fmt::format("the bytes end at {}: not whole", bytes.size()));
  if (in.remaining() != 0)
    return invalid(fmt::format("{} bytes left over after byte {}", in.remaining(), in.position()));
  return part;
}

}  // namespace zkvm
