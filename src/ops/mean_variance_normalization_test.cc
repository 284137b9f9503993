#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

TEST(MeanVarianceNormalization, GivesMeanZeroAndVarianceOneOverItsAxes) {
  const auto x = Tensor::of<float>({1, 2, 1, 2}, {1, 3, 10, 30});
  const auto y = run_node({"MeanVarianceNormalization", 13}, {x});
  EXPECT_THAT(values_of<float>(y), Pointwise(FloatNear(1e-6f), {-1.0f, 1.0f, -1.0f, 1.0f}));
}

TEST(MeanVarianceNormalization, DividesConstantsByAlmostNothing) {
  const auto y = run_node({"MeanVarianceNormalization", 13, {{"axes", std::vector<int64_t>{0}}}},
                          {Tensor::of<float>({2}, {4, 4})});
  EXPECT_THAT(values_of<float>(y), ElementsAre(0, 0));
}

TEST(MeanVarianceNormalization, RefusesAxesOutsideTheRank) {
  EXPECT_EQ(refusal(run_node({"MeanVarianceNormalization", 13}, {Tensor::of<float>({2}, {4, 4})})),
            ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
