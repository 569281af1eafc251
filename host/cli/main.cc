// `zkvm`: the command line. One file per subcommand; host/zkvm.h does the work.
#include <fmt/format.h>
#include <malloc.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/cli/table.h"

namespace zkvm::cli {
namespace {

constexpr const char* kDescription =
    "Runs and proves guests, programs for a small RISC-V machine, as static RV32IM ELF files, and\n"
    "verifies the proofs. `zkvm new` makes a project that builds a guest.";

constexpr const char* kFooter =
    "Exit status: 0 success; 1 the answer is no (the guest trapped or exited with another code\n"
    "than 0, the receipt is not valid or not as expected); 2 wrong usage, or a file that is\n"
    "unreadable, malformed, of another kind or unwritable. `-` is standard input or output.\n"
    "Examples:\n"
    "  zkvm new hello                       a project to start from\n"
    "  zkvm run guest.elf --input in.bin    run it\n"
    "  zkvm prove guest.elf --input in.bin -o receipt.zkr\n"
    "  zkvm verify receipt.zkr --elf guest.elf\n"
    "  zkvm profile guest.elf --flamegraph profile.svg\n"
    "  zkvm COMMAND --help                  all options of a command\n";

// `zkvm --help` shows the first line of each command's description, `zkvm COMMAND --help` all of
// it.
class Formatter : public CLI::Formatter {
 public:
  std::string make_subcommand(const CLI::App* sub) const override {
    return fmt::format("  {:<24}{}\n", sub->get_name(), first_line(sub->get_description()));
  }
  static std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }
};

std::string command_names(const CLI::App& app) {
  std::string names;
  for (const CLI::App* sub : app.get_subcommands({})) {
    names += (names.empty() ? "" : ", ") + sub->get_name();
  }
  return names;
}

bool is_command(const CLI::App& app, std::string_view name) {
  return std::ranges::any_of(app.get_subcommands({}),
                             [&](const CLI::App* sub) { return sub->get_name() == name; });
}

int usage_error(const CLI::App& app, std::span<char*> arguments, const std::string& message) {
  const auto chosen = app.get_subcommands();
  const std::string command = chosen.empty() ? "zkvm" : "zkvm " + chosen.front()->get_name();
  const bool json =
      std::ranges::any_of(arguments, [](std::string_view a) { return a == "--json"; });
  return fail(command, fmt::format("{}; see `{} --help`", message, command), json);
}

int run_command_line(int argc, char** argv) {
  CLI::App app(kDescription, "zkvm");
  app.footer(kFooter);
  app.set_version_flag("--version", "zkvm " ZKVM_VERSION);
  app.formatter(std::make_shared<Formatter>());
  app.get_formatter()->column_width(26);
  app.set_help_flag("-h,--help", "Print this text");

  int status = kSuccess;
  add_run(app.add_subcommand("run"), status);
  add_prove(app.add_subcommand("prove"), status);
  add_verify(app.add_subcommand("verify"), status);
  add_id(app.add_subcommand("id"), status);
  add_encode(app.add_subcommand("encode"), status);
  add_profile(app.add_subcommand("profile"), status);
  add_disasm(app.add_subcommand("disasm"), status);
  add_inspect(app.add_subcommand("inspect"), status);
  add_new(app.add_subcommand("new"), status);
  add_import(app.add_subcommand("import"), status);
  add_cache(app.add_subcommand("cache"), status);

  const std::span arguments(argv, static_cast<size_t>(argc));
  if (argc < 2) {
    return usage_error(app, arguments,
                       fmt::format("expected a command ({}), found none", command_names(app)));
  }
  if (argv[1][0] != '-' && !is_command(app, argv[1])) {
    return usage_error(
        app, arguments,
        fmt::format("expected a command ({}), found '{}'", command_names(app), argv[1]));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", app.help());
  } catch (const CLI::CallForVersion& version) {
    fmt::print("{}\n", version.what());
  } catch (const CLI::ParseError& error) {
    return usage_error(app, arguments, Formatter::first_line(error.what()));
  }
  return status;
}

}  // namespace
}  // namespace zkvm::cli

int main(int argc, char** argv) {
  using namespace zkvm::cli;
  keep_standard_files();
#ifdef M_MMAP_THRESHOLD
  // Where the C library's threshold begins. It would rise to the largest block that was ever freed, and
  // blocks of a megabyte would leave their holes in the heap.
  mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
  std::string problem;
  try {
    const int status = run_command_line(argc, argv);
    if (status == kError) return status;  // it has said why
    const zkvm::Result<void> written = flush_stdout();
    if (written) return status;
    problem = written.error().message;
  } catch (const std::bad_alloc&) {
    problem = "out of memory on the host";
  } catch (const std::system_error& error) {
    // fmt::print throws it where stdout fails, without its name.
    const zkvm::Result<void> written = flush_stdout(std::ferror(stdout) ? error.code().value() : 0);
    problem = written ? error.what() : written.error().message;
  } catch (const std::exception& error) {
    problem = error.what();
  }
  write_to(stderr, "zkvm: " + problem + "\n");
  return kError;
}
