// ONNX GridSample: reads an image at places that a grid names, between pixels by interpolation (Jaderberg et al.,
// Spatial Transformer Networks, 2015; the arithmetic is PyTorch's).
#include <algorithm>
#include <cmath>
#include <vector>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/convert.h"
#include "ops/dispatch.h"
#include "ops/outputs.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

enum class Mode { nearest, linear, cubic };
enum class Padding { zeros, border, reflection };

/// A coordinate mirrored at low and high until it lies between them.
double reflect(double x, double low, double high) {
  const double range = high - low;
  if (range <= 0) return low;
  const double beyond = x < low ? low - x : x > high ? x - high : -1;
  if (beyond < 0) return x;
  const double turns = std::floor(beyond / range), rest = beyond - turns * range;
  const bool even = std::fmod(turns, 2) == 0;
  return (x < low) == even ? low + rest : high - rest;
}

/// The pixels along one axis that a place reads, with their weights; -1 for a pixel that counts as 0.
struct Taps {
  int count = 0;
  int64_t index[4] = {};
  double weight[4] = {};
};

struct GridSample final : Operator {
  Mode mode;
  Padding padding;
  bool align_corners;
  int opset;

  GridSample(Mode m, Padding p, bool align, int opset_) : mode(m), padding(p), align_corners(align), opset(opset_) {}

  /// X {batch, channels, spatial...}, grid {batch, output extents..., number of spatial axes}, whose last axis lists
  /// coordinates from the last spatial axis to the first.
  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kAnyType));
    FOVEA_TRY(expect_dtype(in, 1, kFloats));
    const int64_t rank = in.rank(0);
    if (rank < 3 || (opset < 20 && rank != 4))
      return invalid_model("input 0 has shape {}, which is no image", to_string(in.shape(0)));
    if (rank > 5) return unsupported("an image of {} dimensions; fovea samples up to 3", rank - 2);
    FOVEA_TRY(expect_rank(in, 1, rank));
    Shape grid(static_cast<size_t>(rank), -1);
    grid.front() = in.shape(0)[0];
    grid.back() = rank - 2;
    FOVEA_TRY(expect_shape(in, 1, grid));
    for (size_t d = 2; d < in.shape(0).size(); ++d)
      if (in.shape(0)[d] < 1) return invalid_model("input 0 has no pixels: {}", to_string(in.shape(0)));
    Shape out{in.shape(0)[0], in.shape(0)[1]};
    out.insert(out.end(), in.shape(1).begin() + 1, in.shape(1).end() - 1);
    return one_output(in.dtype(0), std::move(out));
  }

  Result<void> compute(Args in, Outs out) const override {
    return dispatch<FloatTypes>(in[1].dtype, [&]<class G>() {
      return dispatch<AllTypes>(in[0].dtype, [&]<class T>() { sample<T, G>(in, out); });
    });
  }

  template <class T, class G>
  void sample(Args in, Outs out) const {
    const auto spatial = in[0].shape.subspan(2);
    const int64_t axes = static_cast<int64_t>(spatial.size()), channels = in[0].shape[1];
    const int64_t plane = element_count(spatial), places = element_count(out[0].shape.subspan(2));
    const Shape strides = strides_of(spatial);
    std::vector<Taps> taps(spatial.size());
    for (int64_t n = 0; n < in[0].shape[0]; ++n)
      for (int64_t p = 0; p < places; ++p) {
        const G* at = in[1].as<G>() + (n * places + p) * axes;
        for (int64_t d = 0; d < axes; ++d)
          taps[static_cast<size_t>(d)] =
              taps_at(static_cast<double>(at[axes - 1 - d]), spatial[static_cast<size_t>(d)]);
        for (int64_t c = 0; c < channels; ++c) {
          const double value = weighted(in[0].as<T>() + (n * channels + c) * plane, taps, strides, 0);
          out[0].as<T>()[(n * channels + c) * places + p] = convert<T>(value);
        }
      }
  }

  template <class T>
  static double weighted(const T* x, const std::vector<Taps>& taps, const Shape& strides, size_t axis) {
    if (axis == taps.size()) return static_cast<double>(static_cast<Compute<T>>(*x));
    double sum = 0;
    for (int i = 0; i < taps[axis].count; ++i)
      if (taps[axis].index[i] >= 0)
        sum += taps[axis].weight[i] * weighted(x + taps[axis].index[i] * strides[axis], taps, strides, axis + 1);
    return sum;
  }

  /// What the normalised coordinate (-1 to 1 over the image) reads along an axis.
  Taps taps_at(double normalized, int64_t extent) const {
    const auto length = static_cast<double>(extent);
    const double low = align_corners ? 0 : -0.5, high = align_corners ? length - 1 : length - 0.5;
    // In float, as PyTorch and ONNX's reference do: it decides which pixel is the nearest.
    double x =
        static_cast<float>(align_corners ? (normalized + 1) / 2 * (length - 1) : ((normalized + 1) * length - 1) / 2);
    if (!std::isfinite(x)) x = padding == Padding::zeros ? -1e9 : 0;
    x = std::clamp(x, -1e9, 1e9);
    if (mode == Mode::nearest) x = std::nearbyint(x);
    // Cubic pads the pixels that it reads, not the place: it must not snap to the border while pixels inside have
    // weight.
    if (mode != Mode::cubic && padding == Padding::border) x = std::clamp(x, 0.0, length - 1);
    if (mode != Mode::cubic && padding == Padding::reflection) x = reflect(x, low, high);

    Taps taps;
    const auto add = [&](double place, double weight) {
      if (padding == Padding::reflection) place = std::trunc(reflect(place, low, high));
      if (padding == Padding::border) place = std::clamp(place, 0.0, length - 1);
      const bool inside = place >= 0 && place < length;
      taps.index[taps.count] = inside ? static_cast<int64_t>(place) : -1;
      taps.weight[taps.count++] = weight;
    };
    if (mode == Mode::nearest) {
      add(std::trunc(x), 1);
      return taps;
    }
    const double floor = std::floor(x), t = x - floor;
    if (mode == Mode::linear) {
      add(floor, 1 - t);
      add(floor + 1, t);
      return taps;
    }
    // Cubic convolution with a = -0.75 (Keys, 1981).
    constexpr double a = -0.75;
    const auto near = [](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
    const auto far = [](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
    add(floor - 1, far(t + 1));
    add(floor, near(t));
    add(floor + 1, near(1 - t));
    add(floor + 2, far(2 - t));
    return taps;
  }
};

}  // namespace

Result<OperatorPtr> parse_grid_sample(const Node& node) {
  Attributes attributes(node);
  const std::string mode = attributes.text("mode", node.opset < 20 ? "bilinear" : "linear");
  const std::string padding = attributes.text("padding_mode", "zeros");
  const bool align_corners = attributes.flag("align_corners", false);
  FOVEA_TRY(attributes.finish());
  // Opset 20 renamed bilinear and bicubic; exporters went on writing the old names for a while.
  Mode m = Mode::nearest;
  if (mode == "linear" || mode == "bilinear")
    m = Mode::linear;
  else if (mode == "cubic" || mode == "bicubic")
    m = Mode::cubic;
  else if (mode != "nearest")
    return invalid_model("mode \"{}\" is not known", mode);
  Padding p = Padding::zeros;
  if (padding == "border")
    p = Padding::border;
  else if (padding == "reflection")
    p = Padding::reflection;
  else if (padding != "zeros")
    return invalid_model("padding_mode \"{}\" is not known", padding);
  return make_operator<GridSample>(m, p, align_corners, node.opset);
}

}  // namespace fovea::ops
