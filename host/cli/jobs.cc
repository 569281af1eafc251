// `zkvm plan`, `zkvm prove-segment` and `zkvm assemble`: a proof in parts.
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <memory>

#include "host/cli/command.h"
#include "host/cli/interruption.h"
#include "host/cli/output.h"
#include "host/cli/proof_line.h"
#include "host/cli/proof_options.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/number_text.h"
#include "host/resume_folder.h"
#include "host/source_map.h"
#include "host/zkvm_jobs.h"

namespace zkvm::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr uint32_t kOwnerOnly = 0600;

Result<Job> open_job(const std::string& path) {
  const Result<std::vector<uint8_t>> bytes = read_file(path, "job", kMaxJobBytes);
  if (!bytes) return tl::unexpected(bytes.error());
  Result<Job> job = Job::open(*bytes);
  if (!job) return tl::unexpected(in_file(path, job.error()));
  return job;
}

Json segment_json(const JobSegment& segment) {
  return {{"cycles", segment.cycles}, {"cells", segment.cells}, {"memory", segment.memory}};
}

// ------------------------------------------------------------------------------------------- plan

struct PlanOptions {
  Execution execution;
  ProofOptions proof;
  std::string job_path;
};

int plan_command(const PlanOptions& options, Execution& execution) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm plan", error.message, execution.json);
  };
  const OutputFile file{.option = "-o", .path = options.job_path, .what = "a job"};
  if (auto ok = execution.read_files(); !ok) return failed(ok.error());
  if (auto ok = check_outputs({file}, execution.json); !ok) return failed(ok.error());
  execution.stdout_is_taken = is_standard(options.job_path);

  const auto start = std::chrono::steady_clock::now();
  const auto line = execution.status_line();
  ProofLine proof_line(line);
  ProveOptions prove_options = options.proof.get();
  prove_options.max_cycles = execution.max_cycles;
  prove_options.console = execution.run_options(line).console;
  prove_options.progress = [&](const ProveProgress& progress) {
    proof_line.report(progress);
    return true;
  };
  const Result<Planned> planned = plan(execution.elf, execution.input, prove_options);
  line->hide();
  if (auto ok = flush_stdout(); !ok) return failed(ok.error());
  if (!planned) return failed(execution.in_guest(planned.error()));
  Json object = outcome_json(planned->run);
  object["seconds"] = seconds_since(start);
  object["job"] = nullptr;
  if (planned->run.trap) {
    print_trap(execution, *planned->run.trap);
    if (execution.json) print_json(object);
    return kNo;
  }
  const Result<Job> job = Job::open(planned->job);
  if (!job) return failed(job.error());
  if (auto ok = write_file(options.job_path, "job", planned->job, kOwnerOnly); !ok)
    return failed(ok.error());
  if (execution.json) {
    object["job"] = options.job_path;
    object["job_bytes"] = planned->job.size();
    object["image_id"] = hex(job->image_id());
    object["segments"] = Json::array();
    for (const JobSegment& segment : job->segments())
      object["segments"].push_back(segment_json(segment));
    print_json(object);
    return kSuccess;
  }
  uint64_t memory = 0;
  for (const JobSegment& segment : job->segments()) memory = std::max(memory, segment.memory);
  print_to(stderr, "{}, planned in {}\n",
           bold(execution.name() + ": " + outcome_text(planned->run), stderr),
           duration_text(seconds_since(start)));
  Table facts({{""}, {""}});
  facts.row({"job", fmt::format("{}: {}, secret", is_standard(options.job_path)
                                                      ? "standard output"
                                                      : printable(options.job_path),
                                byte_text(planned->job.size()))});
  facts.row({"image id", hex(job->image_id())});
  facts.row({"segments", fmt::format("{}, 0 to {}", grouped(job->segments().size()),
                                     grouped(job->segments().size() - 1))});
  facts.row({"memory", fmt::format("{} for the largest", byte_text(memory))});
  facts.print(stderr);
  return kSuccess;
}

// --------------------------------------------------------------------------------- prove-segment

struct SegmentCommand {
  std::string job_path, segment, part_path;
  uint64_t threads = 0;
  uint64_t progress_seconds = 60;
  bool json = false;
};

std::optional<uint32_t> parse_segment(std::string_view text) {
  uint32_t number = 0;
  const auto [rest, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || rest != text.data() + text.size()) return std::nullopt;
  return number;
}

// Segments whose numbers come line by line, one at a time; each part goes to standard output behind a line of JSON that
// says how long it is. Such lines also say how far a part is, or why there is none.
int serve(const SegmentCommand& options, Job& job) {
  const auto say = [](const Json& head, std::span<const uint8_t> bytes) {
    const std::string line =
        head.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
    write_to(stdout, line);
    write_to(stdout, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return flush_stdout();
  };
  for (std::string line; std::getline(std::cin, line);) {
    const auto segment = parse_segment(line);
    if (!segment || *segment >= job.segments().size()) {
      return fail("zkvm prove-segment",
                  fmt::format("standard input: expected a segment's number from 0 to {}, found '{}'",
                              job.segments().size() - 1, printable(line)),
                  false);
    }
    const auto start = std::chrono::steady_clock::now();
    auto told = start;
    const auto part = job.prove(
        *segment, {.threads = static_cast<uint32_t>(options.threads),
                   .progress = [&](double done, const char* stage) {
                     const auto now = std::chrono::steady_clock::now();
                     if (now - told < std::chrono::milliseconds(500)) return true;
                     told = now;
                     return say({{"segment", *segment}, {"part", done}, {"stage", stage}}, {})
                         .has_value();
                   }});
    const auto said =
        part ? say({{"segment", *segment}, {"seconds", seconds_since(start)}, {"bytes", part->size()}},
                   *part)
             : say({{"segment", *segment},
                    {"error", part.error().message},
                    {"code", name_of(part.error().code)}},
                   {});
    if (!said) return fail("zkvm prove-segment", said.error().message, false);
  }
  return kSuccess;
}

int segment_command(const SegmentCommand& options) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm prove-segment", error.message, options.json);
  };
  const bool served = is_standard(options.segment);
  if (served && (!options.part_path.empty() || options.json))
    return failed({ErrorCode::kUnwritable,
                   "expected neither -o nor --json where SEGMENT is -: parts go to standard output"});
  if (!served && options.part_path.empty())
    return failed({ErrorCode::kUnwritable, "expected -o with a file for the part"});
  if (served && is_standard(options.job_path))
    return failed({ErrorCode::kUnreadable,
                   "expected standard input for one file, found - for JOB and for SEGMENT"});
  const OutputFile file{.option = "-o", .path = options.part_path, .what = "a part"};
  if (auto ok = check_outputs({file}, options.json); !ok) return failed(ok.error());
  Result<Job> job = open_job(options.job_path);
  if (!job) return failed(job.error());
  if (served) return serve(options, *job);

  const auto segment = parse_segment(options.segment);
  if (!segment || *segment >= job->segments().size())
    return failed({ErrorCode::kUnreadable,
                   fmt::format("SEGMENT: expected a number from 0 to {}, found '{}'",
                               job->segments().size() - 1, printable(options.segment))});
  const auto start = std::chrono::steady_clock::now();
  const auto line = std::make_shared<StatusLine>("zkvm prove-segment",
                                                 std::chrono::seconds(options.progress_seconds));
  ProofLine proof_line(line);
  Interruption interruption;
  interruption.arm();
  const Result<std::vector<uint8_t>> part = job->prove(
      *segment,
      {.threads = static_cast<uint32_t>(options.threads),
       .progress = [&](double done, const char* stage) {
         proof_line.report({.segment = *segment,
                            .segments = static_cast<uint32_t>(job->segments().size()),
                            .fraction = done,
                            .cycles = job->segments()[*segment].cycles,
                            .stage = stage});
         return !interruption.happened();
       }});
  line->hide();
  if (interruption.happened()) interruption.end_process();
  if (!part) return failed(part.error());
  const double seconds = seconds_since(start);
  if (auto ok = write_file(options.part_path, "part", *part); !ok) return failed(ok.error());
  const JobSegment& of = job->segments()[*segment];
  if (options.json) {
    Json object = {{"segment", *segment}, {"segments", job->segments().size()}};
    object.update(segment_json(of));
    object["seconds"] = seconds;
    object["part"] = options.part_path;
    object["bytes"] = part->size();
    print_json(object);
  } else {
    print_to(stderr, "segment {} of 0 to {}: {} instructions, proven in {}: {}, {}\n", *segment,
             job->segments().size() - 1, grouped(of.cycles), duration_text(seconds),
             is_standard(options.part_path) ? "standard output" : printable(options.part_path),
             byte_text(part->size()));
  }
  return kSuccess;
}

// -------------------------------------------------------------------------------------- assemble

struct AssembleCommand {
  std::string job_path;
  std::vector<std::string> parts;
  std::string receipt_path;
  bool json = false;
};

int assemble_command(const AssembleCommand& options) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm assemble", error.message, options.json);
  };
  const OutputFile file{.option = "-o", .path = options.receipt_path, .what = "a receipt"};
  if (auto ok = check_outputs({file}, options.json); !ok) return failed(ok.error());
  Result<Job> job = open_job(options.job_path);
  if (!job) return failed(job.error());
  std::vector<std::string> wrong;
  std::vector<std::string> from(job->segments().size());
  for (const std::string& path : options.parts) {
    const auto bytes = read_file(path, "part");
    if (!bytes) return failed(bytes.error());
    const Result<Added> added = job->add(*bytes);
    if (!added) {
      wrong.push_back(in_file(path, added.error()).message);
      continue;
    }
    from[added->segment] = path;
    for (const uint32_t dropped : added->dropped)
      wrong.push_back(fmt::format("'{}': segment {}: memory that its neighbours have not",
                                  from[dropped], dropped));
  }
  for (const std::string& message : wrong) print_to(stderr, "zkvm assemble: {}\n", message);
  if (const auto missing = job->missing(); !missing.empty()) {
    std::string list;
    constexpr size_t kMost = 20;
    for (size_t i = 0; i < std::min(missing.size(), kMost); ++i)
      list += fmt::format("{}{}", i == 0 ? "" : ", ", missing[i]);
    if (missing.size() > kMost) list += ", ...";
    fail("zkvm assemble",
         fmt::format("{} of {} segments are missing: {}", missing.size(), job->segments().size(),
                     list),
         options.json);
    return kNo;
  }
  const Result<Assembled> whole = job->assemble();
  if (!whole) return failed(whole.error());
  if (auto ok = write_file(options.receipt_path, "receipt", whole->receipt); !ok)
    return failed(ok.error());
  const Verification& of = whole->verification;
  if (options.json) {
    print_json({{"receipt", options.receipt_path},
                {"receipt_bytes", whole->receipt.size()},
                {"segments", of.segments},
                {"image_id", hex(of.image_id)},
                {"exit_code", of.exit_code},
                {"journal", hex(of.journal)},
                {"security_bits", of.security_bits},
                {"regime", regime_name(of.regime)},
                {"verify_seconds", whole->verify_seconds}});
    return kSuccess;
  }
  Table facts({{""}, {""}});
  facts.row({"receipt", fmt::format("{}: {}, {} segments",
                                    is_standard(options.receipt_path)
                                        ? "standard output"
                                        : printable(options.receipt_path),
                                    byte_text(whole->receipt.size()), grouped(of.segments))});
  facts.row({"image id", hex(of.image_id)});
  facts.row({"exit code", fmt::format("{}", of.exit_code)});
  facts.row({"journal", journal_text(of.journal)});
  facts.row({"security", security_text(of.security_bits, of.regime)});
  facts.row({"verified", fmt::format("in {}", duration_text(whole->verify_seconds))});
  facts.print(stderr);
  return kSuccess;
}

}  // namespace

void add_plan(Command& sub, int& status) {
  sub.description(
      "Execute a guest and write a job, from which its proof is made in parts.\n"
      "Anybody who has the job can prove any of its segments, on any machine with this very build of\n"
      "zkvm: `zkvm prove-segment`. `zkvm assemble` makes the receipt of the parts. The job is secret:\n"
      "who reads it reads the input. `zkvm prove --jobs` does all three on one machine, and\n"
      "`python -m zkvm.cluster` on many.");
  sub.footer(
      "Examples:\n"
      "  zkvm plan guest.elf --input secret.bin -o job\n"
      "  for i in 0 1 2; do zkvm prove-segment job $i -o part-$i; done\n"
      "  zkvm assemble job part-* -o receipt.zkr\n"
      "JSON: exit_code (null after a trap), trap, cycles, seconds, job (its file; null after a trap, and nothing\n"
      "else follows), job_bytes, image_id, segments (cycles, cells committed, memory in bytes of a process that\n"
      "proves it).");
  auto options = std::make_shared<PlanOptions>();
  options->execution.add_options(sub);
  sub.add_option("-o,--output", options->job_path,
                 "Write the job to this file, for its owner alone; - is standard output")
      ->required()
      ->type_name("JOB");
  options->proof.add(sub);
  sub.callback([options, &status] { status = plan_command(*options, options->execution); });
}

void add_prove_segment(Command& sub, int& status) {
  sub.description(
      "Prove one segment of a job that `zkvm plan` has written.\n"
      "It executes up to the segment, and needs nothing of the others. Whoever proves it again gets\n"
      "the same bytes. A part tells no more than the receipt.\n"
      "SEGMENT is a number from 0; or -: then numbers are read from standard input, line by line, and\n"
      "parts are written to standard output, each behind a line of JSON with its segment and its bytes,\n"
      "for whoever shares out work: host/doc/jobs.md.");
  sub.footer(
      "Examples:\n"
      "  zkvm prove-segment job 7 -o part-7\n"
      "  zkvm plan guest.elf -o - | ssh worker zkvm prove-segment - 7 -o - >part-7\n"
      "JSON: segment, segments (of the job), cycles, cells, memory (as planned), seconds, part (its file), bytes.");
  auto options = std::make_shared<SegmentCommand>();
  sub.add_option("JOB", options->job_path, "What `zkvm plan` has written; - is standard input")
      ->required()
      ->type_name("");
  sub.add_option("SEGMENT", options->segment, "Which one, from 0; - as said above")
      ->required()
      ->type_name("");
  sub.add_option("-o,--output", options->part_path,
                 "Write the part to this file; - is standard output")
      ->type_name("PART");
  add_threads(sub, options->threads);
  add_progress(sub, options->progress_seconds);
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = segment_command(*options); });
}

void add_assemble(Command& sub, int& status) {
  sub.description(
      "Make the receipt of all parts of a job.\n"
      "Each part is verified alone, so that a bad one is named, and the receipt as a whole before it is\n"
      "written. Exit status 1 if parts are missing or false.");
  sub.footer(
      "Examples:\n"
      "  zkvm assemble job part-* -o receipt.zkr\n"
      "JSON: receipt (its file), receipt_bytes, segments, image_id, exit_code, journal (hex), security_bits, regime,\n"
      "verify_seconds; or error.");
  auto options = std::make_shared<AssembleCommand>();
  sub.add_option("JOB", options->job_path, "What `zkvm plan` has written")->required()->type_name("");
  sub.add_option("PART", options->parts, "What `zkvm prove-segment` has written, in any order")
      ->required()
      ->type_name("")
      ->expected(1, 1 << 20);
  sub.add_option("-o,--output", options->receipt_path,
                 "Write the receipt to this file; - is standard output")
      ->required()
      ->type_name("FILE.zkr");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = assemble_command(*options); });
}

}  // namespace zkvm::cli
