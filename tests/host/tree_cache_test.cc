// Trees that provers keep (host/tree_cache.h): found again, made anew when anything is wrong with
// them, bounded, and never believed by a receipt.
#include "host/tree_cache.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zk/abi.h>

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "host/image_cache.h"
#include "host/program.h"
#include "host/zkvm_jobs.h"
#include "stark/session/session.h"
#include "tests/host/command.h"
#include "tests/vm/guest_builder.h"
#include "vm/layer/section.h"

namespace zkvm::test {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using stark::machine::ProgramImage;
using stark::machine::SegmentProof;
using stark::machine::Session;
using ::testing::HasSubstr;

using Bytes = std::vector<uint8_t>;
using Words = std::vector<uint32_t>;

constexpr stark::Digest kKey{1, 2, 3, 4, 5, 6, 7, 8}, kOther{8, 7, 6, 5, 4, 3, 2, 1};
constexpr size_t kWords = size_t{3} << 17;  // one part of the checksum, and half a one
constexpr size_t kHead = 4096;

class TreeCacheTest : public testing::Test {
 protected:
  TreeCacheTest() {
    setenv("XDG_CACHE_HOME", (folder_ / "caches").c_str(), 1);
    unsetenv("ZKVM_CACHE");
    unsetenv("ZKVM_CACHE_TREES");
  }
  ~TreeCacheTest() override {
    unsetenv("XDG_CACHE_HOME");
    unsetenv("ZKVM_CACHE_TREES");
  }

  fs::path trees() const { return fs::path(folder_ / "caches") / "zkvm" / "trees"; }
  std::vector<fs::path> files() const {
    std::vector<fs::path> out;
    std::error_code none;
    for (const auto& entry : fs::directory_iterator(trees(), none)) out.push_back(entry.path());
    std::ranges::sort(out);
    return out;
  }
  fs::path only_file() const {
    EXPECT_EQ(files().size(), 1u);
    return files().empty() ? fs::path() : files()[0];
  }

  static Words some_words(uint32_t seed) {
    Words words(kWords);
    std::mt19937 random(seed);
    for (uint32_t& word : words) word = static_cast<uint32_t>(random());
    return words;
  }
  static void keep(const stark::Digest& key, const Words& words) {
    TreeCache cache;
    const auto room = cache.room(words.size());
    if (room == nullptr) return;
    std::ranges::copy(words, room->space().take(words.size()).data());
    room->keep(key);
  }
  /// Nothing, if it is not found.
  static Words find(const stark::Digest& key, size_t count = kWords) {
    TreeCache cache;
    auto space = cache.find(key, count);
    if (!space) return {};
    const stark::AlignedWords words = space->take(count);
    return {words.data(), words.data() + count};
  }

  const TemporaryFolder folder_;
};

TEST_F(TreeCacheTest, KeepsATreeAndFindsItAgain) {
  EXPECT_EQ(find(kKey), Words());
  const Words words = some_words(1);
  keep(kKey, words);
  EXPECT_EQ(find(kKey), words);
  EXPECT_EQ(find(kOther), Words());
  struct stat info{};
  ASSERT_EQ(stat(only_file().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_EQ(fs::file_size(only_file()), kHead + 4 * kWords);
  const Words others = some_words(2);
  keep(kKey, others);
  EXPECT_EQ(find(kKey), others);
  EXPECT_EQ(files().size(), 1u);
}

TEST_F(TreeCacheTest, LeavesNothingOfATreeThatWasNotFinished) {
  TreeCache cache;
  auto room = cache.room(kWords);
  ASSERT_NE(room, nullptr);
  stark::AlignedWords words = room->space().take(kWords);
  words.data()[0] = 1;
  room.reset();
  words.data()[1] = 1;  // whose memory stays
  EXPECT_EQ(files().size(), 0u);
}

// Whatever is wrong with a file: it is not used, and gone.
TEST_F(TreeCacheTest, BelievesNoFileThatWasChanged) {
  const Words words = some_words(1);
  keep(kKey, words);
  const fs::path file = only_file();
  const std::string good = read_text(file.string());
  const auto refused = [&](const std::string& bad, const std::string& what) {
    write_text(file.string(), bad);
    chmod(file.c_str(), 0600);
    EXPECT_EQ(find(kKey), Words()) << what;
    EXPECT_FALSE(fs::exists(file)) << what;
  };
  // A bit of the magic, the key, the number of words, both checksums; of words of each part and lane.
  std::vector<size_t> places = {0, 18, 30, 52, 60, 100, kHead, good.size() - 1, good.size() / 2};
  for (size_t lane = 0; lane < 64; lane += 4)
    places.push_back(kHead + (1 << 20) + 1000 * 64 + lane);
  for (const size_t at : places) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x80);
    refused(bad, "bit of byte " + std::to_string(at));
  }
  for (const size_t size : {size_t{0}, size_t{10}, kHead, kHead + 64, good.size() - 1})
    refused(good.substr(0, size), "cut to " + std::to_string(size));
  refused(good + '\0', "longer");
  std::string torn = good;  // a page that never reached the disk
  std::fill_n(torn.begin() + kHead + 64 * 4096, 4096, '\0');
  refused(torn, "torn");
  std::string swapped = good;
  std::swap_ranges(swapped.begin() + kHead, swapped.begin() + kHead + 4096,
                   swapped.begin() + kHead + 4096);
  refused(swapped, "pages swapped");
  std::string future = good;
  future[17] = '2';
  refused(future, "of a future version");
  write_text(file.string(), good);
  EXPECT_EQ(find(kKey), words);
}

TEST_F(TreeCacheTest, BelievesNoOtherTree) {
  keep(kKey, some_words(1));
  const fs::path file = only_file();
  keep(kOther, some_words(2));
  for (const fs::path& other : files())
    if (other != file) fs::rename(other, file);
  EXPECT_EQ(find(kKey), Words());
  keep(kKey, some_words(1));
  EXPECT_EQ(find(kKey, kWords - 16), Words());  // of another size
}

TEST_F(TreeCacheTest, BelievesNobodyElsesFile) {
  const Words words = some_words(1);
  keep(kKey, words);
  const fs::path file = only_file();
  for (const mode_t mode : {0620, 0602}) {
    chmod(file.c_str(), mode);
    EXPECT_EQ(find(kKey), Words());
  }
  chmod(file.c_str(), 0600);
  EXPECT_EQ(find(kKey), words);
  const fs::path elsewhere = folder_ / "elsewhere";
  fs::rename(file, elsewhere);
  fs::create_symlink(elsewhere, file);
  EXPECT_EQ(find(kKey), Words());
  fs::remove(file);
  fs::rename(elsewhere, file);
  chmod(trees().c_str(), 0777);
  EXPECT_EQ(find(kKey), Words());
  TreeCache cache;
  EXPECT_EQ(cache.room(kWords), nullptr);
}

// Where the umask lets the group write to new folders, the cache's are still its own.
TEST_F(TreeCacheTest, MakesFoldersForNobodyElse) {
  const Words words = some_words(1);
  const mode_t before = umask(0);
  keep(kKey, words);
  umask(before);
  EXPECT_EQ(find(kKey), words);
  for (const fs::path& folder : {trees(), trees().parent_path()}) {
    struct stat info{};
    ASSERT_EQ(stat(folder.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700u);
  }
}

TEST_F(TreeCacheTest, IsBounded) {
  setenv("ZKVM_CACHE_TREES", "4M", 1);  // two trees of 1.5 MiB
  const stark::Digest third{3};
  keep(kKey, some_words(1));
  keep(kOther, some_words(2));
  for (const fs::path& file : files())
    fs::last_write_time(file, fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_EQ(find(kKey), some_words(1));  // used last
  keep(third, some_words(3));
  EXPECT_EQ(find(kOther), Words());
  EXPECT_EQ(find(kKey), some_words(1));
  EXPECT_EQ(find(third), some_words(3));
  TreeCache cache;
  EXPECT_EQ(cache.room(size_t{1} << 20), nullptr);  // larger than all
  setenv("ZKVM_CACHE_TREES", "off", 1);
  EXPECT_EQ(cache.room(kWords), nullptr);
  EXPECT_EQ(find(kKey), Words());
  unsetenv("ZKVM_CACHE_TREES");
  EXPECT_EQ(cache.room(size_t{1} << 40), nullptr);
  EXPECT_EQ(files().size(), 2u);
}

TEST_F(TreeCacheTest, IsShownAndCleared) {
  keep(kKey, some_words(1));
  const uint64_t bytes = kHead + 4 * kWords;
  Json contents = Json::parse(zkvm({"cache", "--json"}).out);
  EXPECT_EQ(contents["trees"], 1);
  EXPECT_EQ(contents["tree_bytes"], bytes);
  EXPECT_THAT(zkvm({"cache"}).out, HasSubstr("1.5 MiB"));
  TreeCache cache;
  auto space = cache.find(kKey, kWords);
  ASSERT_TRUE(space);
  contents = Json::parse(zkvm({"cache", "--clear", "--json"}).out);
  EXPECT_EQ(contents["trees"], 1);
  EXPECT_EQ(files().size(), 0u);
  // Who has it mapped keeps it.
  const stark::AlignedWords words = space->take(kWords);
  EXPECT_EQ(Words(words.data(), words.data() + kWords), some_words(1));
}

TEST_F(TreeCacheTest, DoesWithoutAFolder) {
  write_text(folder_ / "caches", "a file where the folder should be");
  TreeCache cache;
  EXPECT_EQ(cache.room(kWords), nullptr);
  EXPECT_EQ(find(kKey), Words());
}

TEST_F(TreeCacheTest, DoesWithoutLongFiles) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit less = before;
  less.rlim_cur = 4 * kWords;
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &less), 0);
  TreeCache cache;
  EXPECT_EQ(cache.room(kWords), nullptr);
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
}

TEST_F(TreeCacheTest, TwoProcessesKeepTheSameTree) {
  const Words words = some_words(1);
  for (int round = 0; round < 5; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    TreeCache cache;  // of few words: a child does not have the threads that many take
    const auto room = cache.room(16);
    if (room != nullptr) {
      std::copy_n(words.begin(), 16, room->space().take(16).data());
      room->keep(kKey);
    }
    if (child == 0) _exit(room == nullptr ? 1 : 0);
    int status = -1;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(find(kKey, 16), Words(words.begin(), words.begin() + 16));
    EXPECT_EQ(files().size(), 1u);
  }
}

// -------------------------------------------------------------------------------- whole proofs

/// One dense layer of 1.5 M weights.
Bytes large_program() {
  constexpr uint32_t kIn = 0x1000000, kOut = 0x2000000;
  std::mt19937 random(3);
  vm::Layer layer;
  layer.name = "dense";
  layer.quads = 256;
  layer.outputs = 1536;
  layer.zero = 1;
  layer.weights.resize(size_t{4} * layer.quads * layer.outputs);
  for (int16_t& w : layer.weights) w = static_cast<int16_t>(static_cast<int>(random() % 255) - 127);
  layer.bias.resize(layer.outputs);
  layer.function_of.resize(layer.outputs);
  layer.functions.emplace_back().scale = std::bit_cast<uint32_t>(1e-3f);
  vm::test::Assembler text;
  text.call(zk::abi::kSysLayer, 0, kIn, kOut).exit(0);
  vm::test::ElfFile file = vm::test::ElfFile::of(text.words());
  file.segments.push_back({kIn, PF_R | PF_W, {}, 0x10000});
  file.segments.push_back({kOut, PF_R | PF_W, {}, 0x10000});
  file.sections.push_back({".zkvm.layers", vm::write_layers(std::vector{layer})});
  return file.bytes();
}

/// The proofs of a session with a fixed seed.
std::vector<Bytes> proofs_with(const vm::Program& program, const stark::machine::Image& known,
                               stark::machine::TreeStore* store) {
  auto image = ProgramImage::of(program, &known, {}, store);
  stark::machine::SessionOptions options;
  options.security_bits = 20;
  options.seed = stark::Randomness::Seed{9};
  auto session = Session::plan(program, *image, {}, options);
  EXPECT_TRUE(session);
  std::vector<Bytes> out;
  EXPECT_TRUE(session->prove([&](size_t, const SegmentProof& segment) {
    out.push_back(segment.proof);
    return true;
  }));
  return out;
}

TEST_F(TreeCacheTest, ProofsAreTheSame) {
  const Bytes elf = large_program();
  const auto program = load_program(elf);
  ASSERT_TRUE(program);
  const auto made = ProgramImage::of(*program);
  ASSERT_TRUE(made);
  const auto without = proofs_with(*program, made->image(), nullptr);
  ASSERT_EQ(without.size(), 1u);
  TreeCache first, second;
  EXPECT_TRUE(proofs_with(*program, made->image(), &first) == without);
  EXPECT_EQ(first.found().trees, 0u);
  EXPECT_GE(first.kept().trees, 1u);
  EXPECT_TRUE(proofs_with(*program, made->image(), &second) == without);
  EXPECT_EQ(second.found().trees, first.kept().trees);
  EXPECT_EQ(second.kept().trees, 0u);
}

/// The key that a file has as its name.
stark::Digest key_of(const fs::path& file) {
  stark::Digest key{};
  const std::string name = file.filename().string();
  for (size_t i = 0; i < 32; ++i)
    key[i / 4] |= static_cast<uint32_t>(std::stoul(name.substr(2 * i, 2), nullptr, 16))
                  << (8 * (i % 4));
  return key;
}

// A tree with another's words and all checksums right: no receipt has it.
TEST_F(TreeCacheTest, ProvesAgainWithoutATreeThatIsAnother) {
  const Bytes elf = large_program();
  ProveOptions options;
  options.security_bits = 20;
  options.rate = Rate::kHalf;
  const ImageId id = *image_id(elf);
  EXPECT_EQ(files().size(), 0u);  // who asks for an id keeps no tree
  const auto first = prove(elf, {}, options);
  ASSERT_TRUE(first) << first.error().message;
  EXPECT_EQ(first->trees.found, 0u);
  ASSERT_GE(first->trees.kept, 1u);
  const auto change_all = [&] {
    for (const fs::path& file : files()) {
      const size_t count = (fs::file_size(file) - kHead) / 4;
      Words words = find(key_of(file), count);
      ASSERT_EQ(words.size(), count);
      std::fill_n(words.begin(), count / 2, 0);
      keep(key_of(file), words);
    }
  };
  ASSERT_NO_FATAL_FAILURE(change_all());
  EXPECT_EQ(*image_id(elf), id);
  const auto planned = plan(elf, {}, options);  // and no part: it would show other openings under the same masks
  ASSERT_TRUE(planned) << planned.error().message;
  auto job = Job::open(planned->job);
  ASSERT_TRUE(job) << job.error().message;
  const auto part = job->prove(0);
  ASSERT_TRUE(part) << part.error().message;
  EXPECT_TRUE(job->add(*part));
  ASSERT_NO_FATAL_FAILURE(change_all());
  options.resume_folder = folder_ / "resume";  // whose segments are made anew, too
  const auto again = prove(elf, {}, options);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_TRUE(again->trees.damaged);
  EXPECT_EQ(again->trees.found, 0u);
  EXPECT_EQ(again->trees.kept, first->trees.kept);
  EXPECT_TRUE(verify(again->receipt, id, {.security_bits = 20}));
  options.resume_folder.clear();
  const auto last = prove(elf, {}, options);
  ASSERT_TRUE(last);
  EXPECT_FALSE(last->trees.damaged);
  EXPECT_EQ(last->trees.found, first->trees.kept);
}

}  // namespace
}  // namespace zkvm::test
