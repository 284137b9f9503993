#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(Dropout, PassesItsInputThroughAndDropsNothing) {
  const auto x = Tensor::of<float>({3}, {1, 2, 3});
  const auto y = run_node({"Dropout", 13, {{"seed", int64_t{1}}}, "", 2}, {x, Tensor::scalar(0.9f)});
  EXPECT_THAT(values_of<float>(y), ElementsAre(1, 2, 3));
  EXPECT_THAT(values_of<bool>(y, 1), ElementsAre(true, true, true));
}

TEST(Dropout, HadAMaskOfTheDatasTypeBeforeOpset10) {
  const auto y = run_node({"Dropout", 7, {{"ratio", 0.5f}}, "", 2}, {Tensor::of<float>({2}, {1, 2})});
  EXPECT_THAT(values_of<float>(y, 1), ElementsAre(1, 1));
}

TEST(Dropout, TrainsOnlyWithARatioOfZero) {
  const auto x = Tensor::of<float>({2}, {1, 2});
  EXPECT_THAT(values_of<float>(run_node({"Dropout", 13}, {x, Tensor::scalar(0.0f), Tensor::scalar(true)})),
              ElementsAre(1, 2));
  EXPECT_EQ(refusal(run_node({"Dropout", 13}, {x, Tensor::scalar(0.5f), Tensor::scalar(true)})),
            ErrorCode::unsupported);
  EXPECT_EQ(refusal(run_node({"Dropout", 13}, {x, Tensor(), Tensor::scalar(true)})), ErrorCode::unsupported);
  EXPECT_EQ(refusal(run_node({"Dropout", 6}, {x})), ErrorCode::unsupported);
  EXPECT_THAT(values_of<float>(run_node({"Dropout", 6, {{"is_test", int64_t{1}}}}, {x})), ElementsAre(1, 2));
}

TEST(Identity, CopiesAnything) {
  EXPECT_THAT(values_of<bool>(run_node({"Identity"}, {Tensor::of<bool>({2}, {true, false})})),
              ElementsAre(true, false));
  EXPECT_EQ(shape_of(run_node({"Identity"}, {Tensor::of<float>({0, 3}, {})})), (Shape{0, 3}));
}

}  // namespace
}  // namespace fovea::ops
