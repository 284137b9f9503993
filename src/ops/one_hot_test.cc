#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

const Tensor kValues = Tensor::of<int32_t>({2}, {5, 7});  // off, on

TEST(OneHot, CountsNegativeIndicesFromTheEndAndSkipsOthers) {
  const auto y = run_node({"OneHot", 11}, {Tensor::of<int64_t>({3}, {1, -1, 3}), Tensor::scalar<int64_t>(3), kValues});
  EXPECT_EQ(shape_of(y), (Shape{3, 3}));
  EXPECT_THAT(values_of<int32_t>(y), ElementsAre(5, 7, 5, 5, 5, 7, 5, 5, 5));
}

TEST(OneHot, PutsTheNewAxisWhereWanted) {
  const auto y = run_node({"OneHot", 11, {{"axis", int64_t{0}}}},
                          {Tensor::of<float>({2}, {1, 0}), Tensor::of<float>({1}, {2}), kValues});
  EXPECT_THAT(values_of<int32_t>(y), ElementsAre(5, 7, 7, 5));
}

TEST(OneHot, RefusesAxesAndDepthsThatCannotBe) {
  const auto indices = Tensor::of<int64_t>({1}, {0});
  EXPECT_EQ(refusal(run_node({"OneHot", 11, {{"axis", int64_t{2}}}}, {indices, Tensor::scalar<int64_t>(3), kValues})),
            ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"OneHot", 11}, {indices, Tensor::scalar<int64_t>(-3), kValues})),
            ErrorCode::invalid_model);
  EXPECT_TRUE(refusal(run_node({"OneHot", 11}, {indices, Tensor::scalar(INT64_MAX), kValues})).has_value());
}

}  // namespace
}  // namespace fovea::ops
