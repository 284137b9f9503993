// What steps of fovea.Conv share: the sizes of a convolution over NHWC, and what its epilogue needs.
#pragma once

#include <optional>

#include "cpu/lower.h"
#include "kernels/activation.h"
#include "kernels/conv_rows.h"

namespace fovea::cpu {

/// Sizes of one convolution, from the node.
struct ConvGeometry {
  int64_t batch = 1, groups = 1, in_per_group = 1, out_per_group = 1;
  kernels::ConvShape shape;

  int64_t in_channels() const { return groups * in_per_group; }
  int64_t out_channels() const { return groups * out_per_group; }
};

/// Sizes of a convolution of any type over NHWC: fovea.Conv without a pointwise one in front, fovea.QConv. nullopt for
/// other ranks than 4, kernels of thousands of taps.
std::optional<ConvGeometry> conv_sizes(const LowerNode& node);
/// nullopt for what no fast kernel takes: other types than f32, other ranks than 4, kernels of thousands of taps, a
/// pointwise convolution in front. The image may be bytes with a table (pixel_table.h).
std::optional<ConvGeometry> conv_geometry(const LowerNode& node);
/// The sizes of what follows the pointwise convolution; nullopt also where there is none in front.
std::optional<ConvGeometry> expanded_geometry(const LowerNode& node);

/// What the epilogue of a fused node needs, beside its addresses.
struct ConvEpilogue {
  ValueId bias, residual;
  kernels::Activation activation;
  bool residual_last;
};

/// nullopt where kernels have not the node's activation.
std::optional<ConvEpilogue> conv_epilogue(const LowerNode& node);

/// A convolution of one tap without padding or groups, with products in bf16, where asked for.
StepPtr make_bf16_pointwise_step(const LowerNode& node, const ConvGeometry& g, const ConvEpilogue& fused);

/// Ways of doing a convolution as matrix products over row pointers, the cost model's first; without tuning
/// that one alone.
std::vector<Candidate> direct_candidates(const LowerNode& node, const ConvGeometry& g);
/// Ways of filtering it after Winograd, the cost model's first; without tuning that one alone, where it is cheaper than
/// a direct convolution. None where Winograd's filtering does not apply.
std::vector<Candidate> winograd_candidates(const LowerNode& node, const ConvGeometry& g);

/// Whether Winograd's filtering in f32 costs less than a direct convolution whose products are `direct_speed` times as
/// fast as those of f32.
bool winograd_beats(const LowerNode& node, const ConvGeometry& g, double direct_speed);

/// The weight of a convolution with a channel to each group as kernels/depthwise.h wants it: {taps, channels}.
Result<Tensor> depthwise_weight(const LowerNode& node, const Tensor& weight);

}  // namespace fovea::cpu
