#include "tests/host/command.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <thread>

namespace zkvm::test {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void become(const std::vector<std::string>& arguments, const Environment& environment,
                         const std::string& caches, int in, int out, int err) {
  setenv("XDG_CACHE_HOME", caches.c_str(), 0);  // not those of whoever runs the tests
  dup2(in, STDIN_FILENO);
  dup2(out, STDOUT_FILENO);
  dup2(err, STDERR_FILENO);
  if (!environment.folder.empty() && chdir(environment.folder.c_str()) != 0) _exit(127);
  std::vector<char*> argv;
  for (const std::string& a : arguments) argv.push_back(const_cast<char*>(a.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

}  // namespace

Outcome run_program(const std::vector<std::string>& arguments, const Environment& environment) {
  const TemporaryFolder folder;  // files rather than pipes: nothing can block
  write_text(folder / "in", environment.input);
  const int in = open((folder / "in").c_str(), O_RDONLY);
  const int out = open((folder / "out").c_str(), O_WRONLY | O_CREAT, 0600);
  const int err = open((folder / "err").c_str(), O_WRONLY | O_CREAT, 0600);
  const pid_t child = fork();
  if (child == 0) become(arguments, environment, folder / "caches", in, out, err);
  for (int fd : {in, out, err}) close(fd);
  if (environment.interrupt_after.count() != 0) {
    std::this_thread::sleep_for(environment.interrupt_after);
    kill(child, environment.signal);
  }
  int state = 0;
  bool ended = false;
  if (environment.interrupt_when) {
    while (!(ended = waitpid(child, &state, WNOHANG) != 0) && !environment.interrupt_when()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    if (!ended) kill(child, environment.signal);
  }
  if (!ended) waitpid(child, &state, 0);
  return {WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state), read_text(folder / "out"),
          read_text(folder / "err")};
}

Outcome zkvm(std::vector<std::string> arguments, const Environment& environment) {
  arguments.insert(arguments.begin(), ZKVM_PROGRAM);
  return run_program(arguments, environment);
}

TemporaryFolder::TemporaryFolder() {
  std::string name = (fs::temp_directory_path() / "zkvm-test-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) std::abort();
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::vector<std::string> TemporaryFolder::files() const {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(path_)) {
    names.push_back(entry.path().filename().string());
  }
  std::ranges::sort(names);
  return names;
}

std::string read_text(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in.is_open()) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_text(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::string words(std::initializer_list<uint32_t> values) {
  std::string bytes;
  for (uint32_t v : values) {
    for (int i = 0; i < 4; ++i) bytes += static_cast<char>(v >> (8 * i));
  }
  return bytes;
}

}  // namespace zkvm::test
