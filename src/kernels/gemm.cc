#include "kernels/gemm.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "kernels/gemm_isa.h"

namespace fovea::kernels {

const GemmKernel& gemm_kernel(int64_t n) {
  (void)n;
  switch (active_isa()) {
#if defined(__x86_64__)
#if defined(FOVEA_AVX512)
    case Isa::avx512:
      // The wide panel reads rows less often; it pays where few of its columns are empty.
      return n % 64 == 0 || n > 512 ? avx512::kGemm6x64 : avx512::kGemm12x32;
#else
    case Isa::avx512:
#endif
    case Isa::avx2: return avx2::kGemm6x16;
#elif defined(__aarch64__)
    case Isa::neon: return neon::kGemm8x12;
#endif
    default: return portable::kGemm4x8;
  }
}

int64_t packed_floats(const GemmKernel& kernel, int64_t n, int64_t taps, int64_t depth) {
  return panel_count(kernel, n) * kernel.columns * taps * depth;
}

void pack_panels(const GemmKernel& kernel, const PackSource& s, int64_t first, int64_t last, float* out) {
  const int64_t width = kernel.columns;
  for (int64_t p = first; p < last; ++p) {
    const int64_t n0 = p * width, valid = std::min(width, s.n - n0);
    float* panel = out + p * width * s.taps * s.depth;
    for (int64_t t = 0; t < s.taps; ++t) {
      const float* from = s.b + n0 * s.n_stride + t * s.tap_stride;
      float* to = panel + t * s.depth * width;
      if (s.n_stride == 1) {
        for (int64_t k = 0; k < s.depth; ++k, to += width) {
          std::memcpy(to, from + k * s.k_stride, static_cast<size_t>(valid) * sizeof(float));
          std::fill(to + valid, to + width, 0.0f);
        }
        continue;
      }
      // Columns are far apart: walk along k in short stretches, so that both sides stay in the cache.
      constexpr int64_t kStretch = 16;
      for (int64_t k0 = 0; k0 < s.depth; k0 += kStretch) {
        const int64_t k1 = std::min(s.depth, k0 + kStretch);
        for (int64_t n = 0; n < valid; ++n)
          for (int64_t k = k0; k < k1; ++k) to[k * width + n] = from[n * s.n_stride + k * s.k_stride];
        for (int64_t k = k0; k < k1; ++k) std::fill(to + k * width + valid, to + (k + 1) * width, 0.0f);
      }
    }
  }
}

namespace {

/// A stretch of the sum over taps and k: whole taps, or part of one.
struct Stretch {
  int64_t tap, taps, offset, depth;
};

/// How a sum is cut, so that the panel's part stays in the first-level cache while all tiles of a block pass over it.
class Stretches {
 public:
  Stretches(const GemmTile& block, int64_t width, bool allowed) : taps_(block.taps), depth_(block.depth) {
    const int64_t fit = std::max<int64_t>(1, cache_sizes().l1d * 3 / 4 / (width * 4));  // values of k
    whole_taps_ = allowed ? std::max<int64_t>(1, fit / std::max<int64_t>(depth_, 1)) : taps_;
    parts_ = allowed && depth_ > fit ? ceil_div(depth_, fit) : 1;
    groups_ = ceil_div(taps_, whole_taps_);
  }
  int64_t count() const { return groups_ * parts_; }
  Stretch operator[](int64_t i) const {
    const int64_t group = i / parts_, part = i % parts_;
    const int64_t first = taps_ * group / groups_, last = taps_ * (group + 1) / groups_;
    const int64_t from = depth_ * part / parts_, to = depth_ * (part + 1) / parts_;
    return {first, last - first, from, to - from};
  }

 private:
  int64_t taps_, depth_, whole_taps_, parts_, groups_;
};

}  // namespace

void gemm_block(const GemmKernel& kernel, const GemmTile& block, const float* packed, int64_t row_count, int64_t n,
                int64_t first_panel, int64_t last_panel) {
  const int64_t width = kernel.columns, panel_floats = width * block.taps * block.depth;
  // Tiles of nearly equal heights: no tile of one row behind full ones.
  const int64_t tiles = ceil_div(row_count, kernel.rows);
  const auto begin_of = [&](int64_t tile) { return row_count * tile / tiles; };

  // All tiles with a stretch of the sum in panel p. `ahead`: the panel that comes next, or nullptr; each tile
  // brings its share of it to the cache.
  const auto run = [&](int64_t p, const Stretch& stretch, bool starts, bool ends, const float* ahead) {
    const int64_t n0 = p * width, from = (stretch.tap * block.depth + stretch.offset) * width;
    GemmTile tile = block;
    tile.taps = stretch.taps;
    tile.depth = stretch.depth;
    tile.offset = block.offset + stretch.offset;
    tile.panel = packed + p * panel_floats + from;
    tile.columns = std::min(width, n - n0);
    tile.accumulate = !starts;
    if (!ends) tile.epilogue = {};
    if (tile.epilogue.bias) tile.epilogue.bias += n0;
    if (tile.epilogue.scale) tile.epilogue.scale += n0;
    const float* residual = tile.epilogue.residual ? tile.epilogue.residual + n0 : nullptr;
    const int64_t slots = std::max<int64_t>(1, stretch.taps * (stretch.depth / 4));
    const int64_t share = ahead ? stretch.taps * stretch.depth * width / tiles : 0;
    tile.ahead_step = share / slots;
    for (int64_t i = 0; i < tiles; ++i) {
      const int64_t begin = begin_of(i);
      tile.rows = block.rows + stretch.tap * block.row_stride + begin;
      tile.ahead = ahead ? ahead + from + i * share : tile.panel;
      tile.c = block.c + begin * block.c_stride + n0;
      if (residual) tile.epilogue.residual = residual + begin * block.epilogue.residual_stride;
      kernel.tiles[begin_of(i + 1) - begin](tile);
    }
  };

  const Stretches whole(block, width, false);
  // A residual in C's place must still be there at the end: its sums are not cut.
  const Stretches parts(block, width, tiles > 2 && block.epilogue.residual != block.c);
  for (int64_t p = first_panel; p < last_panel; ++p) {
    const float* ahead = p + 1 < last_panel ? packed + (p + 1) * panel_floats : nullptr;
    const Stretches& stretches = (p + 1) * width <= n ? parts : whole;
    for (int64_t s = 0; s < stretches.count(); ++s) run(p, stretches[s], s == 0, s + 1 == stretches.count(), ahead);
  }
}

int64_t block_rows(const GemmKernel& kernel, int64_t rows, int64_t bytes_per_row) {
  const int64_t fit = cache_sizes().l2 / 2 / std::max<int64_t>(bytes_per_row, 1);
  const int64_t most = std::clamp<int64_t>(fit / kernel.rows, 4, 64) * kernel.rows;
  const int64_t blocks = ceil_div(rows, most);
  return std::min(rows, round_up(ceil_div(rows, blocks), kernel.rows));
}

}  // namespace fovea::kernels
