// Versions of the libraries that this program was built with.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace fovea::cli {

/// {"fmt", "9.1.0"}, ...: by name. They come from CMake's find_package, so that no layer's headers are needed here.
std::vector<std::pair<std::string, std::string>> library_versions();

}  // namespace fovea::cli
