#include "onnx/check_node.h"

#include "base/error.h"
#include "ops/control_flow.h"
#include "ops/operator.h"

namespace fovea::onnx {
namespace {

Result<const Graph*> subgraph(const Node& node, std::string_view name) {
  const auto* graph = node.attribute<std::shared_ptr<Graph>>(name);
  if (graph == nullptr || *graph == nullptr) return invalid_model("attribute \"{}\" is missing or no graph", name);
  return graph->get();
}

Result<void> check_if(const Node& node) {
  if (node.inputs.size() != 1 || node.inputs[0] == kNoValue) return invalid_model("If takes one input, the condition");
  for (const std::string_view name : {"then_branch", "else_branch"}) {
    const Graph* branch = FOVEA_TRY(subgraph(node, name));
    if (!branch->inputs.empty()) return invalid_model("the {} has inputs", name);
    if (branch->outputs.size() != node.outputs.size())
      return invalid_model("the {} gives {} of {} outputs", name, branch->outputs.size(), node.outputs.size());
  }
  return {};
}

Result<void> check_loop(const Node& node) {
  if (node.inputs.size() < 2) return invalid_model("Loop takes a trip count, a condition and its carried values");
  const Graph* body = FOVEA_TRY(subgraph(node, "body"));
  const size_t carried = node.inputs.size() - 2;
  if (body->inputs.size() != carried + 2 || body->outputs.size() < carried + 1)
    return invalid_model("the body has {} inputs and {} outputs, but {} values are carried", body->inputs.size(),
                         body->outputs.size(), carried);
  if (body->outputs.size() - 1 < node.outputs.size())
    return invalid_model("the body gives {} of {} outputs", body->outputs.size() - 1, node.outputs.size());
  return {};
}

}  // namespace

Result<void> check_node(const Node& node) {
  if (!ops::is_control_flow(node)) {
    FOVEA_TRY(ops::parse_operator(node));
    return {};
  }
  return node.is("If") ? check_if(node) : check_loop(node);
}

}  // namespace fovea::onnx
