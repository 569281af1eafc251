// Writes a program of VGG16's size for pictures of 32 x 32: its layers, 15 M random weights, a scale of
// its own for each channel. For measurements of `zkvm id` and `zkvm prove` (stark/doc/speed.md): each
// layer is called once on the same memory, so what it computes means nothing.
//
//   vgg_program FILE.elf [WIDTH]      WIDTH: channels as a part of VGG16's, 1/WIDTH
#include <zk/abi.h>
#include <zk/check.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <vector>

#include "tests/vm/guest_builder.h"
#include "vm/layer/section.h"

namespace zkvm::vm::test {
namespace {

void fill(Layer& layer, std::mt19937& random) {
  layer.weights.resize(size_t{layer.quads} * layer.taps.size() * 4 * layer.outputs);
  for (int16_t& w : layer.weights) w = static_cast<int16_t>(static_cast<int>(random() % 255) - 127);
  for (uint32_t o = 0; o < layer.outputs; ++o) {
    layer.bias.push_back(static_cast<int32_t>(random() % 2000) - 1000);
    LayerFunction& f = layer.functions.emplace_back();
    const double spread =
        74.0 * 74 * std::sqrt(4.0 * layer.quads * static_cast<double>(layer.taps.size()));
    const double scale = (1 + 0.5 * static_cast<double>(random() % 1000) / 1000) * 85 / spread;
    f.scale = std::bit_cast<uint32_t>(static_cast<float>(scale));
    layer.function_of.push_back(static_cast<uint16_t>(o));
  }
}

Layer dense(uint32_t inputs, uint32_t outputs, std::mt19937& random) {
  Layer layer;
  layer.name = "dense";
  layer.quads = inputs / 4;
  layer.outputs = outputs;
  fill(layer, random);
  return layer;
}

/// 3 x 3 on size x size pixels, with a column of zeros between rows.
Layer conv(uint32_t channels, uint32_t outputs, uint32_t size, std::mt19937& random) {
  Layer layer;
  layer.name = "conv";
  const uint32_t stride = size + 1;
  layer.quads = channels / 4;
  layer.positions = (size - 1) * stride + size;
  layer.step = channels;
  layer.outputs = outputs;
  layer.taps.clear();
  for (uint32_t i = 0; i < 3; ++i)
    for (uint32_t j = 0; j < 3; ++j) layer.taps.push_back(i * stride + j);
  layer.back = layer.taps.back();
  layer.emits.clear();
  for (uint32_t i = 0; i < size; ++i)
    for (uint32_t j = 0; j < size; ++j) {
      const uint32_t p = i * stride + j;
      layer.emits.push_back({p + layer.back - layer.taps[4], p * outputs});
    }
  fill(layer, random);
  return layer;
}

/// 2 x 2, stride 2.
Layer pool(uint32_t channels, uint32_t size) {
  Layer layer;
  layer.name = "pool";
  layer.kind = Layer::Kind::kMaxPool;
  const uint32_t stride = size + 1;
  layer.quads = channels / 4;
  layer.positions = (size - 1) * stride + size;
  layer.step = channels;
  layer.taps = {0, 1, stride, stride + 1};
  layer.back = stride + 1;
  layer.emits.clear();
  for (uint32_t i = 0; i < size; i += 2)
    for (uint32_t j = 0; j < size; j += 2) {
      const uint32_t out = i / 2 * (size / 2 + 1) + j / 2;
      layer.emits.push_back({i * stride + j + layer.back, out * channels});
    }
  layer.outputs = Layer{}.outputs;
  return layer;
}

std::vector<Layer> vgg16(uint32_t part) {
  std::mt19937 random(16);
  std::vector<Layer> layers;
  uint32_t size = 32, channels = 4;
  for (const auto& [outputs, count] :
       {std::pair{64u, 2}, {128u, 2}, {256u, 3}, {512u, 3}, {512u, 3}}) {
    for (int i = 0; i < count; ++i) {
      layers.push_back(conv(channels, outputs / part, size, random));
      channels = outputs / part;
    }
    layers.push_back(pool(channels, size));
    size /= 2;
  }
  layers.push_back(dense(channels, channels, random));
  layers.push_back(dense(channels, channels, random));
  layers.push_back(dense(channels, 12, random));
  return layers;
}

int write(const char* path, uint32_t part) {
  constexpr uint32_t kIn = 0x1000000, kOut = 0x2000000;
  const std::vector<Layer> layers = vgg16(part);
  uint64_t bytes = 0, weights = 0;
  for (const Layer& layer : layers) {
    if (const auto bad = layer.complaint()) {
      std::fprintf(stderr, "%s: %s\n", layer.name.c_str(), bad->c_str());
      return 1;
    }
    bytes = std::max({bytes, layer.in_extent(), layer.out_extent()});
    weights += layer.weights.size();
  }
  Assembler text;
  for (uint32_t i = 0; i < layers.size(); ++i) text.call(zk::abi::kSysLayer, i, kIn, kOut);
  text.exit(0);
  ElfFile file = ElfFile::of(text.words());
  const auto size = static_cast<uint32_t>((bytes + 0xffff) & ~uint64_t{0xffff});
  file.segments.push_back({kIn, PF_R | PF_W, {}, size});
  file.segments.push_back({kOut, PF_R | PF_W, {}, size});
  file.sections.push_back({".zkvm.layers", write_layers(layers)});
  const std::vector<uint8_t> elf = file.bytes();
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(elf.data()), static_cast<std::streamsize>(elf.size()));
  std::fprintf(stderr, "%zu layers, %llu weights\n", layers.size(),
               static_cast<unsigned long long>(weights));
  return out.flush() ? 0 : 1;
}

}  // namespace
}  // namespace zkvm::vm::test

int main(int count, char** values) {
  if (count < 2) return 2;
  const int part = count > 2 ? std::atoi(values[2]) : 1;
  return zkvm::vm::test::write(values[1], static_cast<uint32_t>(std::clamp(part, 1, 16)));
}
