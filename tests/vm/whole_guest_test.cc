// Whole guests, as the toolchain builds them: every executor, qemu-riscv32 and, for the
// disassembler, objdump.
#include <gtest/gtest.h>

#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>

#include "tests/vm/every_executor.h"
#include "vm/code.h"
#include "vm/disassembler.h"

namespace zkvm::vm::test {
namespace {

std::vector<uint8_t> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  return {std::istreambuf_iterator<char>(in), {}};
}

// What the command prints.
std::string output_of(const std::string& command) {
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(command.c_str(), "r"), pclose);  // NOLINT
  std::string output;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof(buffer), pipe.get())) output.append(buffer, n);
  return output;
}

class Guest : public testing::TestWithParam<const char*> {
 protected:
  std::string path_ = std::string(ZKVM_GUESTS) + "/" + GetParam() + ".elf";
};

TEST_P(Guest, AgreesWithQemuInEveryExecutor) {
  const auto program = load_elf(read_file(path_));
  ASSERT_TRUE(program) << program.error().message;
  const std::vector<uint8_t> input = {3, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0,
                                      9, 0, 0, 0, 2, 0, 0, 0, 6, 0, 0, 0, 5, 0, 0, 0};
  const RunResult result = run_everywhere(*program, {.input = input, .console = {}});
  ASSERT_FALSE(result.trap) << describe(*result.trap, *program);
  ASSERT_FALSE(result.journal.empty());

  std::string escaped;
  for (const uint8_t byte : input) {
    char octal[6];
    std::snprintf(octal, sizeof(octal), "\\%03o", byte);
    escaped += octal;
  }
  const std::string journal =
      output_of("printf '" + escaped + "' | qemu-riscv32 " + path_ + " 3>&1 1>/dev/null 2>&1");
  EXPECT_EQ(std::vector<uint8_t>(journal.begin(), journal.end()), result.journal);
}

// "   10000:\tlui\tsp,0x23" without symbols "<...>", comments "# ..." and trailing blanks.
std::string without_remarks(std::string text) {
  for (const char* mark : {" <", " #", "\t#"}) text = text.substr(0, text.find(mark));
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.pop_back();
  return text;
}

TEST_P(Guest, DisassemblesLikeObjdump) {
  const auto program = load_elf(read_file(path_));
  ASSERT_TRUE(program);
  const std::string dump = output_of("riscv64-unknown-elf-objdump -d -M no-aliases " + path_);
  int compared = 0;
  for (size_t begin = 0; begin < dump.size();) {
    const size_t end = dump.find('\n', begin);
    const std::string line = dump.substr(begin, end - begin);
    begin = end + 1;
    // "   10000:\t00024117          \tauipc\tsp,0x24"
    uint32_t pc = 0, word = 0;
    int text = 0;
    if (std::sscanf(line.c_str(), " %x:\t%x%*[ ]\t%n", &pc, &word, &text) != 2 || text == 0)
      continue;
    if (decode(word).op == Op::kIllegal) continue;  // padding
    EXPECT_EQ(disassemble(word, pc), without_remarks(line.substr(static_cast<size_t>(text))));
    EXPECT_EQ(word, text_word(program->text(), (pc - program->text().base) / 4));
    ++compared;
  }
  EXPECT_GT(compared, 500);
}

// Through two functions; the first one does not wait for a table to be sorted.
TEST(Exceptions, CostAFewThousandInstructions) {
  for (const char* name : {"test_exceptions_gcc", "test_exceptions_clang"}) {
    const auto program = load_elf(read_file(std::string(ZKVM_GUESTS) + "/" + name + ".elf"));
    ASSERT_TRUE(program) << program.error().message;
    const auto cycles = [&](uint8_t throws) {
      const std::vector<uint8_t> input = {4, 0, 0, 0, throws, 0, 0, 0};
      const RunResult result = *run(*program, {.input = input, .console = {}});
      EXPECT_EQ(result.exit_code, throws);
      return result.cycles;
    };
    EXPECT_LT(cycles(1), 20'000u) << name;
    EXPECT_LT(cycles(201) - cycles(101), 100 * 5'000u) << name;
  }
}

INSTANTIATE_TEST_SUITE_P(All, Guest, testing::Values("hello", "hello_clang", "bench_integer"),
                         [](const auto& guest) { return std::string(guest.param); });

}  // namespace
}  // namespace zkvm::vm::test
