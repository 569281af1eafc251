// `zkvm prove`: execute a guest, prove it, write the receipt.
#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <thread>

#include "host/cache_folder.h"
#include "host/cli/command.h"
#include "host/cli/interruption.h"
#include "host/cli/local_jobs.h"
#include "host/cli/model.h"
#include "host/cli/output.h"
#include "host/cli/proof_line.h"
#include "host/cli/proof_options.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/number_text.h"
#include "host/proof_speed.h"
#include "host/resume_folder.h"
#include "host/source_map.h"
#include "host/zkvm_jobs.h"
#include "stark/session/host_memory.h"

namespace zkvm::cli {
namespace {

struct Options {
  Execution execution;
  std::string receipt_path;
  ProofOptions proof;
  std::string resume_folder;
  uint64_t threads = 0;
  uint64_t jobs = 0;  // 0: chosen
  bool stats = false;
};

// In how many processes these segments are proven fastest with so many threads in all. Measured on 2 cores: two processes
// of one thread take as long as one of two, whose threads wait for each other for 5 % of their time; of more threads
// they wait for more of it. So processes have two, if each may have its memory and has segments enough to pay for its
// fresh pages (some 2 s of the first).
uint32_t best_jobs(const Parts& parts, uint64_t threads) {
  uint64_t memory = 1;
  for (const JobSegment& segment : parts.segments) memory = std::max(memory, segment.memory);
  const uint64_t fit = stark::machine::machine_memory() / 2 / memory;
  return static_cast<uint32_t>(std::min({threads / 2, fit, uint64_t{parts.missing().size() / 2}}));
}

double khz(const Proved& proved) {
  return static_cast<double>(proved.run.cycles) / std::max(proved.seconds, 1e-9) / 1e3;
}

double nanoseconds_per(double seconds, uint64_t units) {
  return units == 0 ? 0 : 1e9 * seconds / static_cast<double>(units);
}

std::string segments_text(uint32_t segments, uint32_t resumed) {
  std::string text = fmt::format("{} segment{}", grouped(segments), segments == 1 ? "" : "s");
  if (resumed != 0) text += fmt::format(", {} of them found", grouped(resumed));
  return text;
}

std::string trees_text(const TreeUse& trees) {
  std::string text = trees.found == 0 ? std::string("none from the cache")
                                      : fmt::format("{} from the cache, {}", trees.found,
                                                    byte_text(trees.bytes_found));
  if (trees.kept > 0)
    text += fmt::format("; {} kept there, {}", trees.kept, byte_text(trees.bytes_kept));
  return text;
}

void print_stats(const Proved& proved) {
  std::FILE* out = stderr;
  constexpr auto kRight = Table::Align::kRight;
  double total = 0;
  for (const StageCost& stage : proved.stages) total += stage.seconds;
  Table stages({{"stage"},
                {"seconds", kRight},
                {"%", kRight},
                {"work", kRight},
                {"unit"},
                {"ns per unit", kRight},
                {"floor", kRight}});
  for (const StageCost& stage : proved.stages) {
    stages.row(
        {stage.name, fmt::format("{:.3f}", stage.seconds),
         fmt::format("{:.1f}", total > 0 ? 100 * stage.seconds / total : 0),
         stage.units == 0 ? "" : grouped(stage.units), stage.unit,
         stage.units == 0 ? "" : fmt::format("{:.2f}", nanoseconds_per(stage.seconds, stage.units)),
         stage.floor > 0 ? fmt::format("{:.2f}", stage.floor) : ""});
  }
  stages.print(out);

  uint64_t cells = 0;
  for (const ChipCost& chip : proved.chips) cells += chip.cells;
  Table chips({{"chip"},
               {"rows", kRight},
               {"padded to", kRight},
               {"lost %", kRight},
               {"cells", kRight},
               {"%", kRight}});
  for (const ChipCost& chip : proved.chips) {
    chips.row({chip.name, grouped(chip.rows), grouped(chip.padded),
               percent_text(chip.padded - chip.rows, chip.padded), grouped(chip.cells),
               percent_text(chip.cells, cells)});
  }
  chips.print(out);
  if (proved.layers.empty()) return;

  Table layers({{"layer"},
                {"calls", kRight},
                {"products", kRight},
                {"cells", kRight},
                {"%", kRight},
                {"core ms", kRight},
                {"ns a weight", kRight},
                {"an activation", kRight}});
  for (const LayerCost& cost : proved.layers) {
    layers.row({cost.layer.name, grouped(cost.layer.calls),
                grouped(cost.layer.calls * cost.layer.products), grouped(cost.cells),
                percent_text(cost.cells, cells), fmt::format("{:.1f}", 1e3 * cost.core_seconds),
                cost.ns_per_weight > 0 ? fmt::format("{:.1f}", cost.ns_per_weight) : "",
                fmt::format("{:.0f}", cost.ns_per_activation)});
  }
  layers.print(out);
}

void print_report(const Options& options, const Proved& proved) {
  std::FILE* out = stderr;
  const Run& run = proved.run;
  print_to(out, "{}, proven in {}, {}\n",
           bold(options.execution.name() + ": " + outcome_text(run), out),
           duration_text(proved.seconds), rate_text(run.cycles, proved.seconds));
  Table facts({{""}, {""}});
  facts.row(
      {"receipt",
       fmt::format(
           "{}: {}, {}",
           is_standard(options.receipt_path) ? "standard output" : printable(options.receipt_path),
           byte_text(proved.receipt.size()), segments_text(proved.segments, proved.resumed))});
  facts.row({"image id", hex(proved.image_id)});
  facts.row({"journal", journal_text(run.journal)});
  facts.row({"security", security_text(proved.security_bits, proved.regime)});
  facts.row({"verified", fmt::format("in {}", duration_text(proved.verify_seconds))});
  facts.row({"peak memory", byte_text(proved.peak_memory)});
  if (options.stats) {
    facts.row({"large trees", trees_text(proved.trees)});
    facts.row({"nonces", fmt::format("{} hashes expected, {}", grouped(proved.nonce_hashes),
                                     duration_text(proved.nonce_seconds))});
  }
  facts.print(out);
  print_outputs(options.execution.elf, run, out);
  if (options.stats) print_stats(proved);
}

nlohmann::ordered_json stats_json(const Proved& proved) {
  nlohmann::ordered_json object;
  object["trees"] = {{"found", proved.trees.found},
                     {"bytes_found", proved.trees.bytes_found},
                     {"kept", proved.trees.kept},
                     {"bytes_kept", proved.trees.bytes_kept}};
  object["nonces"] = {{"expected_hashes", proved.nonce_hashes},
                      {"expected_seconds", proved.nonce_seconds}};
  object["stages"] = nlohmann::ordered_json::array();
  for (const StageCost& stage : proved.stages) {
    object["stages"].push_back({{"name", stage.name},
                                {"seconds", stage.seconds},
                                {"units", stage.units},
                                {"unit", stage.unit},
                                {"floor_ns", nullptr}});
    if (stage.floor > 0) object["stages"].back()["floor_ns"] = stage.floor;
  }
  object["chips"] = nlohmann::ordered_json::array();
  for (const ChipCost& chip : proved.chips) {
    object["chips"].push_back(
        {{"name", chip.name}, {"rows", chip.rows}, {"padded", chip.padded}, {"cells", chip.cells}});
  }
  object["layers"] = nlohmann::ordered_json::array();
  for (const LayerCost& cost : proved.layers) {
    object["layers"].push_back({{"name", cost.layer.name},
                                {"calls", cost.layer.calls},
                                {"products", cost.layer.products},
                                {"weights", cost.layer.weights},
                                {"cells", cost.cells},
                                {"core_seconds", cost.core_seconds},
                                {"ns_per_weight", cost.ns_per_weight},
                                {"ns_per_activation", cost.ns_per_activation}});
  }
  return object;
}

void print_report_json(const Options& options, const Proved& proved) {
  nlohmann::ordered_json object = outcome_json(proved.run);
  object["seconds"] = proved.seconds;
  object["receipt"] = nullptr;
  if (!proved.run.trap) {
    object["receipt"] = options.receipt_path;
    object["khz"] = khz(proved);
    object["peak_rss_bytes"] = proved.peak_memory;
    object["receipt_bytes"] = proved.receipt.size();
    object["segments"] = proved.segments;
    object["resumed_segments"] = proved.resumed;
    object["security_bits"] = proved.security_bits;
    object["regime"] = regime_name(proved.regime);
    object["image_id"] = hex(proved.image_id);
    object["journal"] = hex(proved.run.journal);
    put_outputs(object, options.execution.elf, proved.run);
    object["verify_seconds"] = proved.verify_seconds;
    if (options.stats) object.update(stats_json(proved));
  }
  print_json(object);
}

[[noreturn]] void end_interrupted(const Options& options, Interruption& interruption) {
  const std::string rest =
      options.resume_folder.empty()
          ? "nothing was written"
          : fmt::format("finished segments are in '{}': the same command goes on with them",
                        printable(options.resume_folder));
  print_to(stderr, "zkvm prove: interrupted; {}\n", rest);
  interruption.end_process();
}

// A new folder for this receipt alone, in one that takes it: where a name is known to others
// (/tmp), nobody can have put a link in its place.
Result<std::string> keep_elsewhere(std::span<const uint8_t> receipt, const std::string& wanted) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::string name = fs::path(wanted).filename().string();
  if (is_standard(wanted) || name.empty() ||
      (fs::exists(wanted, ignored) && !fs::is_regular_file(wanted, ignored))) {
    name = "receipt.zkr";
  }
  fs::create_directories(cache_folder(), ignored);
  const char* temporary = std::getenv("TMPDIR");
  const fs::path folders[] = {temporary == nullptr ? "" : temporary, cache_folder(), "/tmp",
                              "/var/tmp"};
  Error last{ErrorCode::kUnwritable, ""};
  for (const fs::path& folder : folders) {
    if (folder.empty()) continue;
    std::string own = (folder / "zkvm-receipt-XXXXXX").string();
    if (mkdtemp(own.data()) == nullptr) continue;
    std::string path = own + "/" + name;
    Result<void> written = write_file(path, "receipt", receipt);
    if (written) return path;
    last = written.error();
    fs::remove(own, ignored);
  }
  return tl::unexpected(last);
}

// The receipt is written all the same.
void clear_folder(const Options& options) {
  if (options.resume_folder.empty()) return;
  if (const auto ok = clear_resume_folder(options.resume_folder); !ok)
    print_to(stderr, "zkvm prove: {}\n", ok.error().message);
}

// The receipt's work shall not be lost to a full disk, a folder that is gone, or a closed pipe.
Result<void> write_receipt(const Options& options, std::span<const uint8_t> receipt) {
  const auto before = std::signal(SIGPIPE, SIG_IGN);
  Result<void> written = write_file(options.receipt_path, "receipt", receipt);
  std::signal(SIGPIPE, before);
  if (written) {
    clear_folder(options);
    return written;
  }
  Error error = written.error();
  if (const Result<std::string> kept = keep_elsewhere(receipt, options.receipt_path)) {
    error.message += fmt::format("; the receipt is kept as '{}'", *kept);
    clear_folder(options);
  } else if (!options.resume_folder.empty()) {
    error.message += fmt::format(
        "; finished segments are in '{}': the same command with another file goes on with them",
        options.resume_folder);
  } else {
    error.message += "; $TMPDIR, the cache folder, /tmp and /var/tmp cannot be written either";
  }
  return tl::unexpected(error);
}

// For the next estimate of `zkvm run`.
void remember_speed(const Proved& proved) {
  uint64_t cells = 0;
  for (const ChipCost& chip : proved.chips) cells += chip.cells;
  keep_slowness(cells, proved.seconds / typical_seconds(cells, proved.segments, proved.log_blowup));
}

int prove_command(const Options& options, Execution& execution) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm prove", error.message, execution.json);
  };
  const OutputFile receipt{.option = "-o", .path = options.receipt_path, .what = "a receipt"};
  if (Result<void> ok = execution.read_files(); !ok) return failed(ok.error());
  if (Result<void> ok = check_outputs({receipt}, execution.json); !ok) return failed(ok.error());
  if (is_standard(options.resume_folder)) {
    return failed({ErrorCode::kUnwritable, "--resume: expected a folder's name, found '-'"});
  }
  execution.stdout_is_taken = is_standard(options.receipt_path);

  const auto line = execution.status_line();
  ProofLine proof_line(line);
  Interruption interruption;
  ProveOptions prove_options = options.proof.get();
  prove_options.threads = static_cast<uint32_t>(options.threads);
  prove_options.resume_folder = options.resume_folder;
  prove_options.measure_floors = options.stats;
  prove_options.max_cycles = execution.max_cycles;
  prove_options.console = execution.run_options(line).console;
  prove_options.progress = [&](const ProveProgress& progress) {
    if (progress.stage != "execution") interruption.arm();
    proof_line.report(progress);
    return !interruption.happened();
  };
  const uint64_t threads =
      options.threads != 0 ? options.threads : std::max(1u, std::thread::hardware_concurrency());
  uint32_t jobs = 1;
  prove_options.processes = static_cast<uint32_t>(std::max<uint64_t>(1, options.jobs));
  if (options.jobs != 1 && !options.stats)
    prove_options.elsewhere = [&](const Parts& parts) -> Result<bool> {
      jobs = options.jobs != 0 ? static_cast<uint32_t>(options.jobs) : best_jobs(parts, threads);
      if (jobs < 2 || parts.missing().size() < 2) return false;
      uint64_t cycles = 0;
      for (const JobSegment& segment : parts.segments) cycles += segment.cycles;
      const auto segments = static_cast<uint32_t>(parts.segments.size());
      LocalJobs local{.jobs = jobs,
                      .threads = static_cast<uint32_t>(std::max<uint64_t>(1, threads / jobs))};
      local.progress = [&](uint32_t done, double fraction) {
        proof_line.report({.segment = std::min(done, segments - 1),
                           .segments = segments,
                           .fraction = fraction,
                           .cycles = cycles,
                           .stage = "segments"});
        return !interruption.happened();
      };
      if (auto ok = prove_in_processes(parts, local); !ok) return tl::unexpected(ok.error());
      return true;
    };
  const Result<Proved> proved = zkvm::prove(execution.elf, execution.input, prove_options);
  line->hide();
  const Result<void> console = flush_stdout();
  if (interruption.happened()) end_interrupted(options, interruption);
  if (!proved) return failed(execution.in_guest(proved.error()));

  if (proved->trees.damaged)
    print_to(stderr,
             "zkvm prove: a tree in the cache was damaged; it was removed, and all proven again\n");
  if (proved->run.trap) {
    print_trap(execution, *proved->run.trap);
    if (!execution.json) print_to(stderr, "zkvm prove: no receipt: a trap is not proven\n");
  } else if (Result<void> ok = write_receipt(options, proved->receipt); !ok) {
    return failed(ok.error());
  }
  if (!proved->run.trap && proved->resumed == 0 && options.threads == 0 && !proved->chips.empty())
    remember_speed(*proved);
  if (!console) {
    Error error = console.error();
    if (!proved->run.trap) {
      error.message += fmt::format("; the receipt is written to {}",
                                   is_standard(options.receipt_path)
                                       ? "standard output"
                                       : fmt::format("'{}'", options.receipt_path));
    }
    return failed(error);
  }
  if (execution.json) {
    print_report_json(options, *proved);
  } else if (!proved->run.trap) {
    print_report(options, *proved);
  }
  return outcome_status(proved->run);
}

}  // namespace

void add_prove(Command& sub, int& status) {
  sub.description(
      "Execute a guest and write a receipt that proves it.\n"
      "Its standard output and error are passed through; a report follows on stderr. The receipt\n"
      "tells the journal and the exit code, and nothing else of the input; but enough receipts\n"
      "give away the program with all constants in it, weights too if they are no input. It is\n"
      "verified before it is written. A guest that traps gives no receipt; one that exits with another code than 0\n"
      "gives a receipt that says so. Exit status 1 for both.");
  sub.footer(
      "Examples:\n"
      "  zkvm prove guest.elf --input secret.bin -o receipt.zkr\n"
      "  zkvm prove long.elf -o receipt.zkr --resume work --memory-limit 6G\n"
      "  zkvm prove guest.elf -o - | ssh archive 'cat >receipt.zkr'\n"
      "  zkvm prove guest.elf -o receipt.zkr --json --stats | jq .khz\n"
      "  zkvm verify receipt.zkr --elf guest.elf\n"
      "JSON: exit_code (null after a trap), trap (null or kind, pc, message, where), cycles, "
      "seconds\n"
      "(execution and proof), receipt (its file; null after a trap, and nothing else follows), "
      "khz,\n"
      "peak_rss_bytes, receipt_bytes, segments, resumed_segments, security_bits, regime (unique\n"
      "decoding, Johnson), image_id, journal (hex),\n"
      "outputs (as in `zkvm verify`), verify_seconds; with --stats: trees (found in the cache, "
      "bytes_found,\n"
      "kept there, bytes_kept), nonces (expected_hashes, expected_seconds), stages (name, seconds, "
      "units, unit, floor_ns or null), chips "
      "(name,\n"
      "rows, padded, cells), layers (name, calls, products and weights of a call, cells, "
      "core_seconds,\n"
      "ns_per_weight, ns_per_activation: of core time).");
  auto options = std::make_shared<Options>();
  options->execution.add_options(sub);
  sub.add_option(
         "-o,--output", options->receipt_path,
         "Write the receipt to this file; - is standard output, and the guest's own output then "
         "goes to\nstderr. Where it cannot be written in the end, it is kept in $TMPDIR, "
         "the cache folder or /tmp")
      ->required()
      ->type_name("FILE.zkr");
  options->proof.add(sub);
  sub.add_option(
         "--resume", options->resume_folder,
         "Keep finished segments in this folder until the receipt is written, and go on with "
         "those it has.\nIt is secret: who reads it may learn the input")
      ->type_name("DIR");
  add_threads(sub, options->threads);
  const Option* jobs =
      sub.add_option("--jobs", options->jobs,
                     "Prove segments in so many processes at a time, which share threads and memory "
                     "(default: 1,\nthis one, of up to 3 threads; of more, one for every two threads)")
          ->type_name("N")
          ->check(number_up_to(1, kMaxThreads));
  sub.add_flag("--stats", options->stats,
               "What each stage of the prover and each chip took. Beside extending and hashing "
               "stands a floor:\nwhat the same arithmetic took a moment later on data that stays "
               "in the caches")
      ->excludes(jobs);
  sub.callback([options, &status] { status = prove_command(*options, options->execution); });
}

}  // namespace zkvm::cli
