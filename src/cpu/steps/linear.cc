// Steps of linear layers: a computed f32 operand times a constant matrix, with bias, residual and activation.
#include "base/error.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/steps.h"
#include "ops/gemm.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

class LinearStep final : public Step {
 public:
  LinearStep(const LowerNode& node, const kernels::GemmKernel& kernel, Tensor packed, int64_t depth, int64_t columns,
             ValueId bias, ValueId residual, kernels::Activation activation)
      : a_(node.in(0)), bias_(bias), residual_(residual), y_(node.out()), packed_(std::move(packed)) {
    product_.kernel = &kernel;
    product_.rows = element_count(node.out_shape()) / columns;
    product_.depth = product_.a_stride = depth;
    product_.packed = packed_.data<float>();
    product_.columns = product_.c_stride = columns;
    product_.epilogue.activation = activation;
    product_.epilogue.residual_stride = columns;
    product_.epilogue.residual_last = node.integer("residual_last", 0) != 0;
  }

  Result<void> run(const Bindings& b) const override {
    DenseProduct p = product_;
    p.a = b.f32(a_);
    p.c = b.f32_mutable(y_);
    p.epilogue.bias = b.f32(bias_);
    p.epilogue.residual = b.f32(residual_);
    run_product(p, *b.pool);
    return {};
  }
  std::string kernel() const override { return product_.kernel->name; }
  // Each element of a residual is read right before its place is written.
  bool may_overwrite(size_t input) const override { return residual_ != kNoValue && input == 3; }

 private:
  ValueId a_, bias_, residual_, y_;
  Tensor packed_;
  DenseProduct product_;
};

/// The constant right operand as packed panels: once an engine, whatever plan asks.
Result<Tensor> pack_weight(const LowerNode& node, const kernels::GemmKernel& kernel, const Tensor& weight,
                           bool transposed) {
  return node.weights.get(weight, fmt::format("{} {}", kernel.name, transposed), [&]() -> Result<Tensor> {
    const int64_t depth = weight.shape()[transposed ? 1 : 0], columns = weight.shape()[transposed ? 0 : 1];
    Tensor packed = FOVEA_TRY(Tensor::allocate(DType::f32, {kernels::packed_floats(kernel, columns, 1, depth)}));
    const kernels::PackSource source{weight.data<float>(),    columns, 1, depth, transposed ? depth : 1, 0,
                                     transposed ? 1 : columns};
    kernels::pack_panels(kernel, source, 0, kernels::panel_count(kernel, columns), packed.mutable_view().as<float>());
    return packed;
  });
}

}  // namespace

StepPtr make_linear_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  if (weight == nullptr || weight->rank() != 2 || !all_f32(node) || node.shape(0).empty()) return nullptr;
  bool transposed = node.integer("transpose_b", 0) != 0;
  ValueId bias = kNoValue, residual = kNoValue;
  auto activation = std::optional(kernels::Activation{});
  if (const auto* gemm = dynamic_cast<const ops::Gemm*>(node.op.get())) {
    if (gemm->transpose_a || gemm->alpha != 1.0f || (node.has(2) && gemm->beta != 1.0f)) return nullptr;
    transposed = gemm->transpose_b;
    const bool row = !node.has(2) || (node.shape(2).size() <= 2 && !node.shape(2).empty() &&
                                      node.shape(2).back() == node.out_shape().back() &&
                                      element_count(node.shape(2)) == node.shape(2).back());
    if (!row) return nullptr;
    bias = node.in(2);
  } else if (node.node.domain == "fovea") {
    bias = node.in(2);
    residual = node.in(3);
    activation = fused_activation(node);
  }
  if (!activation) return nullptr;
  const int64_t depth = weight->shape()[transposed ? 1 : 0], columns = weight->shape()[transposed ? 0 : 1];
  if (depth == 0 || columns == 0 || node.shape(0).back() != depth) return nullptr;
  const kernels::GemmKernel& kernel = kernels::gemm_kernel(columns);
  auto packed = pack_weight(node, kernel, *weight, transposed);
  if (!packed.ok()) return nullptr;
  return std::make_unique<LinearStep>(node, kernel, std::move(packed).value(), depth, columns, bias, residual,
                                      *activation);
}

}  // namespace fovea::cpu
