// ONNX GroupNormalization and InstanceNormalization, which is that with a group for each channel.
#include <cmath>
#include <vector>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/normalization.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

/// Inputs X, scale, bias; `per_parameter` channels share one scale and bias.
Result<void> normalise_groups(Args in, const MutableView& out, int64_t groups, int64_t per_parameter, float epsilon) {
  const int64_t channels = in[0].shape[1], inner = extent_product(in[0].shape, 2, in[0].rank());
  const int64_t length = channels / groups * inner;
  const Tensor x = FOVEA_TRY(widen<double>(in[0]));
  const Tensor scale = FOVEA_TRY(widen<double>(in[1])), bias = FOVEA_TRY(widen<double>(in[2]));
  std::vector<double> row(static_cast<size_t>(length));
  for (int64_t first = 0; first < x.size(); first += length) {
    const double* from = x.data<double>() + first;
    const Moments m = moments(from, length);
    const double inverse = 1 / std::sqrt(m.variance + static_cast<double>(epsilon));
    for (int64_t i = 0; i < length; ++i) {
      const int64_t parameter = (first + i) / inner % channels / per_parameter;
      row[static_cast<size_t>(i)] =
          (from[i] - m.mean) * inverse * scale.data<double>()[parameter] + bias.data<double>()[parameter];
    }
    narrow(row.data(), length, out, first);
  }
  return {};
}

Result<Types> infer_groups(const Inputs& in, int64_t groups, bool scale_by_group) {
  FOVEA_TRY(expect_dtype(in, 0, kFloats));
  FOVEA_TRY(expect_same_dtype(in, 0, 1));
  FOVEA_TRY(expect_same_dtype(in, 0, 2));
  FOVEA_TRY(expect_rank_at_least(in, 0, 2));
  const int64_t channels = in.shape(0)[1];
  if (groups < 1 || channels % groups != 0)
    return invalid_model("{} channels cannot be put into {} groups", channels, groups);
  for (const size_t i : {1, 2}) FOVEA_TRY(expect_shape(in, i, Shape{scale_by_group ? groups : channels}));
  return Types{FOVEA_TRY(checked_type(in.dtype(0), in.shape(0)))};
}

}  // namespace

Result<Types> GroupNormalization::infer(const Inputs& in) const { return infer_groups(in, groups, scale_by_group); }

Result<void> GroupNormalization::compute(Args in, Outs out) const {
  if (in[0].size() == 0) return {};
  return normalise_groups(in, out[0], groups, scale_by_group ? in[0].shape[1] / groups : 1, epsilon);
}

Result<Types> InstanceNormalization::infer(const Inputs& in) const {
  FOVEA_TRY(expect_rank_at_least(in, 0, 3));
  return infer_groups(in, std::max<int64_t>(in.shape(0)[1], 1), false);
}

Result<void> InstanceNormalization::compute(Args in, Outs out) const {
  if (in[0].size() == 0) return {};
  return normalise_groups(in, out[0], in[0].shape[1], 1, epsilon);
}

Result<OperatorPtr> parse_group_normalization(const Node& node) {
  Attributes attributes(node);
  attributes.require("num_groups");
  const int64_t groups = attributes.integer("num_groups", 1);
  const float epsilon = attributes.number("epsilon", 1e-5f);
  attributes.ignore("stash_type");
  FOVEA_TRY(attributes.finish());
  return make_operator<GroupNormalization>(epsilon, groups, node.opset < 21);
}

Result<OperatorPtr> parse_instance_normalization(const Node& node) {
  Attributes attributes(node);
  const float epsilon = attributes.number("epsilon", 1e-5f);
  if (node.opset < 6) attributes.ignore("consumed_inputs");
  FOVEA_TRY(attributes.finish());
  return make_operator<InstanceNormalization>(epsilon);
}

}  // namespace fovea::ops
