#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::IsNan;

TEST(Clip, ReadsAttributesBeforeOpset11) {
  const auto x = Tensor::of<float>({3}, {-2, 0.5f, 7});
  EXPECT_THAT(values_of<float>(run_node({"Clip", 6, {{"min", 0.0f}, {"max", 6.0f}}}, {x})), ElementsAre(0, 0.5f, 6));
  EXPECT_EQ(refusal(run_node({"Clip", 11, {{"min", 0.0f}}}, {x})), ErrorCode::invalid_model);
}

TEST(Clip, ReadsInputsAfter) {
  const auto x = Tensor::of<int8_t>({3}, {-100, 3, 100});
  const auto low = Tensor::scalar<int8_t>(-5), high = Tensor::scalar<int8_t>(5);
  EXPECT_THAT(values_of<int8_t>(run_node({"Clip", 13}, {x, low, high})), ElementsAre(-5, 3, 5));
  EXPECT_THAT(values_of<int8_t>(run_node({"Clip", 13}, {x, Tensor(), high})), ElementsAre(-100, 3, 5));
  EXPECT_THAT(values_of<int8_t>(run_node({"Clip", 13}, {x, low})), ElementsAre(-5, 3, 100));
}

TEST(Clip, TheUpperBoundWinsWhereBoundsCross) {
  const auto y =
      run_node({"Clip", 13}, {Tensor::of<float>({3}, {-9, 0, 9}), Tensor::scalar(2.0f), Tensor::scalar(-1.0f)});
  EXPECT_THAT(values_of<float>(y), ElementsAre(-1, -1, -1));
}

TEST(Clip, LeavesInfinityAndNotANumberAloneWithoutBounds) {
  const auto y = run_node({"Clip", 13}, {Tensor::of<float>({3}, {INFINITY, -INFINITY, NAN})});
  EXPECT_THAT(values_of<float>(y), ElementsAre(INFINITY, -INFINITY, IsNan()));
}

TEST(Clip, RefusesBoundsThatAreNoScalarsOfTheType) {
  const auto x = Tensor::of<float>({1}, {1});
  EXPECT_EQ(refusal(run_node({"Clip", 13}, {x, Tensor::of<float>({2}, {0, 1})})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"Clip", 13}, {x, Tensor::scalar(0.0)})), ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
