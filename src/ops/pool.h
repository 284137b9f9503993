// ONNX MaxPool, AveragePool, LpPool and their global forms: attributes and geometry.
#pragma once

#include <span>

#include "ops/operator.h"
#include "ops/window.h"

namespace fovea::ops {

/// Maximum over each window, padding left out. The second output holds the flat index of each maximum in X, counted
/// row-major, or column-major within the spatial axes where `column_major`.
struct MaxPool final : Operator {
  WindowAttributes window;
  bool column_major;

  MaxPool(WindowAttributes window_, bool column_major_) : window(std::move(window_)), column_major(column_major_) {}
  /// Precondition: rank at least 3.
  Result<Window> resolve(std::span<const int64_t> x) const { return resolve_window(window, x.subspan(2)); }
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// Mean over each window; padding counts (as zeros) where `count_include_pad`, what lies beyond it never does.
struct AveragePool final : Operator {
  WindowAttributes window;
  bool count_include_pad;

  AveragePool(WindowAttributes window_, bool count_include_pad_)
      : window(std::move(window_)), count_include_pad(count_include_pad_) {}
  Result<Window> resolve(std::span<const int64_t> x) const { return resolve_window(window, x.subspan(2)); }
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// The p-norm of each window: (sum |x|^p)^(1/p).
struct LpPool final : Operator {
  WindowAttributes window;
  double p;

  LpPool(WindowAttributes window_, double p_) : window(std::move(window_)), p(p_) {}
  Result<Window> resolve(std::span<const int64_t> x) const { return resolve_window(window, x.subspan(2)); }
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

/// One value for each image and channel, with spatial extents 1.
struct GlobalPool final : Operator {
  enum class Kind { average, max, lp };
  Kind kind;
  double p;  // of lp

  explicit GlobalPool(Kind kind_, double p_ = 2) : kind(kind_), p(p_) {}
  Result<Types> infer(const Inputs& in) const override;
  Result<void> compute(Args in, Outs out) const override;
};

}  // namespace fovea::ops
