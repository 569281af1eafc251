// The prover's errors as the API's.
#pragma once

#include "host/error.h"
#include "stark/protocol/error.h"

namespace zkvm {

[[nodiscard]] inline Error prove_error(const stark::Error& error) {
  switch (error.code) {
    case stark::ErrorCode::kCancelled:
      return {ErrorCode::kCancelled, "the proof was cancelled"};
    case stark::ErrorCode::kMemory:
      return {ErrorCode::kOutOfMemory, error.message};
    case stark::ErrorCode::kFormat:
      return {ErrorCode::kUnfitElf, error.message};
    case stark::ErrorCode::kStatement:
      return {ErrorCode::kOtherProof, error.message};
    default:
      return {ErrorCode::kInsecure, error.message};
  }
}

}  // namespace zkvm
