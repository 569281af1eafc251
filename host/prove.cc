#include <fmt/format.h>
#include <sys/resource.h>
#include <tbb/global_control.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "host/code_rate.h"
#include "host/image_cache.h"
#include "host/program.h"
#include "host/proof_speed.h"
#include "host/receipt.h"
#include "host/resume_folder.h"
#include "host/tree_cache.h"
#include "host/verify.h"
#include "host/zkvm.h"
#include "stark/poly/tile_matrix.h"
#include "stark/protocol/bytes.h"
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

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Error to_api(const stark::Error& error) {
  switch (error.code) {
    case stark::ErrorCode::kCancelled:
      return {ErrorCode::kCancelled, "the proof was cancelled"};
    case stark::ErrorCode::kMemory:
      return {ErrorCode::kOutOfMemory, error.message};
    case stark::ErrorCode::kFormat:
      return {ErrorCode::kUnfitElf, error.message};
    case stark::ErrorCode::kStatement:
      return {ErrorCode::kOtherProof, error.message};
    default:
      return {ErrorCode::kInsecure, error.message};
  }
}

tl::unexpected<Error> refused(const stark::Error& error) { return tl::unexpected(to_api(error)); }

// Of all that a segment's proof depends on beside the program and the input.
stark::Digest options_digest(const ProveOptions& options) {
  stark::ByteWriter out;
  out.put(std::bit_cast<uint64_t>(options.security_bits));
  out.put(options.segment_cycles);
  out.put(options.memory_limit);
  out.put(static_cast<uint8_t>(options.rate));
  out.put(static_cast<uint8_t>(options.regime));
  return stark::blake3_hash(out.view());
}

// The part of all work that is done, if the segments that are left are as long as each other.
ProveProgress to_api(const SessionProgress& progress, uint64_t cycles) {
  ProveProgress result;
  result.segment = static_cast<uint32_t>(progress.segment);
  result.segments = static_cast<uint32_t>(progress.segments);
  result.cycles = cycles;
  result.stage = progress.stage;
  if (progress.segments == 0) return result;
  const auto before = static_cast<double>(progress.cycles);
  const double left = static_cast<double>(cycles) - before;
  const auto segments_left = static_cast<double>(progress.segments - progress.segment);
  result.fraction =
      (before + progress.part * left / segments_left) / std::max(1.0, static_cast<double>(cycles));
  return result;
}

SessionOptions session_options(const ProveOptions& options, CodeRate rate, uint64_t cycles) {
  SessionOptions result;
  result.log_blowup = rate.log_blowup;
  result.weights = rate.weights;
  result.segment_cycles = options.segment_cycles;
  result.memory_bytes = options.memory_limit;
  result.security_bits = options.security_bits;
  result.widest = receipt_regime(options.regime, 1);
  result.limits.cycles = options.max_cycles;
  if (options.progress) {
    result.progress = [report = options.progress, cycles](const SessionProgress& progress) {
      return report(to_api(progress, cycles));
    };
  }
  return result;
}

std::vector<uint8_t> make_receipt(const stark::machine::Image& image, const Run& run,
                                  std::span<const SegmentProof> segments) {
  const std::vector<uint8_t> image_bytes = image.serialise();
  Receipt receipt;
  receipt.image = image_bytes;
  receipt.exit_code = static_cast<uint32_t>(run.exit_code);
  receipt.journal = run.journal;
  for (const SegmentProof& segment : segments) {
    receipt.segments.push_back({segment.journal_end, segment.uses, segment.roots, segment.proof});
  }
  return serialise(receipt);
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

// The proofs of all segments; those that the folder has are taken from there.
Result<std::vector<SegmentProof>> prove_segments(Session& session, const ResumeFolder* folder,
                                                 Proved& proved) {
  std::vector<SegmentProof> segments;
  if (folder != nullptr) segments = folder->segments();
  if (segments.size() > session.segments()) {
    return tl::unexpected(
        Error{ErrorCode::kOtherProof,
              fmt::format("resume: expected at most {} segments, found {}: of another session",
                          session.segments(), segments.size())});
  }
  segments.reserve(session.segments());  // so that `done` stays where it is
  const std::span<const SegmentProof> done = segments;
  proved.resumed = static_cast<uint32_t>(done.size());
  std::optional<Error> unkept;
  const stark::Result<void> ok = session.prove(
      [&](size_t index, SegmentProof segment) {
        if (folder != nullptr) {
          if (Result<void> kept = folder->keep(index, segment); !kept) unkept = kept.error();
        }
        segments.push_back(std::move(segment));
        return !unkept;
      },
      done.size());
  if (unkept) return tl::unexpected(*unkept);
  if (!ok) return refused(ok.error());
  return segments;
}

// A receipt that does not verify is a defect of ours, or of the machine; nobody shall get it.
Result<void> verify_own(Proved& proved, const ProveOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const Result<Verification> verified =
      verify(proved.receipt, proved.image_id,
             {.security_bits = options.security_bits, .regime = options.regime});
  proved.verify_seconds = seconds_since(start);
  if (!verified) {
    return tl::unexpected(
        Error{ErrorCode::kInvalidReceipt,
              fmt::format("the prover made a receipt that does not verify: {}{}",
                          verified.error().message,
                          proved.resumed == 0 ? "" : "; try again without the resume folder")});
  }
  proved.security_bits = verified->security_bits;
  proved.regime = verified->regime;
  return {};
}

// The proof of the execution that `proved` has, begun at `start`, and its check. Errors:
// kInvalidReceipt, if that fails.
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

  const Result<CodeRate> rate = code_rate(options.rate, image->image().lowest_rate());
  if (!rate) return tl::unexpected(rate.error());
  SessionOptions session_options = zkvm::session_options(options, *rate, proved.run.cycles);
  std::optional<ResumeFolder> folder;
  if (!options.resume_folder.empty()) {
    Result<ResumeFolder> opened =
        ResumeFolder::open(options.resume_folder,
                           {proved.image_id, stark::blake3_hash(input), options_digest(options)});
    if (!opened) return tl::unexpected(opened.error());
    folder.emplace(std::move(*opened));
    session_options.seed = folder->seed();
  }
  const vm::Io io{.input = input, .console = {}};
  const double core_before = core_seconds();
  stark::Result<Session> session = Session::plan(program, *image, io, session_options);
  if (!session) return refused(session.error());
  const Result<std::vector<SegmentProof>> segments =
      prove_segments(*session, folder ? &*folder : nullptr, proved);
  if (!segments) return tl::unexpected(segments.error());

  proved.segments = static_cast<uint32_t>(segments->size());
  proved.log_blowup = session->params().log_blowup;
  proved.receipt = make_receipt(image->image(), proved.run, *segments);
  proved.seconds = seconds_since(start);
  if (Result<void> ok = verify_own(proved, options); !ok) return ok;
  const double core = core_seconds() - core_before;
  add_stats(*session, options.measure_floors, proved);
  add_layers(program, image->layers(), *session, core, proved);
  proved.stages.insert(proved.stages.begin() + 1, {"image", image_seconds, 0, ""});
  return {};
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
  RunOptions run_options{.max_cycles = options.max_cycles, .console = options.console};
  if (options.progress)
    run_options.progress = [&](uint64_t cycles) {
      return options.progress({.cycles = cycles, .stage = "execution"});
    };
  Result<Run> run = run_program(*program, elf, input, run_options);
  if (!run) return tl::unexpected(run.error());
  Proved proved;
  proved.run = std::move(*run);
  if (proved.run.trap) return proved;

  TreeCache trees;
  Result<void> ok = prove_run(elf, input, options, *program, start, trees, proved);
  if (!ok && ok.error().code == ErrorCode::kInvalidReceipt && trees.found().trees > 0) {
    // Their checksums were right and they were not: a defect, or somebody wrote them.
    trees.drop_found();
    if (!options.resume_folder.empty()) clear_resume_folder(options.resume_folder);
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

}  // namespace zkvm
