// `zkvm inspect`: what an ELF file declares, and whether it is a guest; or what is in a receipt.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>

#include "host/cli/command.h"
#include "host/cli/model.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/file_kind.h"
#include "host/number_text.h"
#include "host/program.h"
#include "host/receipt.h"
#include "host/source_map.h"
#include "vm/elf.h"
#include "vm/isa.h"

namespace zkvm::cli {
namespace {

struct Options {
  std::string path;
  size_t top = 10;
  bool json = false;
};

// Words of the functions (of the whole text, where no function is known): tables of constants
// between them are no code.
struct CodeCount {
  uint64_t instructions = 0;
  uint64_t illegal = 0;
  uint32_t first_illegal = 0;
};

CodeCount count_code(const vm::Program& program) {
  CodeCount count;
  const auto count_range = [&](uint64_t begin, uint64_t end) {
    const vm::Region& text = program.text();
    for (uint64_t pc = begin & ~3ull; pc + 4 <= end; pc += 4) {
      const uint64_t at = pc - text.base;
      if (pc < text.base || at + 4 > text.bytes.size()) return;
      uint32_t word;
      std::memcpy(&word, text.bytes.data() + at, sizeof word);
      if (vm::decode(word).op != vm::Op::kIllegal) {
        ++count.instructions;
      } else if (count.illegal++ == 0) {
        count.first_illegal = static_cast<uint32_t>(pc);
      }
    }
  };
  uint64_t counted_to = 0;  // symbols are sorted; aliases and overlaps count once
  for (const vm::Symbol& symbol : program.symbols) {
    if (!symbol.function || symbol.size == 0 || !program.text().contains(symbol.address)) continue;
    const uint64_t end = uint64_t{symbol.address} + symbol.size;
    if (end <= counted_to) continue;
    count_range(std::max<uint64_t>(symbol.address, counted_to), end);
    counted_to = end;
  }
  const vm::Region& text = program.text();
  if (counted_to == 0) count_range(text.base, uint64_t{text.base} + text.bytes.size());
  return count;
}

std::string permissions(const vm::Region& region) {
  return fmt::format("r{}{}", region.write ? 'w' : '-', region.execute ? 'x' : '-');
}

uint64_t file_bytes(const vm::Program& program) {
  uint64_t sum = 0;
  for (const vm::Region& region : program.regions) sum += region.bytes.size();
  return sum;
}

/// How many receipts of one segment show every word of code and constants, which are committed to
/// without masks (stark/doc/zero_knowledge.md, "What still shows"). At 128 bits and rate 1/4, each
/// opens about 166 of the points, some of them again, and one that counts for five.
uint64_t receipts_that_show(const vm::Program& program) {
  uint64_t words = 0;
  for (const vm::Region& region : program.regions)
    if (!region.write) words += region.size / 4;
  // Receipts open whole columns of banks, all in parallel: the fullest bank takes longest.
  constexpr uint64_t kBankWords = uint64_t{1} << 14;
  words = std::min(words, kBankWords);
  const double points = 4 * static_cast<double>(kBankWords);
  uint64_t receipts = 1;
  const auto shown = [&] {
    const auto n = static_cast<double>(receipts);
    return -points * std::expm1(-166 * n / points) + 5 * n;
  };
  while (shown() < static_cast<double>(words)) ++receipts;
  return receipts;
}

void print_largest(const vm::Program& program, const Options& options, bool functions) {
  std::vector<const vm::Symbol*> symbols;
  for (const vm::Symbol& s : program.symbols) {
    if (s.size != 0 && s.function == functions) symbols.push_back(&s);
  }
  if (symbols.empty()) return;
  std::ranges::sort(symbols, {},
                    [](const vm::Symbol* s) { return std::pair(~s->size, s->address); });
  const size_t shown = std::min(options.top, symbols.size());
  const std::string title = functions ? "Functions by size" : "Objects by size";
  fmt::print("\n{} ({})\n", bold(title, stdout),
             shown < symbols.size()
                 ? fmt::format("the first {} of {}", shown, grouped(symbols.size()))
                 : grouped(shown));
  Table table({{"address"}, {"bytes", Table::Align::kRight}, {"name"}});
  for (size_t i = 0; i < shown; ++i) {
    table.row({fmt::format("0x{:08x}", symbols[i]->address), grouped(symbols[i]->size),
               short_name(demangled(symbols[i]->name), 80)});
  }
  table.print(stdout);
}

std::string model_text(const ModelInfo& model) {
  std::string text = printable(model.name);
  if (model.batch != 1) text += fmt::format(", {} examples a run", grouped(model.batch));
  if (!model.onnx) return text;
  text += ", from ONNX";
  if (!model.onnx->producer.empty()) text += " by " + printable(model.onnx->producer);
  if (model.onnx->opset != 0) text += fmt::format(", opset {}", model.onnx->opset);
  return text;
}

void print_text(const Options& options, const vm::Program& program, const CodeCount& code,
                SourceMap& map) {
  fmt::print("{}\n", bold(options.path + ": fit to run", stdout));
  Table facts({{""}, {""}});
  facts.row(
      {"entry", fmt::format("0x{:08x} {}", program.entry, map.at(program.entry).back().function)});
  std::string instructions = grouped(code.instructions) + " instructions";
  if (code.illegal != 0) {
    instructions += fmt::format(
        ", and {} words in functions that are none of RV32IM's, first at 0x{:08x} in {}",
        grouped(code.illegal), code.first_illegal, map.at(code.first_illegal).back().function);
  }
  facts.row({"code", instructions});
  facts.row(
      {"memory", fmt::format("{} declared, {} of it filled from the file",
                             byte_text(program.memory_bytes()), byte_text(file_bytes(program)))});
  const auto model = read_model_section(program.model);
  const bool is_private = model && *model && (*model)->private_weights != 0;
  facts.row({"public", fmt::format("the program with all constants in it{}: about {} receipts show "
                                   "every word",
                                   is_private ? "; weights are input" : ", weights too",
                                   grouped(receipts_that_show(program)))});
  facts.row({"symbols", program.symbols.empty() ? "none: functions will be shown as addresses"
                                                : grouped(program.symbols.size())});
  facts.row({"debug", map.has_debug_information()
                          ? "DWARF: files, lines and inlining are known"
                          : "none: compile with -g to see files and lines"});
  if (const auto why = why_unprovable(program)) facts.row({"proof", "none can be made: " + *why});
  if (!model)
    facts.row({"model", "unknown: " + model.error().message});
  else if (*model)
    facts.row({"model", model_text(**model)});
  if (!program.model.empty())
    facts.row({"", "BLAKE3 " + hex(model_digest(program.model)) + ", covered by the image id"});
  facts.print(stdout);
  if (model && *model) print_model(**model, stdout);

  fmt::print("\n{}\n", bold("Segments", stdout));
  constexpr auto kRight = Table::Align::kRight;
  Table segments({{"from"}, {"to"}, {"flags"}, {"bytes", kRight}, {"in the file", kRight}});
  for (const vm::Region& region : program.regions) {
    segments.row({fmt::format("0x{:08x}", region.base),
                  fmt::format("0x{:08x}", region.base + region.size), permissions(region),
                  grouped(region.size), grouped(region.bytes.size())});
  }
  segments.print(stdout);
  print_largest(program, options, true);
  print_largest(program, options, false);
}

nlohmann::ordered_json to_json(const vm::Program& program, const CodeCount& code, SourceMap& map) {
  nlohmann::ordered_json object;
  object["fit"] = true;
  object["reason"] = nullptr;
  object["entry"] = program.entry;
  object["memory"] = program.memory_bytes();
  object["instructions"] = code.instructions;
  object["illegal_words"] = code.illegal;
  object["unprovable"] = nullptr;
  if (const auto why = why_unprovable(program)) object["unprovable"] = *why;
  object["receipts_that_show_it"] = receipts_that_show(program);
  object["debug_information"] = map.has_debug_information();
  const auto model = read_model_section(program.model);
  object["model"] = nullptr;
  if (!model)
    object["model_error"] = model.error().message;
  else if (*model)
    object["model"] = model_json(**model, program.model);
  object["segments"] = nlohmann::ordered_json::array();
  for (const vm::Region& region : program.regions) {
    object["segments"].push_back({{"address", region.base},
                                  {"bytes", region.size},
                                  {"file_bytes", region.bytes.size()},
                                  {"flags", permissions(region)}});
  }
  object["symbols"] = nlohmann::ordered_json::array();
  for (const vm::Symbol& symbol : program.symbols) {
    object["symbols"].push_back({{"name", demangled(symbol.name)},
                                 {"address", symbol.address},
                                 {"bytes", symbol.size},
                                 {"function", symbol.function}});
  }
  return object;
}

int inspect_command(const Options& options) {
  Result<std::vector<uint8_t>> elf = read_file(options.path, "file");
  if (!elf) return fail("zkvm inspect", elf.error().message, options.json);
  if (is_receipt(*elf)) return inspect_receipt({options.path, *elf, options.top, options.json});
  const Result<vm::Program> program = load_program(*elf);
  if (!program) {
    if (program.error().code != ErrorCode::kUnfitElf) {
      Error error = program.error();
      const FileKind kind = file_kind(*elf);
      if (kind.type != FileKind::Type::kGuest) {
        error.message = fmt::format(
            "expected a guest or a receipt, found {}: `zkvm new DIR` makes a project that "
            "builds a guest, `zkvm prove` a receipt",
            kind.name);
      }
      return fail("zkvm inspect", in_file(options.path, error).message, options.json);
    }
    if (options.json) {
      print_json({{"fit", false}, {"reason", program.error().message}});
    } else {
      fmt::print("{}\n  {}\n", bold(options.path + ": not fit to run", stdout),
                 program.error().message);
    }
    return kNo;
  }
  SourceMap map(*elf, *program);
  const CodeCount code = count_code(*program);
  if (options.json) {
    print_json(to_json(*program, code, map));
  } else {
    print_text(options, *program, code, map);
  }
  return kSuccess;
}

}  // namespace

void add_inspect(Command& sub, int& status) {
  sub.description(
      "Show what is in an ELF file or in a receipt.\n"
      "Of an ELF file: entry point, memory, what it says of its model (also what is public of\n"
      "private weights), segments, symbols, debug information, how many receipts give it away,\n"
      "and what makes it unfit to be a guest if it is. Of a receipt: what it claims, segments,\n"
      "tables, bytes, the soundness of each round, and what it gives away; not whether it is\n"
      "valid. Exit status 1: an ELF file, but not fit; 2: neither a well-formed ELF file of 32\n"
      "bits nor a receipt.");
  sub.footer(
      "Examples:\n"
      "  zkvm inspect guest.elf --json | jq '.segments[]'\n"
      "  zkvm inspect receipt.zkr\n"
      "JSON of an ELF file: fit, reason (null if fit); if fit: entry, memory (bytes),\n"
      "instructions, illegal_words, unprovable (null or why), receipts_that_show_it (about so\n"
      "many), debug_information, model (null or name, digest, batch, onnx, public_input,\n"
      "private_weights (null or bytes, scales), inputs, outputs), segments (address, bytes,\n"
      "file_bytes, flags), symbols (name, address, bytes, function). JSON of a receipt: image_id,\n"
      "exit_code, journal (hex), security_bits, regime, assumption, zero_knowledge, parameters,\n"
      "receipt_bytes, bytes (by part), segments (journal_begin, journal_end, banks, layers,\n"
      "hashes, tables, security_bits, rounds).");
  auto options = std::make_shared<Options>();
  sub.add_option("FILE", options->path, "The file; - is standard input")->required()->type_name("");
  sub.add_option("--top", options->top, "Rows per table of symbols or segments")
      ->type_name("N")
      ->check(positive())
      ->show_default();
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = inspect_command(*options); });
}

}  // namespace zkvm::cli
