#include "kernels/depthwise.h"

#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "fovea/dtype.h"
#include "kernels/test_numbers.h"

namespace fovea::kernels {
namespace {

double act(double x, ActivationKind kind) {
  switch (kind) {
    case ActivationKind::relu: return std::max(x, 0.0);
    case ActivationKind::hard_swish: return x * std::min(1.0, std::max(0.0, x / 6 + 0.5));
    case ActivationKind::silu: return x / (1 + std::exp(-x));
    default: return x;
  }
}

/// One output in double precision.
double sum_at(const DepthwiseConv& d, const std::vector<float>& x, int64_t oy, int64_t ox, int64_t c) {
  const ConvShape& s = d.shape;
  double sum = d.bias != nullptr ? d.bias[c] : 0;
  for (int64_t ky = 0; ky < s.kernel_height; ++ky)
    for (int64_t kx = 0; kx < s.kernel_width; ++kx) {
      const int64_t iy = oy * s.stride_y - s.pad_top + ky, ix = ox * s.stride_x - s.pad_left + kx;
      if (iy < 0 || iy >= s.in_height || ix < 0 || ix >= s.in_width) continue;
      sum += static_cast<double>(x[static_cast<size_t>(iy * s.row_stride + ix * s.pixel_stride + c)]) *
             d.weight[(ky * s.kernel_width + kx) * s.pixel_stride + c];
    }
  return act(sum, d.activation.kind);
}

TEST(Depthwise, EveryKernelStrideAndOddSizeMatchesPlainLoops) {
  std::mt19937 random(1);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  const ActivationKind kinds[] = {ActivationKind::none, ActivationKind::relu, ActivationKind::hard_swish,
                                  ActivationKind::silu};
  for (int64_t k : {1, 3, 5, 7})
    for (int64_t stride : {1, 2})
      for (int round = 0; round < 40; ++round) {
        DepthwiseConv d;
        ConvShape& s = d.shape;
        s.kernel_height = s.kernel_width = k;
        s.stride_y = s.stride_x = stride;
        s.pad_top = pick(0, k - 1), s.pad_left = pick(0, k - 1);
        s.in_height = pick(1, 20), s.in_width = pick(1, 20);
        if (s.in_height + 2 * s.pad_top < k || s.in_width + 2 * s.pad_left < k) continue;
        s.out_height = (s.in_height + 2 * s.pad_top - k) / stride + 1;
        s.out_width = (s.in_width + 2 * s.pad_left - k) / stride + 1;
        const int64_t channels = s.pixel_stride = pick(1, 40);
        s.row_stride = s.in_width * channels;
        ASSERT_TRUE(has_depthwise_lines(s));
        const auto x = random_floats(s.in_height * s.row_stride, 2), weight = random_floats(k * k * channels, 3),
                   bias = random_floats(channels, 4);
        const std::vector<float> zeros(static_cast<size_t>(channels), 0.0f);
        d.weight = weight.data();
        d.zeros = zeros.data();
        d.bias = round % 2 ? bias.data() : nullptr;
        d.activation = {kinds[round % 4], 1.0f, 0.0f};
        std::vector<float> y(static_cast<size_t>(s.pixels() * channels), 99.0f);
        const int64_t middle = s.out_height / 2;
        depthwise_lines(d, x.data(), middle, s.out_height, y.data());
        depthwise_lines(d, x.data(), 0, middle, y.data());
        for (size_t i = 0; i < y.size(); ++i) {
          const auto pixel = static_cast<int64_t>(i) / channels;
          ASSERT_NEAR(y[i], sum_at(d, x, pixel / s.out_width, pixel % s.out_width, static_cast<int64_t>(i) % channels),
                      3e-5)
              << k << " " << stride << " " << round;
        }
      }
}

TEST(Depthwise, NarrowInputsAndOutputsMatchPlainLoops) {
  std::mt19937 random(3);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  const ActivationKind kinds[] = {ActivationKind::none, ActivationKind::relu, ActivationKind::hard_swish,
                                  ActivationKind::silu};
  for (int64_t k : {1, 3, 5, 7})
    for (int64_t stride : {1, 2})
      for (int round = 0; round < 24; ++round) {
        DepthwiseConv d;
        ConvShape& s = d.shape;
        s.kernel_height = s.kernel_width = k;
        s.stride_y = s.stride_x = stride;
        s.pad_top = s.pad_left = pick(0, k / 2);
        s.in_height = pick(k, 20), s.in_width = pick(k, 20);
        s.out_height = (s.in_height + 2 * s.pad_top - k) / stride + 1;
        s.out_width = (s.in_width + 2 * s.pad_left - k) / stride + 1;
        const int64_t channels = s.pixel_stride = pick(kLeastNarrow, 90);
        s.row_stride = s.in_width * channels;
        const auto count = static_cast<size_t>(s.in_height * s.row_stride),
                   made = static_cast<size_t>(s.pixels() * channels);
        const auto weight = random_floats(k * k * channels, 3), bias = random_floats(channels, 4);
        std::vector<float> x = random_floats(static_cast<int64_t>(count), 2);
        std::vector<bf16> narrow_x(count);
        for (size_t i = 0; i < count; ++i) x[i] = narrow_x[i] = bf16(x[i]);
        const std::vector<float> zeros(static_cast<size_t>(channels), 0.0f);
        d.weight = weight.data();
        d.zeros = zeros.data();
        d.bias = round % 2 ? bias.data() : nullptr;
        d.activation = {kinds[round % 4], 1.0f, 0.0f};
        d.narrow_x = round % 3 != 0;
        d.narrow_y = round % 3 != 1;
        std::vector<float> y(made + 1, 99.0f);
        std::vector<bf16> narrow_y(made + 1, bf16(99.0f));
        const void* from = d.narrow_x ? static_cast<const void*>(narrow_x.data()) : x.data();
        void* to = d.narrow_y ? static_cast<void*>(narrow_y.data()) : y.data();
        const int64_t middle = s.out_height / 2;
        depthwise_lines(d, from, middle, s.out_height, to);
        depthwise_lines(d, from, 0, middle, to);
        for (size_t i = 0; i < made; ++i) {
          const auto pixel = static_cast<int64_t>(i) / channels;
          const double want =
              sum_at(d, x, pixel / s.out_width, pixel % s.out_width, static_cast<int64_t>(i) % channels);
          const double got = d.narrow_y ? static_cast<float>(narrow_y[i]) : y[i];
          ASSERT_NEAR(got, want, 3e-5 + (d.narrow_y ? std::abs(want) / 256 : 0)) << k << " " << stride << " " << round;
        }
        EXPECT_EQ(y.back(), 99.0f);
        EXPECT_EQ(static_cast<float>(narrow_y.back()), 99.0f);
      }
}

TEST(Depthwise, OtherShapesAreDeclined) {
  ConvShape s;
  s.kernel_height = s.kernel_width = 3;
  EXPECT_TRUE(has_depthwise_lines(s));
  s.dilation_x = s.dilation_y = 2;
  EXPECT_FALSE(has_depthwise_lines(s));
  s = {};
  s.kernel_height = 3, s.kernel_width = 5;
  EXPECT_FALSE(has_depthwise_lines(s));
  s.kernel_height = 5, s.stride_x = s.stride_y = 3;
  EXPECT_FALSE(has_depthwise_lines(s));
}

}  // namespace
}  // namespace fovea::kernels
