#include "host/code_rate.h"

#include "host/number_text.h"
#include "stark/session/execution_params.h"
#include "stark/session/image/program_image.h"

namespace zkvm {

Result<CodeRate> code_rate(Rate rate, uint8_t lowest) {
  switch (rate) {
    case Rate::kAuto:
      return CodeRate{.log_blowup = 0};
    case Rate::kHalf:
      return CodeRate{.log_blowup = 1};
    case Rate::kQuarter:
      return CodeRate{.log_blowup = 2};
    case Rate::kEighth:
      if (lowest < 3)
        return tl::unexpected(
            Error{ErrorCode::kUnfitElf,
                  "rate 1/8: expected a program whose table and banks have at most " +
                      grouped(stark::machine::kMostCellsAtLowerRate) +
                      " fixed cells; this one's image stops at 1/4"});
      return CodeRate{.log_blowup = 3};
    case Rate::kSmallest:
      return CodeRate{
          0,
          {.bytes_per_point = 0, .bytes_per_cell = 0, .bytes_per_hash = 0, .lowest_rate = lowest}};
    case Rate::kFastest:
      break;
  }
  return CodeRate{1,
                  {.bytes_per_point = 4, .bytes_per_cell = 1.0 / 10, .bytes_per_hash = 1.0 / 25}};
}

}  // namespace zkvm
