#include "kernels/spatial.h"

#include <algorithm>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/conv_rows.h"
#include "kernels/test_numbers.h"

namespace fovea::kernels {
namespace {

/// A random window over a random image; every window sees at least one pixel.
ConvShape random_shape(std::mt19937& random, int64_t channels) {
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  ConvShape s;
  s.kernel_height = pick(1, 5), s.kernel_width = pick(1, 5);
  s.dilation_y = pick(1, 2), s.dilation_x = pick(1, 2);
  s.stride_y = pick(1, 3), s.stride_x = pick(1, 3);
  const int64_t reach_y = (s.kernel_height - 1) * s.dilation_y, reach_x = (s.kernel_width - 1) * s.dilation_x;
  s.in_height = pick(reach_y + 1, reach_y + 9), s.in_width = pick(reach_x + 1, reach_x + 9);
  s.pad_top = s.kernel_height / 2, s.pad_left = s.kernel_width / 2;
  s.out_height = (s.in_height + 2 * s.pad_top - reach_y - 1) / s.stride_y + 1;
  s.out_width = (s.in_width + 2 * s.pad_left - reach_x - 1) / s.stride_x + 1;
  s.pixel_stride = channels;
  s.row_stride = s.in_width * channels;
  return s;
}

/// The input pixel that output pixel i sees at tap t; nullptr in the padding.
const float* seen(const ConvShape& s, const float* x, int64_t i, int64_t t) {
  const int64_t y = i / s.out_width * s.stride_y - s.pad_top + t / s.kernel_width * s.dilation_y;
  const int64_t c = i % s.out_width * s.stride_x - s.pad_left + t % s.kernel_width * s.dilation_x;
  if (y < 0 || y >= s.in_height || c < 0 || c >= s.in_width) return nullptr;
  return x + y * s.row_stride + c * s.pixel_stride;
}

TEST(ConvRows, PointAtWhatEachTapSees) {
  std::mt19937 random(1);
  const float outside = 0;
  for (int round = 0; round < 300; ++round) {
    const ConvShape s = random_shape(random, 3);
    const std::vector<float> x(static_cast<size_t>(s.in_height * s.row_stride));
    const int64_t first = static_cast<int64_t>(random()) % s.pixels(), count = s.pixels() - first;
    std::vector<const float*> rows(static_cast<size_t>(s.taps() * count));
    conv_rows(s, x.data(), &outside, first, count, rows.data(), count);
    for (int64_t t = 0; t < s.taps(); ++t)
      for (int64_t i = 0; i < count; ++i) {
        const float* expected = seen(s, x.data(), first + i, t);
        ASSERT_EQ(rows[static_cast<size_t>(t * count + i)], expected ? expected : &outside);
      }
  }
}

TEST(Spatial, DepthwiseConvolutionAndPoolsMatchPlainLoops) {
  std::mt19937 random(2);
  for (int64_t channels : {1, 3, 8, 16, 21, 40})
    for (int round = 0; round < 20; ++round) {
      const ConvShape s = random_shape(random, channels);
      const auto x = random_floats(s.in_height * s.row_stride, 3);
      const auto weight = random_floats(s.taps() * channels, 4), bias = random_floats(channels, 5);
      const std::vector<float> zeros(static_cast<size_t>(channels), 0.0f);
      const int64_t pixels = s.pixels();
      const auto size = static_cast<size_t>(pixels * channels);
      std::vector<const float*> rows(static_cast<size_t>(s.taps() * pixels)), inner(rows.size());
      std::vector<int64_t> inside(static_cast<size_t>(pixels));
      conv_rows(s, x.data(), zeros.data(), 0, pixels, rows.data(), pixels);
      pool_rows(s, x.data(), 0, pixels, inner.data(), pixels, inside.data());
      std::vector<float> conv(size), largest(size), mean(size), factor(static_cast<size_t>(pixels));
      for (size_t i = 0; i < factor.size(); ++i) factor[i] = 1.0f / static_cast<float>(inside[i]);
      depthwise_rows({rows.data(),
                      pixels,
                      s.taps(),
                      channels,
                      pixels,
                      weight.data(),
                      bias.data(),
                      {ActivationKind::relu, 0, 0},
                      conv.data(),
                      channels});
      max_rows(inner.data(), pixels, s.taps(), channels, pixels, false, largest.data());
      mean_rows(rows.data(), pixels, s.taps(), channels, pixels, factor.data(), false, mean.data());
      for (int64_t i = 0; i < pixels; ++i)
        for (int64_t c = 0; c < channels; ++c) {
          double sum = bias[static_cast<size_t>(c)], total = 0, most = -1e30;
          for (int64_t t = 0; t < s.taps(); ++t)
            if (const float* p = seen(s, x.data(), i, t)) {
              sum += static_cast<double>(p[c]) * weight[static_cast<size_t>(t * channels + c)];
              total += p[c];
              most = std::max(most, static_cast<double>(p[c]));
            }
          const auto at = static_cast<size_t>(i * channels + c);
          ASSERT_NEAR(conv[at], std::max(sum, 0.0), 1e-5);
          ASSERT_EQ(largest[at], static_cast<float>(most));
          ASSERT_NEAR(mean[at], total / static_cast<double>(inside[static_cast<size_t>(i)]), 1e-6);
        }
    }
}

}  // namespace
}  // namespace fovea::kernels
