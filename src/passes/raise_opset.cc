// What ONNX changed between opsets, operator by operator, after its changelog (docs/Changelog.md of onnx/onnx).
// Versions that only allowed more (types, negative axes, new attributes whose default means what was before) need no
// converter.
#include "passes/raise_opset.h"

#include <algorithm>

#include "base/error.h"

namespace fovea::passes {
namespace {

constexpr std::string_view kReexport = "export the model again with a newer opset";

/// A node on its way up, not yet in the graph; what must stand before it is put there by insert().
struct Raised {
  Graph& graph;
  NodeId place;  // the node that it replaces
  int target;
  Node node;

  template <class T>
  std::optional<T> take(std::string_view name) {
    const auto it = node.attributes.find(name);
    if (it == node.attributes.end()) return std::nullopt;
    Attribute taken = std::move(it->second);
    node.attributes.erase(it);
    if (T* value = std::get_if<T>(&taken)) return std::move(*value);
    return std::nullopt;
  }
  void set_input(size_t position, ValueId value) {
    if (node.inputs.size() <= position) node.inputs.resize(position + 1, kNoValue);
    node.inputs[position] = value;
  }
  ValueId constant(std::string_view what, Tensor tensor) {
    return graph.add_constant(graph.value(node.outputs[0]).name + "/" + std::string(what), std::move(tensor));
  }
  ValueId constant(std::string_view what, const std::vector<int64_t>& values) {
    return constant(what, Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values));
  }
  /// A number of the data's own type, as the inputs that attributes became must be.
  Result<ValueId> number(std::string_view what, float value) {
    switch (graph.value(node.inputs[0]).type.dtype.value_or(DType::f32)) {
      case DType::f32: return constant(what, Tensor::scalar(value));
      case DType::f64: return constant(what, Tensor::scalar(static_cast<double>(value)));
      case DType::f16: return constant(what, Tensor::scalar(static_cast<f16>(value)));
      default: return unsupported("\"{}\" for data that are no floats", what);
    }
  }
  ValueId insert(std::string_view type, std::vector<ValueId> inputs) {
    Node before;
    before.op_type = type;
    before.opset = target;  // only operators that stay as they are from here on are inserted
    before.inputs = std::move(inputs);
    before.outputs = {graph.add_value(graph.value(node.outputs[0]).name + "/" + std::string(type))};
    const ValueId output = before.outputs[0];
    graph.insert_before(place, std::move(before));
    return output;
  }
  bool uses_output(size_t i) const {
    if (i >= node.outputs.size() || node.outputs[i] == kNoValue) return false;
    return !graph.users(node.outputs[i]).empty() || graph.is_output(node.outputs[i]);
  }
};

/// `node.opset` is the version that the converter raises to when it is called.
using Convert = Result<void> (*)(Raised&);

// ---- converters, each for one version

Result<void> batch_norm_9(Raised& r) {
  if (r.take<int64_t>("spatial").value_or(1) == 0) return unsupported("spatial=0 has no newer form");
  return {};
}

Result<void> batch_norm_14(Raised& r) {
  for (size_t i = 1; i < r.node.outputs.size(); ++i)
    if (r.uses_output(i)) return unsupported("it is used in training mode");
  r.node.outputs.resize(1);
  return {};
}

Result<void> clip_11(Raised& r) {
  const auto least = r.take<float>("min"), most = r.take<float>("max");
  if (least) r.set_input(1, FOVEA_TRY(r.number("min", *least)));
  if (most) r.set_input(2, FOVEA_TRY(r.number("max", *most)));
  return {};
}

Result<void> dropout_12(Raised& r) {
  if (r.uses_output(1)) return unsupported("its mask is used");
  r.take<float>("ratio");  // without the input training_mode nothing is dropped
  r.node.outputs.resize(1);
  return {};
}

Result<void> pad_11(Raised& r) {
  const auto pads = r.take<std::vector<int64_t>>("pads");
  if (!pads) return invalid_model("attribute \"pads\" is missing");
  const auto value = r.take<float>("value");
  r.set_input(1, r.constant("pads", *pads));
  if (value && *value != 0) r.set_input(2, FOVEA_TRY(r.number("value", *value)));
  return {};
}

Result<void> axes_to_input(Raised& r) {
  if (const auto axes = r.take<std::vector<int64_t>>("axes")) r.set_input(1, r.constant("axes", *axes));
  return {};
}

/// The scales of an operator of opset 10 or before, whose nearest neighbour ONNX Runtime rounds up where an axis
/// shrinks, and down otherwise.
Result<void> old_resize(Raised& r, const Tensor* scales) {
  const auto* mode = r.node.attribute<std::string>("mode");
  if (mode == nullptr || *mode == "nearest") {
    if (scales == nullptr || scales->dtype() != DType::f32)
      return unsupported("which neighbour is the nearest depends on scales that only data shows");
    const auto values = scales->values<float>();
    const bool shrinks = std::ranges::any_of(values, [](float s) { return s < 1; });
    if (shrinks && std::ranges::any_of(values, [](float s) { return s > 1; }))
      return unsupported("it shrinks one axis to the nearest neighbour and grows another");
    r.node.attributes["nearest_mode"] = std::string(shrinks ? "ceil" : "floor");
  }
  r.node.attributes["coordinate_transformation_mode"] = std::string("asymmetric");
  return {};
}

Result<void> upsample_10(Raised& r) {  // becomes Resize, which took its place
  r.node.op_type = "Resize";
  if (const auto scales = r.take<std::vector<float>>("scales"))
    r.set_input(1, r.constant("scales", Tensor::of<float>({static_cast<int64_t>(scales->size())}, *scales)));
  return {};
}

Result<void> resize_11(Raised& r) {
  if (r.node.inputs.size() != 2) return invalid_model("{} inputs, but it takes 2", r.node.inputs.size());
  const ValueId scales = r.node.inputs[1];
  FOVEA_TRY(old_resize(r, r.graph.constant(scales)));
  r.set_input(1, r.constant("roi", Tensor::of<float>({0}, {})));
  r.set_input(2, scales);
  return {};
}

Result<void> resize_13(Raised& r) {
  const auto* mode = r.node.attribute<std::string>("coordinate_transformation_mode");
  if (mode != nullptr && *mode == "tf_half_pixel_for_nn") return unsupported("tf_half_pixel_for_nn is no more");
  for (size_t i : {1, 2}) {  // empty ones stood for those that are left out
    if (i >= r.node.inputs.size()) break;
    const Tensor* list = r.graph.constant(r.node.inputs[i]);
    if (list != nullptr && list->size() == 0) r.node.inputs[i] = kNoValue;
  }
  return {};
}

Result<void> roi_align_16(Raised& r) {
  if (r.node.attributes.contains("coordinate_transformation_mode")) return {};
  r.node.attributes["coordinate_transformation_mode"] = std::string("output_half_pixel");
  return {};
}

Result<void> scatter_11(Raised& r) {
  r.node.op_type = "ScatterElements";
  return {};
}

Result<void> slice_10(Raised& r) {
  const auto starts = r.take<std::vector<int64_t>>("starts"), ends = r.take<std::vector<int64_t>>("ends");
  const auto axes = r.take<std::vector<int64_t>>("axes");
  if (!starts || !ends) return invalid_model("attribute \"starts\" or \"ends\" is missing");
  r.set_input(1, r.constant("starts", *starts));
  r.set_input(2, r.constant("ends", *ends));
  if (axes) r.set_input(3, r.constant("axes", *axes));
  return {};
}

/// Softmax, LogSoftmax and Hardmax meant all dimensions from `axis` on, and 1 where it was not said.
Result<void> softmax_13(Raised& r) {
  const int64_t axis = r.take<int64_t>("axis").value_or(1);
  const auto& shape = r.graph.value(r.node.inputs[0]).type.shape;
  if (axis == -1 || (shape && axis == static_cast<int64_t>(shape->size()) - 1)) {
    r.node.attributes["axis"] = int64_t{-1};
    return {};
  }
  // Reshape(Softmax(Flatten(x)), Shape(x)): the node becomes the Reshape.
  const ValueId x = r.node.inputs[0];
  const ValueId flat = r.insert("Flatten", {x});
  r.graph.set_attribute(r.graph.value(flat).producer, "axis", axis);
  const ValueId soft = r.insert(r.node.op_type, {flat});
  r.graph.set_attribute(r.graph.value(soft).producer, "axis", int64_t{-1});
  r.node.op_type = "Reshape";
  r.node.attributes.clear();
  r.node.inputs = {soft, r.insert("Shape", {x})};
  return {};
}

Result<void> split_13(Raised& r) {
  if (const auto parts = r.take<std::vector<int64_t>>("split")) r.set_input(1, r.constant("split", *parts));
  return {};
}

Result<void> split_18(Raised& r) {
  if (r.node.inputs.size() < 2 || r.node.inputs[1] == kNoValue)
    r.node.attributes["num_outputs"] = static_cast<int64_t>(r.node.outputs.size());
  return {};
}

Result<void> top_k_10(Raised& r) {
  const auto k = r.take<int64_t>("k");
  if (!k) return invalid_model("attribute \"k\" is missing");
  r.set_input(1, r.constant("k", std::vector<int64_t>{*k}));
  return {};
}

Result<void> grid_sample_20(Raised& r) {
  auto mode = r.take<std::string>("mode").value_or("bilinear");
  if (mode == "bilinear") mode = "linear";
  if (mode == "bicubic") mode = "cubic";
  r.node.attributes["mode"] = mode;
  return {};
}

Result<void> refuse(Raised&) { return unsupported("its meaning changed there"); }

struct Change {
  std::string_view op;
  int since;  // the version that changed the operator
  Convert convert;
};

constexpr Change kChanges[] = {
    {"BatchNormalization", 9, batch_norm_9},
    {"BatchNormalization", 14, batch_norm_14},
    {"Clip", 11, clip_11},
    {"Dropout", 12, dropout_12},
    {"GridSample", 20, grid_sample_20},
    {"GroupNormalization", 21, refuse},  // scale and bias of each group became those of each channel
    {"Hardmax", 13, softmax_13},
    {"LogSoftmax", 13, softmax_13},
    {"Pad", 11, pad_11},
    {"ReduceL1", 18, axes_to_input},
    {"ReduceL2", 18, axes_to_input},
    {"ReduceLogSum", 18, axes_to_input},
    {"ReduceLogSumExp", 18, axes_to_input},
    {"ReduceMax", 18, axes_to_input},
    {"ReduceMean", 18, axes_to_input},
    {"ReduceMin", 18, axes_to_input},
    {"ReduceProd", 18, axes_to_input},
    {"ReduceSum", 13, axes_to_input},
    {"ReduceSumSquare", 18, axes_to_input},
    {"Resize", 11, resize_11},
    {"Resize", 13, resize_13},
    {"RoiAlign", 16, roi_align_16},
    {"Scatter", 11, scatter_11},
    {"Slice", 10, slice_10},
    {"Softmax", 13, softmax_13},
    {"Split", 13, split_13},
    {"Split", 18, split_18},
    {"Squeeze", 13, axes_to_input},
    {"TopK", 10, top_k_10},
    {"Unsqueeze", 13, axes_to_input},
    {"Upsample", 10, upsample_10},
};

/// Operators that have only come to allow more since opset 7. What stands neither here nor above is refused: nobody has
/// looked at its changes.
// clang-format off
constexpr std::string_view kUnchanged[] = {
    "Abs", "Acos", "Acosh", "Add", "AffineGrid", "And", "ArgMax", "ArgMin", "Asin", "Asinh", "Atan", "Atanh",
    "AveragePool", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Cast", "CastLike",
    "Ceil", "Celu", "CenterCropPad", "Col2Im", "Compress", "Concat", "Constant", "ConstantOfShape", "Conv",
    "ConvInteger", "ConvTranspose", "Cos", "Cosh", "CumSum", "DepthToSpace", "DequantizeLinear", "Div",
    "DynamicQuantizeLinear", "Einsum", "Elu", "Equal", "Erf", "Exp", "Expand", "EyeLike", "Flatten", "Floor",
    "GRU", "Gather", "GatherElements", "GatherND", "Gelu", "Gemm", "GlobalAveragePool", "GlobalLpPool",
    "GlobalMaxPool", "Greater", "GreaterOrEqual", "HardSigmoid", "HardSwish", "Identity", "If",
    "InstanceNormalization", "IsInf", "IsNaN", "LRN", "LSTM", "LayerNormalization", "LeakyRelu", "Less",
    "LessOrEqual", "Log", "Loop", "LpNormalization", "LpPool", "MatMul", "MatMulInteger", "Max", "MaxPool",
    "MaxRoiPool", "Mean", "MeanVarianceNormalization", "Min", "Mish", "Mod", "Mul", "Neg", "NonMaxSuppression",
    "NonZero", "Not", "OneHot", "Or", "PRelu", "Pow", "QLinearConv", "QLinearMatMul", "QuantizeLinear", "RNN",
    "Range", "Reciprocal", "Relu", "Reshape", "ReverseSequence", "Round", "ScatterElements", "ScatterND",
    "Selu", "Shape", "Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Size", "Softplus", "Softsign", "SpaceToDepth",
    "Sqrt", "Sub", "Sum", "Tan", "Tanh", "ThresholdedRelu", "Tile", "Transpose", "Trilu", "Unique", "Where",
    "Xor"};
// clang-format on

bool is_known(std::string_view op) {
  return std::ranges::find(kUnchanged, op) != std::ranges::end(kUnchanged) ||
         std::ranges::find(kChanges, op, &Change::op) != std::ranges::end(kChanges);
}

Result<void> raise_node(Graph& graph, NodeId id, int opset) {
  const Node& original = graph.node(id);
  if (original.opset > opset) return unsupported("it has opset {} and cannot be lowered to {}", original.opset, opset);
  if (original.opset < kOldestRaised || opset > kNewestRaised)
    return unsupported("only opsets {} to {} can be raised", kOldestRaised, kNewestRaised);
  if (!is_known(original.op_type)) return unsupported("nothing is known of the changes of {}", original.op_type);
  Raised raised{graph, id, opset, original};
  // Upwards one version after the other; Upsample becomes another operator on the way.
  for (int version = original.opset + 1; version <= opset; ++version) {
    raised.node.opset = version;
    for (const Change& change : kChanges)
      if (change.since == version && change.op == raised.node.op_type) {
        FOVEA_TRY(change.convert(raised));
        break;
      }
  }
  for (auto& [name, attribute] : raised.node.attributes)
    if (const auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute); inner && *inner) {
      auto copy = std::make_shared<Graph>(**inner);
      FOVEA_TRY(raise_opset(*copy, opset));
      attribute = copy;
    }
  graph.insert_before(id, std::move(raised.node));
  graph.remove_node(id);
  return {};
}

}  // namespace

int highest_opset(const Graph& graph) {
  int highest = 0;
  for (NodeId id : graph.order()) {
    const Node& node = graph.node(id);
    if (node.domain.empty()) highest = std::max(highest, node.opset);
    for (const auto& [name, attribute] : node.attributes)
      if (const auto* inner = std::get_if<std::shared_ptr<Graph>>(&attribute); inner && *inner)
        highest = std::max(highest, highest_opset(**inner));
  }
  return highest;
}

Result<void> raise_opset(Graph& graph, int opset) {
  const std::vector<NodeId> order = graph.order();
  for (NodeId id : order) {
    const Node& node = graph.node(id);
    const bool has_subgraphs = std::ranges::any_of(node.attributes, [](const auto& entry) {
      return std::holds_alternative<std::shared_ptr<Graph>>(entry.second);
    });
    if (!node.domain.empty() || (node.opset == opset && !has_subgraphs)) continue;
    const std::string place = fmt::format("{}, opset {}", node.label(graph), node.opset);
    auto raised = raise_node(graph, id, opset);
    if (raised.ok()) continue;
    Error error = std::move(raised).error();
    error.message = fmt::format("it cannot be raised to opset {}: {}", opset, error.message);
    if (error.fix.empty()) error.fix = kReexport;
    return std::move(error).at(place);
  }
  return {};
}

}  // namespace fovea::passes
