// Steps of fovea.QMatMul with two computed operands, as in attention: the right operand is packed when it is known.
#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/error.h"
#include "cpu/steps/qproduct.h"
#include "cpu/steps/qsteps.h"
#include "cpu/steps/word_run.h"
#include "ops/fovea_q_epilogue.h"
#include "ops/matmul.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

using kernels::WordFormat;

class QMatMulStep final : public Step {
 public:
  QMatMulStep(const LowerNode& node, ops::MatMulGeometry g, const kernels::WordKernel& kernel, QFinish finish)
      : a_(node.in(0)),
        b_(node.in(1)),
        g_(std::move(g)),
        kernel_(kernel),
        finish_(std::move(finish)),
        x_zero_(static_cast<int32_t>(node.integer("x_zero", 0))),
        w_zero_(static_cast<int32_t>(node.integer("w_zero", 0)) - 128),
        products_(element_count(g_.batch)),
        words_(kernels::tap_words(kernel, g_.inner)),
        panels_(kernels::panel_count(kernel, g_.columns)),
        stride_(staged_stride(words_)),
        block_(word_block_rows(kernel, g_.rows, stride_)),
        threads_(std::max(node.threads, 1)) {
    packed_bytes_ = round_up((panels_ + 1) * kernels::panel_words(kernel, 1, g_.inner) * 4, 64);
    const int64_t padded = kernels::padded_rows(kernel, block_);
    staged_bytes_ = round_up(padded * stride_, 64);
    sums_bytes_ = sums_bytes(kernel, block_);
    terms_bytes_ = round_up(padded * 4, 64);
    correction_bytes_ = round_up(panels_ * kernel.columns * 4, 64);
  }

  Result<void> run(const Bindings& b) const override {
    const auto* a = static_cast<const uint8_t*>(b.at(a_));
    const auto* right = static_cast<const uint8_t*>(b.at(b_));
    const QFinish::Bound finish = finish_.bind(b);
    b.pool->parallel_for(products_, 1, [&](int64_t begin, int64_t end, int worker) {
      std::byte* scratch = static_cast<std::byte*>(b.scratch) + worker * worker_bytes();
      int64_t packed_from = -1;
      for (int64_t i = begin; i < end; ++i) {
        const auto [at_a, at_b] = offsets(i);
        if (packed_from != at_b) pack(right + at_b, scratch);
        packed_from = at_b;
        multiply(a + at_a, finish, i, scratch);
      }
    });
    return {};
  }
  std::string kernel() const override { return kernel_.name; }
  int64_t scratch_bytes() const override { return threads_ * worker_bytes(); }

 private:
  int64_t worker_bytes() const {
    return packed_bytes_ + staged_bytes_ + sums_bytes_ + terms_bytes_ + correction_bytes_;
  }

  std::pair<int64_t, int64_t> offsets(int64_t product) const {
    int64_t at_a = 0, at_b = 0;
    for (size_t d = g_.batch.size(); d-- > 0; product /= g_.batch[d]) {
      at_a += product % g_.batch[d] * g_.a_strides[d];
      at_b += product % g_.batch[d] * g_.b_strides[d];
    }
    return {at_a, at_b};
  }

  /// The right operand {inner, columns} less 128, as panels; and what the zero points make of its columns' sums.
  void pack(const uint8_t* b, std::byte* scratch) const {
    auto* panel = reinterpret_cast<uint32_t*>(scratch);
    auto* correction = reinterpret_cast<int32_t*>(scratch + worker_bytes() - correction_bytes_);
    const int64_t width = kernel_.columns, per_word = kernels::numbers_per_word(kernel_.format);
    for (int64_t p = 0; p < panels_; ++p) {
      const int64_t n0 = p * width, valid = std::min(width, g_.columns - n0);
      for (int64_t w = 0; w < words_; ++w, panel += width) {
        const int64_t first = w * per_word;
        if (valid < width || first >= g_.inner) std::fill_n(panel, width, 0u);
        if (first >= g_.inner) continue;
        if (kernel_.format == WordFormat::i8)
          pack_bytes(b + n0, first, valid, panel);
        else
          pack_shorts(b + n0, first, valid, panel);
      }
      int32_t* sums = correction + n0;
      kernels::sum_byte_rows(b + n0, g_.inner, g_.columns, valid, sums);
      for (int64_t n = 0; n < valid; ++n)
        sums[n] = static_cast<int32_t>(g_.inner * x_zero_ * w_zero_ - x_zero_ * (sums[n] - 128 * g_.inner));
    }
    if (w_zero_ != 0) pack_ones(kernel_, 1, g_.inner, panel);
  }

  void pack_bytes(const uint8_t* b, int64_t first, int64_t n, uint32_t* to) const {
    uint8_t none[64];  // no panel is wider
    std::memset(none, 0x80, sizeof none);
    const uint8_t* rows[4];
    for (int64_t j = 0; j < 4; ++j) rows[j] = first + j < g_.inner ? b + (first + j) * g_.columns : none;
    kernels::interleave_signed(rows, n, to);
  }

  void pack_shorts(const uint8_t* b, int64_t first, int64_t n, uint32_t* to) const {
    const auto number = [&](int64_t k, int64_t i) {
      return k < g_.inner ? uint32_t{static_cast<uint16_t>(int{b[k * g_.columns + i]} - 128)} : 0u;
    };
    for (int64_t i = 0; i < n; ++i) to[i] = number(first, i) | number(first + 1, i) << 16;
  }

  void multiply(const uint8_t* a, QFinish::Bound finish, int64_t product, std::byte* scratch) const {
    static constexpr int64_t kOneTap[] = {0};
    std::byte *staged = scratch + packed_bytes_, *sums = staged + staged_bytes_;
    auto* terms = reinterpret_cast<int32_t*>(sums + sums_bytes_);
    finish.form.correction = reinterpret_cast<const int32_t*>(scratch + worker_bytes() - correction_bytes_);
    const auto* packed = reinterpret_cast<const uint32_t*>(scratch);
    for (int64_t m = 0; m < g_.rows; m += block_) {
      const int64_t count = std::min(block_, g_.rows - m);
      stage(a + m * g_.inner, count, staged);
      kernels::WordBlock block;
      block.a = staged;
      block.a_stride = stride_;
      block.tap_offsets = kOneTap;
      block.words = words_;
      block.rows = count;
      if (w_zero_ != 0) sum_rows(kernel_, block, packed, panels_, sums, -w_zero_, terms);
      multiply_words(kernel_, block, packed, g_.columns, 0, panels_, sums, [&](const PanelSums& made) {
        finish(static_cast<const int32_t*>(made.data), kernel_.columns, product * g_.rows + m + made.row, made.rows,
               made.column, made.columns, w_zero_ != 0 ? terms + made.row : nullptr);
      });
    }
  }

  void stage(const uint8_t* a, int64_t count, std::byte* to) const {
    for (int64_t i = 0; i < count; ++i, to += stride_, a += g_.inner) {
      if (kernel_.format == WordFormat::i8) {
        std::memcpy(to, a, static_cast<size_t>(g_.inner));
        std::memset(to + g_.inner, 0, static_cast<size_t>(words_ * 4 - g_.inner));
      } else {
        auto* wide = reinterpret_cast<int16_t*>(to);
        std::copy_n(a, g_.inner, wide);
        std::fill(wide + g_.inner, wide + words_ * 2, int16_t{0});
      }
    }
  }

  ValueId a_, b_;
  ops::MatMulGeometry g_;
  const kernels::WordKernel& kernel_;
  QFinish finish_;
  int32_t x_zero_, w_zero_;
  int64_t products_, words_, panels_, stride_, block_;
  int64_t packed_bytes_ = 0, staged_bytes_ = 0, sums_bytes_ = 0, terms_bytes_ = 0, correction_bytes_ = 0;
  int threads_;
};

}  // namespace

StepPtr make_qmatmul_step(const LowerNode& node) {
  if (node.inputs[0].dtype != DType::u8 || node.inputs[1].dtype != DType::u8 || node.has(3) ||
      node.integer("transpose_b", 0) != 0 || node.has(8) || node.has(ops::QEpilogue::kWZeros) ||
      node.has(ops::QEpilogue::kXZeros) || kernels::i8_kernel().columns > 64)
    return nullptr;
  auto g = ops::resolve_matmul(node.shape(0), node.shape(1));
  if (!g.ok() || node.shape(0).size() < 2) return nullptr;
  auto finish = QFinish::make(node, nullptr);
  if (!finish) return nullptr;
  return std::make_unique<QMatMulStep>(node, std::move(g).value(), kernels::i8_kernel(), std::move(*finish));
}

}  // namespace fovea::cpu
