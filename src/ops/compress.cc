// ONNX Compress: the slices of an axis, or the elements, for which a condition holds.
#include <optional>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/outputs.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

// Which of `extent` slices are kept; the condition may be shorter, and is false beyond its end.
Result<std::vector<int64_t>> kept(const TensorView& condition, int64_t extent) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < condition.size(); ++i)
    if (condition.as<uint8_t>()[i] != 0) result.push_back(i);
  if (!result.empty() && result.back() >= extent)
    return invalid_argument("condition {} holds, but there are {} slices", result.back(), extent);
  return result;
}

struct Compress final : Operator {
  std::optional<int64_t> axis;  // nothing: the input as one axis
  explicit Compress(std::optional<int64_t> a) : axis(a) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 1, kBoolean));
    FOVEA_TRY(expect_rank(in, 1, 1));
    Shape shape = axis ? in.shape(0) : Shape{element_count(in.shape(0))};
    const int64_t at = axis ? FOVEA_TRY(normalize_axis(*axis, in.rank(0))) : 0;
    int64_t& extent = shape[static_cast<size_t>(at)];
    const Tensor condition = FOVEA_TRY(in.value(1));
    extent = static_cast<int64_t>(FOVEA_TRY(kept(condition.view(), extent)).size());
    return Types{{in.dtype(0), std::move(shape)}};
  }

  Result<void> compute(Args in, Outs out) const override {
    const int64_t rank = in[0].rank(), at = !axis ? 0 : *axis < 0 ? *axis + rank : *axis;
    const Shape shape = axis ? Shape{extent_product(in[0].shape, 0, at), in[0].shape[static_cast<size_t>(at)],
                                     extent_product(in[0].shape, at + 1, rank)}
                             : Shape{1, in[0].size(), 1};
    std::vector<int64_t> slices = FOVEA_TRY(kept(in[1], shape[1]));
    if (out[0].size() == 0) return {};
    const Shape result{shape[0], static_cast<int64_t>(slices.size()), shape[2]};
    copy_mapped({in[0].dtype, shape, in[0].data}, {{}, std::move(slices), {}}, nullptr,
                {out[0].dtype, result, out[0].data});
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_compress(const Node& node) {
  Attributes attributes(node);
  std::optional<int64_t> axis;
  if (attributes.has("axis")) axis = attributes.integer("axis", 0);
  FOVEA_TRY(attributes.finish());
  return make_operator<Compress>(axis);
}

}  // namespace fovea::ops
