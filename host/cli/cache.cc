// `zkvm cache`: what is kept of earlier runs.
#include <fmt/format.h>

#include <memory>

#include "host/cli/command.h"
#include "host/cli/table.h"
#include "host/image_cache.h"
#include "host/number_text.h"

namespace zkvm::cli {
namespace {

struct Options {
  bool clear = false;
  bool json = false;
};

int cache_command(const Options& options) {
  const CacheContents contents = options.clear ? clear_cache() : cache_contents();
  if (options.json) {
    print_json({{"folder", contents.folder.string()},
                {"images", contents.images},
                {"bytes", contents.bytes},
                {"cleared", options.clear}});
    return kSuccess;
  }
  Table facts({{""}, {""}});
  facts.row({"folder", contents.folder.empty() ? "none: no home folder, or ZKVM_CACHE=off"
                                               : contents.folder.string()});
  facts.row({"images of programs", fmt::format("{}{}, {}", options.clear ? "removed " : "",
                                               grouped(contents.images),
                                               byte_text(contents.bytes))});
  facts.print(stdout);
  return kSuccess;
}

}  // namespace

void add_cache(CLI::App* sub, int& status) {
  sub->description(
      "Show or clear what is kept of earlier runs.\n"
      "Making a program's image and its id takes seconds where it has many constants, so they are\n"
      "kept, 256 programs and 16 MiB at most. Each is checked by a hash when it is read, and used\n"
      "only if it is your own file in your own folder. ZKVM_CACHE=off turns the cache off.");
  sub->footer(
      "Examples:\n"
      "  zkvm cache\n"
      "  zkvm cache --clear\n"
      "JSON: folder, images, bytes, cleared.");
  auto options = std::make_shared<Options>();
  sub->add_flag("--clear", options->clear, "Remove all of it");
  sub->add_flag("--json", options->json, "One JSON object on stdout");
  sub->callback([options, &status] { status = cache_command(*options); });
}

}  // namespace zkvm::cli
