#include "ops/transpose.h"

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Integers = std::vector<int64_t>;

TEST(Transpose, ReversesTheAxesByDefault) {
  const auto y = run_node({"Transpose"}, {Tensor::of<int8_t>({1, 2, 3}, {1, 2, 3, 4, 5, 6})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(3, 2, 1));
  EXPECT_THAT((*y)[0].values<int8_t>(), ElementsAre(1, 4, 2, 5, 3, 6));
}

TEST(Transpose, KeepsRunsOfAxesTogether) {
  const auto x = Tensor::of<double>({2, 2, 2}, {1, 2, 3, 4, 5, 6, 7, 8});
  const auto y = run_node({"Transpose", 21, {{"perm", Integers{1, 0, 2}}}}, {x});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<double>(), ElementsAre(1, 2, 5, 6, 3, 4, 7, 8));
}

TEST(Transpose, RefusesWhatIsNoPermutation) {
  const auto x = Tensor::of<float>({1, 2}, {1, 2});
  for (const Integers& perm : std::vector<Integers>{{0}, {0, 0}, {0, 2}, {0, 1, 2}})
    EXPECT_FALSE(run_node({"Transpose", 21, {{"perm", perm}}}, {x}).ok());
}

}  // namespace
}  // namespace fovea::ops
