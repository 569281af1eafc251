// `zkvm cache` and what it shows: images are found again, and never believed when somebody else could
// have written them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>

#include "tests/host/command.h"

namespace zkvm::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using ::testing::HasSubstr;

class Cache : public testing::Test {
 protected:
  Cache() {
    setenv("XDG_CACHE_HOME", (folder_ / "caches").c_str(), 1);
    unsetenv("ZKVM_CACHE");
  }
  ~Cache() override { unsetenv("XDG_CACHE_HOME"); }

  static std::string id() {
    const Outcome outcome = zkvm({"id", ZKVM_TEST_GUEST});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    return outcome.out;
  }
  static Json contents() { return Json::parse(zkvm({"cache", "--json"}).out); }
  fs::path images() const { return fs::path(folder_ / "caches") / "zkvm" / "images"; }
  fs::path only_image() const {
    EXPECT_EQ(contents()["images"], 1);
    return fs::directory_iterator(images())->path();
  }
  static void write(const fs::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  static std::string read(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TemporaryFolder folder_;
};

TEST_F(Cache, KeepsAnImageAndFindsItAgain) {
  EXPECT_EQ(contents()["images"], 0);
  const std::string first = id();
  const fs::path image = only_image();
  EXPECT_EQ(contents()["bytes"], fs::file_size(image));
  struct stat info {};
  ASSERT_EQ(stat(image.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto written = fs::last_write_time(image);
  EXPECT_EQ(id(), first);
  EXPECT_EQ(fs::last_write_time(image), written);  // read, not made again
  EXPECT_THAT(zkvm({"cache"}).out, HasSubstr(images().parent_path().string()));
}

// Each change is noticed: the id is right, and the image is made and kept anew.
TEST_F(Cache, BelievesNoFileThatWasChanged) {
  const std::string right = id();
  const fs::path image = only_image();
  const std::string good = read(image);
  for (const size_t at : {size_t{0}, size_t{25}, good.size() / 2, good.size() - 1}) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    write(image, bad);
    EXPECT_EQ(id(), right) << at;
    EXPECT_EQ(read(image), good) << at;
  }
  for (const size_t size : {size_t{0}, size_t{10}, good.size() - 1}) {
    write(image, good.substr(0, size));
    EXPECT_EQ(id(), right) << size;
  }
  EXPECT_EQ(read(image), good);
}

// Another program's image under this program's name, whole in itself.
TEST_F(Cache, BelievesNoImageOfAnotherProgram) {
  const std::string right = id();
  const fs::path image = only_image();
  fs::path elf = folder_ / "other.elf";
  write(elf, read(ZKVM_TEST_GUEST) + std::string(16, '\0'));  // another file of the same program
  ASSERT_EQ(zkvm({"id", elf.string()}).out, right);
  for (const auto& entry : fs::directory_iterator(images()))
    if (entry.path() != image)
      fs::copy_file(entry.path(), image, fs::copy_options::overwrite_existing);
  const std::string copied = read(image);
  EXPECT_EQ(id(), right);
  EXPECT_NE(read(image), copied);
}

TEST_F(Cache, BelievesNobodyElsesFile) {
  const std::string right = id();
  const fs::path image = only_image();
  // Written by a group, or everybody.
  for (const mode_t mode : {0620, 0602, 0666}) {
    chmod(image.c_str(), mode);
    const auto before = fs::last_write_time(image);
    EXPECT_EQ(id(), right);
    EXPECT_NE(fs::last_write_time(image), before) << mode;  // made again
    chmod(image.c_str(), 0600);
  }
  // A link to a good file elsewhere; a folder that others can write to.
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::rename(image, elsewhere);
  fs::create_symlink(elsewhere, image);
  EXPECT_EQ(contents()["images"], 0);
  EXPECT_EQ(id(), right);
  fs::remove(image);
  chmod(images().c_str(), 0777);
  EXPECT_EQ(id(), right);
  EXPECT_FALSE(fs::exists(image));
  EXPECT_EQ(contents()["images"], 0);
}

TEST_F(Cache, IsBoundedAndCleared) {
  id();
  const fs::path image = only_image();
  for (int i = 0; i < 300; ++i) {
    write(images() / std::to_string(i), "x");
    fs::last_write_time(images() / std::to_string(i),
                        fs::file_time_type::clock::now() - std::chrono::hours(1 + i));
  }
  fs::remove(image);
  id();
  EXPECT_EQ(contents()["images"], 256);
  EXPECT_TRUE(fs::exists(image));
  EXPECT_FALSE(fs::exists(images() / "299"));  // the oldest
  EXPECT_TRUE(fs::exists(images() / "0"));
  EXPECT_EQ(Json::parse(zkvm({"cache", "--clear", "--json"}).out)["images"], 256);
  EXPECT_EQ(contents()["images"], 0);
}

TEST_F(Cache, CanBeTurnedOffAndDoWithoutAFolder) {
  setenv("ZKVM_CACHE", "off", 1);
  const std::string right = id();
  EXPECT_FALSE(fs::exists(images()));
  unsetenv("ZKVM_CACHE");
  write(folder_ / "caches", "a file where the folder should be");
  EXPECT_EQ(id(), right);
}

}  // namespace
}  // namespace zkvm::test
