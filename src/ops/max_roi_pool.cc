// ONNX MaxRoiPool: the largest pixel in each bin of a region whose corners are rounded to pixels (Fast R-CNN).
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/outputs.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

struct Bin {
  int64_t first, last;  // pixels [first, last), within the image
};

// Bin `i` of `count` between two corners, both included; a region is never smaller than a pixel.
Bin bin(double from, double to, int64_t i, int64_t count, int64_t extent) {
  const double size = std::max(to - from + 1, 1.0) / static_cast<double>(count);
  const auto clip = [&](double at) { return static_cast<int64_t>(std::clamp(at, 0.0, static_cast<double>(extent))); };
  return {clip(from + std::floor(static_cast<double>(i) * size)),
          clip(from + std::ceil(static_cast<double>(i + 1) * size))};
}

struct MaxRoiPool final : Operator {
  int64_t height, width;  // bins
  float scale;
  MaxRoiPool(int64_t h, int64_t w, float s) : height(h), width(w), scale(s) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kFloats));
    FOVEA_TRY(expect_same_dtype(in, 1, 0));
    FOVEA_TRY(expect_rank(in, 0, 4));
    FOVEA_TRY(expect_rank(in, 1, 2));
    FOVEA_TRY(expect_shape(in, 1, Shape{-1, 5}));
    return one_output(in.dtype(0), {in.shape(1)[0], in.shape(0)[1], height, width});
  }

  // Empty bins are 0.
  Result<void> compute(Args in, Outs out) const override {
    const int64_t channels = in[0].shape[1], h = in[0].shape[2], w = in[0].shape[3];
    return dispatch<FloatTypes>(in[0].dtype, [&]<class T>() -> Result<void> {
      T* y = out[0].as<T>();
      for (int64_t n = 0; n < in[1].shape[0]; ++n) {
        double roi[5];  // image, x1, y1, x2, y2
        for (int64_t k = 0; k < 5; ++k) {
          const float value = static_cast<float>(in[1].as<T>()[n * 5 + k]);
          roi[k] = k == 0 ? value : std::round(value * scale);
          if (!std::isfinite(roi[k])) return invalid_argument("region {} holds no finite number", n);
        }
        if (!(roi[0] >= 0 && roi[0] < static_cast<double>(in[0].shape[0])))
          return invalid_argument("region {} lies in image {} of {}", n, roi[0], in[0].shape[0]);
        const T* image = in[0].as<T>() + static_cast<int64_t>(roi[0]) * channels * h * w;
        for (int64_t c = 0; c < channels; ++c, image += h * w)
          for (int64_t i = 0; i < height; ++i)
            for (int64_t j = 0; j < width; ++j)
              *y++ = largest(image, w, bin(roi[2], roi[4], i, height, h), bin(roi[1], roi[3], j, width, w));
      }
      return {};
    });
  }

  template <class T>
  static T largest(const T* plane, int64_t w, Bin rows, Bin columns) {
    if (rows.first >= rows.last || columns.first >= columns.last) return T{};
    T result = plane[rows.first * w + columns.first];
    for (int64_t y = rows.first; y < rows.last; ++y)
      for (int64_t x = columns.first; x < columns.last; ++x)
        if (Compute<T>(plane[y * w + x]) > Compute<T>(result)) result = plane[y * w + x];
    return result;
  }
};

}  // namespace

Result<OperatorPtr> parse_max_roi_pool(const Node& node) {
  Attributes attributes(node);
  attributes.require("pooled_shape");
  const std::vector<int64_t> bins = attributes.integers("pooled_shape");
  const float scale = attributes.number("spatial_scale", 1);
  FOVEA_TRY(attributes.finish());
  if (bins.size() != 2 || bins[0] < 1 || bins[1] < 1) return invalid_model("pooled_shape must be two positive numbers");
  return make_operator<MaxRoiPool>(bins[0], bins[1], scale);
}

}  // namespace fovea::ops
