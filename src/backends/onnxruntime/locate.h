// Where libonnxruntime may be.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "library.h"

namespace fovea::plugin {

/// The library to use: the file, folder or Python environment that `chosen` names, else FOVEA_ONNXRUNTIME's, else the
/// active Python environment's, the project's own, the system's. Of the places that nobody named, the first whose
/// library has `provider` is taken. Throws Failure{FOVEA_UNAVAILABLE} with the fix.
const OnnxRuntime& find_library(const std::string& chosen, const char* provider);

}  // namespace fovea::plugin
