// `zkvm new`: the project that it makes, from the build tree and from an installation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/host/command.h"

namespace zkvm::test {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

Outcome shell(const std::string& command, const TemporaryFolder& folder) {
  return run_program({"bash", "-c", command}, {.folder = folder.path()});
}

// Makes a project with `program` and types the two commands that it prints.
void expect_project_runs(const std::string& program, const TemporaryFolder& folder) {
  const Outcome made = run_program({program, "new", "my project"}, {.folder = folder.path()});
  ASSERT_EQ(made.status, 0) << made.err;
  std::vector<std::string> commands;
  std::istringstream lines(made.out);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("  ")) commands.push_back(line);
  }
  ASSERT_EQ(commands.size(), 2u) << made.out;
  for (const std::string& command : commands) {
    const Outcome outcome = shell(command, folder);
    ASSERT_EQ(outcome.status, 0) << command << "\n" << outcome.out << outcome.err;
    if (command == commands[1]) {
      EXPECT_THAT(outcome.out + outcome.err, HasSubstr("proven: sum 31, largest 9, in "));
    }
  }
}

TEST(New, ProjectOfTheBuildTreeBuildsAndRuns) {
  const TemporaryFolder folder;
  expect_project_runs(ZKVM_PROGRAM, folder);
}

TEST(New, ProjectOfAnInstallationBuildsAndRuns) {
  const TemporaryFolder folder;
  const Outcome installed =
      run_program({"cmake", "--install", ZKVM_BUILD_FOLDER, "--prefix", folder / "prefix"});
  ASSERT_EQ(installed.status, 0) << installed.err;
  expect_project_runs(folder / "prefix/bin/zkvm", folder);
}

TEST(New, NeverTouchesAFolderWithFiles) {
  const TemporaryFolder folder;
  write_text(folder / "guest.cc", "mine");
  const Outcome outcome = zkvm({"new", folder.path().string()});
  EXPECT_EQ(outcome.status, 2);
  EXPECT_THAT(outcome.err, HasSubstr("expected a folder that is new or empty"));
  EXPECT_EQ(read_text(folder / "guest.cc"), "mine");
  EXPECT_THAT(folder.files(), ElementsAre("guest.cc"));
}

TEST(New, RefusesAFolderThatCMakeCannotBuildIn) {
  const TemporaryFolder folder;
  for (const char* name : {"a#b", "a;b", "a\"b", "a#b/inner"}) {
    const Outcome outcome = zkvm({"new", folder / name});
    EXPECT_EQ(outcome.status, 2) << name;
    EXPECT_THAT(outcome.err, HasSubstr("expected a folder that CMake can build in, found '"));
  }
  EXPECT_THAT(folder.files(), ElementsAre());
  EXPECT_EQ(zkvm({"new", folder / "it's $ (fine) & all"}).status, 0);
}

TEST(New, JsonListsFilesAndCommands) {
  const TemporaryFolder folder;
  const Outcome outcome = zkvm({"new", folder / "a/b", "--json"});
  ASSERT_EQ(outcome.status, 0) << outcome.err;
  const Json object = Json::parse(outcome.out);
  EXPECT_EQ(object["commands"].size(), 2u);
  EXPECT_GE(object["files"].size(), 4u);
  for (const std::string file : object["files"]) {
    EXPECT_TRUE(std::filesystem::is_regular_file(folder / ("a/b/" + file))) << file;
  }
}

}  // namespace
}  // namespace zkvm::test
