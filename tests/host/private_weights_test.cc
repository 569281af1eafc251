// `zkvm import --private-weights`, and what the command line does with its guest (MNIST's perceptron) and its secrets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;
namespace fs = std::filesystem;

const std::string kFolder = ZKVM_PRIVATE_FOLDER, kElf = ZKVM_PRIVATE_GUEST,
                  kModel = ZKVM_PRIVATE_MODEL, kSalt = ZKVM_PRIVATE_SALT,
                  kWeights = kFolder + "/private_mlp.weights";

std::string line(const Outcome& outcome) { return outcome.out.substr(0, outcome.out.find('\n')); }

// A digit, every pixel at half of full intensity.
std::string picture() {
  const std::string header =
      "{'descr': '|i1', 'fortran_order': False, 'shape': (1, 1, 28, 28), }   \n";
  return std::string("\x93NUMPY\x01\0", 8) + static_cast<char>(header.size()) + '\0' + header +
         std::string(784, '\0');
}

class PrivateWeights : public testing::Test {
 protected:
  PrivateWeights() { write_text(picture_, picture()); }
  Outcome encode(const std::string& weights) const {
    return zkvm({"encode", kElf, picture_, "--weights", weights, "-o", input_});
  }
  const TemporaryFolder folder_;
  const std::string picture_ = folder_ / "picture.npy", input_ = folder_ / "input",
                    receipt_ = folder_ / "receipt.zkr";
};

TEST_F(PrivateWeights, TheModelIdIsOfWeightsAndSalt) {
  const std::string id = line(zkvm({"model-id", kWeights}));
  EXPECT_EQ(id.size(), 64u);
  EXPECT_EQ(line(zkvm({"model-id", kModel, "--salt", kSalt})), id);
  std::string other = kSalt;
  other.back() = other.back() == '0' ? '1' : '0';
  EXPECT_NE(line(zkvm({"model-id", kModel, "--salt", other})), id);
  const Json json = Json::parse(zkvm({"model-id", kWeights, "--json"}).out);
  EXPECT_EQ(json["model_id"], id);
  EXPECT_EQ(json["weight_bytes"], fs::file_size(kWeights) - 32);
  for (const std::string& no_weights : {kModel, kElf}) {
    const Outcome none = zkvm({"model-id", no_weights});
    EXPECT_EQ(none.status, 2);
    EXPECT_THAT(none.err, HasSubstr("say --salt"));
  }
  for (const char* salt : {"", "random"})
    EXPECT_EQ(zkvm({"model-id", kModel, "--salt", salt}).status, 2);
  const Outcome bad = zkvm({"model-id", picture_ + ".absent"});
  EXPECT_EQ(bad.status, 2);
  write_text(folder_ / "short", std::string(32, 'x'));
  EXPECT_THAT(zkvm({"model-id", folder_ / "short"}).err, HasSubstr("found 32 bytes"));
}

TEST_F(PrivateWeights, SecretsAreForTheirOwnerAlone) {
  for (const fs::directory_entry& entry : fs::directory_iterator(kFolder)) {
    if (!entry.is_regular_file()) continue;
    const std::string name = entry.path().filename();
    struct stat status;
    ASSERT_EQ(stat(entry.path().c_str(), &status), 0);
    const bool is_secret = name.ends_with(".weights") || name == "example.input";
    EXPECT_EQ((status.st_mode & 077) == 0, is_secret) << name;
    // No other file has the salt, or a row of weights.
    if (is_secret) continue;
    const std::string weights = read_text(kWeights);
    const std::string text = read_text(entry.path());
    for (const size_t at : {size_t{0}, size_t{32 + 5000}, weights.size() - 64})
      EXPECT_EQ(text.find(weights.substr(at, 24)), text.npos) << name;
  }
  ASSERT_EQ(encode(kWeights).status, 0);
  struct stat status;
  ASSERT_EQ(stat(input_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 077, 0u);
}

// Also where a file is there that all may read.
TEST_F(PrivateWeights, SecretsAreForTheirOwnerInFilesThatExist) {
  const std::string project = folder_ / "project";
  ASSERT_EQ(zkvm({"import", kModel, "-o", project, "--name", "private_mlp"}).status, 0);
  write_text(project + "/private_mlp.weights", read_text(kWeights));
  ASSERT_EQ(chmod((project + "/private_mlp.weights").c_str(), 0644), 0);
  ASSERT_EQ(zkvm({"import", kModel, "-o", project, "--name", "private_mlp", "--private-weights",
                  "--salt", kSalt, "--force"})
                .status,
            0);
  ASSERT_EQ(zkvm({"encode", kElf, picture_, "--inputs-alone", "-o", input_}).status, 0);
  ASSERT_EQ(encode(kWeights).status, 0);
  for (const std::string& path :
       {project + "/private_mlp.weights", project + "/example.input", input_}) {
    struct stat status;
    ASSERT_EQ(stat(path.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 077, 0u) << path;
  }
}

TEST_F(PrivateWeights, EncodeTakesTheirFileAlone) {
  EXPECT_THAT(zkvm({"encode", kElf, picture_, "-o", input_}).err,
              HasSubstr("expected --weights FILE"));
  write_text(folder_ / "short", read_text(kWeights).substr(4));
  EXPECT_THAT(encode(folder_ / "short").err, HasSubstr("weights: expected"));
  EXPECT_THAT(encode(folder_ / "absent").err, HasSubstr("weights"));
  EXPECT_THAT(
      zkvm({"encode", kElf, picture_, "--inputs-alone", "--weights", kWeights, "-o", input_}).err,
      HasSubstr("found both"));
  EXPECT_FALSE(fs::exists(input_));
}

TEST_F(PrivateWeights, InspectSaysWhatIsPublic) {
  EXPECT_THAT(zkvm({"inspect", kElf}).out,
              AllOf(HasSubstr("Private weights"), HasSubstr("the model id"), HasSubstr("scales")));
  const Json model = Json::parse(zkvm({"inspect", kElf, "--json"}).out)["model"];
  EXPECT_EQ(model["private_weights"]["bytes"], fs::file_size(kWeights) - 32);
  EXPECT_EQ(model["inputs"][0]["at"], fs::file_size(kWeights));
  EXPECT_EQ(model["outputs"][0]["at"], 32);
  // Of each layer and output, as the import's report has them.
  const Json& scales = model["private_weights"]["scales"];
  const Json report = Json::parse(read_text(kFolder + "/report.json"));
  size_t layers = 0;
  for (const Json& line : report["lines"]) {
    if (line["public_scales"].empty()) continue;
    ASSERT_LT(layers, scales.size());
    EXPECT_EQ(scales[layers]["layer"], line["name"]);
    ASSERT_EQ(scales[layers]["scales"].size(), line["public_scales"].size());
    for (size_t i = 0; i < line["public_scales"].size(); ++i)
      EXPECT_EQ(scales[layers]["scales"][i].get<float>(), line["public_scales"][i].get<float>());
    EXPECT_THAT(zkvm({"inspect", kElf}).out, HasSubstr(line["name"].get<std::string>()));
    ++layers;
  }
  EXPECT_EQ(layers, scales.size());
  EXPECT_GT(layers, 0u);
  // A hash of the file would be one of the weights without a salt.
  EXPECT_EQ(model["onnx"]["blake3"], nullptr);
}

TEST_F(PrivateWeights, AReceiptIsOfOneModelId) {
  ASSERT_EQ(encode(kWeights).status, 0);
  const std::string id = line(zkvm({"model-id", kWeights}));
  const Json run = Json::parse(zkvm({"run", kElf, "--input", input_, "--json"}).out);
  EXPECT_EQ(run["model_id"], id);
  EXPECT_THAT(zkvm({"run", kElf, "--input", input_}).err, HasSubstr("model id " + id));
  ASSERT_EQ(zkvm({"prove", kElf, "--input", input_, "-o", receipt_}).status, 0);
  const Outcome right = zkvm({"verify", receipt_, "--elf", kElf, "--model-id", id, "--json"});
  EXPECT_EQ(right.status, 0) << right.err;
  EXPECT_EQ(Json::parse(right.out)["model_id"], id);
  // And of one picture.
  const std::string alone = folder_ / "alone";
  ASSERT_EQ(zkvm({"encode", kElf, picture_, "--inputs-alone", "-o", alone}).status, 0);
  const auto verify = [&](const std::string& input) {
    return zkvm({"verify", receipt_, "--elf", kElf, "--input-is", input, "--json"});
  };
  EXPECT_EQ(verify(alone).status, 0);
  EXPECT_EQ(Json::parse(verify(alone).out)["input_digest"], run["input_digest"]);
  std::string pixels = read_text(alone);
  pixels[400] ^= 1;
  write_text(alone, pixels);
  EXPECT_EQ(verify(alone).status, 1);
  EXPECT_EQ(Json::parse(verify(alone).out)["reason"], "wrong-input");
  EXPECT_EQ(verify(folder_ / "absent").status, 2);

  std::string other = id;
  other[0] = other[0] == '0' ? '1' : '0';
  const Outcome wrong = zkvm({"verify", receipt_, "--elf", kElf, "--model-id", other, "--json"});
  EXPECT_EQ(wrong.status, 1);
  EXPECT_EQ(Json::parse(wrong.out)["reason"], "wrong-model-id");
  EXPECT_EQ(zkvm({"verify", receipt_, "--elf", kElf, "--model-id", id.substr(2)}).status, 2);

  // A program that says that it has no private weights.
  const std::string other_receipt = folder_ / "other.zkr", of_model = ZKVM_MODEL_GUEST;
  write_text(input_, std::string(24, '\0'));
  ASSERT_EQ(zkvm({"prove", of_model, "--input", input_, "-o", other_receipt}).status, 0);
  for (const std::vector<std::string>& more : {std::vector<std::string>{"--model-id", id},
                                               std::vector<std::string>{"--input-is", alone}}) {
    std::vector<std::string> all = {"verify", other_receipt, "--elf", of_model, "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const Outcome outcome = zkvm(all);
    EXPECT_EQ(outcome.status, 1);
    EXPECT_THAT(Json::parse(outcome.out)["message"].get<std::string>(),
                HasSubstr("found one without"));
  }

  // A journal that is shorter than a model id.
  const std::string short_receipt = folder_ / "short.zkr", hello = ZKVM_HELLO_GUEST;
  write_text(input_, std::string(32, 'x'));
  ASSERT_EQ(zkvm({"prove", hello, "--input", input_, "-o", short_receipt}).status, 0);
  const Outcome none = zkvm({"verify", short_receipt, "--elf", hello, "--model-id", id, "--json"});
  EXPECT_EQ(none.status, 1);
  EXPECT_EQ(Json::parse(none.out)["reason"], "wrong-model-id");
}

// The digest is of the inputs without weights, with or without these before them.
TEST_F(PrivateWeights, PublicInputsAreBoundByTheirDigest) {
  ASSERT_EQ(zkvm({"encode", kElf, picture_, "--inputs-alone", "-o", input_}).status, 0);
  EXPECT_EQ(read_text(input_).size(), 784u);
  const Json encoded = Json::parse(
      zkvm({"encode", kElf, picture_, "--weights", kWeights, "-o", folder_ / "all", "--json"}).out);
  EXPECT_EQ(encoded["input_digest"],
            Json::parse(zkvm({"encode", kElf, picture_, "--inputs-alone", "-o", input_, "--json"})
                            .out)["input_digest"]);
}

// One weight of another model: the same program, another model id.
TEST_F(PrivateWeights, AnotherModelHasAnotherId) {
  const std::string changed = folder_ / "changed.weights";
  std::string bytes = read_text(kWeights);
  bytes[32 + 1000] ^= 1;
  write_text(changed, bytes);
  ASSERT_EQ(encode(changed).status, 0);
  const Json run = Json::parse(zkvm({"run", kElf, "--input", input_, "--json"}).out);
  EXPECT_EQ(run["exit_code"], 0);
  EXPECT_NE(run["model_id"], line(zkvm({"model-id", kWeights})));
  EXPECT_EQ(run["model_id"], line(zkvm({"model-id", changed})));
}

TEST_F(PrivateWeights, NoSaltIsWrittenOver) {
  const std::string project = folder_ / "project", weights = project + "/private_mlp.weights";
  const auto import = [&](std::vector<std::string> more) {
    std::vector<std::string> all = {"import",  kModel,   "-o",         project, "--private-weights",
                                    "--force", "--name", "private_mlp"};
    all.insert(all.end(), more.begin(), more.end());
    return zkvm(all);
  };
  EXPECT_THAT(zkvm({"import", kModel, "-o", project, "--salt", kSalt}).err,
              HasSubstr("expected --private-weights"));
  ASSERT_EQ(import({}).status, 0);
  const std::string before = read_text(weights);
  const Outcome again = import({});
  EXPECT_EQ(again.status, 2);
  EXPECT_THAT(again.err, HasSubstr("the only copy"));
  EXPECT_EQ(read_text(weights), before);
  EXPECT_EQ(import({"--salt", kSalt}).status, 2);
  EXPECT_EQ(read_text(weights), before);
  write_text(folder_ / "salt", before.substr(0, 32));
  EXPECT_EQ(import({"--salt", folder_ / "salt"}).status, 0);
  EXPECT_EQ(read_text(weights), before);
  fs::remove(weights);
  EXPECT_EQ(import({"--salt", kSalt}).status, 0);
  EXPECT_EQ(read_text(weights), read_text(kWeights));
  EXPECT_THAT(import({"--salt", "12"}).err, HasSubstr("--salt: expected 64 hex digits"));
}

}  // namespace
}  // namespace zkvm::test
