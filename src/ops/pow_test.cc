#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(Pow, HasTheTypeOfItsBase) {
  const auto f = Tensor::of<float>({2}, {2, 3}), i = Tensor::of<int64_t>({2}, {3, 2}),
             h = Tensor::of<float>({2}, {0.5f, 1.5f});
  EXPECT_THAT(values_of<float>(run_node({"Pow", 15}, {f, i})), ElementsAre(8, 9));
  EXPECT_THAT(values_of<int64_t>(run_node({"Pow", 15}, {i, f})), ElementsAre(9, 8));
  EXPECT_THAT(values_of<int64_t>(run_node({"Pow", 15}, {i, h})), ElementsAre(1, 2));  // 1.73 and 2.83, cut off
}

TEST(Pow, IntegersAreExactAndWrapAround) {
  const auto x = Tensor::of<int64_t>({5}, {3, 2, -1, 0, 7}), n = Tensor::of<int64_t>({5}, {39, 64, -3, 0, -1});
  EXPECT_THAT(values_of<int64_t>(run_node({"Pow", 15}, {x, n})), ElementsAre(4052555153018976267, 0, -1, 1, 0));
}

TEST(Pow, SquaresByMultiplication) {
  const auto y = run_node({"Pow", 15}, {Tensor::of<float>({3}, {-3, INFINITY, 0.1f}), Tensor::scalar(2.0f)});
  EXPECT_THAT(values_of<float>(y), ElementsAre(9, INFINITY, 0.1f * 0.1f));
}

TEST(Pow, BroadcastsLikeOpset6) {
  const auto x = Tensor::of<float>({2, 2}, {1, 2, 3, 4}), n = Tensor::of<float>({2}, {1, 2});
  const auto y = run_node({"Pow", 6, {{"broadcast", int64_t{1}}, {"axis", int64_t{0}}}}, {x, n});
  EXPECT_THAT(values_of<float>(y), ElementsAre(1, 2, 9, 16));
}

}  // namespace
}  // namespace fovea::ops
