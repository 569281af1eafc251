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
  SegmentOptions options;  // of the segment that is being proven
};

Job::Job(std::unique_ptr<State> state) : state_(std::move(state)) {}
Job::Job(Job&&) noexcept = default;
Job& Job::operator=(Job&&) noexcept = default;
Job::~Job() = default;

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
  const auto known = stark::machine::Image::parse(s.file.image);
  auto image = stark::machine::ProgramImage::of(s.program, known ? &*known : nullptr, {}, &s.trees);
  if (!image) return tl::unexpected(prove_error(image.error()));
  s.image = std::move(*image);
  auto session = Session::of_plan(
      s.program, *s.image, {.input = s.file.input, .console = {}}, s.file.plan,
      {.seed = s.file.secret, .progress = [&s](const stark::machine::SessionProgress& progress) {
         return !s.options.progress || s.options.progress(progress.part, progress.stage);
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

Result<std::vector<uint8_t>> Job::prove(uint32_t segment, const SegmentOptions& options) {
  std::optional<tbb::global_control> threads;
  if (options.threads != 0)
    threads.emplace(tbb::global_control::max_allowed_parallelism, options.threads);
  state_->options = options;
  std::vector<uint8_t> part;
  const auto ok = state_->session->prove(
      [&](size_t, stark::machine::SegmentProof proof) {
        part = serialise(PartFile{state_->id, segment, proof.roots, proof.proof});
        return true;
      },
      segment, segment + 1);
  state_->options = {};
  if (ok) return part;
  Error error = prove_error(ok.error());
  if (ok.error().code == stark::ErrorCode::kStatement) error.code = ErrorCode::kMalformedJob;
  return tl::unexpected(std::move(error));
}

Result<Added> Job::add(std::span<const uint8_t> part) { return state_->assembly->add(part); }
std::vector<uint32_t> Job::missing() const { return state_->assembly->missing(); }
Result<Assembled> Job::assemble() const { return state_->assembly->assemble(); }

}  // namespace zkvm
