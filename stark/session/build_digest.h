// What this library was built from.
#pragma once

#include <string_view>

namespace zkvm::stark::machine {

/// SHA-256 in hex of the sources that decide what rows, shapes and masks a proof has (vm, stark): two builds with the
/// same one make the same proofs from one seed. Made by build_digest.cmake.
[[nodiscard]] std::string_view build_digest();

}  // namespace zkvm::stark::machine
