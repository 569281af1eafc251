// Rows of a fixed table by indices that are computed or read: embeddings.
#pragma once

#include <stdint.h>
#include <zk/io.h>

#include <type_traits>

#include "zk/nn/tensor.h"

namespace zk::nn {

// `table`: [rows][width] bytes of the result's type, such as what ZK_EMBED names.
template <class Out>
struct GatherParams {
  using Output = Out;
  int rows, width;
  const uint8_t* table;
};

// Row after row, in the order of the indices; as in ONNX's Gather a negative one counts from the end. An index out of
// range ends the run.
template <const auto& kParams, int... kDims>
auto gather_rows(const Tensor<int32_t, kDims...>& index) {
  using Out = typename std::remove_cvref_t<decltype(kParams)>::Output;
  static_assert(Out::kSize == Tensor<int32_t, kDims...>::kSize * kParams.width,
                "zk::nn::gather_rows: the sizes are not what the parameters say");
  Out y;
  auto* next = y.data;
  for (const int32_t i : index.data) {
    const uint32_t row = static_cast<uint32_t>(i < 0 ? i + kParams.rows : i);
    if (row >= static_cast<uint32_t>(kParams.rows)) [[unlikely]]
      zk::fail("zk::nn::gather_rows: an index is beyond the table");
    const uint8_t* from = kParams.table + row * kParams.width;
#pragma GCC unroll 8
    for (int j = 0; j < kParams.width; ++j) *next++ = static_cast<typename Out::Element>(*from++);
  }
  return y;
}

}  // namespace zk::nn
