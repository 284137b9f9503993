// Steps of reductions to means, sums and Euclidean norms.
#include <algorithm>
#include <cmath>

#include "base/checked.h"
#include "cpu/steps/steps.h"
#include "kernels/bf16_rows.h"
#include "kernels/elementwise.h"
#include "ops/reduce.h"
#include "ops/shapes.h"

namespace fovea::cpu {
namespace {

constexpr int64_t kGrain = 4096;  // floats that are worth a thread

int64_t row_grain(int64_t length) { return std::max<int64_t>(1, kGrain / std::max<int64_t>(length, 1)); }

/// The extents behind each other that a reduction sees.
struct MeanForm {
  int64_t outer, reduced, inner;
  float factor;
  bool norm;  // the root of the sum of squares instead
};

std::optional<MeanForm> mean_form(const LowerNode& node) {
  if (node.inputs[0].dtype != DType::f32 || node.shape(0).empty()) return std::nullopt;
  const Shape& shape = node.shape(0);
  const auto rank = static_cast<int64_t>(shape.size());
  std::vector<int64_t> axes;
  bool mean = true;
  if (node.node.is("GlobalAveragePool")) {
    for (int64_t d = 2; d < rank; ++d) axes.push_back(d);
  } else {
    const auto* op = dynamic_cast<const ops::Reduce*>(node.op.get());
    if (op == nullptr) return std::nullopt;
    std::vector<ops::Inputs::Input> known(node.inputs.size());
    for (size_t i = 0; i < known.size(); ++i) known[i] = {node.inputs[i], node.constant(i), node.has(i)};
    auto resolved = op->resolve_axes(ops::Inputs(known, 1));
    if (!resolved.ok()) return std::nullopt;
    axes = std::move(resolved).value();
    mean = node.node.is("ReduceMean");
  }
  // Axes that lie side by side, but for those of extent 1.
  std::ranges::sort(axes);
  int64_t first = rank, last = -1;
  const auto is_reduced = [&](int64_t d) { return std::ranges::binary_search(axes, d); };
  for (int64_t d = 0; d < rank; ++d)
    if (is_reduced(d) && shape[static_cast<size_t>(d)] != 1) {
      first = std::min(first, d);
      last = d;
    }
  if (last < 0) return std::nullopt;
  for (int64_t d = first; d <= last; ++d)
    if (!is_reduced(d) && shape[static_cast<size_t>(d)] != 1) return std::nullopt;
  const int64_t reduced = ops::extent_product(shape, first, last + 1);
  return MeanForm{ops::extent_product(shape, 0, first), reduced, ops::extent_product(shape, last + 1, rank),
                  mean ? 1.0f / static_cast<float>(reduced) : 1.0f, node.node.is("ReduceL2")};
}

/// y[o, i] = factor * sum over r of x[o, r, i], or the root of the sum of squares.
class MeanStep final : public Step {
 public:
  MeanStep(const LowerNode& node, const MeanForm& form)
      : x_(node.in(0)),
        y_(node.out()),
        outer_(form.outer),
        reduced_(form.reduced),
        inner_(form.inner),
        factor_(form.factor),
        norm_(form.norm),
        narrow_(node.inputs[0].dtype == DType::bf16),
        threads_(std::max(node.threads, 1)),
        shares_rows_(inner_ > 1 && outer_ == 1 && threads_ > 1 && reduced_ * inner_ >= 2 * kGrain) {}

  Result<void> run(const Bindings& b) const override {
    const auto* x = static_cast<const std::byte*>(b.at(x_));
    float* y = b.f32_mutable(y_);
    if (shares_rows_) {
      sum_shares(x, static_cast<float*>(b.scratch), y, *b.pool);
      if (norm_) kernels::activate({kernels::ActivationKind::sqrt, 0, 0}, y, y, inner_);
      return {};
    }
    if (inner_ == 1) {
      b.pool->parallel_for(outer_, row_grain(reduced_), [&](int64_t begin, int64_t end, int) {
        for (int64_t o = begin; o < end; ++o) {
          const float* row = reinterpret_cast<const float*>(x) + o * reduced_;
          y[o] = norm_ ? std::sqrt(kernels::sum_squares(row, 0, reduced_)) : kernels::sum(row, reduced_, factor_);
        }
      });
      return {};
    }
    // Columns in stretches that fill whole lines of the cache.
    constexpr int64_t kStretch = 64;
    const int64_t stretches = (inner_ + kStretch - 1) / kStretch;
    b.pool->parallel_for(outer_ * stretches, row_grain(reduced_ * kStretch), [&](int64_t begin, int64_t end, int) {
      for (int64_t i = begin; i < end; ++i) {
        const int64_t o = i / stretches, c = i % stretches * kStretch;
        const int64_t columns = std::min(kStretch, inner_ - c);
        float* to = y + o * inner_ + c;
        sum_columns(x, o * reduced_ * inner_ + c, reduced_, columns, to);
        if (norm_) kernels::activate({kernels::ActivationKind::sqrt, 0, 0}, to, to, columns);
      }
    });
    return {};
  }
  std::string kernel() const override { return norm_ ? "norm" : "mean"; }
  int64_t scratch_bytes() const override { return shares_rows_ ? threads_ * share_floats() * 4 : 0; }

 private:
  int64_t share_floats() const { return round_up(inner_, 16); }

  /// Of x from number `from` on.
  void sum_columns(const std::byte* x, int64_t from, int64_t rows, int64_t columns, float* y) const {
    const float* wide = reinterpret_cast<const float*>(x) + from;
    if (narrow_)
      kernels::sum_rows(reinterpret_cast<const bf16*>(x) + from, rows, inner_, columns, factor_, y);
    else if (norm_)
      kernels::sum_square_rows(wide, rows, inner_, columns, y);
    else
      kernels::sum_rows(wide, rows, inner_, columns, factor_, y);
  }

  /// Each thread adds up the rows that lie in its core's cache, for it wrote them; then the sums are added.
  void sum_shares(const std::byte* x, float* sums, float* y, ThreadPool& pool) const {
    const int64_t grain = row_grain(inner_), floats = share_floats();
    pool.parallel_for(reduced_, grain, [&](int64_t begin, int64_t end, int worker) {
      sum_columns(x, begin * inner_, end - begin, inner_, sums + worker * floats);
    });
    kernels::sum_rows(sums, pool.parts(reduced_, grain), floats, inner_, 1.0f, y);
  }

  ValueId x_, y_;
  int64_t outer_, reduced_, inner_;
  float factor_;
  bool norm_, narrow_;
  int threads_;
  bool shares_rows_;
};

}  // namespace

NarrowPorts mean_ports(const LowerNode& node) {
  const auto form = node.node.is("ReduceMean") ? mean_form(as_f32(node)) : std::nullopt;
  return form && form->inner > 1 ? NarrowPorts{1, false} : NarrowPorts{};
}

StepPtr make_mean_step(const LowerNode& node) {
  const auto form = mean_form(as_f32(node));
  if (!form || node.outputs[0].dtype != DType::f32 ||
      (node.inputs[0].dtype == DType::bf16 && mean_ports(node).inputs == 0))
    return nullptr;
  return std::make_unique<MeanStep>(node, *form);
}

}  // namespace fovea::cpu
