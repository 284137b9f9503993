// What a model is: its operators, weights and work, what fovea lacks of it, and what the passes make of it.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graph/graph.h"
#include "passes/pass.h"
#include "pipeline/input_shapes.h"

namespace fovea::pipeline {

struct Inspection {
  std::filesystem::path path;
  int64_t file_bytes = 0;  // without external data
  std::shared_ptr<const Graph> graph;
  std::vector<Error> unsupported;  // a graph that has some cannot run

  std::map<std::string, int> opsets;     // by domain, "" is ONNX's own
  std::map<std::string, int> operators;  // how many of each, subgraphs included
  int64_t nodes = 0;
  int64_t parameters = 0;    // elements of weights, without index tensors
  int64_t weight_bytes = 0;  // of all constants
};

/// Reads a model, also one that fovea cannot run. Error: as onnx::read_model without unsupported; set_input_shapes.
Result<Inspection> inspect(const std::filesystem::path& path, const InputShapes& shapes);

/// The model's work for concrete inputs.
struct Work {
  std::vector<TensorType> inputs;
  double gmac = 0;
  bool complete = true;  // false: from some node on, sizes depend on data; what comes behind is not counted
};

/// Dynamic extents are filled: the first of an input of rank 4 or less (the batch) with 1, height and width of a
/// photo's input with `height` and `width`. Error: invalid_argument where an extent is still open; the shape rules'.
Result<Work> estimate_work(const Graph& graph, std::optional<int64_t> height, std::optional<int64_t> width);

/// What the passes do, as the native engine runs them.
struct PassReport {
  int64_t nodes_before = 0, nodes_after = 0;
  std::vector<passes::PassRecord> records;  // in their order
};
/// `inputs` as Work has them.
Result<PassReport> report_passes(const Graph& graph, const std::vector<TensorType>& inputs);

}  // namespace fovea::pipeline
