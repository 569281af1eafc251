// The public C++ API of the verifier alone: is this receipt true?
//
//   std::vector<uint8_t> receipt = ...;                 // from anybody
//   constexpr zkvm::ImageId kModel = {0x5b, 0xd1, ...};  // `zkvm id model.elf`
//   zkvm::Result<zkvm::Verification> result = zkvm::verify(receipt, kModel);
//   if (!result) std::cerr << result.error().message;
//   else use(result->exit_code, result->journal);
//
// In CMake: find_package(zkvm REQUIRED COMPONENTS verify), target_link_libraries(app zkvm::verify).
// The library has neither prover, VM nor threads in it. No function here throws on bad input or
// aborts, and none takes memory by a length that the input merely claims; std::bad_alloc can leave
// any of them. Thread-safe: calls share nothing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "host/error.h"

namespace zkvm {

// What pins a program: its code, its initial memory, its memory map, its entry point, what it says of its
// model and the version of the proof system. Anyone computes it from the ELF file (`zkvm id`). Written in hex,
// byte 0 first.
using ImageId = std::array<uint8_t, 32>;

// BLAKE3 of what a program says of its model (host/model_info.h): of the bytes of the section .zkvm.model.
using ModelDigest = std::array<uint8_t, 32>;
[[nodiscard]] ModelDigest model_digest(std::span<const uint8_t> section);

// What the proven security of a receipt is computed in, and so what it rests on beside the random oracle:
// stark/doc/soundness.md. The proof's bytes do not tell: a shorter receipt has fewer queries, which are
// enough in one regime and not in the other.
enum class Regime : uint8_t {
  kUnique,   // unique decoding: BCHKS25 for lines
  kJohnson,  // lists up to the Johnson radius: DKT26 for lines. Of receipts of one segment only
};
[[nodiscard]] const char* regime_name(Regime regime);        // "unique decoding", "Johnson"
[[nodiscard]] const char* regime_assumption(Regime regime);  // in a line

struct VerifyOptions {
  // The least proven security that is accepted, in bits, of the whole receipt.
  double security_bits = 128;

  // The widest regime in which it is accepted: kUnique refuses receipts that need the other.
  Regime regime = Regime::kJohnson;
};

// What a true receipt proves: the program with this id, on some input, committed this journal and
// ended by exit with this code. It says nothing of the input but what the journal does.
struct Verification {
  ImageId image_id{};
  int32_t exit_code = 0;
  std::vector<uint8_t> journal;  // a multiple of 4 bytes
  double security_bits = 0;      // proven, of the whole receipt
  Regime regime =
      Regime::kUnique;  // in which they are proven: unique decoding where that is enough
  uint32_t segments = 0;
  std::optional<ModelDigest> model = {};  // under the image id; absent: the program says nothing
};

// Checks every byte of `receipt` (see host/doc/receipt.md), however hostile. A program that exited
// with another code than 0 is a Verification, not an error: look at exit_code. Errors:
// kMalformedReceipt, kInvalidReceipt, kWrongProgram, kInsecure.
[[nodiscard]] Result<Verification> verify(std::span<const uint8_t> receipt, const ImageId& image_id,
                                          const VerifyOptions& options = {});

}  // namespace zkvm
