// Makers of errors with fmt's syntax: `return invalid_model("axis {} is outside rank {}", axis, rank);`
#pragma once

#include <fmt/format.h>

#include "fovea/result.h"

namespace fovea {

#define FOVEA_ERROR_MAKER(name)                                                            \
  template <class... Args>                                                                 \
  [[nodiscard]] Error name(fmt::format_string<Args...> text, Args&&... args) {             \
    return Error{ErrorCode::name, fmt::format(text, std::forward<Args>(args)...), {}, {}}; \
  }
FOVEA_ERROR_MAKER(invalid_argument)
FOVEA_ERROR_MAKER(invalid_model)
FOVEA_ERROR_MAKER(unsupported)
FOVEA_ERROR_MAKER(invalid_image)
FOVEA_ERROR_MAKER(not_found)
FOVEA_ERROR_MAKER(io)
FOVEA_ERROR_MAKER(out_of_memory)
FOVEA_ERROR_MAKER(unavailable)
FOVEA_ERROR_MAKER(needs_value)
FOVEA_ERROR_MAKER(internal)
#undef FOVEA_ERROR_MAKER

}  // namespace fovea
