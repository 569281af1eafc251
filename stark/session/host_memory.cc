#include "stark/session/host_memory.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <string>
#include <string_view>

namespace zkvm::stark::machine {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

// cgroup v2 writes "max" for none, v1 a number beyond all memory.
uint64_t limit_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  uint64_t limit = 0;
  return in >> limit ? limit : kNoLimit;
}

// A group's limit holds for all groups in it, so the process is under those of every group on the
// way to the top. In a container the name may be the host's, and only the top is there.
uint64_t least_limit(const std::filesystem::path& mount, std::string_view group, const char* file) {
  std::filesystem::path name(group.substr(std::min(group.size(), group.find_first_not_of('/'))));
  uint64_t least = limit_in(mount / file);
  for (; !name.empty(); name = name.parent_path())
    least = std::min(least, limit_in(mount / name / file));
  return least;
}

}  // namespace

uint64_t cgroup_memory_limit(const std::filesystem::path& root) {
  uint64_t least = kNoLimit;
  std::ifstream groups(root / "proc/self/cgroup");  // lines "number:controllers:/name"
  for (std::string line; std::getline(groups, line);) {
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const std::string controllers = fmt::format(",{},", line.substr(first + 1, second - first - 1));
    const std::string_view name = std::string_view(line).substr(second + 1);
    if (controllers == ",,")  // v2
      least = std::min(least, least_limit(root / "sys/fs/cgroup", name, "memory.max"));
    else if (controllers.find(",memory,") != controllers.npos)
      least = std::min(least,
                       least_limit(root / "sys/fs/cgroup/memory", name, "memory.limit_in_bytes"));
  }
  return least;
}

uint64_t machine_memory() {
  const uint64_t physical =
      static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  return std::min(physical, cgroup_memory_limit());
}

}  // namespace zkvm::stark::machine
