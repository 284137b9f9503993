// Execution providers: from a device's name and options under ONNX Runtime's names to a session that uses them.
#pragma once

#include <span>
#include <string_view>

#include "library.h"
#include "logging.h"
#include "model_scan.h"
#include "options.h"

namespace fovea::plugin {

/// "CUDAExecutionProvider" for "cuda".
const char* provider_of(std::string_view device);

/// What a session is made of.
struct SessionParts {
  const OnnxRuntime& library;
  const Request& request;
  const ModelScan& model;
  std::string cache;  // folder of this engine's own, or ""
  OrtSessionOptions* options;
  LogScope& log;
  Facts& facts;
};

/// Appends the device's provider to the session, with all that is left of `options`, and with what the precision and
/// the cache need. Adds the options to the facts as the provider reads them back. Throws Failure{FOVEA_UNAVAILABLE}
/// where the provider cannot be loaded, with the library that is missing; Failure{FOVEA_INVALID_ARGUMENT} for an option
/// that it does not know, with those that it does.
void append_provider(const SessionParts& parts, Options options);

/// How the nodes were placed, for `facts`. Throws Failure{FOVEA_UNSUPPORTED} where the device got none of them.
void check_placement(std::string_view device, std::span<const Placement> placements, Facts& facts);

}  // namespace fovea::plugin
