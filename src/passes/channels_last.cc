// Conv, pools and what stands between them over NCHW -> fovea.Conv, fovea.MaxPool, ... over NHWC
//
// Walks the graph once and keeps for each four-dimensional value an NHWC twin. A node that can work on twins does, and
// its own output is then not made at all, unless somebody asks for it: only there a Transpose is put. Transposes of the
// model's own between the two layouts vanish on the way.
#include <algorithm>
#include <cmath>

#include "ops/shapes.h"
#include "passes/catalogue.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

const std::vector<int64_t> kToLast{0, 2, 3, 1}, kToFirst{0, 3, 1, 2};
/// Where axis d of NCHW lies in NHWC.
constexpr int64_t kAxisInLast[] = {0, 3, 1, 2};

constexpr std::string_view kUnary[] = {"Abs",     "Cast",     "Celu",     "Clip",        "Elu",       "Erf",
                                       "Exp",     "Gelu",     "Identity", "HardSigmoid", "HardSwish", "LeakyRelu",
                                       "Log",     "Mish",     "Neg",      "Reciprocal",  "Relu",      "Selu",
                                       "Sigmoid", "Softplus", "Softsign", "Sqrt",        "Swish",     "Tanh"};
constexpr std::string_view kBinary[] = {"Add", "Sub", "Mul", "Div", "Min", "Max", "Pow"};
constexpr std::string_view kReduce[] = {"ReduceMean", "ReduceSum", "ReduceMax", "ReduceMin", "ReduceL2"};

bool one_of(const Node& node, std::span<const std::string_view> names) {
  return node.domain.empty() && std::ranges::find(names, node.op_type) != names.end();
}

class ChannelsLast {
 public:
  explicit ChannelsLast(Graph& graph) : graph_(graph) {}

  int run() {
    const std::vector<NodeId> order = graph_.order();
    for (NodeId id : order) {
      if (convert(id)) {
        graph_.remove_node(id);
        ++converted_;
      } else {
        const std::vector<ValueId> inputs = graph_.node(id).inputs;
        for (ValueId v : inputs) materialise(v, id);
        for (ValueId v : graph_.node(id).captures) materialise(v, id);
      }
    }
    for (ValueId v : graph_.outputs) materialise(v, kNoNode);
    return converted_;
  }

 private:
  ValueId twin(ValueId v) const {
    const auto i = static_cast<size_t>(v);
    return v != kNoValue && i < twins_.size() ? twins_[i] : kNoValue;
  }
  void set_twin(ValueId v, ValueId last) {
    if (twins_.size() <= static_cast<size_t>(v)) twins_.resize(graph_.value_slots(), kNoValue);
    twins_[static_cast<size_t>(v)] = last;
  }
  std::optional<Shape> image(ValueId v) const {
    auto shape = shape_of(graph_, v);
    if (!shape || shape->size() != 4) return std::nullopt;
    const DType dtype = *graph_.value(v).type.dtype;
    return dtype == DType::f32 || dtype == DType::u8 || dtype == DType::i8 ? shape : std::nullopt;
  }
  static ValueType last_type(const Shape& s, DType dtype = DType::f32) {
    return ValueType::of({dtype, {s[0], s[2], s[3], s[1]}});
  }
  ValueType last_type_of(ValueId v) const { return last_type(*image(v), *graph_.value(v).type.dtype); }
  static Node transpose(ValueId from, const std::vector<int64_t>& perm) {
    Node node;
    node.op_type = "Transpose";
    node.opset = 13;
    node.inputs = {from};
    node.attributes["perm"] = perm;
    return node;
  }

  /// The NHWC twin of an image, made where there is none yet.
  ValueId to_last(ValueId v, NodeId place) {
    if (const ValueId have = twin(v); have != kNoValue) return have;
    const ValueId last = insert_node(graph_, place, transpose(v, kToLast), last_type_of(v));
    set_twin(v, last);
    return last;
  }

  /// Makes a value of which only the twin exists, for a node that needs it; `place` kNoNode: at the end.
  void materialise(ValueId v, NodeId place) {
    if (twin(v) == kNoValue || graph_.value(v).producer != kNoNode || graph_.constant(v) != nullptr) return;
    if (std::ranges::find(graph_.inputs, v) != graph_.inputs.end()) return;
    Node node = transpose(twin(v), kToFirst);
    node.outputs = {v};
    if (place == kNoNode)
      graph_.add_node(std::move(node));
    else
      graph_.insert_before(place, std::move(node));
  }

  /// Puts a node before `id` whose output is the twin of that node's output.
  void make_twin(NodeId id, Node node) {
    const ValueId out = graph_.node(id).outputs[0];
    set_twin(out, insert_node(graph_, id, std::move(node), last_type_of(out)));
  }

  bool convert(NodeId id) {
    const Node& node = graph_.node(id);
    if (!node.domain.empty() || node.inputs.empty() || node.outputs.empty() || node.outputs[0] == kNoValue)
      return false;
    if (node.is("Conv")) return convolution(id);
    if (node.is("MaxPool") || node.is("AveragePool")) return pool(id);
    if (node.is("Transpose")) return transposition(id);
    if (node.is("BatchNormalization")) return batch_norm(id);
    if (one_of(node, kUnary)) return unary(id);
    if (node.is("QuantizeLinear") || node.is("DequantizeLinear")) return unary(id);
    if (node.is("DynamicQuantizeLinear")) return dynamic_quantize(id);
    if (one_of(node, kBinary)) return binary(id);
    if (node.is("Concat")) return concat(id);
    if (one_of(node, kReduce) || node.is("GlobalAveragePool")) return reduce(id);
    return false;
  }

  /// A constant, or what DequantizeLinear makes of one.
  bool known_weight(ValueId v) const {
    const auto d = dequantised(graph_, v);
    return graph_.constant(d ? d->source : v) != nullptr;
  }

  bool convolution(NodeId id) {
    const Node& conv = graph_.node(id);
    if (!image(conv.inputs[0]) || !image(conv.outputs[0]) || !known_weight(conv.inputs[1])) return false;
    Node last = conv;
    if (!plain_pads(last)) return false;
    last.domain = "fovea";
    last.opset = 1;
    last.inputs[0] = to_last(conv.inputs[0], id);
    make_twin(id, std::move(last));
    return true;
  }

  bool pool(NodeId id) {
    const Node& node = graph_.node(id);
    if (!image(node.inputs[0]) || !image(node.outputs[0])) return false;
    if (node.outputs.size() > 1 && node.outputs[1] != kNoValue) return false;  // the indices of maxima
    Node last = node;
    if (!plain_pads(last)) return false;
    last.domain = "fovea";
    last.opset = 1;
    last.outputs.resize(1);
    last.attributes.erase("storage_order");
    last.inputs[0] = to_last(node.inputs[0], id);
    make_twin(id, std::move(last));
    return true;
  }

  /// Padding in numbers, as kernels want it.
  static bool plain_pads(Node& node) {
    const auto* auto_pad = node.attribute<std::string>("auto_pad");
    if (auto_pad == nullptr || *auto_pad == "NOTSET") return true;
    if (*auto_pad != "VALID") return false;
    node.attributes.erase("auto_pad");
    node.attributes.erase("pads");
    return true;
  }

  bool transposition(NodeId id) {
    const Node& node = graph_.node(id);
    const auto* perm = node.attribute<std::vector<int64_t>>("perm");
    const ValueId in = node.inputs[0], out = node.outputs[0];
    if (perm == nullptr || !image(in)) return false;
    if (*perm == kToLast && twin(in) != kNoValue) {  // the twin is what is asked for
      graph_.replace_uses(out, twin(in));
      return true;
    }
    if (*perm == kToFirst) {  // what goes in is the twin of what comes out
      materialise(in, id);
      set_twin(out, in);
      return true;
    }
    return false;
  }

  bool dynamic_quantize(NodeId id) {
    Node last = graph_.node(id);
    const std::vector<ValueId> before = last.outputs;
    if (twin(last.inputs[0]) == kNoValue || before.size() != 3 || before[0] == kNoValue) return false;
    last.inputs[0] = twin(last.inputs[0]);
    last.outputs.clear();
    for (ValueId v : before)
      last.outputs.push_back(v == kNoValue ? v
                                           : graph_.add_value(graph_.value(v).name,
                                                              v == before[0] ? last_type_of(v) : graph_.value(v).type));
    const std::vector<ValueId> after = last.outputs;
    graph_.insert_before(id, std::move(last));
    set_twin(before[0], after[0]);
    for (size_t i = 1; i < 3; ++i)
      if (before[i] != kNoValue) graph_.replace_uses(before[i], after[i]);
    return true;
  }

  bool is_one(ValueId v) const {
    const auto shape = shape_of(graph_, v);
    return shape && element_count(*shape) == 1;
  }

  bool unary(NodeId id) {
    const Node& node = graph_.node(id);
    if (twin(node.inputs[0]) == kNoValue || !image(node.outputs[0])) return false;
    for (size_t i = 1; i < node.inputs.size(); ++i)
      if (node.inputs[i] != kNoValue && graph_.constant(node.inputs[i]) == nullptr &&
          !(node.is("DequantizeLinear") && is_one(node.inputs[i])))
        return false;
    Node last = node;
    if (node.is("QuantizeLinear") || node.is("DequantizeLinear")) {
      const auto* block = node.attribute<int64_t>("block_size");
      const auto* given = node.attribute<int64_t>("axis");
      const int64_t axis = given == nullptr ? 1 : *given < 0 ? *given + 4 : *given;
      if ((block != nullptr && *block != 0) || axis < 0 || axis > 3) return false;
      last.attributes["axis"] = kAxisInLast[axis];
    }
    last.inputs[0] = twin(node.inputs[0]);
    make_twin(id, std::move(last));
    return true;
  }

  /// The operand as it stands beside NHWC images; kNoValue where it has no such form.
  ValueId operand(ValueId v, NodeId place) {
    if (twin(v) != kNoValue) return twin(v);
    const auto shape = shape_of(graph_, v);
    if (!shape || shape->size() > 4) return kNoValue;
    if (element_count(*shape) == 1 && shape->size() < 4) return v;
    if (const Tensor* constant = graph_.constant(v)) {
      Shape full(4 - shape->size(), 1);
      full.insert(full.end(), shape->begin(), shape->end());
      const auto turned = turn(*constant, full);
      return turned ? graph_.add_constant(graph_.value(v).name, *turned) : kNoValue;
    }
    return image(v) ? to_last(v, place) : kNoValue;
  }

  /// A constant NCHW tensor as NHWC.
  static std::optional<Tensor> turn(const Tensor& t, const Shape& s) {
    if (t.dtype() != DType::f32) return std::nullopt;
    auto turned = Tensor::allocate(DType::f32, {s[0], s[2], s[3], s[1]});
    if (!turned.ok()) return std::nullopt;
    auto* to = turned->mutable_view().as<float>();
    for (int64_t n = 0; n < s[0]; ++n)
      for (int64_t p = 0; p < s[2] * s[3]; ++p)
        for (int64_t c = 0; c < s[1]; ++c) *to++ = t.data<float>()[(n * s[1] + c) * s[2] * s[3] + p];
    return std::move(turned).value();
  }

  bool binary(NodeId id) {
    const Node& node = graph_.node(id);
    if (node.inputs.size() != 2 || !image(node.outputs[0]) || node.opset < 7) return false;
    const ValueId a = node.inputs[0], b = node.inputs[1];
    if (a == kNoValue || b == kNoValue || (twin(a) == kNoValue && twin(b) == kNoValue)) return false;
    if (!is_f32(graph_, a) || !is_f32(graph_, b)) return false;
    const ValueId last_a = operand(a, id), last_b = operand(b, id);
    if (last_a == kNoValue || last_b == kNoValue) return false;
    Node last = graph_.node(id);
    last.inputs = {last_a, last_b};
    make_twin(id, std::move(last));
    return true;
  }

  bool concat(NodeId id) {
    const Node& node = graph_.node(id);
    const auto* axis = node.attribute<int64_t>("axis");
    if (axis == nullptr || !image(node.outputs[0])) return false;
    const auto has_twin = [&](ValueId v) { return twin(v) != kNoValue; };
    if (std::ranges::none_of(node.inputs, has_twin)) return false;
    if (!std::ranges::all_of(node.inputs, [&](ValueId v) { return image(v).has_value(); })) return false;
    Node last = node;
    last.attributes["axis"] = kAxisInLast[*axis < 0 ? *axis + 4 : *axis];
    for (ValueId& v : last.inputs) v = to_last(v, id);
    make_twin(id, std::move(last));
    return true;
  }

  bool batch_norm(NodeId id) {
    const Node& node = graph_.node(id);
    const auto shape = image(node.inputs[0]);
    if (!shape || twin(node.inputs[0]) == kNoValue || node.inputs.size() != 5 || node.opset < 7) return false;
    for (size_t i = 1; i < node.outputs.size(); ++i)
      if (node.outputs[i] != kNoValue) return false;
    for (const char* key : {"training_mode", "spatial"})
      if (const auto* value = node.attribute<int64_t>(key); value && *value != (key[0] == 's' ? 1 : 0)) return false;
    const float* p[4];
    for (size_t i = 0; i < 4; ++i) {
      const Tensor* t = graph_.constant(node.inputs[i + 1]);
      if (t == nullptr || t->dtype() != DType::f32 || t->size() != (*shape)[1]) return false;
      p[i] = t->data<float>();
    }
    const auto* attribute = node.attribute<float>("epsilon");
    const double epsilon = attribute ? static_cast<double>(*attribute) : 1e-5;
    std::vector<float> factor, offset;
    for (size_t c = 0; c < static_cast<size_t>((*shape)[1]); ++c) {
      const double f = p[0][c] / std::sqrt(static_cast<double>(p[3][c]) + epsilon);
      factor.push_back(static_cast<float>(f));
      offset.push_back(static_cast<float>(p[1][c] - p[2][c] * f));
    }
    // A depthwise convolution of one tap: one pass over memory, and an epilogue for the activation behind it.
    const int64_t channels = (*shape)[1];
    Node conv;
    conv.name = node.name;
    conv.op_type = "Conv";
    conv.domain = "fovea";
    conv.opset = 1;
    conv.attributes["group"] = channels;
    conv.inputs = {twin(node.inputs[0]),
                   graph_.add_constant(node.name + ".scale", Tensor::of({channels, 1, 1, 1}, factor)),
                   graph_.add_constant(node.name + ".shift", Tensor::of({channels}, offset))};
    make_twin(id, std::move(conv));
    return true;
  }

  bool reduce(NodeId id) {
    const Node& node = graph_.node(id);
    if (twin(node.inputs[0]) == kNoValue) return false;
    std::vector<int64_t> axes;
    bool keepdims = true;
    if (node.is("GlobalAveragePool")) {
      axes = {2, 3};
    } else {
      if (const auto* keep = node.attribute<int64_t>("keepdims")) keepdims = *keep != 0;
      if (const auto* given = node.attribute<std::vector<int64_t>>("axes")) axes = *given;
      if (node.inputs.size() > 1 && node.inputs[1] != kNoValue) {
        const Tensor* given = graph_.constant(node.inputs[1]);
        if (given == nullptr || given->dtype() != DType::i64) return false;
        axes.assign(given->data<int64_t>(), given->data<int64_t>() + given->size());
      }
    }
    for (int64_t& d : axes) d = d < 0 ? d + 4 : d;
    std::ranges::sort(axes);
    // Spatial axes or channels alone: the axes that stay keep their order.
    if (axes != std::vector<int64_t>{2, 3} && axes != std::vector<int64_t>{1} && axes != std::vector<int64_t>{1, 2, 3})
      return false;
    if (!is_f32(graph_, node.outputs[0])) return false;
    Node last;
    last.name = node.name;
    last.op_type = node.is("GlobalAveragePool") ? "ReduceMean" : node.op_type;
    last.opset = 18;
    std::vector<int64_t> turned;
    for (int64_t d : axes) turned.push_back(kAxisInLast[d]);
    last.inputs = {twin(node.inputs[0]),
                   graph_.add_constant(node.name + ".axes", Tensor::of({static_cast<int64_t>(turned.size())}, turned))};
    last.attributes["keepdims"] = int64_t{keepdims ? 1 : 0};
    if (keepdims) {
      make_twin(id, std::move(last));
    } else {
      const ValueId out = node.outputs[0];
      graph_.replace_uses(out, insert_node(graph_, id, std::move(last), graph_.value(out).type));
    }
    return true;
  }

  Graph& graph_;
  std::vector<ValueId> twins_;  // by value
  int converted_ = 0;
};

}  // namespace

int channels_last(Graph& graph) { return ChannelsLast(graph).run(); }

}  // namespace fovea::passes
