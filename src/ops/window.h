// Sliding windows of convolutions and pools: the attributes as ONNX gives them, and what they mean for given extents.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/attributes.h"

namespace fovea::ops {

enum class AutoPad { notset, same_upper, same_lower, valid };

/// Empty lists stand for ONNX's defaults: stride 1, dilation 1, no pads, the kernel shape of the weight.
struct WindowAttributes {
  AutoPad auto_pad = AutoPad::notset;
  std::vector<int64_t> kernel_shape = {}, strides = {}, dilations = {};
  std::vector<int64_t> pads = {};  // begins of all axes, then ends
  bool ceil_mode = false;          // pools only
};

/// A window along one spatial axis. Position o of the output sees the inputs o * stride - pad_begin + k * dilation for
/// k in [0, kernel); those outside [0, input) are padding. In a transposed convolution the two change places: input i
/// is added to the outputs i * stride - pad_begin + k * dilation that lie in [0, output).
struct WindowAxis {
  int64_t input = 1, output = 1;
  int64_t kernel = 1, stride = 1, dilation = 1;
  int64_t pad_begin = 0, pad_end = 0;

  /// Extent from the kernel's first element to its last.
  int64_t extent() const { return (kernel - 1) * dilation + 1; }
  /// True where the axis maps each position to itself.
  bool trivial() const { return kernel == 1 && stride == 1 && pad_begin == 0 && input == output; }
};
using Window = std::vector<WindowAxis>;

/// The k in [first, last) for which start + k * dilation lies in [0, extent). Clips a kernel to its input.
struct KernelRange {
  int64_t first, last;
};
KernelRange clip_kernel(const WindowAxis& axis, int64_t start, int64_t extent);

/// Reads auto_pad, kernel_shape, strides, dilations and pads, the names that convolutions and pools share.
Result<WindowAttributes> read_window(Attributes& attributes);

/// Windows over an input's spatial extents. `kernel` is the weight's spatial shape, or empty for pools, whose
/// kernel_shape must be there. Error: lists of the wrong length, a kernel_shape that is not the weight's, values
/// that ONNX forbids (stride 0, negative pads), extents out of bounds, a window larger than the padded input.
Result<Window> resolve_window(const WindowAttributes& attributes, std::span<const int64_t> input,
                              std::span<const int64_t> kernel = {});

/// The same for a transposed convolution, whose output extents follow from output_padding or are given (`output_shape`,
/// possibly empty).
Result<Window> resolve_transposed_window(const WindowAttributes& attributes, std::span<const int64_t> output_padding,
                                         std::span<const int64_t> output_shape, std::span<const int64_t> input,
                                         std::span<const int64_t> kernel);

/// {batch, channels, output extents ...}
Shape output_shape(const Window& window, int64_t batch, int64_t channels);

}  // namespace fovea::ops
