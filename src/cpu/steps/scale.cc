// The step of a product of rows in bf16 with a factor for each channel of each image, as squeeze-excite makes them.
#include <algorithm>

#include "cpu/steps/steps.h"
#include "kernels/bf16_rows.h"

namespace fovea::cpu {
namespace {

struct ScaleForm {
  size_t rows;  // the operand that has them; the other one has the factors
  int64_t batch, count, channels;
};

/// x {batch, ..., channels} times factors {batch, 1, ..., channels} or {channels}, all f32.
std::optional<ScaleForm> scale_form(const LowerNode& node) {
  if (node.node.inputs.size() != 2 || node.node.opset < 7 || !all_f32(node)) return std::nullopt;
  for (const size_t x : {size_t{0}, size_t{1}}) {
    const Shape &all = node.shape(x), &factors = node.shape(1 - x);
    if (all != node.out_shape() || all.size() < 3 || factors.empty() || factors.back() != all.back() || all.back() < 2)
      continue;
    const int64_t numbers = element_count(factors), channels = all.back();
    const bool each = factors.size() == all.size() && factors[0] == all[0] && numbers == all[0] * channels;
    if (!each && numbers != channels) continue;
    const int64_t batch = each ? all[0] : 1;
    return ScaleForm{x, batch, element_count(all) / channels / batch, channels};
  }
  return std::nullopt;
}

class ScaleStep final : public Step {
 public:
  ScaleStep(const LowerNode& node, const ScaleForm& form)
      : x_(node.in(form.rows)), factors_(node.in(1 - form.rows)), y_(node.out()), form_(form) {}

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const bf16*>(b.at(x_));
    const float* factors = b.f32(factors_);
    auto* y = static_cast<bf16*>(b.at_mutable(y_));
    constexpr int64_t kGrain = 8192;  // numbers that are worth a thread
    const int64_t channels = form_.channels, grain = std::max<int64_t>(1, kGrain / channels);
    b.pool->parallel_for(form_.batch * form_.count, grain, [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end;) {
        const int64_t image = r / form_.count, to = std::min(end, (image + 1) * form_.count);
        kernels::scale_columns(x + r * channels, to - r, channels, factors + image * channels, y + r * channels);
        r = to;
      }
    });
    return {};
  }
  std::string kernel() const override { return "scale"; }
  bool may_overwrite(size_t input) const override { return input == form_.rows; }

 private:
  ValueId x_, factors_, y_;
  ScaleForm form_;
};

}  // namespace

NarrowPorts scale_ports(const LowerNode& node) {
  const auto form = scale_form(as_f32(node));
  return form ? NarrowPorts{1u << form->rows, true, true} : NarrowPorts{};
}

StepPtr make_scale_step(const LowerNode& node) {
  const auto form = scale_form(as_f32(node));
  const auto is_narrow = [](const TensorType& type) { return type.dtype == DType::bf16; };
  if (!form || !is_narrow(node.inputs[form->rows]) || !is_narrow(node.outputs[0]) ||
      node.inputs[1 - form->rows].dtype != DType::f32)
    return nullptr;
  return std::make_unique<ScaleStep>(node, *form);
}

}  // namespace fovea::cpu
