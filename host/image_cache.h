// Images of programs that were made before, in this user's cache folder: a large program's takes
// seconds to make. A cache: it may be cleared at any time, and what is not there is made again.
//
// A verifier trusts what it finds there as it trusts its own user: files and folder must be this
// user's own and nobody else's to write, and each file is checked by a hash when it is read.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "host/cache_folder.h"
#include "stark/machine/image.h"
#include "stark/protocol/error.h"
#include "stark/session/image/program_image.h"
#include "vm/elf.h"

namespace zkvm {

/// What an image is kept under: a hash of the ELF file and the version of images.
[[nodiscard]] stark::Digest image_key(std::span<const uint8_t> elf);

/// Nothing if it is not there, not whole, or not this user's.
[[nodiscard]] std::optional<stark::machine::Image> cached_image(const stark::Digest& key);

/// Keeps it, and drops the oldest images where there are more than kMaxCachedImages or
/// kMaxCachedBytes. That it cannot be kept does no harm.
void keep_image(const stark::Digest& key, const stark::machine::Image& image);

/// The program with its image, found under `key` or made and kept there. `store`: as of
/// ProgramImage::of; for provers. Errors: those of ProgramImage::of.
[[nodiscard]] stark::Result<stark::machine::ProgramImage> program_image(
    const vm::Program& program, const stark::Digest& key,
    stark::machine::TreeStore* store = nullptr);

inline constexpr uint64_t kMaxCachedImages = 256;
inline constexpr uint64_t kMaxCachedBytes = uint64_t{16} << 20;

[[nodiscard]] CacheContents cached_images();
void clear_images();

}  // namespace zkvm
