#include "cpu/steps/word_run.h"

#include <algorithm>

#include "base/cpu_features.h"

namespace fovea::cpu {

namespace {
constexpr int64_t kMostSumsRows = 256;
}

WordStretches::WordStretches(const kernels::WordKernel& kernel, const kernels::WordBlock& block)
    : taps_(block.taps), words_(block.words), step_(kernel.depth_words) {
  if (block.rows <= 2 * kernel.rows) return;  // too few rows pass over a part to pay for keeping the sums
  // Where rows are long, the taps that share them leave the caches time for the panel, and sums would be kept often.
  constexpr int64_t kLongWords = 128;
  if (taps_ > 1 && words_ >= kLongWords) return;
  const int64_t bytes = kernel.columns * 4, longest = std::max<int64_t>(cache_sizes().l1d / 2 / bytes, step_);
  parts_ = ceil_div(words_, longest);
  groups_ = parts_ > 1 ? taps_ : ceil_div(taps_ * words_, longest);
}

WordAhead::Words WordAhead::during(int64_t pass, int64_t stretch, bool has_next_panel) const {
  const int64_t count = stretches_.count();
  if (pass == 0 && stretch + 1 < count) {
    const WordStretches::Stretch next = stretches_[stretch + 1];
    return {(next.tap * stretches_.tap_words() + next.offset) * columns_, words(stretch + 1)};
  }
  const int64_t piece = pass * count + stretch + 1 - count, begin = piece * piece_words_;
  return has_next_panel ? Words{panel_words_ + begin, std::min(piece_words_, first_words_ - begin)} : Words{};
}

bool ahead_leads(const kernels::WordKernel& kernel, const kernels::WordBlock& block) {
  return kernel.leads && block.rows <= 2 * kernel.rows;
}

int64_t sums_rows(const kernels::WordKernel& kernel, const kernels::WordBlock& block, const WordStretches& stretches) {
  const int64_t tile = kernel.rows / kernel.row_group * kernels::group_rows(kernel, block.rows);
  // A stretch comes to the L1 cache again for each part of the rows.
  const int64_t most = stretches.count() > 1 ? kMostSumsRows : kMostSumsRows / 2;
  return std::min(most / tile * tile, block.rows);
}

int64_t sums_bytes(const kernels::WordKernel& kernel, int64_t rows) {
  return std::min(round_up(rows, kernel.row_group), kMostSumsRows) * kernel.columns * 4;
}

void multiply_words(const kernels::WordKernel& kernel, const kernels::WordBlock& block, const uint32_t* packed,
                    int64_t first, int64_t last, void* sums, const kernels::WordEnd& end) {
  const bool fused = kernels::finishes(kernel, end.finish);
  const int64_t panel_words = kernel.columns * block.taps * block.words;
  const auto end_of = [&](int64_t panel, int64_t panels) {
    kernels::WordEnd part = end.from_column(panel * kernel.columns);
    part.columns = std::min<int64_t>(part.columns, panels * kernel.columns);
    return part;
  };
  // Where all panels lie in the caches anyway, a few rows pass over all of them: their taps stay in the L1 cache, and
  // they are written as they lie in memory.
  constexpr int64_t kFewBytes = 160 << 10;
  if (fused && last - first > 1 && block.rows > 2 * kernel.rows && (last - first) * panel_words * 4 <= kFewBytes) {
    kernels::WordBlock all = block;
    all.group_rows = kernels::group_rows(kernel, block.rows);
    all.sums_stride = kernel.columns;
    all.panel = packed + first * panel_words;
    kernel.begin(all.group_rows);
    kernel.finish_panels(all, end_of(first, last - first), panel_words);
    return;
  }
  walk_words(kernel, block, packed, first, last, sums,
             [&](const kernels::WordBlock& part, int64_t panel, int64_t row, bool whole) {
               if (!whole) return kernel.block(part);
               const kernels::WordEnd here = end_of(panel, 1).from_row(row);
               if (fused) return kernel.finish_panels(part, here, 0);
               kernel.block(part);
               kernels::finish_block(kernel, here, static_cast<const float*>(sums), part.rows);
             });
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

int64_t word_block_rows(const kernels::WordKernel& kernel, int64_t rows, int64_t row_bytes, int64_t most_rows) {
  constexpr int64_t kFewest = 64;
  const int64_t fit = cache_sizes().l2 / 8 * 5 / std::max<int64_t>(row_bytes, 1);
  const int64_t most = round_up(std::clamp(fit, kFewest, most_rows), kernel.rows);
  const int64_t blocks = ceil_div(rows, most);
  return std::min(rows, round_up(ceil_div(rows, blocks), kernel.rows));
}

}  // namespace fovea::cpu
