// The image id of a guest: see stark/machine/image.h.
#include <utility>

#include "host/program.h"
#include "host/verify.h"
#include "host/zkvm.h"
#include "stark/session/image/program_image.h"

namespace zkvm {

Result<ImageId> image_id(std::span<const uint8_t> elf) {
  const Result<vm::Program> program = load_program(elf);
  if (!program) return tl::unexpected(program.error());
  const auto image = stark::machine::ProgramImage::of(*program, kImageLogBlowup);
  if (!image) return tl::unexpected(Error{ErrorCode::kUnfitElf, image.error().message});
  return to_api(image->image().id());
}

}  // namespace zkvm
