// The same programs by this VM and by qemu-riscv32: same journal, same exit status. The journal
// holds every register and the memory of every stream. More streams: ZKVM_STREAMS=10000; others:
// ZKVM_SEED=... (printed).
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/isa/streams.h"
#include "tests/vm/every_executor.h"

namespace zkvm::vm::test {
namespace {

constexpr int kStreamsPerProgram = 25;
constexpr int kStreamLength = 160;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

struct Outcome {
  uint32_t exit_code;
  std::vector<uint8_t> journal;
};

class Qemu {
 public:
  Qemu() {
    std::string name = (std::filesystem::temp_directory_path() / "zkvm-streams-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  ~Qemu() { std::filesystem::remove_all(folder_); }

  Outcome run(const std::vector<uint8_t>& elf) {
    const auto guest = folder_ / "guest.elf", journal = folder_ / "journal";
    std::ofstream(guest, std::ios::binary)
        .write(reinterpret_cast<const char*>(elf.data()), static_cast<std::streamsize>(elf.size()));
    std::filesystem::permissions(guest,
                                 std::filesystem::perms::owner_all);  // as the kernel, qemu asks
    const int status = std::system(  // NOLINT: a shell is what makes file 3
        ("qemu-riscv32 " + guest.string() + " </dev/null 3>" + journal.string()).c_str());
    EXPECT_TRUE(WIFEXITED(status)) << "qemu-riscv32 did not exit by itself: " << status;
    std::ifstream in(journal, std::ios::binary);
    return {static_cast<uint32_t>(WEXITSTATUS(status)),
            std::vector<uint8_t>(std::istreambuf_iterator<char>(in), {})};
  }

 private:
  std::filesystem::path folder_;
};

// Which stream and word of its dump, for the report of a failure.
std::string first_difference(const std::vector<uint8_t>& a, const std::vector<uint8_t>& b) {
  const auto [x, y] = std::mismatch(a.begin(), a.end(), b.begin(), b.end());
  const auto at = static_cast<size_t>(x - a.begin());
  const size_t place = at % StreamGenerator::kDump;
  return "stream " + std::to_string(at / StreamGenerator::kDump) +
         (place < StreamGenerator::kArea
              ? ", memory byte " + std::to_string(place)
              : ", register x" + std::to_string((place - StreamGenerator::kArea) / 4));
}

TEST(Differential, RandomStreamsAgreeWithQemu) {
  const uint64_t streams = setting("ZKVM_STREAMS", 500), seed = setting("ZKVM_SEED", 20240607);
  std::printf("%lu streams, seeds from %lu\n", streams, seed);
  Qemu qemu;
  for (uint64_t i = 0; i * kStreamsPerProgram < streams; ++i) {
    StreamGenerator generator(seed + i);
    const auto text = generator.program(kStreamsPerProgram, kStreamLength);
    std::vector<uint8_t> data(StreamGenerator::kDump);
    for (size_t b = 0; b < data.size(); ++b) data[b] = static_cast<uint8_t>(b * 37 + i);
    const auto elf = ElfFile::of(text, data).bytes();
    const auto program = load_elf(elf);
    ASSERT_TRUE(program) << program.error().message;

    const RunResult ours = run_everywhere(*program);
    const Outcome theirs = qemu.run(elf);
    ASSERT_FALSE(ours.trap) << describe(*ours.trap, *program) << ", seed " << seed + i;
    ASSERT_EQ(ours.journal.size(), size_t{kStreamsPerProgram} * StreamGenerator::kDump);
    EXPECT_EQ(ours.exit_code, theirs.exit_code) << "seed " << seed + i;
    ASSERT_TRUE(ours.journal == theirs.journal)
        << "seed " << seed + i << ": " << first_difference(ours.journal, theirs.journal);
    ASSERT_FALSE(HasFailure()) << "executors disagree, seed " << seed + i;
  }
}

// The streams are worth something only if they execute everything.
TEST(Differential, StreamsExecuteEveryInstruction) {
  std::array<uint64_t, kOpCount> counts{};
  for (uint64_t seed = 0; seed < 4; ++seed) {
    StreamGenerator generator(seed);
    const auto text = generator.program(kStreamsPerProgram, kStreamLength);
    const auto program = load_elf(ElfFile::of(text).bytes());
    const RunResult result = *run(*program, {});
    for (size_t i = 0; i < text.size(); ++i) {
      counts[static_cast<size_t>(decode(text[i]).op)] += result.counts[i];
    }
  }
  for (const Instruction& instruction : kInstructions) {
    if (instruction.op == Op::kEbreak) continue;
    EXPECT_GE(counts[static_cast<size_t>(instruction.op)], 5u) << instruction.name;
  }
}

}  // namespace
}  // namespace zkvm::vm::test
