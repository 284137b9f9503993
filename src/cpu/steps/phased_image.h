// The copy of an image that lets a convolution of any stride read rows at even distances: padding is in place, and the
// pixels that one tap sees at successive outputs lie one behind the other.
//
// With strides s_y, s_x the padded image is cut into s_y * s_x phases: pixel (y, x) lies in phase (y % s_y, x % s_x) at
// (y / s_y, x / s_x). A tap sees one phase, and there its pixels have stride 1. Output pixel (y, x) has the row
// y * pitch + x: between the outputs of one line and the next lie a few rows whose products nobody wants.
// Where the channels are few, a line of the kernel is one tap and columns are not cut into phases. Where they are many
// and products are made by tiles, pixels are cut into slices of 64 bytes, one slice of all pixels behind the other: the
// rows of a tile follow each other, and the taps of a slice read the same few lines again while they lie in the L1
// cache.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/checked.h"
#include "cpu/steps/conv_geometry.h"
#include "kernels/conv_rows.h"
#include "kernels/slices.h"
#include "kernels/word_gemm.h"

namespace fovea::cpu {

/// Whether a tap is a line of the kernel: of few channels, so that less of its words is padding.
inline bool folds_kernel_row(const ConvGeometry& g, int64_t few_channels) {
  return g.groups == 1 && g.in_per_group <= few_channels && g.shape.dilation_x == 1 && g.shape.kernel_width > 1;
}

/// Whether pixels are cut into slices: where a kernel multiplies tiles, whose rows a slice fills, and a pixel of a
/// group is several of them.
inline bool cuts_slices(const ConvGeometry& g, const kernels::WordKernel& kernel, int64_t number_bytes) {
  const int64_t bytes = g.in_per_group * number_bytes;
  return kernel.row_group > 1 && kernel.depth_words * 4 == kernels::kSliceBytes && g.shape.taps() > 1 &&
         bytes > kernels::kSliceBytes && bytes % kernels::kSliceBytes == 0;
}

/// Output lines that are computed from one copy of their part of the image, which stays in the L2 cache: all, or enough
/// of them that the lines which two parts have in common are few.
inline int64_t part_lines(const ConvGeometry& g, int64_t number_bytes) {
  const kernels::ConvShape& s = g.shape;
  constexpr int64_t kBytes = 512 << 10;
  const int64_t line_bytes = (s.in_width + 2 * s.pad_left) * g.in_channels() * number_bytes * s.stride_y;
  return std::min(s.out_height, std::max(kBytes / line_bytes, 4 * s.kernel_height));
}
inline kernels::ConvShape with_lines(kernels::ConvShape shape, int64_t lines) {
  shape.out_height = lines;
  return shape;
}

/// How a PhasedImage holds its pixels.
enum class PixelForm {
  whole,
  folded,  // a tap is a line of the kernel, of kernel_width * channels numbers; needs a horizontal dilation of 1
  sliced,
};

class PhasedImage {
 public:
  /// `channels` numbers of `number_bytes` each make a pixel, in so many groups.
  PhasedImage(const kernels::ConvShape& shape, int64_t channels, int64_t groups, int64_t number_bytes, PixelForm form)
      : s_(shape),
        pixel_bytes_(form == PixelForm::sliced ? kernels::kSliceBytes : channels * number_bytes),
        slices_(channels * number_bytes / pixel_bytes_),
        folded_(form == PixelForm::folded) {
    phases_x_ = folded_ ? 1 : s_.stride_x;
    const int64_t seen_x = (s_.out_width - 1) * s_.stride_x + (s_.kernel_width - 1) * s_.dilation_x + 1;
    const int64_t seen_y = (s_.out_height - 1) * s_.stride_y + (s_.kernel_height - 1) * s_.dilation_y + 1;
    // A whole number of rows lies between two lines, so the width is a multiple of the stride in either case.
    width_ = round_up(seen_x, s_.stride_x) / phases_x_;
    height_ = ceil_div(seen_y, s_.stride_y);
    slice_stride_ = s_.stride_y * phases_x_ * height_ * width_ * pixel_bytes_;
    // Slices of one pixel, which are written one behind the other, do not share a set of the cache.
    if (slices_ > 1) slice_stride_ = (ceil_div(slice_stride_, kernels::kSliceBytes) | 1) * kernels::kSliceBytes;
    const int64_t group_slices = form == PixelForm::sliced ? slices_ / groups : 1;
    group_stride_ = form == PixelForm::sliced ? group_slices * slice_stride_ : pixel_bytes_ / groups;
    for (int64_t slice = 0; slice < group_slices; ++slice)
      for (int64_t ky = 0; ky < s_.kernel_height; ++ky)
        for (int64_t kx = 0; kx < (folded_ ? 1 : s_.kernel_width); ++kx)
          taps_.push_back(slice * slice_stride_ + offset(ky * s_.dilation_y, kx * s_.dilation_x));
  }

  /// The taps of each slice of a group.
  const std::vector<int64_t>& tap_offsets() const { return taps_; }
  int64_t row_stride() const { return folded_ ? s_.stride_x * pixel_bytes_ : pixel_bytes_; }
  /// Rows from an output line to the next.
  int64_t pitch() const { return width_ * pixel_bytes_ / row_stride(); }
  /// What is read behind the last pixel is the caller's to provide.
  int64_t bytes() const { return slices_ * slice_stride_; }
  int64_t slices() const { return slices_; }
  int64_t slice_stride() const { return slice_stride_; }
  /// Bytes from a group's numbers to the next's.
  int64_t group_stride() const { return group_stride_; }

  /// Rows [row, row + rows) hold products of output pixels, and of what lies between two lines: wanted(line, x, pixels,
  /// i) is called for each stretch of the former, whose first is row + i.
  template <class Wanted>
  void for_pixels(int64_t row, int64_t rows, const Wanted& wanted) const {
    const int64_t step = pitch();
    for (int64_t i = 0; i < rows;) {
      const int64_t line = (row + i) / step, x = (row + i) % step, next = std::min(rows, i + step - x);
      if (x < s_.out_width) wanted(line, x, std::min(next - i, s_.out_width - x), i);
      i = next;
    }
  }

  /// Makes the copy at `to` for output lines [first, first + shape.out_height) of an image that may have more of them.
  /// blank(std::byte*, bytes) fills pixels that lie outside; copy(y, x, std::byte*, pixels, step) copies pixels of
  /// the input from (y, x) on, every step-th of them, in all slices().
  template <class Blank, class Copy>
  void fill(int64_t first, std::byte* to, const Blank& blank, const Copy& copy) const {
    for (int64_t y = 0; y < s_.stride_y * height_; ++y)
      fill_line(y, first * s_.stride_y + y - s_.pad_top, to, blank, copy);
  }

 private:
  /// Line y of the copy, which is line in_y of the input.
  template <class Blank, class Copy>
  void fill_line(int64_t y, int64_t in_y, std::byte* to, const Blank& blank, const Copy& copy) const {
    const auto blank_pixels = [&](std::byte* pixel, int64_t pixels) {
      for (int64_t slice = 0; pixels > 0 && slice < slices_; ++slice)
        blank(pixel + slice * slice_stride_, pixels * pixel_bytes_);
    };
    for (int64_t phase = 0; phase < phases_x_; ++phase) {
      std::byte* line = to + offset(y, phase);
      if (in_y < 0 || in_y >= s_.in_height) {
        blank_pixels(line, width_);
        continue;
      }
      // Pixel i of the line is column i * phases_x_ + phase of the padded image.
      const int64_t begin =
          std::clamp<int64_t>(ceil_div(std::max<int64_t>(s_.pad_left - phase, 0), phases_x_), 0, width_);
      const int64_t inside = std::max<int64_t>(s_.pad_left + s_.in_width - phase, 0);  // columns left of the right edge
      const int64_t end = std::clamp(ceil_div(inside, phases_x_), begin, width_);
      blank_pixels(line, begin);
      if (begin < end)
        copy(in_y, begin * phases_x_ + phase - s_.pad_left, line + begin * pixel_bytes_, end - begin, phases_x_);
      blank_pixels(line + end * pixel_bytes_, width_ - end);
    }
  }

  /// Of pixel (y, x) of the padded image.
  int64_t offset(int64_t y, int64_t x) const {
    const int64_t phase = y % s_.stride_y * phases_x_ + x % phases_x_;
    return ((phase * height_ + y / s_.stride_y) * width_ + x / phases_x_) * pixel_bytes_;
  }

  kernels::ConvShape s_;
  int64_t pixel_bytes_, slices_;  // of a pixel's part in a slice
  bool folded_;
  int64_t phases_x_ = 1, width_ = 0, height_ = 0;  // of a phase
  int64_t slice_stride_ = 0, group_stride_ = 0;
  std::vector<int64_t> taps_;
};

}  // namespace fovea::cpu
