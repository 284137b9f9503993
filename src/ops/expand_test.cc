#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Integers = std::vector<int64_t>;

Tensor integers(const Integers& values) { return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values); }

TEST(Expand, BroadcastsBothWays) {
  const auto x = Tensor::of<int32_t>({2, 1}, {1, 2});
  auto y = run_node({"Expand", 13}, {x, integers({3, 1, 2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(3, 2, 2));
  EXPECT_THAT((*y)[0].values<int32_t>(), ElementsAre(1, 1, 2, 2, 1, 1, 2, 2, 1, 1, 2, 2));
  y = run_node({"Expand", 13}, {x, integers({1})});
  ASSERT_TRUE(y.ok());
  EXPECT_THAT((*y)[0].shape(), ElementsAre(2, 1));
}

TEST(Expand, RefusesWhatDoesNotBroadcast) {
  const auto x = Tensor::of<int32_t>({2, 1}, {1, 2});
  EXPECT_FALSE(run_node({"Expand", 13}, {x, integers({3, 1})}).ok());
  EXPECT_FALSE(run_node({"Expand", 13}, {x, integers({2, -1})}).ok());
  EXPECT_FALSE(run_node({"Expand", 13}, {x, integers({1LL << 40, 1, 1LL << 40})}).ok());
}

TEST(Tile, RepeatsEachAxis) {
  const auto x = Tensor::of<f16>({2, 2}, {f16(1.f), f16(2.f), f16(3.f), f16(4.f)});
  const auto y = run_node({"Tile", 13}, {x, integers({2, 2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(4, 4));
  EXPECT_THAT((*y)[0].values<f16>(), ElementsAre(1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4));
}

TEST(Tile, GivesNothingForNoRepeats) {
  const auto y = run_node({"Tile", 13}, {Tensor::of<float>({2}, {1, 2}), integers({0})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(0));
}

TEST(Tile, RefusesHostileRepeats) {
  const auto x = Tensor::of<float>({2}, {1, 2});
  for (const Integers& repeats : std::vector<Integers>{{-1}, {1, 1}, {}, {std::numeric_limits<int64_t>::max()}})
    EXPECT_FALSE(run_node({"Tile", 13}, {x, integers(repeats)}).ok());
}

}  // namespace
}  // namespace fovea::ops
