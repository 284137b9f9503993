// Steps of linear layers and pointwise convolutions with products in bf16: rows are rounded as they are staged for a
// block; sums and all that follows them are f32.
#include <cstring>

#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/linear_form.h"
#include "cpu/steps/narrow_weight.h"
#include "cpu/steps/steps.h"
#include "cpu/steps/word_run.h"
#include "kernels/finish.h"

namespace fovea::cpu {
namespace {

class Bf16LinearStep final : public Step {
 public:
  Bf16LinearStep(const LowerNode& node, const LinearForm& form, const RowGrid& grid, const kernels::WordKernel& kernel,
                 Tensor packed)
      : a_(node.in(0)),
        y_(node.out()),
        form_(form),
        grid_(grid),
        narrow_a_(node.inputs[0].dtype == DType::bf16),
        narrow_residual_(form.residual != kNoValue && node.inputs[3].dtype == DType::bf16),
        narrow_y_(node.outputs[0].dtype == DType::bf16),
        kernel_(kernel),
        packed_(std::move(packed)),
        rows_(element_count(node.out_shape()) / form.columns),
        words_(kernels::tap_words(kernel, form.depth)),
        dense_(grid.dense(form.depth)),
        in_place_(dense_ && narrow_a_ && words_ * 4 == form.depth * 2),
        stride_(in_place_ || (dense_ && form.depth * 2 <= kDenseBytes) ? form.depth * 2 : staged_stride(words_)),
        block_(word_block_rows(kernel, rows_, stride_)),
        panels_(kernels::panel_count(kernel, form.columns)),
        // Behind the last row, whole words of the panel are read, whose weights are zero there.
        staged_bytes_(in_place_ ? 0 : round_up(kernels::padded_rows(kernel, block_) * stride_ + words_ * 4, 64)),
        worker_bytes_(staged_bytes_ + sums_bytes(kernel, block_)),
        threads_(std::max(node.threads, 1)) {}

  Result<void> run(const Bindings& b) const override {
    const Operands o = operands(b);
    const auto scratch = [&](int worker) { return static_cast<std::byte*>(b.scratch) + worker * worker_bytes_; };
    const int64_t tiles = ceil_div(rows_, 16), macs = form_.depth * form_.columns;
    constexpr int64_t kGrainMacs = 1 << 19;  // multiply-adds that are worth a thread
    const WordWork work{tiles,
                        panels_,
                        rows_ * form_.depth * (narrow_a_ ? 2 : 4),
                        panels_ * kernel_.columns * words_ * 4,
                        rows_ * form_.columns * (narrow_y_ ? 2 : 4),
                        rows_ * macs};
    if (share_word_rows(kernel_, work, b.pool->size())) {
      b.pool->parallel_for(tiles, std::max<int64_t>(1, kGrainMacs / (16 * macs)),
                           [&](int64_t begin, int64_t end, int worker) {
                             multiply(o, rows_ * begin / tiles, rows_ * end / tiles, 0, panels_, scratch(worker));
                           });
    } else {
      const int64_t grain = std::max<int64_t>(1, kGrainMacs * panels_ / (rows_worth(rows_) * macs));
      b.pool->parallel_for(panels_, grain, [&](int64_t begin, int64_t end, int worker) {
        multiply(o, 0, rows_, begin, end, scratch(worker));
      });
    }
    return {};
  }
  std::string kernel() const override { return kernel_.name; }
  int64_t scratch_bytes() const override { return threads_ * worker_bytes_; }
  int64_t overread_bytes() const override { return in_place_ ? (kernel_.row_group - 1) * stride_ : 0; }
  // Each element of a residual is read right before its place is written. Reading a row waits for the store of the one
  // before where a vector reaches into it.
  bool may_overwrite(size_t input) const override {
    return form_.residual != kNoValue && input == 3 && (!narrow_y_ || form_.columns >= kernel_.columns);
  }

 private:
  struct Operands {
    const std::byte* a;
    const float* bias;
    kernels::RowsIn residual;
    kernels::RowsOut y;
  };
  Operands operands(const Bindings& b) const {
    return {static_cast<const std::byte*>(b.at(a_)),
            b.f32(form_.bias),
            rows_in(b, form_.residual, form_.columns, narrow_residual_),
            {static_cast<std::byte*>(b.at_mutable(y_)), form_.columns, narrow_y_}};
  }

  void multiply(const Operands& o, int64_t begin, int64_t end, int64_t first, int64_t last, std::byte* scratch) const {
    static constexpr int64_t kOneTap[] = {0};
    for (int64_t m = begin; m < end; m += block_) {
      const int64_t count = std::min(block_, end - m);
      kernels::WordBlock block;
      block.a = in_place_ ? o.a + m * stride_ : scratch;
      block.a_stride = stride_;
      block.tap_offsets = kOneTap;
      block.words = words_;
      block.rows = count;
      if (!in_place_) stage(o.a, m, count, scratch);
      kernels::WordEnd made;
      made.finish.bias = o.bias;
      made.finish.residual = o.residual.at(m, 0);
      made.finish.residual_last = form_.residual_last;
      made.finish.activation = form_.activation;
      made.y = o.y.at(m, 0);
      made.columns = form_.columns;
      multiply_words(kernel_, block, packed_.data<uint32_t>(), first, last, scratch + staged_bytes_, made);
    }
  }

  void stage(const std::byte* a, int64_t first, int64_t count, std::byte* to) const {
    const int64_t row_bytes = form_.depth * 2;
    if (dense_ && stride_ == row_bytes) {
      copy(a, grid_.offset(first), count * form_.depth, to);
      std::fill_n(to + count * row_bytes, words_ * 4, std::byte{0});
      return;
    }
    for (int64_t i = 0; i < count; ++i, to += stride_) {
      copy(a, grid_.offset(first + i), form_.depth, to);
      std::fill(to + row_bytes, to + words_ * 4, std::byte{0});
    }
  }

  void copy(const std::byte* a, int64_t from, int64_t numbers, std::byte* to) const {
    if (narrow_a_)
      std::memcpy(to, a + from * 2, static_cast<size_t>(numbers) * 2);
    else
      kernel_.narrow(reinterpret_cast<const float*>(a) + from, numbers, reinterpret_cast<bf16*>(to));
  }

  ValueId a_, y_;
  LinearForm form_;
  RowGrid grid_;
  bool narrow_a_, narrow_residual_, narrow_y_;
  const kernels::WordKernel& kernel_;
  Tensor packed_;
  int64_t rows_, words_;
  bool dense_, in_place_;  // rows that follow each other; that are read where they are
  int64_t stride_, block_, panels_, staged_bytes_, worker_bytes_;
  int threads_;
};

/// A narrow weight as panels of bf16. Widening is as much work as many rows' products of bf16, so it is done once.
Result<Tensor> widened_words(const LowerNode& node, const LinearForm& form, const kernels::WordKernel& kernel) {
  const PackedNarrow narrow = FOVEA_TRY(pack_narrow_weight(node, form, kernel.columns));
  const int64_t panels = kernels::panel_count(kernel, form.columns);
  return node.weights.derive(
      narrow.numbers, {narrow.scales, narrow.zeros},
      fmt::format("{} of narrow, blocks of {}, zero {}", kernel.name, narrow.panels.block, narrow.panels.zero),
      {DType::u32, {panels * kernels::panel_words(kernel, 1, form.depth)}}, [&kernel, panels, narrow](void* to) {
        const int64_t columns = kernel.columns, depth = narrow.panels.depth;
        std::vector<float> wide(static_cast<size_t>(depth * columns));
        for (int64_t p = 0; p < panels; ++p) {
          kernels::widen_panel(narrow.panels, p, 0, depth, wide.data());
          const kernels::WordSource<float> source{wide.data(), columns, 1, depth, 1, 0, columns};
          kernels::pack_words(kernel, source, 0, 1,
                              static_cast<uint32_t*>(to) + p * kernels::panel_words(kernel, 1, depth));
        }
      });
}

StepPtr make_step_of(const LowerNode& node, const LinearForm& form, const RowGrid& grid) {
  const kernels::WordKernel* kernel = kernels::bf16_kernel();
  if (node.precision != Precision::bf16 || kernel == nullptr) return nullptr;
  const int64_t panels = kernels::panel_count(*kernel, form.columns);
  if (is_narrow(form)) {
    auto words = widened_words(node, form, *kernel);
    if (!words.ok()) return nullptr;
    return std::make_unique<Bf16LinearStep>(node, form, grid, *kernel, std::move(words).value());
  }
  auto packed = node.weights.get(*form.weight, fmt::format("{} {}", kernel->name, form.transposed),
                                 {DType::u32, {panels * kernels::panel_words(*kernel, 1, form.depth)}},
                                 [kernel, panels, weight = *form.weight, columns = form.columns, depth = form.depth,
                                  transposed = form.transposed](void* to) {
                                   const kernels::WordSource<float> source{
                                       weight.data<float>(),    columns, 1, depth, transposed ? depth : 1, 0,
                                       transposed ? 1 : columns};
                                   kernels::pack_words(*kernel, source, 0, panels, static_cast<uint32_t*>(to));
                                 });
  if (!packed.ok()) return nullptr;
  return std::make_unique<Bf16LinearStep>(node, form, grid, *kernel, std::move(packed).value());
}

}  // namespace

StepPtr make_bf16_linear_step(const LowerNode& node) {
  const auto form = linear_form(as_f32(node));
  if (!form) return nullptr;
  return make_step_of(node, *form, {1, element_count(node.out_shape()) / form->columns, 0, 0, form->depth});
}

NarrowPorts bf16_linear_ports(const LowerNode& node) {
  const auto form = linear_form(node);
  if (!form) return {};
  // The residual stream of a transformer, which norms read, keeps its precision.
  return {0b1, form->residual == kNoValue};
}

StepPtr make_bf16_pointwise_step(const LowerNode& node, const ConvGeometry& g, const ConvEpilogue& fused) {
  const kernels::ConvShape& s = g.shape;
  if (s.taps() != 1 || g.groups != 1 || s.pad_top != 0 || s.pad_left != 0 ||
      (s.out_height - 1) * s.stride_y >= s.in_height || (s.out_width - 1) * s.stride_x >= s.in_width)
    return nullptr;
  const int64_t channels = g.in_per_group, image = s.in_height * s.in_width * channels;
  LinearForm form;
  form.weight = node.constant(1);
  form.transposed = true;
  form.depth = channels;
  form.columns = g.out_per_group;
  form.bias = fused.bias;
  form.residual = fused.residual;
  form.residual_last = fused.residual_last;
  form.activation = fused.activation;
  return make_step_of(node, form,
                      {s.out_height, s.out_width, image, s.stride_y * s.in_width * channels, s.stride_x * channels});
}

}  // namespace fovea::cpu
