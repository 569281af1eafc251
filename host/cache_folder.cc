#include "host/cache_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <tuple>

#include "host/environment.h"

namespace zkvm {
namespace {

namespace fs = std::filesystem;

// The XDG Base Directory Specification: a path that is not absolute is to be ignored.
fs::path absolute_path_in(const char* variable) {
  const auto value = environment(variable);
  if (!value || !value->starts_with('/')) return {};
  return *value;
}

// Whether the folder is there and this user's own, or can be made in a place that is.
bool may_make(fs::path folder) {
  std::error_code error;
  while (!folder.empty() && !fs::exists(folder, error) && folder != folder.root_path())
    folder = folder.parent_path();
  struct stat info{};
  return stat(folder.c_str(), &info) == 0 && info.st_uid == geteuid();
}

}  // namespace

fs::path cache_folder() {
  if (auto caches = absolute_path_in("XDG_CACHE_HOME"); !caches.empty()) return caches / "zkvm";
  if (auto home = absolute_path_in("HOME"); !home.empty()) return home / ".cache/zkvm";
  return {};
}

fs::path cache_folder_of(const char* kind) {
  if (environment("ZKVM_CACHE") == "off") return {};
  const fs::path folder = cache_folder();
  return folder.empty() ? folder : folder / kind;
}

bool is_own(const struct stat& info) {
  return info.st_uid == geteuid() && (info.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool is_own_folder(const fs::path& path) {
  struct stat info{};
  return lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode) && is_own(info);
}

bool make_own_folder(const fs::path& folder) {
  if (!may_make(folder)) return false;
  // Not with create_directories, whose folders the group may write to under a umask of 002.
  fs::path made;
  for (const fs::path& part : folder) {
    made /= part;
    if (std::error_code error;
        !fs::is_directory(made, error) && mkdir(made.c_str(), 0700) != 0 && errno != EEXIST)
      return false;
  }
  return is_own_folder(folder);
}

std::vector<CachedFile> cached_files(const fs::path& folder) {
  std::vector<CachedFile> out;
  if (folder.empty() || !is_own_folder(folder)) return out;
  std::error_code error;
  for (auto file = fs::directory_iterator(folder, error);
       !error && file != fs::directory_iterator(); file.increment(error)) {
    std::error_code gone;
    if (!file->is_regular_file(gone) || file->is_symlink(gone)) continue;
    const uint64_t bytes = file->file_size(gone);
    const auto time = file->last_write_time(gone);
    if (!gone) out.push_back({time, bytes, file->path()});
  }
  std::ranges::sort(out, {}, [](const CachedFile& f) { return std::tuple(f.time, f.path); });
  return out;
}

CacheContents cache_contents(const fs::path& folder) {
  CacheContents out{.folder = folder};
  for (const CachedFile& file : cached_files(folder)) {
    ++out.files;
    out.bytes += file.bytes;
  }
  return out;
}

void drop_oldest(const fs::path& folder, uint64_t files, uint64_t bytes) {
  const std::vector<CachedFile> all = cached_files(folder);
  uint64_t files_left = all.size(), bytes_left = 0;
  for (const CachedFile& file : all) bytes_left += file.bytes;
  for (const CachedFile& file : all) {
    if (files_left <= files && bytes_left <= bytes) return;
    std::error_code error;
    fs::remove(file.path, error);
    --files_left;
    bytes_left -= file.bytes;
  }
}

}  // namespace zkvm
