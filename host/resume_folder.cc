#include "host/resume_folder.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

#include "host/file.h"
#include "stark/protocol/bytes.h"

namespace zkvm {
namespace {

using stark::ByteReader;
using stark::ByteWriter;
using stark::machine::BankUse;
using stark::machine::SegmentProof;

constexpr std::string_view kSecretMagic = "zkvm proof 2\n";
constexpr std::string_view kSegmentMagic = "zkvm segment 2\n";
constexpr const char* kSecretFile = "secret";
constexpr uint32_t kOwnerOnly = 0600;
constexpr uint32_t kNoSegment = UINT32_MAX;

std::string segment_file(size_t index) { return fmt::format("segment-{}", index); }

Error error_at(ErrorCode code, const std::string& path, std::string_view message) {
  return {code, fmt::format("resume folder '{}': {}", path, message)};
}

std::vector<uint8_t> serialise(const SegmentProof& segment) {
  ByteWriter out;
  out.put_text(kSegmentMagic);
  out.put(segment.journal_end);
  out.put(static_cast<uint16_t>(segment.uses.size()));
  for (const BankUse& use : segment.uses) {
    out.put(use.bank);
    out.put(static_cast<uint8_t>(use.constant));
    for (const auto other : {use.before, use.after}) out.put(other ? *other : kNoSegment);
  }
  for (const auto* roots : {&segment.roots.before, &segment.roots.after}) {
    out.put(static_cast<uint32_t>(roots->size()));
    for (const auto& [other, root] : *roots) {
      out.put(other);
      out.put(root);
    }
  }
  out.put(static_cast<uint32_t>(segment.proof.size()));
  out.put_bytes(segment.proof);
  return std::move(out).take();
}

std::optional<SegmentProof> parse_segment(std::span<const uint8_t> bytes) {
  ByteReader in(bytes);
  if (in.get_text(kSegmentMagic.size()) != kSegmentMagic) return std::nullopt;
  SegmentProof segment;
  segment.journal_end = in.get<uint32_t>();
  const auto uses = in.get<uint16_t>();
  for (unsigned i = 0; i < uses && !in.failed(); ++i) {
    BankUse use{};
    use.bank = in.get<uint16_t>();
    use.constant = in.get<uint8_t>() != 0;
    for (auto* other : {&use.before, &use.after}) {
      if (const auto found = in.get<uint32_t>(); found != kNoSegment) *other = found;
    }
    segment.uses.push_back(use);
  }
  for (auto* roots : {&segment.roots.before, &segment.roots.after}) {
    const auto count = in.get<uint32_t>();
    for (uint32_t i = 0; i < count && !in.failed(); ++i) {
      const auto other = in.get<uint32_t>();
      (*roots)[other] = in.get_digest();
    }
  }
  const std::span<const uint8_t> proof = in.get_bytes(in.get<uint32_t>());
  if (in.failed() || in.remaining() != 0) return std::nullopt;
  segment.proof.assign(proof.begin(), proof.end());
  return segment;
}

}  // namespace

Result<ResumeFolder> ResumeFolder::open(const std::string& path, const ProofIdentity& identity) {
  const auto failed = [&](ErrorCode code, int error) {
    return tl::unexpected(error_at(code, path,
                                   fmt::format("expected a folder that can be used, found: {}",
                                               std::generic_category().message(error))));
  };
  if (mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
    return failed(ErrorCode::kUnwritable, errno);
  }
  const int lock = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock < 0) return failed(ErrorCode::kUnreadable, errno);
  ResumeFolder folder(path, lock);
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    return tl::unexpected(error_at(ErrorCode::kOtherProof, path, "another process uses it"));
  }

  Result<void> ok;
  if (access(folder.file(kSecretFile).c_str(), F_OK) == 0) {
    const Result<std::vector<uint8_t>> bytes =
        read_file(folder.file(kSecretFile), "resume folder's secret");
    if (!bytes) return tl::unexpected(bytes.error());
    ok = folder.read_secret(*bytes, identity);
  } else {
    ok = folder.make_secret(identity);
  }
  if (!ok) return tl::unexpected(ok.error());
  return folder;
}

ResumeFolder::ResumeFolder(ResumeFolder&& other) noexcept
    : path_(std::move(other.path_)), lock_(std::exchange(other.lock_, -1)), seed_(other.seed_) {}

ResumeFolder::~ResumeFolder() {
  if (lock_ >= 0) close(lock_);
}

// ZERO-KNOWLEDGE: one seed must not mask two executions, so what differs is refused, never adapted.
Result<void> ResumeFolder::read_secret(std::span<const uint8_t> bytes,
                                       const ProofIdentity& identity) {
  const auto other = [&](std::string_view what) {
    return tl::unexpected(error_at(
        ErrorCode::kOtherProof, path_,
        fmt::format("expected a proof of this program, input and options, or an empty folder; "
                    "found {}",
                    what)));
  };
  ByteReader in(bytes);
  if (in.get_text(kSecretMagic.size()) != kSecretMagic) return other("a file of another version");
  const auto image_id = in.get_bytes(identity.image_id.size());
  const stark::Digest input = in.get_digest();
  const stark::Digest options = in.get_digest();
  const auto seed = in.get_bytes(seed_.size());
  if (in.failed() || in.remaining() != 0) return other("a damaged file");
  if (!std::ranges::equal(image_id, identity.image_id)) return other("another program's");
  if (input != identity.input) return other("one of another input");
  if (options != identity.options) return other("one with other options");
  std::ranges::copy(seed, seed_.begin());
  return {};
}

Result<void> ResumeFolder::make_secret(const ProofIdentity& identity) {
  seed_ = stark::Randomness::fresh_seed();
  ByteWriter out;
  out.put_text(kSecretMagic);
  out.put_bytes(identity.image_id);
  out.put(identity.input);
  out.put(identity.options);
  out.put_bytes(seed_);
  return write_file(file(kSecretFile), "resume folder's secret", out.view(), kOwnerOnly);
}

std::vector<SegmentProof> ResumeFolder::segments() const {
  std::vector<SegmentProof> found;
  for (;;) {
    const Result<std::vector<uint8_t>> bytes =
        read_file(file(segment_file(found.size())), "segment");
    if (!bytes) return found;
    std::optional<SegmentProof> segment = parse_segment(*bytes);
    if (!segment) return found;
    found.push_back(std::move(*segment));
  }
}

Result<void> ResumeFolder::keep(size_t index, const SegmentProof& segment) const {
  return write_file(file(segment_file(index)), "finished segment", serialise(segment), kOwnerOnly);
}

// The secret first: segments without it are only proofs.
void clear_resume_folder(const std::string& path) {
  if (unlink((path + "/" + kSecretFile).c_str()) != 0) return;
  for (size_t i = 0; unlink((path + "/" + segment_file(i)).c_str()) == 0;) ++i;
}

}  // namespace zkvm
