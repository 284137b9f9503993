#include "ops/control_flow.h"

#include "base/error.h"
#include "ops/evaluate.h"

namespace fovea::ops {
namespace {

constexpr int64_t kMaxTrips = 1'000'000;

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
                                        std::span<const Tensor> captured) {
  if (inputs.size() != 1 || inputs[0] == nullptr) return invalid_model("If takes one input, the condition");
  const bool condition = FOVEA_TRY(truth(*inputs[0]));
  const Graph* branch = FOVEA_TRY(subgraph(node, condition ? "then_branch" : "else_branch"));
  return evaluate(*branch, {}, captured);
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
                                          std::span<const Tensor> captured) {
  const Graph* body = FOVEA_TRY(subgraph(node, "body"));
  if (inputs.size() < 2) return invalid_model("Loop takes a trip count, a condition and its carried values");
  const size_t carried = inputs.size() - 2;
  if (body->inputs.size() != carried + 2 || body->outputs.size() < carried + 1)
    return invalid_model("the body has {} inputs and {} outputs, but {} values are carried", body->inputs.size(),
                         body->outputs.size(), carried);
  int64_t trips = kMaxTrips + 1;
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
  for (int64_t trip = 0; trip < trips && condition; ++trip) {
    if (trip == kMaxTrips) return unsupported("a Loop of more than {} trips", kMaxTrips);
    std::vector<Tensor> args{Tensor::scalar<int64_t>(trip), Tensor::scalar<bool>(true)};
    args.insert(args.end(), state.begin(), state.end());
    std::vector<Tensor> results = FOVEA_TRY(evaluate(*body, args, captured));
    condition = FOVEA_TRY(truth(results[0]));
    for (size_t i = 0; i < carried; ++i) state[i] = std::move(results[i + 1]);
    for (size_t i = 0; i < scans.size(); ++i) scans[i].push_back(std::move(results[carried + 1 + i]));
  }
  for (const auto& scan : scans) state.push_back(FOVEA_TRY(stack(scan)));
  if (state.size() < node.outputs.size())
    return invalid_model("the body gives {} of {} outputs", state.size(), node.outputs.size());
  return state;
}

}  // namespace

bool is_control_flow(const Node& node) { return node.is("If") || node.is("Loop"); }

Result<std::vector<Tensor>> evaluate_control_flow(const Node& node, std::span<const Tensor* const> inputs,
                                                  std::span<const Tensor> captured) {
  return node.is("If") ? evaluate_if(node, inputs, captured) : evaluate_loop(node, inputs, captured);
}

}  // namespace fovea::ops
