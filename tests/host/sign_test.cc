// `zkvm key` and `zkvm sign`, and what a guest says of their signatures; host/signature.h.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <zk/sha256.h>

#include <nlohmann/json.hpp>
#include <string>

#include "host/signature.h"
#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

std::string from_hex(const std::string& hex) {
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2)
    out += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
  return out;
}

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

// What the guest of tests/guest/ed25519 answers.
std::string guest_says(const std::string& key, const std::string& signature, std::string message) {
  const auto bytes = static_cast<uint32_t>(message.size());
  message.resize((message.size() + 3) / 4 * 4);
  const Outcome outcome = zkvm({"run", ZKVM_SIGNED_GUEST, "--input", "-", "--json"},
                               {.input = words({bytes}) + key + signature + message});
  return Json::parse(outcome.out, nullptr, false)["journal"];
}

// RFC 8032, section 7.1, test 2.
TEST(Signature, HasRfc8032sVector) {
  SigningKey::Seed seed;
  std::ranges::copy(from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"),
                    seed.begin());
  const SigningKey key(seed);
  const std::string public_key =
      from_hex("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
  const std::string expected = from_hex(
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
      "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
  EXPECT_TRUE(std::ranges::equal(key.public_key(), bytes_of(public_key)));
  const Signature signature = key.sign(bytes_of("r"));
  EXPECT_TRUE(std::ranges::equal(signature, bytes_of(expected)));
  EXPECT_TRUE(verify_signature(signature, bytes_of("r"), key.public_key()));
  EXPECT_FALSE(verify_signature(signature, bytes_of("s"), key.public_key()));
  EXPECT_FALSE(verify_signature(signature, bytes_of("r"), SigningKey::fresh().public_key()));
}

TEST(Sign, AGuestTakesWhatWasSigned) {
  const TemporaryFolder folder;
  const std::string key = folder / "key", photo(1000, 'x');
  const Outcome made = zkvm({"key", key, "--new"});
  ASSERT_EQ(made.status, 0) << made.err;
  ASSERT_EQ(made.out.size(), 65u);
  const std::string public_key = made.out.substr(0, 64);
  struct stat info;
  ASSERT_EQ(stat(key.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(info.st_size, 32);
  EXPECT_EQ(Json::parse(zkvm({"key", key, "--json"}).out)["public_key"], public_key);

  const Outcome signed_file =
      zkvm({"sign", "-", "--key", key, "-o", folder / "sig"}, {.input = photo});
  ASSERT_EQ(signed_file.status, 0) << signed_file.err;
  EXPECT_THAT(signed_file.out, HasSubstr(public_key));
  const std::string signature = read_text(folder / "sig");
  const zk::Digest digest = zk::sha256(bytes_of(photo));
  const std::string message(digest.begin(), digest.end());
  EXPECT_EQ(guest_says(from_hex(public_key), signature, message), "01000000");
  EXPECT_EQ(guest_says(from_hex(public_key), signature, photo), "00000000");

  const Json raw =
      Json::parse(zkvm({"sign", "-", "--key", key, "--raw", "--json"}, {.input = photo}).out);
  EXPECT_EQ(raw["message"], "file");
  EXPECT_EQ(guest_says(from_hex(raw["public_key"]), from_hex(raw["signature"]), photo), "01000000");
}

TEST(Sign, NeverShowsOrOverwritesTheSecret) {
  const TemporaryFolder folder;
  const std::string key = folder / "key";
  ASSERT_EQ(zkvm({"key", key, "--new"}).status, 0);
  const std::string secret = read_text(key);
  EXPECT_EQ(zkvm({"key", key, "--new"}).status, 2);
  EXPECT_EQ(read_text(key), secret);
  const Outcome piped = zkvm({"sign", "/dev/null", "--key", key, "-o", "-"});
  EXPECT_EQ(piped.out.size(), 64u);
  EXPECT_THAT(piped.out + piped.err, Not(HasSubstr(secret)));
}

}  // namespace
}  // namespace zkvm::test
