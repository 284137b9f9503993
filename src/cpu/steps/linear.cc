// Steps of linear layers: a computed f32 operand times a constant matrix, with bias, residual and activation.
#include <algorithm>

#include "base/error.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/linear_form.h"
#include "cpu/steps/narrow_weight.h"
#include "cpu/steps/steps.h"
#include "ops/gemm.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

class LinearStep final : public Step {
 public:
  LinearStep(const LowerNode& node, const kernels::GemmKernel& kernel, Tensor packed, PackedNarrow narrow,
             const LinearForm& form, Split split)
      : a_(node.in(0)),
        bias_(form.bias),
        residual_(form.residual),
        y_(node.out()),
        packed_(std::move(packed)),
        narrow_(std::move(narrow)),
        threads_(std::max(node.threads, 1)) {
    if (narrow_.numbers.raw() != nullptr) product_.narrow = &narrow_.panels;
    product_.kernel = &kernel;
    product_.rows = element_count(node.out_shape()) / form.columns;
    product_.depth = product_.a_stride = form.depth;
    if (packed_.raw() != nullptr) product_.packed = packed_.data<float>();
    product_.columns = product_.c_stride = form.columns;
    product_.epilogue.activation = form.activation;
    product_.epilogue.residual_stride = form.columns;
    product_.epilogue.residual_last = form.residual_last;
    product_.split = split;
  }

  Result<void> run(const Bindings& b) const override {
    DenseProduct p = product_;
    p.a = b.f32(a_);
    p.c = b.f32_mutable(y_);
    p.room = static_cast<float*>(b.scratch);
    p.epilogue.bias = b.f32(bias_);
    p.epilogue.residual = b.f32(residual_);
    run_product(p, *b.pool);
    return {};
  }
  std::string kernel() const override {
    return std::string(product_.kernel->name) + (product_.narrow != nullptr ? "_narrow" : "");
  }
  int64_t scratch_bytes() const override {
    return product_.narrow == nullptr ? 0 : widening_floats(*product_.kernel, product_.depth) * 4 * threads_;
  }
  // Each element of a residual is read right before its place is written.
  bool may_overwrite(size_t input) const override { return residual_ != kNoValue && input == 3; }

 private:
  ValueId a_, bias_, residual_, y_;
  Tensor packed_;  // or
  PackedNarrow narrow_;
  int threads_;
  DenseProduct product_;
};

std::string operation_text(const LowerNode& node, const LinearForm& form) {
  return fmt::format("linear {}x{} to {}{}{} activation {}", element_count(node.out_shape()) / form.columns, form.depth,
                     form.columns, form.bias == kNoValue ? "" : " bias",
                     form.residual == kNoValue ? ""
                     : form.residual_last      ? " residual last"
                                               : " residual",
                     static_cast<int>(form.activation.kind));
}

/// The constant right operand as packed panels: once an engine, whatever plan asks.
Result<Tensor> pack_weight(const LowerNode& node, const kernels::GemmKernel& kernel, const LinearForm& form) {
  return node.weights.get(
      *form.weight, fmt::format("{} {}", kernel.name, form.transposed),
      {DType::f32, {kernels::packed_floats(kernel, form.columns, 1, form.depth)}},
      [&kernel, weight = *form.weight, columns = form.columns, depth = form.depth,
       transposed = form.transposed](void* to) {
        const kernels::PackSource source{weight.data<float>(),    columns, 1, depth, transposed ? depth : 1, 0,
                                         transposed ? 1 : columns};
        kernels::pack_panels(kernel, source, 0, kernels::panel_count(kernel, columns), static_cast<float*>(to));
      });
}

StepPtr make_linear(const LowerNode& node, const kernels::GemmKernel& kernel, Split split) {
  const auto form = linear_form(node);
  if (!form) return nullptr;
  if (is_narrow(*form)) {
    auto narrow = pack_narrow_weight(node, *form, kernel.columns);
    if (!narrow.ok()) return nullptr;
    return std::make_unique<LinearStep>(node, kernel, Tensor(), std::move(narrow).value(), *form, split);
  }
  auto packed = pack_weight(node, kernel, *form);
  if (!packed.ok()) return nullptr;
  return std::make_unique<LinearStep>(node, kernel, std::move(packed).value(), PackedNarrow(), *form, split);
}

}  // namespace

std::optional<LinearForm> linear_form(const LowerNode& node) {
  LinearForm form;
  form.weight = node.constant(1);
  if (form.weight == nullptr || form.weight->rank() != 2 || node.shape(0).empty()) return std::nullopt;
  const auto f32 = [&](size_t i) { return !node.has(i) || node.inputs[i].dtype == DType::f32; };
  if (!f32(0) || !f32(2) || !f32(3) || node.outputs[0].dtype != DType::f32) return std::nullopt;
  if (is_narrow(form) && (node.node.domain != "fovea" || node.has(4) != (node.constant(4) != nullptr) ||
                          node.has(5) != (node.constant(5) != nullptr)))
    return std::nullopt;
  form.transposed = node.integer("transpose_b", 0) != 0;
  if (const auto* gemm = dynamic_cast<const ops::Gemm*>(node.op.get())) {
    if (gemm->transpose_a || gemm->alpha != 1.0f || (node.has(2) && gemm->beta != 1.0f)) return std::nullopt;
    form.transposed = gemm->transpose_b;
    const bool row = !node.has(2) || (node.shape(2).size() <= 2 && !node.shape(2).empty() &&
                                      node.shape(2).back() == node.out_shape().back() &&
                                      element_count(node.shape(2)) == node.shape(2).back());
    if (!row) return std::nullopt;
    form.bias = node.in(2);
  } else if (node.node.domain == "fovea") {
    form.bias = node.in(2);
    form.residual = node.in(3);
    form.residual_last = node.integer("residual_last", 0) != 0;
    const auto activation = fused_activation(node);
    if (!activation) return std::nullopt;
    form.activation = *activation;
  }
  form.depth = form.weight->shape()[form.transposed ? 1 : 0];
  form.columns = form.weight->shape()[form.transposed ? 0 : 1];
  if (form.depth == 0 || form.columns == 0 || node.shape(0).back() != form.depth) return std::nullopt;
  return form;
}

StepPtr make_linear_step(const LowerNode& node) {
  const auto form = linear_form(node);
  if (!form) return nullptr;
  const kernels::GemmKernel& usual = kernels::gemm_kernel(form->columns);
  // Weights of few bits are widened panel by panel: their ways would not be measured as they run.
  if (node.tuning == nullptr || is_narrow(*form)) return make_linear(node, usual, Split::best);
  std::vector<Candidate> ways;
  const auto add = [&](const kernels::GemmKernel& kernel, Split split, std::string_view suffix) {
    ways.push_back({fmt::format("{}{}", kernel.name, suffix),
                    [&kernel, split](const LowerNode& n) { return make_linear(n, kernel, split); }});
  };
  add(usual, Split::best, "");
  add_other_ways(usual, element_count(node.out_shape()) / form->columns, form->columns, node.threads, add);
  return make_chosen(node, operation_text(node, *form), ways);
}

}  // namespace fovea::cpu
