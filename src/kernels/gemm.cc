#include "kernels/gemm.h"

#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "kernels/gemm_isa.h"

namespace fovea::kernels {

namespace {

#if defined(__x86_64__) && defined(FOVEA_AVX512)
/// The widest panel reads rows least often; a narrower one pays where fewer of its columns are empty.
const GemmKernel& avx512_kernel(int64_t n) {
  const GemmKernel* best = &avx512::kGemm6x64;
  for (const GemmKernel* kernel : {&avx512::kGemm8x48, &avx512::kGemm12x32, &avx512::kGemm12x16}) {
    const int64_t columns = round_up(n, kernel->columns), least = round_up(n, best->columns);
    // A single vector of columns is bound by reading rows: it takes a quarter more time.
    if (columns + (kernel->columns == 16 ? columns / 4 : columns / 50) < least) best = kernel;
  }
  return *best;
}
#endif

}  // namespace

const GemmKernel& gemm_kernel([[maybe_unused]] int64_t n) {
  switch (active_isa()) {
#if defined(__x86_64__)
#if defined(FOVEA_AVX512)
    case Isa::avx512: return avx512_kernel(n);
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

GemmKernels gemm_kernels() {
#if defined(__x86_64__) && defined(FOVEA_AVX512)
  static constexpr const GemmKernel* kAvx512[] = {&avx512::kGemm6x64, &avx512::kGemm8x48, &avx512::kGemm12x32,
                                                  &avx512::kGemm12x16};
  if (active_isa() == Isa::avx512) return {kAvx512, 4};
#endif
  static const GemmKernel* const only = &gemm_kernel(1);
  return {&only, 1};
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

/// Values of k whose part of a panel stays in the cache while all tiles of a block pass over it. In the L2 cache the
/// next part, the rows' stretch and the sums lie beside it: with an eighth of the cache for each part a depth of 3072
/// was 6 % slower.
int64_t longest_stretch(const GemmKernel& kernel) {
  const int64_t bytes = kernel.panel_level == 1 ? cache_sizes().l1d * 3 / 4 : cache_sizes().l2 / 10;
  return std::max<int64_t>(1, bytes / (kernel.columns * 4));
}

/// A stretch of the sum over taps and k: whole taps, or part of one.
struct Stretch {
  int64_t tap, taps, offset, depth;
};

/// How a sum is cut.
class Stretches {
 public:
  Stretches(const GemmTile& block, int64_t longest) : taps_(block.taps), depth_(block.depth) {
    whole_taps_ = std::max<int64_t>(1, longest / std::max<int64_t>(depth_, 1));
    parts_ = depth_ > longest ? ceil_div(depth_, longest) : 1;
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

/// One call of gemm_block.
class Block {
 public:
  Block(const GemmKernel& kernel, const GemmTile& block, const float* packed, int64_t row_count, int64_t n)
      : Block(kernel, block, packed, nullptr, nullptr, row_count, n) {}
  Block(const GemmKernel& kernel, const GemmTile& block, const NarrowPanels& packed, float* room, int64_t row_count,
        int64_t n)
      : Block(kernel, block, nullptr, &packed, room, row_count, n) {}

  void run(int64_t first_panel, int64_t last_panel) const {
    const int64_t panels = last_panel - first_panel, stretches = stretches_.count();
    // Where the rows do not fit the cache as a whole, all panels pass over a stretch of them before the next.
    const bool stretch_outside = row_count_ * block_.taps * block_.depth * kernel_.spread * 4 > cache_sizes().l2 / 2;
    const int64_t inner = stretch_outside ? panels : stretches;
    const auto place = [&](int64_t i) {
      return stretch_outside ? std::pair(first_panel + i % inner, i / inner)
                             : std::pair(first_panel + i / inner, i % inner);
    };
    for (int64_t i = 0; i < panels * stretches; ++i) {
      const auto [panel, stretch] = place(i);
      if (i + 1 == panels * stretches) {
        run(panel, stretch, nullptr, 0);
      } else {
        const auto [next, next_stretch] = place(i + 1);
        const Stretch ahead = stretches_[next_stretch];
        run(panel, stretch, part(next, ahead), floats_of(ahead));
      }
    }
  }

 private:
  Block(const GemmKernel& kernel, const GemmTile& block, const float* packed, const NarrowPanels* narrow, float* room,
        int64_t row_count, int64_t n)
      : kernel_(kernel),
        block_(block),
        packed_(packed),
        narrow_(narrow),
        room_(room),
        row_count_(row_count),
        n_(n),
        tiles_(ceil_div(row_count, kernel.rows)),
        stretches_(block, may_cut() ? longest_stretch(kernel) : block.taps * block.depth) {}

  /// C holds the sums between stretches, and is added like a residual: there must be room for that in the epilogue.
  bool may_cut() const {
    const Epilogue& e = block_.epilogue;
    return tiles_ > 2 && !(e.residual != nullptr && e.residual_last);
  }

  /// Where a stretch of a panel lies, in whatever form, and its size in floats' bytes.
  const float* part(int64_t panel, const Stretch& s) const {
    if (narrow_ != nullptr) return reinterpret_cast<const float*>(narrow_rows(*narrow_, panel, s.offset));
    return packed_ + (panel * block_.taps * block_.depth + s.tap * block_.depth + s.offset) * kernel_.columns;
  }

  int64_t floats_of(const Stretch& s) const {
    if (narrow_ != nullptr) return narrow_row_bytes(*narrow_, s.depth) / static_cast<int64_t>(sizeof(float));
    return s.taps * s.depth * kernel_.columns;
  }

  /// A stretch of a panel as the tiles read it.
  const float* widened(int64_t panel, const Stretch& s) const {
    if (narrow_ == nullptr) return part(panel, s);
    widen_panel(*narrow_, panel, s.offset, s.depth, room_);
    return room_;
  }

  /// All tiles with a stretch of the sum in one panel. `ahead`: what comes next; each tile brings its share of it to
  /// the cache.
  void run(int64_t panel, int64_t index, const float* ahead, int64_t ahead_floats) const {
    const Stretch stretch = stretches_[index];
    const int64_t n0 = panel * kernel_.columns;
    GemmTile tile = block_;
    tile.taps = stretch.taps;
    tile.depth = stretch.depth;
    tile.offset = block_.offset + stretch.offset * kernel_.spread;
    tile.panel = widened(panel, stretch);
    tile.columns = std::min<int64_t>(kernel_.columns, n_ - n0);
    Epilogue& e = tile.epilogue;
    if (e.scale) e.scale += n0;
    e.bias = e.bias && index == 0 ? e.bias + n0 : nullptr;
    if (index + 1 < stretches_.count()) e.activation = {};
    const float* residual = e.residual ? e.residual + n0 : nullptr;
    if (index > 0) {
      residual = block_.c + n0;
      e.residual_stride = block_.c_stride;
      e.residual_last = false;
    }
    const int64_t share = ahead ? ahead_floats / tiles_ : 0;
    set_ahead(tile, ahead ? ahead : tile.panel, share);
    // Tiles of nearly equal heights: no tile of one row behind full ones.
    const int64_t height = row_count_ / tiles_, taller = row_count_ % tiles_;
    for (int64_t i = 0, begin = 0; i < tiles_; ++i) {
      const int64_t rows = height + (i < taller ? 1 : 0);
      tile.rows = block_.rows + stretch.tap * block_.row_stride + begin;
      tile.c = block_.c + begin * block_.c_stride + n0;
      if (residual) e.residual = residual + begin * e.residual_stride;
      kernel_.tiles[rows](tile);
      tile.ahead += share;
      begin += rows;
    }
  }

  const GemmKernel& kernel_;
  const GemmTile& block_;
  const float* packed_;
  const NarrowPanels* narrow_;
  float* room_;
  int64_t row_count_, n_, tiles_;
  Stretches stretches_;
};

}  // namespace

void set_ahead(GemmTile& tile, const float* ahead, int64_t floats) {
  constexpr int64_t kLine = 16, kMost = 8;  // more prefetches at once than the core can have under way gain nothing
  const int64_t slots = std::max<int64_t>(1, tile.taps * (tile.depth / 4));
  tile.ahead = ahead;
  tile.ahead_lines = std::clamp<int64_t>(ceil_div(floats, slots * kLine), 1, kMost);
  tile.ahead_step = std::min(kLine, floats / (slots * tile.ahead_lines));
}

void gemm_block(const GemmKernel& kernel, const GemmTile& block, const float* packed, int64_t row_count, int64_t n,
                int64_t first_panel, int64_t last_panel) {
  if (first_panel < last_panel) Block(kernel, block, packed, row_count, n).run(first_panel, last_panel);
}

void gemm_block(const GemmKernel& kernel, const GemmTile& block, const NarrowPanels& packed, float* room,
                int64_t row_count, int64_t n, int64_t first_panel, int64_t last_panel) {
  if (first_panel < last_panel) Block(kernel, block, packed, room, row_count, n).run(first_panel, last_panel);
}

int64_t block_rows(const GemmKernel& kernel, int64_t rows, int64_t taps, int64_t depth) {
  const int64_t at_once = kernel.panel_level == 1 ? taps * depth : std::min(taps * depth, longest_stretch(kernel));
  const int64_t bytes_per_row = at_once * kernel.spread * 4;
  const int64_t fit = cache_sizes().l2 / 2 / std::max<int64_t>(bytes_per_row, 1);
  const int64_t most = std::clamp<int64_t>(fit / kernel.rows, 4, 64) * kernel.rows;
  const int64_t blocks = ceil_div(rows, most);
  return std::min(rows, round_up(ceil_div(rows, blocks), kernel.rows));
}

}  // namespace fovea::kernels
