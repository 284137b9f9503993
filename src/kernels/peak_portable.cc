// The peak loop for plain C++: vectors of 16 bytes, a product and a sum for each element.
#include "kernels/peak_isa.h"
#include "kernels/peak_sums.inc.h"

#if defined(__aarch64__)
#define REGISTER "w"
#elif defined(__x86_64__)
#define REGISTER "x"
#else
#define REGISTER "m"
#endif

namespace fovea::kernels::portable {
namespace {

using Vector [[gnu::vector_size(16)]] = float;

#define FOVEA_STEP(i) sum##i = sum##i * x + y;

void fp32(int64_t steps) {
  const Vector start = {}, y = {0.75f, 0.75f, 0.75f, 0.75f};
  Vector x = {0.5f, 0.5f, 0.5f, 0.5f};
  FOVEA_PEAK_LOOP(FOVEA_TWELVE, FOVEA_STEP)
}

}  // namespace

const PeakLoop kPeakFp32{"portable_fp32", 12 * 4, fp32};

}  // namespace fovea::kernels::portable
