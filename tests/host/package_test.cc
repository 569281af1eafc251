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

// In C, without a compiler for C++.
constexpr const char* kVerifierInC = R"(
cmake_minimum_required(VERSION 3.25)
project(app C)
find_package(zkvm REQUIRED COMPONENTS verify)
set_source_files_properties(app.cc PROPERTIES LANGUAGE C COMPILE_OPTIONS "-xc;-std=c99;-pedantic-errors;-Wall;-Wextra;-Werror")
add_executable(app app.cc)
target_link_libraries(app PRIVATE zkvm::verify_c)
)";

constexpr const char* kVerifierInCSource = R"(
#include <host/zkvm_verify_c.h>
int main(void) {
  const uint8_t id[32] = {0};
  zkvm_verification* out;
  return zkvm_verify(NULL, 0, id, NULL, &out, NULL) == ZKVM_MALFORMED_RECEIPT && out == NULL ? 0 : 1;
}
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

// Guests of either compiler, with and without what the tensor unit and exceptions bring; with what is linked for those
// alone that call it.
constexpr const char* kGuests = R"(
cmake_minimum_required(VERSION 3.25)
project(app NONE)
find_package(zkvm REQUIRED)
zkvm_add_guest(NAME gcc SOURCES app.cc TENSOR on)
zkvm_add_guest(NAME clang SOURCES app.cc COMPILER clang EXCEPTIONS)
)";

constexpr const char* kGuestSource = R"(
#include <zk/ed25519.h>
#include <zk/zk.h>
int main() {
  const std::array<uint8_t, 64> signature{};
  const bool valid = zk::ed25519_verify(signature, {}, std::span(signature).first<32>());
  zk::commit(zk::read<unsigned>() + 1 + valid);
}
)";

Outcome build_guests(const TemporaryFolder& folder, const std::string& option) {
  write_text(folder / "CMakeLists.txt", kGuests);
  write_text(folder / "app.cc", kGuestSource);
  const std::string text = "cmake -S . -B build " + option + " && cmake --build build";
  return run_program({"bash", "-c", text}, {.folder = folder.path()});
}

void expect_guests_link_the_runtime(const std::string& option) {
  const TemporaryFolder folder;
  const Outcome outcome = build_guests(folder, option);
  ASSERT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_FALSE(std::filesystem::exists(folder / "build/guests/runtime")) << outcome.out;
  for (const char* elf : {"build/guests/gcc.elf", "build/guests/clang.elf"}) {
    const Outcome run =
        zkvm({"run", folder / elf, "--input", "-", "--json"}, {.input = words({41})});
    EXPECT_THAT(run.out, testing::HasSubstr("\"journal\":\"2a000000\"")) << run.err;
  }
}

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
  expect_builds_and_runs(kVerifierInC, kVerifierInCSource, option);
  expect_builds_and_runs(kHost, kHostSource, option);
  expect_guests_link_the_runtime(option);
}

TEST(Package, OfAnInstallation) {
  const TemporaryFolder folder;
  const Outcome installed =
      run_program({"cmake", "--install", ZKVM_BUILD_FOLDER, "--prefix", folder / "prefix"});
  ASSERT_EQ(installed.status, 0) << installed.err;
  const std::string option = "-DCMAKE_PREFIX_PATH=" + (folder / "prefix");
  expect_builds_and_runs(kVerifier, kVerifierSource, option);
  expect_builds_and_runs(kVerifierInC, kVerifierInCSource, option);
  expect_builds_and_runs(kHost, kHostSource, option);
  expect_guests_link_the_runtime(option);

  // By another compiler than the project's: it compiles its own, and says so.
  write_text(folder / "prefix/share/zkvm/guest/objects/made_by.txt", "gcc 11\n");
  const TemporaryFolder project;
  const Outcome outcome = build_guests(project, option);
  EXPECT_EQ(outcome.status, 0) << outcome.out << outcome.err;
  EXPECT_THAT(outcome.out, testing::HasSubstr("the package's is by gcc 11"));
  EXPECT_TRUE(std::filesystem::exists(project / "build/guests/runtime/io.cc.o"));
}

}  // namespace
}  // namespace zkvm::test
