#include "host/code_rate.h"

#include "host/number_text.h"
#include "stark/session/execution_params.h"
#include "stark/session/image/program_image.h"

namespace zkvm {

using stark::machine::kRowWords;

Result<CodeRate> code_rate(Rate rate, uint8_t lowest) {
  switch (rate) {
    case Rate::kAuto:
      return CodeRate{0, kRowWords};
    case Rate::kHalf:
      return CodeRate{1, kRowWords};
    case Rate::kQuarter:
      return CodeRate{2, kRowWords};
    case Rate::kEighth:
      if (lowest < 3)
        return tl::unexpected(
            Error{ErrorCode::kUnfitElf,
                  "rate 1/8: expected a program whose table and banks have at most " +
                      grouped(stark::machine::kMostCellsAtLowerRate) +
                      " fixed cells; this one's image stops at 1/4"});
      return CodeRate{3, kRowWords};
    case Rate::kSmallest:
      return CodeRate{lowest, kRowWords / 3};
    case Rate::kFastest:
      break;
  }
  return CodeRate{1, 2 * kRowWords};
}

}  // namespace zkvm
