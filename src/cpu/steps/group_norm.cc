// Steps of InstanceNormalization and GroupNormalization over NCHW: groups of channels that lie side by side, each
// normalised as one. Groups may be few and large, so threads share stretches of them.
#include <cmath>

#include "base/checked.h"
#include "cpu/steps/steps.h"
#include "kernels/elementwise.h"
#include "ops/normalization.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

class GroupNormStep final : public Step {
 public:
  GroupNormStep(const LowerNode& node, int64_t groups, bool scale_by_group, float epsilon)
      : x_(node.in(0)), scale_(node.in(1)), bias_(node.in(2)), y_(node.out()), epsilon_(epsilon) {
    const Shape& shape = node.shape(0);
    channels_ = shape[1];
    inner_ = ops::extent_product(shape, 2, static_cast<int64_t>(shape.size()));
    per_parameter_ = scale_by_group ? channels_ / groups : 1;
    length_ = channels_ / groups * inner_;
    units_ = shape[0] * groups;
    stretches_ = ceil_div(length_, kStretch);
  }

  Result<void> run(const Bindings& b) const override {
    const float *x = b.f32(x_), *scale = b.f32(scale_), *bias = b.f32(bias_);
    float* y = b.f32_mutable(y_);
    auto* sums = static_cast<float*>(b.scratch);
    float* squares = sums + units_ * stretches_;
    // The sums of all stretches, then those of squared distances from the mean, then the result.
    each_stretch(*b.pool,
                 [&](int64_t i, int64_t, int64_t from, int64_t count) { sums[i] = kernels::sum(x + from, count, 1); });
    each_stretch(*b.pool, [&](int64_t i, int64_t unit, int64_t from, int64_t count) {
      squares[i] = kernels::sum_squares(x + from, mean(sums, unit), count);
    });
    each_stretch(*b.pool, [&](int64_t, int64_t unit, int64_t from, int64_t count) {
      const float centre = mean(sums, unit), factor = 1.0f / std::sqrt(mean(squares, unit) + epsilon_);
      for (const int64_t end = from + count; from < end;) {
        const int64_t channel = from / inner_, until = std::min(end, (channel + 1) * inner_);
        const int64_t parameter = channel % channels_ / per_parameter_;
        const float by = factor * scale[parameter];
        kernels::scale_shift_row(x + from, by, bias[parameter] - centre * by, y + from, until - from);
        from = until;
      }
    });
    return {};
  }
  std::string kernel() const override { return "group_norm"; }
  int64_t scratch_bytes() const override { return 2 * units_ * stretches_ * 4; }
  bool may_overwrite(size_t input) const override { return input == 0; }

 private:
  static constexpr int64_t kStretch = 8192;  // floats

  /// fn(index, unit, first element, count) for all stretches.
  template <class Fn>
  void each_stretch(ThreadPool& pool, const Fn& fn) const {
    pool.parallel_for(units_ * stretches_, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t unit = i / stretches_, part = i % stretches_;
        const int64_t from = length_ * part / stretches_, to = length_ * (part + 1) / stretches_;
        fn(i, unit, unit * length_ + from, to - from);
      }
    });
  }

  /// Of a unit, from the sums of its stretches: in double precision, for there may be many.
  float mean(const float* sums, int64_t unit) const {
    double total = 0;
    for (int64_t i = 0; i < stretches_; ++i) total += static_cast<double>(sums[unit * stretches_ + i]);
    return static_cast<float>(total / static_cast<double>(length_));
  }

  ValueId x_, scale_, bias_, y_;
  float epsilon_;
  int64_t channels_ = 1, inner_ = 1, per_parameter_ = 1, length_ = 1, units_ = 1, stretches_ = 1;
};

}  // namespace

StepPtr make_group_norm_step(const LowerNode& node) {
  if (!all_f32(node)) return nullptr;
  if (const auto* group = dynamic_cast<const ops::GroupNormalization*>(node.op.get()))
    return std::make_unique<GroupNormStep>(node, group->groups, group->scale_by_group, group->epsilon);
  if (const auto* instance = dynamic_cast<const ops::InstanceNormalization*>(node.op.get()))
    return std::make_unique<GroupNormStep>(node, node.shape(0)[1], false, instance->epsilon);
  return nullptr;
}

}  // namespace fovea::cpu
