// Functions of one or two rows of floats, and of whole rows: activations, arithmetic, softmax, normalisation.
#pragma once

#include <cstdint>

#include "fovea/dtype.h"
#include "kernels/activation.h"

namespace fovea::kernels {

/// y[i] = act(x[i]); y may be x. Errors of exp, erf, tanh: vector_math.inc.h.
void activate(const Activation& activation, const float* x, float* y, int64_t n);

/// y[i] = act(a[i]) * b[i]; y may be a or b.
void gate_row(const Activation& activation, const float* a, const float* b, float* y, int64_t n);

void gate_row(const Activation& activation, const bf16* a, const bf16* b, bf16* y, int64_t n);

enum class BinaryKind { add, sub, mul, div, min, max };
/// y[i] = f(a[i], b[i]); an operand that repeats is one float for all i. y may be a or b (if that one does not repeat).
void binary(BinaryKind kind, const float* a, bool a_repeats, const float* b, bool b_repeats, float* y, int64_t n);

/// y = exp(x - max x) / sum, over one row. y may be x.
void softmax_row(const float* x, float* y, int64_t n);

/// y = (x - mean) / sqrt(variance + epsilon) * scale + bias, over one row; bias may be nullptr. y may be x.
void layer_norm_row(const float* x, const float* scale, const float* bias, float epsilon, float* y, int64_t n);
/// y = x / sqrt(mean(x^2) + epsilon) * scale. y may be x.
void rms_norm_row(const float* x, const float* scale, float epsilon, float* y, int64_t n);

/// The same down columns: y[r, c] = exp(x[r, c] - most of column c) / sum of column c, for rows `stride` floats apart.
/// y may be x.
void softmax_columns(const float* x, int64_t rows, int64_t stride, int64_t columns, float* y);

/// y = x * scale + shift. y may be x.
void scale_shift_row(const float* x, float scale, float shift, float* y, int64_t n);
/// Sum of (x - shift)^2.
float sum_squares(const float* x, float shift, int64_t n);
/// y[c] = sum over r of x[r * stride + c]^2.
void sum_square_rows(const float* x, int64_t rows, int64_t stride, int64_t columns, float* y);
/// y[c] = factor * sum over r of x[r * stride + c]: the mean over pixels, where rows are pixels.
void sum_rows(const float* x, int64_t rows, int64_t stride, int64_t columns, float factor, float* y);
/// factor * sum of x[0, n).
float sum(const float* x, int64_t n, float factor);

/// The instruction set that these run with, in Highway's words ("AVX2", "AVX3", "NEON", ...).
const char* elementwise_target();

}  // namespace fovea::kernels
