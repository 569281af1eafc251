// `zkvm verify`: is this receipt true, and what does it prove?
#include <fmt/format.h>

#include <charconv>
#include <chrono>
#include <memory>
#include <optional>

#include "host/cli/command.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/number_text.h"

namespace zkvm::cli {
namespace {

struct Options {
  std::string receipt_path;
  std::string elf_path;
  std::string image_id;
  std::string journal_path;
  uint64_t security_bits = static_cast<uint64_t>(VerifyOptions{}.security_bits);
  bool json = false;
};

std::optional<ImageId> parse_image_id(std::string_view text) {
  ImageId id{};
  if (text.size() != 2 * id.size()) return std::nullopt;
  for (size_t i = 0; i < id.size(); ++i) {
    const char* digits = text.data() + 2 * i;
    const auto [rest, error] = std::from_chars(digits, digits + 2, id[i], 16);
    if (error != std::errc() || rest != digits + 2) return std::nullopt;
  }
  return id;
}

CLI::Validator image_id_text() {
  return {[](std::string& text) {
            if (parse_image_id(text)) return std::string();
            return fmt::format("expected 64 hex digits, found '{}'", text);
          },
          ""};
}

// The program that the receipt must be of.
Result<ImageId> wanted_program(const Options& options) {
  if (!options.image_id.empty()) return *parse_image_id(options.image_id);
  const Result<std::vector<uint8_t>> elf = read_file(options.elf_path, "guest");
  if (!elf) return tl::unexpected(elf.error());
  const Result<ImageId> id = image_id(*elf);
  if (!id) return tl::unexpected(in_file(options.elf_path, id.error()));
  return *id;
}

// A name for each reason to say no, for scripts.
const char* reason_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kWrongProgram:
      return "wrong-program";
    case ErrorCode::kInsecure:
      return "insecure";
    default:
      return "invalid";
  }
}

int say_no(const Options& options, const Error& error) {
  if (options.json) {
    print_json({{"valid", false}, {"reason", reason_of(error.code)}, {"message", error.message}});
  } else {
    fmt::print("{}\n  {}\n", bold(options.receipt_path + ": not valid", stdout), error.message);
  }
  return kNo;
}

void print_text(const Options& options, const Verification& proven, size_t bytes, double seconds) {
  fmt::print("{}\n", bold(options.receipt_path + ": valid", stdout));
  Table facts({{""}, {""}});
  facts.row({"program", hex(proven.image_id)});
  facts.row({"exit code", fmt::format("{}", proven.exit_code)});
  facts.row({"journal", journal_text(proven.journal)});
  facts.row({"security", fmt::format("{:.1f} bits, proven", proven.security_bits)});
  facts.row({"receipt", fmt::format("{}, {} segment{}", byte_text(bytes), grouped(proven.segments),
                                    proven.segments == 1 ? "" : "s")});
  facts.row({"verified in", duration_text(seconds)});
  facts.print(stdout);
}

void print_object(const Verification& proven, size_t bytes, double seconds) {
  print_json({{"valid", true},
              {"image_id", hex(proven.image_id)},
              {"exit_code", proven.exit_code},
              {"journal", hex(proven.journal)},
              {"security_bits", proven.security_bits},
              {"segments", proven.segments},
              {"receipt_bytes", bytes},
              {"seconds", seconds}});
}

int verify_command(const Options& options) {
  const auto failed = [&](const std::string& message) {
    return fail("zkvm verify", message, options.json);
  };
  if (options.elf_path.empty() == options.image_id.empty()) {
    return failed(
        "expected --elf ELF or --image-id HEX: a receipt proves something about one program only, "
        "so say which");
  }
  const Result<std::vector<uint8_t>> receipt = read_file(options.receipt_path, "receipt");
  if (!receipt) return failed(receipt.error().message);
  if (!options.journal_path.empty()) {
    if (Result<void> ok = check_writable(options.journal_path, "journal"); !ok) {
      return failed(ok.error().message);
    }
  }
  const Result<ImageId> program = wanted_program(options);
  if (!program) return failed(program.error().message);

  const auto start = std::chrono::steady_clock::now();
  const Result<Verification> proven =
      verify(*receipt, *program, {.security_bits = static_cast<double>(options.security_bits)});
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!proven) {
    const Error error = in_file(options.receipt_path, proven.error());
    if (error.code == ErrorCode::kMalformedReceipt) return failed(error.message);
    return say_no(options, proven.error());
  }
  if (!options.journal_path.empty()) {
    if (Result<void> ok = write_file(options.journal_path, "journal", proven->journal); !ok) {
      return failed(ok.error().message);
    }
  }
  if (options.json) {
    print_object(*proven, receipt->size(), seconds);
  } else {
    print_text(options, *proven, receipt->size(), seconds);
  }
  return kSuccess;
}

}  // namespace

void add_verify(CLI::App& app, int& status) {
  CLI::App* sub = app.add_subcommand("verify");
  sub->description(
      "Check a receipt: did this program write this journal?\n"
      "A valid receipt proves that the program, on some input, committed this journal and ended "
      "by\n"
      "exit with this code, which may be other than 0. Exit status 1: the receipt is not valid, "
      "is\n"
      "of another program, or has too little security; 2: not a receipt.");
  sub->footer(
      "Examples:\n"
      "  zkvm verify receipt.zkr --elf guest.elf\n"
      "  zkvm verify receipt.zkr --image-id $(zkvm id guest.elf) --journal out.bin\n"
      "JSON: valid; if valid: image_id, exit_code, journal (hex), security_bits, segments,\n"
      "receipt_bytes, seconds; if not: reason (invalid, wrong-program, insecure), message.");
  auto options = std::make_shared<Options>();
  sub->add_option("RECEIPT", options->receipt_path, "The receipt; - is standard input")
      ->required()
      ->type_name("");
  sub->add_option("--elf", options->elf_path, "The program, as its ELF file")->type_name("ELF");
  sub->add_option("--image-id", options->image_id, "The program, as `zkvm id` names it")
      ->type_name("HEX")
      ->check(image_id_text());
  sub->add_option("-j,--journal", options->journal_path,
                  "Write the journal to this file, if the receipt is valid")
      ->type_name("FILE");
  sub->add_option("--security", options->security_bits, "The fewest bits of proven security")
      ->type_name("BITS")
      ->check(positive())
      ->capture_default_str();
  sub->add_flag("--json", options->json, "One JSON object on stdout");
  sub->callback([options, &status] { status = verify_command(*options); });
}

}  // namespace zkvm::cli
