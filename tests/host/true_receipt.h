// A true receipt of a small program in several segments, far from secure: 5 bits.
//
// The program reads a word x, commits it, and later commits x again and x + 1, then exits with 3.
// Loops in between make it long enough to be cut; memory is used before and after.
#pragma once

#include <utility>
#include <vector>

#include "host/verify.h"
#include "tests/stark/session/proving.h"

namespace zkvm::test {

inline constexpr double kTrueBits = 5;

// `model`: what it says of its model; empty: nothing.
inline std::vector<uint8_t> true_program(std::vector<uint8_t> model = {}) {
  using namespace vm::test;
  Assembler text;
  const auto wait = [&](uint32_t rounds) {
    text.li(t1, rounds)(addi(t1, t1, -1))(b_type(1, t1, zero, -4));
  };
  text.call(63, 0, kDataBase, 4).call(64, 3, kDataBase, 4);
  wait(20);
  text.li(t0, kDataBase)(lw(t2, 0, t0))(addi(t2, t2, 1))(sw(t2, 4, t0)).call(64, 3, kDataBase, 8);
  wait(20);
  ElfFile file = ElfFile::of(text.exit(3).words());
  if (!model.empty()) file.sections = {{".zkvm.model", std::move(model)}};
  return file.bytes();
}

// The proofs of its execution on this input; they differ from call to call.
inline stark::machine::Proven true_proofs(const std::vector<uint8_t>& input) {
  auto guest = stark::machine::Guest::of(true_program());
  return stark::machine::prove_execution(guest, {.input = input, .console = {}},
                                         {.segment_cycles = 30, .params = stark::quick_params()});
}

// REQUIRES: `image` and `proofs` outlive the result.
inline Receipt receipt_of(std::span<const uint8_t> image, const stark::machine::Proven& proofs) {
  Receipt out{.image = image,
              .exit_code = proofs.execution.exit_code,
              .journal = proofs.execution.journal,
              .segments = {}};
  for (const auto& segment : proofs.segments) {
    out.segments.push_back({segment.journal_end, segment.uses, segment.roots, segment.proof});
  }
  return out;
}

struct TrueReceipt {
  std::vector<uint8_t> image = stark::machine::Guest::of(true_program()).image->image().serialise();
  ImageId id = to_api(stark::machine::Image::parse(image).value().id());
  stark::machine::Proven proofs;
  Receipt receipt;
  std::vector<uint8_t> bytes;

  explicit TrueReceipt(const std::vector<uint8_t>& input)
      : proofs(true_proofs(input)), receipt(receipt_of(image, proofs)), bytes(serialise(receipt)) {}
};

}  // namespace zkvm::test
