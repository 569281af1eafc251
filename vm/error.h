// What this room reports about untrusted input. Guest faults are a Trap (vm/trap.h), never an
// Error.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>

namespace zkvm::vm {

enum class ErrorCode : uint8_t {
  kTruncated,              // a header, table or segment lies outside the file
  kNotElf,                 // magic, class, byte order or version of the file
  kWrongMachine,           // e_machine, e_type or e_flags: not a static RV32IM executable
  kBadHeader,              // a header field has an impossible value
  kUnsupportedSegment,     // a dynamic or interpreted program, or an unknown segment type
  kBadPermissions,         // not one of r--, rw-, r-x
  kBadAddress,             // misaligned, wraps around, or outside of what the proof has
  kOverlap,                // two segments declare the same word
  kMemoryLimit,            // more memory declared than the caller allows
  kBadExecutableSegments,  // none, more than one, or one that the file does not fill
  kBadEntry,               // entry point misaligned or not in the executable segment
  kBadSymbols,             // malformed symbol table
  kBadLayers,    // malformed section of layers, or one with a layer beyond the tensor unit
  kBadModel,     // a section about the model that is loaded, empty, too large, or not the only one
  kOutOfMemory,  // the host refused to reserve the declared memory
  kCancelled,    // Io::progress asked to stop
  kEndedEarly,   // Tracer::skip() was asked for more instructions than the execution has
};

// The code's name without its k, for logs and JSON.
const char* name_of(ErrorCode code);

struct Error {
  ErrorCode code;
  std::string message;  // what, where, expected, found: one line
};

template <class T>
using Result = tl::expected<T, Error>;

}  // namespace zkvm::vm
