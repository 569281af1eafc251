// Descriptors of the guest's operators beside the tensor unit, as C++ text.
#pragma once

#include <functional>
#include <string>

#include "host/import/plan.h"

namespace zkvm::importer {

// `inline constexpr zk::nn::...Params<...> CONSTANT{...};` of an operator that is no layer of the unit. `type_name`: of a
// value, its C++ type's name. Error: kTooLarge, of a Move without order: more than 2^15 copies.
[[nodiscard]] Result<std::string> operator_definition(
    const Plan& plan, const Operator& op, const std::string& constant,
    const std::function<std::string(ValueId)>& type_name);

}  // namespace zkvm::importer
