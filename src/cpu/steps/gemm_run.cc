#include "cpu/steps/gemm_run.h"

#include <algorithm>

#include "base/checked.h"

namespace fovea::cpu {

int64_t widening_floats(const kernels::GemmKernel& kernel, int64_t depth) {
  return round_up(kernel.columns * depth, 16);
}

void run_rows(const DenseProduct& p, int64_t begin, int64_t end, int64_t first_panel, int64_t last_panel, int worker) {
  constexpr int64_t kMostRows = 1024;  // block_rows gives at most 64 tiles of at most 16 rows
  const float* rows[kMostRows];
  const int64_t block = std::min(kMostRows, kernels::block_rows(*p.kernel, end - begin, 1, p.depth));
  for (int64_t m = begin; m < end; m += block) {
    const int64_t count = std::min(block, end - m);
    for (int64_t i = 0; i < count; ++i) rows[i] = p.a + (m + i) * p.a_stride;
    kernels::GemmTile tile;
    tile.rows = rows;
    tile.row_stride = count;
    tile.depth = p.depth;
    tile.c = p.c + m * p.c_stride;
    tile.c_stride = p.c_stride;
    tile.epilogue = p.epilogue;
    if (tile.epilogue.residual) tile.epilogue.residual += m * p.epilogue.residual_stride;
    if (p.narrow != nullptr)
      kernels::gemm_block(*p.kernel, tile, *p.narrow, p.room + worker * widening_floats(*p.kernel, p.depth), count,
                          p.columns, first_panel, last_panel);
    else
      kernels::gemm_block(*p.kernel, tile, p.packed, count, p.columns, first_panel, last_panel);
  }
}

bool share_rows(int64_t row_tiles, int64_t panels, int threads) {
  // The part of all threads' time that is used, where each takes nearly equal whole tiles or panels.
  const auto used = [&](int64_t parts) {
    return static_cast<double>(parts) / static_cast<double>(threads * ((parts + threads - 1) / threads));
  };
  return used(row_tiles) + 0.06 >= used(panels);
}

void run_product(const DenseProduct& p, ThreadPool& pool) {
  const int64_t panels = kernels::panel_count(*p.kernel, p.columns);
  constexpr int64_t kGrainMacs = 1 << 17;  // multiply-adds that are worth a thread: some 10 us
  const int64_t tile_rows = p.kernel->rows, tiles = (p.rows + tile_rows - 1) / tile_rows;
  if (share_rows(p.split, tiles, panels, pool.size())) {
    const int64_t grain = std::max<int64_t>(1, kGrainMacs / std::max<int64_t>(1, tile_rows * p.depth * p.columns));
    pool.parallel_for(tiles, grain, [&](int64_t begin, int64_t end, int worker) {
      run_rows(p, p.rows * begin / tiles, p.rows * end / tiles, 0, panels, worker);
    });
  } else {
    const int64_t macs = rows_worth(p.rows) * p.depth * p.kernel->columns;
    const int64_t grain = std::max<int64_t>(1, kGrainMacs / std::max<int64_t>(1, macs));
    pool.parallel_for(panels, grain,
                      [&](int64_t begin, int64_t end, int worker) { run_rows(p, 0, p.rows, begin, end, worker); });
  }
}

}  // namespace fovea::cpu
