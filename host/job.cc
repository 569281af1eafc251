#include <fmt/format.h>
#include <tbb/global_control.h>

#include <optional>
#include <utility>

#include "host/assembly.h"
#include "host/image_cache.h"
#include "host/job_file.h"
#include "host/program.h"
#include "host/prove_error.h"
#include "host/tree_cache.h"
#include "host/verify.h"
#include "host/zkvm_jobs.h"
#include "stark/session/image/program_image.h"
#include "stark/session/session.h"

namespace zkvm {

using stark::machine::Session;

struct Job::State {
  std::vector<uint8_t> bytes;
  JobFile file;  // of the bytes
  vm::Program program;
  TreeCache trees;
  std::optional<stark::machine::ProgramImage> image;
  std::optional<Session> session;
  std::optional<Assembly> assembly;
  stark::Digest id{};
  const SegmentOptions* options = nullptr;  // of the segment that is being proven

  Result<stark::machine::ProgramImage> make_image();
  Result<std::vector<uint8_t>> prove(uint32_t segment);
};

Job::Job(std::unique_ptr<State> state) : state_(std::move(state)) {}
Job::Job(Job&&) noexcept = default;
Job& Job::operator=(Job&&) noexcept = default;
Job::~Job() = default;

// The program's image, with trees as the cache has them.
Result<stark::machine::ProgramImage> Job::State::make_image() {
  const auto known = stark::machine::Image::parse(file.image);
  auto made = stark::machine::ProgramImage::of(program, known ? &*known : nullptr, {}, &trees);
  if (!made) return tl::unexpected(prove_error(made.error()));
  return std::move(*made);
}

Result<Job> Job::open(std::span<const uint8_t> job) {
  auto state = std::make_unique<State>();
  State& s = *state;
  s.bytes.assign(job.begin(), job.end());
  Result<JobFile> file = parse_job(s.bytes);
  if (!file) return tl::unexpected(file.error());
  s.file = *file;
  Result<vm::Program> program = load_program(s.file.elf);
  if (!program) return tl::unexpected(program.error());
  s.program = std::move(*program);
  auto image = s.make_image();
  if (!image) return tl::unexpected(image.error());
  s.image = std::move(*image);
  auto session = Session::of_plan(
      s.program, *s.image, {.input = s.file.input, .console = {}}, s.file.plan,
      {.seed = session_seed(s.file.secret, s.file.elf),
       .progress = [&s](const stark::machine::SessionProgress& progress) {
         return s.options == nullptr || !s.options->progress ||
                s.options->progress(progress.part, progress.stage);
       }});
  if (!session)
    return tl::unexpected(Error{ErrorCode::kMalformedJob, "job: " + session.error().message});
  s.session = std::move(*session);
  s.id = job_id(s.bytes);
  s.assembly.emplace(*s.session, s.image->image(),
                     Assembly::Wanted{s.file.security_bits, s.file.regime, s.id});
  return Job(std::move(state));
}

const std::vector<JobSegment>& Job::segments() const { return state_->assembly->segments(); }
ImageId Job::image_id() const { return to_api(state_->image->image().id()); }
int32_t Job::exit_code() const {
  return static_cast<int32_t>(state_->session->execution().exit_code);
}
uint64_t Job::cycles() const { return state_->session->execution().cycles; }

Result<std::vector<uint8_t>> Job::State::prove(uint32_t segment) {
  std::optional<stark::machine::SegmentProof> proof;
  const auto ok = session->prove(
      [&](size_t, stark::machine::SegmentProof made) {
        proof = std::move(made);
        return true;
      },
      segment, size_t{segment} + 1);
  if (!ok) {
    Error error = prove_error(ok.error());
    if (ok.error().code == stark::ErrorCode::kStatement) error.code = ErrorCode::kMalformedJob;
    return tl::unexpected(std::move(error));
  }
  if (auto held = assembly->verify_alone(segment, proof->roots, proof->proof); !held)
    return tl::unexpected(held.error());
  return serialise(PartFile{id, segment, proof->roots, proof->proof});
}

Result<std::vector<uint8_t>> Job::prove(uint32_t segment, const SegmentOptions& options) {
  State& s = *state_;
  if (segment >= segments().size())
    return tl::unexpected(Error{ErrorCode::kInvalidSegment,
                                fmt::format("segment: expected one below {}, found {}",
                                            segments().size(), segment)});
  std::optional<tbb::global_control> threads;
  if (options.threads != 0)
    threads.emplace(tbb::global_control::max_allowed_parallelism, options.threads);
  struct Heard {  // until prove() ends, however
    const SegmentOptions*& at;
    ~Heard() { at = nullptr; }
  } const heard{s.options};
  s.options = &options;
  auto part = s.prove(segment);
  if (part || part.error().code != ErrorCode::kInvalidSegment) return part;
  // ZERO-KNOWLEDGE: nobody has seen the false one, so that proving again shows nothing new.
  if (s.trees.found().trees > 0) {
    s.trees.drop_found();
    auto image = s.make_image();
    if (!image) return tl::unexpected(image.error());
    s.image = std::move(*image);
    part = s.prove(segment);
    if (part || part.error().code != ErrorCode::kInvalidSegment) return part;
  }
  return tl::unexpected(Error{ErrorCode::kMalformedJob,
                              "job: its execution has no true proof: " + part.error().message});
}

Result<Added> Job::add(std::span<const uint8_t> part) { return state_->assembly->add(part); }
std::vector<uint32_t> Job::missing() const { return state_->assembly->missing(); }
Result<Assembled> Job::assemble() const { return state_->assembly->assemble(); }

}  // namespace zkvm
