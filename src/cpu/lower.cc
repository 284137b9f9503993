#include "cpu/lower.h"

#include <algorithm>

#include "base/error.h"
#include "cpu/steps/qsteps.h"
#include "cpu/steps/steps.h"
#include "kernels/word_gemm.h"
#include "ops/shapes.h"
#include "ops/views.h"

namespace fovea::cpu {
namespace {

struct Maker {
  std::string_view domain, op_type;
  StepMaker make;
};

// clang-format off
constexpr Maker kMakers[] = {
    {"", "Abs", make_unary_step},
    {"", "Add", make_binary_step},
    {"", "Clip", make_unary_step},
    {"", "Concat", make_copy_step},
    {"", "DequantizeLinear", make_quantize_step},
    {"", "Div", make_binary_step},
    {"", "DynamicQuantizeLinear", make_dynamic_quantize_step},
    {"", "Erf", make_unary_step},
    {"", "Exp", make_unary_step},
    {"", "Expand", make_copy_step},
    {"", "Gelu", make_unary_step},
    {"", "Gemm", make_bf16_linear_step},
    {"", "Gemm", make_linear_step},
    {"", "GlobalAveragePool", make_mean_step},
    {"", "GroupNormalization", make_group_norm_step},
    {"", "HardSigmoid", make_unary_step},
    {"", "HardSwish", make_unary_step},
    {"", "InstanceNormalization", make_group_norm_step},
    {"", "IsNaN", make_is_nan_step},
    {"", "LayerNormalization", make_norm_step},
    {"", "LeakyRelu", make_unary_step},
    {"", "MatMul", make_bf16_linear_step},
    {"", "MatMul", make_linear_step},
    {"", "MatMul", make_matmul_step},
    {"", "Max", make_binary_step},
    {"", "Min", make_binary_step},
    {"", "Mul", make_scale_step},
    {"", "Mul", make_binary_step},
    {"", "Neg", make_unary_step},
    {"", "QuantizeLinear", make_quantize_step},
    {"", "RMSNormalization", make_norm_step},
    {"", "Reciprocal", make_unary_step},
    {"", "ReduceL2", make_mean_step},
    {"", "ReduceMean", make_mean_step},
    {"", "ReduceSum", make_mean_step},
    {"", "Relu", make_unary_step},
    {"", "Sigmoid", make_unary_step},
    {"", "Slice", make_copy_step},
    {"", "Softmax", make_softmax_step},
    {"", "Split", make_copy_step},
    {"", "Sqrt", make_unary_step},
    {"", "Sub", make_binary_step},
    {"", "Swish", make_unary_step},
    {"", "Tanh", make_unary_step},
    {"", "Transpose", make_copy_step},
    {"", "Where", make_where_step},
    {"fovea", "Attention", make_bf16_attention_step},
    {"fovea", "Attention", make_attention_step},
    {"fovea", "AveragePool", make_pool_step},
    {"fovea", "Conv", make_bf16_expand_step},
    {"fovea", "Conv", make_expand_step},
    {"fovea", "Conv", make_bf16_conv_step},
    {"fovea", "Conv", make_depthwise_step},
    {"fovea", "Conv", make_grouped_conv_step},
    {"fovea", "Conv", make_conv_step},
    {"fovea", "Gate", make_gate_step},
    {"fovea", "MatMul", make_bf16_linear_step},
    {"fovea", "MatMul", make_linear_step},
    {"fovea", "MaxPool", make_pool_step},
    {"fovea", "MaxPool", make_qpool_step},
    {"fovea", "QAveragePool", make_qpool_step},
    {"fovea", "QBinary", make_qbinary_step},
    {"fovea", "QConv", make_qdepthwise_step},
    {"fovea", "QConv", make_qconv_step},
    {"fovea", "QLookup", make_qlookup_step},
    {"fovea", "QMatMul", make_qlinear_step},
    {"fovea", "QMatMul", make_qmatmul_step},
    {"fovea", "QMean", make_qmean_step},
    {"fovea", "Rope", make_rope_step},
};
// clang-format on

/// Whether a transpose only moves axes of extent 1.
bool keeps_order(const LowerNode& node) {
  if (!node.node.is("Transpose")) return false;
  std::vector<int64_t> perm = node.integers("perm");
  const auto rank = static_cast<int64_t>(node.shape(0).size());
  if (perm.empty())
    for (int64_t d = rank; d-- > 0;) perm.push_back(d);
  int64_t last = -1;
  for (int64_t d : perm) {
    if (d < 0 || d >= rank) return false;
    if (node.shape(0)[static_cast<size_t>(d)] == 1) continue;
    if (d < last) return false;
    last = d;
  }
  return true;
}

}  // namespace

std::optional<std::vector<int64_t>> view_offsets(const LowerNode& node) {
  if (!node.has(0) || node.node.outputs.empty()) return std::nullopt;
  const bool same_size =
      element_count(node.shape(0)) == element_count(node.out_shape()) && node.inputs[0].dtype == node.outputs[0].dtype;
  if (same_size && node.node.outputs.size() == 1 &&
      (ops::only_reshapes(node.node) || keeps_order(node) ||
       (node.node.is("Cast") && node.inputs[0].dtype == node.outputs[0].dtype)))
    return std::vector<int64_t>{0};
  return std::nullopt;
}

LowerNode as_f32(const LowerNode& node) {
  LowerNode wide = node;
  for (auto* types : {&wide.inputs, &wide.outputs})
    for (TensorType& type : *types)
      if (type.dtype == DType::bf16) type.dtype = DType::f32;
  return wide;
}

NarrowPorts narrow_ports(const LowerNode& node) {
  if (node.precision != Precision::bf16 || kernels::bf16_kernel() == nullptr) return {};
  if (node.node.is("Conv", "fovea")) {
    for (const auto ports : {bf16_expand_ports, depthwise_ports})
      if (const NarrowPorts found = ports(node); found.inputs != 0) return found;
    return bf16_conv_ports(node);
  }
  if (node.node.is("ReduceMean")) return mean_ports(node);
  if (node.node.is("Mul")) return scale_ports(node);
  if (node.node.is("Attention", "fovea")) return bf16_attention_ports(node);
  if (node.node.is("MatMul", "fovea") || node.node.is("MatMul") || node.node.is("Gemm")) return bf16_linear_ports(node);
  if (node.node.is("MaxPool", "fovea") || node.node.is("AveragePool", "fovea")) return pool_ports(node);
  if (node.node.is("Gate", "fovea")) return gate_ports(node);
  if (node.node.is("LayerNormalization") || node.node.is("RMSNormalization")) return norm_ports(node);
  return {};
}

Result<StepPtr> make_step(const LowerNode& node, bool fast_kernels) {
  const auto empty = [](const TensorType& type) { return element_count(type.shape) == 0; };
  const bool any_empty = std::ranges::any_of(node.inputs, empty) || std::ranges::any_of(node.outputs, empty);
  if (fast_kernels && !any_empty)
    for (const Maker& maker : kMakers)
      if (node.node.is(maker.op_type, maker.domain)) {
        node.weights.begin_step();  // what a maker that declined took does not count
        if (StepPtr step = maker.make(node)) return step;
      }
  node.weights.begin_step();
  // Kept in bf16 for a step that was not made after all: the reference kernel would read other numbers.
  const auto kept = [&](const std::vector<ValueId>& values, const std::vector<TensorType>& types) {
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] != kNoValue && types[i].dtype == DType::bf16 &&
          node.graph.value(values[i]).type.dtype != DType::bf16)
        return true;
    return false;
  };
  if (kept(node.node.inputs, node.inputs) || kept(node.node.outputs, node.outputs))
    return out_of_memory("there is no room for the weights of this step");
  return make_reference_step(node);
}

double giga_macs(const LowerNode& node) {
  const Node& n = node.node;
  if (n.outputs.empty() || n.outputs[0] == kNoValue) return 0;
  const auto out = static_cast<double>(element_count(node.out_shape()));
  if (n.is("Attention", "fovea")) {
    const std::vector<int64_t> s = node.integers("sizes");
    return out * static_cast<double>(s[3]) * (1 + static_cast<double>(s[4]) / static_cast<double>(s[5])) * 1e-9;
  }
  if ((n.op_type == "Conv" || n.op_type == "QConv") && node.has(1)) {
    const Shape& w = node.shape(1);
    double macs = out * static_cast<double>(ops::extent_product(w, 1, static_cast<int64_t>(w.size())));
    if (n.op_type == "Conv" && node.has(4))  // the pointwise one in front
      macs += static_cast<double>(element_count(node.shape(0))) * static_cast<double>(node.shape(4)[0]);
    return macs * 1e-9;
  }
  if ((n.op_type == "MatMul" || n.op_type == "QMatMul" || n.op_type == "Gemm") && node.has(0) &&
      !node.shape(0).empty()) {
    const Shape& a = node.shape(0);
    const bool transposed = n.op_type == "Gemm" && node.integer("transA", 0) != 0;
    return out * static_cast<double>(transposed ? a[0] : a.back()) * 1e-9;
  }
  return 0;
}

}  // namespace fovea::cpu
