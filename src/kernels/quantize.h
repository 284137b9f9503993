// Rows of bytes: quantisation, and what quantised operators do to their sums. Bytes are u8 here; the arithmetic and its
// order are those of ops/fovea_q_epilogue.h, to the bit on every instruction set (but for activations that are no
// bounds).
#pragma once

#include <cstdint>

#include "kernels/activation.h"

namespace fovea::kernels {

/// How real numbers become bytes: clamp(round_half_even(r) + zero, low, high).
struct ByteRange {
  int32_t zero = 0, low = 0, high = 255;
};

/// y[i] = x[i] / scale as a byte; NaN gives the lowest.
void quantize_row(const float* x, float scale, const ByteRange& range, uint8_t* y, int64_t n);
/// y[i] = float(x[i] - zero) * scale.
void dequantize_row(const uint8_t* x, int32_t zero, float scale, float* y, int64_t n);
/// Rows whose columns have each their own scale (none: 1) and range or zero point: y[r][c] = x[r][c] / scales[c] as a
/// byte, and y[r][c] = float(x[r][c] - zeros[c]) * scales[c]. Rows lie densely.
void quantize_columns(const float* x, const float* scales, const int32_t* zeros, uint8_t* y, int64_t rows,
                      int64_t columns);
void dequantize_columns(const uint8_t* x, const int32_t* zeros, const float* scales, float* y, int64_t rows,
                        int64_t columns);
/// y[i] = table[x[i]]. y may be x.
void lookup_row(const uint8_t* x, const uint8_t* table, uint8_t* y, int64_t n);

/// An operand of binary_bytes: bytes or floats, which may repeat one number.
struct ByteOperand {
  const uint8_t* bytes = nullptr;
  const float* floats = nullptr;  // where bytes is nullptr
  bool repeats = false;
  int32_t zero = 0;
  float factor = 1;
};
/// y[i] = a[i] * a.factor + b[i] * b.factor, or a[i] * b[i] * a.factor where `product`; each operand is what its byte
/// stands for without its scale: float(byte - zero). As bytes, or as floats where `floats` is given.
void binary_bytes(bool product, const ByteOperand& a, const ByteOperand& b, const ByteRange& range, uint8_t* bytes,
                  float* floats, int64_t n);

/// Levels between two operations, and the scale with which they are read again; none where scale is 0.
struct ByteStage {
  ByteRange range;
  float scale = 0;
};

/// What becomes of the sums of a quantised product. Pointers at the first row and column.
struct SumsFinish {
  const int32_t* correction = nullptr;   // [columns], added to the sums: the bias, what zero points make
  const int32_t* row_terms = nullptr;    // [rows], likewise; or nullptr
  const int32_t* row_factors = nullptr;  // [columns], of the row's term; or nullptr: 1
  const float* multiplier = nullptr;     // [columns]
  const float* offset = nullptr;         // [columns], or nullptr
  ByteStage row_stage, inner_stage;
  const float* row = nullptr;  // [columns], added behind row_stage
  const uint8_t* residual_bytes = nullptr;
  const float* residual_floats = nullptr;
  int64_t residual_stride = 0;
  int32_t residual_zero = 0;
  float residual_scale = 1;
  bool residual_last = false;
  Activation activation;
  float y_factor = 1;
  const float* y_factors = nullptr;  // [columns], in place of y_factor; or nullptr
  ByteRange range;
  /// [columns] each, in place of `range`; all or none. Within -256 and 255, low at most high, both bytes.
  const int32_t *zeros = nullptr, *lows = nullptr, *highs = nullptr;
  const uint8_t* table = nullptr;  // [256], for bytes
  /// No real number that is rounded is as large as 2^31: conversions need no care.
  bool bounded = false;
};
/// Rows of sums as bytes, or as floats where `floats` is given. Strides in elements.
void finish_sums(const SumsFinish& f, const int32_t* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 uint8_t* bytes, float* floats, int64_t y_stride);
/// The same for sums that are whole numbers below 2^24, held as floats.
void finish_sums(const SumsFinish& f, const float* sums, int64_t sums_stride, int64_t rows, int64_t columns,
                 uint8_t* bytes, float* floats, int64_t y_stride);

/// sums[c] = sum over r of x[r * stride + c]. Precondition: at most 2^23 rows.
void sum_byte_rows(const uint8_t* x, int64_t rows, int64_t stride, int64_t columns, int32_t* sums);
/// Sum of x[0, n).
int64_t sum_bytes(const uint8_t* x, int64_t n);
/// Windows along lines of NHWC bytes: window i sees lines[l][i * step + t * tap + c] for all l and t.
struct ByteWindows {
  const uint8_t* const* lines = nullptr;
  int64_t line_count = 0, taps = 0;  // taps of a line
  int64_t step = 0, tap = 0;         // bytes
  int64_t channels = 0, count = 0;   // count: of windows
};
/// y[i * channels + c] = the largest that window i sees.
void max_of_windows(const ByteWindows& w, uint8_t* y);
/// sums[i * channels + c] = the sum of all that it sees.
void sum_windows(const ByteWindows& w, int32_t* sums);

/// out[i] is the word of bytes rows[0][i] to rows[3][i], the first one lowest, each with its highest bit turned.
void interleave_signed(const uint8_t* const* rows, int64_t n, uint32_t* out);
/// The smallest and the largest of x[0, n) and 0; NaN is left out.
void least_and_most(const float* x, int64_t n, float* least, float* most);

}  // namespace fovea::kernels
