// Runs cases of trees: reads their number, and of each its place in the list and a row of features; commits the class, if
// there is one, and the scores.
#include <zk/nn/input.h>
#include <zk/zk.h>

#include <type_traits>

#include "tree_cases.h"

namespace {

template <const auto& kParams>
void run_case() {
  using Params = std::remove_cvref_t<decltype(kParams)>;
  const auto x = zk::nn::read_tensor<zk::nn::Tensor<float, 1, Params::kFeatures>>();
  const auto result = zk::nn::tree_ensemble<kParams>(x);
  if constexpr (requires { result.label; }) {
    zk::commit(result.label.data);
    zk::commit(result.scores.data);
  } else {
    zk::commit(result.data);
  }
}

constexpr void (*kCases[])() = {
#define RUN(name) run_case<k_##name>,
    ZKVM_TREE_CASES(RUN)
#undef RUN
};

}  // namespace

int main() {
  const auto count = zk::read<uint32_t>();
  for (uint32_t i = 0; i < count; ++i) kCases[zk::read<uint32_t>() % std::size(kCases)]();
}
