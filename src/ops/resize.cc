#include "ops/resize.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/elementwise.h"
#include "ops/known.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

// Extents beyond this are refused before they become integers.
constexpr double kMostElements = 0x1p62;
// Regions are parts of the input, a little more at most.
constexpr double kFarthestRegion = 1e6;

Result<std::vector<double>> numbers(const Inputs& in, int slot) {
  const auto i = static_cast<size_t>(slot);
  const Tensor tensor = FOVEA_TRY(in.value(i));
  FOVEA_TRY(expect_dtype(in, i, kFloats));
  FOVEA_TRY(expect_rank(in, i, 1));
  std::vector<double> values(static_cast<size_t>(tensor.size()));
  read_block(tensor.dtype(), tensor.raw(), tensor.size(), values.data());
  return values;
}

// Empty tensors stand for inputs that are left out: before opset 13 they could not be.
bool given(const Inputs& in, int slot) {
  return slot >= 0 && in.has(static_cast<size_t>(slot)) && element_count(in.shape(static_cast<size_t>(slot))) > 0;
}

Result<std::vector<size_t>> listed_axes(const std::optional<std::vector<int64_t>>& axes, int64_t rank) {
  std::vector<int64_t> result(static_cast<size_t>(rank));
  std::iota(result.begin(), result.end(), 0);
  if (axes) result = FOVEA_TRY(normalize_axes(*axes, rank));
  return std::vector<size_t>(result.begin(), result.end());
}

Result<void> set_scale(ResizeAxis& axis, float scale) {
  if (!std::isfinite(scale) || scale <= 0) return invalid_model("scale {} is not positive", scale);
  if (scale == 1) return {};  // single precision would not keep every extent
  // In single precision, as ONNX's own shape rule: 10 * 0.7f is 7.
  const float extent = std::floor(static_cast<float>(axis.input) * scale);
  if (static_cast<double>(extent) > kMostElements) return invalid_model("scale {} is too large", scale);
  axis.scale = static_cast<double>(scale);
  axis.output = static_cast<int64_t>(extent);
  return {};
}

Result<void> set_size(ResizeAxis& axis, int64_t size) {
  if (size < 0) return invalid_model("size {} is negative", size);
  axis.output = size;
  if (axis.input > 0 && size > 0) axis.scale = static_cast<double>(size) / static_cast<double>(axis.input);
  return {};
}

template <class T>
T rounded(double x) {
  if constexpr (!std::is_integral_v<T>) {
    return convert<T>(x);
  } else {
    constexpr auto kLeast = static_cast<double>(std::numeric_limits<T>::min());
    constexpr double kMost = static_cast<double>(std::numeric_limits<T>::max());
    x = std::nearbyint(x);
    if (!(x > kLeast)) return std::numeric_limits<T>::min();
    return x >= kMost ? std::numeric_limits<T>::max() : static_cast<T>(x);
  }
}

// One pass: {outer, axis.input, inner} to {outer, axis.output, inner}.
void interpolate(const ResizeTaps& taps, const ResizeAxis& axis, int64_t outer, int64_t inner, double outside,
                 const double* x, double* y) {
  for (int64_t o = 0; o < outer; ++o, x += axis.input * inner)
    for (size_t i = 0; i + 1 < taps.first.size(); ++i, y += inner) {
      const bool none = taps.first[i] == taps.first[i + 1];
      std::fill_n(y, inner, none ? outside : 0);
      for (size_t t = taps.first[i]; t < taps.first[i + 1]; ++t) {
        const double* from = x + taps.at[t] * inner;
        for (int64_t k = 0; k < inner; ++k) y[k] += taps.weight[t] * from[k];
      }
    }
}

Result<Tensor> interpolated(const ResizeAttributes& attributes, const std::vector<ResizeAxis>& axes, Tensor x) {
  // Axes that shrink come first, so that nothing in between is larger than both ends.
  std::vector<size_t> order(axes.size());
  std::iota(order.begin(), order.end(), 0);
  std::ranges::stable_sort(
      order, {}, [&](size_t d) { return static_cast<double>(axes[d].output) / static_cast<double>(axes[d].input); });
  for (size_t d : order) {
    if (axes[d].trivial()) continue;
    Shape shape = x.shape();
    shape[d] = axes[d].output;
    Tensor y = FOVEA_TRY(Tensor::allocate(DType::f64, shape));
    const auto at = static_cast<int64_t>(d);
    interpolate(resize_taps(attributes, axes[d]), axes[d], extent_product(shape, 0, at),
                extent_product(shape, at + 1, y.rank()), static_cast<double>(attributes.extrapolation_value),
                x.data<double>(), y.mutable_view().as<double>());
    x = std::move(y);
  }
  return x;
}

}  // namespace

Result<std::vector<ResizeAxis>> Resize::resolve(const Inputs& in) const {
  const std::vector<size_t> listed = FOVEA_TRY(listed_axes(axes, in.rank(0)));
  std::vector<ResizeAxis> result;
  for (int64_t extent : in.shape(0)) result.push_back({extent, extent});
  const auto expect_length = [&](size_t n, std::string_view name) -> Result<void> {
    if (n == listed.size()) return {};
    return invalid_model("{} {} for {} axes", n, name, listed.size());
  };

  const bool by_size = given(in, slots.sizes), by_scale = scales || given(in, slots.scales);
  if (by_size == by_scale)
    return invalid_model("{} scales and sizes are given; exactly one is needed", by_size ? "both" : "neither");
  if (by_scale) {
    const std::vector<double> list =
        scales ? std::vector<double>(scales->begin(), scales->end()) : FOVEA_TRY(numbers(in, slots.scales));
    FOVEA_TRY(expect_length(list.size(), "scales"));
    for (size_t i = 0; i < list.size(); ++i) FOVEA_TRY(set_scale(result[listed[i]], static_cast<float>(list[i])));
  } else {
    const std::vector<int64_t> list = FOVEA_TRY(in.integers(static_cast<size_t>(slots.sizes)));
    FOVEA_TRY(expect_length(list.size(), "sizes"));
    for (size_t i = 0; i < list.size(); ++i) FOVEA_TRY(set_size(result[listed[i]], list[i]));
    if (aspect != Aspect::stretch) {
      // One scale for all the axes: that of the one which it fits the tightest, or the loosest.
      const auto by = [&](size_t d) { return result[d].scale; };
      const double scale = aspect == Aspect::not_larger ? by(*std::ranges::min_element(listed, {}, by))
                                                        : by(*std::ranges::max_element(listed, {}, by));
      for (size_t d : listed) {
        const double extent = std::floor(scale * static_cast<double>(result[d].input) + 0.5);
        if (extent > kMostElements) return invalid_model("axis {} becomes too large", d);
        result[d].scale = scale;
        result[d].output = static_cast<int64_t>(extent);
      }
    }
  }
  for (size_t d = 0; d < result.size(); ++d)
    if (result[d].input == 0 && result[d].output != 0) return invalid_model("axis {} has nothing to resize", d);
  return result;
}

Result<void> Resize::add_regions(const Inputs& in, std::vector<ResizeAxis>& all) const {
  if (attributes.coordinates != ResizeCoordinates::tf_crop_and_resize) return {};
  const std::vector<size_t> listed = FOVEA_TRY(listed_axes(axes, in.rank(0)));
  if (!given(in, slots.roi)) return invalid_model("tf_crop_and_resize needs the input roi");
  const std::vector<double> roi = FOVEA_TRY(numbers(in, slots.roi));
  if (roi.size() != 2 * listed.size()) return invalid_model("{} ends in roi for {} axes", roi.size(), listed.size());
  for (double end : roi)
    if (!(std::fabs(end) <= kFarthestRegion)) return invalid_argument("roi has {}, far outside the input", end);
  for (size_t i = 0; i < listed.size(); ++i) {
    all[listed[i]].roi_begin = roi[i];
    all[listed[i]].roi_end = roi[i + listed.size()];
  }
  return {};
}

Result<Types> Resize::infer(const Inputs& in) const {
  if (attributes.mode != ResizeMode::nearest) FOVEA_TRY(expect_dtype(in, 0, kNumbers));
  if (attributes.coordinates == ResizeCoordinates::tf_crop_and_resize && !given(in, slots.roi))
    return invalid_model("tf_crop_and_resize needs the input roi");
  Shape shape;
  for (const ResizeAxis& axis : FOVEA_TRY(resolve(in))) shape.push_back(axis.output);
  return one_output(in.dtype(0), std::move(shape));
}

Result<void> Resize::compute(Args in, Outs out) const {
  if (out[0].size() == 0) return {};
  const Known known(in, out);
  std::vector<ResizeAxis> all = FOVEA_TRY(resolve(known.inputs()));
  FOVEA_TRY(add_regions(known.inputs(), all));
  if (std::ranges::all_of(all, &ResizeAxis::trivial)) {
    copy_all(in[0], out[0]);
    return {};
  }
  if (attributes.mode == ResizeMode::nearest) {
    AxisMaps maps;
    for (const ResizeAxis& axis : all)
      maps.push_back(axis.trivial() ? std::vector<int64_t>() : nearest_positions(attributes, axis));
    uint64_t outside = 0;
    write_block(&attributes.extrapolation_value, 1, out[0].dtype, &outside);
    copy_mapped(in[0], maps, &outside, out[0]);
    return {};
  }
  Tensor x = FOVEA_TRY(Tensor::allocate(DType::f64, Shape(in[0].shape.begin(), in[0].shape.end())));
  read_block(in[0].dtype, in[0].data, in[0].size(), x.mutable_view().as<double>());
  const Tensor y = FOVEA_TRY(interpolated(attributes, all, std::move(x)));
  return dispatch<NumberTypes>(out[0].dtype, [&]<class T>() {
    std::ranges::transform(y.values<double>(), out[0].as<T>(), [](double v) { return rounded<T>(v); });
  });
}

namespace {

// A name's place in a list of those that a mode has, or an error that lists them.
template <class E>
Result<E> choose(std::string_view attribute, std::string_view name, std::span<const std::string_view> names) {
  const auto at = std::ranges::find(names, name);
  if (at != names.end()) return static_cast<E>(at - names.begin());
  return invalid_model("attribute \"{}\" is \"{}\", but must be one of {}", attribute, name, fmt::join(names, ", "));
}

constexpr std::string_view kModes[] = {"nearest", "linear", "cubic"};
constexpr std::string_view kRoundings[] = {"round_prefer_floor", "round_prefer_ceil", "floor", "ceil"};
constexpr std::string_view kAspects[] = {"stretch", "not_larger", "not_smaller"};
constexpr std::string_view kCoordinates[] = {"half_pixel",          "half_pixel_symmetric", "pytorch_half_pixel",
                                             "align_corners",       "asymmetric",           "tf_crop_and_resize",
                                             "tf_half_pixel_for_nn"};

}  // namespace

Result<OperatorPtr> parse_resize(const Node& node) {
  Attributes attributes(node);
  ResizeAttributes a;
  const std::string mode = attributes.text("mode", "nearest");
  if (node.opset < 11) {
    FOVEA_TRY(attributes.finish());
    a.mode = FOVEA_TRY(choose<ResizeMode>("mode", mode, std::span(kModes).first(2)));
    a.coordinates = ResizeCoordinates::asymmetric;
    a.rounding = ResizeRounding::legacy;
    return make_operator<Resize>(a, Resize::Aspect::stretch, std::nullopt, std::nullopt,
                                 Resize::Slots{.roi = -1, .scales = 1, .sizes = -1});
  }
  const std::string coordinates = attributes.text("coordinate_transformation_mode", "half_pixel");
  const std::string rounding = attributes.text("nearest_mode", "round_prefer_floor");
  a.cubic_coeff_a = attributes.number("cubic_coeff_a", -0.75f);
  a.exclude_outside = attributes.flag("exclude_outside", false);
  a.extrapolation_value = attributes.number("extrapolation_value", 0);
  std::string aspect = "stretch";
  std::optional<std::vector<int64_t>> axes;
  if (node.opset >= 18) {
    a.antialias = attributes.flag("antialias", false);
    aspect = attributes.text("keep_aspect_ratio_policy", aspect);
    if (attributes.has("axes")) axes = attributes.integers("axes");
  }
  FOVEA_TRY(attributes.finish());
  a.mode = FOVEA_TRY(choose<ResizeMode>("mode", mode, kModes));
  a.coordinates = FOVEA_TRY(choose<ResizeCoordinates>("coordinate_transformation_mode", coordinates, kCoordinates));
  a.rounding = FOVEA_TRY(choose<ResizeRounding>("nearest_mode", rounding, kRoundings));
  if (a.mode == ResizeMode::nearest && a.antialias)
    return invalid_model("antialias goes with linear and cubic, not with nearest");
  const auto policy = FOVEA_TRY(choose<Resize::Aspect>("keep_aspect_ratio_policy", aspect, kAspects));
  return make_operator<Resize>(a, policy, std::move(axes), std::nullopt,
                               Resize::Slots{.roi = 1, .scales = 2, .sizes = 3});
}

Result<OperatorPtr> parse_upsample(const Node& node) {
  Attributes attributes(node);
  ResizeAttributes a;
  a.coordinates = ResizeCoordinates::asymmetric;
  a.rounding = ResizeRounding::legacy;
  const std::string mode = attributes.text("mode", "nearest");
  std::optional<std::vector<float>> scales;
  if (node.opset < 9) {
    attributes.require("scales");
    scales = attributes.numbers("scales");
  }
  FOVEA_TRY(attributes.finish());
  a.mode = FOVEA_TRY(choose<ResizeMode>("mode", mode, std::span(kModes).first(2)));
  const Resize::Slots slots{.roi = -1, .scales = scales ? -1 : 1, .sizes = -1};
  return make_operator<Resize>(a, Resize::Aspect::stretch, std::nullopt, std::move(scales), slots);
}

}  // namespace fovea::ops
