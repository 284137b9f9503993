// FOVEA_VERSION comes from CMake's project().
#include "fovea/version.h"

namespace fovea {

std::string_view version() { return FOVEA_VERSION; }

}  // namespace fovea
