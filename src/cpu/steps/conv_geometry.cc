// Reads the attributes of fovea.Conv.
#include "cpu/steps/conv_geometry.h"

#include "base/error.h"
#include "cpu/steps/pixel_table.h"
#include "cpu/steps/steps.h"

namespace fovea::cpu {
namespace {

/// Larger kernels than any model has: their tables of pointers would outgrow the data.
constexpr int64_t kMostTaps = 4096;

/// Of a convolution over an image of so many channels, with the node's other extents.
std::optional<ConvGeometry> geometry_of(const LowerNode& node, int64_t channels) {
  if (node.shape(0).size() != 4 || node.shape(1).size() != 4) return std::nullopt;
  const Shape &x = node.shape(0), &w = node.shape(1), &y = node.out_shape();
  ConvGeometry g;
  g.batch = x[0];
  g.groups = node.integer("group", 1);
  g.in_per_group = w[1];
  g.out_per_group = w[0] / g.groups;
  kernels::ConvShape& s = g.shape;
  s.in_height = x[1], s.in_width = x[2], s.out_height = y[1], s.out_width = y[2];
  s.kernel_height = w[2], s.kernel_width = w[3];
  const auto pair = [&](std::string_view key) { return node.integers(key, {1, 1}); };
  const auto strides = pair("strides"), dilations = pair("dilations"), pads = node.integers("pads", {0, 0, 0, 0});
  const auto* auto_pad = node.node.attribute<std::string>("auto_pad");
  if (strides.size() != 2 || dilations.size() != 2 || pads.size() != 4 || (auto_pad && *auto_pad != "NOTSET"))
    return std::nullopt;
  s.stride_y = strides[0], s.stride_x = strides[1];
  s.dilation_y = dilations[0], s.dilation_x = dilations[1];
  s.pad_top = pads[0], s.pad_left = pads[1];
  s.pixel_stride = channels;
  s.row_stride = x[2] * channels;
  if (s.taps() > kMostTaps) return std::nullopt;
  return g;
}

}  // namespace

std::optional<ConvGeometry> conv_sizes(const LowerNode& node) {
  return node.shape(0).size() == 4 ? geometry_of(node, node.shape(0)[3]) : std::nullopt;
}

std::optional<ConvGeometry> conv_geometry(const LowerNode& node) {
  if (!all_f32(without_table(node)) || node.has(4) || node.shape(0).size() != 4) return std::nullopt;
  return geometry_of(node, node.shape(0)[3]);
}

std::optional<ConvGeometry> expanded_geometry(const LowerNode& node) {
  if (!all_f32(node) || !node.has(4) || node.shape(4).size() != 4) return std::nullopt;
  return geometry_of(node, node.shape(4)[0]);
}

std::optional<ConvEpilogue> conv_epilogue(const LowerNode& node) {
  const auto activation = fused_activation(node);
  if (!activation) return std::nullopt;
  return ConvEpilogue{node.in(2), node.in(3), *activation, node.integer("residual_last", 0) != 0};
}

Result<Tensor> depthwise_weight(const LowerNode& node, const Tensor& weight) {
  const int64_t channels = weight.shape()[0], taps = weight.shape()[2] * weight.shape()[3];
  return node.weights.get(weight, "depthwise", {DType::f32, {taps, channels}}, [=](void* turned) {
    auto* to = static_cast<float*>(turned);
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t t = 0; t < taps; ++t) to[t * channels + c] = weight.data<float>()[c * taps + t];
  });
}

}  // namespace fovea::cpu
