#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(Shape, TakesAPartClampedToTheRank) {
  const auto x = Tensor::of<float>({1, 2, 3}, {1, 2, 3, 4, 5, 6});
  const auto part = [&](int64_t start, int64_t end) {
    return values_of<int64_t>(run_node({"Shape", 15, {{"start", start}, {"end", end}}}, {x}));
  };
  EXPECT_THAT(part(0, 3), ElementsAre(1, 2, 3));
  EXPECT_THAT(part(-2, 99), ElementsAre(2, 3));
  EXPECT_THAT(part(-99, -1), ElementsAre(1, 2));
  EXPECT_THAT(part(2, 1), ElementsAre());
  EXPECT_THAT(part(INT64_MIN, INT64_MAX), ElementsAre(1, 2, 3));
}

TEST(Shape, HasNoPartsBeforeOpset15) {
  EXPECT_EQ(refusal(run_node({"Shape", 13, {{"start", int64_t{1}}}}, {Tensor::scalar(1.0f)})),
            ErrorCode::invalid_model);
}

TEST(Size, CountsElements) {
  EXPECT_THAT(values_of<int64_t>(run_node({"Size", 13}, {Tensor::of<bool>({2, 1}, {true, false})})), ElementsAre(2));
  EXPECT_THAT(values_of<int64_t>(run_node({"Size", 13}, {Tensor::scalar(1.0f)})), ElementsAre(1));
}

}  // namespace
}  // namespace fovea::ops
