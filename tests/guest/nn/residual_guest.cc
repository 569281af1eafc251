// A network with sums and products of two tensors, by instructions or on the tensor unit: reads and infers
// sample by sample.
#include <zk/nn.h>
#include <zk/nn/input.h>
#include <zk/zk.h>

#include "residual_params.h"

int main() {
  using namespace residual;
  for (uint32_t samples = zk::read<uint32_t>(); samples > 0; --samples) {
    const auto image = zk::nn::read_tensor<Input>();
    const auto c1 = zk::nn::conv2d<kConv1>(image);  // [6][8][8]
    const auto c2 = zk::nn::conv2d<kConv2>(c1);
    const auto a1 = zk::nn::add<kAdd1>(c2, c1);
    const auto squeezed = zk::nn::conv2d<kConv3>(a1);  // [6][1][1]
    const auto m1 = zk::nn::mul<kMul1>(squeezed, a1);
    const auto a2 = zk::nn::add<kAdd2>(m1, m1);
    const auto a3 = zk::nn::add<kAdd3>(squeezed, a2);
    const auto m2 = zk::nn::mul<kMul2>(a3, squeezed);
    zk::commit(zk::nn::dense<kDense1>(m2).data);  // [24]
  }
}
