#include "kernels/winograd.h"

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "kernels/test_numbers.h"

namespace fovea::kernels {
namespace {

struct Case {
  WinogradConv w;
  std::vector<float> x, weight, bias, residual;

  Case(int size, int64_t batch, int64_t height, int64_t width, int64_t pad_top, int64_t pad_left, int64_t in,
       int64_t out) {
    w.kernel = &gemm_kernel(out);
    w.size = size;
    w.batch = batch;
    w.in_channels = in;
    w.out_channels = out;
    ConvShape& s = w.shape;
    s.in_height = height, s.in_width = width;
    s.kernel_height = s.kernel_width = 3;
    s.pad_top = pad_top, s.pad_left = pad_left;
    s.out_height = height + 2 * pad_top - 2, s.out_width = width + 2 * pad_left - 2;
    s.pixel_stride = in;
    s.row_stride = in * width;
    x = random_floats(batch * height * width * in, 1);
    weight = random_floats(out * in * 9, 2);
    bias = random_floats(out, 3);
    residual = random_floats(batch * s.pixels() * out, 4);
  }

  /// Blocks of `block` tiles, as a thread takes them.
  std::vector<float> run(const Epilogue& epilogue, int64_t block) const {
    std::vector<float> packed(static_cast<size_t>(w.packed_floats())), y(residual.size(), 77.0f);
    winograd_pack(w, weight.data(), packed.data());
    const int64_t v_plane = w.input_plane(block), m_plane = w.product_plane(block);
    std::vector<float> v(static_cast<size_t>(w.places() * v_plane)), m(static_cast<size_t>(w.places() * m_plane));
    std::vector<const float*> rows(static_cast<size_t>(block));
    const std::vector<float> zeros(static_cast<size_t>(w.in_channels), 0.0f);
    for (int64_t t = 0; t < w.tiles(); t += block) {
      const int64_t count = std::min(block, w.tiles() - t);
      winograd_input(w, x.data(), zeros.data(), t, t + count, v.data(), v_plane);
      for (int64_t chunk = 0; chunk < w.chunks(); ++chunk) {
        winograd_products(w, packed.data(), chunk, v.data(), v_plane, count, rows.data(), m.data(), m_plane);
        winograd_output(w, m.data(), m_plane, chunk, t, t + count, epilogue, y.data());
      }
    }
    return y;
  }

  /// The sum at one output in double precision.
  double sum(int64_t image, int64_t oy, int64_t ox, int64_t n) const {
    const ConvShape& s = w.shape;
    double sum = 0;
    for (int64_t ky = 0; ky < 3; ++ky)
      for (int64_t kx = 0; kx < 3; ++kx) {
        const int64_t iy = oy + ky - s.pad_top, ix = ox + kx - s.pad_left;
        if (iy < 0 || iy >= s.in_height || ix < 0 || ix >= s.in_width) continue;
        for (int64_t c = 0; c < w.in_channels; ++c)
          sum += static_cast<double>(
                     x[static_cast<size_t>(((image * s.in_height + iy) * s.in_width + ix) * w.in_channels + c)]) *
                 weight[static_cast<size_t>(((n * w.in_channels + c) * 3 + ky) * 3 + kx)];
      }
    return sum;
  }

  /// The relative error (L2) against direct convolution in double precision.
  double error(const Epilogue& epilogue, int64_t block) const {
    const std::vector<float> y = run(epilogue, block);
    const ConvShape& s = w.shape;
    double wrong = 0, all = 0;
    for (size_t i = 0; i < y.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      const int64_t n = at % w.out_channels, pixel = at / w.out_channels;
      double r = sum(pixel / s.pixels(), pixel % s.pixels() / s.out_width, pixel % s.out_width, n);
      if (epilogue.bias) r += bias[static_cast<size_t>(n)];
      if (epilogue.residual && !epilogue.residual_last) r += residual[i];
      if (epilogue.activation.kind == ActivationKind::relu) r = std::max(r, 0.0);
      if (epilogue.activation.kind == ActivationKind::silu) r = r / (1 + std::exp(-r));
      if (epilogue.residual && epilogue.residual_last) r += residual[i];
      wrong += (y[i] - r) * (y[i] - r);
      all += r * r;
    }
    return std::sqrt(wrong / all);
  }
};

// Relative error; F(6,3) stays below 4e-6 with at most 64 channels.
constexpr double tolerance(int size) { return size == 6 ? 4e-6 : 3e-6; }

TEST(Winograd, OddSizesPaddingsAndChannelCountsMatchDirectConvolution) {
  std::mt19937 random(5);
  const auto pick = [&](int64_t low, int64_t high) {
    return low + static_cast<int64_t>(random() % static_cast<uint64_t>(high - low + 1));
  };
  for (int size : {2, 4, 6})
    for (int round = 0; round < 40; ++round) {
      const Case c(size, pick(1, 2), pick(3, 13), pick(3, 13), pick(0, 2), pick(0, 2), pick(1, 35), pick(1, 70));
      ASSERT_LT(c.error({}, pick(1, 20)), tolerance(size)) << size << " " << round;
    }
}

TEST(Winograd, TheEpilogueAddsAndActivates) {
  for (int size : {2, 4, 6})
    for (const ActivationKind kind : {ActivationKind::none, ActivationKind::relu, ActivationKind::silu})
      for (int which = 0; which < 8; ++which) {
        const Case c(size, 1, 9, 10, 1, 1, 16, 37);
        Epilogue e;
        e.activation = {kind, 1.0f, 0.0f};
        if (which & 1) e.bias = c.bias.data();
        if (which & 2) e.residual = c.residual.data();
        e.residual_last = (which & 4) != 0;
        ASSERT_LT(c.error(e, 4), tolerance(size)) << size << " " << which;
      }
}

TEST(Winograd, ManyChannelsKeepTheErrorNearThatOfADirectSum) {
  EXPECT_LT(Case(2, 1, 8, 8, 1, 1, 512, 16).error({}, 16), 1.5e-6);
  EXPECT_LT(Case(4, 1, 8, 8, 1, 1, 512, 16).error({}, 16), 3e-6);
  // Where tuning may choose F(6,3): see tuned_sizes() in cpu/steps/winograd.cc.
  for (const int64_t channels : {16, 32, 64})
    EXPECT_LT(Case(6, 1, 12, 12, 1, 1, channels, 16).error({}, 16), 4e-6) << channels;
}

}  // namespace
}  // namespace fovea::kernels
