// Differences of tensors: where, how much, and what cannot be compared.
#include "pipeline/difference.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::pipeline {
namespace {

Tensor floats(Shape shape, std::vector<float> values) {
  Tensor tensor = *Tensor::allocate(DType::f32, std::move(shape));
  std::ranges::copy(values, tensor.mutable_view().as<float>());
  return tensor;
}

TEST(Difference, SaysHowMuchAndWhere) {
  const auto found = difference(floats({1, 2, 2}, {1, 2, 3, 4}), floats({2, 2}, {1, 2, 5, 3}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->max, 2);
  EXPECT_EQ(found->mean, 0.75);
  EXPECT_EQ(found->differing, 2);
  EXPECT_THAT(found->where, testing::ElementsAre(1, 0));
  EXPECT_EQ(found->ours, 3);
  EXPECT_EQ(found->theirs, 5);
  EXPECT_DOUBLE_EQ(found->rel_l2, std::sqrt(5.0 / 39.0));
}

TEST(Difference, NanEqualsNanAloneAndInfinityItself) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), infinity = std::numeric_limits<float>::infinity();
  EXPECT_EQ(difference(floats({2}, {nan, infinity}), floats({2}, {nan, infinity}))->differing, 0);
  EXPECT_TRUE(std::isinf(difference(floats({2}, {nan, 1}), floats({2}, {0, 1}))->max));
  EXPECT_TRUE(std::isinf(difference(floats({2}, {infinity, 1}), floats({2}, {0, 1}))->rel_l2));
  EXPECT_EQ(difference(floats({2}, {0, 0}), floats({2}, {0, 0}))->rel_l2, 0);
}

TEST(Difference, NeedsTheSameShape) {
  const auto found = difference(floats({2}, {1, 2}), floats({3}, {1, 2, 3}));
  ASSERT_FALSE(found);
  EXPECT_THAT(found.error().to_string(), testing::HasSubstr("f32[2] here, f32[3] there"));
}

}  // namespace
}  // namespace fovea::pipeline
