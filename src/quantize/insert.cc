#include "quantize/insert.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"
#include "passes/raise_opset.h"

namespace fovea::quantize {
namespace {

double sqnr_db(const Tensor& weight, const QuantizedWeight& stored, int64_t axis) {
  int64_t inner = 1;
  for (size_t d = static_cast<size_t>(axis) + 1; d < weight.shape().size(); ++d) inner *= weight.shape()[d];
  const int64_t channels = weight.shape()[static_cast<size_t>(axis)];
  double signal = 0, noise = 0;
  for (int64_t i = 0; i < weight.size(); ++i) {
    const double w = weight.data<float>()[i];
    const double error = w - static_cast<double>(stored.values.data<int8_t>()[i]) *
                                 static_cast<double>(stored.scales.data<float>()[i / inner % channels]);
    signal += w * w;
    noise += error * error;
  }
  return noise == 0 ? 200 : signal == 0 ? 0 : std::min(200.0, 10 * std::log10(signal / noise));
}

class Inserter {
 public:
  Inserter(const Graph& graph, const Selection& selection, const Scales& scales, const InsertOptions& options)
      : selection_(selection),
        scales_(scales),
        options_(options),
        graph_(graph),
        opset_(passes::highest_opset(graph)) {}

  Result<Inserted> insert() {
    for (const auto& [value, stored] : selection_.values)
      if (scales_.parameters.contains(value)) insert_pair(value, stored);
    for (const IntegerNode& node : selection_.nodes)
      if (node.weighted()) FOVEA_TRY_AT(graph_.node(node.node).label(graph_), store_weight(node));
    for (const IntegerNode& node : selection_.nodes) drop_activation(node);
    graph_.remove_dead_nodes();
    FOVEA_TRY(graph_.sort());
    return Inserted{std::move(graph_), std::move(weights_)};
  }

 private:
  ValueId make(std::string_view type, const std::string& name, std::vector<ValueId> inputs, const ValueType& result,
               std::optional<int64_t> axis) {
    Node node;
    node.op_type = type;
    node.opset = opset_;
    node.name = name + "_" + std::string(type);
    node.inputs = std::move(inputs);
    if (axis) node.attributes["axis"] = *axis;
    const ValueId out = graph_.add_value(name + "_" + std::string(type) + "_Output", result);
    node.outputs = {out};
    graph_.add_node(std::move(node));
    return out;
  }

  ValueType typed(ValueId like, DType dtype) const { return {dtype, graph_.value(like).type.shape}; }

  ValueId zero_point(const std::string& name, DType dtype, int32_t value) {
    return graph_.add_constant(name + "_zero_point", dtype == DType::u8 ? Tensor::scalar(static_cast<uint8_t>(value))
                                                                        : Tensor::scalar(static_cast<int8_t>(value)));
  }

  void insert_pair(ValueId value, const IntegerValue& stored) {
    const Parameters& p = scales_.parameters.at(value);
    const std::string name = graph_.value(value).name;
    const std::vector<NodeId> users = graph_.users(value);
    // Users of the same group and others each find their constants by name; runtimes compare values, not names.
    const ValueId scale = graph_.add_constant(name + "_scale", Tensor::scalar(p.scale));
    const ValueId zero = zero_point(name, p.dtype, p.zero_point);
    const ValueId q = make("QuantizeLinear", name, {value, scale, zero}, typed(value, p.dtype), std::nullopt);
    const ValueId dq = make("DequantizeLinear", name, {q, scale, zero}, typed(value, DType::f32), std::nullopt);
    if (stored.from_integer) {
      const std::set<NodeId> distinct(users.begin(), users.end());
      for (const NodeId user : distinct)
        for (size_t i = 0; i < graph_.node(user).inputs.size(); ++i)
          if (graph_.node(user).inputs[i] == value) graph_.set_input(user, i, dq);
    } else {
      for (const auto& [user, position] : stored.users) graph_.set_input(user, position, dq);
    }
    read_from_[value] = dq;
  }

  ValueId dequantize(std::string name, Tensor values, Tensor scales, Tensor zeros, int64_t axis) {
    const ValueType result{DType::f32, ValueType::of(values.type()).shape};
    const ValueId stored = graph_.add_constant(name + "_quantized", std::move(values));
    const ValueId scale = graph_.add_constant(name + "_scale", std::move(scales));
    const ValueId zero = graph_.add_constant(name + "_zero_point", std::move(zeros));
    return make("DequantizeLinear", name, {stored, scale, zero}, result, axis);
  }

  Result<void> store_weight(const IntegerNode& node) {
    const ValueId input = graph_.node(node.node).inputs[0];  // its DQ by now
    const auto original = std::ranges::find_if(read_from_, [&](const auto& pair) { return pair.second == input; });
    if (original == read_from_.end()) return {};  // no range is known of its input
    const float input_scale = scales_.parameters.at(original->first).scale;
    const Tensor weight = *graph_.constant(node.weight);
    std::span<const float> bias;
    if (node.bias != kNoValue) bias = graph_.constant(node.bias)->values<float>();
    const bool integer_bias = !bias.empty() && options_.integer_bias;
    const auto least = integer_bias ? least_weight_scales(bias, input_scale) : std::vector<float>();
    const QuantizedWeight stored = FOVEA_TRY(quantize_weight(weight, node.weight_axis, least));
    weights_.push_back({node_key(graph_, node.node), sqnr_db(weight, stored, node.weight_axis)});
    const auto zeros = FOVEA_TRY(Tensor::allocate(DType::i8, stored.scales.shape()));
    const std::string name = graph_.value(node.weight).name;
    graph_.set_input(node.node, 1, dequantize(name, stored.values, stored.scales, zeros, node.weight_axis));
    if (!integer_bias) return {};
    const QuantizedBias whole = FOVEA_TRY(quantize_bias(bias, input_scale, stored.scales.values<float>()));
    const auto bias_zeros = FOVEA_TRY(Tensor::allocate(DType::i32, whole.scales.shape()));
    graph_.set_input(node.node, 2, dequantize(graph_.value(node.bias).name, whole.values, whole.scales, bias_zeros, 0));
    return {};
  }

  /// Relu(x) -> Q where Q's least value is 0: Q(x) is the same, and runtimes find the product right before it.
  void drop_activation(const IntegerNode& node) {
    const NodeId id = node.activation;
    if (id == kNoNode || node.outputs.size() != 1 || !graph_.alive(id)) return;
    const ValueId out = graph_.node(id).outputs[0], in = graph_.node(id).inputs[0];
    const auto parameters = scales_.parameters.find(out);
    if (parameters == scales_.parameters.end() || graph_.users(out).size() != 1 || graph_.is_output(out)) return;
    const Parameters& p = parameters->second;
    double low = 0, high = std::numeric_limits<double>::infinity();
    if (graph_.node(id).is("Clip")) {
      low = limit(id, 1, -high);
      high = limit(id, 2, high);
    }
    if (p.quantize(low) != p.least() || p.quantize(high) != p.most()) return;
    graph_.replace_uses(out, in);
  }

  double limit(NodeId clip, size_t input, double otherwise) const {
    const Node& node = graph_.node(clip);
    const Tensor* t = input < node.inputs.size() ? graph_.constant(node.inputs[input]) : nullptr;
    const bool given = input < node.inputs.size() && node.inputs[input] != kNoValue;
    if (given && (t == nullptr || t->dtype() != DType::f32 || t->size() != 1))
      return std::numeric_limits<double>::quiet_NaN();  // not known: the node stays
    return given ? t->data<float>()[0] : otherwise;
  }

  const Selection& selection_;
  const Scales& scales_;
  const InsertOptions& options_;
  Graph graph_;
  int opset_;
  std::map<ValueId, ValueId> read_from_;  // by value: what its DQ gives
  std::vector<WeightReport> weights_;
};

}  // namespace

Result<Inserted> insert(const Graph& graph, const Selection& selection, const Scales& scales,
                        const InsertOptions& options) {
  return Inserter(graph, selection, scales, options).insert();
}

}  // namespace fovea::quantize
