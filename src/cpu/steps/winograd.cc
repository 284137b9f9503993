// Steps of fovea.Conv by Winograd's filtering: 3x3 convolutions of stride 1 where a model of the costs prefers it.
#include "kernels/winograd.h"

#include <algorithm>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/steps.h"

namespace fovea::cpu {
namespace {

/// How the tiles are gone through.
struct Schedule {
  int64_t block = 1;    // tiles that are transformed at once
  bool shared = false;  // all tiles are one block, and threads share out its columns
  double cycles = 0;    // the estimate for it
};

/// Estimates in cycles of one core, which only serve to be compared: the same choice each time, and no measuring. The
/// constants fit what Zen 3 does.
class Costs {
 public:
  Costs(const ConvGeometry& g, int threads) : g_(g), threads_(threads) {
    switch (active_isa()) {
      case Isa::avx512: lanes_ = 16; break;
      case Isa::avx2: lanes_ = 8; break;
      default: lanes_ = 4; break;
    }
  }

  double direct() const {
    const double macs = static_cast<double>(g_.batch * g_.shape.pixels()) * 9 * channels_product();
    return macs / product_rate() / cores() + bytes(9 * channels_product()) / kMemoryBytesPerCycle;
  }

  Schedule winograd(const kernels::WinogradConv& w) const {
    const auto places = static_cast<double>(w.places()), in = static_cast<double>(w.in_channels);
    const auto tiles = static_cast<double>(w.tiles());
    const double weights = bytes(places * channels_product()), tile = bytes(places * in);
    const double tile_products = bytes(places * static_cast<double>(w.chunk_columns()));
    const double compute =
        tiles * places *
        (channels_product() / product_rate() + (in + static_cast<double>(w.out_channels)) * kTransformCycles / lanes_);
    const auto cache = static_cast<double>(cache_sizes().l2) * 0.75, chunks = static_cast<double>(w.chunks());
    Schedule best;
    const int64_t each = ceil_div(w.tiles(), threads_), rows = w.kernel->rows;
    for (int64_t block = std::min(each, 2 * rows);; block = std::min(each, block + rows)) {
      const auto blocks = static_cast<double>(ceil_div(each, block));
      const bool fits = static_cast<double>(block) * (tile + tile_products) <= cache;
      const double spilled = fits ? 0 : static_cast<double>(each) * tile * (chunks + 1);
      // The cores share the way to memory and to the last cache: each reads all weights once a block.
      const double again = (blocks * cores() - 1) * weights + spilled;
      const double cycles = compute / cores() + weights / kMemoryBytesPerCycle + again / kCacheBytesPerCycle;
      if (best.cycles == 0 || cycles < best.cycles) best = {block, false, cycles};
      if (block == each || static_cast<double>(block + rows) * tile > kMostScratch) break;
    }
    if (threads_ > 1 && tiles * tile <= kMostScratch) {
      const auto share = static_cast<double>(ceil_div(w.chunks(), threads_)) / chunks;
      const double moved = share * tiles * tile * chunks + tiles * tile;
      const double cycles =
          compute * share + weights / kMemoryBytesPerCycle + moved / kCacheBytesPerCycle + kJoinCycles;
      if (cycles < best.cycles) best = {w.tiles(), true, cycles};
    }
    return best;
  }

 private:
  // What moves while the products run is half hidden behind them: these are twice the bytes that arrive in a cycle.
  static constexpr double kMemoryBytesPerCycle = 8;
  static constexpr double kCacheBytesPerCycle = 12;
  static constexpr double kTransformCycles = 5;  // of a vector in one place, there and back
  static constexpr double kJoinCycles = 5000;
  static constexpr double kMostScratch = 8 << 20;  // bytes of transformed tiles of a block

  double cores() const { return static_cast<double>(threads_); }
  static double bytes(double floats) { return floats * 4; }
  double channels_product() const { return static_cast<double>(g_.in_per_group * g_.out_per_group); }
  double product_rate() const { return 2 * lanes_ * 0.9; }

  const ConvGeometry& g_;
  int64_t threads_;
  double lanes_ = 4;
};

class WinogradStep final : public Step {
 public:
  WinogradStep(const LowerNode& node, const kernels::WinogradConv& conv, const Schedule& schedule, Tensor packed,
               Tensor zeros, const ConvEpilogue& epilogue)
      : x_(node.in(0)),
        y_(node.out()),
        conv_(conv),
        schedule_(schedule),
        packed_(std::move(packed)),
        zeros_(std::move(zeros)),
        fused_(epilogue),
        threads_(std::max(node.threads, 1)),
        input_plane_(conv.input_plane(schedule.block)),
        product_plane_(conv.product_plane(schedule.block)),
        input_floats_(conv.places() * input_plane_),
        worker_floats_(conv.places() * product_plane_ + round_up(schedule.block * 2, 16)) {}

  Result<void> run(const Bindings& b) const override {
    const float* x = b.f32(x_);
    float *y = b.f32_mutable(y_), *scratch = static_cast<float*>(b.scratch);
    kernels::Epilogue epilogue;
    epilogue.bias = b.f32(fused_.bias);
    epilogue.residual = b.f32(fused_.residual);
    epilogue.residual_last = fused_.residual_last;
    epilogue.activation = fused_.activation;
    if (schedule_.shared) {
      b.pool->parallel_for(conv_.tiles(), 1, [&](int64_t begin, int64_t end, int) {
        kernels::winograd_input(conv_, x, zeros_.data<float>(), begin, end, scratch + begin * conv_.in_channels,
                                input_plane_);
      });
      b.pool->parallel_for(conv_.chunks(), 1, [&](int64_t begin, int64_t end, int worker) {
        columns(scratch, scratch + input_floats_ + worker * worker_floats_, begin, end, 0, conv_.tiles(), epilogue, y);
      });
      return {};
    }
    b.pool->parallel_for(conv_.tiles(), conv_.kernel->rows, [&](int64_t begin, int64_t end, int worker) {
      float* v = scratch + worker * (input_floats_ + worker_floats_);
      const int64_t blocks = ceil_div(end - begin, schedule_.block);
      for (int64_t i = 0; i < blocks; ++i) {
        const int64_t first = begin + (end - begin) * i / blocks, last = begin + (end - begin) * (i + 1) / blocks;
        kernels::winograd_input(conv_, x, zeros_.data<float>(), first, last, v, input_plane_);
        columns(v, v + input_floats_, 0, conv_.chunks(), first, last, epilogue, y);
      }
    });
    return {};
  }
  std::string kernel() const override { return fmt::format("winograd_{}x3_{}", conv_.size, conv_.kernel->name); }
  int64_t scratch_bytes() const override {
    return (schedule_.shared ? input_floats_ + threads_ * worker_floats_
                             : threads_ * (input_floats_ + worker_floats_)) *
           4;
  }
  bool may_overwrite(size_t input) const override { return fused_.residual != kNoValue && input == 3; }

 private:
  /// Chunks [begin, end) of the transformed tiles [first, last) at `v`.
  void columns(const float* v, float* worker, int64_t begin, int64_t end, int64_t first, int64_t last,
               const kernels::Epilogue& epilogue, float* y) const {
    auto* rows = reinterpret_cast<const float**>(worker + conv_.places() * product_plane_);
    for (int64_t chunk = begin; chunk < end; ++chunk) {
      kernels::winograd_products(conv_, packed_.data<float>(), chunk, v, input_plane_, last - first, rows, worker,
                                 product_plane_);
      kernels::winograd_output(conv_, worker, product_plane_, chunk, first, last, epilogue, y);
    }
  }

  ValueId x_, y_;
  kernels::WinogradConv conv_;
  Schedule schedule_;
  Tensor packed_, zeros_;
  ConvEpilogue fused_;
  int threads_;
  int64_t input_plane_, product_plane_, input_floats_, worker_floats_;
};

struct Choice {
  kernels::WinogradConv conv;
  Schedule schedule;
};

/// The cheapest way of filtering, if it is cheaper than a direct convolution whose products are `direct_speed` times as
/// fast as those of f32.
std::optional<Choice> choose(const LowerNode& node, const ConvGeometry& g, double direct_speed) {
  const kernels::ConvShape& s = g.shape;
  if (g.groups != 1 || s.kernel_height != 3 || s.kernel_width != 3 || s.stride_y != 1 || s.stride_x != 1 ||
      s.dilation_y != 1 || s.dilation_x != 1 || g.in_per_group < 16 || g.out_per_group < 16)
    return std::nullopt;
  const Costs costs(g, std::max(node.threads, 1));
  std::optional<Choice> best;
  double least = costs.direct() / direct_speed;
  for (int size : {2, 4}) {
    kernels::WinogradConv candidate;
    candidate.kernel = &kernels::gemm_kernel(g.out_per_group);
    candidate.size = size;
    candidate.shape = s;
    candidate.batch = g.batch;
    candidate.in_channels = g.in_per_group;
    candidate.out_channels = g.out_per_group;
    const Schedule schedule = costs.winograd(candidate);
    if (schedule.cycles >= least) continue;
    least = schedule.cycles;
    best = Choice{candidate, schedule};
  }
  return best;
}

}  // namespace

bool winograd_beats(const LowerNode& node, const ConvGeometry& g, double direct_speed) {
  return choose(node, g, direct_speed).has_value();
}

StepPtr make_winograd_step(const LowerNode& node) {
  const Tensor* weight = node.constant(1);
  const auto g = conv_geometry(node);
  const auto epilogue = conv_epilogue(node);
  if (weight == nullptr || !g || !epilogue) return nullptr;
  const auto choice = choose(node, *g, 1);
  if (!choice) return nullptr;
  const kernels::WinogradConv& conv = choice->conv;
  auto packed = node.weights.get(*weight, fmt::format("winograd {} {}", conv.size, conv.kernel->name),
                                 {DType::f32, {conv.packed_floats()}}, [weight = *weight, conv](void* to) {
                                   kernels::winograd_pack(conv, weight.data<float>(), static_cast<float*>(to));
                                 });
  auto zeros = Tensor::allocate(DType::f32, {g->in_per_group});
  if (!packed.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<WinogradStep>(node, conv, choice->schedule, std::move(packed).value(),
                                        std::move(zeros).value(), *epilogue);
}

}  // namespace fovea::cpu
