// Where this user's programs keep what can be made again.
#pragma once

#include <filesystem>

namespace zkvm {

// $XDG_CACHE_HOME/zkvm, or ~/.cache/zkvm where that is not set; empty where there is no home
// either. It need not be there.
[[nodiscard]] std::filesystem::path cache_folder();

}  // namespace zkvm
