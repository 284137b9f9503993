// Steps of elementwise functions of one or two f32 operands.
#include "kernels/elementwise.h"

#include <algorithm>

#include "cpu/steps/broadcast.h"
#include "cpu/steps/steps.h"

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

class BinaryStep final : public Step {
 public:
  BinaryStep(const LowerNode& node, kernels::BinaryKind kind, const Broadcast& rows)
      : kind_(kind), a_(node.in(0)), b_(node.in(1)), y_(node.out()), rows_(rows) {
    const int64_t size = element_count(node.out_shape());
    overwrites_[0] = element_count(node.shape(0)) == size;
    overwrites_[1] = element_count(node.shape(1)) == size;
  }

  Result<void> run(const Bindings& bindings) const override {
    const float *a = bindings.f32(a_), *b = bindings.f32(b_);
    float* y = bindings.f32_mutable(y_);
    const bool a_repeats = rows_.a_repeats(), b_repeats = rows_.b_repeats();
    const int64_t length = rows_.length();
    if (rows_.rows() == 1) {
      bindings.pool->parallel_for(length, kGrain, [&](int64_t begin, int64_t end, int) {
        kernels::binary(kind_, a_repeats ? a : a + begin, a_repeats, b_repeats ? b : b + begin, b_repeats, y + begin,
                        end - begin);
      });
      return {};
    }
    const int64_t grain = std::max<int64_t>(1, kGrain / length);
    bindings.pool->parallel_for(rows_.rows(), grain, [&](int64_t begin, int64_t end, int) {
      rows_.visit(begin, end, [&](int64_t row, int64_t at_a, int64_t at_b) {
        kernels::binary(kind_, a + at_a, a_repeats, b + at_b, b_repeats, y + row * length, length);
      });
    });
    return {};
  }
  std::string kernel() const override { return "binary"; }
  bool may_overwrite(size_t input) const override { return overwrites_[input]; }

 private:
  kernels::BinaryKind kind_;
  ValueId a_, b_, y_;
  Broadcast rows_;
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
  const auto rows = Broadcast::make(node.shape(0), node.shape(1), node.out_shape());
  return rows ? std::make_unique<BinaryStep>(node, kind->second, *rows) : nullptr;
}

}  // namespace fovea::cpu
