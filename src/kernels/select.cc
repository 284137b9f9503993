// Loops that are bound by memory; the compiler makes vectors of them.
#include "kernels/select.h"

namespace fovea::kernels {

void is_nan_row(const float* x, uint8_t* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] != x[i] ? 1 : 0;
}

void select_row(const uint8_t* which, const float* a, bool a_repeats, const float* b, bool b_repeats, float* y,
                int64_t n) {
  const int64_t a_step = a_repeats ? 0 : 1, b_step = b_repeats ? 0 : 1;
  if (a_repeats && !b_repeats) {
    const float first = *a;
    for (int64_t i = 0; i < n; ++i) y[i] = which[i] != 0 ? first : b[i];
    return;
  }
  for (int64_t i = 0; i < n; ++i) y[i] = which[i] != 0 ? a[i * a_step] : b[i * b_step];
}

}  // namespace fovea::kernels
