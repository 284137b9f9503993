#include "passes/images_apart.h"

#include <algorithm>
#include <cstring>
#include <span>

#include "passes/specialise.h"

namespace fovea::passes {
namespace {

int64_t product(const Shape& shape, size_t begin, size_t end) {
  return element_count(std::span(shape).subspan(begin, end - begin));
}

bool same(const Attribute& a, const Attribute& b) {
  if (a.index() != b.index() || std::holds_alternative<std::shared_ptr<Graph>>(a)) return false;
  if (const auto* x = std::get_if<Tensor>(&a)) {
    const Tensor& y = std::get<Tensor>(b);
    return x->type() == y.type() && std::memcmp(x->raw(), y.raw(), x->bytes()) == 0;
  }
  return std::visit(
      [&]<class T>(const T& x) {
        if constexpr (std::is_same_v<T, Tensor>)
          return false;
        else
          return x == std::get<T>(b);
      },
      a);
}
bool same_attributes(const Node& a, const Node& b) {
  return std::ranges::equal(a.attributes, b.attributes, [](const auto& x, const auto& y) {
    return x.first == y.first && same(x.second, y.second);
  });
}

/// A Gather that picks all of a list in order: another spelling of Reshape, with which exporters say as_strided.
bool picks_all(const Graph& graph, const Node& node) {
  const Tensor* indices = node.is("Gather") ? graph.constant(node.inputs[1]) : nullptr;
  const auto in = graph.value(node.inputs[0]).type.concrete();
  if (indices == nullptr || indices->dtype() != DType::i64 || !in || in->shape != Shape{indices->size()}) return false;
  const auto values = indices->values<int64_t>();
  for (size_t i = 0; i < values.size(); ++i)
    if (values[i] != static_cast<int64_t>(i)) return false;
  return true;
}

constexpr std::string_view kPointwise[] = {"Abs",
                                           "Add",
                                           "Cast",
                                           "Ceil",
                                           "Celu",
                                           "Clip",
                                           "DequantizeLinear",
                                           "Div",
                                           "Elu",
                                           "Erf",
                                           "Exp",
                                           "Expand",
                                           "Floor",
                                           "Gelu",
                                           "HardSigmoid",
                                           "HardSwish",
                                           "Identity",
                                           "LeakyRelu",
                                           "Log",
                                           "Max",
                                           "Mean",
                                           "Min",
                                           "Mish",
                                           "Mul",
                                           "Neg",
                                           "Not",
                                           "PRelu",
                                           "Pow",
                                           "QLookup",
                                           "QuantizeLinear",
                                           "Reciprocal",
                                           "Relu",
                                           "Round",
                                           "Selu",
                                           "Sigmoid",
                                           "Sign",
                                           "Softplus",
                                           "Softsign",
                                           "Sqrt",
                                           "Sub",
                                           "Sum",
                                           "Swish",
                                           "Tanh",
                                           "Where"};
/// The first axis counts images, whatever the others are.
constexpr std::string_view kOfImages[] = {"AveragePool",
                                          "BatchNormalization",
                                          "Conv",
                                          "ConvInteger",
                                          "DepthToSpace",
                                          "GlobalAveragePool",
                                          "GlobalMaxPool",
                                          "GroupNormalization",
                                          "InstanceNormalization",
                                          "LRN",
                                          "MaxPool",
                                          "ConvTranspose",
                                          "SpaceToDepth"};
constexpr std::string_view kReductions[] = {"ArgMax",     "ArgMin",    "ReduceL1",   "ReduceL2",  "ReduceMax",
                                            "ReduceMean", "ReduceMin", "ReduceProd", "ReduceSum", "ReduceSumSquare"};
constexpr std::string_view kReshapes[] = {"Flatten", "Reshape", "Squeeze", "Unsqueeze"};
constexpr std::string_view kProducts[] = {"MatMul", "MatMulInteger"};

bool one_of(const Node& node, std::span<const std::string_view> names) {
  return std::ranges::find(names, node.op_type) != names.end();
}

/// Walks the two graphs side by side.
class Comparison {
 public:
  Comparison(const Graph& many, const Graph& one, int64_t images)
      : many_(many), one_(one), images_(images), twin_(many.value_slots(), kNoValue) {}

  std::optional<std::string> run() {
    if (many_.order().size() != one_.order().size() || many_.outputs.size() != one_.outputs.size() ||
        many_.inputs.size() != one_.inputs.size())
      return "one image takes other operators than several";
    for (size_t i = 0; i < many_.inputs.size(); ++i) pair(many_.inputs[i], one_.inputs[i]);
    for (size_t i = 0; i < many_.order().size(); ++i) {
      const Node &a = many_.node(many_.order()[i]), &b = one_.node(one_.order()[i]);
      if (a.op_type != b.op_type || a.domain != b.domain || a.inputs.size() != b.inputs.size() ||
          a.outputs.size() != b.outputs.size() || !a.captures.empty())
        return "one image takes other operators than several at " + a.label(many_);
      if (!apart(a, b)) return a.label(many_);
    }
    for (const auto& [values, twins] :
         {std::pair(fed_inputs(many_), fed_inputs(one_)), std::pair(many_.outputs, one_.outputs)})
      for (size_t i = 0; i < values.size(); ++i)
        if (twin_[slot(values[i])] != twins[i] || axis(values[i]) != 0)
          return "the first axis of \"" + many_.value(values[i]).name + "\" does not count images";
    return std::nullopt;
  }

 private:
  static size_t slot(ValueId v) { return static_cast<size_t>(v); }
  void pair(ValueId a, ValueId b) { twin_[slot(a)] = b; }
  Shape shape(ValueId v) const { return many_.value(v).type.concrete()->shape; }
  Shape shape_of_one(ValueId v) const { return one_.value(twin_[slot(v)]).type.concrete()->shape; }

  /// The one axis on which `images` images lie one behind another; nothing where the value is that of one image.
  std::optional<size_t> axis(ValueId v) const {
    const Shape a = shape(v), b = shape_of_one(v);
    std::optional<size_t> found;
    for (size_t d = 0; d < a.size(); ++d)
      if (a[d] != b[d]) found = d;
    return found;
  }
  /// Whether the types differ as axis() takes for granted.
  bool types_fit(ValueId v) const {
    const auto a = many_.value(v).type.concrete(), b = one_.value(twin_[slot(v)]).type.concrete();
    if (!a || !b || a->dtype != b->dtype || a->shape.size() != b->shape.size()) return false;
    int differing = 0;
    for (size_t d = 0; d < a->shape.size(); ++d) {
      if (a->shape[d] == 0) return false;
      if (a->shape[d] == b->shape[d]) continue;
      if (a->shape[d] != b->shape[d] * images_) return false;
      ++differing;
    }
    return differing <= 1;
  }
  /// Whether a constant holds for each image what the constant of one image holds.
  bool repeats(ValueId v) const {
    const Tensor &a = *many_.constant(v), &b = *one_.constant(twin_[slot(v)]);
    if (a.identity() == b.identity()) return a.type() == b.type();
    const auto d = axis(v);
    const int64_t outer = d ? product(b.shape(), 0, *d) : 1, copies = d ? images_ : 1;
    const size_t part = b.bytes() / static_cast<size_t>(std::max<int64_t>(outer, 1));
    const auto* from = b.data<std::byte>();
    const auto* to = a.data<std::byte>();
    for (int64_t o = 0; o < outer; ++o, from += part)
      for (int64_t i = 0; i < copies; ++i, to += part)
        if (std::memcmp(to, from, part) != 0) return false;
    return true;
  }

  bool carries(const Node& node, size_t i) const {
    return i < node.inputs.size() && node.inputs[i] != kNoValue && axis(node.inputs[i]).has_value();
  }
  int64_t rank(ValueId v) const { return static_cast<int64_t>(shape(v).size()); }
  /// Axes count from the back, as broadcasting does.
  int64_t from_back(ValueId v) const { return rank(v) - static_cast<int64_t>(*axis(v)); }
  bool aligned(const Node& node, size_t i) const {
    return !carries(node, i) || from_back(node.inputs[i]) == from_back(node.outputs[0]);
  }

  bool apart(const Node& a, const Node& b) {
    const bool view = picks_all(many_, a) && picks_all(one_, b);
    const bool reshape = view || one_of(a, kReshapes) || a.op_type == "Expand" || a.op_type == "Resize";
    bool any = false;
    for (size_t i = 0; i < a.inputs.size(); ++i) {
      const ValueId v = a.inputs[i], w = b.inputs[i];
      if ((v == kNoValue) != (w == kNoValue)) return false;
      if (v == kNoValue || (reshape && i > 0)) continue;  // the types say what a shape operand does
      const bool constant = many_.constant(v) != nullptr;
      if (constant != (one_.constant(w) != nullptr)) return false;
      if (constant) pair(v, w);
      if (twin_[slot(v)] != w || !types_fit(v) || (constant && !repeats(v))) return false;
      any = any || axis(v).has_value();
    }
    for (size_t i = 0; i < a.outputs.size(); ++i) {
      if ((a.outputs[i] == kNoValue) != (b.outputs[i] == kNoValue)) return false;
      if (a.outputs[i] == kNoValue) continue;
      pair(a.outputs[i], b.outputs[i]);
      // What comes of all images together belongs to none of them.
      if (!types_fit(a.outputs[i]) || axis(a.outputs[i]).has_value() != any) return false;
    }
    if (a.outputs.empty() || a.outputs[0] == kNoValue) return false;
    return same_attributes(a, b) && (!any || rule(a, view));
  }

  /// `reshape`: whatever the node is called, it moves nothing.
  bool rule(const Node& node, bool reshape) const {
    const ValueId in = node.inputs[0], out = node.outputs[0];
    if (one_of(node, kPointwise)) {
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (!(node.op_type == "Expand" && i > 0) && !aligned(node, i)) return false;
      return true;
    }
    if (one_of(node, kOfImages)) {
      for (size_t i = 0; i < node.inputs.size(); ++i)
        if (carries(node, i) && (i == 1 || axis(node.inputs[i]) != 0)) return false;  // weights are not of one image
      // Indices of maxima count from the first image on; a batch norm that trains has the statistics of all.
      const auto* training = node.attribute<int64_t>("training_mode");
      return axis(out) == 0 && node.outputs.size() == 1 && (training == nullptr || *training == 0);
    }
    if (one_of(node, kProducts)) return product_rule(node);
    if (node.op_type == "Gemm") {
      const auto* turned = node.attribute<int64_t>("transA");
      return carries(node, 0) && axis(in) == 0 && (turned == nullptr || *turned == 0) && !carries(node, 1) &&
             aligned(node, 2);
    }
    if (!carries(node, 0) && node.op_type != "Concat") return false;
    const int64_t images = node.op_type == "Concat" ? rank(out) - from_back(out) : rank(in) - from_back(in);
    const auto attribute = [&](int64_t fallback) {
      const auto* a = node.attribute<int64_t>("axis");
      const int64_t value = a != nullptr ? *a : fallback;
      return value < 0 ? value + rank(in) : value;
    };
    if (one_of(node, kReductions)) return true;  // images still lie one behind another: that axis is not reduced
    if (reshape || one_of(node, kReshapes))
      return product(shape(in), 0, *axis(in)) == product(shape(out), 0, *axis(out));
    if (node.op_type == "LayerNormalization") return aligned(node, 0) && images < attribute(-1);
    if (node.op_type == "Softmax" || node.op_type == "LogSoftmax" || node.op_type == "TopK")
      return node.opset >= (node.op_type == "TopK" ? 11 : 13) && aligned(node, 0) && images != attribute(-1);
    if (node.op_type == "Concat" || node.op_type == "Split") {
      for (size_t i = 0; i < (node.op_type == "Concat" ? node.inputs.size() : 1); ++i)
        if (!aligned(node, i)) return false;
      return std::ranges::all_of(node.outputs, [&](ValueId v) { return v == kNoValue || axis(v) == axis(out); }) &&
             images != attribute(0);
    }
    if (node.op_type == "Transpose") {
      const auto* perm = node.attribute<std::vector<int64_t>>("perm");
      return perm != nullptr && (*perm)[*axis(out)] == images;
    }
    if (node.op_type == "Gather") {
      if (carries(node, 1)) return false;
      const int64_t along = attribute(0), moved = images > along ? rank(node.inputs[1]) - 1 : 0;
      return along != images && static_cast<int64_t>(*axis(out)) == images + moved;
    }
    if (node.op_type == "Slice") {
      // An axis of which everything is left; backwards only where a step says so.
      const Tensor* steps = node.inputs.size() > 4 ? many_.constant(node.inputs[4]) : nullptr;
      if (node.opset < 10 || (node.inputs.size() > 4 && node.inputs[4] != kNoValue && steps == nullptr)) return false;
      return aligned(node, 0) && shape(in)[static_cast<size_t>(images)] == shape(out)[*axis(out)] &&
             (steps == nullptr || forwards(*steps));
    }
    if (node.op_type == "Pad") return aligned(node, 0) && images == 0 && no_pads_before(node);
    if (node.op_type == "Resize") {
      const auto* mode = node.attribute<std::string>("coordinate_transformation_mode");
      return axis(in) == 0 && axis(out) == 0 && shape(in)[0] == shape(out)[0] &&
             (mode == nullptr || *mode != "tf_crop_and_resize");
    }
    return false;
  }

  static bool forwards(const Tensor& steps) {
    if (steps.dtype() == DType::i64) return std::ranges::all_of(steps.values<int64_t>(), [](auto s) { return s > 0; });
    return steps.dtype() == DType::i32 && std::ranges::all_of(steps.values<int32_t>(), [](auto s) { return s > 0; });
  }
  bool no_pads_before(const Node& node) const {
    const Tensor* pads = node.opset >= 11 && node.inputs.size() > 1 ? many_.constant(node.inputs[1]) : nullptr;
    const bool axes = node.inputs.size() > 3 && node.inputs[3] != kNoValue;
    return pads != nullptr && pads->dtype() == DType::i64 && pads->size() > 0 && !axes && pads->data<int64_t>()[0] == 0;
  }

  bool product_rule(const Node& node) const {
    const ValueId a = node.inputs[0], b = node.inputs[1], out = node.outputs[0];
    for (size_t i = 2; i < node.inputs.size(); ++i)
      if (!aligned(node, i)) return false;
    const bool of_a = carries(node, 0), of_b = carries(node, 1);
    if (of_a && of_b) return aligned(node, 0) && aligned(node, 1) && from_back(out) > 2;
    if (of_a) return aligned(node, 0) && from_back(a) > 1;  // not along the sum
    return of_b && aligned(node, 1) && from_back(b) != 2 && rank(b) > 1;
  }

  const Graph &many_, &one_;
  int64_t images_;
  std::vector<ValueId> twin_;  // in `one_`, by value
};

}  // namespace

std::optional<std::string> mixes_images(const Graph& many, const Graph& one, int64_t images) {
  return Comparison(many, one, images).run();
}

double weight_reuse(const Graph& one) {
  const auto is_weight = [&](ValueId v) {
    while (one.constant(v) == nullptr) {
      const NodeId producer = v == kNoValue ? kNoNode : one.value(v).producer;
      if (producer == kNoNode) return false;
      const Node& node = one.node(producer);
      if (!node.is("DequantizeLinear") && !node.is("Transpose") && !node.is("Reshape")) return false;
      v = node.inputs[0];
    }
    return true;
  };
  double multiply_adds = 0, weights = 0;
  for (NodeId id : one.order()) {
    const Node& node = one.node(id);
    const bool conv = node.op_type == "Conv" || node.op_type == "ConvTranspose";
    if (!conv && node.op_type != "MatMul" && node.op_type != "Gemm") continue;
    if (!is_weight(node.inputs[1])) continue;
    const Shape w = one.value(node.inputs[1]).type.concrete()->shape,
                y = one.value(node.outputs[0]).type.concrete()->shape;
    const auto count = static_cast<double>(element_count(w));
    // Each number of a convolution's map, and of a product's column, meets its share of the weights.
    const double positions =
        static_cast<double>(element_count(y)) / static_cast<double>(std::max<int64_t>(conv ? y[1] : y.back(), 1));
    multiply_adds += count * positions;
    weights += count;
  }
  return weights > 0 ? multiply_adds / weights : 0;
}

}  // namespace fovea::passes
