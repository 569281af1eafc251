#include "host/error.h"

namespace zkvm {

const char* name_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::kUnreadable:
      return "unreadable";
    case ErrorCode::kUnwritable:
      return "unwritable";
    case ErrorCode::kTooLarge:
      return "too-large";
    case ErrorCode::kMalformedElf:
      return "malformed-elf";
    case ErrorCode::kUnfitElf:
      return "unfit-elf";
    case ErrorCode::kOutOfMemory:
      return "out-of-memory";
    case ErrorCode::kMalformedReceipt:
      return "malformed-receipt";
    case ErrorCode::kInvalidReceipt:
      return "invalid-receipt";
    case ErrorCode::kWrongProgram:
      return "wrong-program";
    case ErrorCode::kInsecure:
      return "insecure";
    case ErrorCode::kOtherProof:
      return "other-proof";
    case ErrorCode::kCancelled:
      return "cancelled";
    case ErrorCode::kMalformedModel:
      return "malformed-model";
    case ErrorCode::kMalformedArray:
      return "malformed-array";
    case ErrorCode::kUnfitSalt:
      return "unfit-salt";
    case ErrorCode::kUnfitTensors:
      return "unfit-tensors";
    case ErrorCode::kWrongModel:
      return "wrong-model";
    case ErrorCode::kMalformedJob:
      return "malformed-job";
    case ErrorCode::kInvalidSegment:
      return "invalid-segment";
  }
  return "unknown";
}

}  // namespace zkvm
