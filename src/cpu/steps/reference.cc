// The step that serves every operator: its reference kernel, on one thread.
#include "cpu/steps/steps.h"

namespace fovea::cpu {
namespace {

class ReferenceStep final : public Step {
 public:
  explicit ReferenceStep(const LowerNode& node)
      : op_(node.op), inputs_(node.node.inputs), outputs_(node.node.outputs), in_(node.inputs), out_(node.outputs) {}

  Result<void> run(const Bindings& bindings) const override {
    std::vector<TensorView> in(inputs_.size());
    std::vector<MutableView> out(outputs_.size());
    for (size_t i = 0; i < in.size(); ++i)
      if (inputs_[i] != kNoValue) in[i] = {in_[i].dtype, in_[i].shape, bindings.at(inputs_[i])};
    for (size_t i = 0; i < out.size(); ++i)
      if (outputs_[i] != kNoValue) out[i] = {out_[i].dtype, out_[i].shape, bindings.at_mutable(outputs_[i])};
    return op_->compute(in, out);
  }
  std::string kernel() const override { return "reference"; }

 private:
  std::shared_ptr<const ops::Operator> op_;
  std::vector<ValueId> inputs_, outputs_;
  std::vector<TensorType> in_, out_;
};

}  // namespace

StepPtr make_reference_step(const LowerNode& node) { return std::make_unique<ReferenceStep>(node); }

}  // namespace fovea::cpu
