#include "ops/pad.h"

#include <algorithm>
#include <numeric>

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/elementwise.h"
#include "ops/known.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

// Position `i` of an axis that goes on beyond its n elements in both directions; -1 for the constant. n > 0.
int64_t beyond(PadMode mode, int64_t i, int64_t n) {
  if (i >= 0 && i < n) return i;
  switch (mode) {
    case PadMode::constant: return -1;
    case PadMode::edge: return i < 0 ? 0 : n - 1;
    case PadMode::wrap: return (i % n + n) % n;
    case PadMode::reflect: break;
  }
  if (n == 1) return 0;
  const int64_t period = 2 * (n - 1), phase = (i % period + period) % period;
  return phase < n ? phase : period - phase;
}

}  // namespace

Result<std::vector<PadAxis>> Pad::resolve(const Inputs& in) const {
  const Shape& shape = in.shape(0);
  const std::vector<int64_t> list = pads ? *pads : FOVEA_TRY(in.integers(1));
  std::vector<int64_t> axes(shape.size());
  std::iota(axes.begin(), axes.end(), 0);
  if (in.has(3)) axes = FOVEA_TRY(normalize_axes(FOVEA_TRY(in.integers(3)), in.rank(0)));
  if (list.size() != 2 * axes.size()) return invalid_model("{} pads for {} axes", list.size(), axes.size());

  std::vector<PadAxis> result(shape.size());
  for (size_t i = 0; i < axes.size(); ++i) {
    const auto axis = static_cast<size_t>(axes[i]);
    const PadAxis pad{list[i], list[axes.size() + i]};
    const auto left = checked_add(std::min<int64_t>(pad.begin, 0), std::min<int64_t>(pad.end, 0));
    if (!left || *left < -shape[axis])
      return invalid_model("pads {} and {} crop more than the extent {} of axis {}", pad.begin, pad.end, shape[axis],
                           axis);
    const auto sum = checked_add(std::max<int64_t>(pad.begin, 0), std::max<int64_t>(pad.end, 0));
    if (!sum || !checked_add(*sum, shape[axis]))
      return invalid_model("pads {} and {} of axis {} are too large", pad.begin, pad.end, axis);
    if (mode != PadMode::constant && *sum > 0 && shape[axis] + *left == 0)
      return invalid_model("axis {} is to be padded with its own elements, but has none", axis);
    result[axis] = pad;
  }
  return result;
}

Result<Types> Pad::infer(const Inputs& in) const {
  if (in.has(2)) {
    FOVEA_TRY(expect_same_dtype(in, 2, 0));
    if (element_count(in.shape(2)) != 1)
      return invalid_model("the constant must be one value, but has shape {}", to_string(in.shape(2)));
  }
  Shape shape = in.shape(0);
  const std::vector<PadAxis> axes = FOVEA_TRY(resolve(in));
  for (size_t d = 0; d < shape.size(); ++d) shape[d] += axes[d].begin + axes[d].end;
  return one_output(in.dtype(0), std::move(shape));
}

Result<void> Pad::compute(Args in, Outs out) const {
  if (out[0].size() == 0) return {};
  const std::vector<PadAxis> axes = FOVEA_TRY(resolve(Known(in, out).inputs()));
  AxisMaps maps(axes.size());
  for (size_t d = 0; d < axes.size(); ++d) {
    if (axes[d].begin == 0 && axes[d].end == 0) continue;
    // What is cropped away is not there for reflecting and repeating.
    const int64_t cropped = std::max<int64_t>(-axes[d].begin, 0), added = std::max<int64_t>(axes[d].begin, 0);
    const int64_t extent = in[0].shape[d] - cropped - std::max<int64_t>(-axes[d].end, 0);
    maps[d].resize(static_cast<size_t>(out[0].shape[d]));
    for (size_t i = 0; i < maps[d].size(); ++i) {
      const int64_t at = extent == 0 ? -1 : beyond(mode, static_cast<int64_t>(i) - added, extent);
      maps[d][i] = at < 0 ? -1 : at + cropped;
    }
  }
  uint64_t constant = 0;
  if (in.size() > 2 && in[2].present())
    copy_all(in[2], {in[2].dtype, in[2].shape, &constant});
  else
    write_block(&value, 1, in[0].dtype, &constant);
  copy_mapped(in[0], maps, &constant, out[0]);
  return {};
}

Result<OperatorPtr> parse_pad(const Node& node) {
  Attributes attributes(node);
  const std::string name = attributes.text("mode", "constant");
  const std::string_view list = node.opset < 2 ? "paddings" : "pads";
  std::optional<std::vector<int64_t>> pads;
  float value = 0;
  if (node.opset < 11) {
    attributes.require(list);
    pads = attributes.integers(list);
    value = attributes.number("value", 0);
  }
  FOVEA_TRY(attributes.finish());
  const size_t most = node.opset < 11 ? 1 : node.opset < 18 ? 3 : 4, least = node.opset < 11 ? 1 : 2;
  if (node.inputs.size() < least || node.inputs.size() > most)
    return invalid_model("{} inputs, but Pad-{} takes {} to {}", node.inputs.size(), node.opset, least, most);
  constexpr std::string_view kModes[] = {"constant", "reflect", "edge", "wrap"};
  const auto mode = std::ranges::find(kModes, name);
  if (mode == std::end(kModes)) return invalid_model("mode \"{}\" is not one that Pad has", name);
  return make_operator<Pad>(static_cast<PadMode>(mode - std::begin(kModes)), std::move(pads), value);
}

}  // namespace fovea::ops
