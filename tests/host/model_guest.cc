// A model of two examples a run, for the tests of what a program says of its model (model_guest.json): of a 2x3 picture
// the sums of columns, the number of the greatest, and an offset that is added to it, with its half as a float32.
#include <zk/nn.h>
#include <zk/nn/input.h>
#include <zk/zk.h>

#include <algorithm>

int main() {
  for (int example = 0; example < 2; ++example) {
    const auto picture = zk::nn::read_tensor<zk::nn::Tensor<int8_t, 2, 3>>();
    const auto offset = zk::read<int32_t>();
    zk::nn::Tensor<int8_t, 3> sums;
    for (int j = 0; j < 3; ++j)
      sums.data[j] =
          static_cast<int8_t>(std::clamp(picture.data[j] + picture.data[3 + j], -128, 127));
    const auto greatest = static_cast<int32_t>(zk::nn::arg_max(sums));
    zk::commit(std::span(sums.data, 3));
    zk::commit(greatest + offset);
    zk::commit(static_cast<float>(offset) / 2);
  }
  return 0;
}
