// Input and output bytes of ONNX Runtime for layers.onnx; see make_vectors.py.
#pragma once

#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

inline constexpr int kSamples = 16;

inline std::vector<uint8_t> read_vector(const std::string& name) {
  std::ifstream file(std::string(ZKVM_NN_VECTORS) + "/" + name, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}
