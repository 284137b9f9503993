#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

// A plane whose values are its columns: sampling it gives the place along x.
const Tensor kColumns = Tensor::of<float>({1, 1, 4, 4}, {0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3});

Result<std::vector<Tensor>> align(int opset, const std::vector<float>& roi, int64_t batch = 0, int64_t samples = 1) {
  return run_node({"RoiAlign", opset, {{"output_width", int64_t{2}}, {"sampling_ratio", samples}}},
                  {kColumns, Tensor::of<float>({1, 4}, roi), Tensor::of<int64_t>({1}, {batch})});
}

TEST(RoiAlign, SamplesTheMiddleOfEachBin) {
  const auto y = align(10, {0, 0, 2, 2});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(0.5f, 1.5f));
}

TEST(RoiAlign, ShiftsByHalfAPixelSinceOpset16) {
  EXPECT_THAT((*align(16, {1, 0, 3, 2}))[0].values<float>(), ElementsAre(1, 2));
}

TEST(RoiAlign, OutsideTheMapIsZero) {
  EXPECT_THAT((*align(10, {10, 10, 12, 12}))[0].values<float>(), ElementsAre(0, 0));
}

TEST(RoiAlign, RefusesPhotosThatAreNotThere) {
  EXPECT_EQ(align(10, {0, 0, 2, 2}, 1).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(align(10, {0, 0, 2, 2}, -1).error().code, ErrorCode::invalid_argument);
}

TEST(RoiAlign, TakesRegionsFarLargerThanThePhoto) {
  const auto y = align(10, {0, 0, 1e30f, 1e30f}, 0, 0);
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(0, 0)) << "nearly all samples lie outside";
  EXPECT_FALSE(align(10, {0, 0, INFINITY, 1}).ok());
}

TEST(RoiAlign, TakesOneSampleForEachPixelWithoutARatio) {
  EXPECT_THAT((*align(10, {0, 0, 4, 4}, 0, 0))[0].values<float>(), ElementsAre(1, 2.75f));
}

TEST(RoiAlign, PoolsTheLargestWeightedPixel) {
  const auto y = run_node({"RoiAlign", 16, {{"mode", std::string("max")}, {"sampling_ratio", int64_t{1}}}},
                          {kColumns, Tensor::of<float>({1, 4}, {1, 1, 3, 3}), Tensor::of<int64_t>({1}, {0})});
  ASSERT_TRUE(y.ok()) << y.error().to_string();
  EXPECT_THAT((*y)[0].values<float>(), ElementsAre(0.5f)) << "the middle of four pixels: 2 * 0.25";
}

}  // namespace
}  // namespace fovea::ops
