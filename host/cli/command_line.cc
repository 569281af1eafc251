// The command line, by CLI11.
#include "host/cli/command_line.h"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <span>
#include <string_view>
#include <utility>

#include "host/cli/command.h"

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

constexpr std::pair<const char*, void (*)(Command&, int&)> kCommands[] = {
    {"run", add_run},       {"prove", add_prove},     {"verify", add_verify},
    {"id", add_id},         {"encode", add_encode},   {"profile", add_profile},
    {"disasm", add_disasm}, {"inspect", add_inspect}, {"new", add_new},
    {"import", add_import}, {"cache", add_cache},     {"commit", add_commit},
    {"key", add_key},       {"sign", add_sign},
    {"model-id", add_model_id}, {"plan", add_plan}, {"prove-segment", add_prove_segment},
    {"assemble", add_assemble},
};

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

}  // namespace

bool Option::is_given() const { return option_->count() > 0; }

Option* Option::required() {
  option_->required();
  return this;
}
Option* Option::type_name(const std::string& name) {
  option_->type_name(name);
  return this;
}
Option* Option::check(Check check) {
  option_->check([check = std::move(check)](const std::string& text) { return check(text); }, "");
  return this;
}
Option* Option::expected(int least, int most) {
  option_->expected(least, most);
  return this;
}
Option* Option::excludes(const Option* other) {
  option_->excludes(other->option_);
  return this;
}
Option* Option::show_default() {
  option_->capture_default_str();
  return this;
}

std::string Command::name() const { return app_->get_name(); }
void Command::description(const std::string& text) { app_->description(text); }
void Command::footer(const std::string& text) { app_->footer(text); }
void Command::callback(const std::function<void()>& run) { app_->callback(run); }
Option* Command::keep(CLI::Option* option) { return &options_.emplace_back(option); }
Option* Command::add_flag(const std::string& names, bool& value, const std::string& help) {
  return keep(app_->add_flag(names, value, help));
}
Option* Command::add_option(const std::string& names, std::string& value, const std::string& help) {
  return keep(app_->add_option(names, value, help));
}
Option* Command::add_option(const std::string& names, std::optional<std::string>& value,
                            const std::string& help) {
  return keep(app_->add_option(names, value, help));
}
Option* Command::add_option(const std::string& names, std::vector<std::string>& values,
                            const std::string& help) {
  return keep(app_->add_option(names, values, help));
}
Option* Command::add_option(const std::string& names, uint32_t& value, const std::string& help) {
  return keep(app_->add_option(names, value, help));
}
Option* Command::add_option(const std::string& names, uint64_t& value, const std::string& help) {
  return keep(app_->add_option(names, value, help));
}

std::vector<std::string>& own_command() {
  static std::vector<std::string> command = {"/proc/self/exe"};
  return command;
}

int run_command_line(int argc, char** argv) {
  CLI::App app(kDescription, "zkvm");
  app.footer(kFooter);
  app.set_version_flag("--version", "zkvm " ZKVM_VERSION);
  app.formatter(std::make_shared<Formatter>());
  app.get_formatter()->column_width(26);
  app.set_help_flag("-h,--help", "Print this text");

  int status = kSuccess;
  std::deque<Command> commands;
  for (const auto& [name, add] : kCommands)
    add(commands.emplace_back(app.add_subcommand(name)), status);

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

}  // namespace zkvm::cli
