// The step of fovea.Gate: act(a) * b, row by row, in one pass over memory.
#include <algorithm>

#include "cpu/steps/steps.h"
#include "kernels/elementwise.h"
#include "ops/fovea_gate.h"

namespace fovea::cpu {
namespace {

class GateStep final : public Step {
 public:
  GateStep(const LowerNode& node, const ops::FoveaGate& gate, kernels::Activation activation)
      : a_(node.in(0)),
        b_(node.in(1)),
        y_(node.out()),
        gate_(gate),
        activation_(activation),
        narrow_(node.inputs[0].dtype == DType::bf16) {}

  Result<void> run(const Bindings& bindings) const override {
    narrow_ ? gate<bf16>(bindings) : gate<float>(bindings);
    return {};
  }
  std::string kernel() const override { return "gate"; }

 private:
  template <class T>
  void gate(const Bindings& bindings) const {
    const T *a = static_cast<const T*>(bindings.at(a_)) + gate_.a.offset,
            *b = static_cast<const T*>(bindings.at(b_)) + gate_.b.offset;
    T* y = static_cast<T*>(bindings.at_mutable(y_));
    const int64_t width = gate_.shape.back();
    bindings.pool->parallel_for(
        gate_.rows(), std::max<int64_t>(1, (1 << 12) / width), [&](int64_t begin, int64_t end, int) {
          for (int64_t r = begin; r < end; ++r)
            kernels::gate_row(activation_, a + r * gate_.a.stride, b + r * gate_.b.stride, y + r * width, width);
        });
  }

  ValueId a_, b_, y_;
  ops::FoveaGate gate_;
  kernels::Activation activation_;
  bool narrow_;  // all operands
};

}  // namespace

NarrowPorts gate_ports(const LowerNode& node) {
  return make_gate_step(node) != nullptr ? NarrowPorts{0b11, true, true} : NarrowPorts{};
}

StepPtr make_gate_step(const LowerNode& node) {
  const auto* gate = dynamic_cast<const ops::FoveaGate*>(node.op.get());
  if (gate == nullptr || !all_f32(as_f32(node))) return nullptr;
  if (node.inputs[1].dtype != node.inputs[0].dtype || node.outputs[0].dtype != node.inputs[0].dtype) return nullptr;
  using enum kernels::ActivationKind;
  const auto kind = gate->activation == "Swish"     ? silu
                    : gate->activation == "Gelu"    ? gelu
                    : gate->activation == "Sigmoid" ? sigmoid
                                                    : gelu_tanh;
  return std::make_unique<GateStep>(node, *gate, kernels::Activation{kind, 1, 0});
}

}  // namespace fovea::cpu
