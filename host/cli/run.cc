// `zkvm run`: execute a guest; its console is ours, what it cost follows on stderr.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "host/cli/command.h"
#include "host/cli/model.h"
#include "host/cli/output.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/number_text.h"
#include "host/program.h"
#include "host/proof_speed.h"

namespace zkvm::cli {
namespace {

struct Options {
  Execution execution;
  std::string journal_path;
  bool quiet = false;
};

// How long, by what the last proof took here, or a typical machine's.
struct ProofTime {
  double seconds;
  bool measured;
};
ProofTime proof_time(const ProofCost& cost) {
  const std::optional<double> slowness = last_slowness(cost.cells);
  return {cost.seconds * slowness.value_or(1), slowness.has_value()};
}

std::string proof_text(const ProofCost& cost) {
  const auto [seconds, measured] = proof_time(cost);
  return fmt::format("about {}, {} of memory, a receipt of {}; {} segment{} ({})",
                     rough_duration_text(seconds), byte_text(cost.memory),
                     byte_text(cost.receipt_bytes), grouped(cost.segments),
                     cost.segments == 1 ? "" : "s",
                     measured ? "by the last proof here" : "typical: no proof was made here yet");
}

void print_report(const Options& options, const Run& run) {
  std::FILE* out = stderr;
  const Execution& execution = options.execution;
  print_to(out, "{} in {}, {}\n", bold(execution.name() + ": " + outcome_text(run), out),
           duration_text(run.seconds), rate_text(run.cycles, run.seconds));

  Table facts({{""}, {""}});
  if (!execution.input.empty()) {
    facts.row({"input", fmt::format("{} read of {}", byte_text(run.input_read),
                                    byte_text(execution.input.size()))});
  }
  facts.row({"journal", journal_text(run.journal)});
  if (run.proof) facts.row({"proof", proof_text(*run.proof)});
  facts.row({"memory", fmt::format("{} touched of {} declared", byte_text(run.memory_touched),
                                   byte_text(run.memory_declared))});
  facts.print(out);
  print_outputs(execution.elf, run, out);

  Table classes({{"class"}, {"cycles", Table::Align::kRight}, {"%", Table::Align::kRight}});
  for (const ClassCount& c : run.classes) {
    classes.row({c.name, grouped(c.count), percent_text(c.count, run.cycles)});
  }
  classes.print(out);
  print_layers(run, out);
  if (const auto program = load_program(execution.elf)) {
    if (const auto why = why_unprovable(*program)) {
      print_to(out, "This program can be run, but not proven: {}.\n", *why);
    }
  }
}

void print_report_json(const Execution& execution, const Run& run) {
  nlohmann::ordered_json object = outcome_json(run);
  object["cycles_per_second"] = run.seconds > 0 ? static_cast<double>(run.cycles) / run.seconds : 0;
  object["journal"] = hex(run.journal);
  put_outputs(object, execution.elf, run);
  object["input_bytes"] = execution.input.size();
  object["input_read"] = run.input_read;
  object["memory_touched"] = run.memory_touched;
  object["memory_declared"] = run.memory_declared;
  object["proof"] = nullptr;
  if (run.proof) {
    const auto [seconds, measured] = proof_time(*run.proof);
    object["proof"] = {{"segments", run.proof->segments},
                       {"seconds", seconds},
                       {"measured", measured},
                       {"memory", run.proof->memory},
                       {"receipt_bytes", run.proof->receipt_bytes}};
  }
  object["classes"] = nlohmann::ordered_json::object();
  for (const ClassCount& c : run.classes) object["classes"][c.name] = c.count;
  object["layers"] = layers_json(run);
  print_json(object);
}

int run_command(Options& options) {
  Execution& execution = options.execution;
  const auto failed = [&](const Error& error) {
    return fail("zkvm run", error.message, execution.json);
  };
  const OutputFile journal{.option = "--journal", .path = options.journal_path, .what = "journal"};
  if (Result<void> ok = execution.read_files(); !ok) return failed(ok.error());
  if (Result<void> ok = check_outputs({journal}, execution.json); !ok) return failed(ok.error());
  if (options.quiet) execution.progress_seconds = 0;
  execution.stdout_is_taken = is_standard(options.journal_path);

  RunOptions run_options = execution.run_options(execution.status_line());
  run_options.estimate_proof = execution.json || !options.quiet;
  const Result<Run> run = zkvm::run(execution.elf, execution.input, run_options);
  if (!run) return failed(execution.in_guest(run.error()));
  if (Result<void> ok = flush_stdout(); !ok) return failed(ok.error());
  if (!options.journal_path.empty()) {
    if (Result<void> ok = write_file(options.journal_path, "journal", run->journal); !ok) {
      return failed(ok.error());
    }
  }

  if (run->trap) print_trap(execution, *run->trap);
  if (execution.json) {
    print_report_json(execution, *run);
  } else if (!options.quiet) {
    print_report(options, *run);
  }
  return outcome_status(*run);
}

}  // namespace

void add_run(Command& sub, int& status) {
  sub.description(
      "Execute a guest and report what it cost.\n"
      "Its standard output and error are passed through; a report follows on\n"
      "stderr: how it ended, cycles (instructions executed), speed, how much of the input it\n"
      "read, journal, memory, what a proof would take, cycles by instruction class. A proof's "
      "time\n"
      "goes by the last one that was made here, or else by a typical machine of 2 cores.");
  sub.footer(
      "Examples:\n"
      "  zkvm run guest.elf\n"
      "  head -c 784 digits.bin | zkvm run mnist.elf --input - --journal out.bin\n"
      "  zkvm run guest.elf --quiet --journal - | xxd\n"
      "  zkvm run guest.elf --json | jq .cycles\n"
      "JSON: exit_code (null after a trap), trap (null or kind, pc, message, where), cycles, "
      "seconds,\n"
      "cycles_per_second, journal (hex), outputs (as in `zkvm verify`), input_bytes, input_read, "
      "memory_touched, memory_declared\n"
      "(bytes), proof (segments, seconds, measured, memory, receipt_bytes; null after a trap),\n"
      "classes (cycles by name), layers (name, calls; products, weights, bytes_read, bytes_written "
      "of a call).");
  auto options = std::make_shared<Options>();
  options->execution.add_options(sub);
  sub.add_option("-j,--journal", options->journal_path,
                 "Write what the guest committed to this file; - is standard output, and the\n"
                 "guest's own output then goes to stderr")
      ->type_name("FILE");
  sub.add_flag("-q,--quiet", options->quiet, "No report: only the guest's own output and errors");
  sub.callback([options, &status] { status = run_command(*options); });
}

}  // namespace zkvm::cli
