#include "kernels/grouped.h"

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

/// Products of all groups at `rows` pixels, each tap one pixel further on, beside plain sums in double precision.
void check(const GroupShape& s, const GemmKernel& kernel, int64_t rows) {
  const int64_t spread = kernel.spread, blocks = s.blocks(spread), pixels = rows + s.taps - 1;
  const int64_t in = s.groups * s.in, out = s.groups * s.out;
  const int64_t in_block = spread * s.in, out_block = spread * s.out;
  const auto x = random_floats(pixels * in, 1), weight = random_floats(out * s.in * s.taps, 2);
  std::vector<float> map(static_cast<size_t>(pixels * blocks * in_block), 7.0f);
  interleave_groups({s.groups, s.in, spread}, 0, blocks, pixels, x.data(), in, map.data(), blocks * in_block);
  std::vector<float> packed(static_cast<size_t>(blocks * packed_block_floats(kernel, s)));
  pack_groups(kernel, s, weight.data(), packed.data());
  std::vector<const float*> table;
  for (int64_t t = 0; t < s.taps; ++t)
    for (int64_t r = 0; r < rows; ++r) table.push_back(map.data() + (r + t) * blocks * in_block);

  constexpr float kGuard = 1234.5f;
  std::vector<float> y(static_cast<size_t>(rows * (out + 2)), kGuard), sums(static_cast<size_t>(rows * out_block));
  for (int64_t block = 0; block < blocks; ++block) {
    GemmTile tile;
    tile.rows = table.data();
    tile.row_stride = rows;
    tile.taps = s.taps;
    tile.depth = s.in;
    tile.offset = block * in_block;
    tile.c = sums.data();
    tile.c_stride = out_block;
    gemm_block(kernel, tile, packed.data() + block * packed_block_floats(kernel, s), rows, out_block, 0,
               panel_count(kernel, out_block));
    separate_groups({s.groups, s.out, spread}, block, rows, sums.data(), out_block, y.data(), out + 2);
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t o = 0; o < out; ++o) {
      double sum = 0, magnitude = 0;
      for (int64_t t = 0; t < s.taps; ++t)
        for (int64_t i = 0; i < s.in; ++i) {
          const double product = static_cast<double>(x[static_cast<size_t>((r + t) * in + o / s.out * s.in + i)]) *
                                 weight[static_cast<size_t>((o * s.in + i) * s.taps + t)];
          sum += product;
          magnitude += std::fabs(product);
        }
      ASSERT_NEAR(y[static_cast<size_t>(r * (out + 2) + o)], sum,
                  (magnitude + 1) * (static_cast<double>(s.taps * s.in) + 4) * 0x1p-24)
          << kernel.name << ": " << s.groups << " groups " << s.in << " -> " << s.out << " at " << r << "," << o;
    }
    for (int64_t o = out; o < out + 2; ++o) ASSERT_EQ(y[static_cast<size_t>(r * (out + 2) + o)], kGuard);
  }
}

TEST(Grouped, EveryWidthAndNumberOfGroupsIsExactToRounding) {
  for (int64_t groups : {2, 3, 7, 8, 16, 19, 37})
    for (int64_t in : {1, 2, 3, 4, 5, 8, 12, 16, 24})
      for (int64_t out : {1, 2, 3, 4, 6, 8, 16, 24}) {
        const GroupShape shape{groups, in, out, 9};
        const GemmKernel* kernel = grouped_kernel(shape);
        if (kernel == nullptr) continue;
        EXPECT_THAT(std::string(kernel->name), testing::HasSubstr(std::string(name_of(active_isa()))));
        for (int64_t rows : {1, 12, 29}) check(shape, *kernel, rows);
      }
}

TEST(Grouped, ManyNarrowGroupsShareAVector) {
  if (active_isa() != Isa::avx512 && active_isa() != Isa::avx2) GTEST_SKIP() << "no such kernels";
  for (int64_t width : {1, 2, 4, 8, 24}) {
    const GemmKernel* kernel = grouped_kernel({64, width, width == 1 ? 2 : width, 9});
    ASSERT_NE(kernel, nullptr) << width;
    const int64_t lanes = active_isa() == Isa::avx512 ? 16 : 8;
    if (width < lanes) {
      EXPECT_EQ(kernel->spread % 2, width == lanes ? 1 : 0) << width;
    }
  }
}

TEST(Grouped, WideGroupsAreAlone) {
  EXPECT_EQ(grouped_kernel({4, 64, 64, 9}), nullptr);
  EXPECT_EQ(grouped_kernel({1, 8, 8, 9}), nullptr);
}

TEST(Grouped, ChannelsGoThereAndBack) {
  for (int64_t spread : {1, 2, 4, 8, 16})
    for (int64_t each : {1, 2, 3, 4, 7, 8, 19, 24})
      for (int64_t groups : {2, 5, 16, 33}) {
        const GroupOrder order{groups, each, spread};
        const int64_t blocks = (groups + spread - 1) / spread, wide = blocks * spread * each, pixels = 3;
        const auto x = random_floats(pixels * groups * each, 3);
        std::vector<float> together(static_cast<size_t>(pixels * wide), 7.0f), back(x.size(), 7.0f);
        interleave_groups(order, 0, 1, pixels, x.data(), groups * each, together.data(), wide);
        interleave_groups(order, 1, blocks, pixels, x.data(), groups * each, together.data(), wide);
        for (int64_t p = 0; p < pixels; ++p)
          for (int64_t c = 0; c < blocks * spread; ++c)
            for (int64_t i = 0; i < each; ++i)
              ASSERT_EQ(together[static_cast<size_t>(p * wide + c / spread * spread * each + i * spread + c % spread)],
                        c < groups ? x[static_cast<size_t>((p * groups + c) * each + i)] : 0.0f)
                  << spread << " " << each << " " << groups;
        for (int64_t b = 0; b < blocks; ++b)
          separate_groups(order, b, pixels, together.data() + b * spread * each, wide, back.data(), groups * each);
        ASSERT_EQ(back, x);
      }
}

}  // namespace
}  // namespace fovea::kernels
