#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

// Two boxes that overlap by 1/3, and one apart.
const Tensor kBoxes = Tensor::of<float>({1, 3, 4}, {0, 0, 2, 2, 0, 1, 2, 3, 10, 10, 12, 12});
const Tensor kScores = Tensor::of<float>({1, 1, 3}, {0.8f, 0.9f, 0.7f});

Result<std::vector<Tensor>> suppress(int64_t most, float overlap, const Tensor& least_score = {}) {
  return run_node({"NonMaxSuppression", 11},
                  {kBoxes, kScores, Tensor::scalar<int64_t>(most), Tensor::scalar(overlap), least_score});
}

TEST(NonMaxSuppression, TheBetterOfTwoThatOverlapRemains) {
  const auto y = suppress(9, 0.3f);
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int64_t>(), ElementsAre(0, 0, 1, 0, 0, 2));
}

TEST(NonMaxSuppression, OverlapUpToTheThresholdIsNone) {
  EXPECT_THAT((*suppress(9, 0.34f))[0].values<int64_t>(), ElementsAre(0, 0, 1, 0, 0, 0, 0, 0, 2));
}

TEST(NonMaxSuppression, KeepsNoMoreThanAskedFor) {
  EXPECT_THAT((*suppress(1, 0.3f))[0].values<int64_t>(), ElementsAre(0, 0, 1));
  EXPECT_THAT((*suppress(0, 0.3f))[0].shape(), ElementsAre(0, 3));
  EXPECT_THAT((*run_node({"NonMaxSuppression", 11}, {kBoxes, kScores}))[0].shape(), ElementsAre(0, 3));
}

TEST(NonMaxSuppression, ScoresMustExceedTheLeast) {
  EXPECT_THAT((*suppress(9, 0.3f, Tensor::scalar(0.7f)))[0].values<int64_t>(), ElementsAre(0, 0, 1));
}

TEST(NonMaxSuppression, EqualScoresGoByIndex) {
  const auto y = run_node({"NonMaxSuppression", 11},
                          {kBoxes, Tensor::of<float>({1, 1, 3}, {1, 1, 1}), Tensor::scalar<int64_t>(1)});
  EXPECT_THAT((*y)[0].values<int64_t>(), ElementsAre(0, 0, 0));
}

TEST(NonMaxSuppression, RefusesShapesThatDoNotBelongTogether) {
  EXPECT_FALSE(run_node({"NonMaxSuppression", 11}, {kBoxes, Tensor::of<float>({1, 1, 2}, {1, 1})}).ok());
}

}  // namespace
}  // namespace fovea::ops
