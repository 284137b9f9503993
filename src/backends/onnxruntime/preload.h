// Libraries that a provider needs and the loader does not find: Python packages bring them into folders of their own.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "plugin.h"

namespace fovea::plugin {

/// Calls `load` until it no longer fails for want of a library that lies in the Python packages beside ONNX Runtime's
/// (nvidia/*/lib, tensorrt_libs, openvino/libs), each of which it loads. What `load` throws in the end names the
/// library that is missing, and how to get it.
void load_with_packages(const std::filesystem::path& onnxruntime, const std::function<void()>& load, const Log& log);

/// Whether a provider's failure is for want of a GPU. Then it becomes FOVEA_UNAVAILABLE, with the fix.
bool lacks_gpu(Failure& failure);

}  // namespace fovea::plugin
