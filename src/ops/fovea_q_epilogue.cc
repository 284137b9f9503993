#include "ops/fovea_q_epilogue.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "ops/attributes.h"
#include "ops/shapes.h"

namespace fovea::ops {
namespace {

constexpr DType kBytes[] = {DType::u8, DType::i8};
constexpr DType kSingle[] = {DType::f32};
constexpr DType kSum[] = {DType::i32};
constexpr DType kResiduals[] = {DType::u8, DType::i8, DType::f32};

bool given(Args in, size_t i) { return i < in.size() && in[i].present(); }

}  // namespace

int32_t requantise(float r, int32_t zero, int32_t low, int32_t high) {
  constexpr float kFar = 1 << 24;  // far beyond all bounds, and whole
  if (std::isnan(r)) return low;
  const auto whole = static_cast<int32_t>(std::nearbyint(std::clamp(r, -kFar, kFar)));
  return std::clamp(whole + zero, low, high);
}

Result<QEpilogue> QEpilogue::parse(Attributes& attributes) {
  QEpilogue q;
  const std::string output = attributes.text("output", "f32");
  constexpr std::pair<std::string_view, DType> kOutputs[] = {
      {"f32", DType::f32}, {"u8", DType::u8}, {"i8", DType::i8}, {"i32", DType::i32}};
  const auto* found = std::ranges::find(kOutputs, output, &std::pair<std::string_view, DType>::first);
  if (found == std::ranges::end(kOutputs)) return invalid_model("output \"{}\" is none of f32, u8, i8, i32", output);
  q.output = found->second;
  const int64_t least = q.output == DType::i8 ? -128 : 0, most = q.output == DType::i8 ? 127 : 255;
  const auto whole = [&](std::string_view name, int64_t otherwise) {
    return static_cast<int32_t>(std::clamp<int64_t>(attributes.integer(name, otherwise), -256, 256));
  };
  q.x_zero = whole("x_zero", 0);
  q.w_zero = whole("w_zero", 0);
  q.y_zero = whole("y_zero", 0);
  q.low = whole("low", least);
  q.high = whole("high", most);
  q.residual_zero = whole("residual_zero", 0);
  q.residual_scale = attributes.number("residual_scale", 1);
  q.y_factor = attributes.number("y_factor", 1);
  for (const auto& [stage, name] : {std::pair(&q.row, std::string("row")), std::pair(&q.inner, std::string("inner"))}) {
    stage->there = attributes.has(name + "_scale");
    stage->zero = whole(name + "_zero", 0);
    stage->low = whole(name + "_low", 0);
    stage->high = whole(name + "_high", 255);
    stage->scale = attributes.number(name + "_scale", 1);
  }
  q.fused = FOVEA_TRY(FoveaEpilogue::parse(attributes));
  if (q.low < least || q.high > most || q.low > q.high)
    return invalid_model("bounds {} to {} do not lie within {}", q.low, q.high, output);
  return q;
}

Result<TensorType> QEpilogue::infer(const Inputs& in, Shape y) const {
  FOVEA_TRY(expect_dtype(in, 0, kBytes));
  FOVEA_TRY(expect_dtype(in, 1, kBytes));
  const Shape columns{y.empty() ? 1 : y.back()};
  for (const size_t i : {kMultiplier, kOffset, kRow})
    if (in.has(i)) {
      FOVEA_TRY(expect_dtype(in, i, kSingle));
      FOVEA_TRY(expect_shape(in, i, columns));
    }
  if (in.has(kBias)) {
    FOVEA_TRY(expect_dtype(in, kBias, kSum));
    FOVEA_TRY(expect_shape(in, kBias, columns));
  }
  if (in.has(kResidual)) {
    FOVEA_TRY(expect_dtype(in, kResidual, kResiduals));
    FOVEA_TRY(expect_shape(in, kResidual, y));
  }
  if (in.has(kRow) != row.there) return invalid_model("a row and attribute \"row_scale\" go together");
  if (in.has(kXScale)) {
    FOVEA_TRY(expect_dtype(in, kXScale, kSingle));
    if (element_count(in.shape(kXScale)) != 1) return invalid_model("the scale of x must be one number");
  }
  if (in.has(kXZero)) {
    FOVEA_TRY(expect_same_dtype(in, 0, kXZero));
    if (element_count(in.shape(kXZero)) != 1) return invalid_model("the zero point of x must be one number");
  }
  for (const size_t i : {kWZeros, kXZeros, kYLevels})
    if (in.has(i)) FOVEA_TRY(expect_dtype(in, i, kSum));
  if (in.has(kWZeros)) FOVEA_TRY(expect_shape(in, kWZeros, columns));
  if (in.has(kXZeros)) FOVEA_TRY(expect_shape(in, kXZeros, Shape{in.shape(0).empty() ? 1 : in.shape(0).back()}));
  if (in.has(kYLevels)) {
    FOVEA_TRY(expect_shape(in, kYLevels, Shape{3, columns[0]}));
    if (output != DType::u8 && output != DType::i8)
      return invalid_model("levels of columns are for an output of bytes");
  }
  if (in.has(kYFactors)) {
    FOVEA_TRY(expect_dtype(in, kYFactors, kSingle));
    FOVEA_TRY(expect_shape(in, kYFactors, columns));
  }
  if (in.has(kTable)) {
    constexpr DType kUnsigned[] = {DType::u8};
    FOVEA_TRY(expect_dtype(in, kTable, kUnsigned));
    FOVEA_TRY(expect_shape(in, kTable, Shape{256}));
    if (output != DType::u8) return invalid_model("a table is for an output of u8");
  }
  if (!in.has(kMultiplier) && output != DType::i32) return invalid_model("the multiplier is missing");
  return TensorType{output, std::move(y)};
}

int32_t QEpilogue::zero_of_x(Args in, int64_t channel) const {
  if (given(in, kXZeros)) return in[kXZeros].as<int32_t>()[channel];
  return given(in, kXZero) ? byte_at(in[kXZero], 0) : x_zero;
}

int32_t QEpilogue::zero_of_w(Args in, int64_t column) const {
  return given(in, kWZeros) ? in[kWZeros].as<int32_t>()[column] : w_zero;
}

Result<void> QEpilogue::apply(const int32_t* sums, int64_t columns, Args in, const MutableView& y) const {
  const int64_t size = y.size();
  Tensor real = FOVEA_TRY(Tensor::allocate(DType::f32, Shape(y.shape.begin(), y.shape.end())));
  auto* r = real.mutable_view().as<float>();
  const auto* bias = given(in, kBias) ? in[kBias].as<int32_t>() : nullptr;
  const auto* multiplier = given(in, kMultiplier) ? in[kMultiplier].as<float>() : nullptr;
  const auto* offset = given(in, kOffset) ? in[kOffset].as<float>() : nullptr;
  for (int64_t i = 0; i < size; ++i) {
    const int64_t n = i % columns;
    const uint32_t sum = static_cast<uint32_t>(sums[i]) + static_cast<uint32_t>(bias ? bias[n] : 0);
    if (output == DType::i32) {
      y.as<int32_t>()[i] = static_cast<int32_t>(sum);
      continue;
    }
    const float factor = given(in, kXScale) ? in[kXScale].as<float>()[0] * multiplier[n] : multiplier[n];
    r[i] = static_cast<float>(static_cast<int32_t>(sum)) * factor;
    if (offset) r[i] = r[i] + offset[n];
    const auto stage = [&](const QStage& s) {
      r[i] = static_cast<float>(requantise(r[i], s.zero, s.low, s.high) - s.zero) * s.scale;
    };
    if (row.there) {
      stage(row);
      r[i] = r[i] + in[kRow].as<float>()[n];
    }
    if (inner.there) stage(inner);
  }
  if (output == DType::i32) return {};
  Tensor residual;
  if (given(in, kResidual)) {
    residual = FOVEA_TRY(Tensor::allocate(DType::f32, real.shape()));
    auto* to = residual.mutable_view().as<float>();
    const TensorView& from = in[kResidual];
    for (int64_t i = 0; i < size; ++i)
      to[i] = (from.dtype == DType::f32 ? from.as<float>()[i] : static_cast<float>(byte_at(from, i) - residual_zero)) *
              residual_scale;
  }
  FOVEA_TRY(fused.apply(residual.raw() ? residual.view() : TensorView{}, real.mutable_view()));
  const auto* table = given(in, kTable) ? in[kTable].as<uint8_t>() : nullptr;
  const auto* levels = given(in, kYLevels) ? in[kYLevels].as<int32_t>() : nullptr;
  const auto* factors = given(in, kYFactors) ? in[kYFactors].as<float>() : nullptr;
  const int32_t least = output == DType::i8 ? -128 : 0, most = least + 255;
  for (int64_t i = 0; i < size; ++i) {
    if (output == DType::f32) {
      y.as<float>()[i] = r[i];
      continue;
    }
    const int64_t n = i % columns;
    if (factors != nullptr)
      r[i] = r[i] * factors[n];
    else if (y_factor != 1)
      r[i] = r[i] * y_factor;
    const auto stored = [&](int64_t k) { return std::clamp(levels[k * columns + n], k == 0 ? -256 : least, most); };
    const int32_t level = levels != nullptr ? requantise(r[i], stored(0), stored(1), std::max(stored(1), stored(2)))
                                            : requantise(r[i], y_zero, low, high);
    set_byte(y, i, table ? table[level] : level);
  }
  return {};
}

}  // namespace fovea::ops
