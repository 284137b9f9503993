// ONNX BatchNormalization.
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

/// X as {images, features, inner}: elements of a feature share their parameters.
struct Layout {
  int64_t images, features, inner;
};

Layout layout_of(std::span<const int64_t> x, bool spatial) {
  const auto rank = static_cast<int64_t>(x.size());
  if (rank < 2) return {element_count(x), 1, 1};  // a tensor of rank 1 has one channel
  if (!spatial) return {x[0], extent_product(x, 1, rank), 1};
  return {x[0], x[1], extent_product(x, 2, rank)};
}

/// The batch's mean and population variance of one feature.
Moments batch_moments(const Layout& l, const double* x, int64_t feature) {
  Moments m;
  const auto mean_over = [&](auto value) {
    double sum = 0;
    for (int64_t n = 0; n < l.images; ++n)
      for (int64_t i = 0; i < l.inner; ++i) sum += value(x[(n * l.features + feature) * l.inner + i]);
    return sum / static_cast<double>(l.images * l.inner);
  };
  m.mean = mean_over([](double v) { return v; });
  m.variance = mean_over([&](double v) { return (v - m.mean) * (v - m.mean); });
  return m;
}

}  // namespace

Moments moments(const double* x, int64_t n) {
  Moments m;
  for (int64_t i = 0; i < n; ++i) m.mean += x[i];
  m.mean /= static_cast<double>(n);
  for (int64_t i = 0; i < n; ++i) m.variance += (x[i] - m.mean) * (x[i] - m.mean);
  m.variance /= static_cast<double>(n);
  return m;
}

Result<Types> BatchNormalization::infer(const Inputs& in) const {
  for (size_t i = 0; i < 5; ++i) FOVEA_TRY(expect_dtype(in, i, kFloats));
  FOVEA_TRY(expect_rank_at_least(in, 0, 1));
  FOVEA_TRY(checked_type(in.dtype(0), in.shape(0)));
  const Shape& x = in.shape(0);
  Shape parameters{x.size() < 2 ? 1 : x[1]};
  if (!spatial && x.size() >= 2) parameters.assign(x.begin() + 1, x.end());
  for (size_t i = 1; i < 5; ++i) FOVEA_TRY(expect_shape(in, i, parameters));
  Types types{in.type(0)};
  if (in.output_count() > 1) types.push_back(in.type(3));
  if (in.output_count() > 2) types.push_back(in.type(4));
  return types;
}

Result<void> BatchNormalization::compute(Args in, Outs out) const {
  const Layout l = layout_of(in[0].shape, spatial);
  const Tensor x = FOVEA_TRY(widen<double>(in[0]));
  const Tensor scale = FOVEA_TRY(widen<double>(in[1])), bias = FOVEA_TRY(widen<double>(in[2]));
  const Tensor mean = FOVEA_TRY(widen<double>(in[3])), variance = FOVEA_TRY(widen<double>(in[4]));
  std::vector<double> row(static_cast<size_t>(l.inner));
  for (int64_t f = 0; f < l.features; ++f) {
    Moments m{mean.data<double>()[f], variance.data<double>()[f]};
    if (training) {
      const Moments batch = batch_moments(l, x.data<double>(), f);
      const double kept = static_cast<double>(momentum);
      const double running[] = {m.mean * kept + batch.mean * (1 - kept),
                                m.variance * kept + batch.variance * (1 - kept)};
      for (size_t i = 0; i < 2; ++i)
        if (out.size() > i + 1 && out[i + 1].present()) narrow(&running[i], 1, out[i + 1], f);
      m = batch;
    }
    const double factor = scale.data<double>()[f] / std::sqrt(m.variance + static_cast<double>(epsilon));
    for (int64_t n = 0; n < l.images; ++n) {
      const int64_t first = (n * l.features + f) * l.inner;
      for (int64_t i = 0; i < l.inner; ++i)
        row[static_cast<size_t>(i)] = (x.data<double>()[first + i] - m.mean) * factor + bias.data<double>()[f];
      narrow(row.data(), l.inner, out[0], first);
    }
  }
  return {};
}

Result<OperatorPtr> parse_batch_normalization(const Node& node) {
  Attributes attributes(node);
  const float epsilon = attributes.number("epsilon", 1e-5f), momentum = attributes.number("momentum", 0.9f);
  const bool spatial = node.opset >= 9 || attributes.flag("spatial", true);
  const bool training = node.opset >= 14 && attributes.flag("training_mode", false);
  const bool inference = node.opset >= 7 || attributes.flag("is_test", false);
  if (node.opset < 7) attributes.ignore("consumed_inputs");
  FOVEA_TRY(attributes.finish());
  bool statistics = false;
  for (size_t i = 1; i < node.outputs.size(); ++i) statistics |= node.outputs[i] != kNoValue;
  if (!inference || (node.opset < 14 && statistics))
    return unsupported("BatchNormalization of opset {} in training mode", node.opset)
        .with_fix("export the model in evaluation mode");
  if (statistics && !training)
    return invalid_model("the running statistics are outputs in training mode alone (training_mode is 0)");
  return make_operator<BatchNormalization>(epsilon, momentum, training, spatial);
}

}  // namespace fovea::ops
