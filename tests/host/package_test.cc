// find_package(zkvm) as another project meets it: from the build tree and from an installation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/host/command.h"

namespace zkvm::test {
namespace {

constexpr const char* kVerifier = R"(
cmake_minimum_required(VERSION 3.25)
project(app CXX)
find_package(zkvm REQUIRED COMPONENTS verify)
if(TARGET zkvm::host OR DEFINED LLVM_VERSION OR TARGET TBB::tbb)
  message(FATAL_ERROR "more than a verifier needs")
endif()
add_executable(app app.cc)
target_link_libraries(app PRIVATE zkvm::verify)
)";

constexpr const char* kVerifierSource = R"(
#include <host/zkvm_verify.h>
int main() { return zkvm::verify({}, {}).error().code == zkvm::ErrorCode::kMalformedReceipt ? 0 : 1; }
)";

constexpr const char* kHost = R"(
cmake_minimum_required(VERSION 3.25)
project(app CXX)
find_package(zkvm REQUIRED)
add_executable(app app.cc)
target_link_libraries(app PRIVATE zkvm::host)
)";

constexpr const char* kHostSource = R"(
#include <host/zkvm.h>
int main() {
  const bool no_run = zkvm::run({}, {}).error().code == zkvm::ErrorCode::kMalformedElf;
  const bool no_proof = zkvm::prove({}, {}).error().code == zkvm::ErrorCode::kMalformedElf;
  const bool no_id = zkvm::image_id({}).error().code == zkvm::ErrorCode::kMalformedElf;
  const bool no_receipt = zkvm::verify({}, {}).error().code == zkvm::ErrorCode::kMalformedReceipt;
  return no_run && no_proof && no_id && no_receipt ? 0 : 1;
}
)";

void expect_builds_and_runs(const char* project, const char* source, const std::string& option) {
  const TemporaryFolder folder;
  write_text(folder / "CMakeLists.txt", project);
  write_text(folder / "app.cc", source);
  const std::string text = "cmake -S . -B build -DCMAKE_CXX_COMPILER=" ZKVM_COMPILER " " + option +
                           " && cmake --build build && build/app";
  const Outcome outcome = run_program({"bash", "-c", text}, {.folder = folder.path()});
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
}

TEST(Package, OfTheBuildTree) {
  const std::string option = "-Dzkvm_DIR=" ZKVM_BUILD_FOLDER;
  expect_builds_and_runs(kVerifier, kVerifierSource, option);
  expect_builds_and_runs(kHost, kHostSource, option);
}

TEST(Package, OfAnInstallation) {
  const TemporaryFolder folder;
  const Outcome installed =
      run_program({"cmake", "--install", ZKVM_BUILD_FOLDER, "--prefix", folder / "prefix"});
  ASSERT_EQ(installed.status, 0) << installed.err;
  const std::string option = "-DCMAKE_PREFIX_PATH=" + (folder / "prefix");
  expect_builds_and_runs(kVerifier, kVerifierSource, option);
  expect_builds_and_runs(kHost, kHostSource, option);
}

}  // namespace
}  // namespace zkvm::test
