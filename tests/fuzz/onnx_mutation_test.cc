// ONNX files with random faults, in every default run, under ASan and UBSan too. More: ZKVM_MUTATIONS=...; others:
// ZKVM_SEED=... (printed).
#include <gtest/gtest.h>

#include <cstdio>
#include <random>

#include "tests/fuzz/onnx_read.h"
#include "tests/host/onnx/small_model.h"
#include "tests/peak_memory.h"

namespace zkvm::onnx_file::test {
namespace {

using onnx::AttributeProto;
using onnx::TensorProto;

// A few bytes of everything that the reader knows.
onnx::ModelProto rich_model() {
  onnx::ModelProto model = small_model();
  onnx::GraphProto& graph = *model.mutable_graph();
  model.set_producer_name("fuzz");
  auto* ml = model.add_opset_import();
  ml->set_domain("ai.onnx.ml");
  ml->set_version(3);
  model.add_metadata_props()->set_key("k");
  model.add_functions()->set_name("F");
  model.add_training_info();
  add_input(model, "w", TensorProto::INT8, {2, 2});
  add_constant(model, "w", TensorProto::INT8, {2, 2})->set_raw_data("abcd");
  TensorProto* scale = add_constant(model, "s", TensorProto::FLOAT, {2});
  scale->add_float_data(0.5f);
  scale->add_float_data(0.25f);
  add_constant(model, "u", TensorProto::UINT8, {1})->add_int32_data(200);
  add_constant(model, "l", TensorProto::INT64, {1})->add_int64_data(-1);
  add_constant(model, "t", TensorProto::STRING, {1})->add_string_data("cat");
  add_attribute(add_node(model, "Constant", {}, {"c"}), "value_int", AttributeProto::INT)->set_i(3);
  onnx::NodeProto* node = add_node(model, "Q", {"z", "", "w", "s", "u"}, {"a", "b"}, "q");
  add_attribute(node, "pads", AttributeProto::INTS)->add_ints(1);
  add_attribute(node, "alpha", AttributeProto::FLOAT)->set_f(0.5f);
  add_attribute(node, "auto_pad", AttributeProto::STRING)->set_s("VALID");
  add_attribute(node, "modes", AttributeProto::STRINGS)->add_strings("LEAF");
  add_attribute(node, "weights", AttributeProto::FLOATS)->add_floats(1.0f);
  TensorProto* tensor = add_attribute(node, "table", AttributeProto::TENSOR)->mutable_t();
  set_tensor(tensor, TensorProto::DOUBLE, {1});
  tensor->add_double_data(0.1);
  add_node(model, "R", {"y", "c", "l"}, {"z"}, "r");
  graph.add_quantization_annotation()->set_tensor_name("x");
  set_type(graph.add_value_info(), TensorProto::FLOAT, {1});
  graph.mutable_input(0)
      ->mutable_type()
      ->mutable_tensor_type()
      ->mutable_shape()
      ->add_dim()
      ->set_dim_param("n");
  return model;
}

class Mutator {
 public:
  explicit Mutator(uint64_t seed) : random_(seed) {}

  std::vector<uint8_t> mutate(std::vector<uint8_t> file) {
    for (uint64_t n = 1 + random_() % 4; n > 0 && !file.empty(); --n) change(file);
    return file;
  }

 private:
  void change(std::vector<uint8_t>& file) {
    const size_t at = random_() % file.size();
    const auto place = file.begin() + static_cast<ptrdiff_t>(at);
    const auto bytes =
        static_cast<ptrdiff_t>(1 + random_() % std::min<size_t>(16, file.size() - at));
    switch (random_() % 8) {
      case 0:
      case 1:
        file[at] ^= static_cast<uint8_t>(1u << random_() % 8);
        break;
      case 2:
        file[at] = static_cast<uint8_t>(random_());
        break;
      case 3:  // a tag, a length or a small number
        file[at] = static_cast<uint8_t>(random_() % 32);
        break;
      case 4:
        file.erase(place, place + bytes);
        break;
      case 5: {  // twice the same
        const std::vector<uint8_t> copy(place, place + bytes);
        file.insert(place, copy.begin(), copy.end());
        break;
      }
      case 6:  // a varint of many bytes
        file.insert(place, static_cast<size_t>(bytes), uint8_t{0xff});
        break;
      default:
        if (random_() % 4 == 0)
          file.resize(at);
        else
          file[at] = static_cast<uint8_t>(file[at] + 1);
    }
  }

  std::mt19937_64 random_;
};

TEST(OnnxMutations, AreRejectedOrReadInBoundedMemory) {
  const uint64_t count = zkvm::test::from_environment("ZKVM_MUTATIONS", 20'000);
  const uint64_t seed = zkvm::test::from_environment("ZKVM_SEED", 1);
  std::printf("%lu mutations, seeds from %lu\n", count, seed);
  const auto good = bytes_of(rich_model());
  ASSERT_TRUE(read_hostile_model(good));
  uint64_t read = 0;
  for (uint64_t i = 0; i < count; ++i) {
    const auto file = Mutator(seed + i).mutate(good);
    const size_t peak =
        zkvm::test::peak_memory_of([&] { read += read_hostile_model(file) ? 1 : 0; });
    ASSERT_LE(peak, 6 * file.size() + kHostileLimits.parts_bytes) << "seed " << seed + i;
  }
  std::printf("%lu were read\n", read);
  // Both sides are met, or the test would show nothing.
  EXPECT_GT(read, count / 20);
  EXPECT_LT(read, count - count / 20);
}

}  // namespace
}  // namespace zkvm::onnx_file::test
