// The host: proves that the guest ran on a private input, and verifies the receipt.
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

  zkvm::ProveOptions options;
  options.console = [](uint32_t, std::span<const uint8_t> text) {
    std::fwrite(text.data(), 1, text.size(), stderr);
  };
  const zkvm::Result<zkvm::Proved> proved = zkvm::prove(elf, input, options);
  if (!proved) {
    std::fprintf(stderr, "%s: %s\n", argv[1], proved.error().message.c_str());
    return 2;
  }
  if (proved->run.trap) {
    std::fprintf(stderr, "the guest failed: %s\n", proved->run.trap->message.c_str());
    return 1;
  }

  // What follows is the other side: it has the receipt, and knows the program by its image id.
  const zkvm::Result<zkvm::Verification> verified = zkvm::verify(proved->receipt, proved->image_id);
  if (!verified || verified->exit_code != 0) {
    std::fprintf(stderr, "not proven: %s\n",
                 verified ? "exit code is not 0" : verified.error().message.c_str());
    return 1;
  }
  uint32_t journal[2];  // what guest.cc committed
  if (verified->journal.size() != sizeof(journal)) {
    std::fprintf(stderr, "journal: expected %zu bytes, found %zu\n", sizeof(journal),
                 verified->journal.size());
    return 1;
  }
  std::memcpy(journal, verified->journal.data(), sizeof(journal));
  std::printf("proven: sum %u, largest %u, in %llu cycles\n", journal[0], journal[1],
              static_cast<unsigned long long>(proved->run.cycles));
}
