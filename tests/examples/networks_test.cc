// The real networks in small: of each a cut as `zkvm import` makes a guest of it, held against ONNX Runtime and proven.
// networks/make_cuts.py writes them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "host/zkvm.h"
#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kImages = 4;

Bytes file(const std::string& path) {
  const std::string text = read_text(path);
  return {text.begin(), text.end()};
}

Bytes part(const Bytes& all, size_t i) {
  const auto size = static_cast<ptrdiff_t>(all.size() / kImages);
  const auto begin = all.begin() + static_cast<ptrdiff_t>(i) * size;
  return {begin, begin + size};
}

class Networks : public ::testing::TestWithParam<std::string> {
 protected:
  const Bytes elf_ = file(ZKVM_GUESTS "/" + GetParam() + ".elf");
  const Bytes inputs_ = file(ZKVM_NETWORKS "/" + GetParam() + ".inputs.u8");
  const Bytes outputs_ = file(ZKVM_NETWORKS "/" + GetParam() + ".outputs.i8");
};

TEST_P(Networks, GuestComputesWhatTheRuntimeDoes) {
  for (size_t i = 0; i < kImages; ++i) {
    const auto found = run(elf_, part(inputs_, i));
    ASSERT_TRUE(found) << found.error().message;
    Bytes wanted = part(outputs_, i);
    wanted.resize((wanted.size() + 3) / 4 * 4);
    EXPECT_EQ(found->journal, wanted) << "image " << i;
  }
}

TEST_P(Networks, IsProven) {
  const auto proved = prove(elf_, part(inputs_, 0));
  ASSERT_TRUE(proved) << proved.error().message;
  const auto verified = verify(proved->receipt, image_id(elf_).value());
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->exit_code, 0);
  Bytes wanted = part(outputs_, 0);
  wanted.resize((wanted.size() + 3) / 4 * 4);
  EXPECT_EQ(verified->journal, wanted);
}

INSTANTIATE_TEST_SUITE_P(Cuts, Networks, ::testing::Values("mobilenet_cut", "face_cut", "age_cut"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace zkvm::test
