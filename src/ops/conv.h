// ONNX Conv and ConvTranspose, ConvInteger and QLinearConv: attributes, and geometry resolved for given shapes.
#pragma once

#include <span>
#include <vector>

#include "ops/operator.h"
#include "ops/window.h"

namespace fovea::ops {

/// X is {batch, groups * in_per_group, spatial...}, Y is {batch, groups * out_per_group, spatial...}. The weight of a
/// convolution is {groups * out_per_group, in_per_group, kernel...}, that of a transposed one {groups * in_per_group,
/// out_per_group, kernel...}.
struct ConvGeometry {
  int64_t batch = 1, groups = 1;
  int64_t in_per_group = 1, out_per_group = 1;
  Window window;

  int64_t in_channels() const { return groups * in_per_group; }
  int64_t out_channels() const { return groups * out_per_group; }
  Shape output() const { return output_shape(window, batch, out_channels()); }
};

/// Error: ranks or channels that do not fit, and those of resolve_window.
Result<ConvGeometry> resolve_conv(const WindowAttributes& attributes, int64_t groups, std::span<const int64_t> x,
                                  std::span<const int64_t> w);

/// Y = X * W (+ B for each output channel).
struct Conv final : Operator {
  WindowAttributes window;
  int64_t groups = 1;

  Conv(WindowAttributes window_, int64_t groups_) : window(std::move(window_)), groups(groups_) {}
  Result<ConvGeometry> resolve(std::span<const int64_t> x, std::span<const int64_t> w) const {
    return resolve_conv(window, groups, x, w);
  }
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// The gradient of Conv: scatters each input through the kernel.
struct ConvTranspose final : Operator {
  WindowAttributes window;
  int64_t groups = 1;
  std::vector<int64_t> output_padding, output_shape;

  ConvTranspose(WindowAttributes window_, int64_t groups_, std::vector<int64_t> output_padding_,
                std::vector<int64_t> output_shape_)
      : window(std::move(window_)),
        groups(groups_),
        output_padding(std::move(output_padding_)),
        output_shape(std::move(output_shape_)) {}
  Result<ConvGeometry> resolve(std::span<const int64_t> x, std::span<const int64_t> w) const;
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs x, w, x_zero_point, w_zero_point (one, or one for each output channel); the output is i32.
struct ConvInteger final : Operator {
  WindowAttributes window;
  int64_t groups = 1;

  ConvInteger(WindowAttributes window_, int64_t groups_) : window(std::move(window_)), groups(groups_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs x, x_scale, x_zero_point, w, w_scale, w_zero_point, y_scale, y_zero_point, B (i32, scaled by x_scale *
/// w_scale); scale and zero point of w are one, or one for each output channel.
struct QLinearConv final : Operator {
  WindowAttributes window;
  int64_t groups = 1;

  QLinearConv(WindowAttributes window_, int64_t groups_) : window(std::move(window_)), groups(groups_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
