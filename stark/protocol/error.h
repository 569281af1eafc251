// Why untrusted bytes were refused: the typed reason of every Result in stark/.
#pragma once

#include <cstdint>
#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace zkvm::stark {

enum class ErrorCode : uint8_t {
  kTruncated,       // bytes end early
  kTrailing,        // bytes left over
  kFormat,          // magic, version, enumeration or length out of range
  kNonCanonical,    // a field element >= p, an order or a choice that is not the one allowed
  kKey,             // the verifying key contradicts itself
  kParams,          // parameters out of range
  kTables,          // table list does not fit the key
  kStatement,       // statement does not fit the key or the tables
  kSecurity,        // fewer bits than asked for
  kMultiplicities,  // a bus could carry p or more tuples
  kNonce,           // proof of work is missing
  kChallenge,       // a challenge for which the protocol must not go on
  kBusSum,          // the running sums and the public interactions do not cancel
  kConstraints,     // the constraint identity fails at zeta
  kMerkle,          // an opened row does not belong to its root
  kDeep,            // opened rows contradict the first FRI layer
  kFold,            // a FRI layer is not the fold of the one before
  kFinal,           // the final polynomial is not the last fold
  kCancelled,       // the prover was asked to stop
  kMemory,          // the prover cannot have the memory that it needs
};

struct Error {
  ErrorCode code;
  std::string message;  // what, where, expected, found
};

template <class T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

/// The error of a result that there is no going on without.
template <class T>
[[nodiscard]] tl::unexpected<Error> propagate(const Result<T>& failed) {
  return tl::unexpected<Error>(failed.error());
}

}  // namespace zkvm::stark
