// Why something that the caller gave was refused: the typed reason of every Result of the API.
#pragma once

#include <string>
#include <tl/expected.hpp>

namespace zkvm {

enum class ErrorCode {
  kUnreadable,        // a file or stream cannot be read
  kUnwritable,        // a file cannot be written
  kTooLarge,          // more bytes than allowed
  kMalformedElf,      // not a well-formed ELF file
  kUnfitElf,          // well-formed, but no guest: another machine, memory it may not have, ...
  kOutOfMemory,       // the host did not give the memory that the guest declares
  kMalformedReceipt,  // the bytes are no receipt of a version that is known
  kInvalidReceipt,    // a receipt that proves nothing: it contradicts itself, or a proof is false
  kWrongProgram,      // a receipt of another program than the one asked for
  kInsecure,          // fewer bits of security than asked for, in a receipt or at the prover's best
  kOtherProof,        // a resume folder with another proof, or in use
  kCancelled,         // the caller asked to stop
  kMalformedModel,    // what a program says of its model is no such description
  kMalformedArray,    // no .npy or .npz file that is known
  kUnfitSalt,         // a commitment's salt that is not 32 bytes
  kUnfitTensors,      // arrays or a journal that are not of the shapes and types that a model has
  kWrongModel,        // a description of another model than the program says it is
  kMalformedJob,      // no job of this build of zkvm, or one that contradicts its own execution
  kInvalidSegment,    // a part of a proof that is not of this job, or false
};

// "malformed-elf", for every language and for logs.
[[nodiscard]] const char* name_of(ErrorCode code);

struct Error {
  ErrorCode code;
  // One line: PLACE: PLACE: WHAT, or PLACE: WHAT: expected THIS, found THAT.
  std::string message;
};

template <class T>
using Result = tl::expected<T, Error>;

}  // namespace zkvm
