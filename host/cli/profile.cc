// `zkvm profile`: where a guest's cycles go: tables, a flame graph, a file for pprof.
#include "host/profile.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <memory>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/flamegraph.h"
#include "host/number_text.h"
#include "host/pprof.h"
#include "host/program.h"

namespace zkvm::cli {
namespace {

constexpr size_t kNameWidth = 80;

struct Options {
  Execution execution;
  std::string flamegraph_path;
  std::string pprof_path;
  size_t top = 15;
};

std::string file_name(const std::string& path) {
  return std::filesystem::path(path).filename().string();
}

// Where a hotspot is in the source: "dense.h:44", or what is known instead.
std::string place(const Hotspot& spot) {
  if (spot.file.empty()) return "no debug information";
  if (spot.line == 0) return file_name(spot.file);
  return fmt::format("{}:{}", file_name(spot.file), spot.line);
}

// Lines of the source files that the profile names, as far as they can be read here.
class SourceText {
 public:
  std::string line(const std::string& file, uint32_t number) {
    const auto [entry, is_new] = files_.try_emplace(file);
    std::vector<std::string>& lines = entry->second;
    if (is_new && std::filesystem::is_regular_file(file, ignored_) &&
        std::filesystem::file_size(file, ignored_) <= kMaxSourceBytes) {
      std::ifstream in(file);
      for (std::string text; std::getline(in, text);) lines.push_back(text);
    }
    if (number == 0 || number > lines.size()) return "";
    const std::string& text = lines[number - 1];
    const size_t start = text.find_first_not_of(" \t");
    return start == std::string::npos ? "" : printable(text.substr(start));
  }

 private:
  static constexpr uint64_t kMaxSourceBytes = 4 << 20;
  std::map<std::string, std::vector<std::string>> files_;
  std::error_code ignored_;
};

struct Summary {
  std::vector<Hotspot> functions;
  std::vector<Hotspot> lines;
};

void print_tables(const Options& options, const Run& run, const Summary& summary, std::FILE* out) {
  constexpr auto kRight = Table::Align::kRight;
  const uint64_t all = run.cycles;
  const auto head = [&](std::string_view what, size_t rows) {
    const std::string shown = rows > options.top
                                  ? fmt::format("the first {} of {}", options.top, rows)
                                  : fmt::format("{}", rows);
    print_to(out, "\n{} ({})\n", bold(what, out), shown);
  };

  print_to(out, "{}\n", bold(options.execution.name() + ": " + outcome_text(run), out));
  head("Cycles by function", summary.functions.size());
  Table functions({{"self", kRight},
                   {"%", kRight},
                   {"with callees", kRight},
                   {"%", kRight},
                   {"defined at"},
                   {"function"}});
  for (size_t i = 0; i < std::min(options.top, summary.functions.size()); ++i) {
    const Hotspot& f = summary.functions[i];
    functions.row({grouped(f.self), percent_text(f.self, all), grouped(f.total),
                   percent_text(f.total, all), place(f), short_name(f.function, kNameWidth)});
  }
  functions.print(out);

  head("Cycles by line", summary.lines.size());
  SourceText source;
  Table lines({{"cycles", kRight}, {"%", kRight}, {"line"}, {"source"}});
  for (size_t i = 0; i < std::min(options.top, summary.lines.size()); ++i) {
    const Hotspot& l = summary.lines[i];
    std::string text = source.line(l.file, l.line);
    if (text.empty()) text = "in " + short_name(l.function, kNameWidth);
    lines.row({grouped(l.self), percent_text(l.self, all), place(l), text});
  }
  lines.print(out);
}

nlohmann::ordered_json rows_json(const std::vector<Hotspot>& rows, bool totals) {
  auto list = nlohmann::ordered_json::array();
  for (const Hotspot& row : rows) {
    nlohmann::ordered_json object{
        {"function", row.function}, {"file", row.file}, {"line", row.line}, {"self", row.self}};
    if (totals) object["total"] = row.total;
    list.push_back(std::move(object));
  }
  return list;
}

int profile_command(Options& options) {
  Execution& execution = options.execution;
  const auto failed = [&](const Error& error) {
    return fail("zkvm profile", error.message, execution.json);
  };
  if (Result<void> ok = execution.read_files(); !ok) return failed(ok.error());
  const OutputFile flamegraph{.option = "--flamegraph",
                              .path = options.flamegraph_path,
                              .what = "flame graph",
                              .text = true};
  const OutputFile pprof{.option = "--pprof", .path = options.pprof_path, .what = "pprof file"};
  if (Result<void> ok = check_outputs({flamegraph, pprof}, execution.json); !ok) {
    return failed(ok.error());
  }
  execution.stdout_is_taken =
      is_standard(options.flamegraph_path) || is_standard(options.pprof_path);

  const Result<vm::Program> program = load_program(execution.elf);
  if (!program) return failed(execution.in_guest(program.error()));
  const Result<ProfiledRun> profiled = profile(execution.elf, *program, execution.input,
                                               execution.run_options(execution.status_line()));
  if (!profiled) return failed(execution.in_guest(profiled.error()));
  if (Result<void> ok = flush_stdout(); !ok) return failed(ok.error());
  const Run& run = profiled->run;
  SourceMap map(execution.elf, *program);
  const CallTree tree = call_tree(profiled->profile, map);
  const Summary summary{by_function(tree), by_line(profiled->profile, map)};
  const std::string guest = printable(file_name(execution.name()));

  if (!options.flamegraph_path.empty()) {
    const std::string svg = flamegraph_svg(tree, guest);
    const std::span bytes(reinterpret_cast<const uint8_t*>(svg.data()), svg.size());
    if (Result<void> ok = write_file(options.flamegraph_path, "flame graph", bytes); !ok) {
      return failed(ok.error());
    }
  }
  if (!options.pprof_path.empty()) {
    const std::vector<uint8_t> bytes = encode_pprof(profiled->profile, map, guest);
    if (Result<void> ok = write_file(options.pprof_path, "pprof file", bytes); !ok) {
      return failed(ok.error());
    }
  }

  if (run.trap) print_trap(execution, *run.trap);
  if (execution.json) {
    nlohmann::ordered_json object = outcome_json(run);
    object["functions"] = rows_json(summary.functions, true);
    object["lines"] = rows_json(summary.lines, false);
    object["layers"] = layers_json(run);
    print_json(object);
  } else {
    std::FILE* out = execution.stdout_is_taken ? stderr : stdout;
    print_tables(options, run, summary, out);
    print_layers(run, out);
  }
  return outcome_status(run);
}

}  // namespace

void add_profile(Command& sub, int& status) {
  sub.description(
      "Show where a guest's cycles go.\n"
      "Executes a guest and counts every instruction: exact, not sampled. Prints cycles by "
      "function\n"
      "and by source line. A function that the compiler inlined is counted as a function of its "
      "own.\n"
      "Lines and inlining need debug information (-g).");
  sub.footer(
      "Examples:\n"
      "  zkvm profile guest.elf --input in.bin --flamegraph profile.svg\n"
      "  zkvm profile guest.elf --pprof profile.pb.gz && go tool pprof -http=: profile.pb.gz\n"
      "JSON: exit_code, trap, cycles, seconds as in `zkvm run`; functions (function, file, line, "
      "self,\n"
      "total) and lines (function, file, line, self), all of them, hottest first; layers as in "
      "`zkvm run`.");
  auto options = std::make_shared<Options>();
  options->execution.add_options(sub);
  sub.add_option("--flamegraph", options->flamegraph_path,
                 "Write an SVG picture of the calls that a browser opens; - is standard output, "
                 "and all else\nthen goes to stderr")
      ->type_name("FILE.svg");
  sub.add_option("--pprof", options->pprof_path, "Write a profile for `go tool pprof`; - as above")
      ->type_name("FILE");
  sub.add_option("--top", options->top, "Rows per table")
      ->type_name("N")
      ->check(positive())
      ->show_default();
  sub.callback([options, &status] { status = profile_command(*options); });
}

}  // namespace zkvm::cli
