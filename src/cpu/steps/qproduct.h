// What steps of fovea.QConv and fovea.QMatMul share: weights packed for products of bytes, and what finishes the sums.
#pragma once

#include <optional>

#include "base/checked.h"
#include "cpu/lower.h"
#include "cpu/steps/word_run.h"
#include "kernels/quantize.h"
#include "kernels/word_gemm.h"

namespace fovea::cpu {

/// The right operand of a product of bytes, as {groups, columns, taps, depth} by strides.
struct QWeightSource {
  const Tensor* weight = nullptr;  // i8 or u8
  int64_t groups = 1, columns = 1, taps = 1, depth = 1;
  int64_t group_stride = 0, column_stride = 1, tap_stride = 0, depth_stride = 1;
  /// How the product sees taps and depth: fewer taps where a line of a kernel is one; those of each slice of the depth,
  /// one slice behind the other.
  int64_t packed_taps = 1, packed_depth = 1, slices = 1;
};

/// Packed panels of all groups. Bytes that are unsigned are packed less 128, and the zero points with them. Where a
/// zero point is left, a group has one more panel whose first column is 1: it sums the rows.
struct QWeights {
  Tensor packed;
  Tensor correction;   // i32 {groups * columns}: what each unit of x's zero point makes, a row's own sum apart
  int32_t w_zero = 0;  // of the packed numbers
  Tensor zeros;        // i32 {groups * columns}, in place of w_zero where columns differ
  int64_t panels = 0, group_words = 0;

  bool sums_rows() const { return w_zero != 0 || zeros.raw() != nullptr; }
  /// What a row's sum is multiplied by, apart from `zeros`.
  int32_t row_factor() const { return zeros.raw() != nullptr ? -1 : -w_zero; }
};
Result<QWeights> pack_q_weights(const LowerNode& node, const kernels::WordKernel& kernel, const QWeightSource& source);

/// Panels with the ones that sum rows, for `packed_taps` and `packed_depth`; behind `packed`'s others.
void pack_ones(const kernels::WordKernel& kernel, int64_t taps, int64_t depth, uint32_t* panel);

/// What follows the sums, read from a node's attributes and operands.
class QFinish {
 public:
  /// nullopt for what kernels lack: other types than u8 and f32, operands that are not constant where they must be.
  /// `weights`: nullptr where what zero points make is the step's.
  static std::optional<QFinish> make(const LowerNode& node, const QWeights* weights);

  /// Addresses of one run.
  struct Bound {
    kernels::SumsFinish form;  // pointers at row 0 and column 0
    uint8_t* bytes = nullptr;
    float* floats = nullptr;
    int64_t columns = 0;

    /// Rows and columns of the result from (row, column) on. Sum is int32_t, or float for whole numbers below 2^24.
    template <class Sum>
    void operator()(const Sum* sums, int64_t sums_stride, int64_t row, int64_t rows, int64_t column, int64_t count,
                    const int32_t* row_terms = nullptr) const {
      kernels::SumsFinish f = form;
      const int64_t at = row * columns + column;
      f.row_terms = row_terms;
      f.correction += column;
      f.multiplier += column;
      if (f.row_factors != nullptr) f.row_factors += column;
      if (f.y_factors != nullptr) f.y_factors += column;
      if (f.zeros != nullptr) f.zeros += column, f.lows += column, f.highs += column;
      if (f.offset != nullptr) f.offset += column;
      if (f.row != nullptr) f.row += column;
      if (f.residual_bytes != nullptr) f.residual_bytes += at;
      if (f.residual_floats != nullptr) f.residual_floats += at;
      kernels::finish_sums(f, sums, sums_stride, rows, count, bytes != nullptr ? bytes + at : nullptr,
                           floats != nullptr ? floats + at : nullptr, columns);
    }
  };
  /// `scratch`: scratch_bytes() of it, for what depends on a computed scale of x.
  Bound bind(const Bindings& b, void* scratch = nullptr) const;
  int64_t scratch_bytes() const { return x_scale_ == kNoValue ? 0 : round_up(columns_ * 8, 64); }
  /// The zero point of x in this run.
  int32_t x_zero(const Bindings& b) const {
    return x_zero_value_ == kNoValue ? x_zero_ : *static_cast<const uint8_t*>(b.at(x_zero_value_));
  }
  bool reads_residual() const { return residual_ != kNoValue; }
  /// Whether the residual's place can take the result.
  bool may_overwrite_residual() const { return reads_residual() && residual_is_bytes_ != to_floats_; }

 private:
  bool is_bounded() const;
  /// Takes what differs from column to column of the result; false where it cannot.
  bool take_columns(const LowerNode& node);

  kernels::SumsFinish form_;
  Tensor correction_, multiplier_, offset_, row_, table_, row_factors_, levels_, y_factors_;
  Tensor unit_, bias_;  // of what the correction is made, where the zero point of x is computed
  int32_t x_zero_ = 0;
  ValueId x_scale_ = kNoValue, x_zero_value_ = kNoValue;
  ValueId residual_ = kNoValue, y_ = kNoValue;
  bool residual_is_bytes_ = false, to_floats_ = false;
  int64_t columns_ = 0;
};

/// low, high and y_zero of a node whose output is bytes.
kernels::ByteRange byte_range(const LowerNode& node);

/// What makes a mean of sums of bytes.
struct QMeanFinish {
  int32_t x_zero = 0;
  float factor = 1;
  kernels::ByteRange range;
  bool to_floats = false;

  static QMeanFinish of(const LowerNode& node) {
    return {static_cast<int32_t>(node.integer("x_zero", 0)), node.real("factor", 1), byte_range(node),
            node.outputs[0].dtype == DType::f32};
  }
  /// Rows of n sums, each of `added` bytes, as means over `counted` at elements [at, at + rows * n) of y.
  void run(const Bindings& b, ValueId y, const int32_t* sums, int64_t added, int64_t counted, int64_t at, int64_t n,
           int64_t rows = 1) const;
};

/// row_terms[i] = factor * the sum of row i of the block, by the panel of ones that stands behind `panels` others.
/// sums: room as for multiply_words().
inline void sum_rows(const kernels::WordKernel& kernel, const kernels::WordBlock& block, const uint32_t* packed,
                     int64_t panels, void* sums, int32_t factor, int32_t* row_terms) {
  multiply_words(kernel, block, packed, kernel.columns * (panels + 1), panels, panels + 1, sums,
                 [&](const PanelSums& made) {
                   const auto* ones = static_cast<const int32_t*>(made.data);
                   for (int64_t i = 0; i < made.rows; ++i) row_terms[made.row + i] = factor * ones[i * kernel.columns];
                 });
}

}  // namespace fovea::cpu
