#include "host/cache_folder.h"

#include <cstdlib>

namespace zkvm {
namespace {

// The XDG Base Directory Specification: a path that is not absolute is to be ignored.
std::filesystem::path absolute_path_in(const char* variable) {
  const char* value = std::getenv(variable);
  if (value == nullptr || value[0] != '/') return {};
  return value;
}

}  // namespace

std::filesystem::path cache_folder() {
  if (auto caches = absolute_path_in("XDG_CACHE_HOME"); !caches.empty()) return caches / "zkvm";
  if (auto home = absolute_path_in("HOME"); !home.empty()) return home / ".cache/zkvm";
  return {};
}

}  // namespace zkvm
