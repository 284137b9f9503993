#include "ops/gather.h"

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

const Tensor kMatrix = Tensor::of<float>({2, 3}, {0, 1, 2, 3, 4, 5});

TEST(Gather, PutsTheIndexAxesInPlaceOfTheAxis) {
  const auto indices = Tensor::of<int32_t>({2, 2}, {0, -1, 1, 1});
  const auto y = run_node({"Gather", 13, {{"axis", int64_t{1}}}}, {kMatrix, indices});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(2, 2, 2));
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(0, 2, 1, 1, 3, 5, 4, 4));
}

TEST(Gather, DropsTheAxisForAScalarIndex) {
  const auto y = run_node({"Gather", 13}, {kMatrix, Tensor::scalar<int64_t>(-1)});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(3));
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 4, 5));
}

TEST(Gather, RefusesIndicesOutsideOnEitherSide) {
  for (const int64_t index : {int64_t{2}, int64_t{-3}, INT64_MAX, INT64_MIN})
    EXPECT_FALSE(run_node({"Gather", 13}, {kMatrix, Tensor::scalar(index)}).ok()) << index;
  EXPECT_FALSE(run_node({"Gather", 13}, {kMatrix, Tensor::scalar(1.f)}).ok());
  EXPECT_FALSE(run_node({"Gather", 13}, {Tensor::of<float>({0, 3}, {}), Tensor::scalar<int64_t>(0)}).ok());
  EXPECT_TRUE(run_node({"Gather", 13}, {Tensor::of<float>({0, 3}, {}), Tensor::of<int64_t>({0}, {})}).ok());
}

TEST(GatherElements, ReadsOneElementAtEachIndex) {
  const auto indices = Tensor::of<int64_t>({1, 3}, {-1, 0, 1});
  const auto y = run_node({"GatherElements", 13}, {kMatrix, indices});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 1, 5));
  EXPECT_FALSE(run_node({"GatherElements", 13}, {kMatrix, Tensor::of<int64_t>({1, 4}, {0, 0, 0, 0})}).ok());
  EXPECT_FALSE(run_node({"GatherElements", 13}, {kMatrix, Tensor::of<int64_t>({1, 1}, {2})}).ok());
}

TEST(GatherND, ReadsSlicesAtIndexTuples) {
  auto y = run_node({"GatherND", 13}, {kMatrix, Tensor::of<int64_t>({2, 2}, {0, 0, -1, -1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(0, 5));
  y = run_node({"GatherND", 13}, {kMatrix, Tensor::of<int64_t>({1, 1}, {1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(1, 3));
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(3, 4, 5));
}

TEST(GatherND, SharesItsBatchAxesWithTheData) {
  const auto y =
      run_node({"GatherND", 13, {{"batch_dims", int64_t{1}}}}, {kMatrix, Tensor::of<int64_t>({2, 1}, {2, 0})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(2, 3));
  EXPECT_FALSE(
      run_node({"GatherND", 13, {{"batch_dims", int64_t{1}}}}, {kMatrix, Tensor::of<int64_t>({1, 1}, {0})}).ok());
}

TEST(GatherND, RefusesTuplesThatDoNotFit) {
  EXPECT_FALSE(run_node({"GatherND", 13}, {kMatrix, Tensor::of<int64_t>({1, 3}, {0, 0, 0})}).ok());
  EXPECT_FALSE(run_node({"GatherND", 13}, {kMatrix, Tensor::of<int64_t>({1, 2}, {0, 3})}).ok());
  EXPECT_FALSE(run_node({"GatherND", 13}, {kMatrix, Tensor::of<int64_t>({1, 0}, {})}).ok());
}

}  // namespace
}  // namespace fovea::ops
