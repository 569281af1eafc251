// The host: hands the guest its private input, runs it, and reads the public journal.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <vector>

#include "host/zkvm.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: host GUEST.elf\n");
    return 2;
  }
  std::ifstream file(argv[1], std::ios::binary);
  const std::vector<uint8_t> elf(std::istreambuf_iterator<char>(file), {});

  const uint32_t numbers[8] = {3, 1, 4, 1, 5, 9, 2, 6};
  std::vector<uint8_t> input(sizeof(numbers));
  std::memcpy(input.data(), numbers, sizeof(numbers));

  zkvm::RunOptions options;
  options.console = [](uint32_t, std::span<const uint8_t> text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
  };
  const zkvm::Result<zkvm::Run> run = zkvm::run(elf, input, options);
  if (!run) {
    std::fprintf(stderr, "%s: %s\n", argv[1], run.error().message.c_str());
    return 2;
  }
  if (run->trap || run->exit_code != 0) {
    std::fprintf(stderr, "the guest failed: %s\n",
                 run->trap ? run->trap->message.c_str() : "exit code is not 0");
    return 1;
  }
  uint32_t journal[2];  // what guest.cc committed
  if (run->journal.size() != sizeof(journal)) {
    std::fprintf(stderr, "journal: expected %zu bytes, found %zu\n", sizeof(journal),
                 run->journal.size());
    return 1;
  }
  std::memcpy(journal, run->journal.data(), sizeof(journal));
  std::printf("sum %u, largest %u, in %llu cycles\n", journal[0], journal[1],
              static_cast<unsigned long long>(run->cycles));
}
