// Running nodes and whole graphs with the reference kernels: the oracle of tests, the engine of constant folding, and
// what runs where no fast kernel exists.
#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "ops/operator.h"

namespace fovea::ops {

/// What an evaluation may cost. Folding sets one, so that a Loop written for an hour's work does not take it when the
/// model is loaded; without one a model computes as long as it asks to.
class Budget {
 public:
  /// `values` that are set, those of a Loop's body in each trip anew; `bytes` that operators read and write.
  Budget(int64_t values, int64_t bytes) : values_(values), bytes_(bytes) {}
  /// Error: unsupported, from the first time on that there is less left than asked for.
  Result<void> spend(int64_t values, int64_t bytes);
  bool exceeded() const { return exceeded_; }

 private:
  int64_t values_, bytes_;
  bool exceeded_ = false;
};

/// Runs one operator. `inputs[i]` is nullptr where an optional input is left out. `output_count` as the node lists
/// them. Error: the operator's, the budget's.
Result<std::vector<Tensor>> evaluate(const Operator& op, std::span<const Tensor* const> inputs, size_t output_count,
                                     Budget* budget = nullptr);

/// Runs a graph node by node. `inputs` and the result are in the order of graph.inputs and graph.outputs; control flow
/// (If, Loop) runs the subgraphs. `captured` are the values that a subgraph takes from around it. Error: that of a
/// node, with its name.
Result<std::vector<Tensor>> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                                     std::span<const Tensor> captured = {}, Budget* budget = nullptr);

}  // namespace fovea::ops
