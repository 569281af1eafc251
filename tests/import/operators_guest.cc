// Runs operators on random tensors and commits their results.
#include <zk/zk.h>

#include "operators.h"

namespace {

struct Commit {
  template <const auto& kParams, int kSeed = 0, class Y, class... X>
  void operator()(const Y& y, const X&...) {
    if constexpr (requires { y.indices; }) {
      zk::commit(y.values.data);
      zk::commit(y.indices.data);
    } else if constexpr (requires { y.words; }) {
      zk::commit(y.words);
    } else {
      zk::commit(y.data);
    }
  }
};

}  // namespace

int main() {
  operators::Random random(zk::read<uint32_t>());
  operators::for_each<ZKVM_TEST_OPERATORS>(random, Commit());
}
