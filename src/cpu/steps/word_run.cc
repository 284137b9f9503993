#include "cpu/steps/word_run.h"

#include <algorithm>

#include "base/cpu_features.h"

namespace fovea::cpu {

int64_t word_block_rows(const kernels::WordKernel& kernel, int64_t rows, int64_t row_bytes) {
  constexpr int64_t kFewest = 64, kMost = 512;
  const int64_t fit = cache_sizes().l2 / 8 * 5 / std::max<int64_t>(row_bytes, 1);
  const int64_t most = round_up(std::clamp(fit, kFewest, kMost), kernel.rows);
  const int64_t blocks = ceil_div(rows, most);
  return std::min(rows, round_up(ceil_div(rows, blocks), kernel.rows));
}

}  // namespace fovea::cpu
