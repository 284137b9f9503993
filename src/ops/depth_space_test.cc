#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TestNode with_block(std::string_view name, int64_t block, const std::string& mode = "") {
  TestNode node{name, 13, {{"blocksize", block}}};
  if (!mode.empty()) node.attributes["mode"] = mode;
  return node;
}

TEST(DepthToSpace, OrdersChannelsAsTheModeSays) {
  const Tensor x = Tensor::of<int32_t>({1, 8, 1, 1}, {0, 1, 2, 3, 4, 5, 6, 7});
  const auto dcr = run_node(with_block("DepthToSpace", 2), {x});
  EXPECT_EQ(shape_of(dcr), (Shape{1, 2, 2, 2}));
  EXPECT_THAT(values_of<int32_t>(dcr), ElementsAre(0, 2, 4, 6, 1, 3, 5, 7));
  EXPECT_THAT(values_of<int32_t>(run_node(with_block("DepthToSpace", 2, "CRD"), {x})),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(SpaceToDepth, IsTheOtherWay) {
  const Tensor x = Tensor::of<int32_t>({1, 8, 1, 1}, {0, 1, 2, 3, 4, 5, 6, 7});
  const auto space = run_node(with_block("DepthToSpace", 2), {x});
  ASSERT_TRUE(space.ok());
  EXPECT_THAT(values_of<int32_t>(run_node(with_block("SpaceToDepth", 2), {(*space)[0]})),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST(DepthToSpace, RefusesBlocksThatDoNotDivide) {
  const Tensor x = *Tensor::allocate(DType::f32, {1, 4, 3, 3});
  for (int64_t block : {int64_t{3}, int64_t{0}, int64_t{-2}, int64_t{1} << 32, INT64_MAX})
    EXPECT_TRUE(refusal(run_node(with_block("DepthToSpace", block), {x})).has_value()) << block;
  EXPECT_TRUE(refusal(run_node(with_block("DepthToSpace", 2, "other"), {x})).has_value());
  for (int64_t block : {int64_t{2}, int64_t{0}, int64_t{-3}, INT64_MAX})
    EXPECT_TRUE(refusal(run_node(with_block("SpaceToDepth", block), {x})).has_value()) << block;
}

}  // namespace
}  // namespace fovea::ops
