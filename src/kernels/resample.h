// The two passes of Pillow's 8-bit resampling, over rows of RGB bytes: sums of bytes times integer weights.
#pragma once

#include <cstdint>

namespace fovea::kernels {

/// Weights are integers with 22 fractional bits; sums start at one half, are shifted right by 22 and clipped to 0..255.
inline constexpr int kResampleBits = 22;
/// Weights of one output are stored with a stride that is a multiple of this; the ones that are not used are 0. As many
/// must be readable after the last.
inline constexpr int64_t kResampleTapsMultiple = 4;
/// Bytes beyond the last tap that resample_rows may read (and ignore).
inline constexpr int64_t kResampleOverread = 16;

/// For each output: the first input it reads, how many (at least 1), and their weights.
struct ResampleTaps {
  const int64_t* first = nullptr;
  const int64_t* count = nullptr;
  const int32_t* weights = nullptr;  // outputs * stride
  int64_t stride = 0;                // multiple of kResampleTapsMultiple, at least each count
};

/// Along x: for each of `rows` rows, out[3 * i + c] = sum of weights[i][t] * in[3 * (first[i] + t) + c].
/// Preconditions: kResampleOverread bytes are readable after the last pixel that each row uses; in and out are
/// distinct.
void resample_rows(const uint8_t* const* in, int64_t rows, const ResampleTaps& taps, int64_t outputs,
                   uint8_t* const* out);

/// Along y: out[b] = sum of weights[t] * in[t][b], for b < bytes. Preconditions: taps >= 1, in and out are distinct.
void resample_columns(const uint8_t* const* in, const int32_t* weights, int64_t taps, int64_t bytes, uint8_t* out);

/// The instruction set that the two functions above run with, in Highway's words ("AVX2", "AVX3", "NEON", ...).
const char* resample_target();

}  // namespace fovea::kernels
