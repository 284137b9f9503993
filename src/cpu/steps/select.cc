// Steps of IsNaN and Where whose operands are as large as the result, or a single number.
#include "kernels/select.h"

#include "cpu/steps/steps.h"

namespace fovea::cpu {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements that are worth a thread

class IsNanStep final : public Step {
 public:
  explicit IsNanStep(const LowerNode& node)
      : x_(node.in(0)), y_(node.out()), length_(element_count(node.out_shape())) {}

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    auto* y = static_cast<uint8_t*>(b.at_mutable(y_));
    b.pool->parallel_for(length_, kGrain, [&](int64_t begin, int64_t end, int) {
      kernels::is_nan_row(x + begin, y + begin, end - begin);
    });
    return {};
  }
  std::string kernel() const override { return "is_nan"; }

 private:
  ValueId x_, y_;
  int64_t length_;
};

class WhereStep final : public Step {
 public:
  explicit WhereStep(const LowerNode& node)
      : which_(node.in(0)), a_(node.in(1)), b_(node.in(2)), y_(node.out()), length_(element_count(node.out_shape())) {
    a_repeats_ = element_count(node.shape(1)) != length_;
    b_repeats_ = element_count(node.shape(2)) != length_;
  }

  Result<void> run(const Bindings& bindings) const override {
    const auto* which = static_cast<const uint8_t*>(bindings.at(which_));
    const float *a = bindings.f32(a_), *b = bindings.f32(b_);
    float* y = bindings.f32_mutable(y_);
    bindings.pool->parallel_for(length_, kGrain, [&](int64_t begin, int64_t end, int) {
      kernels::select_row(which + begin, a_repeats_ ? a : a + begin, a_repeats_, b_repeats_ ? b : b + begin, b_repeats_,
                          y + begin, end - begin);
    });
    return {};
  }
  std::string kernel() const override { return "where"; }
  bool may_overwrite(size_t input) const override { return (input == 1 && !a_repeats_) || (input == 2 && !b_repeats_); }

 private:
  ValueId which_, a_, b_, y_;
  int64_t length_;
  bool a_repeats_ = false, b_repeats_ = false;
};

}  // namespace

StepPtr make_is_nan_step(const LowerNode& node) {
  return node.inputs[0].dtype == DType::f32 ? std::make_unique<IsNanStep>(node) : nullptr;
}

StepPtr make_where_step(const LowerNode& node) {
  const Shape& out = node.out_shape();
  const auto fits = [&](size_t i) { return node.shape(i) == out || element_count(node.shape(i)) == 1; };
  if (node.outputs[0].dtype != DType::f32 || node.shape(0) != out || !fits(1) || !fits(2)) return nullptr;
  return std::make_unique<WhereStep>(node);
}

}  // namespace fovea::cpu
