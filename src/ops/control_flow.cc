#include "ops/control_flow.h"

#include <algorithm>
#include <limits>

#include "base/error.h"
#include "base/system.h"

namespace fovea::ops {
namespace {

/// Two weeks at a microsecond each: what exporters write for "no end" is far above, what anyone means is far below.
constexpr int64_t kEndlessTrips = int64_t{1} << 40;
/// Of a small tensor in memory, beside its elements.
constexpr size_t kTensorOverhead = 256;

Result<bool> truth(const Tensor& tensor) {
  if (tensor.dtype() != DType::boolean || tensor.size() != 1)
    return invalid_model("a condition must be one bool, but is {}", to_string(tensor.type()));
  return tensor.data<bool>()[0];
}

Result<const Graph*> subgraph(const Node& node, std::string_view name) {
  const auto* graph = node.attribute<std::shared_ptr<Graph>>(name);
  if (graph == nullptr || *graph == nullptr) return invalid_model("attribute \"{}\" is missing", name);
  return graph->get();
}

Result<std::vector<Tensor>> evaluate_if(const Node& node, std::span<const Tensor* const> inputs,
                                        std::span<const Tensor> captured, Budget* budget) {
  if (inputs.size() != 1 || inputs[0] == nullptr) return invalid_model("If takes one input, the condition");
  const bool condition = FOVEA_TRY(truth(*inputs[0]));
  const Graph* branch = FOVEA_TRY(subgraph(node, condition ? "then_branch" : "else_branch"));
  return evaluate(*branch, {}, captured, budget);
}

/// Whether the body hands on a condition that no trip can change: the one that it got, a constant or a capture.
bool keeps_condition(const Graph& body) {
  ValueId condition = body.outputs[0];
  while (body.value(condition).producer != kNoNode) {
    const Node& node = body.node(body.value(condition).producer);
    if (!node.is("Identity") || node.inputs.size() != 1) return false;
    condition = node.inputs[0];
  }
  // What is fed anew in each trip, but for the condition, may change.
  return condition == body.inputs[1] || std::ranges::find(body.inputs, condition) == body.inputs.end();
}

/// Joins what the trips gave along a new first axis.
Result<Tensor> stack(const std::vector<Tensor>& slices) {
  if (slices.empty()) return unsupported("a Loop without trips has no shape for its scan outputs");
  Shape shape = slices[0].shape();
  shape.insert(shape.begin(), static_cast<int64_t>(slices.size()));
  Tensor result = FOVEA_TRY(Tensor::allocate(slices[0].dtype(), shape));
  auto* out = result.mutable_view().as<std::byte>();
  for (const Tensor& slice : slices) {
    if (slice.type() != slices[0].type())
      return invalid_model("a scan output changes from {} to {}", to_string(slices[0].type()), to_string(slice.type()));
    const auto* bytes = slice.data<std::byte>();
    out = std::copy(bytes, bytes + slice.bytes(), out);
  }
  return result;
}

Result<std::vector<Tensor>> evaluate_loop(const Node& node, std::span<const Tensor* const> inputs,
                                          std::span<const Tensor> captured, Budget* budget) {
  const Graph* body = FOVEA_TRY(subgraph(node, "body"));
  if (inputs.size() < 2) return invalid_model("Loop takes a trip count, a condition and its carried values");
  const size_t carried = inputs.size() - 2;
  if (body->inputs.size() != carried + 2 || body->outputs.size() < carried + 1)
    return invalid_model("the body has {} inputs and {} outputs, but {} values are carried", body->inputs.size(),
                         body->outputs.size(), carried);
  int64_t trips = std::numeric_limits<int64_t>::max();
  if (inputs[0] != nullptr) {
    if (inputs[0]->dtype() != DType::i64 || inputs[0]->size() != 1)
      return invalid_model("the trip count must be one i64");
    trips = inputs[0]->data<int64_t>()[0];
  }
  bool condition = inputs[1] == nullptr || FOVEA_TRY(truth(*inputs[1]));
  std::vector<Tensor> state;
  for (size_t i = 0; i < carried; ++i) {
    if (inputs[i + 2] == nullptr) return invalid_model("carried value {} is left out", i);
    state.push_back(*inputs[i + 2]);
  }
  std::vector<std::vector<Tensor>> scans(body->outputs.size() - carried - 1);
  int64_t scanned = 0;
  for (int64_t trip = 0; trip < trips && condition; ++trip) {
    std::vector<Tensor> args{Tensor::scalar<int64_t>(trip), Tensor::scalar<bool>(true)};
    args.insert(args.end(), state.begin(), state.end());
    std::vector<Tensor> results = FOVEA_TRY(evaluate(*body, args, captured, budget));
    condition = FOVEA_TRY(truth(results[0]));
    if (trip == 0 && condition && trips > kEndlessTrips && keeps_condition(*body))
      return invalid_model("neither its trip count nor its condition ends this Loop");
    for (size_t i = 0; i < carried; ++i) state[i] = std::move(results[i + 1]);
    for (size_t i = 0; i < scans.size(); ++i) {
      scanned += static_cast<int64_t>(results[carried + 1 + i].bytes() + kTensorOverhead);
      scans[i].push_back(std::move(results[carried + 1 + i]));
    }
    if (scanned > memory_limit())
      return out_of_memory("the scan outputs of {} trips take more than {} bytes", trip, memory_limit());
  }
  for (const auto& scan : scans) state.push_back(FOVEA_TRY(stack(scan)));
  if (state.size() < node.outputs.size())
    return invalid_model("the body gives {} of {} outputs", state.size(), node.outputs.size());
  return state;
}

}  // namespace

bool is_control_flow(const Node& node) { return node.is("If") || node.is("Loop"); }

Result<std::vector<Tensor>> evaluate_control_flow(const Node& node, std::span<const Tensor* const> inputs,
                                                  std::span<const Tensor> captured, Budget* budget) {
  return node.is("If") ? evaluate_if(node, inputs, captured, budget) : evaluate_loop(node, inputs, captured, budget);
}

}  // namespace fovea::ops
