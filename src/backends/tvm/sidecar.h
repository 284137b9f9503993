// MODEL.tvm.json: what tools/compile_tvm.py says of the library beside it.
#pragma once

#include "plugin.h"

namespace fovea::plugin {

struct Sidecar {
  std::string function;  // "main"
  std::vector<Port> inputs, outputs;
  std::string precision = "fp32";
  std::vector<std::pair<std::string, std::string>> facts;  // what else it says
};

/// Reads MODEL.tvm.json of MODEL.tvm.so. Throws FOVEA_NOT_FOUND and FOVEA_INVALID_MODEL.
Sidecar read_sidecar(const std::string& library);

}  // namespace fovea::plugin
