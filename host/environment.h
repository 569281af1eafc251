// What the environment says of this library's folders.
#pragma once

#include <optional>
#include <string>

namespace zkvm {

// The value of one of the variables that this library reads; nothing where it is not set. Thread-safe.
[[nodiscard]] std::optional<std::string> environment(const char* name);

// From now on environment() has the values that these variables have at this moment. For processes whose other threads
// change the environment (Python): C's getenv must not run meanwhile, so this is to be called where they cannot.
void keep_environment();

}  // namespace zkvm
