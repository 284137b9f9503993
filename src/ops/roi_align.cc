// ONNX RoiAlign: regions of an image, sampled between the pixels on a grid that is laid over each of their bins.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/convert.h"
#include "ops/dispatch.h"
#include "ops/outputs.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr int64_t kMaxRatio = 4096;

/// Where a sample lies along one axis: between two pixels, or on one.
struct Sample {
  int64_t low, high;
  double share;  // of `high`
};

/// The samples of one bin along one axis that lie in the image (or within a pixel of it); `total` counts the others
/// too, which are zero.
struct BinSamples {
  std::vector<Sample> inside;
  double total = 0;
};

BinSamples samples(double start, double length, int64_t ratio, int64_t extent) {
  BinSamples result;
  result.total = ratio > 0 ? static_cast<double>(ratio) : std::ceil(length);
  const double step = length / result.total;
  int64_t first = 0, last = ratio;
  if (ratio == 0) {
    if (!(result.total > 0)) return result;  // an empty region
    // A region may be far larger than the image: its samples out there are not visited one by one.
    const auto clip = [&](double i) {
      return static_cast<int64_t>(std::clamp(i, 0.0, std::min(result.total, 0x1p53)));
    };
    first = clip(std::floor((-1 - start) / step) - 1);
    last = clip(std::ceil((static_cast<double>(extent) - start) / step) + 1);
  }
  for (int64_t i = first; i < last; ++i) {
    double at = start + (static_cast<double>(i) + 0.5) * step;
    if (!(at >= -1 && at <= static_cast<double>(extent))) continue;
    at = std::max(at, 0.0);
    const int64_t low = std::min(static_cast<int64_t>(at), extent - 1), high = std::min(low + 1, extent - 1);
    result.inside.push_back({low, high, low == high ? 0 : at - static_cast<double>(low)});
  }
  return result;
}

struct RoiAlign final : Operator {
  int64_t height, width;  // bins
  int64_t ratio;          // samples in each bin and direction; 0: one for each pixel
  double scale, shift;
  bool maximum, at_least_one_pixel;
  RoiAlign(int64_t h, int64_t w, int64_t r, double sc, double sh, bool m, bool p)
      : height(h), width(w), ratio(r), scale(sc), shift(sh), maximum(m), at_least_one_pixel(p) {}

  Result<Types> infer(const Inputs& in) const override {
    constexpr DType kIndex[] = {DType::i64};
    FOVEA_TRY(expect_dtype(in, 0, kFloats));
    FOVEA_TRY(expect_same_dtype(in, 1, 0));
    FOVEA_TRY(expect_dtype(in, 2, kIndex));
    FOVEA_TRY(expect_rank(in, 0, 4));
    FOVEA_TRY(expect_rank(in, 2, 1));
    FOVEA_TRY(expect_shape(in, 1, Shape{in.shape(2)[0], 4}));
    if (in.shape(0)[2] < 1 || in.shape(0)[3] < 1) return invalid_model("the image has no pixels");
    return one_output(in.dtype(0), {in.shape(2)[0], in.shape(0)[1], height, width});
  }

  Result<void> compute(Args in, Outs out) const override {
    return dispatch<FloatTypes>(in[0].dtype, [&]<class T>() -> Result<void> {
      for (int64_t n = 0; n < out[0].shape[0]; ++n) FOVEA_TRY(region<T>(in, n, out[0].as<T>()));
      return {};
    });
  }

  template <class T>
  Result<void> region(Args in, int64_t n, T* out) const {
    const int64_t channels = in[0].shape[1], h = in[0].shape[2], w = in[0].shape[3];
    const int64_t image = in[2].as<int64_t>()[n];
    if (image < 0 || image >= in[0].shape[0])
      return invalid_argument("region {} lies in image {} of {}", n, image, in[0].shape[0]);
    double corner[4];  // x1, y1, x2, y2
    for (int64_t k = 0; k < 4; ++k) {
      corner[k] = static_cast<double>(in[1].as<T>()[n * 4 + k]) * scale - shift;
      if (!std::isfinite(corner[k])) return invalid_argument("region {} has a corner that is no finite number", n);
    }
    double region_w = corner[2] - corner[0], region_h = corner[3] - corner[1];
    if (at_least_one_pixel) {
      region_w = std::max(region_w, 1.0);
      region_h = std::max(region_h, 1.0);
    }
    const double bin_h = region_h / static_cast<double>(height), bin_w = region_w / static_cast<double>(width);
    std::vector<BinSamples> columns;
    for (int64_t x = 0; x < width; ++x)
      columns.push_back(samples(corner[0] + static_cast<double>(x) * bin_w, bin_w, ratio, w));
    for (int64_t y = 0; y < height; ++y) {
      const BinSamples rows = samples(corner[1] + static_cast<double>(y) * bin_h, bin_h, ratio, h);
      for (int64_t x = 0; x < width; ++x)
        for (int64_t c = 0; c < channels; ++c)
          out[((n * channels + c) * height + y) * width + x] = convert<T>(
              pooled(in[0].as<T>() + (image * channels + c) * h * w, w, rows, columns[static_cast<size_t>(x)]));
    }
    return {};
  }

  // The mean of the samples; or the largest of their pixels, each with its weight, as ONNX's reference has it.
  template <class T>
  double pooled(const T* plane, int64_t w, const BinSamples& rows, const BinSamples& columns) const {
    double sum = 0, largest = -INFINITY;
    for (const Sample& r : rows.inside)
      for (const Sample& c : columns.inside) {
        const double corners[] = {(1 - r.share) * (1 - c.share) * static_cast<double>(plane[r.low * w + c.low]),
                                  (1 - r.share) * c.share * static_cast<double>(plane[r.low * w + c.high]),
                                  r.share * (1 - c.share) * static_cast<double>(plane[r.high * w + c.low]),
                                  r.share * c.share * static_cast<double>(plane[r.high * w + c.high])};
        sum += corners[0] + corners[1] + corners[2] + corners[3];
        largest = std::max(largest, *std::ranges::max_element(corners));
      }
    const double total = std::max(rows.total, 0.0) * std::max(columns.total, 0.0);
    if (!maximum) return sum / std::max(total, 1.0);
    const bool all_inside =
        static_cast<double>(rows.inside.size()) * static_cast<double>(columns.inside.size()) == total;
    if (total == 0) return 0;
    return all_inside ? largest : std::max(largest, 0.0);
  }
};

}  // namespace

Result<OperatorPtr> parse_roi_align(const Node& node) {
  Attributes attributes(node);
  const std::string mode = attributes.text("mode", "avg");
  const int64_t height = attributes.integer("output_height", 1), width = attributes.integer("output_width", 1);
  const int64_t ratio = attributes.integer("sampling_ratio", 0);
  const double scale = attributes.number("spatial_scale", 1);
  const std::string transform =
      node.opset >= 16 ? attributes.text("coordinate_transformation_mode", "half_pixel") : "output_half_pixel";
  FOVEA_TRY(attributes.finish());
  if (mode != "avg" && mode != "max") return invalid_model("mode \"{}\" is neither avg nor max", mode);
  if (transform != "half_pixel" && transform != "output_half_pixel")
    return invalid_model("coordinate_transformation_mode \"{}\" is not one that RoiAlign has", transform);
  if (height < 1 || width < 1) return invalid_model("{} x {} bins", height, width);
  if (ratio < 0 || ratio > kMaxRatio) return invalid_model("a sampling ratio of {}", ratio);
  const bool shifted = transform == "half_pixel";
  return make_operator<RoiAlign>(height, width, ratio, scale, shifted ? 0.5 : 0, mode == "max", !shifted);
}

}  // namespace fovea::ops
