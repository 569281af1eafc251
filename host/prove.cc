#include <fmt/format.h>
#include <sys/resource.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "host/assembly.h"
#include "host/code_rate.h"
#include "host/image_cache.h"
#include "host/job_file.h"
#include "host/program.h"
#include "host/proof_speed.h"
#include "host/prove_error.h"
#include "host/resume_folder.h"
#include "host/tree_cache.h"
#include "host/verify.h"
#include "host/zkvm_jobs.h"
#include "stark/poly/tile_matrix.h"
#include "stark/prover/stage_floors.h"
#include "stark/session/image/program_image.h"
#include "stark/session/rows/layer_rows.h"
#include "stark/session/session.h"

namespace zkvm {
namespace {

using stark::machine::layer_chip;
using stark::machine::LayerTable;
using stark::machine::ProgramImage;
using stark::machine::SegmentProof;
using stark::machine::Session;
using stark::machine::SessionOptions;
using stark::machine::SessionProgress;
using stark::machine::SessionStats;

// Of the memory of executions in a job (SessionOptions::checkpoint_bytes).
constexpr uint64_t kCheckpointBytes = 16u << 20;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

tl::unexpected<Error> refused(const stark::Error& error) {
  return tl::unexpected(prove_error(error));
}

// The part of all work that is done, if the segments that are left are as long as each other.
ProveProgress to_api(const SessionProgress& progress, uint64_t cycles) {
  ProveProgress result;
  result.segment = static_cast<uint32_t>(progress.segment);
  result.segments = static_cast<uint32_t>(progress.segments);
  result.cycles = std::max(cycles, progress.cycles);  // it may not be known yet how many there are
  result.stage = progress.stage;
  if (progress.segments == 0) return result;
  const auto before = static_cast<double>(progress.cycles);
  const double left = static_cast<double>(cycles) - before;
  const auto segments_left = static_cast<double>(progress.segments - progress.segment);
  result.fraction =
      (before + progress.part * left / segments_left) / std::max(1.0, static_cast<double>(cycles));
  return result;
}

Result<SessionOptions> session_options(const ProveOptions& options,
                                       const stark::machine::Image& image, uint64_t cycles,
                                       const stark::Randomness::Seed& seed, bool is_job) {
  const Result<CodeRate> rate = code_rate(options.rate, image.lowest_rate());
  if (!rate) return tl::unexpected(rate.error());
  SessionOptions result;
  result.log_blowup = rate->log_blowup;
  result.weights = rate->weights;
  result.segment_cycles = options.segment_cycles;
  result.memory_bytes = options.memory_limit;
  if (options.processes > 1)
    result.memory_bytes = stark::machine::segment_memory(result) / options.processes;
  result.security_bits = options.security_bits;
  result.widest = receipt_regime(options.regime, 1);
  result.limits.cycles = std::min(options.max_cycles, uint64_t{1} << 56);  // nobody gets there
  result.seed = seed;
  if (is_job) result.checkpoint_bytes = kCheckpointBytes;
  if (options.progress) {
    result.progress = [report = options.progress, cycles](const SessionProgress& progress) {
      return report(to_api(progress, cycles));
    };
  }
  return result;
}

std::vector<uint8_t> make_job(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                              const ProveOptions& options, const stark::machine::Image& image,
                              const Session& session, const stark::Randomness::Seed& secret) {
  const std::vector<uint8_t> image_bytes = image.serialise();
  return serialise(JobFile{options.security_bits, options.regime, options_digest(options), secret,
                           elf, input, image_bytes, session.plan_bytes()});
}

double core_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

void add_layers(const vm::Program& program, const stark::machine::LayerImage& image,
                const Session& session, double core, Proved& proved) {
  uint64_t all = 0;
  std::map<std::string, uint32_t> columns;
  std::set<std::string> present;
  for (const SessionStats::Chip& chip : session.stats().chips) {
    all += chip.height * chip.columns;
    columns[chip.name] = chip.columns;
    if (chip.height != 0) present.insert(chip.name);
  }
  const stark::machine::WideForms forms = stark::machine::forms_among(present);
  const double per_cell = all == 0 ? 0 : core / static_cast<double>(all);
  size_t next = 0;
  const std::vector<uint64_t>& calls = session.execution().layer_calls;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (calls[i] == 0) continue;
    LayerCost cost{.layer = proved.run.layers.at(next++)};
    const vm::Layer& layer = program.layers[i];
    const size_t group = image.group_of(i);
    // Fixed ones once, those in memory for each call.
    const auto [narrow, wide] = image.weights_rows(i);
    uint64_t weights = narrow * columns[layer_chip(LayerTable::kWeights, group)] +
                       wide * columns[layer_chip(LayerTable::kWeights64, group)];
    for (const auto& [chip, rows] : stark::machine::layer_rows(layer, forms))
      (stark::machine::is_of_weights(chip) ? weights : cost.cells) +=
          calls[i] * rows * columns[chip];
    const uint64_t bytes = 4 * (layer.words_read() - layer.weight_words() - layer.bias_words() +
                                layer.words_written());
    cost.ns_per_activation =
        1e9 * per_cell * static_cast<double>(cost.cells) / static_cast<double>(calls[i] * bytes);
    if (weights != 0) {
      const uint64_t times = layer.memory_weights ? calls[i] : 1;
      cost.ns_per_weight = 1e9 * per_cell * static_cast<double>(weights) /
                           static_cast<double>(times * cost.layer.weights);
    }
    cost.cells += weights;
    cost.core_seconds = per_cell * static_cast<double>(cost.cells);
    proved.layers.push_back(std::move(cost));
  }
}

void add_stats(const Session& session, bool measure_floors, Proved& proved) {
  const SessionStats& stats = session.stats();
  proved.nonce_hashes = stats.prover.nonce_hashes;
  proved.stages = {{"execution", proved.run.seconds + stats.tracing, proved.run.cycles, "cycle"},
                   {"witness", stats.witness, 0, ""},
                   {"fixed and shared trees", stats.trees, 0, ""}};
  for (const stark::StageTime& stage : stats.prover.stages) {
    proved.stages.push_back({stage.name, stage.seconds, stage.units, stage.unit});
  }
  if (measure_floors) {
    const auto floors = stark::measure_stage_floors(session.params().log_blowup);
    for (StageCost& stage : proved.stages) {
      if (const auto found = floors.find(stage.name); found != floors.end()) {
        stage.floor = found->second;
      }
    }
    proved.nonce_seconds =
        1e-9 * floors.at("proof of work") * static_cast<double>(stats.prover.nonce_hashes);
  }
  for (const SessionStats::Chip& chip : stats.chips) {
    if (chip.height == 0) continue;
    proved.chips.push_back({chip.name, chip.rows, chip.height, chip.height * chip.columns});
  }
  std::ranges::sort(proved.chips, std::ranges::greater{}, &ChipCost::cells);
}

uint64_t peak_memory() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<uint64_t>(usage.ru_maxrss) * 1024;
}

// A session, and where its parts come together.
struct Work {
  std::vector<uint8_t> job;  // where there is a folder, or a part is proven elsewhere
  std::optional<Session> session;
  std::optional<Assembly> assembly;
};

// The job that the folder has must be this very proof's. ZERO-KNOWLEDGE: nobody would lose more than time if it were
// another's, as masks depend on all of it; but what it proves would not be what was asked for.
Result<JobFile> same_job(const ResumeFolder& folder, std::span<const uint8_t> bytes,
                         std::span<const uint8_t> elf, std::span<const uint8_t> input,
                         const ProveOptions& options) {
  const auto other = [&](std::string_view what) {
    return tl::unexpected(folder.other_proof(
        fmt::format("expected a proof of this program, input and options, or an empty folder; "
                    "found {}",
                    what)));
  };
  Result<JobFile> job = parse_job(bytes);
  if (!job) return other("no job that can be read: " + job.error().message);
  if (!std::ranges::equal(job->elf, elf)) return other("another program's");
  if (!std::ranges::equal(job->input, input)) return other("one of another input");
  if (job->options != options_digest(options)) return other("one with other options");
  return job;
}

// The session that the folder's job plans, with the parts that are there.
Result<void> resume(const ResumeFolder& folder, const JobFile& job, const vm::Program& program,
                    ProgramImage& image, const ProveOptions& options, SessionOptions planning,
                    Work& work, Proved& proved) {
  planning.seed = session_seed(job.secret, job.elf);
  auto session = Session::of_plan(program, image, {.input = job.input, .console = {}}, job.plan,
                                  std::move(planning));
  if (!session) return tl::unexpected(folder.other_proof(session.error().message));
  work.session = std::move(*session);
  work.assembly.emplace(*work.session, image.image(),
                        Assembly::Wanted{options.security_bits, options.regime, job_id(work.job)});
  for (uint32_t i = 0; i < work.session->segments(); ++i)
    if (const auto part = folder.part(i)) (void)work.assembly->add(*part);
  proved.resumed =
      static_cast<uint32_t>(work.session->segments() - work.assembly->missing().size());
  return {};
}

// Errors: of options.elsewhere; kUnwritable.
Result<void> prove_elsewhere(const ResumeFolder* folder, const ProveOptions& options, Work& work) {
  std::optional<Error> unkept;
  Parts parts{.job = work.job,
              .segments = work.assembly->segments(),
              .missing = [&] { return work.assembly->missing(); },
              .add = [&](std::span<const uint8_t> part) {
                Result<Added> added = work.assembly->add(part);
                if (added && folder != nullptr) {
                  if (auto kept = folder->keep(added->segment, part); !kept) {
                    unkept = kept.error();
                    return Result<Added>(tl::unexpected(kept.error()));
                  }
                }
                return added;
              }};
  const Result<bool> done = options.elsewhere(parts);
  if (unkept) return tl::unexpected(*unkept);
  if (!done) return tl::unexpected(done.error());
  if (*done && !parts.missing().empty())
    return tl::unexpected(Error{ErrorCode::kInvalidSegment,
                                "not all segments have been proven elsewhere"});
  return {};
}

Result<void> prove_missing(const ResumeFolder* folder, Work& work) {
  const std::vector<uint32_t> missing = work.assembly->missing();
  std::optional<Error> unkept;
  const auto take = [&](size_t index, SegmentProof proof) {
    const auto segment = static_cast<uint32_t>(index);
    const std::vector<uint8_t> part = work.assembly->put(segment, std::move(proof));
    if (folder != nullptr) {
      if (Result<void> kept = folder->keep(segment, part); !kept) unkept = kept.error();
    }
    return !unkept;
  };
  for (size_t i = 0; i < missing.size();) {
    size_t end = i + 1;
    while (end < missing.size() && missing[end] == missing[i] + (end - i)) ++end;
    const stark::Result<void> ok = work.session->prove(take, missing[i], missing[end - 1] + 1);
    if (unkept) return tl::unexpected(*unkept);
    if (!ok) return refused(ok.error());
    i = end;
  }
  return {};
}

// The proof of the execution that `proved` has, begun at `start`, and its check. Errors:
// kInvalidReceipt, if that fails: a defect of ours, or of the machine; nobody shall get it.
Result<void> prove_run(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                       const ProveOptions& options, const vm::Program& program,
                       std::chrono::steady_clock::time_point start, TreeCache& trees,
                       Proved& proved) {
  const auto image_start = std::chrono::steady_clock::now();
  if (options.progress && !options.progress({.cycles = proved.run.cycles, .stage = "image"})) {
    return tl::unexpected(Error{ErrorCode::kCancelled, "the proof was cancelled"});
  }
  stark::Result<ProgramImage> image = program_image(program, image_key(elf), &trees);
  if (!image) return refused(image.error());
  const double image_seconds = seconds_since(image_start);
  proved.image_id = zkvm::to_api(image->image().id());
  proved.resumed = 0;

  const stark::Randomness::Seed secret = stark::Randomness::fresh_seed();
  const Result<SessionOptions> planning =
      session_options(options, image->image(), proved.run.cycles, session_seed(secret, elf),
                      !options.resume_folder.empty() || options.elsewhere);
  if (!planning) return tl::unexpected(planning.error());
  std::optional<ResumeFolder> folder;
  Work work;
  const double core_before = core_seconds();
  if (!options.resume_folder.empty()) {
    Result<ResumeFolder> opened = ResumeFolder::open(options.resume_folder);
    if (!opened) return tl::unexpected(opened.error());
    folder.emplace(std::move(*opened));
    auto found = folder->job();
    if (!found) return tl::unexpected(found.error());
    if (*found) {
      work.job = std::move(**found);
      const Result<JobFile> job = same_job(*folder, work.job, elf, input, options);
      if (!job) return tl::unexpected(job.error());
      if (auto ok = resume(*folder, *job, program, *image, options, *planning, work, proved);
          !ok)
        return ok;
    }
  }
  if (!work.session) {
    stark::Result<Session> session =
        Session::plan(program, *image, {.input = input, .console = {}}, *planning);
    if (!session) return refused(session.error());
    work.session = std::move(*session);
    Assembly::Wanted wanted{options.security_bits, options.regime};
    if (folder || options.elsewhere) {
      work.job = make_job(elf, input, options, image->image(), *work.session, secret);
      wanted.job = job_id(work.job);
    }
    if (folder) {
      if (auto ok = folder->keep_job(work.job); !ok) return ok;
    }
    work.assembly.emplace(*work.session, image->image(), wanted);
  }
  const ResumeFolder* keeper = folder ? &*folder : nullptr;
  if (options.elsewhere && !work.assembly->missing().empty()) {
    if (auto ok = prove_elsewhere(keeper, options, work); !ok) return ok;
  }
  if (auto ok = prove_missing(keeper, work); !ok) return ok;

  const Session& session = *work.session;
  proved.segments = static_cast<uint32_t>(session.segments());
  proved.log_blowup = session.params().log_blowup;
  proved.seconds = seconds_since(start);
  Result<Assembled> assembled = work.assembly->assemble();
  if (!assembled) {
    if (proved.resumed != 0) assembled.error().message += "; try again without the resume folder";
    return tl::unexpected(assembled.error());
  }
  proved.receipt = std::move(assembled->receipt);
  proved.verify_seconds = assembled->verify_seconds;
  proved.security_bits = assembled->verification.security_bits;
  proved.regime = assembled->verification.regime;
  const double core = core_seconds() - core_before;
  add_stats(session, options.measure_floors, proved);
  add_layers(program, image->layers(), session, core, proved);
  proved.stages.insert(proved.stages.begin() + 1, {"image", image_seconds, 0, ""});
  return {};
}

Result<Run> execute(const vm::Program& program, std::span<const uint8_t> elf,
                    std::span<const uint8_t> input, const ProveOptions& options) {
  RunOptions run_options{.max_cycles = options.max_cycles, .console = options.console};
  if (options.progress)
    run_options.progress = [&](uint64_t cycles) {
      return options.progress({.cycles = cycles, .stage = "execution"});
    };
  return run_program(program, elf, input, run_options);
}

}  // namespace

void release_memory() { stark::AlignedWords::release_kept(); }

Result<Proved> prove(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                     const ProveOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  std::optional<tbb::global_control> threads;
  if (options.threads != 0) {
    threads.emplace(tbb::global_control::max_allowed_parallelism, options.threads);
  }
  const Result<vm::Program> program = load_program(elf);
  if (!program) return tl::unexpected(program.error());
  Result<Run> run = execute(*program, elf, input, options);
  if (!run) return tl::unexpected(run.error());
  Proved proved;
  proved.run = std::move(*run);
  if (proved.run.trap) return proved;

  TreeCache trees;
  Result<void> ok = prove_run(elf, input, options, *program, start, trees, proved);
  if (!ok && ok.error().code == ErrorCode::kInvalidReceipt && trees.found().trees > 0) {
    // Their checksums were right and they were not: a defect, or somebody wrote them.
    trees.drop_found();
    if (!options.resume_folder.empty()) (void)clear_resume_folder(options.resume_folder);
    proved.trees.damaged = true;
    ok = prove_run(elf, input, options, *program, start, trees, proved);
  }
  if (!ok) return tl::unexpected(ok.error());
  proved.trees.found = trees.found().trees;
  proved.trees.bytes_found = trees.found().bytes;
  proved.trees.kept = trees.kept().trees;
  proved.trees.bytes_kept = trees.kept().bytes;
  proved.peak_memory = peak_memory();
  return proved;
}

Result<Planned> plan(std::span<const uint8_t> elf, std::span<const uint8_t> input,
                     const ProveOptions& options) {
  const Result<vm::Program> program = load_program(elf);
  if (!program) return tl::unexpected(program.error());
  if (options.progress && !options.progress({.stage = "image"}))
    return tl::unexpected(Error{ErrorCode::kCancelled, "the plan was cancelled"});
  stark::Result<ProgramImage> image = program_image(*program, image_key(elf));
  if (!image) return refused(image.error());
  const stark::Randomness::Seed secret = stark::Randomness::fresh_seed();
  const Result<SessionOptions> planning =
      session_options(options, image->image(), 0, session_seed(secret, elf), true);
  if (!planning) return tl::unexpected(planning.error());
  const stark::Result<Session> session =
      Session::plan(*program, *image, {.input = input, .console = options.console}, *planning);
  if (!session) return refused(session.error());
  Planned planned{.run = run_of(*program, elf, input, {.max_cycles = options.max_cycles},
                                session->execution(), session->stats().tracing),
                  .job = {}};
  if (planned.run.trap) return planned;
  planned.job = make_job(elf, input, options, image->image(), *session, secret);
  return planned;
}

}  // namespace zkvm
