// A program with nothing but the verifier in it: it links zkvm::verify and includes its header.
// verify_alone.sh looks at what it needs.
#include "host/zkvm_verify.h"

int main() {
  const auto result = zkvm::verify({}, {});
  return !result && result.error().code == zkvm::ErrorCode::kMalformedReceipt ? 0 : 1;
}
