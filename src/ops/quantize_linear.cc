#include "ops/quantize_linear.h"

#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "base/error.h"
#include "ops/attributes.h"
#include "ops/catalogue.h"
#include "ops/dispatch.h"
#include "ops/onnx_dtype.h"
#include "ops/shapes.h"
#include "ops/widen.h"

namespace fovea::ops {
namespace {

constexpr DType kQuantised[] = {DType::i8, DType::u8, DType::i16, DType::u16};

bool given(Args in, size_t i) { return i < in.size() && in[i].present(); }

/// Checks the zero point beside the scale; their shapes must agree, but one element is one element.
Result<void> expect_zero_point(const Inputs& in) {
  const auto single = [&](size_t i) {
    return in.rank(i) <= 1 && std::ranges::all_of(in.shape(i), [](int64_t e) { return e == 1; });
  };
  if (in.shape(1) == in.shape(2) || (single(1) && single(2))) return {};
  return invalid_model("scale and zero point differ in shape: {} and {}", to_string(in.shape(1)),
                       to_string(in.shape(2)));
}

/// x / scale, rounded as in the type `precision`.
Result<void> divide_rows(DType precision, const double* x, const double* scale, double* y, int64_t n) {
  return dispatch<FloatTypes>(precision, [&]<class T>() {
    using C = Compute<T>;
    for (int64_t i = 0; i < n; ++i) {
      const C quotient = static_cast<C>(convert<T>(x[i])) / static_cast<C>(convert<T>(scale[i]));
      y[i] = convert<double>(convert<T>(quotient));
    }
  });
}

/// Calls row(first, parameters, n) for the runs of elements along the innermost index, at most kBlock long, where
/// parameters[i] tells where the scale of element first + i lies.
template <class Row>
Result<void> for_each_run(const Granularity& g, const Row& row) {
  int64_t parameters[kBlock];
  int64_t n = 0, first = 0;
  const auto flush = [&]() -> Result<void> {
    FOVEA_TRY(row(first, static_cast<const int64_t*>(parameters), n));
    first += n;
    n = 0;
    return {};
  };
  for (int64_t o = 0; o < g.outer; ++o)
    for (int64_t i = 0; i < g.extent; ++i)
      for (int64_t k = 0; k < g.inner; ++k) {
        parameters[n++] = g.parameter(o, i, k);
        if (n == kBlock) FOVEA_TRY(flush());
      }
  return n == 0 ? Result<void>() : flush();
}

const std::byte* element(const TensorView& x, int64_t i) {
  return x.as<std::byte>() + i * static_cast<int64_t>(size_of(x.dtype));
}

Result<std::optional<DType>> read_dtype(Attributes& attributes, std::string_view name) {
  const int64_t number = attributes.integer(name, 0);
  if (number == 0) return std::optional<DType>();
  return std::optional<DType>(FOVEA_TRY(dtype_from_onnx(number)));
}

}  // namespace

Result<Granularity> resolve_granularity(std::span<const int64_t> x, std::span<const int64_t> scale, int64_t axis,
                                        int64_t block_size) {
  FOVEA_TRY(checked_bytes(DType::f64, x));
  const auto rank = static_cast<int64_t>(x.size());
  Granularity g;
  if (scale.empty() || (scale.size() == 1 && scale[0] == 1)) {
    g.inner = element_count(x);
    return g;
  }
  const int64_t at = FOVEA_TRY(normalize_axis(axis, rank));
  g.outer = extent_product(x, 0, at);
  g.extent = x[static_cast<size_t>(at)];
  g.inner = extent_product(x, at + 1, rank);
  if (block_size == 0) {
    if (scale.size() != 1 || scale[0] != g.extent)
      return invalid_model("a scale of shape {} does not fit axis {} of {}", to_string(scale), at, to_string(x));
    g.block_step = 1;
    return g;
  }
  if (block_size < 0) return invalid_model("attribute \"block_size\" is {}, but must not be negative", block_size);
  Shape blocks(x.begin(), x.end());
  int64_t& count = blocks[static_cast<size_t>(at)];
  count = count == 0 ? 0 : (count - 1) / block_size + 1;
  if (!std::ranges::equal(blocks, scale))
    return invalid_model("blocks of {} along axis {} of {} need scales of shape {}, not {}", block_size, at,
                         to_string(x), to_string(blocks), to_string(scale));
  g.block = block_size;
  g.inner_step = 1;
  g.block_step = g.inner;
  g.outer_step = count * g.inner;
  return g;
}

double saturate(double x, double zero_point, DType quantised) {
  const bool is_signed = quantised == DType::i8 || quantised == DType::i16;
  const double values = size_of(quantised) == 1 ? 256 : 65536;
  const double lowest = is_signed ? -values / 2 : 0;
  // fmax takes the number where the other operand is NaN.
  return std::fmin(std::fmax(std::nearbyint(x) + zero_point, lowest), lowest + values - 1);
}

Result<Types> QuantizeLinear::infer(const Inputs& in) const {
  constexpr DType kFrom[] = {DType::f32, DType::f16, DType::bf16, DType::i32};
  FOVEA_TRY(expect_dtype(in, 0, kFrom));
  FOVEA_TRY(expect_dtype(in, 1, kFrom));
  FOVEA_TRY(resolve_granularity(in.shape(0), in.shape(1), axis, block_size));
  DType to = output.value_or(DType::u8);
  if (in.has(2)) {
    FOVEA_TRY(expect_zero_point(in));
    if (output && *output != in.dtype(2))
      return invalid_model("output_dtype is {}, but the zero point is {}", name_of(*output), name_of(in.dtype(2)));
    to = in.dtype(2);
  }
  if (std::ranges::find(kQuantised, to) == std::end(kQuantised))
    return invalid_model("{} is no type to quantise to", name_of(to));
  return Types{{to, in.shape(0)}};
}

Result<void> QuantizeLinear::compute(Args in, Outs out) const {
  const Granularity g = FOVEA_TRY(resolve_granularity(in[0].shape, in[1].shape, axis, block_size));
  const DType division = precision.value_or(is_float(in[1].dtype) ? in[1].dtype : DType::f64);
  const Tensor scales = FOVEA_TRY(widen<double>(in[1]));
  const Tensor zeros = given(in, 2) ? FOVEA_TRY(widen<double>(in[2])) : Tensor();
  return for_each_run(g, [&](int64_t first, const int64_t* parameters, int64_t n) -> Result<void> {
    double x[kBlock], scale[kBlock], y[kBlock];
    read_block(in[0].dtype, element(in[0], first), n, x);
    for (int64_t i = 0; i < n; ++i) scale[i] = scales.data<double>()[parameters[i]];
    FOVEA_TRY(divide_rows(division, x, scale, y, n));
    for (int64_t i = 0; i < n; ++i)
      y[i] = saturate(y[i], zeros.raw() ? zeros.data<double>()[parameters[i]] : 0, out[0].dtype);
    narrow(y, n, out[0], first);
    return {};
  });
}

Result<Types> DequantizeLinear::infer(const Inputs& in) const {
  constexpr DType kFrom[] = {DType::i8, DType::u8, DType::i16, DType::u16, DType::i32};
  constexpr DType kTo[] = {DType::f32, DType::f16, DType::bf16};
  FOVEA_TRY(expect_dtype(in, 0, kFrom));
  FOVEA_TRY(expect_dtype(in, 1, kTo));
  FOVEA_TRY(resolve_granularity(in.shape(0), in.shape(1), axis, block_size));
  if (in.has(2)) {
    FOVEA_TRY(expect_same_dtype(in, 0, 2));
    FOVEA_TRY(expect_zero_point(in));
  }
  const DType to = output.value_or(in.dtype(1));
  if (std::ranges::find(kTo, to) == std::end(kTo)) return invalid_model("output_dtype {} is no float", name_of(to));
  return Types{{to, in.shape(0)}};
}

Result<void> DequantizeLinear::compute(Args in, Outs out) const {
  const Granularity g = FOVEA_TRY(resolve_granularity(in[0].shape, in[1].shape, axis, block_size));
  const Tensor scales = FOVEA_TRY(widen<double>(in[1]));
  const Tensor zeros = given(in, 2) ? FOVEA_TRY(widen<double>(in[2])) : Tensor();
  return for_each_run(g, [&](int64_t first, const int64_t* parameters, int64_t n) -> Result<void> {
    double x[kBlock];
    float y[kBlock];
    read_block(in[0].dtype, element(in[0], first), n, x);
    for (int64_t i = 0; i < n; ++i) {
      const double centred = x[i] - (zeros.raw() ? zeros.data<double>()[parameters[i]] : 0);
      y[i] = static_cast<float>(centred) * static_cast<float>(scales.data<double>()[parameters[i]]);
    }
    narrow(y, n, out[0], first);
    return {};
  });
}

Result<Types> DynamicQuantizeLinear::infer(const Inputs& in) const {
  constexpr DType kFrom[] = {DType::f32};
  FOVEA_TRY(expect_dtype(in, 0, kFrom));
  return Types{{DType::u8, in.shape(0)}, {DType::f32, {}}, {DType::u8, {}}};
}

Result<void> DynamicQuantizeLinear::compute(Args in, Outs out) const {
  const std::span x(in[0].as<float>(), static_cast<size_t>(in[0].size()));
  float least = 0, most = 0;  // 0 is always within
  for (const float value : x) least = std::fmin(least, value), most = std::fmax(most, value);
  const float scale = least == most ? 1.0f : (most - least) / 255.0f;
  const double zero_point = saturate(static_cast<double>(0.0f - least / scale), 0, DType::u8);
  for (size_t i = 0; i < x.size(); ++i)
    out[0].as<uint8_t>()[i] = static_cast<uint8_t>(saturate(static_cast<double>(x[i] / scale), zero_point, DType::u8));
  out[1].as<float>()[0] = scale;
  out[2].as<uint8_t>()[0] = static_cast<uint8_t>(zero_point);
  return {};
}

Result<OperatorPtr> parse_quantize_linear(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", 1), block_size = attributes.integer("block_size", 0);
  const auto output = FOVEA_TRY(read_dtype(attributes, "output_dtype"));
  auto precision = FOVEA_TRY(read_dtype(attributes, "precision"));
  attributes.ignore("saturate");  // concerns 8-bit floats alone
  FOVEA_TRY(attributes.finish());
  if (precision && !is_float(*precision)) return invalid_model("precision {} is no float", name_of(*precision));
  // Before opset 23 nothing is said of the division; runtimes divide in float.
  if (node.opset < 23) precision = DType::f32;
  return make_operator<QuantizeLinear>(axis, block_size, output, precision);
}

Result<OperatorPtr> parse_dequantize_linear(const Node& node) {
  Attributes attributes(node);
  const int64_t axis = attributes.integer("axis", 1), block_size = attributes.integer("block_size", 0);
  const auto output = FOVEA_TRY(read_dtype(attributes, "output_dtype"));
  FOVEA_TRY(attributes.finish());
  return make_operator<DequantizeLinear>(axis, block_size, output);
}

Result<OperatorPtr> parse_dynamic_quantize_linear(const Node& node) {
  FOVEA_TRY(Attributes(node).finish());
  return make_operator<DynamicQuantizeLinear>();
}

}  // namespace fovea::ops
