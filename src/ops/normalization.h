// ONNX's normalisations: BatchNormalization, Instance-, Layer-, Group-, RMS- and LpNormalization, LRN.
//
// The attribute stash_type names the precision that the statistics need at least. The reference kernels compute in
// double and round once, at the end.
#pragma once

#include "ops/operator.h"

namespace fovea::ops {

/// Mean and (population) variance of n numbers.
struct Moments {
  double mean = 0, variance = 0;
};
Moments moments(const double* x, int64_t n);

/// Inputs X, scale, B, mean, var. Y = (X - mean) / sqrt(var + epsilon) * scale + B for each channel (axis 1), or for
/// each feature of an image where not `spatial` (opset 8 and before). In training the statistics are the batch's; the
/// outputs running_mean and running_var mix them with the inputs by `momentum`.
struct BatchNormalization final : Operator {
  float epsilon, momentum;
  bool training;
  bool spatial;

  BatchNormalization(float epsilon_, float momentum_, bool training_, bool spatial_)
      : epsilon(epsilon_), momentum(momentum_), training(training_), spatial(spatial_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs X, scale, B. Each channel of each image by its own mean and variance.
struct InstanceNormalization final : Operator {
  float epsilon;

  explicit InstanceNormalization(float epsilon_) : epsilon(epsilon_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs X, scale, bias. Each group of channels of each image; scale and bias are given for each channel, before opset
/// 21 for each group.
struct GroupNormalization final : Operator {
  float epsilon;
  int64_t groups;
  bool scale_by_group;  // opset 18 to 20

  GroupNormalization(float epsilon_, int64_t groups_, bool scale_by_group_)
      : epsilon(epsilon_), groups(groups_), scale_by_group(scale_by_group_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs X, Scale, B (optional). Over all axes from `axis` on; Scale and B broadcast to X. Outputs Y, Mean, InvStdDev
/// (of type `stash`, extents 1 from `axis` on).
struct LayerNormalization final : Operator {
  int64_t axis;
  float epsilon;
  DType stash;

  LayerNormalization(int64_t axis_, float epsilon_, DType stash_) : axis(axis_), epsilon(epsilon_), stash(stash_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Inputs X, scale. Y = X / sqrt(mean(X^2) + epsilon) * scale over all axes from `axis` on; Y has scale's dtype.
struct RmsNormalization final : Operator {
  int64_t axis;
  float epsilon;

  RmsNormalization(int64_t axis_, float epsilon_) : axis(axis_), epsilon(epsilon_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// X divided by its p-norm (p is 1 or 2) along one axis; zero where the norm is zero.
struct LpNormalization final : Operator {
  int64_t axis, p;

  LpNormalization(int64_t axis_, int64_t p_) : axis(axis_), p(p_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Y = X / (bias + alpha / size * sum of X^2 over `size` channels around)^beta.
struct Lrn final : Operator {
  float alpha, beta, bias;
  int64_t size;

  Lrn(float alpha_, float beta_, float bias_, int64_t size_) : alpha(alpha_), beta(beta_), bias(bias_), size(size_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
