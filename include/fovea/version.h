// The version of the fovea that is linked.
#pragma once

#include <string_view>

namespace fovea {

/// "0.1.0": major.minor.patch, as semantic versioning counts.
std::string_view version();

}  // namespace fovea
