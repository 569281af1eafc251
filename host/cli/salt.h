// --salt of commands that commit to something, and files that hold a salt.
#pragma once

#include <zk/commitment.h>

#include <cstdint>
#include <string>

#include "host/error.h"

namespace zkvm::cli {

inline constexpr const char* kRandomSalt = "random";
inline constexpr const char* kSaltHelp =
    "64 hex digits, with or without 0x, which others on this machine may see; the name\n"
    "of a file of 32 bytes; or random";
inline constexpr uint32_t kSecretMode = 0600;  // of files that hold a salt

// Whether --salt names a file. Only the text decides, as for --journal-is.
[[nodiscard]] bool is_salt_file(const std::string& salt);

// What --salt says. Errors: kUnfitSalt, kUnreadable.
[[nodiscard]] Result<zk::Salt> read_salt(const std::string& text);

// That no salt is written over: without its salt a commitment is worth nothing. Error: kUnwritable.
[[nodiscard]] Result<void> check_salt_is_new(const std::string& path);

}  // namespace zkvm::cli
