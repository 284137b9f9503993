// The step of fovea.Conv with a pointwise convolution in front (steps/expand.cc) with products in bf16: the map between
// the two is kept in bf16, a few lines at a time.
#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/expanded_lines.h"
#include "cpu/steps/steps.h"
#include "cpu/steps/word_run.h"
#include "kernels/depthwise.h"
#include "kernels/finish.h"

namespace fovea::cpu {
namespace {

struct ExpandForm {
  ConvGeometry g;  // of the depthwise convolution
  ConvEpilogue fused;
  kernels::Activation activation;  // of the pointwise one
  int64_t depth;                   // input channels
};

std::optional<ExpandForm> expand_form(const LowerNode& node) {
  if (node.constant(1) == nullptr || node.constant(4) == nullptr) return std::nullopt;
  const auto g = expanded_geometry(as_f32(node));
  const auto fused = conv_epilogue(node);
  const auto activation = fused_activation(node, "expand", "expand_alpha", "expand_beta");
  if (!g || !fused || !activation || g->in_per_group != 1 || g->out_per_group != 1 || fused->residual != kNoValue ||
      !kernels::has_depthwise_lines(g->shape) || g->groups < kernels::kLeastNarrow)
    return std::nullopt;
  return ExpandForm{*g, *fused, *activation, node.shape(0)[3]};
}

class Bf16ExpandStep final : public Step {
 public:
  Bf16ExpandStep(const LowerNode& node, const ExpandForm& form, const kernels::WordKernel& kernel, Tensor weight,
                 Tensor zeros, Tensor packed)
      : x_(node.in(0)),
        y_(node.out()),
        expand_bias_(node.in(5)),
        form_(form),
        kernel_(kernel),
        weight_(std::move(weight)),
        zeros_(std::move(zeros)),
        packed_(std::move(packed)),
        narrow_x_(node.inputs[0].dtype == DType::bf16),
        narrow_y_(node.outputs[0].dtype == DType::bf16),
        words_(kernels::tap_words(kernel, form.depth)),
        stride_(form.depth * 2 <= kDenseBytes && form.depth % 2 == 0 ? form.depth * 2 : staged_stride(words_)),
        panels_(kernels::panel_count(kernel, form.g.groups)),
        threads_(std::max(node.threads, 1)) {
    // Lines of the map at a time: they and what is read and written beside them stay in the L2 cache.
    const kernels::ConvShape& s = form.g.shape;
    const int64_t line_bytes = s.row_stride * 2, overlap = s.kernel_height - s.stride_y;
    const int64_t fit = (cache_sizes().l2 / 4 / line_bytes - overlap) / s.stride_y;
    lines_ = std::clamp<int64_t>(fit, 1, s.out_height);
    const int64_t map_lines = (lines_ - 1) * s.stride_y + s.kernel_height;
    map_bytes_ = round_up(map_lines * line_bytes, 64);
    block_ = word_block_rows(kernel, map_lines * s.in_width, stride_);
    // Behind the last row, whole words of the panel are read, whose weights are zero there.
    staged_bytes_ = round_up(kernels::padded_rows(kernel, block_) * stride_ + words_ * 4, 64);
    worker_bytes_ = map_bytes_ + staged_bytes_ + sums_bytes(kernel, block_);
  }

  Result<void> run(const Bindings& b) const override {
    const kernels::ConvShape& s = form_.g.shape;
    const int64_t x_bytes = narrow_x_ ? 2 : 4, y_bytes = narrow_y_ ? 2 : 4;
    b.pool->parallel_for(form_.g.batch * s.out_height, 1, [&](int64_t begin, int64_t end, int worker) {
      std::byte* room = static_cast<std::byte*>(b.scratch) + worker * worker_bytes_;
      std::fill_n(room + map_bytes_, staged_bytes_, std::byte{0});
      for (int64_t r = begin; r < end;) {
        const int64_t image = r / s.out_height, line = r % s.out_height, count = std::min(end - r, s.out_height - line);
        lines(b, static_cast<const std::byte*>(b.at(x_)) + image * s.in_height * s.in_width * form_.depth * x_bytes,
              line, line + count, room,
              static_cast<std::byte*>(b.at_mutable(y_)) +
                  image * s.out_height * s.out_width * form_.g.out_channels() * y_bytes);
        r += count;
      }
    });
    return {};
  }
  std::string kernel() const override { return std::string("expand_") + kernel_.name; }
  int64_t scratch_bytes() const override { return threads_ * worker_bytes_; }

 private:
  /// Output lines [first, last) of one image; room: of this worker.
  void lines(const Bindings& b, const std::byte* x, int64_t first, int64_t last, std::byte* room, std::byte* y) const {
    const kernels::ConvShape& s = form_.g.shape;
    const kernels::DepthwiseConv conv{
        s,        weight_.data<float>(), b.f32(form_.fused.bias), zeros_.data<float>(), form_.fused.activation, true,
        narrow_y_};
    walk_expanded_lines(
        s, first, last, lines_, reinterpret_cast<bf16*>(room),
        [&](int64_t from, int64_t count, bf16* to) {
          expand(x, b.f32(expand_bias_), from * s.in_width, count * s.in_width, room + map_bytes_, to);
        },
        [&](const bf16* image, int64_t begin, int64_t end) { kernels::depthwise_lines(conv, image, begin, end, y); });
  }

  /// `count` pixels of the map from pixel `first` of the image on.
  void expand(const std::byte* x, const float* bias, int64_t first, int64_t count, std::byte* staged, bf16* map) const {
    static constexpr int64_t kOneTap[] = {0};
    const int64_t channels = form_.g.groups;
    for (int64_t done = 0; done < count; done += block_) {
      kernels::WordBlock block;
      block.a = staged;
      block.a_stride = stride_;
      block.tap_offsets = kOneTap;
      block.words = words_;
      block.rows = std::min(block_, count - done);
      stage(x, first + done, block.rows, staged);
      kernels::WordEnd made;
      made.finish.bias = bias;
      made.finish.activation = form_.activation;
      made.y = {reinterpret_cast<std::byte*>(map + done * channels), channels, true};
      made.columns = channels;
      multiply_words(kernel_, block, packed_.data<uint32_t>(), 0, panels_, staged + staged_bytes_, made);
    }
  }

  void stage(const std::byte* x, int64_t first, int64_t count, std::byte* to) const {
    const int64_t depth = form_.depth;
    const auto copy = [&](int64_t row, int64_t numbers, std::byte* at) {
      if (narrow_x_)
        std::memcpy(at, x + row * depth * 2, static_cast<size_t>(numbers) * 2);
      else
        kernel_.narrow(reinterpret_cast<const float*>(x) + row * depth, numbers, reinterpret_cast<bf16*>(at));
    };
    if (stride_ == depth * 2)
      copy(first, count * depth, to);
    else
      for (int64_t i = 0; i < count; ++i) copy(first + i, depth, to + i * stride_);
    // The last row is read up to whole words: what another block left there may be no number.
    std::fill_n(to + (count - 1) * stride_ + depth * 2, words_ * 4, std::byte{0});
  }

  ValueId x_, y_, expand_bias_;
  ExpandForm form_;
  const kernels::WordKernel& kernel_;
  Tensor weight_, zeros_, packed_;
  bool narrow_x_, narrow_y_;
  int64_t words_, stride_, panels_;
  int threads_;
  int64_t lines_ = 1, block_ = 1, map_bytes_ = 0, staged_bytes_ = 0, worker_bytes_ = 0;
};

}  // namespace

NarrowPorts bf16_expand_ports(const LowerNode& node) {
  return expand_form(node) ? NarrowPorts{1, true} : NarrowPorts{};
}

StepPtr make_bf16_expand_step(const LowerNode& node) {
  const kernels::WordKernel* kernel = kernels::bf16_kernel();
  const auto form = expand_form(node);
  if (node.precision != Precision::bf16 || kernel == nullptr || !form) return nullptr;
  const Tensor& expand = *node.constant(4);
  const int64_t columns = form->g.groups, depth = form->depth, panels = kernels::panel_count(*kernel, columns);
  auto packed =
      node.weights.get(expand, fmt::format("pointwise {}", kernel->name),
                       {DType::u32, {panels * kernels::panel_words(*kernel, 1, depth)}},
                       [kernel, panels, columns, depth, weight = expand](void* to) {
                         const kernels::WordSource<float> source{weight.data<float>(), columns, 1, depth, depth, 0, 1};
                         kernels::pack_words(*kernel, source, 0, panels, static_cast<uint32_t*>(to));
                       });
  auto turned = depthwise_weight(node, *node.constant(1));
  auto zeros = Tensor::allocate(DType::f32, {columns});
  if (!packed.ok() || !turned.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<Bf16ExpandStep>(node, *form, *kernel, std::move(turned).value(), std::move(zeros).value(),
                                          std::move(packed).value());
}

}  // namespace fovea::cpu
