// The operators of ONNX Runtime's own domain that its quantiser writes: com.microsoft's QGemm, QLinearAdd and so on.
// The reference kernel dequantises the operands, computes over floats and quantises the result.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/quantised_form.h"
#include "ops/quantize_linear.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kBytes[] = {DType::i8, DType::u8};
constexpr DType kSingle[] = {DType::f32};
constexpr DType kBias[] = {DType::i32};

struct QuantisedOperator final : Operator {
  QuantisedForm form;
  OperatorPtr inner;

  QuantisedOperator(QuantisedForm f, OperatorPtr op) : form(std::move(f)), inner(std::move(op)) {}

  Result<Types> infer(const Inputs& in) const override {
    std::vector<Inputs::Input> floats;
    for (const QuantisedForm::Operand& o : form.operands) {
      FOVEA_TRY(expect_dtype(in, o.x, kBytes));
      FOVEA_TRY(expect_dtype(in, o.scale, kSingle));
      FOVEA_TRY(resolve_granularity(in.shape(o.x), in.shape(o.scale), o.axis, 0));
      if (in.has(o.zero)) {
        FOVEA_TRY(expect_same_dtype(in, o.x, o.zero));
        if (element_count(in.shape(o.zero)) != element_count(in.shape(o.scale)))
          return invalid_model("scale and zero point differ in shape: {} and {}", to_string(in.shape(o.scale)),
                               to_string(in.shape(o.zero)));
      }
      floats.push_back({{DType::f32, in.shape(o.x)}, nullptr, true});
    }
    if (form.bias) {
      FOVEA_TRY(expect_dtype(in, *form.bias, kBias));
      const int64_t scales = element_count(in.shape(form.operands[1].scale));
      if (element_count(in.shape(form.operands[0].scale)) != 1 ||
          (scales != 1 && element_count(in.shape(*form.bias)) != scales))
        return invalid_model("a bias of shape {} and {} scales do not go together", to_string(in.shape(*form.bias)),
                             scales);
      floats.push_back({{DType::f32, in.shape(*form.bias)}, nullptr, true});
    }
    Types types = FOVEA_TRY(inner->infer(Inputs(floats, 1)));
    if (!in.has(form.y_scale)) return types;
    FOVEA_TRY(expect_dtype(in, form.y_scale, kSingle));
    if (element_count(in.shape(form.y_scale)) != 1) return invalid_model("the result's scale must be one number");
    types[0].dtype = DType::u8;
    if (in.has(form.y_zero)) {
      FOVEA_TRY(expect_dtype(in, form.y_zero, kBytes));
      if (element_count(in.shape(form.y_zero)) != 1) return invalid_model("the result's zero point must be one number");
      types[0].dtype = in.dtype(form.y_zero);
    }
    return types;
  }

  Result<void> compute(Args in, Outs out) const override {
    const auto given = [&](size_t i) { return i < in.size() ? in[i] : TensorView{}; };
    std::vector<Tensor> floats;
    for (const QuantisedForm::Operand& o : form.operands) {
      Tensor x = FOVEA_TRY(Tensor::allocate(DType::f32, Shape(in[o.x].shape.begin(), in[o.x].shape.end())));
      const TensorView args[] = {in[o.x], in[o.scale], given(o.zero)};
      const MutableView results[] = {x.mutable_view()};
      FOVEA_TRY(DequantizeLinear(o.axis, 0, std::nullopt).compute(args, results));
      floats.push_back(std::move(x));
    }
    if (form.bias) {
      const TensorView& bias = in[*form.bias];
      const TensorView &a = in[form.operands[0].scale], &b = in[form.operands[1].scale];
      Tensor x = FOVEA_TRY(Tensor::allocate(DType::f32, Shape(bias.shape.begin(), bias.shape.end())));
      for (int64_t i = 0; i < bias.size(); ++i)
        x.mutable_view().as<float>()[i] =
            static_cast<float>(static_cast<double>(bias.as<int32_t>()[i]) * static_cast<double>(a.as<float>()[0]) *
                               static_cast<double>(b.as<float>()[b.size() == 1 ? 0 : i]));
      floats.push_back(std::move(x));
    }
    std::vector<TensorView> args;
    for (const Tensor& t : floats) args.push_back(t.view());
    if (!given(form.y_scale).present()) return inner->compute(args, out);
    Tensor y = FOVEA_TRY(Tensor::allocate(DType::f32, Shape(out[0].shape.begin(), out[0].shape.end())));
    const MutableView results[] = {y.mutable_view()};
    FOVEA_TRY(inner->compute(args, results));
    const TensorView quantised[] = {y.view(), in[form.y_scale], given(form.y_zero)};
    return QuantizeLinear(1, 0, std::nullopt, DType::f32).compute(quantised, out);
  }
};

}  // namespace

Result<OperatorPtr> parse_quantised_contrib(const Node& node) {
  auto form = quantised_form(node);
  if (!form) return unsupported("{} over channels-last tensors", node.op_type);
  for (size_t i = 0; i < form->operands.size() + (form->bias ? 1 : 0); ++i)
    form->inner.inputs.push_back(static_cast<ValueId>(i));
  form->inner.outputs = {static_cast<ValueId>(form->inner.inputs.size())};
  OperatorPtr inner = FOVEA_TRY(parse_operator(form->inner));
  return make_operator<QuantisedOperator>(std::move(*form), std::move(inner));
}

}  // namespace fovea::ops
