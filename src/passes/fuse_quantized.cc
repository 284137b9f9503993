// QuantizeLinear(P(DequantizeLinear(x), DequantizeLinear(w))) -> fovea.QConv, fovea.QMatMul; sums, products and means
// of dequantised bytes -> fovea.QBinary, fovea.QMean, fovea.QAveragePool
//
// Without a QuantizeLinear behind it the result is f32. What may differ from the graph as it stood: the products are
// summed exactly, and scales are multiplied with each other first (ops/fovea_q_epilogue.h); a result that falls between
// two levels may take the other one.
#include <algorithm>
#include <cmath>
#include <tuple>

#include "ops/fovea_q_epilogue.h"
#include "passes/catalogue.h"
#include "passes/pattern.h"
#include "passes/quantised.h"
#include "passes/rewrite.h"

namespace fovea::passes {
namespace {

/// A node of ours that takes the place of one that is there.
Node fused_node(const Node& from, std::string_view type) {
  Node node;
  node.name = from.name;
  node.domain = "fovea";
  node.op_type = type;
  node.opset = 1;
  return node;
}

bool alike(const std::vector<int32_t>& zeros) {
  return std::ranges::all_of(zeros, [&](int32_t z) { return z == zeros[0]; });
}

/// Says in the node how its result is quantised.
void set_output(Node& node, const Quantisation& q) {
  node.attributes["output"] = std::string(q.dtype == DType::u8 ? "u8" : "i8");
  if (q.per_tensor()) node.attributes["y_zero"] = int64_t{q.zero[0]};
}

/// What a Relu or Clip cuts off.
using Bounds = std::pair<double, double>;
constexpr double kAll = std::numeric_limits<double>::infinity();
constexpr Bounds kUnbounded{-kAll, kAll};

/// Where two bounds cross, the upper one is all that is left, as of ONNX's Clip.
Bounds ordered(double low, double high) { return {std::min(low, high), high}; }

/// The levels of two bounds in front of a quantisation, for its scale and zero point `n`.
std::pair<int32_t, int32_t> levels_of(const Quantisation& q, size_t n, Bounds bounds) {
  const int32_t low = q.dtype == DType::u8 ? 0 : -128, high = low + 255;
  const auto level = [&](double v) {
    return ops::requantise(static_cast<float>(v) / q.scale[n], q.zero[n], low, high);
  };
  return {level(bounds.first), std::max(level(bounds.second), level(bounds.first))};
}

/// Narrows the bounds of a quantised result to those of a function in front of the quantisation.
void set_bounds(Node& node, const Quantisation& q, Bounds bounds) {
  if (bounds == kUnbounded) return;
  const auto [low, high] = levels_of(q, 0, bounds);
  node.attributes["low"] = int64_t{low};
  node.attributes["high"] = int64_t{high};
}

/// Relu or Clip as two bounds; nullopt for anything else.
std::optional<Bounds> bounds_of(const Graph& graph, const Node& node) {
  if (!node.domain.empty()) return std::nullopt;
  if (node.is("Relu")) return Bounds(0, kAll);
  if (!node.is("Clip")) return std::nullopt;
  double bounds[] = {-kAll, kAll};
  if (const auto* low = node.attribute<float>("min")) bounds[0] = static_cast<double>(*low);
  if (const auto* high = node.attribute<float>("max")) bounds[1] = static_cast<double>(*high);
  for (size_t i = 1; i < 3; ++i) {
    if (!has(node, i)) continue;
    const auto bound = number(graph, node.inputs[i]);
    if (!bound) return std::nullopt;
    bounds[i - 1] = static_cast<double>(*bound);
  }
  return ordered(bounds[0], bounds[1]);
}

/// Where `value` is made by one node for one user; kNoNode where not.
NodeId sole_producer(const Graph& graph, ValueId value) {
  return value != kNoValue && used_once(graph, value) ? graph.value(value).producer : kNoNode;
}

class ProductFusion {
 public:
  /// `quantize` is the QuantizeLinear behind the product, or kNoNode.
  /// `bounds`: those of a Relu or Clip between the two.
  ProductFusion(Graph& graph, NodeId product, NodeId quantize, Bounds bounds = kUnbounded)
      : graph_(graph), node_(graph.node(product)), last_(quantize == kNoNode ? product : quantize), bounds_(bounds) {
    if (quantize != kNoNode) y_ = any_quantiser(graph, quantize);
  }

  Outcome run() {
    auto a = dequantised(graph_, node_.inputs[0]);
    dynamic_ = dequantised_dynamically(graph_, node_.inputs[0]);
    // A computed scale is multiplied in when it is known.
    if (dynamic_) a = Dequantised{dynamic_->source, {DType::u8, {1.0f}, {0}, 0}};
    const auto b = dequantised(graph_, node_.inputs[1]);
    const auto shape = shape_of(graph_, node_.outputs[0]);
    if (!a || !b || !shape || shape->empty()) return no_match();
    const bool conv = node_.is("Conv", "fovea");
    if (conv && has(node_, 4)) return refused("a pointwise convolution in front");
    if (!conv && shape_of(graph_, b->source)->size() < 2) return refused("a vector as right operand");
    columns_ = shape->back();
    if (!b->q.per_tensor() && b->q.axis != column_axis(conv, *shape_of(graph_, b->source)))
      return refused("the weights' scales do not go with the columns");
    if (!alike(b->q.zero) && graph_.constant(b->source) == nullptr)
      return refused("zero points of a computed operand that differ");
    if (!alike(b->q.zero) && !conv && shape_of(graph_, b->source)->size() != 2)
      return refused("zero points that differ, of several matrices");
    if (!a->q.per_tensor() && !sums_one_channel(*a)) return refused("scales for channels that are summed");
    if (!alike(a->q.zero) && kernel_taps() > ops::kExactTaps)
      return refused("zero points of channels before a kernel of so many taps");
    if (y_ && std::ranges::any_of(y_->scale, [](float s) { return s <= 0; })) return refused("a negative scale");
    if (y_ && !y_->per_tensor()) {
      if (y_->axis != static_cast<int64_t>(shape->size()) - 1 || y_->dtype != DType::u8)
        return refused("the result's scales do not go with the columns");
      if (has(node_, 3)) return refused("a residual, and scales of the result for each column");
    }
    fused_ = fused_node(node_, conv ? "QConv" : "QMatMul");
    fused_.attributes = node_.attributes;
    fused_.inputs = {a->source, b->source};
    fused_.inputs.resize(Operand::kOperands, kNoValue);
    if (dynamic_) {
      fused_.inputs[Operand::kXScale] = dynamic_->scale;
      fused_.inputs[Operand::kXZero] = dynamic_->zero;
    }
    set_zeros("x_zero", Operand::kXZeros, a->q.zero);
    set_zeros("w_zero", Operand::kWZeros, b->q.zero);
    find_unit();
    std::vector<double> scale;
    const auto of_column = [](const Quantisation& q, int64_t n) {
      return static_cast<double>(q.scale[q.per_tensor() ? 0 : static_cast<size_t>(n)]);
    };
    for (int64_t n = 0; n < columns_; ++n) scale.push_back(of_column(a->q, n) * of_column(b->q, n));
    if (!set_bias(scale)) return refused("a bias that is not known");
    set_residual();
    std::vector<float> multiplier;
    for (size_t n = 0; n < scale.size(); ++n) multiplier.push_back(static_cast<float>(scale[n] / unit(n)));
    fused_.inputs[Operand::kMultiplier] =
        graph_.add_constant(node_.name + ".multiplier", Tensor::of({columns_}, multiplier));
    while (fused_.inputs.back() == kNoValue) fused_.inputs.pop_back();
    replace_node(graph_, last_, std::move(fused_));
    return applied();
  }

 private:
  using Operand = ops::QEpilogue::Operand;

  /// Whether each column of the result is made of one channel of x alone, the one with its number.
  bool sums_one_channel(const Dequantised& x) const {
    const auto image = shape_of(graph_, x.source), weight = shape_of(graph_, node_.inputs[1]);
    return node_.is("Conv", "fovea") && x.q.axis == static_cast<int64_t>(image->size()) - 1 && (*weight)[1] == 1 &&
           (*weight)[0] == image->back() && image->back() == static_cast<int64_t>(x.q.scale.size());
  }

  /// Of a convolution.
  int64_t kernel_taps() const {
    const auto weight = shape_of(graph_, node_.inputs[1]);
    return (*weight)[2] * (*weight)[3];
  }

  void set_zeros(const char* key, size_t operand, const std::vector<int32_t>& zeros) {
    if (alike(zeros))
      fused_.attributes[key] = int64_t{zeros[0]};
    else
      fused_.inputs[operand] =
          graph_.add_constant(node_.name + "." + key, Tensor::of({static_cast<int64_t>(zeros.size())}, zeros));
  }

  int64_t column_axis(bool conv, const Shape& weight) const {
    if (conv) return 0;
    const auto* transposed = node_.attribute<int64_t>("transpose_b");
    return transposed && *transposed != 0 ? 0 : static_cast<int64_t>(weight.size()) - 1;
  }

  /// Decides whether the sums become levels at once, or real numbers first.
  void find_unit() {
    if (!y_) return;
    set_output(fused_, *y_);
    const auto* activation = node_.attribute<std::string>("activation");
    const std::string name = activation != nullptr ? *activation : "";
    const auto* last = node_.attribute<int64_t>("residual_last");
    const bool residual_last = last != nullptr && *last != 0 && has(node_, 3);
    const bool bounds = name == "Relu" || name == "Clip";
    const bool rounds_later = (!name.empty() && !bounds) || (bounds && residual_last);
    Bounds range = bounds_;
    if (bounds && !rounds_later) {
      const bool relu = name == "Relu";
      const auto attribute = [&](const char* key) { return static_cast<double>(*node_.attribute<float>(key)); };
      const Bounds own = relu ? Bounds(0, kAll) : ordered(attribute("alpha"), attribute("beta"));
      // What comes second wins where the two have nothing in common.
      range = {std::clamp(own.first, bounds_.first, bounds_.second),
               std::clamp(own.second, bounds_.first, bounds_.second)};
    }
    if (!y_->per_tensor())
      set_columns(range, rounds_later);
    else
      set_bounds(fused_, *y_, range);
    if (rounds_later) {
      if (y_->per_tensor()) fused_.attributes["y_factor"] = static_cast<float>(1 / static_cast<double>(y_->scale[0]));
      return;
    }
    scaled_ = true;
    for (const char* key : {"activation", "alpha", "beta", "residual_last"}) fused_.attributes.erase(key);
  }

  /// What differs from column to column of the result.
  void set_columns(Bounds range, bool factors) {
    std::vector<int32_t> levels(y_->zero);
    levels.resize(3 * y_->zero.size());
    std::vector<float> inverse;
    for (size_t n = 0; n < y_->zero.size(); ++n) {
      std::tie(levels[y_->zero.size() + n], levels[2 * y_->zero.size() + n]) = levels_of(*y_, n, range);
      inverse.push_back(static_cast<float>(1 / static_cast<double>(y_->scale[n])));
    }
    fused_.inputs[Operand::kYLevels] = graph_.add_constant(node_.name + ".levels", Tensor::of({3, columns_}, levels));
    if (factors)
      fused_.inputs[Operand::kYFactors] = graph_.add_constant(node_.name + ".factors", Tensor::of({columns_}, inverse));
  }

  /// What 1 of the result's column is worth before y_factor.
  double unit(size_t n) const { return scaled_ ? static_cast<double>(y_->scale[y_->per_tensor() ? 0 : n]) : 1; }

  /// A bias that is whole in units of its column's sums, as quantisers make it, is added to them; any other later.
  bool set_bias(const std::vector<double>& scale) {
    if (!has(node_, 2)) return true;
    const Tensor* bias = graph_.constant(node_.inputs[2]);
    if (bias == nullptr || bias->dtype() != DType::f32 || bias->size() != columns_) return false;
    std::vector<int32_t> sums;
    std::vector<float> offset;
    bool whole = !dynamic_;
    for (size_t n = 0; n < scale.size(); ++n) {
      const double value = static_cast<double>(bias->data<float>()[n]), units = value / scale[n];
      // The bias itself and its scale were rounded to floats.
      whole = whole && std::fabs(units) < (1 << 30) &&
              std::fabs(units - std::nearbyint(units)) <= std::max(1e-3, 3e-7 * std::fabs(units));
      sums.push_back(whole ? static_cast<int32_t>(std::nearbyint(units)) : 0);
      offset.push_back(static_cast<float>(value / unit(n)));
    }
    const size_t operand = whole ? Operand::kBias : Operand::kOffset;
    fused_.inputs[operand] = graph_.add_constant(node_.name + ".bias",
                                                 whole ? Tensor::of({columns_}, sums) : Tensor::of({columns_}, offset));
    return true;
  }

  void set_residual() {
    if (!has(node_, 3)) return;
    const auto residual = dequantised_tensor(graph_, node_.inputs[3]);
    fused_.inputs[Operand::kResidual] = residual ? residual->source : node_.inputs[3];
    const double scale = residual ? static_cast<double>(residual->q.scale[0]) : 1;
    fused_.attributes["residual_scale"] = static_cast<float>(scale / unit(0));
    if (residual) fused_.attributes["residual_zero"] = int64_t{residual->q.zero[0]};
  }

  Graph& graph_;
  const Node node_;
  NodeId last_;
  Bounds bounds_;
  std::optional<Quantisation> y_;
  std::optional<DynamicallyDequantised> dynamic_;
  Node fused_;
  int64_t columns_ = 0;
  bool scaled_ = false;  // sums become levels at once
};

bool is_product(const Node& node) {
  return node.is("Conv", "fovea") || node.is("MatMul", "fovea") || node.is("MatMul");
}

/// Add, Sub and Mul with a dequantised operand; `y`: how the result is quantised, `bounds`: of a Relu or Clip between.
Outcome fuse_binary(Graph& graph, NodeId id, NodeId last, const Quantisation& y, Bounds bounds) {
  const Node& node = graph.node(id);
  if (node.inputs.size() != 2 || node.opset < 7 || !node.domain.empty()) return no_match();
  const bool product = node.is("Mul");
  if (!product && !node.is("Add") && !node.is("Sub")) return no_match();
  if (y.scale[0] <= 0) return refused("a negative scale");
  Node fused = fused_node(node, "QBinary");
  fused.attributes["kind"] = std::string(product ? "mul" : "add");
  const auto unit = static_cast<double>(y.scale[0]);
  double factors[] = {1, 1};
  bool any = false;
  for (size_t i = 0; i < 2; ++i) {
    const auto d = dequantised_tensor(graph, node.inputs[i]);
    if (!d && !is_f32(graph, node.inputs[i])) return no_match();
    any = any || d;
    fused.inputs.push_back(d ? d->source : node.inputs[i]);
    if (!d) continue;
    factors[i] = static_cast<double>(d->q.scale[0]);
    fused.attributes[i == 0 ? "a_zero" : "b_zero"] = int64_t{d->q.zero[0]};
  }
  if (!any) return no_match();
  if (product) {
    fused.attributes["a_factor"] = static_cast<float>(factors[0] * factors[1] / unit);
  } else {
    fused.attributes["a_factor"] = static_cast<float>(factors[0] / unit);
    fused.attributes["b_factor"] = static_cast<float>((node.is("Sub") ? -factors[1] : factors[1]) / unit);
  }
  set_output(fused, y);
  set_bounds(fused, y, bounds);
  replace_node(graph, last, std::move(fused));
  return applied();
}

/// ReduceMean over axes right before the last one, of channels-last bytes; 0 for others.
int64_t mean_axes(const Graph& graph, const Node& node) {
  const auto shape = shape_of(graph, node.inputs[0]);
  if (!node.is("ReduceMean") || node.opset < 18 || !has(node, 1) || !shape) return 0;
  const Tensor* axes = graph.constant(node.inputs[1]);
  if (axes == nullptr || axes->dtype() != DType::i64 || axes->size() == 0) return 0;
  const auto rank = static_cast<int64_t>(shape->size());
  std::vector<int64_t> sorted(axes->data<int64_t>(), axes->data<int64_t>() + axes->size());
  for (int64_t& axis : sorted) axis = axis < 0 ? axis + rank : axis;
  std::ranges::sort(sorted);
  for (size_t i = 0; i < sorted.size(); ++i)
    if (sorted[i] != rank - 1 - axes->size() + static_cast<int64_t>(i)) return 0;
  return axes->size();
}

/// Means and average pools of dequantised bytes; without `y` the result is f32. `bounds` as above.
Outcome fuse_mean(Graph& graph, NodeId id, NodeId last, const std::optional<Quantisation>& y,
                  Bounds bounds = kUnbounded) {
  const Node& node = graph.node(id);
  const bool pool = node.is("AveragePool", "fovea");
  const int64_t axes = pool ? 0 : mean_axes(graph, node);
  const auto d = pool || axes > 0 ? dequantised_tensor(graph, node.inputs[0]) : std::nullopt;
  if (!d) return no_match();
  if (y && y->scale[0] <= 0) return refused("a negative scale");
  Node fused = fused_node(node, pool ? "QAveragePool" : "QMean");
  if (pool) {
    fused.attributes = node.attributes;
  } else {
    fused.attributes["count"] = axes;
    const auto* keep = node.attribute<int64_t>("keepdims");
    fused.attributes["keepdims"] = int64_t{keep == nullptr || *keep != 0 ? 1 : 0};
  }
  fused.inputs = {d->source};
  fused.attributes["x_zero"] = int64_t{d->q.zero[0]};
  const double unit = y ? static_cast<double>(y->scale[0]) : 1;
  fused.attributes["factor"] = static_cast<float>(static_cast<double>(d->q.scale[0]) / unit);
  if (y) {
    set_output(fused, *y);
    set_bounds(fused, *y, bounds);
  }
  replace_node(graph, last, std::move(fused));
  return applied();
}

/// Whether a QuantizeLinear takes the value alone, or what a Relu or Clip makes of it.
bool quantised_later(const Graph& graph, ValueId value) {
  if (only_quantiser(graph, value) != kNoNode) return true;
  if (!used_once(graph, value)) return false;
  const Node& user = graph.node(graph.users(value)[0]);
  const NodeId quantize = bounds_of(graph, user) ? only_quantiser(graph, user.outputs[0]) : kNoNode;
  return quantize != kNoNode && quantiser(graph, quantize);
}

}  // namespace

Outcome fuse_quantized(Graph& graph, NodeId id) {
  const Node& node = graph.node(id);
  if (node.inputs.empty() || node.outputs.empty() || node.outputs[0] == kNoValue) return no_match();
  if (const auto columns = any_quantiser(graph, id); columns && !columns->per_tensor()) {
    const NodeId source = sole_producer(graph, node.inputs[0]);
    if (source == kNoNode) return no_match();
    if (!is_product(graph.node(source))) return fuse_mean(graph, source, source, std::nullopt);
    const Outcome whole = ProductFusion(graph, source, id).run();
    return whole.kind == Outcome::Kind::refused ? ProductFusion(graph, source, kNoNode).run() : whole;
  }
  if (const auto y = quantiser(graph, id)) {
    NodeId source = sole_producer(graph, node.inputs[0]);
    if (source == kNoNode) return no_match();
    const auto between = bounds_of(graph, graph.node(source));
    if (between) source = sole_producer(graph, graph.node(source).inputs[0]);
    if (source == kNoNode) return no_match();
    const Bounds bounds = between.value_or(kUnbounded);
    if (is_product(graph.node(source))) return ProductFusion(graph, source, id, bounds).run();
    const Outcome mean = fuse_mean(graph, source, id, y, bounds);
    return mean.kind != Outcome::Kind::no_match ? mean : fuse_binary(graph, source, id, *y, bounds);
  }
  if (quantised_later(graph, node.outputs[0])) return no_match();  // fused when that one is visited
  if (is_product(node)) return ProductFusion(graph, id, kNoNode).run();
  return fuse_mean(graph, id, id, std::nullopt);
}

}  // namespace fovea::passes
