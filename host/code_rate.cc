#include "host/code_rate.h"

#include "host/number_text.h"
#include "stark/session/image/program_image.h"

namespace zkvm {

Result<CodeRate> code_rate(Rate rate, uint8_t lowest) {
  switch (rate) {
    case Rate::kAuto:
      return CodeRate{0, 1};
    case Rate::kHalf:
      return CodeRate{1, 1};
    case Rate::kQuarter:
      return CodeRate{2, 1};
    case Rate::kEighth:
      if (lowest < 3)
        return tl::unexpected(
            Error{ErrorCode::kUnfitElf,
                  "rate 1/8: expected a program whose table and banks have at most " +
                      grouped(stark::machine::kMostCellsAtLowestRate) +
                      " fixed cells; this one's image stops at 1/4"});
      return CodeRate{3, 1};
    case Rate::kSmallest:
      return CodeRate{lowest, 2};
    case Rate::kFastest:
      break;
  }
  return CodeRate{1, 0};
}

}  // namespace zkvm
