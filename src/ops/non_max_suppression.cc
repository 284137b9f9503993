// ONNX NonMaxSuppression: boxes in the order of their scores, without those that overlap a better one too much.
#include <algorithm>
#include <array>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/known.h"
#include "ops/outputs.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

struct Box {
  float left, top, right, bottom;
  float area() const { return (right - left) * (bottom - top); }
};

// Corners y1, x1, y2, x2, of either diagonal; or centre x, y and size.
Box box_of(const float* b, bool centred) {
  if (centred) return {b[0] - b[2] / 2, b[1] - b[3] / 2, b[0] + b[2] / 2, b[1] + b[3] / 2};
  return {std::min(b[1], b[3]), std::min(b[0], b[2]), std::max(b[1], b[3]), std::max(b[0], b[2])};
}

/// Intersection over union is beyond the threshold; never for boxes without area.
bool overlap(const Box& a, const Box& b, float threshold) {
  const float width = std::min(a.right, b.right) - std::max(a.left, b.left);
  const float height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  if (!(width > 0 && height > 0 && a.area() > 0 && b.area() > 0)) return false;
  const float both = width * height, either = a.area() + b.area() - both;
  return either > 0 && both / either > threshold;
}

using Selected = std::vector<std::array<int64_t, 3>>;  // batch, class, box

struct NonMaxSuppression final : Operator {
  bool centred;
  explicit NonMaxSuppression(bool c) : centred(c) {}

  // How many boxes are left depends on the boxes.
  Result<Types> infer(const Inputs& in) const override {
    constexpr DType kBoxes[] = {DType::f32}, kCount[] = {DType::i64};
    for (size_t i : {0, 1, 3, 4})
      if (in.has(i)) FOVEA_TRY(expect_dtype(in, i, kBoxes));
    if (in.has(2)) FOVEA_TRY(expect_dtype(in, 2, kCount));
    for (size_t i : {2, 3, 4})
      if (in.has(i) && element_count(in.shape(i)) != 1)
        return invalid_model("input {} must be one number, but has shape {}", i, to_string(in.shape(i)));
    FOVEA_TRY(expect_rank(in, 0, 3));
    FOVEA_TRY(expect_shape(in, 0, Shape{-1, -1, 4}));
    FOVEA_TRY(expect_shape(in, 1, Shape{in.shape(0)[0], -1, in.shape(0)[1]}));
    const auto count = static_cast<int64_t>(FOVEA_TRY(select(in)).size());
    return one_output(DType::i64, {count, 3});
  }

  Result<void> compute(Args in, Outs out) const override {
    int64_t* y = out[0].as<int64_t>();
    for (const auto& row : FOVEA_TRY(select(Known(in, out).inputs()))) y = std::ranges::copy(row, y).out;
    return {};
  }

  Result<Selected> select(const Inputs& in) const {
    const Tensor boxes = FOVEA_TRY(in.value(0)), scores = FOVEA_TRY(in.value(1));
    const int64_t most = in.has(2) ? FOVEA_TRY(in.value(2)).data<int64_t>()[0] : 0;
    const float overlap_limit = in.has(3) ? FOVEA_TRY(in.value(3)).data<float>()[0] : 0;
    std::optional<float> least;
    if (in.has(4)) least = FOVEA_TRY(in.value(4)).data<float>()[0];
    if (most > 0 && !(overlap_limit >= 0 && overlap_limit <= 1))
      return invalid_model("iou_threshold is {}, but must lie in [0, 1]", overlap_limit);

    Selected selected;
    const int64_t count = boxes.shape()[1], classes = scores.shape()[1];
    std::vector<Box> of_batch(static_cast<size_t>(count));
    for (int64_t batch = 0; batch < boxes.shape()[0]; ++batch) {
      for (int64_t i = 0; i < count; ++i)
        of_batch[static_cast<size_t>(i)] = box_of(boxes.data<float>() + (batch * count + i) * 4, centred);
      for (int64_t c = 0; c < classes; ++c)
        for (int64_t box :
             best(of_batch, scores.data<float>() + (batch * classes + c) * count, most, overlap_limit, least))
          selected.push_back({batch, c, box});
    }
    return selected;
  }

  static std::vector<int64_t> best(const std::vector<Box>& boxes, const float* scores, int64_t most,
                                   float overlap_limit, std::optional<float> least) {
    std::vector<int64_t> candidates, kept;
    for (int64_t i = 0; i < static_cast<int64_t>(boxes.size()); ++i)
      if (least ? scores[i] > *least : scores[i] == scores[i]) candidates.push_back(i);  // never NaN
    std::ranges::stable_sort(candidates, [&](int64_t a, int64_t b) { return scores[a] > scores[b]; });
    for (int64_t i : candidates) {
      if (static_cast<int64_t>(kept.size()) >= most) break;
      const Box& box = boxes[static_cast<size_t>(i)];
      const bool covered = std::ranges::any_of(
          kept, [&](int64_t k) { return overlap(box, boxes[static_cast<size_t>(k)], overlap_limit); });
      if (!covered) kept.push_back(i);
    }
    return kept;
  }
};

}  // namespace

Result<OperatorPtr> parse_non_max_suppression(const Node& node) {
  Attributes attributes(node);
  const int64_t centred = attributes.integer("center_point_box", 0);
  FOVEA_TRY(attributes.finish());
  if (centred != 0 && centred != 1) return invalid_model("center_point_box is {}, neither 0 nor 1", centred);
  return make_operator<NonMaxSuppression>(centred == 1);
}

}  // namespace fovea::ops
