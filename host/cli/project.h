// Projects that a command makes: files in a folder that is new or empty, and the commands that build them.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "host/error.h"

namespace zkvm::cli {

struct ProjectText {
  std::string name;  // below the project's folder
  std::string bytes;
  bool is_secret = false;  // for its owner alone
};

// Where find_package(zkvm) finds a zkvm: where the environment's zkvm_DIR says, else this very one's installation, or
// the tree it was built in. Error: kUnreadable.
[[nodiscard]] Result<std::filesystem::path> package_folder();

// `path` as a shell takes it.
[[nodiscard]] std::string quoted(const std::string& path);

// Makes the files in `folder`, which must be new or empty, or may hold anything with `replace`: then these files are
// written over others of their names. Its path must be one that CMake can build in. Errors: kUnwritable.
[[nodiscard]] Result<void> write_project(const std::string& folder,
                                         std::span<const ProjectText> files, bool replace);

// The two commands that build it and its target `run`.
[[nodiscard]] std::vector<std::string> build_commands(const std::string& folder,
                                                      const std::filesystem::path& package);

}  // namespace zkvm::cli
