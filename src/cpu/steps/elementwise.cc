// Steps of elementwise functions of one or two f32 operands.
#include "kernels/elementwise.h"

#include <algorithm>

#include "cpu/steps/steps.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

constexpr int64_t kGrain = 8192;  // floats that are worth a thread

class UnaryStep final : public Step {
 public:
  UnaryStep(const LowerNode& node, kernels::Activation activation)
      : x_(node.in(0)), y_(node.out()), n_(element_count(node.out_shape())), activation_(activation) {}

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    float* y = b.f32_mutable(y_);
    b.pool->parallel_for(n_, kGrain, [&](int64_t begin, int64_t end, int) {
      kernels::activate(activation_, x + begin, y + begin, end - begin);
    });
    return {};
  }
  std::string kernel() const override { return "unary"; }
  bool may_overwrite(size_t input) const override { return input == 0; }

 private:
  ValueId x_, y_;
  int64_t n_;
  kernels::Activation activation_;
};

/// Two operands that broadcast: rows in which each one walks or stands still, and a walk over the rows.
class BinaryStep final : public Step {
 public:
  static constexpr size_t kMaxAxes = 6;

  /// Precondition: the walk has at most kMaxAxes axes.
  BinaryStep(const LowerNode& node, kernels::BinaryKind kind, const Shape& extents, const Shape& a, const Shape& b)
      : kind_(kind), a_(node.in(0)), b_(node.in(1)), y_(node.out()), axes_(extents.size() - 1) {
    length_ = extents.back();
    a_repeats_ = a.back() == 0;
    b_repeats_ = b.back() == 0;
    for (size_t d = 0; d < axes_; ++d) {
      extents_[d] = extents[d];
      a_strides_[d] = a[d];
      b_strides_[d] = b[d];
      rows_ *= extents[d];
    }
    const int64_t size = element_count(node.out_shape());
    overwrites_[0] = element_count(node.shape(0)) == size;
    overwrites_[1] = element_count(node.shape(1)) == size;
  }

  Result<void> run(const Bindings& bindings) const override {
    const float *a = bindings.f32(a_), *b = bindings.f32(b_);
    float* y = bindings.f32_mutable(y_);
    if (rows_ == 1) {
      bindings.pool->parallel_for(length_, kGrain, [&](int64_t begin, int64_t end, int) {
        kernels::binary(kind_, a_repeats_ ? a : a + begin, a_repeats_, b_repeats_ ? b : b + begin, b_repeats_,
                        y + begin, end - begin);
      });
      return {};
    }
    const int64_t grain = std::max<int64_t>(1, kGrain / length_);
    bindings.pool->parallel_for(rows_, grain, [&](int64_t begin, int64_t end, int) { walk(a, b, y, begin, end); });
    return {};
  }
  std::string kernel() const override { return "binary"; }
  bool may_overwrite(size_t input) const override { return overwrites_[input]; }

 private:
  void walk(const float* a, const float* b, float* y, int64_t begin, int64_t end) const {
    int64_t index[kMaxAxes] = {}, rest = begin, at_a = 0, at_b = 0;
    for (size_t d = axes_; d-- > 0;) {
      index[d] = rest % extents_[d];
      rest /= extents_[d];
      at_a += index[d] * a_strides_[d];
      at_b += index[d] * b_strides_[d];
    }
    for (int64_t row = begin; row < end; ++row) {
      kernels::binary(kind_, a + at_a, a_repeats_, b + at_b, b_repeats_, y + row * length_, length_);
      for (size_t d = axes_; d-- > 0;) {
        at_a += a_strides_[d];
        at_b += b_strides_[d];
        if (++index[d] < extents_[d]) break;
        at_a -= a_strides_[d] * extents_[d];
        at_b -= b_strides_[d] * extents_[d];
        index[d] = 0;
      }
    }
  }

  kernels::BinaryKind kind_;
  ValueId a_, b_, y_;
  size_t axes_;
  int64_t extents_[kMaxAxes] = {}, a_strides_[kMaxAxes] = {}, b_strides_[kMaxAxes] = {};
  int64_t rows_ = 1, length_ = 1;
  bool a_repeats_ = false, b_repeats_ = false;
  bool overwrites_[2] = {};
};

}  // namespace

StepPtr make_unary_step(const LowerNode& node) {
  const auto activation = activation_of(node);
  if (!activation || !all_f32(node)) return nullptr;
  return std::make_unique<UnaryStep>(node, *activation);
}

StepPtr make_binary_step(const LowerNode& node) {
  using kernels::BinaryKind;
  constexpr std::pair<std::string_view, BinaryKind> kKinds[] = {
      {"Add", BinaryKind::add}, {"Sub", BinaryKind::sub}, {"Mul", BinaryKind::mul},
      {"Div", BinaryKind::div}, {"Min", BinaryKind::min}, {"Max", BinaryKind::max},
  };
  const auto kind = std::ranges::find(kKinds, node.node.op_type, &std::pair<std::string_view, BinaryKind>::first);
  if (kind == std::ranges::end(kKinds) || node.node.inputs.size() != 2 || !all_f32(node) || node.node.opset < 7)
    return nullptr;
  // Axes that both operands walk alike become one.
  const Shape& out = node.out_shape();
  const Shape a = ops::broadcast_strides(node.shape(0), out), b = ops::broadcast_strides(node.shape(1), out);
  Shape extents, a_merged, b_merged;
  for (size_t d = 0; d < out.size(); ++d) {
    if (out[d] == 1) continue;
    if (!extents.empty() && a_merged.back() == a[d] * out[d] && b_merged.back() == b[d] * out[d]) {
      extents.back() *= out[d];
      a_merged.back() = a[d];
      b_merged.back() = b[d];
    } else {
      extents.push_back(out[d]);
      a_merged.push_back(a[d]);
      b_merged.push_back(b[d]);
    }
  }
  if (extents.empty()) {
    extents = {1};
    a_merged = b_merged = {1};
  }
  if (extents.size() > BinaryStep::kMaxAxes + 1) return nullptr;
  return std::make_unique<BinaryStep>(node, kind->second, extents, a_merged, b_merged);
}

}  // namespace fovea::cpu
