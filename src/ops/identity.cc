// ONNX Identity, and Dropout, which is the same once a model is trained.
#include <cstring>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/elementwise.h"

namespace fovea::ops {
namespace {

void copy(const TensorView& from, const MutableView& to) {
  if (const auto bytes = static_cast<size_t>(from.size()) * size_of(from.dtype); bytes > 0)
    std::memcpy(to.data, from.data, bytes);
}

struct Identity final : Operator {
  Result<Types> infer(const Inputs& in) const override { return Types{in.type(0)}; }
  Result<void> compute(Args in, Outs out) const override {
    copy(in[0], out[0]);
    return {};
  }
};

// Dropping needs random numbers that no other program could repeat.
Result<void> refuse_training(const TensorView& ratio, const TensorView& training) {
  if (!training.present() || *training.as<uint8_t>() == 0) return {};
  double share = 0.5;
  if (ratio.present()) read_block(ratio.dtype, ratio.data, 1, &share);
  if (share == 0) return {};
  return unsupported("training_mode is true: fovea does not train").with_fix("export the model in evaluation mode");
}

struct Dropout final : Operator {
  bool bool_mask;  // since opset 10; before, the mask has the data's type
  explicit Dropout(bool b) : bool_mask(b) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_dtype(in, 0, kFloats));
    for (size_t i : {1, 2})
      if (in.has(i) && element_count(in.shape(i)) != 1)
        return invalid_model("input {} must be one value, but has shape {}", i, to_string(in.shape(i)));
    if (in.has(1)) FOVEA_TRY(expect_dtype(in, 1, kFloats));
    if (in.has(2)) FOVEA_TRY(expect_dtype(in, 2, kBoolean));
    // Told as soon as the flags are known, so that a model is refused when it is loaded.
    if (const Result<Tensor> training = in.value(2); training.ok())
      if (const Result<Tensor> ratio = in.has(1) ? in.value(1) : Result<Tensor>(Tensor()); ratio.ok())
        FOVEA_TRY(refuse_training(ratio->raw() == nullptr ? TensorView{} : ratio->view(), training->view()));
    return Types{in.type(0), {bool_mask ? DType::boolean : in.dtype(0), in.shape(0)}};
  }

  Result<void> compute(Args in, Outs out) const override {
    FOVEA_TRY(refuse_training(in.size() > 1 ? in[1] : TensorView{}, in.size() > 2 ? in[2] : TensorView{}));
    copy(in[0], out[0]);
    if (out.size() < 2 || !out[1].present()) return {};
    const double kept = 1;
    for (int64_t i = 0; i < out[1].size(); ++i)
      write_block(&kept, 1, out[1].dtype, out[1].as<std::byte>() + i * static_cast<int64_t>(size_of(out[1].dtype)));
    return {};
  }
};

}  // namespace

Result<OperatorPtr> parse_identity(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<Identity>();
}

Result<OperatorPtr> parse_dropout(const Node& node) {
  Attributes attributes(node);
  if (node.opset < 12)
    attributes.ignore("ratio");
  else
    attributes.ignore("seed");
  if (node.opset < 6) attributes.ignore("consumed_inputs");
  if (node.opset < 7 && !attributes.flag("is_test", false))
    return unsupported("is_test is 0: fovea does not train").with_fix("export the model in evaluation mode");
  FOVEA_TRY(attributes.finish());
  return make_operator<Dropout>(node.opset >= 10);
}

}  // namespace fovea::ops
