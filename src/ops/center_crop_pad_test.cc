#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

Tensor integers(const std::vector<int64_t>& values) {
  return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values);
}

TEST(CenterCropPad, CropsAndPadsTheOddOneBehind) {
  const auto row = [](const std::vector<float>& x, int64_t extent) {
    return values_of<float>(
        run_node({"CenterCropPad", 18}, {Tensor::of<float>({static_cast<int64_t>(x.size())}, x), integers({extent})}));
  };
  EXPECT_THAT(row({1, 2, 3, 4, 5}, 2), ElementsAre(2, 3));
  EXPECT_THAT(row({1, 2}, 5), ElementsAre(0, 1, 2, 0, 0));
  EXPECT_THAT(row({1, 2}, 2), ElementsAre(1, 2));
}

TEST(CenterCropPad, DoesSoAlongTheListedAxes) {
  const auto y = run_node({"CenterCropPad", 18, {{"axes", std::vector<int64_t>{-1, 0}}}},
                          {Tensor::of<int8_t>({1, 1, 3}, {1, 2, 3}), integers({1, 2})});
  EXPECT_EQ(shape_of(y), (Shape{2, 1, 1}));
  EXPECT_THAT(values_of<int8_t>(y), ElementsAre(2, 0));
}

TEST(CenterCropPad, RefusesExtentsThatCannotBe) {
  const Tensor x = Tensor::of<float>({2}, {1, 2});
  for (const std::vector<int64_t>& extents : std::vector<std::vector<int64_t>>{{-1}, {1, 1}, {}, {INT64_MAX}})
    EXPECT_TRUE(refusal(run_node({"CenterCropPad", 18}, {x, integers(extents)})).has_value());
}

}  // namespace
}  // namespace fovea::ops
