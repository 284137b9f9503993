#include "ops/pad.h"

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using Integers = std::vector<int64_t>;

Tensor integers(const Integers& values) { return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values); }

// Pads the numbers 1, 2, 3.
std::vector<float> padded(std::string mode, int64_t begin, int64_t end) {
  const auto y = run_node({"Pad", 19, {{"mode", mode}}}, {Tensor::of<float>({3}, {1, 2, 3}), integers({begin, end})});
  if (!y.ok()) return {-1};
  const auto values = (*y)[0].values<float>();
  return {values.begin(), values.end()};
}

TEST(Pad, HasFourModes) {
  EXPECT_THAT(padded("constant", 2, 1), ElementsAre(0, 0, 1, 2, 3, 0));
  EXPECT_THAT(padded("edge", 2, 1), ElementsAre(1, 1, 1, 2, 3, 3));
  EXPECT_THAT(padded("reflect", 2, 1), ElementsAre(3, 2, 1, 2, 3, 2));
  EXPECT_THAT(padded("wrap", 2, 1), ElementsAre(2, 3, 1, 2, 3, 1));
}

TEST(Pad, GoesOnBeyondOneLength) {
  EXPECT_THAT(padded("reflect", 5, 0), ElementsAre(2, 1, 2, 3, 2, 1, 2, 3));
  EXPECT_THAT(padded("wrap", 0, 4), ElementsAre(1, 2, 3, 1, 2, 3, 1));
}

TEST(Pad, CropsBeforeItPads) {
  EXPECT_THAT(padded("constant", -1, 2), ElementsAre(2, 3, 0, 0));
  EXPECT_THAT(padded("reflect", 1, -1), ElementsAre(2, 1, 2));
  EXPECT_THAT(padded("wrap", 1, -1), ElementsAre(2, 1, 2));
  EXPECT_THAT(padded("constant", -2, -1), ElementsAre());
  EXPECT_THAT(padded("constant", -3, 1), ElementsAre(0));
}

TEST(Pad, TakesAConstantOfTheDatasType) {
  const auto x = Tensor::of<int8_t>({1, 1}, {1});
  const auto y = run_node({"Pad", 18}, {x, integers({0, 1}), Tensor::scalar<int8_t>(-7), integers({-1})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<int8_t>(), ElementsAre(1, -7));
  EXPECT_FALSE(run_node({"Pad", 18}, {x, integers({0, 1, 0, 1}), Tensor::scalar(1.f)}).ok());
}

TEST(Pad, ReadsAttributesBeforeOpset11) {
  const auto x = Tensor::of<f16>({1, 2}, {f16(1.f), f16(2.f)});
  const auto y = run_node({"Pad", 2, {{"pads", Integers{0, 1, 1, 0}}, {"value", 0.5f}}}, {x});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].shape(), ElementsAre(2, 3));
  EXPECT_THAT((*y)[0].values<f16>(), ElementsAre(0.5f, 1, 2, 0.5f, 0.5f, 0.5f));
}

TEST(Pad, RefusesHostilePads) {
  const auto x = Tensor::of<float>({3}, {1, 2, 3});
  for (const Integers& pads : std::vector<Integers>{{-2, -2},
                                                    {INT64_MIN, 0},
                                                    {INT64_MIN, INT64_MIN},
                                                    {INT64_MAX, INT64_MAX},
                                                    {INT64_MAX, 0},
                                                    {INT64_MAX, -3},
                                                    {1},
                                                    {}})
    EXPECT_FALSE(run_node({"Pad", 19}, {x, integers(pads)}).ok());
  EXPECT_THAT(padded("edge", -3, 1), ElementsAre(-1)) << "nothing is left to repeat";
  EXPECT_THAT(padded("mirror", 1, 1), ElementsAre(-1));
}

}  // namespace
}  // namespace fovea::ops
