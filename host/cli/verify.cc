// `zkvm verify`: is this receipt true, and what does it prove?
#include <fmt/format.h>
#include <zk/blake3.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <optional>

#include "host/cli/command.h"
#include "host/cli/model.h"
#include "host/cli/output.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/model_tensors.h"
#include "host/number_text.h"
#include "host/receipt.h"
#include "host/source_map.h"

namespace zkvm::cli {
namespace {

constexpr uint64_t kMaxModelFile = uint64_t{1} << 20;  // vm::kMaxModelBytes

struct Options {
  std::string receipt_path;
  std::string elf_path;
  std::string image_id;
  std::string model_path;
  std::string journal_path;
  std::string exit_code;  // that the caller expects; empty: any
  std::optional<std::string> journal_is;
  std::string model_id, input_path;
  uint64_t security_bits = static_cast<uint64_t>(VerifyOptions{}.security_bits);
  std::string regime = kWidestRegime;
  bool json = false;
};

std::optional<ImageId> parse_image_id(std::string_view text) {
  const std::string_view digits = without_0x(text);
  ImageId id{};
  if (digits.size() != 2 * id.size() || !is_hex(digits)) return std::nullopt;
  std::ranges::copy(parse_hex(digits), id.begin());
  return id;
}

std::optional<int32_t> parse_exit_code(std::string_view text) {
  int32_t code = 0;
  const char* end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, code);
  if (error != std::errc() || rest != end) return std::nullopt;
  return code;
}

Check exit_code_text() {
  return [](const std::string& text) {
    if (parse_exit_code(text)) return std::string();
    return fmt::format("expected a number from -2^31 to 2^31 - 1, found '{}'", text);
  };
}

Check image_id_text() {
  return [](const std::string& text) {
    if (parse_image_id(text)) return std::string();
    return fmt::format("expected 64 hex digits, found '{}'", text);
  };
}

struct Program {
  ImageId id;
  Result<std::optional<ModelInfo>> model = std::nullopt;  // as its ELF file says it
};

// The program that the receipt must be of. Two that differ are no question that a receipt answers.
Result<Program> wanted_program(const Options& options) {
  std::optional<ImageId> wanted;
  if (!options.image_id.empty()) wanted = parse_image_id(options.image_id);
  if (options.elf_path.empty()) return Program{*wanted};
  const Result<std::vector<uint8_t>> elf = read_file(options.elf_path, "guest");
  if (!elf) return tl::unexpected(elf.error());
  const Result<ImageId> id = image_id(*elf);
  if (!id) return tl::unexpected(guest_error(options.elf_path, *elf, id.error()));
  if (wanted && *wanted != *id) {
    return tl::unexpected(Error{ErrorCode::kWrongProgram,
                                fmt::format("--image-id: expected {}, the image id of {}, found {}",
                                            hex(*id), input_name(options.elf_path), hex(*wanted))});
  }
  return Program{*id, model_of(*elf)};
}

// What --journal-is names. Only the text decides, never whether a file is there: a script must not
// depend on the folder that it runs in.
Result<std::vector<uint8_t>> wanted_journal(const std::string& text) {
  const std::string_view digits = without_0x(text);
  if (!is_hex(digits)) return read_file(text, "journal");
  if (digits.size() % 2 != 0) {
    return tl::unexpected(
        Error{ErrorCode::kUnreadable,
              fmt::format("--journal-is: expected an even number of hex digits, found {} (a file "
                          "of that name is './{}')",
                          digits.size(), text)});
  }
  return parse_hex(digits);
}

// A reason to say no, with its name for scripts.
struct Refusal {
  const char* reason;
  std::string message;
};

// The receipt is true, and of the program; is it what the caller expects?
std::optional<Refusal> unexpected_claim(const Options& options,
                                        const std::optional<std::vector<uint8_t>>& journal,
                                        const Verification& proven) {
  if (!options.exit_code.empty() && *parse_exit_code(options.exit_code) != proven.exit_code) {
    return Refusal{"wrong-exit-code", fmt::format("exit code: expected {}, found {}",
                                                  options.exit_code, proven.exit_code)};
  }
  if (journal && *journal != proven.journal) {
    const auto differ = std::ranges::mismatch(*journal, proven.journal);
    return Refusal{"wrong-journal",
                   fmt::format("journal: expected {}, found {}; the first difference is at byte {}",
                               journal_text(*journal), journal_text(proven.journal),
                               differ.in1 - journal->begin())};
  }
  return std::nullopt;
}

// Why neither --model-id nor --input-is can be answered by this receipt: an exit code that nobody expected, a journal too
// short for both, or a program that says of its model that it has no such thing.
std::optional<Refusal> no_such_claims(const Options& options, const Program& program,
                                      const Verification& proven) {
  const bool id = !options.model_id.empty(), input = !options.input_path.empty();
  if (!id && !input) return std::nullopt;
  if (options.exit_code.empty() && proven.exit_code != 0)
    return Refusal{"wrong-exit-code",
                   fmt::format("exit code: expected 0, found {}", proven.exit_code)};
  const char* reason = id ? "wrong-model-id" : "wrong-input";
  const bool says = program.model && *program.model;
  if (says && id && (*program.model)->private_weights == 0)
    return Refusal{reason, "model id: expected a program with private weights, found one without"};
  if (says && input && !(*program.model)->public_input)
    return Refusal{"wrong-input", "inputs: expected a program with public inputs, found one without"};
  const size_t least = (id ? kModelIdBytes : 0) + (input ? kInputDigestBytes : 0);
  if (proven.journal.size() < least)
    return Refusal{reason, fmt::format("journal: expected {} bytes and more, found {}", least,
                                       proven.journal.size())};
  if (!says) return std::nullopt;
  const ModelInfo& model = **program.model;
  if (proven.journal.size() != model.run_output_bytes())
    return Refusal{reason, fmt::format("journal: expected {} bytes, by what the program says of its "
                                       "model, found {}",
                                       model.run_output_bytes(), proven.journal.size())};
  return std::nullopt;
}

// Whether the journal begins with this model id.
std::optional<Refusal> unexpected_model(const std::string& model_id, const Verification& proven) {
  const std::vector<uint8_t> wanted = parse_hex(without_0x(model_id));
  const auto begin = std::span(proven.journal).first(std::min(proven.journal.size(), wanted.size()));
  if (std::ranges::equal(wanted, begin)) return std::nullopt;
  return Refusal{"wrong-model-id", fmt::format("model id: expected {}, found a journal that begins "
                                               "with {}",
                                               hex(wanted), journal_text(begin))};
}

// Whether the journal ends with the digest of these inputs.
std::optional<Refusal> unexpected_input(std::span<const uint8_t> input, const Verification& proven) {
  const zk::Digest wanted = zk::blake3(input);
  const auto end =
      std::span(proven.journal).last(std::min(proven.journal.size(), wanted.size()));
  if (std::ranges::equal(wanted, end)) return std::nullopt;
  return Refusal{"wrong-input", fmt::format("inputs: expected those of BLAKE3 {}, found a journal "
                                            "that ends with {}",
                                            hex(wanted), journal_text(end))};
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

std::string receipt_name(const Options& options) {
  return is_standard(options.receipt_path) ? "standard input" : printable(options.receipt_path);
}

int say_no(const Options& options, const char* headline, const Refusal& refusal) {
  if (options.json) {
    print_json({{"valid", false}, {"reason", refusal.reason}, {"message", refusal.message}});
  } else {
    // Where stdout is for the journal, there is none to be written now.
    std::FILE* out = is_standard(options.journal_path) ? stderr : stdout;
    print_to(out, "{}\n  {}\n", bold(receipt_name(options) + headline, out), refusal.message);
  }
  return kNo;
}

// What a verification took: of the ELF file's image id, and of the receipt.
struct Seconds {
  double image_id = 0, receipt = 0;
};

void print_text(const Options& options, const Program& program, const Verification& proven,
                size_t bytes, const Seconds& seconds) {
  std::FILE* out = is_standard(options.journal_path) ? stderr : stdout;
  print_to(out, "{}\n", bold(receipt_name(options) + ": valid", out));
  Table facts({{""}, {""}});
  facts.row({"program", hex(proven.image_id)});
  if (proven.model) facts.row({"model", hex(*proven.model)});
  facts.row({"exit code", fmt::format("{}", proven.exit_code)});
  facts.row({"journal", journal_text(proven.journal)});
  facts.row({"security", security_text(proven.security_bits, proven.regime)});
  facts.row(
      {"assuming", fmt::format("BLAKE3 is a random oracle; {}", regime_assumption(proven.regime))});
  facts.row({"receipt", fmt::format("{}, {} segment{}", byte_text(bytes), grouped(proven.segments),
                                    proven.segments == 1 ? "" : "s")});
  if (!options.elf_path.empty()) {
    facts.row({"ELF's image id", "in " + duration_text(seconds.image_id)});
  }
  facts.row({"verified in", duration_text(seconds.receipt)});
  facts.print(out);
  if (proven.exit_code == 0) print_outputs(program.model, proven.journal, out);
}

void print_object(const Program& program, const Verification& proven, size_t bytes,
                  const Seconds& seconds) {
  nlohmann::ordered_json object = {{"valid", true},
                                   {"image_id", hex(proven.image_id)},
                                   {"model", nullptr},
                                   {"exit_code", proven.exit_code},
                                   {"journal", hex(proven.journal)}};
  if (proven.model) object["model"] = hex(*proven.model);
  put_outputs(object, proven.exit_code == 0 ? program.model : std::optional<ModelInfo>(),
              proven.journal);
  object.update({{"security_bits", proven.security_bits},
                 {"regime", regime_name(proven.regime)},
                 {"assumption", regime_assumption(proven.regime)},
                 {"segments", proven.segments},
                 {"receipt_bytes", bytes},
                 {"image_id_seconds", seconds.image_id},
                 {"seconds", seconds.receipt}});
  print_json(object);
}

int verify_command(const Options& options) {
  const auto failed = [&](const std::string& message) {
    return fail("zkvm verify", message, options.json);
  };
  const std::string journal_is = options.journal_is.value_or("");
  if (Result<void> ok = check_inputs({{"RECEIPT", options.receipt_path},
                                      {"--elf", options.elf_path},
                                      {"--model", options.model_path},
                                      {"--input-is", options.input_path},
                                      {"--journal-is", journal_is}});
      !ok) {
    return failed(ok.error().message);
  }
  const Result<std::vector<uint8_t>> receipt = read_file(options.receipt_path, "receipt");
  if (!receipt) return failed(receipt.error().message);
  const auto wrong_kind = [&] {
    return failed(receipt_error(options.receipt_path, *receipt, {}).message);
  };
  if (options.elf_path.empty() && options.image_id.empty()) {
    if (!is_receipt(*receipt)) return wrong_kind();
    return failed(
        "expected --elf ELF or --image-id HEX: a receipt proves something about one program only, "
        "so say which");
  }
  const OutputFile journal_file{
      .option = "--journal", .path = options.journal_path, .what = "journal"};
  if (Result<void> ok = check_outputs({journal_file}, options.json); !ok) {
    return failed(ok.error().message);
  }
  Seconds seconds;
  const auto id_start = std::chrono::steady_clock::now();
  Result<Program> program = wanted_program(options);
  seconds.image_id = seconds_since(id_start);
  if (!program) return failed(program.error().message);
  std::optional<std::vector<uint8_t>> journal;
  if (options.journal_is) {
    Result<std::vector<uint8_t>> wanted = wanted_journal(*options.journal_is);
    if (!wanted) return failed(wanted.error().message);
    journal = std::move(*wanted);
  }
  Result<std::vector<uint8_t>> model;
  if (!options.model_path.empty()) {
    model = read_file(options.model_path, "model", kMaxModelFile);
    if (!model) return failed(model.error().message);
  }
  Result<std::vector<uint8_t>> input;
  if (!options.input_path.empty()) {
    input = read_file(options.input_path, "input");
    if (!input) return failed(input.error().message);
  }
  if (!is_receipt(*receipt)) return wrong_kind();

  const auto start = std::chrono::steady_clock::now();
  const Result<Verification> proven =
      verify(*receipt, program->id,
             {.security_bits = static_cast<double>(options.security_bits),
              .regime = parse_regime(options.regime)});
  seconds.receipt = seconds_since(start);
  if (!proven) {
    const Error error = in_file(options.receipt_path, proven.error());
    if (error.code == ErrorCode::kMalformedReceipt) return failed(error.message);
    return say_no(options, ": not valid", {reason_of(error.code), proven.error().message});
  }
  if (const auto refusal = unexpected_claim(options, journal, *proven)) {
    return say_no(options, ": valid, but not as expected", *refusal);
  }
  if (!options.model_path.empty()) {
    Result<ModelInfo> by_file = proven_model(*proven, *model);
    if (!by_file)
      return say_no(options, ": valid, but not as expected",
                    {"wrong-model", "--" + by_file.error().message});
    program->model = std::move(*by_file);
  }
  if (const auto refusal = no_such_claims(options, *program, *proven))
    return say_no(options, ": valid, but not as expected", *refusal);
  if (!options.model_id.empty())
    if (const auto refusal = unexpected_model(options.model_id, *proven))
      return say_no(options, ": valid, but not as expected", *refusal);
  if (!options.input_path.empty())
    if (const auto refusal = unexpected_input(*input, *proven))
      return say_no(options, ": valid, but not as expected", *refusal);
  if (!options.journal_path.empty()) {
    if (Result<void> ok = write_file(options.journal_path, "journal", proven->journal); !ok) {
      return failed(ok.error().message);
    }
  }
  if (options.json) {
    print_object(*program, *proven, receipt->size(), seconds);
  } else {
    print_text(options, *program, *proven, receipt->size(), seconds);
  }
  return kSuccess;
}

}  // namespace

void add_verify(Command& sub, int& status) {
  sub.description(
      "Check a receipt: did this program write this journal?\n"
      "A valid receipt proves that the program, on some input, committed this journal and ended "
      "by\n"
      "exit with this code, which may be other than 0. Exit status 1: the receipt is not valid, "
      "is\n"
      "of another program, has too little security, or says something else than --exit-code,\n"
      "--journal-is, --model-id, --input-is and --model expect; 2: not a receipt, or --elf and --image-id name two "
      "programs.");
  sub.footer(
      "Examples:\n"
      "  zkvm verify receipt.zkr --elf guest.elf\n"
      "  zkvm verify receipt.zkr --image-id $(zkvm id guest.elf) --journal out.bin\n"
      "  zkvm verify receipt.zkr --image-id $ID --exit-code 0 --journal-is 1f00000009000000\n"
      "JSON: valid; if valid: image_id, model (BLAKE3 of what the program says of its model, or "
      "null),\n"
      "exit_code, journal (hex), model_id (of private weights, or null), input_digest (of "
      "public inputs, or null), outputs (null, or by name shape, type, scale, zero_point, values, "
      "and\n"
      "where there is a scale dequantised, and labels), security_bits, regime (unique decoding,\n"
      "Johnson), assumption (what it rests on beside the random oracle), segments, receipt_bytes,\n"
      "image_id_seconds (of the ELF file), seconds; if not: reason (invalid, wrong-program, "
      "insecure,\n"
      "wrong-exit-code, wrong-journal, wrong-model-id, wrong-input, wrong-model),\n"
      "message.");
  auto options = std::make_shared<Options>();
  sub.add_option("RECEIPT", options->receipt_path, "The receipt; - is standard input")
      ->required()
      ->type_name("");
  sub.add_option("--elf", options->elf_path, "The program, as its ELF file; - is standard input")
      ->type_name("ELF");
  sub.add_option("--image-id", options->image_id,
                 "The program, as `zkvm id` names it, with or without 0x; beside --elf it must be\n"
                 "the same program")
      ->type_name("HEX")
      ->check(image_id_text());
  sub.add_option(
         "--model", options->model_path,
         "What the program says of its model, as `zkvm import` wrote it: outputs are shown by "
         "it where\nthere is no --elf; that it is the program's is checked")
      ->type_name("FILE.json");
  sub.add_option("-j,--journal", options->journal_path,
                 "Write the journal to this file, if the answer is yes; - is standard output, "
                 "and all\nelse then goes to stderr")
      ->type_name("FILE");
  sub.add_option("--exit-code", options->exit_code, "Expect that the program exited with this code")
      ->type_name("N")
      ->check(exit_code_text());
  sub.add_option("--model-id", options->model_id,
                 "The weights that the model must have had: the journal begins with this commitment "
                 "(64 hex digits). That is what it means of a program of `zkvm import "
                 "--private-weights`: know what program the image id names")
      ->check(image_id_text())
      ->type_name("HEX");
  sub.add_option("--input-is", options->input_path,
                 "The inputs that the model must have had, as `zkvm encode --inputs-alone` wrote "
                 "them by the program's own scales: the journal ends with their BLAKE3. That is what it "
                 "means of a program of `zkvm import --public-input`")
      ->type_name("FILE");
  sub.add_option("--journal-is", options->journal_is,
                 "Expect this journal. What has hex digits alone, with or without 0x, is the "
                 "journal itself\n("
                 " and 0x: an empty one); all else is the name of a file "
                 "(write ./cafe for a file\nnamed cafe), - standard input")
      ->type_name("FILE|HEX");
  sub.add_option("--security", options->security_bits, "The fewest bits of proven security")
      ->type_name("BITS")
      ->check(positive())
      ->show_default();
  add_regime(
      sub, options->regime,
      "The widest regime that security may be proven in: unique refuses receipts that need the\n"
      "Johnson bound; stark/doc/soundness.md");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = verify_command(*options); });
}

}  // namespace zkvm::cli
