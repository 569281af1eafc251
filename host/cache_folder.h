// Where this user's programs keep what can be made again.
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <vector>

namespace zkvm {

// $XDG_CACHE_HOME/zkvm, or ~/.cache/zkvm where that is not set; empty where there is no home
// either. It need not be there.
[[nodiscard]] std::filesystem::path cache_folder();

// The folder of one kind of large things in it; empty where there is none, or ZKVM_CACHE is off.
[[nodiscard]] std::filesystem::path cache_folder_of(const char* kind);

// What is found there is used only if it is this user's own and nobody else's to write.
[[nodiscard]] bool is_own(const struct stat& info);
[[nodiscard]] bool is_own_folder(const std::filesystem::path& path);

// Makes the folder, if it is not there, in a place that is this user's own. Whether it is
// is_own_folder now.
[[nodiscard]] bool make_own_folder(const std::filesystem::path& folder);

struct CachedFile {
  std::filesystem::file_time_type time;  // of its last use, or when it was made
  uint64_t bytes;
  std::filesystem::path path;
};
struct CacheContents {
  std::filesystem::path folder;  // empty where there is no cache
  uint64_t files = 0, bytes = 0;
};
[[nodiscard]] CacheContents cache_contents(const std::filesystem::path& folder);

// The oldest first; none of a folder that is not this user's own.
[[nodiscard]] std::vector<CachedFile> cached_files(const std::filesystem::path& folder);

// Removes the oldest files until at most so many of at most so many bytes are left.
void drop_oldest(const std::filesystem::path& folder, uint64_t files, uint64_t bytes);

}  // namespace zkvm
