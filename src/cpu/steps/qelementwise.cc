// Steps of elementwise functions of bytes: QuantizeLinear and DequantizeLinear, fovea.QLookup, fovea.QBinary.
#include <algorithm>

#include "cpu/steps/broadcast.h"
#include "cpu/steps/pixel_table.h"
#include "cpu/steps/qproduct.h"
#include "cpu/steps/qsteps.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

constexpr int64_t kGrain = 16384;  // elements that are worth a thread

const uint8_t* bytes_at(const Bindings& b, ValueId id) { return static_cast<const uint8_t*>(b.at(id)); }
uint8_t* bytes_at_mutable(const Bindings& b, ValueId id) { return static_cast<uint8_t*>(b.at_mutable(id)); }

class QuantizeStep final : public Step {
 public:
  QuantizeStep(const LowerNode& node, float scale, int32_t zero, bool to_bytes)
      : x_(node.in(0)),
        y_(node.out()),
        n_(element_count(node.out_shape())),
        scale_(scale),
        range_{zero, 0, 255},
        to_bytes_(to_bytes) {}

  Result<void> run(const Bindings& b) const override {
    b.pool->parallel_for(n_, kGrain, [&](int64_t begin, int64_t end, int) {
      if (to_bytes_)
        kernels::quantize_row(b.f32(x_) + begin, scale_, range_, bytes_at_mutable(b, y_) + begin, end - begin);
      else
        kernels::dequantize_row(bytes_at(b, x_) + begin, range_.zero, scale_, b.f32_mutable(y_) + begin, end - begin);
    });
    return {};
  }
  std::string kernel() const override { return to_bytes_ ? "quantize" : "dequantize"; }

 private:
  ValueId x_, y_;
  int64_t n_;
  float scale_;
  kernels::ByteRange range_;
  bool to_bytes_;
};

/// QuantizeLinear and DequantizeLinear with a scale and a zero point for each index of the last axis.
class QuantizeColumnsStep final : public Step {
 public:
  QuantizeColumnsStep(const LowerNode& node, const Tensor& scales, std::vector<int32_t> zeros, bool to_bytes)
      : x_(node.in(0)),
        y_(node.out()),
        rows_(element_count(node.out_shape()) / node.out_shape().back()),
        scales_(scales),
        zeros_(std::move(zeros)),
        to_bytes_(to_bytes) {}

  Result<void> run(const Bindings& b) const override {
    const auto columns = static_cast<int64_t>(zeros_.size());
    b.pool->parallel_for(rows_, std::max<int64_t>(1, kGrain / columns), [&](int64_t begin, int64_t end, int) {
      const int64_t at = begin * columns, count = end - begin;
      if (to_bytes_)
        kernels::quantize_columns(b.f32(x_) + at, scales_.data<float>(), zeros_.data(), bytes_at_mutable(b, y_) + at,
                                  count, columns);
      else
        kernels::dequantize_columns(bytes_at(b, x_) + at, zeros_.data(), scales_.data<float>(), b.f32_mutable(y_) + at,
                                    count, columns);
    });
    return {};
  }
  std::string kernel() const override { return to_bytes_ ? "quantize_columns" : "dequantize_columns"; }

 private:
  ValueId x_, y_;
  int64_t rows_;
  Tensor scales_;
  std::vector<int32_t> zeros_;
  bool to_bytes_;
};

/// DynamicQuantizeLinear: the range is found first.
class DynamicQuantizeStep final : public Step {
 public:
  explicit DynamicQuantizeStep(const LowerNode& node)
      : x_(node.in(0)),
        y_(node.out()),
        scale_(node.out(1)),
        zero_(node.out(2)),
        n_(element_count(node.shape(0))),
        threads_(std::max(node.threads, 1)) {}

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    auto* bounds = static_cast<float*>(b.scratch);
    std::fill_n(bounds, threads_ * kApart, 0.0f);
    b.pool->parallel_for(n_, kGrain, [&](int64_t begin, int64_t end, int worker) {
      kernels::least_and_most(x + begin, end - begin, bounds + worker * kApart, bounds + worker * kApart + 1);
    });
    float least = 0, most = 0;
    for (int w = 0; w < threads_; ++w) {
      least = std::min(least, bounds[w * kApart]);
      most = std::max(most, bounds[w * kApart + 1]);
    }
    const float scale = least == most ? 1.0f : (most - least) / 255.0f, low = 0.0f - least;
    uint8_t zero = 0;
    kernels::quantize_row(&low, scale, {}, &zero, 1);
    b.pool->parallel_for(n_, kGrain, [&](int64_t begin, int64_t end, int) {
      kernels::quantize_row(x + begin, scale, {zero, 0, 255}, bytes_at_mutable(b, y_) + begin, end - begin);
    });
    *b.f32_mutable(scale_) = scale;
    *bytes_at_mutable(b, zero_) = zero;
    return {};
  }
  std::string kernel() const override { return "dynamic_quantize"; }
  int64_t scratch_bytes() const override { return threads_ * kApart * 4; }

 private:
  static constexpr int64_t kApart = 16;  // floats from a worker's bounds to the next's
  ValueId x_, y_, scale_, zero_;
  int64_t n_;
  int threads_;
};

class QLookupStep final : public Step {
 public:
  explicit QLookupStep(const LowerNode& node)
      : x_(node.in(0)), y_(node.out()), n_(element_count(node.out_shape())), table_(*node.constant(1)) {}

  Result<void> run(const Bindings& b) const override {
    b.pool->parallel_for(n_, kGrain, [&](int64_t begin, int64_t end, int) {
      kernels::lookup_row(bytes_at(b, x_) + begin, table_.data<uint8_t>(), bytes_at_mutable(b, y_) + begin,
                          end - begin);
    });
    return {};
  }
  std::string kernel() const override { return "lookup"; }
  bool may_overwrite(size_t input) const override { return input == 0; }

 private:
  ValueId x_, y_;
  int64_t n_;
  Tensor table_;
};

/// A table for each channel, or one of floats: what becomes of a photo whose first layer cannot look its bytes up.
class ChannelLookupStep final : public Step {
 public:
  ChannelLookupStep(const LowerNode& node, PixelTable table)
      : x_(node.in(0)),
        y_(node.out()),
        pixels_(element_count(node.out_shape()) / table.channels()),
        number_bytes_(static_cast<int64_t>(size_of(node.outputs[0].dtype))),
        table_(std::move(table)) {}

  Result<void> run(const Bindings& b) const override {
    const int64_t channels = table_.channels();
    b.pool->parallel_for(pixels_, std::max<int64_t>(1, kGrain / channels), [&](int64_t begin, int64_t end, int) {
      table_.copy(bytes_at(b, x_) + begin * channels, end - begin,
                  bytes_at_mutable(b, y_) + begin * channels * number_bytes_);
    });
    return {};
  }
  std::string kernel() const override { return "lookup_channels"; }

 private:
  ValueId x_, y_;
  int64_t pixels_, number_bytes_;
  PixelTable table_;
};

class QBinaryStep final : public Step {
 public:
  QBinaryStep(const LowerNode& node, const Broadcast& walk)
      : y_(node.out()),
        walk_(walk),
        product_(*node.node.attribute<std::string>("kind") == "mul"),
        to_bytes_(node.outputs[0].dtype == DType::u8),
        range_(byte_range(node)) {
    for (size_t i = 0; i < 2; ++i) {
      in_[i] = node.in(i);
      is_bytes_[i] = node.inputs[i].dtype == DType::u8;
      operands_[i].zero = static_cast<int32_t>(node.integer(i == 0 ? "a_zero" : "b_zero", 0));
      operands_[i].factor = node.real(i == 0 ? "a_factor" : "b_factor", 1);
      operands_[i].repeats = i == 0 ? walk.a_repeats() : walk.b_repeats();
      overwrites_[i] = is_bytes_[i] == to_bytes_ && node.shape(i) == node.out_shape();
    }
  }

  Result<void> run(const Bindings& b) const override {
    const int64_t length = walk_.length();
    if (walk_.rows() == 1) {
      b.pool->parallel_for(length, kGrain, [&](int64_t begin, int64_t end, int) {
        row(b, operands_[0].repeats ? 0 : begin, operands_[1].repeats ? 0 : begin, begin, end - begin);
      });
      return {};
    }
    b.pool->parallel_for(walk_.rows(), std::max<int64_t>(1, kGrain / length), [&](int64_t begin, int64_t end, int) {
      walk_.visit(begin, end, [&](int64_t r, int64_t at_a, int64_t at_b) { row(b, at_a, at_b, r * length, length); });
    });
    return {};
  }
  std::string kernel() const override { return product_ ? "q_mul" : "q_add"; }
  bool may_overwrite(size_t input) const override { return overwrites_[input]; }

 private:
  void row(const Bindings& b, int64_t at_a, int64_t at_b, int64_t at_y, int64_t n) const {
    kernels::ByteOperand operands[] = {operands_[0], operands_[1]};
    const int64_t at[] = {at_a, at_b};
    for (size_t i = 0; i < 2; ++i)
      if (is_bytes_[i])
        operands[i].bytes = bytes_at(b, in_[i]) + at[i];
      else
        operands[i].floats = b.f32(in_[i]) + at[i];
    kernels::binary_bytes(product_, operands[0], operands[1], range_,
                          to_bytes_ ? bytes_at_mutable(b, y_) + at_y : nullptr,
                          to_bytes_ ? nullptr : b.f32_mutable(y_) + at_y, n);
  }

  ValueId in_[2], y_;
  Broadcast walk_;
  bool product_, to_bytes_;
  kernels::ByteRange range_;
  bool is_bytes_[2];
  kernels::ByteOperand operands_[2];
  bool overwrites_[2];
};

}  // namespace

StepPtr make_quantize_step(const LowerNode& node) {
  const Tensor *scale = node.constant(1), *zero = node.constant(2);
  const bool to_bytes = node.node.is("QuantizeLinear");
  if (node.inputs[0].dtype != (to_bytes ? DType::f32 : DType::u8) ||
      node.outputs[0].dtype != (to_bytes ? DType::u8 : DType::f32) || scale == nullptr ||
      scale->dtype() != DType::f32 || (node.has(2) && zero == nullptr) || node.integer("precision", 1) != 1)
    return nullptr;
  if (scale->size() != 1) {
    const auto rank = static_cast<int64_t>(node.out_shape().size()), axis = node.integer("axis", 1);
    if (node.integer("block_size", 0) != 0 || scale->rank() != 1 || (axis != rank - 1 && axis != -1) ||
        scale->size() != node.out_shape().back() || (zero != nullptr && zero->size() != scale->size()))
      return nullptr;
    std::vector<int32_t> zeros(static_cast<size_t>(scale->size()), 0);
    if (zero != nullptr) zeros.assign(zero->data<uint8_t>(), zero->data<uint8_t>() + zero->size());
    return std::make_unique<QuantizeColumnsStep>(node, *scale, std::move(zeros), to_bytes);
  }
  return std::make_unique<QuantizeStep>(node, scale->data<float>()[0],
                                        zero != nullptr ? int32_t{zero->data<uint8_t>()[0]} : 0, to_bytes);
}

StepPtr make_dynamic_quantize_step(const LowerNode& node) {
  if (node.inputs[0].dtype != DType::f32 || node.node.outputs.size() != 3) return nullptr;
  for (ValueId v : node.node.outputs)
    if (v == kNoValue) return nullptr;
  return std::make_unique<DynamicQuantizeStep>(node);
}

StepPtr make_qlookup_step(const LowerNode& node) {
  const Tensor* table = node.constant(1);
  if (table == nullptr || node.inputs[0].dtype != DType::u8 || table->size() == 0) return nullptr;
  if (table->rank() == 1 && table->dtype() != DType::f32) return std::make_unique<QLookupStep>(node);
  return std::make_unique<ChannelLookupStep>(node, *PixelTable::of(node, 1, table->dtype()));
}

StepPtr make_qbinary_step(const LowerNode& node) {
  const auto fits = [](DType dtype) { return dtype == DType::u8 || dtype == DType::f32; };
  if (!fits(node.inputs[0].dtype) || !fits(node.inputs[1].dtype) || !fits(node.outputs[0].dtype)) return nullptr;
  const auto walk = Broadcast::make(node.shape(0), node.shape(1), node.out_shape());
  return walk ? std::make_unique<QBinaryStep>(node, *walk) : nullptr;
}

}  // namespace fovea::cpu
