// The layers of a model file on the host, which computes them by instructions, against ONNX Runtime.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/guest/nn/layers.h"
#include "tests/guest/nn/vectors.h"

namespace {

TEST(ModelLayers, EqualOnnxRuntime) {
  const std::vector<uint8_t> inputs = read_vector("inputs.bin"),
                             outputs = read_vector("outputs.bin");
  size_t in = 0, out = 0;
  for (int sample = 0; sample < kSamples; ++sample) {
    int index = 0;
    layers::for_each([&](auto x, auto layer) {
      ASSERT_LE(in + sizeof(x.data), inputs.size());
      memcpy(x.data, inputs.data() + in, sizeof(x.data));
      in += sizeof(x.data);
      const auto y = layers::elements(layer(x));
      ASSERT_LE(out + sizeof(y.data), outputs.size());
      EXPECT_EQ(memcmp(y.data, outputs.data() + out, sizeof(y.data)), 0)
          << "sample " << sample << ", layer " << index;
      out += sizeof(y.data);
      ++index;
    });
  }
  EXPECT_EQ(in, inputs.size());
  EXPECT_EQ(out, outputs.size());
}

}  // namespace
