// The peak loop for 64-bit Arm's NEON.
#if defined(__aarch64__)
#include <arm_neon.h>

#include "kernels/peak_isa.h"
#include "kernels/peak_sums.inc.h"

#define REGISTER "w"

namespace fovea::kernels::neon {
namespace {

#define FOVEA_STEP(i) sum##i = vfmaq_f32(sum##i, x, y);

void fp32(int64_t steps) {
  const float32x4_t start = vdupq_n_f32(0), y = vdupq_n_f32(0.75f);
  float32x4_t x = vdupq_n_f32(1.25f);
  FOVEA_PEAK_LOOP(FOVEA_SIXTEEN, FOVEA_STEP)  // up to four units with a latency of four cycles
}

}  // namespace

const PeakLoop kPeakFp32{"neon_fp32", 16 * 4, fp32};

}  // namespace fovea::kernels::neon
#endif
