// Commands with their options. This is the face of CLI11 for the files of the subcommands: whoever includes
// that compiles four seconds of it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace zkvm::cli {

// What is wrong with an option's text; nothing: "".
using Check = std::function<std::string(const std::string& text)>;

class Option {
 public:
  explicit Option(CLI::Option* option) : option_(option) {}
  Option* required();
  [[nodiscard]] bool is_given() const;  // by the command line; in a callback
  // What --help shows in place of the value; "": nothing, as for positional ones.
  Option* type_name(const std::string& name);
  Option* check(Check check);
  // How many texts it takes.
  Option* expected(int least, int most);
  // Not both on one command line.
  Option* excludes(const Option* other);
  // --help shows the value that the variable has now.
  Option* show_default();

 private:
  CLI::Option* option_;
};

// One subcommand. Variables of options have to live until the command line is parsed, and keep their values
// where it does not name the option. Names: "-o,--output", or "FILE" for a positional one.
class Command {
 public:
  explicit Command(CLI::App* app) : app_(app) {}
  [[nodiscard]] std::string name() const;

  // The first line stands in the list of commands.
  void description(const std::string& text);
  void footer(const std::string& text);
  Option* add_flag(const std::string& names, bool& value, const std::string& help);
  Option* add_option(const std::string& names, std::string& value, const std::string& help);
  Option* add_option(const std::string& names, std::optional<std::string>& value,
                     const std::string& help);
  Option* add_option(const std::string& names, std::vector<std::string>& values,
                     const std::string& help);
  Option* add_option(const std::string& names, uint32_t& value, const std::string& help);
  Option* add_option(const std::string& names, uint64_t& value, const std::string& help);
  // Called after its options have been read.
  void callback(const std::function<void()>& run);

 private:
  Option* keep(CLI::Option* option);

  CLI::App* app_;
  std::deque<Option> options_;
};

// How a process starts another one of this program: file and first arguments. Python's module sets it.
[[nodiscard]] std::vector<std::string>& own_command();

// Parses the command line and runs the command that it names. Returns the exit status.
int run_command_line(int argc, char** argv);

// All of the program `zkvm`: the same, and no exception leaves it. For a process that does nothing else.
int command_main(int argc, char** argv);

}  // namespace zkvm::cli
