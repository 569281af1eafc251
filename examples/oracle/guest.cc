// Proves: "the camera that has this key signed a picture with this hash, and LeNet-5 reads this digit in it".
// The picture and its signature are private; key, digit and hash go to a contract.
#include <zk/ed25519.h>
#include <zk/nn/input.h>
#include <zk/sha256.h>
#include <zk/zk.h>

#include <array>

#include "lenet5_network.h"

int main() {
  const auto key = zk::read<std::array<uint8_t, 32>>();
  const auto signature = zk::read<std::array<uint8_t, 64>>();
  const auto pixels = zk::read<std::array<uint32_t, 784 / 4>>();
  const zk::Digest picture = zk::sha256(zk::bytes_of(pixels));
  if (!zk::ed25519_verify(signature, picture, key)) zk::fail("the picture is not signed by this key");

  lenet5::Image image;
  zk::nn::take_tensor(pixels.data(), image);
  const auto outputs = lenet5::infer(image);
  zk::commit(key);
  zk::commit(zk::nn::arg_max(outputs.logits));
  zk::commit(picture);
}
