#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(Cumulative, GoesForwardsBackwardsAndWithoutTheElementItself) {
  const auto x = Tensor::of<float>({3}, {1, 2, 3});
  const auto sum = [&](int64_t exclusive, int64_t reverse) {
    return values_of<float>(
        run_node({"CumSum", 14, {{"exclusive", exclusive}, {"reverse", reverse}}}, {x, Tensor::scalar<int64_t>(0)}));
  };
  EXPECT_THAT(sum(0, 0), ElementsAre(1, 3, 6));
  EXPECT_THAT(sum(1, 0), ElementsAre(0, 1, 3));
  EXPECT_THAT(sum(0, 1), ElementsAre(6, 5, 3));
  EXPECT_THAT(sum(1, 1), ElementsAre(5, 3, 0));
}

TEST(Cumulative, RunsAlongAnyAxis) {
  const auto x = Tensor::of<int32_t>({2, 2}, {1, 2, 3, 4});
  EXPECT_THAT(values_of<int32_t>(run_node({"CumSum", 14}, {x, Tensor::scalar<int32_t>(0)})), ElementsAre(1, 2, 4, 6));
  EXPECT_THAT(values_of<int32_t>(run_node({"CumSum", 14}, {x, Tensor::scalar<int32_t>(-1)})), ElementsAre(1, 3, 3, 7));
}

TEST(Cumulative, MultipliesFromOneOn) {
  const auto y = run_node({"CumProd", 26, {{"exclusive", int64_t{1}}}},
                          {Tensor::of<float>({3}, {2, 3, 4}), Tensor::scalar<int64_t>(0)});
  EXPECT_THAT(values_of<float>(y), ElementsAre(1, 2, 6));
}

TEST(Cumulative, RefusesAnAxisOutsideTheRank) {
  EXPECT_EQ(refusal(run_node({"CumSum", 14}, {Tensor::of<float>({1}, {1}), Tensor::scalar<int64_t>(1)})),
            ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
