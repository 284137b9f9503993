// Steps of fovea.Conv by Winograd's filtering: 3x3 convolutions of stride 1 where a model of the costs prefers it.
#include "kernels/winograd.h"

#include <algorithm>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/pixel_table.h"
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

  /// The better of blocks() and shared().
  Schedule winograd(const kernels::WinogradConv& w) const {
    const Schedule each = blocks(w);
    const auto together = shared(w);
    return together && together->cycles < each.cycles ? *together : each;
  }

  /// Each thread goes through its tiles in blocks.
  Schedule blocks(const kernels::WinogradConv& w) const {
    const double weights = bytes(places(w) * channels_product()), tile = tile_bytes(w);
    const double tile_products = bytes(places(w) * static_cast<double>(w.chunk_columns()));
    const auto cache = static_cast<double>(cache_sizes().l2) * 0.75, chunks = static_cast<double>(w.chunks());
    Schedule best;
    const int64_t each = ceil_div(w.tiles(), threads_), rows = w.kernel->rows;
    for (int64_t block = std::min(each, 2 * rows);; block = std::min(each, block + rows)) {
      const double room = cache - static_cast<double>(block) * (tile + tile_products);
      // Weights that have room beside the block are read once a core, others once a block.
      const auto readings = room >= weights ? 1.0 : static_cast<double>(ceil_div(each, block));
      const double spilled = room >= 0 ? 0 : static_cast<double>(each) * tile * (chunks + 1);
      // The cores share the way to memory and to the last cache.
      const double again = (readings * cores() - 1) * weights + spilled;
      const double cycles = compute(w) / cores() + weights / kMemoryBytesPerCycle + again / kCacheBytesPerCycle;
      if (best.cycles == 0 || cycles <= best.cycles) best = {block, false, cycles};
      if (block == each || static_cast<double>(block + rows) * tile > kMostScratch) break;
    }
    return best;
  }

  /// All tiles in one block, whose columns threads share out; nullopt for one thread, and too many tiles.
  std::optional<Schedule> shared(const kernels::WinogradConv& w) const {
    const auto tiles = static_cast<double>(w.tiles()), chunks = static_cast<double>(w.chunks());
    if (threads_ == 1 || tiles * tile_bytes(w) > kMostScratch) return std::nullopt;
    const auto share = static_cast<double>(ceil_div(w.chunks(), threads_)) / chunks;
    const double moved = share * tiles * tile_bytes(w) * chunks + tiles * tile_bytes(w);
    const double weights = bytes(places(w) * channels_product());
    const double cycles =
        compute(w) * share + weights / kMemoryBytesPerCycle + moved / kCacheBytesPerCycle + kJoinCycles;
    return Schedule{w.tiles(), true, cycles};
  }

 private:
  // What moves while the products run is half hidden behind them: these are twice the bytes that arrive in a cycle.
  static constexpr double kMemoryBytesPerCycle = 8;
  static constexpr double kCacheBytesPerCycle = 12;
  // Of a vector in one place, there and back; the transforms of F(6,3) have more terms.
  static double transform_cycles(const kernels::WinogradConv& w) { return w.size == 6 ? 7 : 5; }
  static constexpr double kJoinCycles = 5000;
  static constexpr double kMostScratch = 8 << 20;  // bytes of transformed tiles of a block

  double cores() const { return static_cast<double>(threads_); }
  static double bytes(double floats) { return floats * 4; }
  static double places(const kernels::WinogradConv& w) { return static_cast<double>(w.places()); }
  static double tile_bytes(const kernels::WinogradConv& w) {
    return bytes(places(w) * static_cast<double>(w.in_channels));
  }
  double compute(const kernels::WinogradConv& w) const {
    const auto channels = static_cast<double>(w.in_channels + w.out_channels);
    return static_cast<double>(w.tiles()) * places(w) *
           (channels_product() / product_rate() + channels * transform_cycles(w) / lanes_);
  }
  double channels_product() const { return static_cast<double>(g_.in_per_group * g_.out_per_group); }
  double product_rate() const { return 2 * lanes_ * 0.9; }

  const ConvGeometry& g_;
  int64_t threads_;
  double lanes_ = 4;
};

/// Sizes that the cost model chooses from. F(4,3) has a relative error of 3e-6 with 512 channels
/// (kernels/winograd_test.cc).
constexpr int kSizes[] = {4, 2};
/// Sizes that tuning may choose, too. F(6,3) stays below 4e-6 in a layer of few channels, but such errors add up over
/// the layers of a deep model, which the choice for one layer does not see: nobody gets it who has not asked for
/// tuning.
constexpr int kTunedSizes[] = {4, 2, 6};
std::span<const int> tuned_sizes(const ConvGeometry& g) {
  constexpr int64_t kMostChannelsOfSix = 64;
  return std::span(kTunedSizes).first(g.in_per_group <= kMostChannelsOfSix ? 3 : 2);
}

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

bool applies(const ConvGeometry& g) {
  const kernels::ConvShape& s = g.shape;
  return g.groups == 1 && s.kernel_height == 3 && s.kernel_width == 3 && s.stride_y == 1 && s.stride_x == 1 &&
         s.dilation_y == 1 && s.dilation_x == 1 && g.in_per_group >= 16 && g.out_per_group >= 16;
}

kernels::WinogradConv winograd_conv(const ConvGeometry& g, int size, const kernels::GemmKernel& kernel) {
  kernels::WinogradConv conv;
  conv.kernel = &kernel;
  conv.size = size;
  conv.shape = g.shape;
  conv.batch = g.batch;
  conv.in_channels = g.in_per_group;
  conv.out_channels = g.out_per_group;
  return conv;
}

/// The cheapest way of filtering, if it is cheaper than a direct convolution whose products are `direct_speed` times as
/// fast as those of f32.
std::optional<Choice> choose(const LowerNode& node, const ConvGeometry& g, double direct_speed) {
  if (!applies(g)) return std::nullopt;
  const Costs costs(g, std::max(node.threads, 1));
  std::optional<Choice> best;
  double least = costs.direct() / direct_speed;
  for (const int size : kSizes) {
    const kernels::WinogradConv candidate = winograd_conv(g, size, kernels::gemm_kernel(g.out_per_group));
    const Schedule schedule = costs.winograd(candidate);
    if (schedule.cycles >= least) continue;
    least = schedule.cycles;
    best = Choice{candidate, schedule};
  }
  return best;
}

}  // namespace

bool winograd_beats(const LowerNode& node, const ConvGeometry& g, double direct_speed) {
  return !node.has(ops::kConvPixels) && choose(node, g, direct_speed).has_value();
}

namespace {

StepPtr make_winograd_step(const LowerNode& node, const kernels::WinogradConv& conv, const Schedule& schedule) {
  const Tensor* weight = node.constant(1);
  const auto epilogue = conv_epilogue(node);
  if (weight == nullptr || !epilogue) return nullptr;
  auto packed = node.weights.get(*weight, fmt::format("winograd {} {}", conv.size, conv.kernel->name),
                                 {DType::f32, {conv.packed_floats()}}, [weight = *weight, conv](void* to) {
                                   kernels::winograd_pack(conv, weight.data<float>(), static_cast<float*>(to));
                                 });
  auto zeros = Tensor::allocate(DType::f32, {conv.in_channels});
  if (!packed.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<WinogradStep>(node, conv, schedule, std::move(packed).value(), std::move(zeros).value(),
                                        *epilogue);
}

}  // namespace

std::vector<Candidate> winograd_candidates(const LowerNode& node, const ConvGeometry& g) {
  std::vector<Candidate> ways;
  if (!applies(g) || node.has(ops::kConvPixels)) return ways;
  const auto add = [&](const kernels::WinogradConv& conv, const Schedule& schedule) {
    std::string name = fmt::format("winograd {}x3 {}, {}", conv.size, conv.kernel->name,
                                   schedule.shared ? "shared" : fmt::format("blocks of {}", schedule.block));
    if (std::ranges::find(ways, name, &Candidate::name) != ways.end()) return;
    ways.push_back(
        {std::move(name), [conv, schedule](const LowerNode& n) { return make_winograd_step(n, conv, schedule); }});
  };
  const Costs costs(g, std::max(node.threads, 1));
  if (const auto best = choose(node, g, 1)) add(best->conv, best->schedule);
  if (node.tuning == nullptr) return ways;
  const kernels::GemmKernel& usual = kernels::gemm_kernel(g.out_per_group);
  for (const int size : tuned_sizes(g)) {
    const kernels::WinogradConv conv = winograd_conv(g, size, usual);
    const Schedule blocks = costs.blocks(conv);
    add(conv, blocks);
    if (size != 2 && blocks.block > usual.rows) add(conv, {ceil_div(blocks.block, 2), false, 0});
    if (const auto shared = costs.shared(conv); shared && size != 6) add(conv, *shared);
    for (const kernels::GemmKernel* kernel : kernels::gemm_kernels())
      if (kernel->columns == 32 && kernel != &usual) {
        const kernels::WinogradConv narrow = winograd_conv(g, size, *kernel);
        add(narrow, costs.blocks(narrow));
      }
  }
  return ways;
}

}  // namespace fovea::cpu
