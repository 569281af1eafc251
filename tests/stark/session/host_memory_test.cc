// The memory that the prover cuts segments for, under limits of control groups.
#include "stark/session/host_memory.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <limits>

namespace zkvm::stark::machine {
namespace {

constexpr uint64_t kNoLimit = std::numeric_limits<uint64_t>::max();

/// A machine's /proc and /sys, in a folder.
class Root {
 public:
  Root() {
    std::string name = testing::TempDir() + "zkvm_cgroup_XXXXXX";
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  ~Root() { std::filesystem::remove_all(path_); }
  Root(const Root&) = delete;
  Root& operator=(const Root&) = delete;

  Root& file(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name) << text;
    return *this;
  }
  Root& groups(const std::string& text) { return file("proc/self/cgroup", text); }
  uint64_t limit() const { return cgroup_memory_limit(path_); }

 private:
  std::filesystem::path path_;
};

TEST(MachineMemory, NoGroupsNoLimit) {
  EXPECT_EQ(Root().limit(), kNoLimit);
  EXPECT_EQ(Root().groups("0::/\n").limit(), kNoLimit);
  EXPECT_EQ(Root().groups("nothing\n:\n0:\n").limit(), kNoLimit);
}

TEST(MachineMemory, Version2) {
  Root root;
  root.groups("0::/\n").file("sys/fs/cgroup/memory.max", "1073741824\n");
  EXPECT_EQ(root.limit(), 1u << 30);
  root.file("sys/fs/cgroup/memory.max", "max\n");
  EXPECT_EQ(root.limit(), kNoLimit);
}

TEST(MachineMemory, TheLeastLimitOnTheWayToTheTop) {
  Root root;
  root.groups("0::/user/service/one\n");
  root.file("sys/fs/cgroup/user/service/one/memory.max", "max\n");
  root.file("sys/fs/cgroup/user/service/memory.max", "5000\n");
  root.file("sys/fs/cgroup/user/memory.max", "7000\n");
  root.file("sys/fs/cgroup/user/service/other/memory.max", "1\n");
  EXPECT_EQ(root.limit(), 5000u);
  root.file("sys/fs/cgroup/user/service/one/memory.max", "3000\n");
  EXPECT_EQ(root.limit(), 3000u);
}

TEST(MachineMemory, Version1) {
  Root root;
  root.groups("3:cpu,cpuacct:/a\n2:memory:/docker/abc\n1:name=systemd:/\n");
  root.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_GT(root.limit(), uint64_t{1} << 62);
  root.file("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "4096\n");
  EXPECT_EQ(root.limit(), 4096u);
}

// A container sees its own group at the top, under the name that the host has for it.
TEST(MachineMemory, ANameThatIsNotThere) {
  Root root;
  root.groups("2:cpu,memory:/docker/abc\n0::/docker/abc\n");
  root.file("sys/fs/cgroup/memory/memory.limit_in_bytes", "8192\n");
  EXPECT_EQ(root.limit(), 8192u);
}

TEST(MachineMemory, OfThisMachine) {
  EXPECT_GT(machine_memory(), 1u << 20);
  EXPECT_LE(machine_memory(), static_cast<uint64_t>(sysconf(_SC_PHYS_PAGES)) *
                                  static_cast<uint64_t>(sysconf(_SC_PAGESIZE)));
}

}  // namespace
}  // namespace zkvm::stark::machine
