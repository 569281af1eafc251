// A profile as one SVG file that a browser opens: hover, zoom and search by a small script inside.
#pragma once

#include <string>
#include <string_view>

#include "host/profile.h"

namespace zkvm {

// The picture of `tree`, called `title`: the run on top, callees below, width in proportion to
// cycles. Calls narrower than 1/50,000 of the run are left out. Without scripts (as an image in a
// page) it is a complete, still picture.
[[nodiscard]] std::string flamegraph_svg(const CallTree& tree, std::string_view title);

}  // namespace zkvm
