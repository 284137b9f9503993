// The registry: one line an operator, in alphabetical order. Versions are those of the operator's domain in which the
// parse function knows what the operator means; kOnnx is the newest one that has been read through for changes.
#include "ops/catalogue.h"

#include <algorithm>

#include "base/error.h"
#include "ops/matmul_nbits.h"

namespace fovea::ops {
namespace {

constexpr int kOnnx = 27;

// clang-format off
constexpr Entry kEntries[] = {
    //  domain, operator, since, until, inputs, outputs, parse
    {"", "Abs", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Acos", 7, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Acosh", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Add", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "AffineGrid", 20, kOnnx, 2, 2, 1, 1, parse_affine_grid},
    {"", "And", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "ArgMax", 1, kOnnx, 1, 1, 1, 1, parse_arg_reduce},
    {"", "ArgMin", 1, kOnnx, 1, 1, 1, 1, parse_arg_reduce},
    {"", "Asin", 7, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Asinh", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Atan", 7, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Atanh", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Attention", 23, 23, 3, 6, 1, 4, parse_attention},
    {"", "Attention", 24, kOnnx, 3, 7, 1, 4, parse_attention},
    {"", "AveragePool", 1, kOnnx, 1, 1, 1, 1, parse_average_pool},
    {"", "BatchNormalization", 1, 13, 5, 5, 1, 5, parse_batch_normalization},
    {"", "BatchNormalization", 14, kOnnx, 5, 5, 1, 3, parse_batch_normalization},
    {"", "BitCast", 26, kOnnx, 1, 1, 1, 1, parse_bit_cast},
    {"", "BitShift", 11, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "BitwiseAnd", 18, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "BitwiseNot", 18, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "BitwiseOr", 18, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "BitwiseXor", 18, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "BlackmanWindow", 17, kOnnx, 1, 1, 1, 1, parse_cosine_window},
    {"", "Cast", 1, kOnnx, 1, 1, 1, 1, parse_cast},
    {"", "CastLike", 15, kOnnx, 2, 2, 1, 1, parse_cast_like},
    {"", "Ceil", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Celu", 12, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "CenterCropPad", 18, kOnnx, 2, 2, 1, 1, parse_center_crop_pad},
    {"", "Clip", 1, 10, 1, 1, 1, 1, parse_clip},
    {"", "Clip", 11, kOnnx, 1, 3, 1, 1, parse_clip},
    {"", "Col2Im", 18, kOnnx, 3, 3, 1, 1, parse_col2im},
    {"", "Compress", 9, kOnnx, 2, 2, 1, 1, parse_compress},
    {"", "Concat", 1, kOnnx, 1, kMany, 1, 1, parse_concat},
    {"", "Constant", 1, kOnnx, 0, 0, 1, 1, parse_constant},
    {"", "ConstantOfShape", 9, kOnnx, 1, 1, 1, 1, parse_constant_of_shape},
    {"", "Conv", 1, kOnnx, 2, 3, 1, 1, parse_conv},
    {"", "ConvInteger", 10, kOnnx, 2, 4, 1, 1, parse_conv_integer},
    {"", "ConvTranspose", 1, kOnnx, 2, 3, 1, 1, parse_conv_transpose},
    {"", "Cos", 7, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Cosh", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "CumProd", 26, kOnnx, 2, 2, 1, 1, parse_cumulative},
    {"", "CumSum", 11, kOnnx, 2, 2, 1, 1, parse_cumulative},
    {"", "DepthToSpace", 1, kOnnx, 1, 1, 1, 1, parse_depth_to_space},
    {"", "DequantizeLinear", 10, kOnnx, 2, 3, 1, 1, parse_dequantize_linear},
    {"", "Div", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "Dropout", 1, 11, 1, 1, 1, 2, parse_dropout},
    {"", "Dropout", 12, kOnnx, 1, 3, 1, 2, parse_dropout},
    {"", "DynamicQuantizeLinear", 11, kOnnx, 1, 1, 3, 3, parse_dynamic_quantize_linear},
    {"", "Einsum", 12, kOnnx, 1, kMany, 1, 1, parse_einsum},
    {"", "Elu", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Equal", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "Erf", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Exp", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Expand", 8, kOnnx, 2, 2, 1, 1, parse_expand},
    {"", "EyeLike", 9, kOnnx, 1, 1, 1, 1, parse_eye_like},
    {"", "Flatten", 1, kOnnx, 1, 1, 1, 1, parse_flatten},
    {"", "Floor", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "GRU", 1, kOnnx, 3, 6, 0, 2, parse_gru},
    {"", "Gather", 1, kOnnx, 2, 2, 1, 1, parse_gather},
    {"", "GatherElements", 11, kOnnx, 2, 2, 1, 1, parse_gather_elements},
    {"", "GatherND", 11, kOnnx, 2, 2, 1, 1, parse_gather_nd},
    {"", "Gelu", 20, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Gemm", 1, kOnnx, 2, 3, 1, 1, parse_gemm},
    {"", "GlobalAveragePool", 1, kOnnx, 1, 1, 1, 1, parse_global_average_pool},
    {"", "GlobalLpPool", 1, kOnnx, 1, 1, 1, 1, parse_global_lp_pool},
    {"", "GlobalMaxPool", 1, kOnnx, 1, 1, 1, 1, parse_global_max_pool},
    {"", "Greater", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "GreaterOrEqual", 12, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "GridSample", 16, kOnnx, 2, 2, 1, 1, parse_grid_sample},
    {"", "GroupNormalization", 18, kOnnx, 3, 3, 1, 1, parse_group_normalization},
    {"", "HammingWindow", 17, kOnnx, 1, 1, 1, 1, parse_cosine_window},
    {"", "HannWindow", 17, kOnnx, 1, 1, 1, 1, parse_cosine_window},
    {"", "HardSigmoid", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "HardSwish", 14, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Hardmax", 1, kOnnx, 1, 1, 1, 1, parse_hardmax},
    {"", "Identity", 1, kOnnx, 1, 1, 1, 1, parse_identity},
    {"", "InstanceNormalization", 1, kOnnx, 3, 3, 1, 1, parse_instance_normalization},
    {"", "IsInf", 10, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "IsNaN", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "LRN", 1, kOnnx, 1, 1, 1, 1, parse_lrn},
    {"", "LSTM", 1, kOnnx, 3, 8, 0, 3, parse_lstm},
    {"", "LayerNormalization", 17, kOnnx, 2, 3, 1, 3, parse_layer_normalization},
    {"", "LeakyRelu", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Less", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "LessOrEqual", 12, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "Log", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "LogSoftmax", 1, kOnnx, 1, 1, 1, 1, parse_log_softmax},
    {"", "LpNormalization", 1, kOnnx, 1, 1, 1, 1, parse_lp_normalization},
    {"", "LpPool", 1, kOnnx, 1, 1, 1, 1, parse_lp_pool},
    {"", "MatMul", 1, kOnnx, 2, 2, 1, 1, parse_matmul},
    {"", "MatMulInteger", 10, kOnnx, 2, 4, 1, 1, parse_matmul_integer},
    {"", "Max", 1, kOnnx, 1, kMany, 1, 1, parse_variadic},
    {"", "MaxPool", 1, 7, 1, 1, 1, 1, parse_max_pool},
    {"", "MaxPool", 8, kOnnx, 1, 1, 1, 2, parse_max_pool},
    {"", "MaxRoiPool", 1, kOnnx, 2, 2, 1, 1, parse_max_roi_pool},
    {"", "Mean", 1, kOnnx, 1, kMany, 1, 1, parse_variadic},
    {"", "MeanVarianceNormalization", 9, kOnnx, 1, 1, 1, 1, parse_mean_variance_normalization},
    {"", "Min", 1, kOnnx, 1, kMany, 1, 1, parse_variadic},
    {"", "Mish", 18, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Mod", 10, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "Mul", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "Neg", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "NonMaxSuppression", 10, kOnnx, 2, 5, 1, 1, parse_non_max_suppression},
    {"", "NonZero", 9, kOnnx, 1, 1, 1, 1, parse_non_zero},
    {"", "Not", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "OneHot", 9, kOnnx, 3, 3, 1, 1, parse_one_hot},
    {"", "Or", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "PRelu", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "Pad", 1, 10, 1, 1, 1, 1, parse_pad},
    {"", "Pad", 11, 17, 2, 3, 1, 1, parse_pad},
    {"", "Pad", 18, kOnnx, 2, 4, 1, 1, parse_pad},
    {"", "Pow", 1, kOnnx, 2, 2, 1, 1, parse_pow},
    {"", "QLinearConv", 10, kOnnx, 8, 9, 1, 1, parse_qlinear_conv},
    {"", "QLinearMatMul", 10, kOnnx, 8, 8, 1, 1, parse_qlinear_matmul},
    {"", "QuantizeLinear", 10, kOnnx, 2, 3, 1, 1, parse_quantize_linear},
    {"", "RMSNormalization", 23, kOnnx, 2, 2, 1, 1, parse_rms_normalization},
    {"", "RNN", 1, kOnnx, 3, 6, 0, 2, parse_rnn},
    {"", "Range", 11, kOnnx, 3, 3, 1, 1, parse_range},
    {"", "Reciprocal", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "ReduceL1", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceL2", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceLogSum", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceLogSumExp", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceMax", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceMean", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceMin", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceProd", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceSum", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "ReduceSumSquare", 1, kOnnx, 1, 2, 1, 1, parse_reduce},
    {"", "Relu", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Reshape", 1, 4, 1, 1, 1, 1, parse_reshape},
    {"", "Reshape", 5, kOnnx, 2, 2, 1, 1, parse_reshape},
    {"", "Resize", 10, 10, 2, 2, 1, 1, parse_resize},
    {"", "Resize", 11, 12, 3, 4, 1, 1, parse_resize},
    {"", "Resize", 13, kOnnx, 1, 4, 1, 1, parse_resize},
    {"", "ReverseSequence", 10, kOnnx, 2, 2, 1, 1, parse_reverse_sequence},
    {"", "RoiAlign", 10, kOnnx, 3, 3, 1, 1, parse_roi_align},
    {"", "RotaryEmbedding", 23, kOnnx, 3, 4, 1, 1, parse_rotary_embedding},
    {"", "Round", 11, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Scatter", 9, 10, 3, 3, 1, 1, parse_scatter_elements},
    {"", "ScatterElements", 11, kOnnx, 3, 3, 1, 1, parse_scatter_elements},
    {"", "ScatterND", 11, kOnnx, 3, 3, 1, 1, parse_scatter_nd},
    {"", "Selu", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Shape", 1, kOnnx, 1, 1, 1, 1, parse_shape},
    {"", "Shrink", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Sigmoid", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Sign", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Sin", 7, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Sinh", 9, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Size", 1, kOnnx, 1, 1, 1, 1, parse_size},
    {"", "Slice", 1, 9, 1, 1, 1, 1, parse_slice},
    {"", "Slice", 10, kOnnx, 3, 5, 1, 1, parse_slice},
    {"", "Softmax", 1, kOnnx, 1, 1, 1, 1, parse_softmax},
    {"", "Softplus", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Softsign", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "SpaceToDepth", 1, kOnnx, 1, 1, 1, 1, parse_space_to_depth},
    {"", "Split", 1, 1, 1, 2, 1, kMany, parse_split},
    {"", "Split", 2, 12, 1, 1, 1, kMany, parse_split},
    {"", "Split", 13, kOnnx, 1, 2, 1, kMany, parse_split},
    {"", "Sqrt", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Squeeze", 1, 12, 1, 1, 1, 1, parse_squeeze},
    {"", "Squeeze", 13, kOnnx, 1, 2, 1, 1, parse_squeeze},
    {"", "Sub", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"", "Sum", 1, kOnnx, 1, kMany, 1, 1, parse_variadic},
    {"", "Swish", 24, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Tan", 7, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Tanh", 1, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "ThresholdedRelu", 10, kOnnx, 1, 1, 1, 1, parse_unary},
    {"", "Tile", 6, kOnnx, 2, 2, 1, 1, parse_tile},
    {"", "TopK", 1, 9, 1, 1, 2, 2, parse_top_k},
    {"", "TopK", 10, kOnnx, 2, 2, 2, 2, parse_top_k},
    {"", "Transpose", 1, kOnnx, 1, 1, 1, 1, parse_transpose},
    {"", "Trilu", 14, kOnnx, 1, 2, 1, 1, parse_trilu},
    {"", "Unique", 11, kOnnx, 1, 1, 1, 4, parse_unique},
    {"", "Unsqueeze", 1, 12, 1, 1, 1, 1, parse_unsqueeze},
    {"", "Unsqueeze", 13, kOnnx, 2, 2, 1, 1, parse_unsqueeze},
    {"", "Upsample", 7, 8, 1, 1, 1, 1, parse_upsample},
    {"", "Upsample", 9, 9, 2, 2, 1, 1, parse_upsample},
    {"", "Where", 9, kOnnx, 3, 3, 1, 1, parse_where},
    {"", "Xor", 1, kOnnx, 2, 2, 1, 1, parse_binary},
    {"com.microsoft", "MatMulNBits", 1, 1, 3, 6, 1, 1, parse_matmul_nbits},
    {"com.microsoft", "QGemm", 1, 1, 6, 9, 1, 1, parse_quantised_contrib},
    {"com.microsoft", "QLinearAdd", 1, 1, 7, 8, 1, 1, parse_quantised_contrib},
    {"com.microsoft", "QLinearAveragePool", 1, 1, 4, 5, 1, 1, parse_quantised_contrib},
    {"com.microsoft", "QLinearConcat", 1, 1, 5, kMany, 1, 1, parse_quantised_contrib},
    {"com.microsoft", "QLinearGlobalAveragePool", 1, 1, 5, 5, 1, 1, parse_quantised_contrib},
    {"com.microsoft", "QLinearLeakyRelu", 1, 1, 4, 5, 1, 1, parse_quantised_contrib},
    {"com.microsoft", "QLinearMul", 1, 1, 7, 8, 1, 1, parse_quantised_contrib},
    {"com.microsoft", "QLinearSigmoid", 1, 1, 4, 5, 1, 1, parse_quantised_contrib},
    {"com.microsoft", "QLinearSoftmax", 1, 1, 5, 5, 1, 1, parse_quantised_contrib},
    {"fovea", "Attention", 1, 1, 3, 6, 1, 1, parse_fovea_attention},
    {"fovea", "AveragePool", 1, 1, 1, 1, 1, 1, parse_fovea_average_pool},
    {"fovea", "Conv", 1, 1, 2, 7, 1, 1, parse_fovea_conv},
    {"fovea", "Gate", 1, 1, 2, 2, 1, 1, parse_fovea_gate},
    {"fovea", "MatMul", 1, 1, 2, 6, 1, 1, parse_fovea_matmul},
    {"fovea", "MaxPool", 1, 1, 1, 1, 1, 1, parse_fovea_max_pool},
    {"fovea", "QAveragePool", 1, 1, 1, 1, 1, 1, parse_fovea_qaverage_pool},
    {"fovea", "QBinary", 1, 1, 2, 2, 1, 1, parse_fovea_qbinary},
    {"fovea", "QConv", 1, 1, 2, 15, 1, 1, parse_fovea_qconv},
    {"fovea", "QLookup", 1, 1, 2, 2, 1, 1, parse_fovea_qlookup},
    {"fovea", "QMatMul", 1, 1, 2, 14, 1, 1, parse_fovea_qmatmul},
    {"fovea", "QMean", 1, 1, 1, 1, 1, 1, parse_fovea_qmean},
    {"fovea", "Rope", 1, 1, 3, 3, 1, 1, parse_fovea_rope},
};
// clang-format on

std::string count_text(int least, int most) {
  if (most == kMany) return fmt::format("at least {}", least);
  return least == most ? fmt::format("{}", least) : fmt::format("{} to {}", least, most);
}

}  // namespace

std::span<const Entry> all_entries() { return kEntries; }

const Entry* find_entry(std::string_view domain, std::string_view name, int opset) {
  for (const Entry& e : kEntries)
    if (e.name == name && e.domain == domain && e.since <= opset && opset <= e.until) return &e;
  return nullptr;
}

Result<OperatorPtr> parse_operator(const Node& node) {
  const Entry* entry = find_entry(node.domain, node.op_type, node.opset);
  if (entry == nullptr) {
    const std::string full = node.domain.empty() ? node.op_type : node.domain + "." + node.op_type;
    return unsupported("operator {} of opset {} is not one that fovea has", full, node.opset)
        .with_fix("run the model with another backend (--backend onnxruntime), or export it with another opset");
  }
  // Trailing optional operands that are left out may be listed as empty names.
  const auto in = static_cast<int>(node.inputs.size()), out = static_cast<int>(node.outputs.size());
  if (in < entry->min_inputs || in > entry->max_inputs)
    return invalid_model("{} inputs, but {} takes {}", in, node.op_type,
                         count_text(entry->min_inputs, entry->max_inputs));
  if (out < entry->min_outputs || out > entry->max_outputs)
    return invalid_model("{} outputs, but {} has {}", out, node.op_type,
                         count_text(entry->min_outputs, entry->max_outputs));
  for (int i = 0; i < entry->min_inputs; ++i)
    if (entry->max_inputs != kMany && node.inputs[static_cast<size_t>(i)] == kNoValue)
      return invalid_model("input {} is left out, but {} needs it", i, node.op_type);
  return entry->parse(node);
}

}  // namespace fovea::ops
