// Commitments to arrays, as guests compute them of tensors (zk/commitment.h).
#pragma once

#include <zk/commitment.h>

#include "host/npy.h"

namespace zkvm {

/// Error: kUnfitTensors, of more axes than a commitment has, or one of 2^32 and more.
[[nodiscard]] Result<zk::Digest> commitment_of(const Array& array, const zk::Salt& salt);

}  // namespace zkvm
