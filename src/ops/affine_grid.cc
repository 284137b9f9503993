// ONNX AffineGrid: for each pixel of an image, where an affine map takes it; coordinates for GridSample.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/convert.h"
#include "ops/dispatch.h"
#include "ops/outputs.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

struct AffineGrid final : Operator {
  bool align_corners;  // -1 and 1 are the centres of the outer pixels, not their edges
  explicit AffineGrid(bool a) : align_corners(a) {}

  /// theta {batch, n, n + 1} for n = 2 or 3 spatial axes, size {batch, channels, spatial...}. The output is {batch,
  /// spatial..., n}; its last axis lists coordinates from the last spatial axis to the first.
  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kFloats));
    const std::vector<int64_t> size = FOVEA_TRY(in.integers(1));
    if (size.size() != 4 && size.size() != 5) return invalid_model("{} extents, but 4 or 5 are needed", size.size());
    const auto axes = static_cast<int64_t>(size.size()) - 2;
    FOVEA_TRY(expect_rank(in, 0, 3));
    FOVEA_TRY(expect_shape(in, 0, Shape{size[0], axes, axes + 1}));
    Shape shape = {size[0]};
    shape.insert(shape.end(), size.begin() + 2, size.end());
    shape.push_back(axes);
    return one_output(in.dtype(0), std::move(shape));
  }

  Result<void> compute(Args in, Outs out) const override {
    const int64_t axes = in[0].shape[1], batch = out[0].shape[0];
    const Shape extents(out[0].shape.begin() + 1, out[0].shape.end() - 1), pixels = strides_of(extents);
    const int64_t places = element_count(extents);
    return dispatch<FloatTypes>(in[0].dtype, [&]<class T>() {
      T* y = out[0].as<T>();
      for (int64_t n = 0; n < batch; ++n)
        for (int64_t p = 0; p < places; ++p) {
          double place[4] = {};  // the last spatial axis first, then a 1
          for (int64_t k = 0; k < axes; ++k) {
            const auto axis = static_cast<size_t>(axes - 1 - k);
            place[k] = normalized(p / pixels[axis] % extents[axis], extents[axis]);
          }
          place[axes] = 1;
          const T* theta = in[0].as<T>() + n * axes * (axes + 1);
          for (int64_t row = 0; row < axes; ++row, theta += axes + 1) {
            double sum = 0;
            for (int64_t k = 0; k <= axes; ++k) sum += static_cast<double>(theta[k]) * place[k];
            *y++ = convert<T>(sum);
          }
        }
    });
  }

  // A single pixel is in the middle either way.
  double normalized(int64_t i, int64_t extent) const {
    const auto at = static_cast<double>(i), length = static_cast<double>(extent);
    if (align_corners) return extent == 1 ? 0 : 2 * at / (length - 1) - 1;
    return (2 * at + 1) / length - 1;
  }
};

}  // namespace

Result<OperatorPtr> parse_affine_grid(const Node& node) {
  Attributes attributes(node);
  const bool align_corners = attributes.flag("align_corners", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<AffineGrid>(align_corners);
}

}  // namespace fovea::ops
