// The step of fovea.Conv with a pointwise convolution in front, as at the begin of an inverted bottleneck: a few lines
// of the map between the two are made, used and overwritten while they are in the cache.
#include <algorithm>
#include <cstring>

#include "base/checked.h"
#include "base/cpu_features.h"
#include "base/error.h"
#include "cpu/steps/conv_geometry.h"
#include "cpu/steps/expanded_lines.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/steps.h"
#include "kernels/depthwise.h"

namespace fovea::cpu {
namespace {

class ExpandStep final : public Step {
 public:
  ExpandStep(const LowerNode& node, const ConvGeometry& g, Tensor weight, Tensor zeros, const ConvEpilogue& fused,
             const DenseProduct& expand, Tensor packed)
      : x_(node.in(0)),
        y_(node.out()),
        expand_bias_(node.in(5)),
        g_(g),
        weight_(std::move(weight)),
        zeros_(std::move(zeros)),
        packed_(std::move(packed)),
        fused_(fused),
        expand_(expand),
        threads_(std::max(node.threads, 1)) {
    // Lines of the map at a time: they and what is read and written beside them stay in the L2 cache.
    const kernels::ConvShape& s = g.shape;
    const int64_t line_bytes = s.row_stride * 4, overlap = s.kernel_height - s.stride_y;
    const int64_t fit = (cache_sizes().l2 / 4 / line_bytes - overlap) / s.stride_y;
    lines_ = std::clamp<int64_t>(fit, 1, s.out_height);
    map_floats_ = round_up(((lines_ - 1) * s.stride_y + s.kernel_height) * s.row_stride, 16);
  }

  Result<void> run(const Bindings& b) const override {
    const kernels::ConvShape& s = g_.shape;
    const int64_t depth = expand_.depth;
    b.pool->parallel_for(g_.batch * s.out_height, 1, [&](int64_t begin, int64_t end, int worker) {
      float* map = static_cast<float*>(b.scratch) + worker * map_floats_;
      for (int64_t r = begin; r < end;) {
        const int64_t image = r / s.out_height, line = r % s.out_height, count = std::min(end - r, s.out_height - line);
        lines(b, b.f32(x_) + image * s.in_height * s.in_width * depth, line, line + count, map,
              b.f32_mutable(y_) + image * s.out_height * s.out_width * g_.out_channels());
        r += count;
      }
    });
    return {};
  }
  std::string kernel() const override { return std::string("expand_") + expand_.kernel->name; }
  int64_t scratch_bytes() const override { return threads_ * map_floats_ * 4; }

 private:
  /// Output lines [first, last) of one image; map: room for some lines between the two.
  void lines(const Bindings& b, const float* x, int64_t first, int64_t last, float* map, float* y) const {
    const kernels::ConvShape& s = g_.shape;
    const kernels::DepthwiseConv conv{
        s, weight_.data<float>(), b.f32(fused_.bias), zeros_.data<float>(), fused_.activation, false, false};
    DenseProduct product = expand_;
    product.packed = packed_.data<float>();
    product.epilogue.bias = b.f32(expand_bias_);
    walk_expanded_lines(
        s, first, last, lines_, map,
        [&](int64_t from, int64_t count, float* to) {
          product.a = x + from * s.in_width * product.depth;
          product.rows = count * s.in_width;
          product.c = to;
          run_rows(product, 0, product.rows, 0, kernels::panel_count(*product.kernel, product.columns));
        },
        [&](const float* image, int64_t begin, int64_t end) { kernels::depthwise_lines(conv, image, begin, end, y); });
  }

  ValueId x_, y_, expand_bias_;
  ConvGeometry g_;
  Tensor weight_, zeros_, packed_;
  ConvEpilogue fused_;
  DenseProduct expand_;
  int threads_;
  int64_t lines_ = 1, map_floats_ = 0;
};

}  // namespace

StepPtr make_expand_step(const LowerNode& node) {
  const Tensor *weight = node.constant(1), *expand = node.constant(4);
  if (weight == nullptr || expand == nullptr) return nullptr;
  const auto g = expanded_geometry(node);
  const auto fused = conv_epilogue(node);
  const auto activation = fused_activation(node, "expand", "expand_alpha", "expand_beta");
  if (!g || !fused || !activation || g->in_per_group != 1 || g->out_per_group != 1 || fused->residual != kNoValue ||
      !kernels::has_depthwise_lines(g->shape))
    return nullptr;
  DenseProduct product;
  product.kernel = &kernels::gemm_kernel(g->groups);
  product.depth = product.a_stride = node.shape(0)[3];
  product.columns = product.c_stride = g->groups;
  product.epilogue.activation = *activation;
  auto packed = node.weights.get(
      *expand, fmt::format("pointwise {}", product.kernel->name),
      {DType::f32, {kernels::packed_floats(*product.kernel, product.columns, 1, product.depth)}},
      [expand = *expand, kernel = product.kernel, columns = product.columns, depth = product.depth](void* to) {
        const kernels::PackSource source{expand.data<float>(), columns, 1, depth, depth, 0, 1};
        kernels::pack_panels(*kernel, source, 0, kernels::panel_count(*kernel, columns), static_cast<float*>(to));
      });
  auto turned = depthwise_weight(node, *weight);
  auto zeros = Tensor::allocate(DType::f32, {g->groups});
  if (!packed.ok() || !turned.ok() || !zeros.ok()) return nullptr;
  return std::make_unique<ExpandStep>(node, *g, std::move(turned).value(), std::move(zeros).value(), *fused, product,
                                      std::move(packed).value());
}

}  // namespace fovea::cpu
