// ONNX CenterCropPad: axes cropped or padded with zeros on both sides, to given extents.
#include <numeric>
#include <optional>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

struct CenterCropPad final : Operator {
  std::optional<std::vector<int64_t>> axes;  // nothing: all
  explicit CenterCropPad(std::optional<std::vector<int64_t>> a) : axes(std::move(a)) {}

  Result<Types> infer(const Inputs& in) const override {
    std::vector<int64_t> which(in.shape(0).size());
    std::iota(which.begin(), which.end(), 0);
    if (axes) which = FOVEA_TRY(normalize_axes(*axes, in.rank(0)));
    const std::vector<int64_t> extents = FOVEA_TRY(in.integers(1));
    if (extents.size() != which.size()) return invalid_model("{} extents for {} axes", extents.size(), which.size());
    Shape shape = in.shape(0);
    for (size_t i = 0; i < which.size(); ++i) shape[static_cast<size_t>(which[i])] = extents[i];
    return one_output(in.dtype(0), std::move(shape));
  }

  Result<void> compute(Args in, Outs out) const override {
    if (out[0].size() == 0) return {};  // other extents may be beyond all memory then
    AxisMaps maps(out[0].shape.size());
    for (size_t d = 0; d < maps.size(); ++d) {
      const int64_t from = in[0].shape[d], to = out[0].shape[d];
      if (from == to) continue;
      // An odd one out is cropped or added behind.
      const int64_t shift = from > to ? (from - to) / 2 : -((to - from) / 2);
      for (int64_t i = 0; i < to; ++i) {
        const int64_t at = i + shift;
        maps[d].push_back(at >= 0 && at < from ? at : -1);
      }
    }
    copy_mapped(in[0], maps, nullptr, out[0]);
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_center_crop_pad(const Node& node) {
  Attributes attributes(node);
  std::optional<std::vector<int64_t>> axes;
  if (attributes.has("axes")) axes = attributes.integers("axes");
  FOVEA_TRY(attributes.finish());
  return make_operator<CenterCropPad>(std::move(axes));
}

}  // namespace fovea::ops
