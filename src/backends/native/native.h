// The native engine (src/cpu) as a backend.
#pragma once

#include "backends/backend.h"

namespace fovea::backends {

/// Always available.
const Backend* native();

}  // namespace fovea::backends
