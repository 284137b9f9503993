#include "ops/window.h"

#include <algorithm>
#include <limits>

#include "base/checked.h"
#include "base/error.h"

namespace fovea::ops {
namespace {

// With factors below 2^31 no extent, offset or sum computed here leaves int64_t.
constexpr int64_t kMaxExtent = std::numeric_limits<int32_t>::max();
constexpr int64_t kMaxPad = 1 << 20;
constexpr size_t kMaxSpatialRank = 8;  // also the depth to which kernels recurse over axes

Result<void> check_list(std::string_view name, std::span<const int64_t> values, size_t length, int64_t least,
                        int64_t most) {
  if (!values.empty() && values.size() != length)
    return invalid_model("attribute \"{}\" has {} numbers, but needs {}", name, values.size(), length);
  for (int64_t value : values)
    if (value < least || value > most)
      return invalid_model("attribute \"{}\" has {}, which is outside {} to {}", name, value, least, most);
  return {};
}

/// Kernel, strides, dilations and explicit pads; outputs are not known yet.
Result<Window> read_axes(const WindowAttributes& a, std::span<const int64_t> input, std::span<const int64_t> kernel) {
  const size_t rank = input.size();
  if (rank == 0 || rank > kMaxSpatialRank)
    return invalid_model("{} spatial axes, but there must be 1 to {}", rank, kMaxSpatialRank);
  FOVEA_TRY(check_list("kernel_shape", a.kernel_shape, rank, 1, kMaxExtent));
  FOVEA_TRY(check_list("strides", a.strides, rank, 1, kMaxExtent));
  FOVEA_TRY(check_list("dilations", a.dilations, rank, 1, kMaxExtent));
  FOVEA_TRY(check_list("pads", a.pads, 2 * rank, 0, kMaxPad));
  if (kernel.empty()) {
    if (a.kernel_shape.empty()) return invalid_model("attribute \"kernel_shape\" is missing");
    kernel = a.kernel_shape;
  } else if (kernel.size() != rank) {
    return invalid_model("the weight has {} spatial axes, the input {}", kernel.size(), rank);
  } else if (!a.kernel_shape.empty() && !std::ranges::equal(kernel, a.kernel_shape)) {
    return invalid_model("kernel_shape is {}, but the weight's is {}", to_string(a.kernel_shape), to_string(kernel));
  }
  if (a.auto_pad != AutoPad::notset && std::ranges::any_of(a.pads, [](int64_t pad) { return pad != 0; }))
    return invalid_model("attributes \"pads\" and \"auto_pad\" exclude each other");

  Window window(rank);
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& axis = window[i];
    axis.input = input[i];
    axis.kernel = kernel[i];
    if (axis.input < 0 || axis.input > kMaxExtent || axis.kernel < 1 || axis.kernel > kMaxExtent)
      return invalid_model("spatial axis {} has extent {} and kernel {}, which must be within 2^31", i, axis.input,
                           axis.kernel);
    if (!a.strides.empty()) axis.stride = a.strides[i];
    if (!a.dilations.empty()) axis.dilation = a.dilations[i];
    if (!a.pads.empty()) axis.pad_begin = a.pads[i], axis.pad_end = a.pads[rank + i];
  }
  return window;
}

/// The odd one of `total` goes to the end, or to the beginning.
void split_pad(WindowAxis& axis, int64_t total, bool odd_at_end) {
  axis.pad_begin = odd_at_end ? total / 2 : total - total / 2;
  axis.pad_end = total - axis.pad_begin;
}

}  // namespace

KernelRange clip_kernel(const WindowAxis& axis, int64_t start, int64_t extent) {
  const int64_t first = start < 0 ? ceil_div(-start, axis.dilation) : 0;
  const int64_t last = start < extent ? ceil_div(extent - start, axis.dilation) : 0;
  return {std::min(first, axis.kernel), std::min(last, axis.kernel)};
}

Result<WindowAttributes> read_window(Attributes& attributes) {
  WindowAttributes window;
  window.kernel_shape = attributes.integers("kernel_shape");
  window.strides = attributes.integers("strides");
  window.dilations = attributes.integers("dilations");
  window.pads = attributes.integers("pads");
  const std::string mode = attributes.text("auto_pad", "NOTSET");
  if (mode == "SAME_UPPER")
    window.auto_pad = AutoPad::same_upper;
  else if (mode == "SAME_LOWER")
    window.auto_pad = AutoPad::same_lower;
  else if (mode == "VALID")
    window.auto_pad = AutoPad::valid;
  else if (mode != "NOTSET" && !mode.empty())
    return invalid_model("attribute \"auto_pad\" is \"{}\", but must be NOTSET, SAME_UPPER, SAME_LOWER or VALID", mode);
  return window;
}

Result<Window> resolve_window(const WindowAttributes& attributes, std::span<const int64_t> input,
                              std::span<const int64_t> kernel) {
  Window window = FOVEA_TRY(read_axes(attributes, input, kernel));
  for (WindowAxis& axis : window) {
    if (attributes.auto_pad == AutoPad::same_upper || attributes.auto_pad == AutoPad::same_lower) {
      axis.output = ceil_div(axis.input, axis.stride);
      const int64_t needed = (axis.output - 1) * axis.stride + axis.extent() - axis.input;
      split_pad(axis, std::max<int64_t>(needed, 0), attributes.auto_pad == AutoPad::same_upper);
      continue;
    }
    const int64_t room = axis.input + axis.pad_begin + axis.pad_end - axis.extent();
    // ONNX's text has VALID round down even in ceil_mode; its own shape inference and ONNX Runtime round up.
    if (attributes.ceil_mode)
      axis.output = (room < 0 ? -(-room / axis.stride) : ceil_div(room, axis.stride)) + 1;
    else
      axis.output = room < 0 ? 0 : room / axis.stride + 1;
    // A window that would start in the padding at the end is dropped.
    if (attributes.ceil_mode && (axis.output - 1) * axis.stride >= axis.input + axis.pad_begin) --axis.output;
    if (axis.output < 1)
      return invalid_model("a window of {} is larger than the padded input of {}", axis.extent(), room + axis.extent());
  }
  return window;
}

Result<Window> resolve_transposed_window(const WindowAttributes& attributes, std::span<const int64_t> output_padding,
                                         std::span<const int64_t> output_shape, std::span<const int64_t> input,
                                         std::span<const int64_t> kernel) {
  Window window = FOVEA_TRY(read_axes(attributes, input, kernel));
  const size_t rank = window.size();
  FOVEA_TRY(check_list("output_padding", output_padding, rank, 0, kMaxPad));
  // Some exporters give batch and channels too.
  if (output_shape.size() == rank + 2) output_shape = output_shape.subspan(2);
  FOVEA_TRY(check_list("output_shape", output_shape, rank, 1, kMaxExtent));
  const bool same = attributes.auto_pad == AutoPad::same_upper || attributes.auto_pad == AutoPad::same_lower;
  for (size_t i = 0; i < rank; ++i) {
    WindowAxis& axis = window[i];
    const int64_t extra = output_padding.empty() ? 0 : output_padding[i];
    const int64_t full = (axis.input - 1) * axis.stride + axis.extent() + extra;
    if (!output_shape.empty() || same) {
      axis.output = output_shape.empty() ? axis.input * axis.stride : output_shape[i];
      // Before opset 11 ONNX's text had the two sides exchanged, but contradicted itself; no runtime followed it.
      split_pad(axis, std::max<int64_t>(full - axis.output, 0), attributes.auto_pad == AutoPad::same_upper);
    } else {
      axis.output = full - axis.pad_begin - axis.pad_end;
    }
    if (axis.input == 0 || axis.output < 1)
      return invalid_model("spatial axis {} of extent {} would become {}", i, axis.input, axis.output);
  }
  return window;
}

Shape output_shape(const Window& window, int64_t batch, int64_t channels) {
  Shape shape{batch, channels};
  for (const WindowAxis& axis : window) shape.push_back(axis.output);
  return shape;
}

}  // namespace fovea::ops
