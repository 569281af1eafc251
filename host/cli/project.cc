#include "host/cli/project.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "host/cli/output.h"
#include "host/cli/salt.h"
#include "host/file.h"
#include "host/source_map.h"

namespace zkvm::cli {

namespace fs = std::filesystem;

Result<fs::path> package_folder() {
  std::error_code error;
  // As CMake has it from whoever says where the package is: for Python, where this process is no zkvm.
  if (const char* said = std::getenv("zkvm_DIR"); said != nullptr && *said != 0) {
    if (fs::exists(fs::path(said) / "zkvmConfig.cmake", error)) return fs::absolute(said, error);
    return tl::unexpected(Error{ErrorCode::kUnreadable,
                                fmt::format("zkvm_DIR: expected a folder with zkvmConfig.cmake, "
                                            "found '{}'",
                                            printable(said))});
  }
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  const fs::path prefix = self.parent_path().parent_path();
  if (!error)
    for (const fs::path& folder : {prefix / "lib/cmake/zkvm", prefix})
      if (fs::exists(folder / "zkvmConfig.cmake", error)) return folder;
  return tl::unexpected(Error{
      ErrorCode::kUnreadable,
      "expected zkvmConfig.cmake beside this program (prefix/lib/cmake/zkvm), found none: "
      "install with `cmake --install build/release --prefix PREFIX` and run PREFIX/bin/zkvm, or set "
      "zkvm_DIR to the folder that has it"});
}

std::string quoted(const std::string& path) {
  if (path.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                             "_-+=./,:@%") == std::string::npos) {
    return path;
  }
  std::string text = "'";
  for (char c : path) text += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return text + "'";
}

static Result<void> refuse(const std::string& folder, const std::string& found) {
  return tl::unexpected(
      Error{ErrorCode::kUnwritable,
            fmt::format("'{}': expected a folder that is new or empty, found: {}", folder, found)});
}

// Characters that CMake or its generators have no way to write in a path.
static constexpr std::string_view kNotInPaths = "#<>:;\"\\|`\n\r";

// Whether the file has these bytes: then a build that depends on it has nothing to do.
static bool is_already(const std::string& path, const std::string& bytes) {
  const Result<std::vector<uint8_t>> found = read_file(path, "project file", bytes.size());
  return found &&
         std::ranges::equal(
             *found, std::span(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()));
}

Result<void> write_project(const std::string& folder, std::span<const ProjectText> files,
                           bool replace) {
  std::error_code error;
  const std::string whole = fs::absolute(folder, error).string();
  if (const size_t at = whole.find_first_of(kNotInPaths); at != std::string::npos) {
    return tl::unexpected(
        Error{ErrorCode::kUnwritable,
              fmt::format("'{}': expected a folder that CMake can build in, found '{}' in its path",
                          whole, whole[at])});
  }
  const fs::file_status status = fs::status(folder, error);
  if (fs::exists(status)) {
    if (!fs::is_directory(status)) return refuse(folder, "a file");
    if (!replace && !fs::is_empty(folder, error)) {
      return refuse(folder, error ? error.message() : "a folder with files; nothing was written");
    }
  }
  fs::create_directories(folder, error);
  if (error) return refuse(folder, error.message());
  for (const ProjectText& file : files) {
    const fs::path path = fs::path(folder) / file.name;
    fs::create_directories(path.parent_path(), error);
    const std::span bytes(reinterpret_cast<const uint8_t*>(file.bytes.data()), file.bytes.size());
    if (replace && !file.is_secret && is_already(path.string(), file.bytes)) continue;
    if (Result<void> ok = write_file(path.string(), "project file", bytes, file.is_secret ? kSecretMode : 0666);
        !ok)
      return ok;
  }
  return {};
}

std::vector<std::string> build_commands(const std::string& folder, const fs::path& package) {
  const std::string source = quoted(folder);
  const std::string build = quoted((fs::path(folder) / "build").string());
  return {fmt::format("cmake -S {} -B {} -Dzkvm_DIR={}", source, build, quoted(package.string())),
          fmt::format("cmake --build {} --target run --parallel", build)};
}

}  // namespace zkvm::cli
