// A network with groups, dilation, uneven padding and padded pools, and with gaps between layers, by instructions or on
// the tensor unit: reads and infers sample by sample.
#include <zk/nn.h>
#include <zk/nn/input.h>
#include <zk/zk.h>

#include "network_params.h"

int main() {
  using namespace network;
  for (uint32_t samples = zk::read<uint32_t>(); samples > 0; --samples) {
    const auto image = zk::nn::read_tensor<Input>();
    const auto c1 = zk::nn::conv2d<kConv1>(image);        // [6][7][8]
    const auto c2 = zk::nn::conv2d<kConv2>(c1);           // depthwise
    const auto c3 = zk::nn::conv2d<kConv3>(c2);           // [10][7][8]
    const auto p3 = zk::nn::max_pool<kMaxPool1>(c3);      // [10][4][4]
    const auto p4 = zk::nn::conv2d_max_pool<kConv4>(p3);  // [8][2][2]
    zk::commit(zk::nn::dense<kDense1>(p4).data);          // [24]
  }
}
