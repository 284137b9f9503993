// Plans and the model that they are of as the body of an engine file, and back.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cpu/engine_file.h"
#include "cpu/plan.h"

namespace fovea::cpu {

struct Image {
  std::vector<std::byte> body;
  std::vector<Tensor> tensors;  // to which the body refers by number
};

/// `model`: what the plans were made from; of its constants only small ones are kept. Error: internal, naming a node
/// whose types contradict its operator: a pass has a bug.
Result<Image> make_image(const Graph& model, std::span<const std::shared_ptr<const Plan>> plans);

struct Loaded {
  Graph model;  // without its weights (cpu/absent_weights.h)
  std::vector<std::unique_ptr<const Plan>> plans;
};

/// Steps are made again from the graphs, their weights are the file's. All is checked as a model is: types against the
/// operators' shape rules, sizes of weights against what the steps need. Error: invalid_model, unsupported,
/// out_of_memory.
Result<Loaded> load_image(const EngineFile& file, WeightStore& store, const EngineOptions& options);

}  // namespace fovea::cpu
