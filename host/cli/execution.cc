// What `run`, `profile` and `prove` share: reading the guest and its input, console, progress,
// outcome.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <system_error>
#include <tuple>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/file_kind.h"
#include "host/number_text.h"
#include "host/source_map.h"

namespace zkvm::cli {
namespace {

constexpr uint64_t kMaxProgressSeconds = 1'000'000;

}  // namespace

int fail(std::string_view command, const std::string& message, bool json) {
  print_to(stderr, "{}: {}\n", command, printable(message));
  if (json) print_json({{"error", message}});
  return kError;
}

Check positive() {
  return [](const std::string& text) {
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc() && rest == end && number != 0) return std::string();
    return fmt::format("expected a positive number below 2^64, found '{}'", text);
  };
}

Check size_text() {
  return [](const std::string& text) {
    if (parse_size(text)) return std::string();
    return fmt::format("expected a size like 512M or 6G, found '{}'", text);
  };
}

void add_regime(Command& sub, std::string& regime, const std::string& help) {
  sub.add_option("--regime", regime, help)
      ->type_name("unique|johnson")
      ->check([](const std::string& text) {
        if (text == "unique" || text == kWidestRegime) return std::string();
        return fmt::format("expected unique or johnson, found '{}'", text);
      })
      ->show_default();
}

Regime parse_regime(std::string_view text) {
  return text == "unique" ? Regime::kUnique : Regime::kJohnson;
}

Check number_up_to(uint64_t least, uint64_t most) {
  return [least, most](const std::string& text) {
    uint64_t number = 0;
    const char* end = text.data() + text.size();
    const auto [rest, error] = std::from_chars(text.data(), end, number);
    if (error == std::errc() && rest == end && number >= least && number <= most)
      return std::string();
    return fmt::format("expected a number from {} to {}, found '{}'", least, most, text);
  };
}

std::string input_name(const std::string& path) {
  return is_standard(path) ? "standard input" : fmt::format("'{}'", path);
}

Error in_file(const std::string& path, const Error& error) {
  return {error.code, fmt::format("{}: {}", input_name(path), error.message)};
}

Error guest_error(const std::string& path, std::span<const uint8_t> bytes, const Error& error) {
  const char* advice = "";
  switch (file_kind(bytes).type) {
    case FileKind::Type::kGuest:
      break;  // the message says what is wrong with it
    case FileKind::Type::kReceipt:
      advice = ": `zkvm inspect` shows it, `zkvm verify` checks it";
      break;
    case FileKind::Type::kObject:
      advice = ": zkvm_add_guest in CMake links a guest; `zkvm new DIR` makes an example";
      break;
    case FileKind::Type::kOther:
      advice = ": `zkvm new DIR` makes a project that builds one";
      break;
  }
  return in_file(path, {error.code, error.message + advice});
}

Error receipt_error(const std::string& path, std::span<const uint8_t> bytes, const Error& error) {
  const FileKind kind = file_kind(bytes);
  if (kind.type == FileKind::Type::kReceipt) return in_file(path, error);
  return in_file(path,
                 {error.code, fmt::format("expected a receipt, found {}: `zkvm prove {}", kind.name,
                                          kind.type == FileKind::Type::kGuest
                                              ? "FILE -o RECEIPT` makes a receipt of it"
                                              : "GUEST -o RECEIPT` makes one")});
}

Result<void> check_inputs(std::initializer_list<std::pair<const char*, const std::string&>> files) {
  const char* standard = nullptr;
  for (const auto& [name, path] : files) {
    if (!is_standard(path)) continue;
    if (standard != nullptr) {
      return tl::unexpected(
          Error{ErrorCode::kUnreadable,
                fmt::format("expected standard input for one file, found - for {} and for {}",
                            standard, name)});
    }
    standard = name;
  }
  return {};
}

void print_json(const nlohmann::ordered_json& object) {
  fmt::print("{}\n", object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void add_threads(Command& sub, uint64_t& threads) {
  sub.add_option("--threads", threads, "Use at most so many threads (default: one for each core)")
      ->type_name("N")
      ->check(number_up_to(1, kMaxThreads));
}

void add_progress(Command& sub, uint64_t& seconds) {
  sub.add_option("--progress", seconds,
                 "Where stderr is no terminal, say every so many seconds how far it is; 0: never")
      ->type_name("SECONDS")
      ->check(number_up_to(0, kMaxProgressSeconds))
      ->show_default();
}

void Execution::add_options(Command& sub) {
  command = sub.name();
  sub.add_option("ELF", elf_path, "The guest: a static RV32IM ELF file; - is standard input")
      ->required()
      ->type_name("");
  sub.add_option("-i,--input", input_path,
                 "What the guest reads, padded with zeros to whole words; - is standard input")
      ->type_name("FILE");
  sub.add_option("--max-cycles", max_cycles,
                 "Stop with a trap after this many instructions, or layers of as much work: 16 "
                 "products count as one (default: 2^36)")
      ->type_name("N")
      ->check(positive());
  add_progress(sub, progress_seconds);
  sub.add_flag("--json", json, "One JSON object on stdout; the guest's console goes to stderr");
}

std::string Execution::name() const {
  return is_standard(elf_path) ? "standard input" : printable(elf_path);
}

Result<void> Execution::read_files() {
  if (Result<void> ok = check_inputs({{"ELF", elf_path}, {"--input", input_path}}); !ok) return ok;
  Result<std::vector<uint8_t>> guest = read_file(elf_path, "guest");
  if (!guest) return tl::unexpected(guest.error());
  elf = std::move(*guest);
  if (input_path.empty()) return {};
  Result<std::vector<uint8_t>> data = read_file(input_path, "input");
  if (!data) return tl::unexpected(data.error());
  input = std::move(*data);
  return {};
}

std::shared_ptr<StatusLine> Execution::status_line() const {
  return std::make_shared<StatusLine>("zkvm " + command,
                                      std::chrono::seconds(static_cast<int64_t>(progress_seconds)));
}

RunOptions Execution::run_options(const std::shared_ptr<StatusLine>& line) const {
  RunOptions options;
  options.max_cycles = max_cycles;
  options.progress = [line](uint64_t cycles) {
    if (line->due())
      line->show(fmt::format("{} M cycles, {}", grouped(cycles / 1'000'000),
                             rate_text(cycles, line->seconds())));
    return true;
  };
  options.console = [line, all_to_stderr = json || stdout_is_taken](
                        uint32_t fd, std::span<const uint8_t> bytes) {
    line->hide();
    std::FILE* out = fd == 1 && !all_to_stderr ? stdout : stderr;
    write_to(out, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  };
  return options;
}

void print_trap(const Execution& execution, const Trap& trap) {
  print_to(stderr, "zkvm {}: trap: {}\n", execution.command, trap.message);
  if (execution.json) return;
  for (size_t i = 1; i < trap.where.size(); ++i) {
    const SourceFrame& frame = trap.where[i];
    if (frame.file.empty()) continue;
    print_to(stderr, "    {} {} ({}:{})\n",
             trap.where[i - 1].inlined ? "inlined into" : "called from", frame.function, frame.file,
             frame.line);
    const size_t first = i;  // recursion: calls from one line of one function
    const auto is_like = [&](const SourceFrame& other) {
      return std::tie(other.function, other.file, other.line, other.inlined) ==
             std::tie(frame.function, frame.file, frame.line, frame.inlined);
    };
    while (i + 1 < trap.where.size() && !frame.inlined && is_like(trap.where[i + 1])) ++i;
    if (i > first) print_to(stderr, "    ... and {} more such calls\n", i - first);
  }
}

std::string outcome_text(const Run& run) {
  const std::string after = fmt::format("after {} cycles", grouped(run.cycles));
  if (!run.trap) return fmt::format("exit {} {}", run.exit_code, after);
  return fmt::format("trap {}", after);
}

void print_layers(const Run& run, std::FILE* out) {
  if (run.layers.empty()) return;
  constexpr auto kRight = Table::Align::kRight;
  Table layers({{"layer"},
                {"calls", kRight},
                {"products of a call", kRight},
                {"weights", kRight},
                {"bytes in", kRight},
                {"out", kRight}});
  for (const LayerCount& layer : run.layers) {
    layers.row({layer.name, grouped(layer.calls), grouped(layer.products), grouped(layer.weights),
                grouped(layer.bytes_read), grouped(layer.bytes_written)});
  }
  layers.print(out);
}

nlohmann::ordered_json layers_json(const Run& run) {
  auto list = nlohmann::ordered_json::array();
  for (const LayerCount& layer : run.layers) {
    list.push_back({{"name", layer.name},
                    {"calls", layer.calls},
                    {"products", layer.products},
                    {"weights", layer.weights},
                    {"bytes_read", layer.bytes_read},
                    {"bytes_written", layer.bytes_written}});
  }
  return list;
}

nlohmann::ordered_json outcome_json(const Run& run) {
  nlohmann::ordered_json object;
  object["exit_code"] = nullptr;
  if (!run.trap) object["exit_code"] = run.exit_code;
  object["trap"] = nullptr;
  if (run.trap) {
    auto& trap = object["trap"];
    trap["kind"] = run.trap->kind;
    trap["pc"] = run.trap->pc;
    trap["message"] = run.trap->message;
    trap["where"] = nlohmann::ordered_json::array();
    for (const SourceFrame& frame : run.trap->where) {
      trap["where"].push_back({{"function", frame.function},
                               {"file", frame.file},
                               {"line", frame.line},
                               {"inlined", frame.inlined}});
    }
  }
  object["cycles"] = run.cycles;
  object["seconds"] = run.seconds;
  return object;
}

int outcome_status(const Run& run) { return run.trap || run.exit_code != 0 ? kNo : kSuccess; }

std::string hex(std::span<const uint8_t> bytes) {
  std::string text;
  for (uint8_t b : bytes) fmt::format_to(std::back_inserter(text), "{:02x}", b);
  return text;
}

std::string_view without_0x(std::string_view text) {
  return text.starts_with("0x") || text.starts_with("0X") ? text.substr(2) : text;
}

bool is_hex(std::string_view digits) {
  return digits.find_first_not_of("0123456789abcdefABCDEF") == digits.npos;
}

std::vector<uint8_t> parse_hex(std::string_view digits) {
  std::vector<uint8_t> bytes(digits.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i)
    std::from_chars(digits.data() + 2 * i, digits.data() + 2 * i + 2, bytes[i], 16);
  return bytes;
}

std::string security_text(double bits, Regime regime) {
  return fmt::format("{:.1f} bits, {}", bits,
                     regime == Regime::kUnique ? "proven by unique decoding"
                                               : "proven by decoding up to the Johnson bound");
}

std::string journal_text(std::span<const uint8_t> journal) {
  constexpr size_t kShown = 32;
  if (journal.empty()) return "empty";
  std::string text = byte_text(journal.size()) + " ";
  const auto shown = journal.first(std::min(journal.size(), kShown));
  for (size_t i = 0; i < shown.size(); i += 4) {
    text += " " + hex(shown.subspan(i, std::min<size_t>(4, shown.size() - i)));
  }
  return journal.size() > kShown ? text + " …" : text;
}

}  // namespace zkvm::cli
