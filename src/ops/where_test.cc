#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(Where, BroadcastsAllThree) {
  const auto condition = Tensor::of<bool>({2, 1}, {true, false});
  const auto x = Tensor::of<int64_t>({3}, {1, 2, 3}), y = Tensor::scalar<int64_t>(9);
  const auto z = run_node({"Where", 16}, {condition, x, y});
  EXPECT_EQ(shape_of(z), (Shape{2, 3}));
  EXPECT_THAT(values_of<int64_t>(z), ElementsAre(1, 2, 3, 9, 9, 9));
}

TEST(Where, ChoosesAmongSixteenBitFloatsAndTruths) {
  const auto condition = Tensor::of<bool>({2}, {false, true});
  const auto h = run_node({"Where", 16},
                          {condition, Tensor::of<f16>({2}, {f16(1.0f), f16(2.0f)}), Tensor::of<f16>({1}, {f16(3.0f)})});
  EXPECT_THAT(values_of<f16>(h), ElementsAre(3.0f, 2.0f));
  const auto b = run_node({"Where", 16}, {condition, Tensor::scalar(true), Tensor::scalar(false)});
  EXPECT_THAT(values_of<bool>(b), ElementsAre(false, true));
}

TEST(Where, RefusesMixedTypes) {
  const auto y = run_node({"Where", 16}, {Tensor::scalar(true), Tensor::scalar(1.0f), Tensor::scalar(1.0)});
  EXPECT_EQ(refusal(y), ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
