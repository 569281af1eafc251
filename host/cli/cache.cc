// `zkvm cache`: what is kept of earlier runs.
#include <fmt/format.h>

#include <memory>

#include "host/cli/command.h"
#include "host/cli/table.h"
#include "host/image_cache.h"
#include "host/number_text.h"
#include "host/tree_cache.h"

namespace zkvm::cli {
namespace {

struct Options {
  bool clear = false;
  bool json = false;
};

int cache_command(const Options& options) {
  const CacheContents images = cached_images(), trees = cached_trees();
  if (options.clear) {
    clear_images();
    clear_trees();
  }
  const std::filesystem::path folder = images.folder.parent_path();
  if (options.json) {
    print_json({{"folder", folder.string()},
                {"images", images.files},
                {"bytes", images.bytes},
                {"trees", trees.files},
                {"tree_bytes", trees.bytes},
                {"cleared", options.clear}});
    return kSuccess;
  }
  const auto text = [&](const CacheContents& contents) {
    return fmt::format("{}{}, {}", options.clear ? "removed " : "", grouped(contents.files),
                       byte_text(contents.bytes));
  };
  Table facts({{""}, {""}});
  facts.row(
      {"folder", folder.empty() ? "none: no home folder, or ZKVM_CACHE=off" : folder.string()});
  facts.row({"images of programs", text(images)});
  facts.row({"large trees", text(trees)});
  for (const CachedFile& file : cached_files(trees.folder))
    if (!options.clear)
      facts.row({"", fmt::format("{}  {}", file.path.filename().string().substr(0, 16),
                                 byte_text(file.bytes))});
  facts.print(stdout);
  return kSuccess;
}

}  // namespace

void add_cache(Command& sub, int& status) {
  sub.description(
      "Show or clear what is kept of earlier runs.\n"
      "Making a program's image and its id takes seconds where it has many constants, so they are\n"
      "kept, 256 programs and 16 MiB at most. Each is checked by a hash when it is read, and used\n"
      "only if it is your own file in your own folder. So are the large trees that `zkvm prove`\n"
      "makes of constants and weights, 4 GiB at most, last used first; no other command reads "
      "them.\n"
      "ZKVM_CACHE_TREES=8G is another limit, ZKVM_CACHE_TREES=off keeps no trees, ZKVM_CACHE=off\n"
      "turns the cache off.");
  sub.footer(
      "Examples:\n"
      "  zkvm cache\n"
      "  zkvm cache --clear\n"
      "JSON: folder, images, bytes (of images), trees, tree_bytes, cleared.");
  auto options = std::make_shared<Options>();
  sub.add_flag("--clear", options->clear, "Remove all of it");
  sub.add_flag("--json", options->json, "One JSON object on stdout");
  sub.callback([options, &status] { status = cache_command(*options); });
}

}  // namespace zkvm::cli
