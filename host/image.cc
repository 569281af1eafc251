// The image of a guest and its id: see stark/machine/image.h.
#include <utility>

#include "host/image_cache.h"
#include "host/program.h"
#include "host/verify.h"
#include "host/zkvm.h"
#include "stark/session/image/program_image.h"

namespace zkvm {

stark::Result<stark::machine::ProgramImage> program_image(const vm::Program& program,
                                                          const stark::Digest& key,
                                                          stark::machine::TreeStore* store) {
  const auto known = cached_image(key);
  auto image = stark::machine::ProgramImage::of(program, known ? &*known : nullptr, {}, store);
  if (image && !known) keep_image(key, image->image());
  return image;
}

Result<ImageId> image_id(std::span<const uint8_t> elf) {
  const stark::Digest key = image_key(elf);
  if (const auto known = cached_image(key)) return to_api(known->id());
  const Result<vm::Program> program = load_program(elf);
  if (!program) return tl::unexpected(program.error());
  const auto image = program_image(*program, key);
  if (!image) return tl::unexpected(Error{ErrorCode::kUnfitElf, image.error().message});
  return to_api(image->image().id());
}

Result<std::vector<uint8_t>> model_section(std::span<const uint8_t> elf) {
  vm::Result<std::vector<uint8_t>> section = vm::load_model(elf);
  if (!section) return tl::unexpected(to_api(section.error(), elf));
  return std::move(*section);
}

}  // namespace zkvm
