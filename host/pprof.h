// A profile in the format of github.com/google/pprof (proto/profile.proto), for `go tool pprof`.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "host/profile.h"

namespace zkvm {

// The gzip-compressed Profile message: one sample per calling context and address, its value the
// cycles; inlined functions as further lines of a location. `guest` names the binary.
[[nodiscard]] std::vector<uint8_t> encode_pprof(const Profile& profile, SourceMap& map,
                                                std::string_view guest);

}  // namespace zkvm
