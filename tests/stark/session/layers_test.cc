// Calls of layers are proven: the witness satisfies the circuit, and the proof verifies.
#include "tests/stark/session/layer_guests.h"

namespace zkvm::stark::machine {
namespace {

using namespace vm::test;

TEST(Layers, OfOneDenseLayer) {
  const LayerGuest layers({dense_layer(3, 8, 1)});
  Guest guest = Guest::of(layers.elf());
  EXPECT_EQ(check_execution(guest, {}, {}), "");
  SessionOptions options;
  options.params = quick_params();
  const Proven proven = prove_execution(guest, {}, options);
  EXPECT_EQ(proven.execution.journal, layers.journal());
}

TEST(Layers, OfRandomGeometry) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    LayerGenerator random(seed);
    std::vector<vm::Layer> list;
    for (int i = 0; i < 20; ++i) list.push_back(random.layer());
    const LayerGuest layers(std::move(list), seed);
    Guest guest = Guest::of(layers.elf());
    EXPECT_EQ(check_execution(guest, {}, {}), "") << "seed " << seed;
    SessionOptions options;
    options.params = quick_params();
    const Proven proven = prove_execution(guest, {}, options);
    EXPECT_EQ(proven.execution.journal, layers.journal());
  }
}

}  // namespace
}  // namespace zkvm::stark::machine
