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

Bytes padded(Bytes journal) {  // to whole words
  journal.resize((journal.size() + 3) / 4 * 4);
  return journal;
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
    EXPECT_EQ(found->journal, padded(part(outputs_, i))) << "image " << i;
  }
}

TEST_P(Networks, IsProven) {
  const auto proved = prove(elf_, part(inputs_, 0));
  ASSERT_TRUE(proved) << proved.error().message;
  const auto verified = verify(proved->receipt, image_id(elf_).value());
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->exit_code, 0);
  EXPECT_EQ(verified->journal, padded(part(outputs_, 0)));
}

TEST(ReadPixels, TakesChannelsLast) {
  constexpr size_t kChannels = 12, kPixels = 16 * 16;  // of age_cut's images
  const Bytes elf = file(ZKVM_GUESTS "/age_cut_pixels.elf");
  const Bytes inputs = file(ZKVM_NETWORKS "/age_cut.inputs.u8");
  const Bytes outputs = file(ZKVM_NETWORKS "/age_cut.outputs.i8");
  for (size_t i = 0; i < kImages; ++i) {
    const Bytes planar = part(inputs, i);
    Bytes image(planar.size());
    for (size_t k = 0; k < planar.size(); ++k)
      image[k % kPixels * kChannels + k / kPixels] = planar[k];
    const auto found = run(elf, image);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(found->journal, padded(part(outputs, i))) << "image " << i;

    image.resize(image.size() - 4);
    const auto short_of_a_word = run(elf, image);
    ASSERT_TRUE(short_of_a_word) << short_of_a_word.error().message;
    EXPECT_TRUE(short_of_a_word->trap);
  }
}

INSTANTIATE_TEST_SUITE_P(Cuts, Networks, ::testing::Values("mobilenet_cut", "face_cut", "age_cut"),
                         [](const auto& info) { return info.param; });

}  // namespace
}  // namespace zkvm::test
