// Rows of attention's operands on their way into its products and out of them, many in one call.
#pragma once

#include <cstdint>

#include "kernels/finish.h"

namespace fovea::kernels {

/// Rows of Q or K of one head, one for each token, each `depth` numbers one behind the other.
struct HeadRows {
  RowsIn x;           // row t is that of token t
  int64_t depth = 0;  // even where rows are turned
  float scale = 1;    // rows are multiplied by it
  /// A rotary embedding, [tokens - skip, depth] each, or nullptr: y[c] = x[c] * cos[c] + sign * x[partner of c] *
  /// sin[c], where partners are neighbours (interleaved; the even one has sign -1) or lie half a row apart (the first
  /// half has).
  const float* cos = nullptr;
  const float* sin = nullptr;
  int64_t skip = 0;  // tokens before this one are not turned
  bool interleaved = false;
};

/// Tokens [first, last), the first at y's first row: turned, multiplied, and rounded to nearest where y is bf16. y may
/// not lie where x does.
void gather_head_rows(const HeadRows& rows, int64_t first, int64_t last, const RowsOut& y);

/// y[i] = factors[i] * x[i] for rows of `columns` floats; a factor that is NaN gives zeros where `nan_to_zero`. y may
/// lie where x does.
void scale_rows(const float* x, int64_t x_stride, const float* factors, bool nan_to_zero, int64_t rows, int64_t columns,
                const RowsOut& y);

}  // namespace fovea::kernels
