// Two operands that broadcast: rows in which each one walks or stands still, and a walk over the rows.
#pragma once

#include <optional>

#include "fovea/tensor.h"
#include "ops/shapes.h"

namespace fovea::cpu {

class Broadcast {
 public:
  /// nullopt where more than kMaxAxes axes are left when those that both operands walk alike have become one.
  static std::optional<Broadcast> make(const Shape& a_shape, const Shape& b_shape, const Shape& out) {
    const Shape a = ops::broadcast_strides(a_shape, out), b = ops::broadcast_strides(b_shape, out);
    Shape extents, a_strides, b_strides;
    for (size_t d = 0; d < out.size(); ++d) {
      if (out[d] == 1) continue;
      if (!extents.empty() && a_strides.back() == a[d] * out[d] && b_strides.back() == b[d] * out[d]) {
        extents.back() *= out[d];
        a_strides.back() = a[d];
        b_strides.back() = b[d];
      } else {
        extents.push_back(out[d]);
        a_strides.push_back(a[d]);
        b_strides.push_back(b[d]);
      }
    }
    if (extents.empty()) extents = a_strides = b_strides = {1};
    if (extents.size() > kMaxAxes + 1) return std::nullopt;
    Broadcast w;
    w.axes_ = extents.size() - 1;
    w.length_ = extents.back();
    w.a_repeats_ = a_strides.back() == 0;
    w.b_repeats_ = b_strides.back() == 0;
    for (size_t d = 0; d < w.axes_; ++d) {
      w.extents_[d] = extents[d];
      w.a_strides_[d] = a_strides[d];
      w.b_strides_[d] = b_strides[d];
      w.rows_ *= extents[d];
    }
    return w;
  }

  int64_t rows() const { return rows_; }
  /// Elements of a row; an operand that repeats is one number for all of them.
  int64_t length() const { return length_; }
  bool a_repeats() const { return a_repeats_; }
  bool b_repeats() const { return b_repeats_; }

  /// Calls row(r, a's offset, b's offset) for rows [begin, end).
  template <class Row>
  void visit(int64_t begin, int64_t end, Row&& row) const {
    int64_t index[kMaxAxes] = {}, rest = begin, at_a = 0, at_b = 0;
    for (size_t d = axes_; d-- > 0;) {
      index[d] = rest % extents_[d];
      rest /= extents_[d];
      at_a += index[d] * a_strides_[d];
      at_b += index[d] * b_strides_[d];
    }
    for (int64_t r = begin; r < end; ++r) {
      row(r, at_a, at_b);
      for (size_t d = axes_; d-- > 0;) {
        at_a += a_strides_[d];
        at_b += b_strides_[d];
        if (++index[d] < extents_[d]) break;
        at_a -= a_strides_[d] * extents_[d];
        at_b -= b_strides_[d] * extents_[d];
        index[d] = 0;
      }
    }
  }

 private:
  static constexpr size_t kMaxAxes = 6;
  size_t axes_ = 0;
  int64_t extents_[kMaxAxes] = {}, a_strides_[kMaxAxes] = {}, b_strides_[kMaxAxes] = {};
  int64_t rows_ = 1, length_ = 1;
  bool a_repeats_ = false, b_repeats_ = false;
};

}  // namespace fovea::cpu
