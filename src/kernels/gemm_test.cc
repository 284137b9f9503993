#include "kernels/gemm.h"

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/cpu_features.h"
#include "kernels/test_numbers.h"

namespace fovea::kernels {
namespace {

double act(double x, const Activation& a) {
  switch (a.kind) {
    case ActivationKind::relu: return std::max(x, 0.0);
    case ActivationKind::gelu: return x * (1 + std::erf(x / std::sqrt(2.0))) / 2;
    case ActivationKind::silu: return x / (1 + std::exp(-x * a.alpha));
    default: return x;
  }
}

/// Rows scattered over a buffer, some of them shared, as a convolution has them.
struct Problem {
  int64_t m, n, taps, depth;
  std::vector<float> a, b, bias, scale, residual;
  std::vector<const float*> rows;  // taps x m

  Problem(int64_t m_, int64_t n_, int64_t taps_, int64_t depth_)
      : m(m_),
        n(n_),
        taps(taps_),
        depth(depth_),
        a(random_floats((m_ + taps_) * depth_, 1)),
        b(random_floats(taps_ * depth_ * n_, 2)),
        bias(random_floats(n_, 3)),
        scale(random_floats(n_, 4)),
        residual(random_floats(m_ * n_, 5)) {
    for (int64_t t = 0; t < taps; ++t)
      for (int64_t i = 0; i < m; ++i) rows.push_back(a.data() + (i + t) * depth);
  }

  void check(const Epilogue& epilogue) const {
    const GemmKernel& kernel = gemm_kernel(n);
    std::vector<float> packed(static_cast<size_t>(packed_floats(kernel, n, taps, depth)));
    const PackSource source{b.data(), n, taps, depth, 1, depth * n, n};
    pack_panels(kernel, source, 0, panel_count(kernel, n), packed.data());
    constexpr float kGuard = 1234.5f;
    std::vector<float> c(static_cast<size_t>(m * (n + 3)), kGuard);  // three columns that must stay as they are
    GemmTile tile;
    tile.rows = rows.data();
    tile.row_stride = m;
    tile.taps = taps;
    tile.depth = depth;
    tile.c = c.data();
    tile.c_stride = n + 3;
    tile.epilogue = epilogue;
    gemm_block(kernel, tile, packed.data(), m, n, 0, panel_count(kernel, n));

    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = 0; j < n; ++j) {
        double sum = 0, magnitude = 0;
        for (int64_t t = 0; t < taps; ++t)
          for (int64_t k = 0; k < depth; ++k) {
            const double product = static_cast<double>(rows[static_cast<size_t>(t * m + i)][k]) *
                                   b[static_cast<size_t>((t * depth + k) * n + j)];
            sum += product;
            magnitude += std::fabs(product);
          }
        const auto column = static_cast<size_t>(j);
        if (epilogue.scale) sum *= scale[column], magnitude *= std::fabs(scale[column]);
        if (epilogue.bias) sum += bias[column];
        const double r = epilogue.residual ? residual[static_cast<size_t>(i * n + j)] : 0;
        const double y = epilogue.residual_last ? act(sum, epilogue.activation) + r : act(sum + r, epilogue.activation);
        // Each of the sum's operations rounds once, by at most 2^-24 of what it adds up.
        const double tolerance = (magnitude + std::fabs(sum) + std::fabs(r) + 1) * (taps * depth + 8.0) * 0x1p-24;
        ASSERT_NEAR(c[static_cast<size_t>(i * (n + 3) + j)], y, tolerance) << m << "x" << n << " at " << i << "," << j;
      }
    for (int64_t i = 0; i < m; ++i)
      for (int64_t j = n; j < n + 3; ++j) ASSERT_EQ(c[static_cast<size_t>(i * (n + 3) + j)], kGuard);
  }
};

TEST(Gemm, TheKernelIsOneOfTheActiveInstructionSet) {
  for (int64_t n : {1, 64, 100, 1000})
    EXPECT_THAT(std::string(gemm_kernel(n).name), testing::HasSubstr(std::string(name_of(active_isa()))));
}

TEST(Gemm, EveryTileHeightAndPanelTailIsExactToRounding) {
  for (int64_t m : {1, 2, 3, 5, 6, 7, 11, 12, 13, 29, 64})
    for (int64_t n : {1, 3, 8, 15, 16, 17, 31, 33, 64, 65, 130}) Problem(m, n, 1, 37).check({});
}

TEST(Gemm, TapsAddUpOverRowsGivenByPointer) {
  for (int64_t taps : {1, 2, 9, 25})
    for (int64_t depth : {1, 3, 16, 33}) Problem(13, 21, taps, depth).check({});
}

TEST(Gemm, LongSumsAreCutWithoutBeingSeen) {
  for (int64_t n : {16, 33, 70}) {
    // Beyond the caches of every machine: cut, and gone through stretch by stretch.
    const Problem deep(64, n, 1, 4501), wide(29, n, 3, 1700);
    for (const Problem* p : {&deep, &wide}) {
      Epilogue e;
      e.bias = p->bias.data();
      e.scale = p->scale.data();
      e.residual = p->residual.data();
      e.residual_stride = n;
      e.activation.kind = ActivationKind::gelu;
      p->check(e);
    }
  }
}

TEST(Gemm, AResidualMayLieWhereTheResultGoes) {
  const int64_t m = 20, n = 48, depth = 900;
  const Problem p(m, n, 1, depth);
  const GemmKernel& kernel = gemm_kernel(n);
  std::vector<float> packed(static_cast<size_t>(packed_floats(kernel, n, 1, depth)));
  pack_panels(kernel, {p.b.data(), n, 1, depth, 1, depth * n, n}, 0, panel_count(kernel, n), packed.data());
  const auto product = [&](std::vector<float>& c, const float* residual) {
    GemmTile tile;
    tile.rows = p.rows.data();
    tile.row_stride = m;
    tile.depth = depth;
    tile.c = c.data();
    tile.c_stride = n;
    tile.epilogue.residual = residual;
    tile.epilogue.residual_stride = n;
    gemm_block(kernel, tile, packed.data(), m, n, 0, panel_count(kernel, n));
  };
  std::vector<float> in_place = p.residual, apart(p.residual.size());
  product(in_place, in_place.data());
  product(apart, p.residual.data());
  for (size_t i = 0; i < apart.size(); ++i) ASSERT_NEAR(in_place[i], apart[i], 1e-3);
}

TEST(Gemm, TheEpilogueScalesAddsAndActivates) {
  const Problem p(17, 43, 2, 24);
  for (const ActivationKind kind :
       {ActivationKind::none, ActivationKind::relu, ActivationKind::gelu, ActivationKind::silu})
    for (int which = 0; which < 16; ++which) {
      Epilogue e;
      e.activation = {kind, 1.0f, 0.0f};
      if (which & 1) e.bias = p.bias.data();
      if (which & 2) e.scale = p.scale.data();
      if (which & 4) e.residual = p.residual.data();
      e.residual_stride = p.n;
      e.residual_last = (which & 8) != 0;
      p.check(e);
    }
}

TEST(Gemm, PackingReadsAnyStridesAndFillsTheLastPanelWithZeros) {
  const int64_t n = 19, taps = 3, depth = 21;
  const std::vector<float> b = random_floats(n * taps * depth, 6);
  const GemmKernel& kernel = gemm_kernel(n);
  std::vector<float> packed(static_cast<size_t>(packed_floats(kernel, n, taps, depth)), 7.0f);
  // As a convolution's weight lies: n outside, then k, then the taps.
  pack_panels(kernel, {b.data(), n, taps, depth, depth * taps, 1, taps}, 0, panel_count(kernel, n), packed.data());
  for (int64_t p = 0; p < panel_count(kernel, n); ++p)
    for (int64_t t = 0; t < taps; ++t)
      for (int64_t k = 0; k < depth; ++k)
        for (int64_t j = 0; j < kernel.columns; ++j) {
          const int64_t column = p * kernel.columns + j;
          const float expected = column < n ? b[static_cast<size_t>((column * depth + k) * taps + t)] : 0.0f;
          ASSERT_EQ(packed[static_cast<size_t>(((p * taps + t) * depth + k) * kernel.columns + j)], expected);
        }
}

TEST(Gemm, BlocksHoldWholeTilesAndAtLeastOne) {
  const GemmKernel& kernel = gemm_kernel(64);
  for (int64_t rows : {1, 7, 49, 197, 1025, 50176})
    for (int64_t depth : {3, 1024, 1 << 18}) {
      const int64_t block = block_rows(kernel, rows, 1, depth);
      EXPECT_GE(block, 1);
      EXPECT_LE(block, rows);
      EXPECT_TRUE(block == rows || block % kernel.rows == 0);
    }
}

}  // namespace
}  // namespace fovea::kernels
