// Conv(f(u8 image)) -> fovea.Conv with a table; QConv(QuantizeLinear(f(u8 image))) -> fovea.QConv with a table
//
// f is any elementwise formula with constants that are one number or one for each channel: Cast, mean and deviation,
// factors, clipping, the quantisation itself. The table has what the reference kernels make of the 256 values of each
// channel, so it is exact. The product then reads bytes, and its padding stays what it was: zeros of f's result.
#include <algorithm>
#include <map>
#include <set>

#include "base/error.h"
#include "ops/evaluate.h"
#include "ops/fovea_q_epilogue.h"
#include "ops/lookup.h"
#include "passes/catalogue.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

constexpr std::string_view kElementwise[] = {
    "Abs", "Add",  "Cast",  "Clip",     "Div",  "DequantizeLinear", "Floor", "Max", "Min", "Mul", "Neg",
    "Pow", "Relu", "Round", "Identity", "Sqrt", "QuantizeLinear",   "Sub"};
constexpr int kDeepest = 16;
constexpr int64_t kMostChannels = 4;
/// Where the products of convolutions have their tables.

/// A formula over one image of bytes, evaluated on all values that each of its channels can hold.
class PixelFormula {
 public:
  /// `planes`: channels lie in axis 1, else in the last one.
  PixelFormula(const Graph& graph, int64_t channels, bool planes)
      : graph_(graph), channels_(channels), planes_(planes) {}

  /// Walks from `value` to the bytes; false where it is no formula over one image of them.
  bool trace(ValueId value, int depth = 0) {
    if (const Tensor* constant = graph_.constant(value)) return constant->size() <= channels_;
    if (depth > 0 && graph_.value(value).type.dtype == DType::u8) {
      if (source_ != kNoValue && source_ != value) return false;
      source_ = value;
      return true;
    }
    const NodeId producer = graph_.value(value).producer;
    if (producer == kNoNode || depth > kDeepest) return false;
    const Node& node = graph_.node(producer);
    if (node.outputs.size() != 1) return false;
    if (!traced_.insert(value).second) return true;  // each value once, however often the formula names it
    if (changes_nothing(node) || node.is("QLookup", "fovea")) return trace(node.inputs[0], depth + 1);
    const bool known = node.domain.empty() && node.opset >= 7 &&
                       std::ranges::find(kElementwise, node.op_type) != std::end(kElementwise);
    return known && std::ranges::all_of(node.inputs, [&](ValueId v) { return v == kNoValue || trace(v, depth + 1); });
  }

  ValueId source() const { return source_; }

  /// {channels, 256}, of the value's type.
  Result<Tensor> table(ValueId value) {
    const Shape shape = planes_ ? Shape{1, channels_, 1, 256} : Shape{1, 1, 256, channels_};
    Tensor all = FOVEA_TRY(Tensor::allocate(DType::u8, shape));
    for (int64_t c = 0; c < channels_; ++c)
      for (int64_t v = 0; v < 256; ++v) all.mutable_view().as<uint8_t>()[at(c, v)] = static_cast<uint8_t>(v);
    known_[source_] = std::move(all);
    const Tensor results = FOVEA_TRY(evaluate(value));
    if (results.shape() != shape) return unsupported("constants that differ from pixel to pixel");
    Tensor table = FOVEA_TRY(Tensor::allocate(results.dtype(), {channels_, 256}));
    const size_t bytes = size_of(table.dtype());
    auto* to = static_cast<std::byte*>(table.mutable_view().data);
    const auto* from = static_cast<const std::byte*>(results.raw());
    for (int64_t c = 0; c < channels_; ++c)
      for (int64_t v = 0; v < 256; ++v)
        std::copy_n(from + static_cast<size_t>(at(c, v)) * bytes, bytes, to + static_cast<size_t>(c * 256 + v) * bytes);
    return table;
  }

 private:
  int64_t at(int64_t channel, int64_t value) const {
    return planes_ ? channel * 256 + value : value * channels_ + channel;
  }

  bool changes_nothing(const Node& node) const {
    return node.is("Reshape") && shape_of(graph_, node.inputs[0]) == shape_of(graph_, node.outputs[0]);
  }

  Result<Tensor> evaluate(ValueId value) {
    if (const Tensor* constant = graph_.constant(value)) return *constant;
    if (const auto found = known_.find(value); found != known_.end()) return found->second;
    const Node& node = graph_.node(graph_.value(value).producer);
    if (changes_nothing(node)) return evaluate(node.inputs[0]);
    std::vector<Tensor> operands(node.inputs.size());
    std::vector<const Tensor*> given(node.inputs.size(), nullptr);
    for (size_t i = 0; i < node.inputs.size(); ++i) {
      if (node.inputs[i] == kNoValue) continue;
      operands[i] = FOVEA_TRY(evaluate(node.inputs[i]));
      given[i] = &operands[i];
    }
    const auto op = FOVEA_TRY(ops::parse_operator(node));
    std::vector<Tensor> results = FOVEA_TRY(ops::evaluate(*op, given, 1));
    known_[value] = results[0];
    return results[0];
  }

  const Graph& graph_;
  int64_t channels_;
  bool planes_;
  ValueId source_ = kNoValue;
  std::set<ValueId> traced_;
  std::map<ValueId, Tensor> known_;
};

/// Whether steps can look a product's pixels up: they copy the image, a line of the kernel as one tap.
bool copies_image(const Graph& graph, const Node& conv) {
  const auto weight = shape_of(graph, conv.inputs[1]);
  const auto* groups = conv.attribute<int64_t>("group");
  const auto* dilations = conv.attribute<std::vector<int64_t>>("dilations");
  return weight && weight->size() == 4 && (*weight)[3] > 1 && (groups == nullptr || *groups == 1) &&
         (dilations == nullptr || std::ranges::all_of(*dilations, [](int64_t d) { return d == 1; }));
}

}  // namespace

Outcome fuse_pixels(Graph& graph, NodeId id) {
  const Node& conv = graph.node(id);
  const bool quantised = conv.is("QConv", "fovea");
  if (!quantised && !conv.is("Conv", "fovea")) return no_match();
  const size_t place = quantised ? size_t{ops::QEpilogue::kPixels} : ops::kConvPixels;
  ValueId image = conv.inputs[0];
  const auto shape = shape_of(graph, image);
  if (!shape || shape->size() != 4 || shape->back() > kMostChannels || has(conv, place)) return no_match();
  if (!quantised && has(conv, 4)) return no_match();  // a pointwise convolution in front
  // Of an NCHW image the formula may stand before the transposition.
  const NodeId last = graph.value(image).producer;
  const auto* perm = last != kNoNode && graph.node(last).is("Transpose")
                         ? graph.node(last).attribute<std::vector<int64_t>>("perm")
                         : nullptr;
  const bool planes = perm != nullptr && *perm == std::vector<int64_t>{0, 2, 3, 1};
  if (planes) image = graph.node(last).inputs[0];
  PixelFormula formula(graph, shape->back(), planes);
  if (!formula.trace(image) || formula.source() == kNoValue) return no_match();
  if (!copies_image(graph, conv)) return refused("the product does not copy its image");
  if (shape_of(graph, formula.source()) != shape_of(graph, image)) return refused("the formula broadcasts its source");
  auto table = formula.table(image);
  if (!table.ok()) return refused(table.error().message);
  if (table->dtype() != (quantised ? DType::u8 : DType::f32)) return refused("not u8 or f32");
  ValueId bytes = formula.source();
  if (planes) {
    Node turn;
    turn.op_type = "Transpose";
    turn.opset = 13;
    turn.inputs = {bytes};
    turn.attributes["perm"] = *perm;
    bytes = insert_node(graph, id, std::move(turn), ValueType::of({DType::u8, *shape}));
  }
  Node fused = graph.node(id);
  fused.outputs.clear();
  fused.inputs.resize(place + 1, kNoValue);
  fused.inputs[0] = bytes;
  fused.inputs[place] = graph.add_constant("pixels", *std::move(table));
  replace_node(graph, id, std::move(fused));
  return applied();
}

}  // namespace fovea::passes
