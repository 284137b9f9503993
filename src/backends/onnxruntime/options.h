// Options of a session, under ONNX Runtime's own names.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "library.h"
#include "logging.h"

namespace fovea::plugin {

using Facts = std::vector<std::pair<std::string, std::string>>;

/// What the backend's table lists.
extern const fovea_option kOptions[];

/// Session options for the request: its threads, one thread between operators, all optimisations. Takes from `options`
/// what is an option of sessions, which then goes before, and adds to `facts` what was set, config entries as the
/// library reads them back. Throws Failure{FOVEA_INVALID_ARGUMENT} for a value that is none.
Owned<OrtSessionOptions> make_session_options(const OnnxRuntime& library, int threads, Options& options, LogScope& log,
                                              Facts& facts);

/// `options`, for the functions of ONNX Runtime that take names and values.
struct NamesAndValues {
  explicit NamesAndValues(const Options& options);
  std::vector<const char*> names, values;
};

}  // namespace fovea::plugin
