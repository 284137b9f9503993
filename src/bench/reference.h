// The outputs that all others are measured against: fp32, by the plainest way there is.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "bench/group.h"

namespace fovea::bench {

struct Reference {
  std::vector<Tensor> outputs;
  std::vector<std::string> names;
  std::string origin;  // "ONNX Runtime 1.31.1, not optimised"
};

/// Starts the worker of a backend of fovea's with these -O settings.
using OwnWay = std::function<Way(const std::string& backend, const std::vector<std::string>& settings)>;

/// In a process of its own: ONNX Runtime on the CPU with its optimisations off; where it is not there, or refuses the
/// model, the native engine with reference kernels, if the model is small enough for them (a second or so); else the
/// native engine as it is, whose own row then shows no error. Error: the last one's.
Result<Reference> compute_reference(const ModelCase& model, const std::vector<NamedFile>& inputs,
                                    const std::string& folder, const OwnWay& own_way, const WorkerLimits& limits,
                                    const std::function<bool()>& stop);

}  // namespace fovea::bench
