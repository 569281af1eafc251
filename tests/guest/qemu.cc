#include "tests/guest/qemu.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iterator>

namespace zkvm::test {
namespace {

template <class Bytes>
Bytes contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

}  // namespace

std::string guest_path(const std::string& name) {
  return std::string(ZKVM_GUEST_DIR "/") + name + ".elf";
}

QemuRun run_qemu(const std::string& elf, std::span<const uint8_t> input) {
  const std::string base = ::testing::TempDir() + "qemu." + std::to_string(getpid());
  const std::string paths[] = {base + ".in", base + ".out", base + ".err", base + ".journal"};
  std::ofstream(paths[0], std::ios::binary)
      .write(reinterpret_cast<const char*>(input.data()),
             static_cast<std::streamsize>(input.size()));
  const pid_t child = fork();
  if (child == 0) {
    const int in = open(paths[0].c_str(), O_RDONLY);
    dup2(in, 0);
    for (int fd = 1; fd <= 3; ++fd) {
      dup2(open(paths[fd].c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), fd);
    }
    alarm(60);
    execlp("qemu-riscv32", "qemu-riscv32", elf.c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  QemuRun run;
  if (WIFEXITED(status)) run.status = WEXITSTATUS(status);
  if (WIFSIGNALED(status)) run.signal = WTERMSIG(status);
  run.out = contents<std::string>(paths[1]);
  run.err = contents<std::string>(paths[2]);
  run.journal = contents<std::vector<uint8_t>>(paths[3]);
  for (const std::string& path : paths) std::remove(path.c_str());
  return run;
}

}  // namespace zkvm::test
