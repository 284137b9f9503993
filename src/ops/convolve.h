// The reference kernel of all convolutions: element by element of the kernel, along contiguous rows.
#pragma once

#include <algorithm>
#include <vector>

#include "base/checked.h"
#include "ops/conv.h"

namespace fovea::ops {

/// Sums planes of a convolution or of a transposed one in the wide type C. Both visit the same pairs of positions and
/// differ in which of the two is the input: a position n of the narrow side (the output of a convolution) belongs to
/// position n * stride + shift of the wide side, with a shift for each element of the kernel.
/// Precondition: no extent of the geometry is 0.
template <class C, bool kTransposed = false>
class Convolver {
 public:
  explicit Convolver(const ConvGeometry& geometry) : g_(geometry) {
    for (const WindowAxis& axis : merged(g_.window)) axes_.emplace_back(axis);
    for (size_t i = axes_.size(); i-- > 0;) {
      axes_[i].inner_x = x_plane_;
      axes_[i].inner_y = y_plane_;
      axes_[i].inner_taps = taps_;
      x_plane_ *= axes_[i].input;
      y_plane_ *= axes_[i].output;
      taps_ *= static_cast<int64_t>(axes_[i].taps.size());
    }
  }

  /// Elements of an output plane.
  int64_t plane() const { return y_plane_; }

  /// Adds output channel `channel` of image `image` to the plane `y`.
  void add_channel(int64_t image, int64_t channel, const C* x, const C* w, C* y) const {
    const int64_t group = channel / g_.out_per_group, out = channel % g_.out_per_group;
    for (int64_t i = 0; i < g_.in_per_group; ++i) {
      const int64_t in = group * g_.in_per_group + i;
      const int64_t kernel = kTransposed ? in * g_.out_per_group + out : channel * g_.in_per_group + i;
      add_axis(0, w + kernel * taps_, x + (image * g_.in_channels() + in) * x_plane_, y);
    }
  }

 private:
  struct Tap {
    int64_t first, last;  // the narrow positions whose wide position exists
    int64_t shift;
  };
  struct Axis {
    int64_t input, output, stride;
    int64_t inner_x = 1, inner_y = 1, inner_taps = 1;  // elements for one step along this axis
    std::vector<Tap> taps;                             // for each element of the kernel

    explicit Axis(const WindowAxis& a) : input(a.input), output(a.output), stride(a.stride) {
      const int64_t wide = kTransposed ? a.output : a.input, narrow = kTransposed ? a.input : a.output;
      for (int64_t k = 0; k < a.kernel; ++k) {
        const int64_t shift = k * a.dilation - a.pad_begin;
        const int64_t first = shift < 0 ? ceil_div(-shift, stride) : 0;
        const int64_t last = shift < wide ? ceil_div(wide - shift, stride) : 0;
        taps.push_back({first, std::min(last, narrow), shift});
      }
    }
  };

  /// Neighbouring axes that change nothing become one, so that the rows of a 1x1 convolution are whole planes.
  static Window merged(const Window& window) {
    Window result;
    for (const WindowAxis& axis : window)
      if (!result.empty() && result.back().trivial() && axis.trivial()) {
        result.back().input *= axis.input;
        result.back().output *= axis.output;
      } else {
        result.push_back(axis);
      }
    return result;
  }

  void add_axis(size_t depth, const C* w, const C* x, C* y) const {
    const Axis& axis = axes_[depth];
    for (const Tap& tap : axis.taps) {
      if (depth + 1 == axes_.size())
        add_row(tap, axis.stride, *w, x, y);
      else
        for (int64_t n = tap.first; n < tap.last; ++n) {
          const int64_t wide = n * axis.stride + tap.shift;
          add_axis(depth + 1, w, x + (kTransposed ? n : wide) * axis.inner_x,
                   y + (kTransposed ? wide : n) * axis.inner_y);
        }
      w += axis.inner_taps;
    }
  }

  static void add_row(const Tap& tap, int64_t stride, C w, const C* __restrict x, C* __restrict y) {
    const auto wide = [&](int64_t n) { return n * stride + tap.shift; };
    if constexpr (kTransposed)
      for (int64_t n = tap.first; n < tap.last; ++n) y[wide(n)] += w * x[n];
    else if (stride == 1)
      for (int64_t n = tap.first; n < tap.last; ++n) y[n] += w * x[n + tap.shift];
    else
      for (int64_t n = tap.first; n < tap.last; ++n) y[n] += w * x[wide(n)];
  }

  const ConvGeometry& g_;
  std::vector<Axis> axes_;
  int64_t x_plane_ = 1, y_plane_ = 1, taps_ = 1;
};

}  // namespace fovea::ops
