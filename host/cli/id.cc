// `zkvm id`: the image id of a guest.
#include <fmt/format.h>

#include <memory>

#include "host/cli/command.h"
#include "host/file.h"

namespace zkvm::cli {
namespace {

struct Options {
  std::string elf_path;
  bool json = false;
};

int id_command(const Options& options) {
  const auto failed = [&](const Error& error) {
    return fail("zkvm id", error.message, options.json);
  };
  const Result<std::vector<uint8_t>> elf = read_file(options.elf_path, "guest");
  if (!elf) return failed(elf.error());
  const Result<ImageId> id = image_id(*elf);
  if (!id) return failed(guest_error(options.elf_path, *elf, id.error()));
  if (options.json) {
    const Result<std::vector<uint8_t>> section = model_section(*elf);
    if (!section) return failed(guest_error(options.elf_path, *elf, section.error()));
    nlohmann::ordered_json object = {{"image_id", hex(*id)}, {"model", nullptr}};
    if (!section->empty()) object["model"] = hex(model_digest(*section));
    print_json(object);
  } else {
    fmt::print("{}\n", hex(*id));
  }
  return kSuccess;
}

}  // namespace

void add_id(Command& sub, int& status) {
  sub.description(
      "Print the image id of a guest.\n"
      "The image id names a program: its code, its initial memory, its entry point, what it says "
      "of\n"
      "its model, and the version\n"
      "of the proof system. `zkvm verify` needs it, or the ELF file. Debug information and "
      "symbols\n"
      "are no part of it.");
  sub.footer(
      "Example:\n"
      "  zkvm id guest.elf\n"
      "JSON: image_id (hex), model (BLAKE3 of what the program says of its model, or null).");
  auto options = std::make_shared<Options>();
  sub.add_option("ELF", options->elf_path,
                 "The guest: a static RV32IM ELF file; - is standard input")
      ->required()
      ->type_name("");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = id_command(*options); });
}

}  // namespace zkvm::cli
