// The backends by name: which ones there are, which of them can run here, and what to do about the others.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "backends/backend.h"

namespace fovea::backends {

/// One line of `fovea doctor`.
struct Status {
  std::string_view name;
  std::string_view library;          // "ONNX Runtime", for people
  const Backend* backend = nullptr;  // nullptr: it cannot run here
  std::string reason, fix;           // where it cannot
};

/// All six names that fovea knows, available or not, in a fixed order.
std::vector<Status> all();

/// Error: unavailable, for a name that fovea does not know and for a backend that cannot run here.
Result<const Backend*> find(std::string_view name);

/// Compiles with the backend and device that options.backend names. Error: unavailable; what Backend::compile says.
Result<std::shared_ptr<Engine>> compile(const Source& source, const CompileOptions& options);

}  // namespace fovea::backends
