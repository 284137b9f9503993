#include "bench/distance.h"

#include <cmath>
#include <limits>

#include <gtest/gtest.h>

namespace fovea::bench {
namespace {

using Values = std::vector<float>;

Result<Distance> between(const Values& got, const Values& expected) {
  const auto n = [](const Values& v) { return Shape{static_cast<int64_t>(v.size())}; };
  const Tensor a = Tensor::of<float>(n(got), got), b = Tensor::of<float>(n(expected), expected);
  return distance(std::span(&a, 1), std::span(&b, 1));
}

TEST(DistanceTest, EqualTensorsHaveNone) {
  EXPECT_EQ(between({1, -2, 3}, {1, -2, 3})->rel_l2, 0);
  EXPECT_EQ(between({0, 0}, {0, 0})->max_over_rms, 0);
}

TEST(DistanceTest, IsRelativeToTheReference) {
  const auto d = between({3, 4.5}, {3, 4});  // |difference| 0.5, |reference| 5, RMS 5 / sqrt 2
  EXPECT_DOUBLE_EQ(d->rel_l2, 0.1);
  EXPECT_DOUBLE_EQ(d->max_over_rms, 0.5 / (5 / std::sqrt(2.0)));
}

TEST(DistanceTest, AllOutputsAndAllTypesCountTogether) {
  const std::vector<Tensor> got = {Tensor::of<float>({1}, {3}), Tensor::of<int64_t>({1}, {5})};
  const std::vector<Tensor> expected = {Tensor::of<double>({1}, {3}), Tensor::of<int64_t>({1}, {4})};
  EXPECT_DOUBLE_EQ(distance(got, expected)->rel_l2, 0.2);
}

TEST(DistanceTest, NanIsEqualToNanAndToNothingElse) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(between({nan, 2}, {nan, 2})->rel_l2, 0);
  EXPECT_EQ(between({infinity, 2}, {infinity, 2})->rel_l2, 0);
  EXPECT_TRUE(std::isinf(between({nan, 2}, {1, 2})->rel_l2));
  EXPECT_TRUE(std::isinf(between({1, 2}, {nan, 2})->max_over_rms));
  EXPECT_TRUE(std::isinf(between({infinity, 2}, {1, 2})->rel_l2));
  EXPECT_TRUE(std::isinf(between({1, 0}, {0, 0})->rel_l2));
}

TEST(DistanceTest, OtherShapesAreAnError) {
  EXPECT_FALSE(between({1, 2}, {1}).ok());
  EXPECT_FALSE(distance({}, std::vector<Tensor>(1)).ok());
}

}  // namespace
}  // namespace fovea::bench
