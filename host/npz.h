// Several arrays in one file, as numpy.savez and savez_compressed write them: a zip archive of .npy files.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "host/error.h"
#include "host/npy.h"

namespace zkvm {

struct NpzLimits {
  uint64_t bytes = uint64_t{1} << 30;  // of all members, inflated
  size_t members = 4096;
};

/// The arrays by name, without ".npy". The file is untrusted: memory is bounded by some three times limits.bytes. Members
/// are stored or deflated, and their checksums are checked; there is no zip64 (files above 4 GiB), encryption or
/// archive in parts, and no two members share bytes. Errors: kMalformedArray.
[[nodiscard]] Result<std::map<std::string, Array>> read_npz(std::span<const uint8_t> file,
                                                            const NpzLimits& limits = {});

}  // namespace zkvm
