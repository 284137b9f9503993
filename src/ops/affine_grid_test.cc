#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

const Tensor kIdentity = Tensor::of<float>({1, 2, 3}, {1, 0, 0, 0, 1, 0});

Tensor size(const std::vector<int64_t>& values) {
  return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values);
}

TEST(AffineGrid, NamesPixelCentresOrCorners) {
  auto y = run_node({"AffineGrid", 20}, {kIdentity, size({1, 3, 1, 2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(1, 1, 2, 2));
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(-0.5f, 0, 0.5f, 0));
  y = run_node({"AffineGrid", 20, {{"align_corners", int64_t{1}}}}, {kIdentity, size({1, 3, 1, 2})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(-1, 0, 1, 0));
}

TEST(AffineGrid, MapsThreeAxesFromTheLastToTheFirst) {
  // z' = x, y' = y, x' = z + 5
  const auto theta = Tensor::of<double>({1, 3, 4}, {0, 0, 1, 5, 0, 1, 0, 0, 1, 0, 0, 0});
  const auto y = run_node({"AffineGrid", 20}, {theta, size({1, 1, 2, 1, 1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<double>(), ElementsAre(4.5, 0, 0, 5.5, 0, 0));
}

TEST(AffineGrid, RefusesSizesThatDoNotFit) {
  for (const auto& extents : std::vector<std::vector<int64_t>>{{1, 3, 2}, {2, 3, 1, 2}, {1, 3, 1, 2, 2}, {1, 3, -1, 2}})
    EXPECT_FALSE(run_node({"AffineGrid", 20}, {kIdentity, size(extents)}).ok());
}

}  // namespace
}  // namespace fovea::ops
