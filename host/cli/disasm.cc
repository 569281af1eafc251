// `zkvm disasm`: the instructions of a guest, function by function.
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <optional>

#include "host/cli/command.h"
#include "host/cli/table.h"
#include "host/file.h"
#include "host/program.h"
#include "host/source_map.h"
#include "vm/disassembler.h"
#include "vm/elf.h"
#include "vm/isa.h"

namespace zkvm::cli {
namespace {

struct Options {
  std::string elf_path;
  std::string function;
  bool lines = false;
  bool json = false;
};

// A run of instructions under one label.
struct Block {
  std::string name;  // demangled; empty where the file names nothing
  std::string symbol;
  uint32_t begin;
  uint32_t end;  // behind the last word
};

// The text cut at its function symbols (all its symbols, where none is a function).
std::vector<Block> blocks_of(const vm::Program& program) {
  const vm::Region& text = program.text();
  const auto in_text = [&](const vm::Symbol& s) { return text.contains(s.address); };
  const bool has_functions = std::ranges::any_of(
      program.symbols, [&](const vm::Symbol& s) { return s.function && in_text(s); });
  const auto text_end = static_cast<uint32_t>(text.base + text.bytes.size() / 4 * 4);
  std::vector<Block> blocks{{"", "", text.base, text_end}};
  for (const vm::Symbol& symbol : program.symbols) {
    if (!in_text(symbol) || symbol.address % 4 != 0 || symbol.address >= text_end) continue;
    if (has_functions && !symbol.function) continue;
    if (symbol.address == blocks.back().begin && !blocks.back().name.empty()) continue;  // an alias
    blocks.back().end = symbol.address;
    blocks.push_back({demangled(symbol.name), symbol.name, symbol.address, text_end});
  }
  std::erase_if(blocks, [](const Block& b) { return b.begin == b.end; });
  return blocks;
}

// Blocks with that name, mangled or not; else those whose name contains it.
std::vector<Block> named(const std::vector<Block>& blocks, const std::string& name) {
  std::vector<Block> exact;
  std::vector<Block> similar;
  for (const Block& block : blocks) {
    if (block.name.empty()) continue;
    if (block.name == name || block.symbol == name) exact.push_back(block);
    if (block.name.find(name) != std::string::npos) similar.push_back(block);
  }
  return exact.empty() ? similar : exact;
}

// Calls visit(address, word, text) for every word of the block.
template <class Visit>
void for_each_word(const vm::Program& program, const Block& block, Visit visit) {
  const vm::Region& text = program.text();
  for (uint32_t pc = block.begin; pc < block.end; pc += 4) {
    uint32_t word;
    std::memcpy(&word, text.bytes.data() + (pc - text.base), sizeof word);
    visit(pc, word, vm::disassemble(word, pc));
  }
}

// Where the branch or jal `word` at `pc` goes when it is taken; nothing for other instructions.
std::optional<uint32_t> jump_target(uint32_t word, uint32_t pc) {
  const vm::Decoded d = vm::decode(word);
  if (d.op == vm::Op::kIllegal) return std::nullopt;
  const vm::Format format = vm::info(d.op).format;
  if (format != vm::Format::kBranch && format != vm::Format::kJump) return std::nullopt;
  return pc + d.imm;
}

// The mnemonic padded instead of the tab: "lw      a0,8(sp)".
std::string in_columns(const std::string& text) {
  const size_t tab = text.find('\t');
  if (tab == std::string::npos) return text;
  return fmt::format("{:<7} {}", text.substr(0, tab), text.substr(tab + 1));
}

// "<main+0x10>" behind the target of a jump or branch, else nothing.
std::string target_text(uint32_t pc, uint32_t word, const vm::Program& program) {
  const std::optional<uint32_t> target = jump_target(word, pc);
  if (!target) return "";
  const vm::Symbol* symbol = program.symbol_at(*target);
  if (symbol == nullptr) return "";
  const std::string name = short_name(demangled(symbol->name), 80);
  if (symbol->address == *target) return fmt::format("  <{}>", name);
  return fmt::format("  <{}+0x{:x}>", name, *target - symbol->address);
}

void print_text(const vm::Program& program, const std::vector<Block>& blocks, SourceMap* lines) {
  for (size_t i = 0; i < blocks.size(); ++i) {
    const Block& block = blocks[i];
    fmt::print("{}{:08x} <{}>:\n", i == 0 ? "" : "\n", block.begin,
               bold(block.name.empty() ? "text" : block.name, stdout));
    std::string line_before;
    for_each_word(program, block, [&](uint32_t pc, uint32_t word, const std::string& text) {
      if (lines != nullptr) {
        const SourceFrame& at = lines->at(pc).front();
        const std::string line = fmt::format("{}:{}", at.file, at.line);
        if (!at.file.empty() && line != line_before) {
          fmt::print("{}\n", dim(fmt::format("; {}  {}", line,
                                             at.inlined ? short_name(at.function, 80) : ""),
                                 stdout));
        }
        line_before = line;
      }
      fmt::print("{:8x}:  {:08x}  {}{}\n", pc, word, in_columns(text),
                 target_text(pc, word, program));
    });
  }
}

nlohmann::ordered_json to_json(const vm::Program& program, const std::vector<Block>& blocks) {
  auto functions = nlohmann::ordered_json::array();
  for (const Block& block : blocks) {
    auto words = nlohmann::ordered_json::array();
    for_each_word(program, block, [&](uint32_t pc, uint32_t word, const std::string& text) {
      std::string line = text;
      std::ranges::replace(line, '\t', ' ');
      words.push_back({{"address", pc}, {"word", word}, {"text", std::move(line)}});
    });
    functions.push_back(
        {{"name", block.name}, {"address", block.begin}, {"instructions", std::move(words)}});
  }
  return {{"functions", std::move(functions)}};
}

int disasm_command(const Options& options) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm disasm", error.message, options.json);
  };
  Result<std::vector<uint8_t>> elf = read_file(options.elf_path, "guest");
  if (!elf) return failed(elf.error());
  const Result<vm::Program> program = load_program(*elf);
  if (!program) return failed(guest_error(options.elf_path, *elf, program.error()));

  std::vector<Block> blocks = blocks_of(*program);
  if (!options.function.empty()) {
    blocks = named(blocks, options.function);
    if (blocks.empty()) {
      return fail("zkvm disasm",
                  fmt::format("--function '{}': expected the name of a function in {}, found none",
                              options.function, input_name(options.elf_path)),
                  options.json);
    }
  }
  if (options.json) {
    print_json(to_json(*program, blocks));
    return kSuccess;
  }
  std::optional<SourceMap> lines;
  if (options.lines) {
    std::vector<uint32_t> pcs;
    for (const Block& block : blocks) {
      for (uint32_t pc = block.begin; pc < block.end; pc += 4) pcs.push_back(pc);
    }
    lines.emplace(*elf, *program).look_up(pcs);
  }
  print_text(*program, blocks, lines ? &*lines : nullptr);
  return kSuccess;
}

}  // namespace

void add_disasm(Command& sub, int& status) {
  sub.description(
      "Show the instructions of a guest.\n"
      "Disassembles the executable segment of a guest, function by function. A word that is no "
      "RV32IM\n"
      "instruction is shown as .word; executing it would trap.");
  sub.footer(
      "Examples:\n"
      "  zkvm disasm guest.elf | less\n"
      "  zkvm disasm guest.elf --function main --lines\n"
      "JSON: functions (name, address, instructions (address, word, text)).");
  auto options = std::make_shared<Options>();
  sub.add_option("ELF", options->elf_path,
                 "The guest: a static RV32IM ELF file; - is standard input")
      ->required()
      ->type_name("");
  sub.add_option("-f,--function", options->function,
                 "Only functions of this name, or, where there is none, whose name contains it")
      ->type_name("NAME");
  sub.add_flag("-l,--lines", options->lines, "File and line before the instructions made from it");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = disasm_command(*options); });
}

}  // namespace zkvm::cli
