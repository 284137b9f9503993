// The choice of kernel for grouped products, and their weights.
#include "kernels/grouped.h"

#include <algorithm>
#include <span>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "kernels/gemm_isa.h"

namespace fovea::kernels {
namespace {

std::span<const GemmKernel* const> candidates() {
#if defined(__x86_64__)
  static const GemmKernel* const kAvx2[] = {&avx2::kGrouped1x8, &avx2::kGrouped1x24, &avx2::kGrouped2x8,
                                            &avx2::kGrouped8x8, &avx2::kGrouped8x16};
#if defined(FOVEA_AVX512)
  static const GemmKernel* const kAvx512[] = {&avx512::kGrouped2x16, &avx512::kGrouped2x48, &avx512::kGrouped4x16,
                                              &avx512::kGrouped16x16, &avx512::kGrouped16x32};
  if (active_isa() == Isa::avx512) return kAvx512;
#else
  if (active_isa() == Isa::avx512) return kAvx2;
#endif
  if (active_isa() == Isa::avx2) return kAvx2;
#endif
  return {};
}

/// Time of all groups in vectors of sums for each k, with what else a tile costs spread over its k. The constants are
/// of the size that measurements show; what they decide lies far apart.
double cost(const GemmKernel& kernel, const GroupShape& s, bool dense) {
  const auto columns = static_cast<double>(kernel.columns);
  const double steps = static_cast<double>(s.taps * s.in);
  const double lanes = active_isa() == Isa::avx512 ? 16 : active_isa() == Isa::avx2 ? 8 : 4;
  const double panels = static_cast<double>(ceil_div(s.out * kernel.spread, kernel.columns));
  const double reads = 1 + 0.15 * lanes / columns;  // a row is read again for each vector of columns but the first
  const bool partial = s.out * kernel.spread % kernel.columns != 0;
  const double blocks = static_cast<double>(s.blocks(kernel.spread));
  // Each vector of a tile: storing; a partial panel goes through a copy; interleaving and back, by shuffles or float by
  // float.
  const bool shuffles = kernel.spread <= 4 || (s.in <= 2 && s.out <= 2);
  const double beside = 2 + (partial ? 4 : 0) + (dense ? 0 : shuffles ? 4 : 40);
  return blocks * panels * (columns / lanes) * (steps * reads + beside);
}

}  // namespace

const GemmKernel* grouped_kernel(const GroupShape& shape) {
  if (shape.groups < 2) return nullptr;
  double least = cost(gemm_kernel(shape.out), shape, true);
  const GemmKernel* best = nullptr;
  for (const GemmKernel* kernel : candidates())
    if (const double c = cost(*kernel, shape, kernel->spread == 1); c < 0.95 * least) {
      least = c / 0.95;
      best = kernel;
    }
  return best;
}

int64_t packed_block_floats(const GemmKernel& kernel, const GroupShape& shape) {
  return packed_floats(kernel, shape.out * kernel.spread, shape.taps, shape.in);
}

void pack_groups(const GemmKernel& kernel, const GroupShape& s, const float* weight, float* packed) {
  const int64_t spread = kernel.spread, width = kernel.columns, steps = s.taps * s.in;
  const int64_t panels = panel_count(kernel, s.out * spread);
  for (int64_t block = 0; block < s.blocks(spread); ++block)
    for (int64_t panel = 0; panel < panels; ++panel)
      for (int64_t step = 0; step < steps; ++step)
        for (int64_t j = 0; j < width; ++j) {
          const int64_t tap = step / s.in, i = step % s.in, column = panel * width + j;
          const int64_t group = block * spread + column % spread, o = column / spread;
          const bool valid = group < s.groups && o < s.out;
          *packed++ = valid ? weight[((group * s.out + o) * s.in + i) * s.taps + tap] : 0.0f;
        }
}

}  // namespace fovea::kernels
