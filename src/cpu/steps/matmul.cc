// Steps of matrix products of two computed f32 operands, as in attention: the right one is packed on the way.
#include "ops/matmul.h"

#include <algorithm>
#include <vector>

#include "base/checked.h"
#include "cpu/steps/gemm_run.h"
#include "cpu/steps/steps.h"

namespace fovea::cpu {
namespace {

class MatMulStep final : public Step {
 public:
  MatMulStep(const LowerNode& node, const ops::MatMulGeometry& g)
      : kernel_(kernels::gemm_kernel(g.columns)),
        a_(node.in(0)),
        b_(node.in(1)),
        y_(node.out()),
        rows_(g.rows),
        depth_(g.inner),
        columns_(g.columns),
        threads_(node.threads) {
    // Offsets of both operands for each product of the batch.
    const int64_t count = element_count(g.batch);
    std::vector<int64_t> index(g.batch.size(), 0);
    for (int64_t n = 0; n < count; ++n) {
      int64_t a = 0, b = 0;
      for (size_t d = 0; d < index.size(); ++d) {
        a += index[d] * g.a_strides[d];
        b += index[d] * g.b_strides[d];
      }
      offsets_.push_back({a, b});
      for (size_t d = index.size(); d-- > 0;) {
        if (++index[d] < g.batch[d]) break;
        index[d] = 0;
      }
    }
    packed_floats_ = round_up(kernels::packed_floats(kernel_, columns_, 1, depth_), 16);
  }

  Result<void> run(const Bindings& bindings) const override {
    const float *a = bindings.f32(a_), *b = bindings.f32(b_);
    float* y = bindings.f32_mutable(y_);
    auto* scratch = static_cast<float*>(bindings.scratch);
    const auto batch = static_cast<int64_t>(offsets_.size());
    ThreadPool& pool = *bindings.pool;
    const int64_t panels = kernels::panel_count(kernel_, columns_);
    const auto product = [&](int64_t n, const float* packed) {
      DenseProduct p;
      p.kernel = &kernel_;
      p.a = a + offsets_[static_cast<size_t>(n)].a;
      p.rows = rows_;
      p.depth = p.a_stride = depth_;
      p.packed = packed;
      p.columns = p.c_stride = columns_;
      p.c = y + n * rows_ * columns_;
      return p;
    };
    const auto source = [&](int64_t n) {
      return kernels::PackSource{b + offsets_[static_cast<size_t>(n)].b, columns_, 1, depth_, 1, 0, columns_};
    };
    if (batch >= pool.size()) {  // whole products to each thread, packed in its own part of the scratch memory
      pool.parallel_for(batch, 1, [&](int64_t begin, int64_t end, int worker) {
        float* packed = scratch + worker * packed_floats_;
        for (int64_t n = begin; n < end; ++n) {
          if (n == begin || offsets_[static_cast<size_t>(n)].b != offsets_[static_cast<size_t>(n - 1)].b)
            kernels::pack_panels(kernel_, source(n), 0, panels, packed);
          run_rows(product(n, packed), 0, rows_, 0, panels);
        }
      });
      return {};
    }
    for (int64_t n = 0; n < batch; ++n) {
      pool.parallel_for(panels, 4, [&](int64_t begin, int64_t end, int) {
        kernels::pack_panels(kernel_, source(n), begin, end, scratch);
      });
      run_product(product(n, scratch), pool);
    }
    return {};
  }
  std::string kernel() const override { return kernel_.name; }
  int64_t scratch_bytes() const override { return packed_floats_ * 4 * std::max(threads_, 1); }

 private:
  struct Offsets {
    int64_t a, b;
  };
  const kernels::GemmKernel& kernel_;
  ValueId a_, b_, y_;
  int64_t rows_, depth_, columns_, packed_floats_ = 0;
  int threads_;
  std::vector<Offsets> offsets_;
};

}  // namespace

StepPtr make_matmul_step(const LowerNode& node) {
  if (!all_f32(node)) return nullptr;
  const auto geometry = ops::resolve_matmul(node.shape(0), node.shape(1));
  if (!geometry.ok() || geometry->rows == 0 || geometry->columns == 0 || geometry->inner == 0) return nullptr;
  constexpr int64_t kMostProducts = 1 << 20;  // each has an entry in a table
  if (element_count(geometry->batch) > kMostProducts) return nullptr;
  return std::make_unique<MatMulStep>(node, *geometry);
}

}  // namespace fovea::cpu
