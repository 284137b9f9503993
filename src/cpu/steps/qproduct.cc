#include "cpu/steps/qproduct.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "cpu/steps/steps.h"
#include "ops/fovea_q_epilogue.h"

namespace fovea::cpu {
namespace {

/// The weight as {groups, columns, slices, taps, depth of a slice}, less 128 where it is unsigned.
Result<Tensor> signed_weight(const QWeightSource& s) {
  Tensor turned = FOVEA_TRY(Tensor::allocate(DType::i8, {s.groups, s.columns, s.taps, s.depth}));
  auto* to = turned.mutable_view().as<uint8_t>();
  const auto* from = s.weight->data<uint8_t>();
  const uint8_t flip = s.weight->dtype() == DType::u8 ? 0x80 : 0;
  const int64_t depth = s.depth / s.slices;
  for (int64_t g = 0; g < s.groups; ++g)
    for (int64_t n = 0; n < s.columns; ++n)
      for (int64_t slice = 0; slice < s.slices; ++slice)
        for (int64_t t = 0; t < s.taps; ++t)
          for (int64_t k = slice * depth; k < (slice + 1) * depth; ++k)
            *to++ = from[g * s.group_stride + n * s.column_stride + t * s.tap_stride + k * s.depth_stride] ^ flip;
  return turned;
}

/// The zero points of columns, less `shift`.
Result<Tensor> shifted_zeros(const Tensor& zeros, int32_t shift) {
  Tensor all = FOVEA_TRY(Tensor::allocate(DType::i32, {zeros.size()}));
  // Whatever a file says: modulo 2^32, as sums are.
  for (int64_t n = 0; n < zeros.size(); ++n)
    all.mutable_view().as<uint32_t>()[n] = zeros.data<uint32_t>()[n] - static_cast<uint32_t>(shift);
  return all;
}

}  // namespace

void pack_ones(const kernels::WordKernel& kernel, int64_t taps, int64_t depth, uint32_t* panel) {
  constexpr int8_t kOne = 1;
  kernels::pack_words(kernel, kernels::WordSource<int8_t>{&kOne, 1, taps, depth, 0, 0, 0}, 0, 1, panel);
}

Result<QWeights> pack_q_weights(const LowerNode& node, const kernels::WordKernel& kernel, const QWeightSource& s) {
  QWeights made;
  const bool is_unsigned = s.weight->dtype() == DType::u8;
  const int32_t shift = is_unsigned ? 128 : 0;
  made.w_zero = static_cast<int32_t>(node.integer("w_zero", 0)) - shift;
  if (node.has(ops::QEpilogue::kWZeros)) {
    const Tensor* zeros = node.constant(ops::QEpilogue::kWZeros);
    if (zeros == nullptr) return unsupported("zero points of weights that are computed");
    made.zeros = FOVEA_TRY(shifted_zeros(*zeros, shift));
  }
  made.panels = kernels::panel_count(kernel, s.columns);
  const int64_t panel = kernels::panel_words(kernel, s.packed_taps, s.packed_depth);
  made.group_words = (made.panels + (made.sums_rows() ? 1 : 0)) * panel;
  const std::string form = fmt::format("q {} {} {} {}", s.groups, s.packed_taps, s.packed_depth, s.depth_stride);
  made.packed = FOVEA_TRY(node.weights.get(
      *s.weight, fmt::format("{} {} {}", kernel.name, form, made.zeros.raw() ? "columns" : std::to_string(made.w_zero)),
      TensorType{DType::u32, {s.groups * made.group_words}}, [&]() -> Result<Tensor> {
        const Tensor turned = FOVEA_TRY(signed_weight(s));
        Tensor all = FOVEA_TRY(node.weights.allocate(DType::u32, {s.groups * made.group_words}));
        for (int64_t g = 0; g < s.groups; ++g) {
          const int64_t size = s.taps * s.depth;
          const kernels::WordSource<int8_t> source{turned.data<int8_t>() + g * s.columns * size,
                                                   s.columns,
                                                   s.packed_taps,
                                                   s.packed_depth,
                                                   size,
                                                   s.packed_depth,
                                                   1};
          auto* to = all.mutable_view().as<uint32_t>() + g * made.group_words;
          kernels::pack_words(kernel, source, 0, made.panels, to);
          if (made.sums_rows()) pack_ones(kernel, s.packed_taps, s.packed_depth, to + made.panels * panel);
        }
        return all;
      }));
  const Tensor sums = FOVEA_TRY(node.weights.get(
      *s.weight, "sums " + form, TensorType{DType::i32, {s.groups * s.columns}}, [&]() -> Result<Tensor> {
        const Tensor turned = FOVEA_TRY(signed_weight(s));
        Tensor all = FOVEA_TRY(Tensor::allocate(DType::i32, {s.groups * s.columns}));
        const int64_t size = s.taps * s.depth;
        for (int64_t n = 0; n < s.groups * s.columns; ++n)
          for (int64_t k = 0; k < size; ++k) all.mutable_view().as<int32_t>()[n] += turned.data<int8_t>()[n * size + k];
        return all;
      }));
  made.correction = FOVEA_TRY(Tensor::allocate(DType::i32, {s.groups * s.columns}));
  for (int64_t n = 0; n < s.groups * s.columns; ++n) {
    const int64_t zero = made.zeros.raw() ? made.zeros.data<int32_t>()[n] : made.w_zero;
    made.correction.mutable_view().as<int32_t>()[n] =
        static_cast<int32_t>(static_cast<uint32_t>(s.taps * s.depth * zero - sums.data<int32_t>()[n]));
  }
  return made;
}

kernels::ByteRange byte_range(const LowerNode& node) {
  const auto whole = [&](std::string_view key, int64_t otherwise) {
    return static_cast<int32_t>(node.integer(key, otherwise));
  };
  return {whole("y_zero", 0), whole("low", 0), whole("high", 255)};
}

std::optional<QFinish> QFinish::make(const LowerNode& node, const QWeights* weights) {
  QFinish q;
  const Tensor* correction = weights != nullptr ? &weights->correction : nullptr;
  if (weights != nullptr) q.row_factors_ = weights->zeros;
  q.columns_ = node.out_shape().back();
  q.to_floats_ = node.outputs[0].dtype == DType::f32;
  if (!q.to_floats_ && node.outputs[0].dtype != DType::u8) return std::nullopt;
  const Tensor *multiplier = node.constant(2), *bias = node.constant(3), *offset = node.constant(4);
  if (multiplier == nullptr || (node.has(3) && bias == nullptr) || (node.has(4) && offset == nullptr))
    return std::nullopt;
  q.multiplier_ = *multiplier;
  if (offset != nullptr) q.offset_ = *offset;
  auto sums = Tensor::allocate(DType::i32, {q.columns_});
  if (!sums.ok()) return std::nullopt;
  q.x_zero_ = static_cast<int32_t>(node.integer("x_zero", 0));
  q.x_scale_ = node.in(8);
  q.x_zero_value_ = node.in(9);
  if (q.x_scale_ != kNoValue || q.x_zero_value_ != kNoValue) {
    if (q.x_scale_ == kNoValue || q.x_zero_value_ == kNoValue || correction == nullptr) return std::nullopt;
    q.unit_ = *correction;
    if (bias != nullptr) q.bias_ = *bias;
  }
  for (int64_t n = 0; n < q.columns_; ++n)
    sums->mutable_view().as<uint32_t>()[n] =
        (correction != nullptr ? correction->data<uint32_t>()[n] * static_cast<uint32_t>(q.x_zero_) : 0) +
        (bias != nullptr ? bias->data<uint32_t>()[n] : 0);
  q.correction_ = std::move(sums).value();
  const auto activation = fused_activation(node);
  if (!activation) return std::nullopt;
  q.form_.activation = *activation;
  q.form_.range = byte_range(node);
  q.form_.y_factor = q.to_floats_ ? 1 : node.real("y_factor", 1);
  q.residual_ = node.in(5);
  if (node.has(5)) {
    q.residual_is_bytes_ = node.inputs[5].dtype == DType::u8;
    if (!q.residual_is_bytes_ && node.inputs[5].dtype != DType::f32) return std::nullopt;
    q.form_.residual_zero = static_cast<int32_t>(node.integer("residual_zero", 0));
    q.form_.residual_scale = node.real("residual_scale", 1);
    q.form_.residual_last = node.integer("residual_last", 0) != 0;
    q.form_.residual_stride = q.columns_;
  }
  for (const auto& [stage, name] : {std::pair(&q.form_.row_stage, "row"), std::pair(&q.form_.inner_stage, "inner")}) {
    const std::string key = name;
    const auto whole = [&](const char* what, int64_t otherwise) {
      return static_cast<int32_t>(node.integer(key + what, otherwise));
    };
    stage->range = {whole("_zero", 0), whole("_low", 0), whole("_high", 255)};
    stage->scale = node.real(key + "_scale", 0);
  }
  const Tensor *row = node.constant(6), *table = node.constant(7);
  if ((node.has(6) && row == nullptr) || (node.has(7) && table == nullptr)) return std::nullopt;
  if (row != nullptr) q.row_ = *row;
  if (table != nullptr) q.table_ = *table;
  if (!q.take_columns(node)) return std::nullopt;
  q.form_.bounded = q.x_scale_ == kNoValue && q.is_bounded();
  q.y_ = node.out();
  return q;
}

bool QFinish::take_columns(const LowerNode& node) {
  using Operand = ops::QEpilogue::Operand;
  const Tensor *levels = node.constant(Operand::kYLevels), *factors = node.constant(Operand::kYFactors);
  if ((node.has(Operand::kYLevels) && levels == nullptr) || (node.has(Operand::kYFactors) && factors == nullptr))
    return false;
  if (factors != nullptr) y_factors_ = *factors;
  if (levels == nullptr) return true;
  levels_ = *levels;
  const auto* l = levels_.data<int32_t>();
  for (int64_t n = 0; n < columns_; ++n)
    if (l[n] < -256 || l[n] > 255 || l[columns_ + n] < 0 || l[columns_ + n] > l[2 * columns_ + n] ||
        l[2 * columns_ + n] > 255)
      return false;
  return true;
}

bool QFinish::is_bounded() const {
  // Sums are below 2^31 in magnitude, levels and residuals at most 255.
  constexpr float kFar = 1e9f;
  const auto below = [](const Tensor& t, float bound) {
    return t.raw() == nullptr || std::ranges::all_of(t.values<float>(), [&](float v) { return std::fabs(v) < bound; });
  };
  const auto small = [&](float scale) { return std::fabs(scale) * 256 < kFar / 4; };
  return below(multiplier_, 0.25f) && below(offset_, kFar / 4) && below(row_, kFar / 4) &&
         small(form_.row_stage.scale) && small(form_.inner_stage.scale) && small(form_.residual_scale);
}

QFinish::Bound QFinish::bind(const Bindings& b, void* scratch) const {
  Bound bound{form_, nullptr, nullptr, columns_};
  bound.form.correction = correction_.data<int32_t>();
  bound.form.multiplier = multiplier_.data<float>();
  if (x_scale_ != kNoValue) {
    auto* correction = static_cast<uint32_t*>(scratch);
    auto* multiplier = reinterpret_cast<float*>(correction + columns_);
    const auto zero = static_cast<uint32_t>(x_zero(b));
    for (int64_t n = 0; n < columns_; ++n) {
      correction[n] = unit_.data<uint32_t>()[n] * zero + (bias_.raw() != nullptr ? bias_.data<uint32_t>()[n] : 0);
      multiplier[n] = b.f32(x_scale_)[0] * multiplier_.data<float>()[n];
    }
    bound.form.correction = reinterpret_cast<const int32_t*>(correction);
    bound.form.multiplier = multiplier;
  }
  if (offset_.raw() != nullptr) bound.form.offset = offset_.data<float>();
  if (row_.raw() != nullptr) bound.form.row = row_.data<float>();
  if (table_.raw() != nullptr) bound.form.table = table_.data<uint8_t>();
  if (row_factors_.raw() != nullptr) bound.form.row_factors = row_factors_.data<int32_t>();
  if (y_factors_.raw() != nullptr) bound.form.y_factors = y_factors_.data<float>();
  if (levels_.raw() != nullptr) {
    bound.form.zeros = levels_.data<int32_t>();
    bound.form.lows = bound.form.zeros + columns_;
    bound.form.highs = bound.form.lows + columns_;
  }
  if (residual_ != kNoValue) {
    if (residual_is_bytes_)
      bound.form.residual_bytes = static_cast<const uint8_t*>(b.at(residual_));
    else
      bound.form.residual_floats = b.f32(residual_);
  }
  if (to_floats_)
    bound.floats = b.f32_mutable(y_);
  else
    bound.bytes = static_cast<uint8_t*>(b.at_mutable(y_));
  return bound;
}

}  // namespace fovea::cpu
