#include "ops/evaluate.h"

#include "base/error.h"
#include "ops/control_flow.h"

namespace fovea::ops {

Result<void> Budget::spend(int64_t values, int64_t bytes) {
  exceeded_ = exceeded_ || values > values_ || bytes > bytes_;
  if (exceeded_) return unsupported("more work than may be done before the model runs");
  values_ -= values;
  bytes_ -= bytes;
  return {};
}

Result<std::vector<Tensor>> evaluate(const Operator& op, std::span<const Tensor* const> inputs, size_t output_count,
                                     Budget* budget) {
  std::vector<Inputs::Input> known(inputs.size());
  std::vector<TensorView> args(inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr) continue;
    known[i] = {inputs[i]->type(), inputs[i], true};
    args[i] = inputs[i]->view();
    if (budget != nullptr) FOVEA_TRY(budget->spend(0, static_cast<int64_t>(inputs[i]->bytes())));
  }
  const Types types = FOVEA_TRY(op.infer(Inputs(known, output_count)));
  if (types.size() < output_count) return internal("the shape rule gave {} of {} outputs", types.size(), output_count);
  if (budget != nullptr) {
    for (const TensorType& type : types) {
      const int64_t bytes = FOVEA_TRY(checked_bytes(type.dtype, type.shape));
      FOVEA_TRY(budget->spend(0, bytes));
    }
  }
  std::vector<Tensor> outputs;
  std::vector<MutableView> outs;
  for (size_t i = 0; i < output_count; ++i)
    outputs.push_back(FOVEA_TRY(Tensor::allocate(types[i].dtype, types[i].shape)));
  for (Tensor& t : outputs) outs.push_back(t.mutable_view());
  FOVEA_TRY(op.compute(args, outs));
  return outputs;
}

Result<std::vector<Tensor>> evaluate(const Graph& graph, std::span<const Tensor> inputs,
                                     std::span<const Tensor> captured, Budget* budget) {
  if (budget != nullptr) FOVEA_TRY(budget->spend(1 + static_cast<int64_t>(graph.value_slots()), 0));
  std::vector<Tensor> values(graph.value_slots());
  std::vector<bool> known(graph.value_slots(), false);
  const auto set = [&](ValueId id, Tensor tensor) {
    if (id == kNoValue) return;
    values[static_cast<size_t>(id)] = std::move(tensor);
    known[static_cast<size_t>(id)] = true;
  };
  for (size_t id = 0; id < graph.value_slots(); ++id)
    if (const Tensor* constant = graph.constant(static_cast<ValueId>(id))) set(static_cast<ValueId>(id), *constant);
  if (inputs.size() != graph.inputs.size())
    return invalid_argument("{} inputs given, but the graph has {}", inputs.size(), graph.inputs.size());
  for (size_t i = 0; i < inputs.size(); ++i) set(graph.inputs[i], inputs[i]);
  for (const Graph::Capture& capture : graph.captures) set(capture.inner, captured[capture.index]);

  const auto get = [&](ValueId id) -> const Tensor* {
    return id != kNoValue && known[static_cast<size_t>(id)] ? &values[static_cast<size_t>(id)] : nullptr;
  };
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    std::vector<const Tensor*> args;
    for (ValueId v : node.inputs) {
      args.push_back(get(v));
      if (v != kNoValue && args.back() == nullptr)
        return invalid_model("input \"{}\" has no value", graph.value(v).name).at(node.label(graph));
    }
    std::vector<Tensor> outer;
    for (ValueId v : node.captures)
      if (const Tensor* tensor = get(v))
        outer.push_back(*tensor);
      else
        return invalid_model("value \"{}\" is not known", graph.value(v).name).at(node.label(graph));
    std::vector<Tensor> results = FOVEA_TRY_AT(
        node.label(graph),
        is_control_flow(node) ? evaluate_control_flow(node, args, outer, budget)
                              : [&]() -> Result<std::vector<Tensor>> {
          const OperatorPtr op = FOVEA_TRY(parse_operator(node));
          return evaluate(*op, args, node.outputs.size(), budget);
        }());
    for (size_t i = 0; i < node.outputs.size(); ++i) set(node.outputs[i], std::move(results[i]));
  }
  std::vector<Tensor> outputs;
  for (ValueId v : graph.outputs) {
    const Tensor* tensor = get(v);
    if (tensor == nullptr) return invalid_model("output \"{}\" has no value", graph.value(v).name);
    outputs.push_back(*tensor);
  }
  return outputs;
}

}  // namespace fovea::ops
