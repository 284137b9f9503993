// fovea.Conv, fovea.MaxPool, fovea.AveragePool: ONNX's operators on NHWC images (f32, two spatial axes). The reference
// kernels turn the image round, use ONNX's own, and turn the result back.
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/conv.h"
#include "ops/fovea_epilogue.h"
#include "ops/lookup.h"
#include "ops/pool.h"
#include "ops/shapes.h"
#include "ops/strided_copy.h"

namespace fovea::ops {
namespace {

Shape channels_first(std::span<const int64_t> s) { return {s[0], s[3], s[1], s[2]}; }
Shape channels_last(std::span<const int64_t> s) { return {s[0], s[2], s[3], s[1]}; }

/// A copy of an NHWC image as NCHW.
Result<Tensor> to_channels_first(const TensorView& x) {
  Tensor image = FOVEA_TRY(Tensor::allocate(x.dtype, channels_first(x.shape)));
  const Shape s = strides_of(x.shape);
  strided_copy({image.shape(), {s[0], s[3], s[1], s[2]}, strides_of(image.shape())}, size_of(x.dtype), x.data,
               image.mutable_view().data);
  return image;
}

void to_channels_last(const Tensor& image, const MutableView& y) {
  const Shape s = strides_of(image.shape());
  strided_copy({Shape(y.shape.begin(), y.shape.end()), {s[0], s[2], s[3], s[1]}, strides_of(y.shape)}, size_of(y.dtype),
               image.raw(), y.data);
}

constexpr DType kF32[] = {DType::f32}, kU8[] = {DType::u8};

/// Inputs X {n, h, w, c}, W {out, c / group, kh, kw} as ONNX has it, B {out}, residual {the output's shape}; and of a
/// pointwise convolution that comes before it, where there is one, its W {m, c, 1, 1} and B {m}. With a table {c, 256},
/// X is u8, and the image is what the table makes of it; padding is 0 in the image.
struct FoveaConv final : Operator {
  Conv conv;
  FoveaEpilogue epilogue;
  std::shared_ptr<const FoveaConv> expand;  // the pointwise convolution before it, or nullptr

  FoveaConv(Conv c, FoveaEpilogue e, std::shared_ptr<const FoveaConv> first = nullptr)
      : conv(std::move(c)), epilogue(std::move(e)), expand(std::move(first)) {}

  Result<Types> infer(const Inputs& in) const override {
    if (in.has(kConvPixels)) {
      FOVEA_TRY(expect_dtype(in, 0, kU8));
      FOVEA_TRY(expect_dtype(in, kConvPixels, kF32));
      FOVEA_TRY(expect_rank_at_least(in, 0, 1));
      FOVEA_TRY(expect_shape(in, kConvPixels, Shape{in.shape(0).back(), 256}));
      if (expand) return invalid_model("a table and a pointwise convolution in front");
    } else {
      FOVEA_TRY(expect_dtype(in, 0, kF32));
    }
    FOVEA_TRY(expect_rank(in, 0, 4));
    Shape image(in.shape(0).begin(), in.shape(0).end());
    if (in.has(4) != (expand != nullptr))
      return invalid_model("weights of a pointwise convolution and attribute \"expand\" go together");
    if (expand) {
      const Inputs::Input first[] = {{in.type(0), nullptr, true},
                                     {in.type(4), nullptr, true},
                                     in.has(5) ? Inputs::Input{in.type(5), nullptr, true} : Inputs::Input{}};
      Types types = FOVEA_TRY(expand->infer(Inputs(first, 1)));
      image = types[0].shape;
    }
    std::vector<Inputs::Input> turned(in.has(2) ? 3 : 2);
    turned[0] = {{DType::f32, channels_first(image)}, nullptr, true};
    turned[1] = {in.type(1), nullptr, true};
    if (in.has(2)) turned[2] = {in.type(2), nullptr, true};
    Types types = FOVEA_TRY(conv.infer(Inputs(turned, 1)));
    types[0].shape = channels_last(types[0].shape);
    if (in.has(3)) FOVEA_TRY(expect_shape(in, 3, types[0].shape));
    return types;
  }

  Result<void> compute(Args in, Outs out) const override {
    if (expand) {
      Shape shape(in[0].shape.begin(), in[0].shape.end());
      shape[3] = in[4].shape[0];
      Tensor image = FOVEA_TRY(Tensor::allocate(DType::f32, shape));
      const TensorView args[] = {in[0], in[4], in.size() > 5 ? in[5] : TensorView{}};
      const MutableView results[] = {image.mutable_view()};
      FOVEA_TRY(expand->compute(args, results));
      return convolve(image.view(), in, out);
    }
    if (in.size() > kConvPixels && in[kConvPixels].data != nullptr)
      return convolve(FOVEA_TRY(looked_up(in[0], in[kConvPixels])).view(), in, out);
    return convolve(in[0], in, out);
  }

 private:
  Result<void> convolve(const TensorView& image, Args in, Outs out) const {
    const Tensor x = FOVEA_TRY(to_channels_first(image));
    Tensor y = FOVEA_TRY(Tensor::allocate(DType::f32, channels_first(out[0].shape)));
    const TensorView args[] = {x.view(), in[1], in.size() > 2 ? in[2] : TensorView{}};
    const MutableView results[] = {y.mutable_view()};
    FOVEA_TRY(conv.compute(args, results));
    to_channels_last(y, out[0]);
    return epilogue.apply(in.size() > 3 ? in[3] : TensorView{}, out[0]);
  }
};

template <class Pool>
struct FoveaPool final : Operator {
  Pool pool;

  explicit FoveaPool(Pool p) : pool(std::move(p)) {}

  Result<Types> infer(const Inputs& in) const override {
    FOVEA_TRY(expect_rank(in, 0, 4));
    const Inputs::Input turned[] = {{{in.dtype(0), channels_first(in.shape(0))}, nullptr, true}};
    Types types = FOVEA_TRY(pool.infer(Inputs(turned, 1)));
    types[0].shape = channels_last(types[0].shape);
    return types;
  }

  Result<void> compute(Args in, Outs out) const override {
    const Tensor x = FOVEA_TRY(to_channels_first(in[0]));
    Tensor y = FOVEA_TRY(Tensor::allocate(out[0].dtype, channels_first(out[0].shape)));
    const TensorView args[] = {x.view()};
    const MutableView results[] = {y.mutable_view()};
    FOVEA_TRY(pool.compute(args, results));
    to_channels_last(y, out[0]);
    return {};
  }
};

/// Attribute "expand": the activation of a pointwise convolution that comes first, or "none"; with it "expand_alpha"
/// and "expand_beta".
Result<std::shared_ptr<const FoveaConv>> parse_expand(Attributes& attributes) {
  const std::string activation = attributes.text("expand", "");
  const float alpha = attributes.number("expand_alpha", 0), beta = attributes.number("expand_beta", 0);
  if (activation.empty()) return std::shared_ptr<const FoveaConv>();
  Node node;
  if (activation != "none") node.attributes = {{"activation", activation}, {"alpha", alpha}, {"beta", beta}};
  Attributes of_epilogue(node);
  FoveaEpilogue epilogue = FOVEA_TRY(FoveaEpilogue::parse(of_epilogue));
  return std::make_shared<const FoveaConv>(Conv({}, 1), std::move(epilogue));
}

}  // namespace

Result<OperatorPtr> parse_fovea_conv(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  const int64_t groups = attributes.integer("group", 1);
  FoveaEpilogue epilogue = FOVEA_TRY(FoveaEpilogue::parse(attributes));
  auto expand = FOVEA_TRY(parse_expand(attributes));
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaConv>(Conv(std::move(window), groups), std::move(epilogue), std::move(expand));
}

Result<OperatorPtr> parse_fovea_max_pool(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  window.ceil_mode = attributes.flag("ceil_mode", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaPool<MaxPool>>(MaxPool(std::move(window), false));
}

Result<OperatorPtr> parse_fovea_average_pool(const Node& node) {
  Attributes attributes(node);
  WindowAttributes window = FOVEA_TRY(read_window(attributes));
  window.ceil_mode = attributes.flag("ceil_mode", false);
  const bool count_include_pad = attributes.flag("count_include_pad", false);
  FOVEA_TRY(attributes.finish());
  return make_operator<FoveaPool<AveragePool>>(AveragePool(std::move(window), count_include_pad));
}

}  // namespace fovea::ops
