#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(EyeLike, PutsOnesOnTheDiagonalWanted) {
  const auto x = Tensor::of<int32_t>({2, 3}, {0, 0, 0, 0, 0, 0});
  EXPECT_THAT(values_of<int32_t>(run_node({"EyeLike", 9, {{"k", int64_t{1}}}}, {x})), ElementsAre(0, 1, 0, 0, 0, 1));
  EXPECT_THAT(values_of<float>(run_node({"EyeLike", 9, {{"dtype", int64_t{1}}}}, {x})), ElementsAre(1, 0, 0, 0, 1, 0));
  EXPECT_EQ(refusal(run_node({"EyeLike", 9}, {Tensor::of<float>({1}, {1})})), ErrorCode::invalid_model);
}

TEST(Trilu, KeepsOneSideOfTheDiagonal) {
  const auto x = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  EXPECT_THAT(values_of<float>(run_node({"Trilu", 14}, {x})), ElementsAre(1, 2, 3, 0, 5, 6));
  EXPECT_THAT(values_of<float>(run_node({"Trilu", 14, {{"upper", int64_t{0}}}}, {x, Tensor::scalar<int64_t>(1)})),
              ElementsAre(1, 2, 0, 4, 5, 6));
  EXPECT_THAT(values_of<float>(run_node({"Trilu", 14}, {x, Tensor::scalar(std::numeric_limits<int64_t>::max())})),
              ElementsAre(0, 0, 0, 0, 0, 0));
}

}  // namespace
}  // namespace fovea::ops
