// `zkvm encode`, and what `inspect`, `id`, `run`, `prove` and `verify` show of a guest that says what its model is
// (model_guest.cc, model_guest.json).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/host/command.h"
#include "tests/vm/guest_builder.h"

namespace zkvm::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

const std::string kModelGuest = ZKVM_MODEL_GUEST, kModelFile = ZKVM_MODEL_FILE;

std::string npy(const std::string& type, const std::string& shape, const std::string& data) {
  const std::string header =
      "{'descr': '" + type + "', 'fortran_order': False, 'shape': " + shape + ", }\n";
  std::string file = "\x93NUMPY\x01";
  file += '\0';
  file += static_cast<char>(header.size());
  file += '\0';
  return file + header + data;
}

std::string floats(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

// Columns of the two pictures: 5, 7, -1 and 2, 2.5, 60.5, which is more than an int8 has.
class Model : public testing::Test {
 protected:
  Model() {
    write_text(pictures_,
               npy("<f4", "(2, 2, 3)", floats({4, 3, -1, 1, 4, 0, 1, 1, 30, 1, 1.5f, 30.5f})));
    write_text(offsets_, npy("<i4", "(2,)", words({0, 0xfffffffd})));
  }

  [[nodiscard]] Outcome encode() const {
    return zkvm({"encode", kModelGuest, pictures_, offsets_, "-o", input_});
  }
  static void expect_outputs(const Json& outputs) {
    ASSERT_TRUE(outputs.is_object()) << outputs;
    EXPECT_EQ(outputs["sums"], Json::parse(R"({"shape": [2, 1, 3], "type": "int8", "scale": 0.5,
      "zero_point": -56, "values": [-46, -42, -58, -52, -51, 65],
      "dequantised": [5.0, 7.0, -1.0, 2.0, 2.5, 60.5], "labels": ["middle", "right"]})"));
    EXPECT_EQ(outputs["class"], Json::parse(R"({"shape": [2, 1], "type": "int32", "scale": null,
      "zero_point": null, "values": [1, -1], "labels": ["middle", ""]})"));
    EXPECT_EQ(outputs["half"], Json::parse(R"({"shape": [2, 1], "type": "float32", "scale": null,
      "zero_point": null, "values": [0.0, -1.5]})"));
  }

  const TemporaryFolder folder_;
  const std::string pictures_ = folder_ / "pictures.npy", offsets_ = folder_ / "offsets.npy",
                    input_ = folder_ / "input", receipt_ = folder_ / "receipt.zkr";
};

TEST_F(Model, InspectShowsIt) {
  const Outcome text = zkvm({"inspect", kModelGuest});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.out, AllOf(HasSubstr("columns, 2 examples a run, from ONNX by a test, opset 21"),
                              HasSubstr("Inputs, in the order"), HasSubstr("picture"),
                              HasSubstr("1x2x3"), HasSubstr("3: left middle right")));
  const Json object = Json::parse(zkvm({"inspect", kModelGuest, "--json"}).out)["model"];
  EXPECT_EQ(object["name"], "columns");
  EXPECT_EQ(object["batch"], 2);
  EXPECT_EQ(object["onnx"]["opset"], 21);
  EXPECT_EQ(object["inputs"][0], Json::parse(R"({"name": "picture", "shape": [1, 2, 3],
    "type": "int8", "model_type": "float32", "scale": 0.5, "zero_point": -28, "labels": [],
    "index": false, "at": 0, "bytes": 6})"));
  EXPECT_EQ(object["outputs"][2]["at"], 8);
  const Json id = Json::parse(zkvm({"id", kModelGuest, "--json"}).out);
  EXPECT_EQ(id["model"], object["digest"]);
  EXPECT_THAT(text.out, HasSubstr(object["digest"].get<std::string>()));

  EXPECT_EQ(Json::parse(zkvm({"inspect", kGuest, "--json"}).out)["model"], nullptr);
  EXPECT_EQ(Json::parse(zkvm({"id", kGuest, "--json"}).out)["model"], nullptr);
}

TEST_F(Model, RunShowsOutputsByName) {
  const Outcome encoded = encode();
  ASSERT_EQ(encoded.status, 0) << encoded.err;
  EXPECT_THAT(encoded.err, HasSubstr("24 bytes for 2 inputs, 2 examples"));
  EXPECT_EQ(read_text(input_).size(), 24u);
  const Outcome text = zkvm({"run", kModelGuest, "--input", input_});
  EXPECT_EQ(text.status, 0) << text.err;
  EXPECT_THAT(text.err, AllOf(HasSubstr("sums[0]"), HasSubstr("middle  5 7 -1"),
                              HasSubstr("right   2 2.5 60.5")));
  expect_outputs(
      Json::parse(zkvm({"run", kModelGuest, "--input", input_, "--json"}).out)["outputs"]);

  // Of an input that does not end the run well, and of a guest that says nothing.
  const Outcome trapped = zkvm({"run", kModelGuest, "--json"});
  EXPECT_EQ(trapped.status, 1);
  EXPECT_EQ(Json::parse(trapped.out)["outputs"], nullptr);
  EXPECT_FALSE(Json::parse(trapped.out).contains("outputs_error"));
  write_text(folder_ / "0", words({0}));
  const Outcome silent = zkvm({"run", kGuest, "--input", folder_ / "0", "--json"});
  EXPECT_EQ(Json::parse(silent.out)["outputs"], nullptr);
}

TEST_F(Model, EncodeTakesNamesAndStandardFiles) {
  ASSERT_EQ(encode().status, 0);
  const Outcome named = zkvm({"encode", kModelGuest, "offset=" + offsets_, "picture=-", "-o", "-"},
                             {.input = read_text(pictures_)});
  EXPECT_EQ(named.status, 0) << named.err;
  EXPECT_EQ(named.out, read_text(input_));
  const Outcome json = zkvm({"encode", kModelGuest, pictures_, offsets_, "-o", input_, "--json"});
  const Json report = Json::parse(json.out);
  EXPECT_EQ(report["input_bytes"], 24);
  EXPECT_EQ(report["batch"], 2);
  EXPECT_EQ(report["input_digest"].get<std::string>().size(), 64u);
}

TEST_F(Model, EncodeRefusesWhatDoesNotFit) {
  const auto refused = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "encode");
    arguments.insert(arguments.end(), {"-o", folder_ / "none"});
    const Outcome outcome = zkvm(arguments);
    EXPECT_EQ(outcome.status, 2) << outcome.out;
    EXPECT_EQ(std::ranges::count(outcome.err, '\n'), 1) << outcome.err;
    return outcome.err;
  };
  EXPECT_THAT(refused({kModelGuest, pictures_}), HasSubstr("expected 2 arrays"));
  EXPECT_THAT(refused({kModelGuest, offsets_, pictures_}),
              HasSubstr("input 'picture': expected float32, float64 or int8, found int32"));
  EXPECT_THAT(refused({kModelGuest, "size=" + offsets_, pictures_}), HasSubstr("size="));
  EXPECT_THAT(refused({kModelGuest, kModelFile, offsets_}),
              HasSubstr("expected an array of numpy, found another file"));
  EXPECT_THAT(refused({kModelGuest, folder_ / "absent", offsets_}), HasSubstr("array"));
  EXPECT_THAT(refused({kModelGuest, "-", "offset=-"}), HasSubstr("standard input"));
  EXPECT_THAT(refused({kGuest, pictures_}), HasSubstr("expected a guest that says what"));
  EXPECT_THAT(refused({pictures_, pictures_}), HasSubstr("expected a guest"));
  EXPECT_THAT(folder_.files(), Not(testing::Contains("none")));
}

// Over the whole path; and the file alone, which the program must say itself, does instead of the program.
TEST_F(Model, VerifyShowsOutputsByName) {
  ASSERT_EQ(encode().status, 0);
  const Outcome proved = zkvm({"prove", kModelGuest, "--input", input_, "-o", receipt_, "--json"});
  ASSERT_EQ(proved.status, 0) << proved.err;
  const Json proof = Json::parse(proved.out);
  expect_outputs(proof["outputs"]);
  const std::string id = proof["image_id"];

  const Json by_elf = Json::parse(zkvm({"verify", receipt_, "--elf", kModelGuest, "--json"}).out);
  expect_outputs(by_elf["outputs"]);
  const Json by_file = Json::parse(
      zkvm({"verify", receipt_, "--image-id", id, "--model", kModelFile, "--json"}).out);
  expect_outputs(by_file["outputs"]);
  const Json by_id = Json::parse(zkvm({"verify", receipt_, "--image-id", id, "--json"}).out);
  EXPECT_EQ(by_id["valid"], true);
  EXPECT_EQ(by_id["outputs"], nullptr);
  EXPECT_EQ(by_id["model"], Json::parse(zkvm({"id", kModelGuest, "--json"}).out)["model"]);
  EXPECT_EQ(Json::parse(zkvm({"inspect", receipt_, "--json"}).out)["model"], by_id["model"]);
  EXPECT_THAT(zkvm({"verify", receipt_, "--elf", kModelGuest}).out, HasSubstr("middle  5 7 -1"));

  std::string other = read_text(kModelFile);
  other.replace(other.find("left"), 4, "LEFT");
  write_text(folder_ / "other.json", other);
  const Outcome refused =
      zkvm({"verify", receipt_, "--image-id", id, "--model", folder_ / "other.json", "--json"});
  EXPECT_EQ(refused.status, 1);
  EXPECT_EQ(Json::parse(refused.out)["reason"], "wrong-model");

  // The same program with other labels is another program.
  std::string elf = read_text(kModelGuest);
  elf.replace(elf.find("\"left\""), 6, "\"LEFT\"");
  write_text(folder_ / "other.elf", elf);
  EXPECT_NE(zkvm({"id", folder_ / "other.elf"}).out, id + "\n");
  const Outcome wrong = zkvm({"verify", receipt_, "--elf", folder_ / "other.elf", "--json"});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_EQ(Json::parse(wrong.out)["reason"], "wrong-program");
}

// A section that nobody can read: the program is none the worse, and has its id.
TEST_F(Model, ASectionThatIsNoneIsSaidSo) {
  vm::test::ElfFile file = vm::test::ElfFile::of(vm::test::Assembler().exit(0).words());
  const auto write = [&](const std::string& section) {
    file.sections = {{".zkvm.model", {section.begin(), section.end()}}};
    const auto bytes = file.bytes();
    write_text(folder_ / "elf", {bytes.begin(), bytes.end()});
  };
  write("{");
  const Outcome inspected = zkvm({"inspect", folder_ / "elf"});
  EXPECT_EQ(inspected.status, 0);
  EXPECT_THAT(inspected.out, HasSubstr("unknown: model: expected JSON"));
  const Json run = Json::parse(zkvm({"run", folder_ / "elf", "--json"}).out);
  EXPECT_EQ(run["exit_code"], 0);
  EXPECT_THAT(run["outputs_error"], HasSubstr("expected JSON"));
  EXPECT_THAT(zkvm({"run", folder_ / "elf"}).err, HasSubstr("outputs  unknown: model: "));
  EXPECT_EQ(zkvm({"id", folder_ / "elf"}).status, 0);
  const Outcome encoded = zkvm({"encode", folder_ / "elf", pictures_, "-o", input_});
  EXPECT_EQ(encoded.status, 2);
  EXPECT_THAT(encoded.err, HasSubstr("expected JSON"));

  // Names and labels that would steer a terminal, or hide that they are there.
  write(R"({"format": 1, "name": "\u001b[2J", "inputs": [],
            "outputs": [{"name": "\u009b\u202e\u2067y", "shape": [2], "type": "int8",
                         "labels": ["", "\u200fb"]}]})");
  const Outcome shown = zkvm({"inspect", folder_ / "elf"});
  EXPECT_EQ(shown.status, 0);
  EXPECT_THAT(shown.out, AllOf(HasSubstr("?[2J"), HasSubstr("2: '' "), HasSubstr("b\n")));
  for (const char* steers : {"\x1b", "\xc2\x9b", "\u202e", "\u2067", "\u200f"})
    EXPECT_THAT(shown.out, Not(HasSubstr(steers)));

  // A journal of another length than the outputs have.
  write(read_text(kModelFile));
  EXPECT_THAT(zkvm({"run", folder_ / "elf"}).err,
              HasSubstr("journal: expected 24 bytes, the model's outputs, found 0"));
  write(std::string((1 << 20) + 1, ' '));
  EXPECT_EQ(zkvm({"inspect", folder_ / "elf"}).status, 1);
  EXPECT_THAT(zkvm({"run", folder_ / "elf"}).err, HasSubstr("expected 1 to 1048576 bytes"));
}

}  // namespace
}  // namespace zkvm::test
