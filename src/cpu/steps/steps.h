// The makers of steps, one line each; lower.cc lists which operators they serve. All but the reference step decline
// (nullptr) what they cannot do.
#pragma once

#include "cpu/lower.h"
#include "kernels/activation.h"
#include "kernels/finish.h"

namespace fovea::cpu {

/// Serves every operator: its reference kernel.
StepPtr make_reference_step(const LowerNode& node);

StepPtr make_attention_step(const LowerNode& node);       // fovea.Attention
StepPtr make_bf16_attention_step(const LowerNode& node);  // the same with products in bf16, where asked for
StepPtr make_rope_step(const LowerNode& node);            // fovea.Rope
StepPtr make_gate_step(const LowerNode& node);            // fovea.Gate
StepPtr make_copy_step(const LowerNode& node);            // Transpose, Slice, Split, Concat, Expand
StepPtr make_unary_step(const LowerNode& node);           // Relu, Sigmoid, Gelu, Clip, ...
StepPtr make_binary_step(const LowerNode& node);          // Add, Sub, Mul, Div, Min, Max
StepPtr make_is_nan_step(const LowerNode& node);          // IsNaN
StepPtr make_where_step(const LowerNode& node);           // Where
StepPtr make_softmax_step(const LowerNode& node);         // Softmax
StepPtr make_norm_step(const LowerNode& node);            // LayerNormalization, RMSNormalization
StepPtr make_group_norm_step(const LowerNode& node);      // InstanceNormalization, GroupNormalization
StepPtr make_mean_step(const LowerNode& node);            // ReduceMean, ReduceSum, ReduceL2, GlobalAveragePool
StepPtr make_linear_step(const LowerNode& node);          // MatMul, Gemm, fovea.MatMul with constant weights
StepPtr make_bf16_linear_step(const LowerNode& node);     // the same with products in bf16, where asked for
StepPtr make_matmul_step(const LowerNode& node);          // MatMul of two computed operands
StepPtr make_conv_step(const LowerNode& node);            // fovea.Conv
StepPtr make_bf16_conv_step(const LowerNode& node);       // the same with products in bf16, where asked for
StepPtr make_depthwise_step(const LowerNode& node);       // fovea.Conv with a channel to each group
StepPtr make_grouped_conv_step(const LowerNode& node);    // fovea.Conv with few channels to each group
StepPtr make_expand_step(const LowerNode& node);          // fovea.Conv with a pointwise convolution in front
StepPtr make_bf16_expand_step(const LowerNode& node);     // the same with products in bf16, where asked for
StepPtr make_scale_step(const LowerNode& node);           // Mul of rows in bf16 with a factor for each channel
StepPtr make_pool_step(const LowerNode& node);            // fovea.MaxPool, fovea.AveragePool

/// What narrow_ports() asks, of the nodes that these steps serve.
NarrowPorts bf16_conv_ports(const LowerNode& node);
NarrowPorts bf16_expand_ports(const LowerNode& node);
NarrowPorts depthwise_ports(const LowerNode& node);
NarrowPorts mean_ports(const LowerNode& node);
NarrowPorts scale_ports(const LowerNode& node);
NarrowPorts bf16_linear_ports(const LowerNode& node);
NarrowPorts bf16_attention_ports(const LowerNode& node);
NarrowPorts gate_ports(const LowerNode& node);
NarrowPorts norm_ports(const LowerNode& node);
NarrowPorts pool_ports(const LowerNode& node);

/// The activation that a node is (Relu), or that a fused node carries (its attribute "activation"); nullopt where
/// kernels have none.
std::optional<kernels::Activation> activation_of(const LowerNode& node);
std::optional<kernels::Activation> fused_activation(const LowerNode& node);
/// The same from attributes of these names; "none" is none.
std::optional<kernels::Activation> fused_activation(const LowerNode& node, std::string_view name_key,
                                                    std::string_view alpha_key, std::string_view beta_key);

/// Whether all inputs and outputs that are there are f32.
bool all_f32(const LowerNode& node);

/// Rows of an operand in f32 or bf16, as its type says. stride in numbers.
inline kernels::RowsIn rows_in(const Bindings& b, ValueId id, int64_t stride, bool bf16) {
  return {static_cast<const std::byte*>(b.at(id)), stride, bf16};
}

}  // namespace fovea::cpu
