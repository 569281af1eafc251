#include "host/environment.h"

#include <array>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string_view>

namespace zkvm {
namespace {

using Values = std::map<std::string, std::optional<std::string>, std::less<>>;

std::optional<std::string> now(const char* name) {
  const char* value = std::getenv(name);
  if (value == nullptr) return {};
  return value;
}

std::mutex g_mutex;
std::optional<Values> g_kept;

}  // namespace

std::optional<std::string> environment(const char* name) {
  const std::scoped_lock lock(g_mutex);
  return g_kept ? g_kept->find(std::string_view(name))->second : now(name);
}

void keep_environment() {
  Values values;
  for (const char* name : {"XDG_CACHE_HOME", "HOME", "ZKVM_CACHE", "ZKVM_CACHE_TREES"})
    values[name] = now(name);
  const std::scoped_lock lock(g_mutex);
  g_kept = std::move(values);
}

}  // namespace zkvm
