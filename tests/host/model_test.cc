// What a program says of its model, by the library: the description, arrays of numpy, a guest's input from them, named
// outputs from a journal. The command line with it: model_cli_test.cc.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <bit>
#include <clocale>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

#include "host/model_info.h"
#include "host/model_tensors.h"
#include "host/npy.h"
#include "host/npz.h"
#include "tests/host/command.h"
#include "tests/peak_memory.h"

namespace zkvm::test {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Bytes = std::vector<uint8_t>;
using Json = nlohmann::json;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

Bytes bytes_of(const std::string& text) { return {text.begin(), text.end()}; }

ModelInfo some_model() {
  ModelInfo model{
      .name = "mnist \"2\"",
      .batch = 3,
      .inputs = {{.name = "image",
                  .shape = {1, 28, 28},
                  .type = TensorType::kInt8,
                  .model_type = "float32",
                  .scale = TensorScale{1 / 255.0f, -128}},
                 {.name = "ids", .shape = {7}, .type = TensorType::kInt32, .model_type = "int64"}},
      .outputs = {
          {.name = "ü\n",
           .shape = {1, 3},
           .type = TensorType::kUint8,
           .model_type = "float32",
           .scale = TensorScale{0.1f, 3},
           .labels = {"cat", "", "\x01"}},
          {.name = "class",
           .shape = {},
           .type = TensorType::kInt32,
           .model_type = "int64",
           .labels = {"cat", "dog"},
           .index = true},
          {.name = "tail", .shape = {2}, .type = TensorType::kFloat32, .model_type = "float32"}}};
  model.onnx = OnnxInfo{"onnx.quantize 0.1.0", 21, std::string(64, 'a')};
  return model;
}

ModelInfo some_private_model() {
  ModelInfo model = some_model();
  model.private_weights = 1000;
  model.weight_scales = {{"conv1", {0.1f, 1e-30f}}, {"ü", {3}}};
  return model;
}

TEST(ModelInfo, ComesBackFromItsText) {
  const ModelInfo bare{.name = "", .inputs = {}, .outputs = {}};
  ModelInfo untold = some_private_model();
  untold.weight_scales.clear();
  for (const ModelInfo& model : {some_model(), some_private_model(), untold, bare}) {
    ASSERT_EQ(complaint_of(model), std::nullopt);
    const std::string text = write_model_info(model);
    const auto read = read_model_info(bytes_of(text));
    ASSERT_TRUE(read) << read.error().message;
    EXPECT_EQ(*read, model);
    EXPECT_EQ(write_model_info(*read), text);
    EXPECT_TRUE(Json::accept(text));
  }
  EXPECT_EQ(some_model().input_bytes(), 784u + 28);
  EXPECT_EQ(some_model().run_output_bytes(), 3u * (4 + 4 + 8));
  EXPECT_EQ(some_private_model().run_input_bytes(), 32u + 1000 + 3 * (784 + 28));
  EXPECT_EQ(some_private_model().run_output_bytes(), 32u + 3 * (4 + 4 + 8));
}

// Scales are floats to the last bit, for a reader that takes them as doubles, too.
TEST(ModelInfo, ScalesAreExact) {
  std::mt19937 random(1);
  for (int i = 0; i < 500; ++i) {
    const auto scale = std::bit_cast<float>(static_cast<uint32_t>(random() & 0x7fffffff));
    if (!std::isfinite(scale) || scale == 0) continue;
    ModelInfo model = some_model();
    model.outputs[0].scale->scale = scale;
    const std::string text = write_model_info(model);
    const auto read = read_model_info(bytes_of(text));
    ASSERT_TRUE(read) << scale;
    ASSERT_EQ(std::bit_cast<uint32_t>(read->outputs[0].scale->scale),
              std::bit_cast<uint32_t>(scale));
    ASSERT_EQ(static_cast<float>(Json::parse(text)["outputs"][0]["scale"].get<double>()), scale);
  }
}

// A process whose locale writes 0,5 reads the same, and so does one whose locale another thread changes: no number goes
// through C's functions.
TEST(ModelInfo, NumbersDoNotDependOnTheLocale) {
  const TemporaryFolder folder;
  const Outcome made = run_program({"localedef", "-i", "de_DE", "-f", "UTF-8", folder / "de_DE.UTF-8"}, {});
  ASSERT_EQ(made.status, 0) << made.err;  // Debian's package locales
  setenv("LOCPATH", folder.path().c_str(), 1);
  const char* set = std::setlocale(LC_NUMERIC, "de_DE.UTF-8");
  ASSERT_NE(set, nullptr);
  ASSERT_STREQ(std::localeconv()->decimal_point, ",");
  for (const char* scale : {"0.1875", R"("0x1.8p-3")", R"("0.1875")", "1.875e-1", "1875E-4"}) {
    const auto read = read_model_info(bytes_of(fmt::format(
        R"({{"outputs": [{{"name": "y", "type": "int8", "shape": [2], "scale": {}}}],
            "inputs": [], "name": "n", "format": 1}})",
        scale)));
    EXPECT_TRUE(read) << scale << read.error().message;
    if (!read) continue;
    EXPECT_EQ(read->outputs[0].scale->scale, 0.1875f) << scale;
    EXPECT_THAT(write_model_info(*read), HasSubstr("\"scale\": 0.1875,"));
  }
  std::setlocale(LC_NUMERIC, "C");
  unsetenv("LOCPATH");
}

// By hand, as short as it may be, and with scales in hex.
TEST(ModelInfo, MayBeShort) {
  const auto read = read_model_info(bytes_of(
      R"({"outputs": [{"name": "y", "type": "int8", "shape": [2], "scale": "0x1.8p-3"}],
          "inputs": [], "name": "n", "format": 1})"));
  ASSERT_TRUE(read) << read.error().message;
  const ModelInfo expected{.name = "n",
                           .inputs = {},
                           .outputs = {{.name = "y",
                                        .shape = {2},
                                        .type = TensorType::kInt8,
                                        .model_type = "int8",
                                        .scale = TensorScale{0.1875f, 0}}}};
  EXPECT_EQ(*read, expected);
}

TEST(ModelInfo, RefusesEachFaultByItsPlace) {
  const Json good = Json::parse(write_model_info(some_model()));
  const auto message = [](const std::string& text) {
    const auto read = read_model_info(bytes_of(text));
    EXPECT_FALSE(read) << text;
    if (read) return std::string();
    EXPECT_EQ(read.error().code, ErrorCode::kMalformedModel);
    EXPECT_EQ(read.error().message.find('\n'), std::string::npos);
    return read.error().message;
  };
  const auto with = [&](const char* pointer, const Json& value) {
    Json changed = good;
    changed[Json::json_pointer(pointer)] = value;
    return message(changed.dump());
  };
  EXPECT_THAT(with("/format", 2), HasSubstr("format: expected an integer from 1 to 1, found 2"));
  EXPECT_THAT(with("/nme", 2), HasSubstr("found \"nme\""));
  EXPECT_THAT(with("/name", 2), HasSubstr("name: expected a string, found 2"));
  EXPECT_THAT(with("/name", std::string(1025, 'x')), HasSubstr("name: "));
  EXPECT_THAT(with("/batch", 0), HasSubstr("batch: "));
  EXPECT_THAT(with("/batch", 1.5), HasSubstr("batch: "));
  EXPECT_THAT(with("/batch", uint64_t{1} << 63), HasSubstr("batch: "));
  EXPECT_THAT(with("/batch", 2147483647), HasSubstr("inputs: expected at most 1073741824 bytes"));
  EXPECT_THAT(with("/onnx", 3), HasSubstr("onnx: expected an object"));
  EXPECT_THAT(with("/onnx/blake3", std::string(64, 'A')), HasSubstr("onnx.blake3: "));
  EXPECT_THAT(with("/onnx/blake3", ""), HasSubstr("onnx.blake3: "));
  EXPECT_THAT(with("/inputs", Json::object()),
              HasSubstr("inputs: expected an array, found object"));
  EXPECT_THAT(with("/inputs/0", 1), HasSubstr("inputs[0]: expected an object"));
  EXPECT_THAT(with("/inputs/0/zeropoint", 1), HasSubstr("inputs[0]: expected keys name"));
  EXPECT_THAT(with("/inputs/1/name", "image"), HasSubstr("inputs[1]: name: "));
  EXPECT_THAT(with("/inputs/1/name", ""), HasSubstr("inputs[1]: name: "));
  EXPECT_THAT(with("/inputs/1/shape", 7), HasSubstr("inputs[1].shape: "));
  EXPECT_THAT(with("/inputs/1/shape/0", 0), HasSubstr("inputs[1].shape: "));
  EXPECT_THAT(with("/inputs/1/shape/0", -1), HasSubstr("inputs[1].shape: "));
  EXPECT_THAT(with("/inputs/1/shape/0", "N"), HasSubstr("inputs[1].shape: "));
  EXPECT_THAT(with("/inputs/1/shape", Json(std::vector<int>(17, 1))), HasSubstr("16 axes"));
  EXPECT_THAT(with("/inputs/1/shape", {1 << 30, 1 << 30, 1 << 30}),
              HasSubstr("inputs[1]: shape: "));
  EXPECT_THAT(with("/inputs/1/type", "int64"), HasSubstr("inputs[1].type: "));
  EXPECT_THAT(with("/inputs/1/model_type", "int24"), HasSubstr("inputs[1]: model_type: "));
  EXPECT_THAT(with("/inputs/1/at", 783), HasSubstr("inputs[1].at: expected 784"));
  EXPECT_THAT(with("/inputs/1/bytes", 7), HasSubstr("inputs[1].bytes: expected 28"));
  EXPECT_THAT(with("/inputs/0/zero_point", 128), HasSubstr("inputs[0]: zero_point: "));
  EXPECT_THAT(with("/inputs/0/zero_point", 1000), HasSubstr("inputs[0].zero_point: "));
  EXPECT_THAT(with("/inputs/1/zero_point", 0), HasSubstr("inputs[1].scale: "));
  EXPECT_THAT(with("/outputs/2/scale", 1), HasSubstr("outputs[2]: scale: "));
  for (const Json& scale : {Json(0), Json(-1), Json(1e39), Json("nan"), Json("inf"), Json(""),
                            Json("1 "), Json(" 1"), Json("0x"), Json("1e999"), Json(nullptr)})
    EXPECT_THAT(with("/inputs/0/scale", scale), HasSubstr("scale: ")) << scale;
  EXPECT_THAT(with("/outputs/0/labels", {"a"}), HasSubstr("outputs[0]: labels: expected 3"));
  EXPECT_THAT(with("/outputs/0/labels/1", 1), HasSubstr("outputs[0].labels: "));
  // What C would cut off, and what another reader would read otherwise.
  const std::string zero("a\0b", 3);
  EXPECT_THAT(with("/outputs/0/labels/1", zero), HasSubstr("outputs[0]: labels: "));
  EXPECT_THAT(with("/outputs/0/name", zero), HasSubstr("outputs[0]: name: "));
  EXPECT_THAT(message(good.dump() + '\0' + "more"), HasSubstr("found a zero byte or a mark"));
  EXPECT_THAT(message("\xef\xbb\xbf" + good.dump()), HasSubstr("found a zero byte or a mark"));
  EXPECT_THAT(with("/outputs/0/index", true), HasSubstr("outputs[0]: index: "));
  EXPECT_THAT(with("/outputs/1/index", 1), HasSubstr("outputs[1].index: "));

  const Json secret = Json::parse(write_model_info(some_private_model()));
  const auto of_secret = [&](const char* pointer, const Json& value) {
    Json changed = secret;
    changed[Json::json_pointer(pointer)] = value;
    return message(changed.dump());
  };
  EXPECT_THAT(of_secret("/private_weights", 1000),
              HasSubstr("private_weights: expected an object"));
  EXPECT_THAT(of_secret("/private_weights/count", 1), HasSubstr("found \"count\""));
  for (const Json& bytes : {Json(0), Json(2), Json(-4), Json((int64_t{1} << 30) + 4), Json("4")})
    EXPECT_THAT(of_secret("/private_weights/bytes", bytes), HasSubstr("private_weights.bytes: "));
  EXPECT_THAT(of_secret("/private_weights/scales", 1), HasSubstr("private_weights.scales: "));
  EXPECT_THAT(of_secret("/private_weights/scales/1", 1), HasSubstr("private_weights.scales[1]: "));
  EXPECT_THAT(of_secret("/private_weights/scales/1/x", 1),
              HasSubstr("private_weights.scales[1]: "));
  for (const Json& layer : {Json(1), Json(""), Json(std::string(1025, 'x'))})
    EXPECT_THAT(of_secret("/private_weights/scales/1/layer", layer),
                HasSubstr("private_weights.scales[1].layer: "));
  for (const Json& scale : {Json(0), Json(-1), Json(1e39), Json("nan"), Json(nullptr)})
    EXPECT_THAT(of_secret("/private_weights/scales/0/scales/1", scale),
                HasSubstr("private_weights.scales[0].scales: "));
  EXPECT_THAT(of_secret("/private_weights/scales/0/scales", Json::array()),
              HasSubstr("private_weights.scales[0].scales: "));

  EXPECT_THAT(message(""), HasSubstr("expected JSON"));
  EXPECT_THAT(message("[]"), HasSubstr("expected an object, found array"));
  EXPECT_THAT(message(good.dump() + "x"), HasSubstr("expected JSON"));
  EXPECT_THAT(message("{\"name\": \"\xff\"}"), HasSubstr("expected JSON in UTF-8"));
  EXPECT_THAT(message(R"({"format": 1, "format": 1})"), HasSubstr("found \"format\" twice"));
  EXPECT_THAT(message(R"({"a": {"x": 1}, "b": {"x": 1, "y": 2, "x": 3}})"),
              HasSubstr("found \"x\" twice"));
}

// What no text can say is a complaint: else a written description is one that nobody reads.
TEST(ModelInfo, ComplainsOfWhatItWouldNotRead) {
  for (const int64_t opset : {int64_t{-1}, int64_t{(1 << 20) + 1}}) {
    ModelInfo model = some_model();
    model.onnx->opset = opset;
    EXPECT_THAT(complaint_of(model).value_or(""), HasSubstr("onnx.opset: "));
  }
  ModelInfo public_one = some_private_model();
  public_one.private_weights = 0;
  EXPECT_THAT(complaint_of(public_one).value_or(""), HasSubstr("private_weights.scales: "));
  const ModelInfo model{.name = "", .batch = uint32_t{1} << 31, .inputs = {}, .outputs = {}};
  EXPECT_THAT(complaint_of(model).value_or(""), HasSubstr("batch: "));
}

// A mebibyte of whatever kind takes bounded time and memory.
TEST(ModelInfo, HostileTextCostsLittle) {
  constexpr size_t kBytes = size_t{1} << 20;
  std::string keys = "{";
  for (int i = 0; keys.size() < kBytes; ++i) keys += "\"" + std::to_string(i) + "\":0,";
  std::string objects = "[", entries = "[", nested;
  while (objects.size() < kBytes) objects += "{},";
  while (entries.size() < kBytes) entries += "0,";
  for (size_t i = 0; i < kBytes / 6; ++i) nested += "{\"\":[";
  for (const std::string& text :
       {std::string(kBytes, '['), nested, keys + "\"\":0}", objects + "0]", entries + "0]",
        "{\"name\":\"" + std::string(kBytes, 'x') + "\"}"}) {
    const Bytes bytes = bytes_of(text);
    EXPECT_LT(peak_memory_of([&] { EXPECT_FALSE(read_model_info(bytes)); }), 100 * kBytes);
  }
}

TEST(ModelInfo, MutationsAreRefusedOrWellFormed) {
  const std::string good = write_model_info(some_private_model());
  std::mt19937_64 random(7);
  size_t accepted = 0;
  for (int i = 0; i < 4000; ++i) {
    std::string text = good;
    for (size_t n = 1 + random() % 3; n > 0; --n) {
      const size_t at = random() % text.size();
      switch (random() % 3) {
        case 0:
          text[at] = static_cast<char>(random());
          break;
        case 1:
          text.erase(at, 1 + random() % 9);
          break;
        default:
          text.insert(at, text.substr(random() % text.size(), random() % 9));
      }
    }
    const auto read = read_model_info(bytes_of(text));
    if (!read) continue;
    ++accepted;
    ASSERT_EQ(complaint_of(*read), std::nullopt) << text;
    const auto again = read_model_info(bytes_of(write_model_info(*read)));
    ASSERT_TRUE(again) << again.error().message << text;
    ASSERT_EQ(*again, *read);
  }
  EXPECT_GT(accepted, 100u);
}

// Files of numpy itself (tests/vectors/make_numpy_vectors.py).
const Json& vectors() {
  static const Json json = Json::parse(std::ifstream(ZKVM_NUMPY_VECTORS));
  return json;
}

Bytes from_hex(const Json& json) {
  const auto& text = json.get_ref<const std::string&>();
  Bytes bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  return bytes;
}

void expect_contents(const Array& array, const Json& expected) {
  EXPECT_EQ(name_of(array.type), expected["type"]);
  EXPECT_EQ(array.shape, expected["shape"].get<std::vector<uint64_t>>());
  EXPECT_EQ(array.bytes, from_hex(expected["bytes"]));
}

TEST(Npy, ReadsWhatNumpyWrites) {
  ASSERT_EQ(vectors()["files"].size(), 19u);
  for (const auto& [name, expected] : vectors()["files"].items()) {
    SCOPED_TRACE(name);
    const auto array = read_npy(from_hex(expected["file"]));
    ASSERT_TRUE(array) << array.error().message;
    expect_contents(*array, expected);
  }
}

TEST(Npy, RefusesWhatItHasNot) {
  for (const auto& [name, file] : vectors()["refused"].items()) {
    SCOPED_TRACE(name);
    const auto array = read_npy(from_hex(file));
    ASSERT_FALSE(array);
    EXPECT_EQ(array.error().code, ErrorCode::kMalformedArray);
    EXPECT_THAT(array.error().message, testing::AnyOf(HasSubstr("type: expected little-endian"),
                                                      HasSubstr("expected a type of numbers")));
  }
}

Bytes npy_with(const std::string& header, size_t data, int version = 1) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i)
    file += static_cast<char>(header.size() >> 8 * i);
  return bytes_of(file + header + std::string(data, '\x01'));
}

std::string npy_header(const std::string& shape, const std::string& type = "<f4") {
  return "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
}

TEST(Npy, HeadersAsOthersWriteThem) {
  for (const char* header :
       {"{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }          \n",
        "{'shape':(2,3),'fortran_order':False,'descr':'<f4'}",
        "{\"descr\": \"<f4\",\n \"fortran_order\": True, \"shape\": (2, 3,)}"})
    EXPECT_TRUE(read_npy(npy_with(header, 24))) << header;
  EXPECT_TRUE(read_npy(npy_with(npy_header("()"), 4)));
  EXPECT_TRUE(read_npy(npy_with(npy_header("(9223372036854775807, 0)"), 0)));
}

// Axes of length 1 have no order.
TEST(Npy, ReordersWhateverAxesOfOne) {
  std::string ones;
  for (int i = 0; i < 20; ++i) ones += "1,";
  Bytes file = npy_with("{'descr': '|i1', 'fortran_order': True, 'shape': (" + ones + "2," + ones +
                            "3," + ones + ")}",
                        0);
  for (uint8_t i = 0; i < 6; ++i) file.push_back(i);
  const auto array = read_npy(file);
  ASSERT_TRUE(array) << array.error().message;
  EXPECT_EQ(array->shape.size(), 62u);
  EXPECT_THAT(array->bytes, ElementsAre(0, 2, 4, 1, 3, 5));
}

TEST(Npy, RefusesEachFault) {
  const auto message = [](const Bytes& file) {
    const auto array = read_npy(file);
    EXPECT_FALSE(array);
    if (array) return std::string();
    EXPECT_EQ(array.error().code, ErrorCode::kMalformedArray);
    return array.error().message;
  };
  const auto header = [&](const std::string& text) { return message(npy_with(text, 24)); };
  EXPECT_THAT(message({}), HasSubstr("another file"));
  EXPECT_THAT(message(bytes_of("\x93NUMPY")), HasSubstr("version"));
  EXPECT_THAT(message(npy_with(npy_header("(6,)"), 24, 4)), HasSubstr("version: expected 1 to 3"));
  EXPECT_THAT(message(npy_with(npy_header("(6,)"), 23)), HasSubstr("of shape 6, found 23 bytes"));
  EXPECT_THAT(message(npy_with(npy_header("(6,)"), 25)), HasSubstr("found 25 bytes"));
  // Products that are 24 modulo 2^64, or nothing.
  for (const char* shape : {"(18446744073709551615,)", "(4294967296, 4294967296, 6)",
                            "(9223372036854775814, 2)", "(4611686018427387910,)"})
    EXPECT_THAT(header(npy_header(shape)), HasSubstr("data: expected")) << shape;
  EXPECT_THAT(header(npy_header("(18446744073709551616,)")), HasSubstr("expected an extent"));
  EXPECT_THAT(header(npy_header("(-6,)")), HasSubstr("expected an extent"));
  EXPECT_THAT(header(npy_header("6")), HasSubstr("expected (, found 6"));
  EXPECT_THAT(header(npy_header("(2 3)")), HasSubstr("expected , or )"));
  std::string ones;
  for (int i = 0; i < 70; ++i) ones += "1,";
  EXPECT_THAT(header(npy_header("(" + ones + "6)")), HasSubstr("64 axes"));
  EXPECT_THAT(header(npy_header("(6,)", "=f4")), HasSubstr("type: "));
  EXPECT_THAT(header(npy_header("(6,)", "<f16")), HasSubstr("type: "));
  EXPECT_THAT(header("{'descr': '<f4', 'shape': (6,)}"), HasSubstr("found less"));
  EXPECT_THAT(header("{'descr': '<f4', 'descr': '<f4'}"), HasSubstr("each once, found descr"));
  EXPECT_THAT(header("{'x': 1}"), HasSubstr("each once, found x"));
  EXPECT_THAT(header("{'descr': '<f4', 'fortran_order': 0}"), HasSubstr("True or False"));
  EXPECT_THAT(header(npy_header("(6,)") + "x"), HasSubstr("spaces to its end"));
  EXPECT_THAT(header("{'descr"), HasSubstr("expected a key"));
  EXPECT_THAT(header(""), HasSubstr("expected {, found its end"));
  Bytes beyond = npy_with(npy_header("(6,)"), 24, 3);
  std::memset(&beyond[8], 0xff, 4);
  EXPECT_THAT(message(beyond), HasSubstr("header: expected at most"));
  const Bytes good = npy_with(npy_header("(6,)"), 24);
  for (size_t n = 0; n < good.size(); ++n) EXPECT_FALSE(read_npy(std::span(good).first(n))) << n;
}

TEST(Npy, MutationsAreRefusedOrWellFormed) {
  std::mt19937_64 random(3);
  size_t accepted = 0;
  for (const auto& [name, expected] : vectors()["files"].items()) {
    const Bytes good = from_hex(expected["file"]);
    for (int i = 0; i < 1000; ++i) {
      Bytes file = good;
      for (size_t n = 1 + random() % 3; n > 0; --n)
        file[random() % std::min<size_t>(file.size(), 80)] =
            static_cast<uint8_t>(random() % 2 ? random() : "0123456789<|>(),' }"[random() % 19]);
      const auto array = read_npy(file);
      if (!array) continue;
      ++accepted;
      uint64_t elements = 1;
      for (const uint64_t extent : array->shape) elements *= extent;
      ASSERT_EQ(array->bytes.size(), elements * bytes_of(array->type));
    }
  }
  EXPECT_GT(accepted, 100u);
}

TEST(Npz, ReadsWhatNumpyWrites) {
  for (const auto& [name, expected] : vectors()["archives"].items()) {
    SCOPED_TRACE(name);
    const auto arrays = read_npz(from_hex(expected["file"]));
    ASSERT_TRUE(arrays) << arrays.error().message;
    ASSERT_EQ(arrays->size(), expected["arrays"].size());
    for (const auto& [array, contents] : expected["arrays"].items())
      expect_contents(arrays->at(array), contents);
  }
}

Bytes archive(const char* name) { return from_hex(vectors()["archives"][name]["file"]); }

// Where the first member's entry stands in the directory.
size_t first_entry(const Bytes& file) {
  uint32_t start;
  std::memcpy(&start, &file[file.size() - 22 + 16], 4);
  return start;
}

TEST(Npz, RefusesEachFault) {
  const auto message = [](const char* name, const std::function<void(Bytes&)>& change,
                          const NpzLimits& limits = {}) {
    Bytes file = archive(name);
    change(file);
    const auto arrays = read_npz(file, limits);
    EXPECT_FALSE(arrays);
    if (arrays) return std::string();
    EXPECT_EQ(arrays.error().code, ErrorCode::kMalformedArray);
    return arrays.error().message;
  };
  const auto entry = [&](size_t offset, uint32_t value, size_t size = 4) {
    return message("deflated", [&](Bytes& file) {
      std::memcpy(&file[first_entry(file) + offset], &value, size);
    });
  };
  const auto end = [&](size_t offset, uint32_t value, size_t size) {
    return message("deflated", [&](Bytes& file) {
      std::memcpy(&file[file.size() - 22 + offset], &value, size);
    });
  };
  const auto nothing = [](Bytes&) {};
  EXPECT_THAT(message("stored", [](Bytes& f) { f.clear(); }), HasSubstr("another file"));
  EXPECT_THAT(message("stored", [](Bytes& f) { f.pop_back(); }), HasSubstr("another file"));
  EXPECT_THAT(message("stored", [](Bytes& f) { f.push_back(0); }), HasSubstr("another file"));
  EXPECT_THAT(end(4, 1, 2), HasSubstr("in one part"));
  EXPECT_THAT(end(8, 4, 2), HasSubstr("in one part"));
  EXPECT_THAT(end(8, 0x00040004, 4), HasSubstr("expected 4 members, found 3"));
  EXPECT_THAT(end(8, 0xffffffff, 4), HasSubstr("zip64"));
  EXPECT_THAT(end(16, 0xffffffff, 4), HasSubstr("zip64"));
  EXPECT_THAT(end(16, 0xfffffffe, 4), HasSubstr("directory: "));
  EXPECT_THAT(entry(0, 0), HasSubstr("expected 3 members, found 0"));
  EXPECT_THAT(entry(8, 1, 2), HasSubstr("encryption"));
  EXPECT_THAT(entry(10, 12, 2), HasSubstr("found method 12"));
  EXPECT_THAT(entry(16, 1), HasSubstr("checksum: expected 00000001"));
  EXPECT_THAT(entry(20, 0x7fffffff), HasSubstr("before the directory"));
  EXPECT_THAT(entry(20, 3), HasSubstr("found"));
  EXPECT_THAT(entry(24, 0xffffffff), HasSubstr("can hold"));
  EXPECT_THAT(entry(24, 5000), HasSubstr("no such stream"));
  EXPECT_THAT(entry(24, 5), HasSubstr("no such stream"));
  EXPECT_THAT(entry(28, 0xffff, 2), HasSubstr("members, found 0"));
  EXPECT_THAT(entry(42, 0xfffffff0), HasSubstr("expected its header"));
  EXPECT_THAT(entry(42, 3), HasSubstr("expected its header"));
  EXPECT_THAT(message("stored", nothing, {.members = 2}), HasSubstr("at most 2 members, found 3"));
  EXPECT_THAT(message("stored", nothing, {.bytes = 400}), HasSubstr("at most 400 bytes"));
  EXPECT_THAT(message("stored", [](Bytes& f) { f[first_entry(f) + 46 + 4] = 'x'; }),
              HasSubstr("NAME.npy, found x.npx"));
}

// So many members, all of which have the same `packed` bytes in the file.
Bytes archive_of_shared(uint32_t members, uint32_t packed, uint32_t unpacked) {
  Bytes file;
  const auto put = [&](uint64_t value, size_t size) {
    for (size_t i = 0; i < size; ++i)
      file.push_back(i < 8 ? static_cast<uint8_t>(value >> 8 * i) : 0);
  };
  put(0x04034b50, 4);
  file.resize(30 + packed);
  const size_t start = file.size();
  for (uint32_t i = 0; i < members; ++i) {
    put(0x02014b50, 4);
    put(0, 6);
    put(8, 2);
    put(0, 8);
    put(packed, 4);
    put(unpacked, 4);
    put(5, 2);
    put(0, 16);
    for (const char c : std::string("a.npy")) put(static_cast<uint8_t>(c), 1);
  }
  const size_t size = file.size() - start;
  put(0x06054b50, 4);
  put(0, 4);
  put(members, 2);
  put(members, 2);
  put(size, 4);
  put(start, 4);
  put(0, 2);
  return file;
}

// Members that share their bytes would take time and memory for each of them: they are refused before any is unpacked.
TEST(Npz, RefusesSharedBytes) {
  const auto message = [](const Bytes& file) {
    std::string found;
    const auto used = peak_memory_of([&] {
      const auto arrays = read_npz(file);
      ASSERT_FALSE(arrays);
      found = arrays.error().message;
    });
    EXPECT_LT(used, size_t{10} << 20);
    return found;
  };
  EXPECT_THAT(message(archive_of_shared(4000, 1000, 1000000)), HasSubstr("share bytes"));
  EXPECT_THAT(message(archive_of_shared(4000, 1000000, 100)), HasSubstr("share bytes"));
}

TEST(Npz, MutationsAreRefusedOrWellFormed) {
  std::mt19937_64 random(5);
  for (const char* name : {"stored", "deflated"}) {
    const Bytes good = archive(name);
    for (int i = 0; i < 4000; ++i) {
      Bytes file = good;
      for (size_t n = 1 + random() % 3; n > 0; --n)
        file[random() % file.size()] = static_cast<uint8_t>(random());
      if (random() % 8 == 0) file.resize(random() % file.size());
      const auto arrays = read_npz(file);
      if (!arrays) continue;
      for (const auto& [array, contents] : *arrays) {
        uint64_t elements = 1;
        for (const uint64_t extent : contents.shape) elements *= extent;
        ASSERT_EQ(contents.bytes.size(), elements * bytes_of(contents.type));
      }
    }
  }
}

template <class T>
Array array_of(ArrayType type, std::vector<uint64_t> shape, const std::vector<T>& values) {
  Array array{.type = type, .shape = std::move(shape), .bytes = Bytes(values.size() * sizeof(T))};
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

// Ties of x / s to even, before the zero point; the true quotient, not x times 1 / s; NaN and -inf the least.
TEST(Encode, QuantisesAsOnnxDoes) {
  const auto int8 = [](float x, float scale, int zero_point) {
    return quantised(x, {scale, zero_point}, TensorType::kInt8);
  };
  const auto uint8 = [](float x, float scale, int zero_point) {
    return quantised(x, {scale, zero_point}, TensorType::kUint8);
  };
  EXPECT_EQ(int8(0.5f, 1, 0), 0);
  EXPECT_EQ(int8(1.5f, 1, 0), 2);
  EXPECT_EQ(int8(2.5f, 1, 1), 3);
  EXPECT_EQ(int8(-0.5f, 1, 1), 1);
  EXPECT_EQ(int8(-1.5f, 1, -1), -3);
  EXPECT_EQ(int8(1000, 1, 5), 127);
  EXPECT_EQ(int8(-1000, 1, 5), -128);
  EXPECT_EQ(int8(std::nanf(""), 1, 5), -128);
  EXPECT_EQ(int8(-kInfinity, 1, 5), -128);
  EXPECT_EQ(int8(kInfinity, 1, 5), 127);
  EXPECT_EQ(uint8(std::nanf(""), 1, 5), 0);
  EXPECT_EQ(uint8(254.5f, 1, 0), 254);
  EXPECT_EQ(uint8(-3, 1, 3), 0);
  // 2.5 as a quotient; the product with 1 / s is the next float above.
  const float scale = 0.011f, x = 2.5f * 0.011f;
  EXPECT_EQ(x / scale, 2.5f);
  EXPECT_EQ(uint8(x, scale, 0), 2);
}

ModelInfo two_inputs(uint32_t batch = 1) {
  return {
      .name = "",
      .batch = batch,
      .inputs = {{.name = "a",
                  .shape = {1, 2, 3},
                  .type = TensorType::kInt8,
                  .model_type = "float32",
                  .scale = TensorScale{0.5f, 1}},
                 {.name = "b", .shape = {2}, .type = TensorType::kInt32, .model_type = "int64"}},
      .outputs = {}};
}

const Array kFloats = array_of<float>(ArrayType::kFloat32, {2, 3}, {0, 1, -1, 100, -100, 0.25f});
const Array kLongs = array_of<int64_t>(ArrayType::kInt64, {2}, {7, -1});

TEST(Encode, WritesWhatReadTensorReads) {
  const std::vector<InputArray> arrays = {{"", kFloats}, {"", kLongs}};
  const auto input = encode_input(two_inputs(), arrays);
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_THAT(*input, ElementsAre(129, 131, 127, 255, 0, 129, 0, 0,  // x + 128, padded
                                  7, 0, 0, 0, 255, 255, 255, 255));
  const std::vector<InputArray> by_name = {{"b", kLongs}, {"a", kFloats}};
  EXPECT_EQ(encode_input(two_inputs(), by_name).value(), *input);
}

TEST(Encode, TakesIntegersAsTheyAre) {
  ModelInfo model = two_inputs();
  model.inputs.pop_back();
  const auto bytes = [&](const Array& array) {
    const auto input = encode_input(model, std::vector<InputArray>{{"", array}});
    EXPECT_TRUE(input) << input.error().message;
    return input.value_or(Bytes{});
  };
  EXPECT_THAT(bytes(array_of<int8_t>(ArrayType::kInt8, {1, 1, 2, 3}, {-128, 0, 127, 1, 2, 3})),
              ElementsAre(0, 128, 255, 129, 130, 131, 0, 0));
  EXPECT_EQ(bytes(array_of<double>(ArrayType::kFloat64, {2, 3}, {0, 1, -1, 100, -100, 0.25})),
            bytes(kFloats));
  model.inputs[0].type = TensorType::kUint8;
  EXPECT_THAT(bytes(array_of<uint8_t>(ArrayType::kUint8, {2, 3}, {0, 1, 2, 253, 254, 255})),
              ElementsAre(0, 1, 2, 253, 254, 255, 0, 0));
  model.inputs[0] = {
      .name = "f", .shape = {2}, .type = TensorType::kFloat32, .model_type = "float32"};
  EXPECT_THAT(bytes(array_of<float>(ArrayType::kFloat32, {2}, {1, -2})),
              ElementsAre(0, 0, 0x80, 0x3f, 0, 0, 0, 0xc0));
}

TEST(Encode, BatchesComeInOneArrayOrInMany) {
  const ModelInfo model = two_inputs(2);
  const Array floats_2 = array_of<float>(ArrayType::kFloat32, {2, 1, 2, 3},
                                         {0, 1, -1, 100, -100, 0.25f, 3, 3, 3, 3, 3, 3});
  const Array longs_2 = array_of<int64_t>(ArrayType::kInt64, {2, 2}, {7, -1, 8, 9});
  const Array threes = array_of<float>(ArrayType::kFloat32, {1, 2, 3}, {3, 3, 3, 3, 3, 3});
  const Array other = array_of<int64_t>(ArrayType::kInt64, {2}, {8, 9});
  const std::vector<InputArray> whole = {{"", floats_2}, {"", longs_2}};
  const auto input = encode_input(model, whole);
  ASSERT_TRUE(input) << input.error().message;
  EXPECT_THAT(*input, ElementsAre(129, 131, 127, 255, 0, 129, 0, 0, 7, 0, 0, 0, 255, 255, 255, 255,
                                  135, 135, 135, 135, 135, 135, 0, 0, 8, 0, 0, 0, 9, 0, 0, 0));
  const std::vector<InputArray> singly = {{"", kFloats}, {"", kLongs}, {"", threes}, {"", other}};
  EXPECT_EQ(encode_input(model, singly).value(), *input);
  const std::vector<InputArray> mixed = {{"b", kLongs}, {"a", floats_2}, {"b", other}};
  EXPECT_EQ(encode_input(model, mixed).value(), *input);
}

TEST(Encode, RefusesWhatDoesNotFit) {
  const auto message = [](const ModelInfo& model, const std::vector<InputArray>& arrays) {
    const auto input = encode_input(model, arrays);
    EXPECT_FALSE(input);
    if (input) return std::string();
    EXPECT_EQ(input.error().code, ErrorCode::kUnfitTensors);
    return input.error().message;
  };
  const InputArray a{"", kFloats}, b{"", kLongs};
  EXPECT_THAT(message(two_inputs(), {a}),
              HasSubstr("expected 2 arrays, one for each input, found 1"));
  EXPECT_THAT(message(two_inputs(), {}), HasSubstr("input 'a': expected 1 example, found 0"));
  EXPECT_THAT(message(two_inputs(), {b, a}), HasSubstr("input 'a': expected float32"));
  EXPECT_THAT(message(two_inputs(), {a, b, a, b}), HasSubstr("expected 1 example, found more"));
  EXPECT_THAT(message(two_inputs(3), {a, b, a, b}), HasSubstr("expected 3 examples, found 2"));
  EXPECT_THAT(message(two_inputs(), {{"a", kFloats}, b}), HasSubstr("names or none, found 1 of 2"));
  EXPECT_THAT(message(two_inputs(), {{"a", kFloats}, {"c\n", kLongs}}),
              AllOf(HasSubstr("input 'c?'"), HasSubstr("('a', 'b')")));
  Array turned = kFloats;
  turned.shape = {3, 2};
  EXPECT_THAT(message(two_inputs(), {{"", turned}, b}), HasSubstr("shape 1x2x3, found 3x2"));
  turned.shape = {2, 3, 1};
  EXPECT_THAT(message(two_inputs(), {{"", turned}, b}), HasSubstr("found 2x3x1"));
  const auto longs = [](int64_t x) { return array_of<int64_t>(ArrayType::kInt64, {2}, {0, x}); };
  for (const int64_t x : {int64_t{1} << 31, -(int64_t{1} << 31) - 1})
    EXPECT_THAT(message(two_inputs(), {a, {"", longs(x)}}),
                HasSubstr("element 1: expected an int32"));
  EXPECT_TRUE(
      encode_input(two_inputs(), std::vector<InputArray>{a, {"", longs(-(int64_t{1} << 31))}}));
  EXPECT_THAT(message(two_inputs(), {a, {"", array_of<float>(ArrayType::kFloat32, {2}, {1, 2})}}),
              HasSubstr("expected integers, found float32"));
  const Array bytes = array_of<uint8_t>(ArrayType::kUint8, {2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(message(two_inputs(), {{"", bytes}, b}), HasSubstr("or int8, found uint8"));
  ModelInfo unscaled = two_inputs();
  unscaled.inputs[0].scale.reset();
  EXPECT_THAT(message(unscaled, {a, b}),
              HasSubstr("expected int8 (it has no scale), found float32"));
}

// "-" where there is none.
std::vector<std::string> labels_of(const OutputValues& output) {
  std::vector<std::string> out;
  for (const std::string* label : output.labels) out.push_back(label == nullptr ? "-" : *label);
  return out;
}

TEST(Decode, NamesEveryOutput) {
  ModelInfo model = some_model();
  model.batch = 2;
  const Bytes journal = {10, 3, 200, 0, 1, 0, 0, 0, 0, 0, 0x80, 0x3f, 0, 0, 0,    0xc0,
                         5,  5, 4,   0, 9, 0, 0, 0, 0, 0, 0,    0,    0, 0, 0x80, 0x7f};
  const auto outputs = decode_outputs(model, journal);
  ASSERT_TRUE(outputs) << outputs.error().message;
  ASSERT_EQ(outputs->size(), 3u);
  EXPECT_THAT((*outputs)[0].integers, ElementsAre(10, 3, 200, 5, 5, 4));
  EXPECT_THAT((*outputs)[0].reals,
              ElementsAre(7 * 0.1f, 0, 197 * 0.1f, 2 * 0.1f, 2 * 0.1f, 1 * 0.1f));
  EXPECT_THAT(labels_of((*outputs)[0]), ElementsAre("\x01", "cat"));  // the first of equals
  EXPECT_THAT((*outputs)[1].integers, ElementsAre(1, 9));
  EXPECT_THAT(labels_of((*outputs)[1]), ElementsAre("dog", "-"));  // 9 has none
  EXPECT_THAT((*outputs)[1].reals, testing::IsEmpty());
  EXPECT_THAT((*outputs)[2].reals, ElementsAre(1, -2, 0, kInfinity));
  EXPECT_THAT((*outputs)[2].labels, testing::IsEmpty());

  const auto cut = decode_outputs(model, std::span(journal).first(28));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kUnfitTensors);
  EXPECT_THAT(cut.error().message, HasSubstr("journal: expected 32 bytes"));
}

TEST(Decode, RefusesWhatNoGuestPads) {
  ModelInfo model = some_model();
  model.batch = 1;
  Bytes journal(16);
  ASSERT_TRUE(decode_outputs(model, journal));
  journal[3] = 1;
  const auto outputs = decode_outputs(model, journal);
  ASSERT_FALSE(outputs);
  EXPECT_EQ(outputs.error().code, ErrorCode::kUnfitTensors);
  EXPECT_THAT(outputs.error().message,
              HasSubstr("output '\xc3\xbc?': expected zeros behind its 3 bytes"));
}

// A long label for each byte of a journal.
TEST(Decode, LabelsTakeBoundedMemory) {
  constexpr uint32_t kRows = 1 << 20;
  ModelInfo model{.name = "",
                  .inputs = {},
                  .outputs = {{.name = "y",
                               .shape = {kRows, 1},
                               .type = TensorType::kUint8,
                               .model_type = "uint8",
                               .labels = {std::string(kMaxNameBytes, 'x')}}}};
  ASSERT_EQ(complaint_of(model), std::nullopt);
  const auto refused = [](const ModelInfo& of, const Bytes& journal) {
    const auto used = peak_memory_of([&] {
      const auto outputs = decode_outputs(of, journal);
      ASSERT_FALSE(outputs);
      EXPECT_THAT(outputs.error().message, HasSubstr("output 'y': labels: expected at most"));
    });
    EXPECT_LT(used, size_t{100} << 20);
  };
  refused(model, Bytes(kRows));
  model.outputs[0].type = TensorType::kInt32;
  model.outputs[0].index = true;
  refused(model, Bytes(4 * kRows));
  // The bound is of all outputs together.
  model.outputs[0].labels[0].resize(60);
  EXPECT_TRUE(decode_outputs(model, Bytes(4 * kRows)));
  const TensorInfo one = model.outputs[0];
  for (const char* name : {"w", "x"}) {
    model.outputs.insert(model.outputs.begin(), one);
    model.outputs[0].name = name;
  }
  refused(model, Bytes(3 * 4 * kRows));
}

// A class is not the one whose score is none.
TEST(Decode, LabelsPassOverNaN) {
  const ModelInfo model{.name = "",
                        .inputs = {},
                        .outputs = {{.name = "y",
                                     .shape = {3, 2},
                                     .type = TensorType::kFloat32,
                                     .model_type = "float32",
                                     .labels = {"no", "yes"}}}};
  const float values[] = {std::nanf(""), -kInfinity, 1, std::nanf(""), 0, 0};
  Bytes journal(sizeof(values));
  std::memcpy(journal.data(), values, sizeof(values));
  const auto outputs = decode_outputs(model, journal);
  ASSERT_TRUE(outputs);
  EXPECT_THAT(labels_of((*outputs)[0]), ElementsAre("yes", "no", "no"));
}

TEST(Decode, ReadsTwosComplement) {
  const ModelInfo model{.name = "",
                        .inputs = {},
                        .outputs = {{.name = "y",
                                     .shape = {2, 2},
                                     .type = TensorType::kInt8,
                                     .model_type = "float32",
                                     .scale = TensorScale{2, -128},
                                     .labels = {"no", "yes"}}}};
  const auto outputs = decode_outputs(model, Bytes{0x80, 0xff, 0x7f, 0});
  ASSERT_TRUE(outputs);
  EXPECT_THAT((*outputs)[0].integers, ElementsAre(-128, -1, 127, 0));
  EXPECT_THAT((*outputs)[0].reals, ElementsAre(0, 254, 510, 256));
  EXPECT_THAT(labels_of((*outputs)[0]), ElementsAre("yes", "no"));  // of each row
}

}  // namespace
}  // namespace zkvm::test
