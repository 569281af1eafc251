#include "host/cli/salt.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <vector>

#include "host/cli/command.h"
#include "host/cli/output.h"
#include "host/file.h"
#include "host/number_text.h"
#include "stark/pcs/commit/randomness.h"

namespace zkvm::cli {

bool is_salt_file(const std::string& salt) { return salt != kRandomSalt && !is_hex(without_0x(salt)); }

Result<zk::Salt> read_salt(const std::string& text) {
  if (text == kRandomSalt) return stark::Randomness::fresh_seed();
  const std::string_view digits = without_0x(text);
  const bool is_file = is_salt_file(text);
  std::vector<uint8_t> bytes;
  if (is_file) {
    Result<std::vector<uint8_t>> file = read_file(text, "salt", zk::Salt{}.size());
    if (!file) return tl::unexpected(file.error());
    bytes = std::move(*file);
  } else if (digits.size() == 2 * zk::Salt{}.size()) {
    bytes = parse_hex(digits);
  }
  zk::Salt salt;
  if (bytes.size() == salt.size()) {
    std::ranges::copy(bytes, salt.begin());
    return salt;
  }
  // The digits may be a secret with one too few: they are not shown.
  return tl::unexpected(Error{
      ErrorCode::kUnfitSalt,
      is_file
          ? fmt::format("--salt {}: expected 32 bytes, found {}", input_name(text), bytes.size())
          : fmt::format("--salt: expected 64 hex digits, a file of 32 bytes or {}, found {} digits",
                        kRandomSalt, digits.size())});
}

Result<void> check_salt_is_new(const std::string& path) {
  std::error_code ignored;
  if (path.empty() || !std::filesystem::is_regular_file(path, ignored)) return {};
  return tl::unexpected(
      Error{ErrorCode::kUnwritable, fmt::format("salt '{}': expected a name without a file, found "
                                                "one, which may be the only copy of another salt",
                                                path)});
}

}  // namespace zkvm::cli
