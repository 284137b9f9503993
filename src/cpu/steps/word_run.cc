#include "cpu/steps/word_run.h"

#include <algorithm>

#include "base/cpu_features.h"

namespace fovea::cpu {

WordStretches::WordStretches(const kernels::WordKernel& kernel, const kernels::WordBlock& block)
    : taps_(block.taps), words_(block.words), step_(kernel.depth_words) {
  if (block.rows <= 2 * kernel.rows) return;  // too few rows pass over a part to pay for keeping the sums
  const int64_t bytes = kernel.columns * 4, longest = std::max<int64_t>(cache_sizes().l1d / 2 / bytes, step_);
  parts_ = ceil_div(words_, longest);
  groups_ = parts_ > 1 ? taps_ : ceil_div(taps_ * words_, longest);
}

WordStretches::Stretch WordStretches::operator[](int64_t i) const {
  const int64_t group = i / parts_, part = i % parts_, steps = words_ / step_;
  const int64_t tap = taps_ * group / groups_, from = steps * part / parts_ * step_;
  return {tap, taps_ * (group + 1) / groups_ - tap, from, steps * (part + 1) / parts_ * step_ - from};
}

bool share_word_rows(const kernels::WordKernel& kernel, const WordWork& work, int threads) {
  // Of one core, from the last cache and from the cache of another core.
  constexpr double kBytesPerCycle = 8, kRemoteBytesPerCycle = 4;
  const auto part = [&](int64_t parts) {
    return static_cast<double>(ceil_div(parts, threads)) / static_cast<double>(parts);
  };
  const double compute = static_cast<double>(work.macs) / kernel.macs_per_cycle;
  const auto weights = static_cast<double>(work.weight_bytes) / kBytesPerCycle;
  const double others = 1 - 1.0 / threads;
  const double moved = others * static_cast<double>(work.row_bytes + work.result_bytes) / kRemoteBytesPerCycle;
  const double by_rows = part(work.row_parts) * compute + weights;
  const double by_panels = part(work.panels) * (compute + weights) + moved;
  return by_rows <= by_panels;
}

int64_t word_block_rows(const kernels::WordKernel& kernel, int64_t rows, int64_t row_bytes) {
  constexpr int64_t kFewest = 64, kMost = 512;
  const int64_t fit = cache_sizes().l2 / 8 * 5 / std::max<int64_t>(row_bytes, 1);
  const int64_t most = round_up(std::clamp(fit, kFewest, kMost), kernel.rows);
  const int64_t blocks = ceil_div(rows, most);
  return std::min(rows, round_up(ceil_div(rows, blocks), kernel.rows));
}

}  // namespace fovea::cpu
