// Steps that treat each row of an f32 operand by itself: softmax, normalisations.
#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "cpu/steps/steps.h"
#include "kernels/elementwise.h"
#include "kernels/word_rows.h"
#include "ops/normalization.h"
#include "ops/shapes.h"
#include "ops/softmax.h"

namespace fovea::cpu {
namespace {

constexpr int64_t kGrain = 4096;  // floats that are worth a thread

int64_t row_grain(int64_t length) { return std::max<int64_t>(1, kGrain / std::max<int64_t>(length, 1)); }

class SoftmaxStep final : public Step {
 public:
  SoftmaxStep(const LowerNode& node, int64_t length)
      : x_(node.in(0)), y_(node.out()), length_(length), rows_(element_count(node.out_shape()) / length) {}

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    float* y = b.f32_mutable(y_);
    b.pool->parallel_for(rows_, row_grain(length_), [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) kernels::softmax_row(x + r * length_, y + r * length_, length_);
    });
    return {};
  }
  std::string kernel() const override { return "softmax"; }
  bool may_overwrite(size_t input) const override { return input == 0; }

 private:
  ValueId x_, y_;
  int64_t length_, rows_;
};

/// Along an axis behind which others lie: down columns.
class ColumnSoftmaxStep final : public Step {
 public:
  ColumnSoftmaxStep(const LowerNode& node, int64_t outer, int64_t length, int64_t inner)
      : x_(node.in(0)), y_(node.out()), outer_(outer), length_(length), inner_(inner) {}

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    float* y = b.f32_mutable(y_);
    // Columns in stretches that fill whole lines of the cache.
    constexpr int64_t kStretch = 64;
    const int64_t stretches = ceil_div(inner_, kStretch);
    b.pool->parallel_for(outer_ * stretches, row_grain(length_ * kStretch), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t c = i % stretches * kStretch, at = i / stretches * length_ * inner_ + c;
        kernels::softmax_columns(x + at, length_, inner_, std::min(kStretch, inner_ - c), y + at);
      }
    });
    return {};
  }
  std::string kernel() const override { return "column_softmax"; }
  bool may_overwrite(size_t input) const override { return input == 0; }

 private:
  ValueId x_, y_;
  int64_t outer_, length_, inner_;
};

class NormStep final : public Step {
 public:
  NormStep(const LowerNode& node, int64_t length, float epsilon, bool rms)
      : x_(node.in(0)),
        scale_(node.in(1)),
        bias_(rms ? kNoValue : node.in(2)),
        y_(node.out()),
        length_(length),
        rows_(element_count(node.out_shape()) / length),
        epsilon_(epsilon),
        rms_(rms),
        narrow_x_(node.inputs[0].dtype == DType::bf16),
        narrow_y_(node.outputs[0].dtype == DType::bf16),
        threads_(std::max(node.threads, 1)) {}

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const std::byte*>(b.at(x_));
    const float *scale = b.f32(scale_), *bias = b.f32(bias_);
    auto* y = static_cast<std::byte*>(b.at_mutable(y_));
    b.pool->parallel_for(rows_, row_grain(length_), [&](int64_t begin, int64_t end, int worker) {
      float* wide = static_cast<float*>(b.scratch) + worker * row_floats();
      for (int64_t r = begin; r < end; ++r) {
        const float* from = reinterpret_cast<const float*>(x) + r * length_;
        if (narrow_x_) {
          kernels::widen_row(reinterpret_cast<const bf16*>(x) + r * length_, length_, wide);
          from = wide;
        }
        float* to = narrow_y_ ? wide : reinterpret_cast<float*>(y) + r * length_;
        if (rms_)
          kernels::rms_norm_row(from, scale, epsilon_, to, length_);
        else
          kernels::layer_norm_row(from, scale, bias, epsilon_, to, length_);
        if (narrow_y_) kernels::narrow_row(wide, length_, reinterpret_cast<bf16*>(y) + r * length_);
      }
    });
    return {};
  }
  std::string kernel() const override { return rms_ ? "rms_norm" : "layer_norm"; }
  int64_t scratch_bytes() const override { return narrow_x_ || narrow_y_ ? threads_ * row_floats() * 4 : 0; }
  bool may_overwrite(size_t input) const override { return input == 0 && narrow_x_ == narrow_y_; }

 private:
  int64_t row_floats() const { return round_up(length_, 16); }

  ValueId x_, scale_, bias_, y_;
  int64_t length_, rows_;
  float epsilon_;
  bool rms_, narrow_x_, narrow_y_;
  int threads_;
};

}  // namespace

StepPtr make_softmax_step(const LowerNode& node) {
  const auto* op = dynamic_cast<const ops::Softmax*>(node.op.get());
  const auto rank = static_cast<int64_t>(node.shape(0).size());
  if (op == nullptr || op->kind != ops::Softmax::Kind::soft || !all_f32(node) || rank == 0) return nullptr;
  const int64_t axis = op->axis < 0 ? op->axis + rank : op->axis;
  if (!op->flatten_rest && axis != rank - 1) {
    const int64_t inner = ops::extent_product(node.shape(0), axis + 1, rank);
    const int64_t length = node.shape(0)[static_cast<size_t>(axis)];
    if (inner > 1)
      return std::make_unique<ColumnSoftmaxStep>(node, ops::extent_product(node.shape(0), 0, axis), length, inner);
    return std::make_unique<SoftmaxStep>(node, length);
  }
  return std::make_unique<SoftmaxStep>(node, ops::extent_product(node.shape(0), axis, rank));
}

NarrowPorts norm_ports(const LowerNode& node) {
  return make_norm_step(node) != nullptr ? NarrowPorts{1, true} : NarrowPorts{};
}

StepPtr make_norm_step(const LowerNode& node) {
  if (!all_f32(as_f32(node))) return nullptr;
  for (size_t i = 1; i < node.node.outputs.size(); ++i)
    if (node.node.outputs[i] != kNoValue) return nullptr;
  const auto rank = static_cast<int64_t>(node.shape(0).size());
  const auto length_from = [&](int64_t axis) {
    return ops::extent_product(node.shape(0), axis < 0 ? axis + rank : axis, rank);
  };
  if (const auto* layer = dynamic_cast<const ops::LayerNormalization*>(node.op.get())) {
    const int64_t length = length_from(layer->axis);
    const bool fits =
        element_count(node.shape(1)) == length && (!node.has(2) || element_count(node.shape(2)) == length);
    return fits ? std::make_unique<NormStep>(node, length, layer->epsilon, false) : nullptr;
  }
  if (const auto* rms = dynamic_cast<const ops::RmsNormalization*>(node.op.get())) {
    const int64_t length = length_from(rms->axis);
    if (element_count(node.shape(1)) == length) return std::make_unique<NormStep>(node, length, rms->epsilon, true);
  }
  return nullptr;
}

}  // namespace fovea::cpu
