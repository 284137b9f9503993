#include <cmath>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

const Tensor kPhoto = Tensor::of<float>({1, 1, 3, 4}, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});

Result<std::vector<Tensor>> pool(const std::vector<float>& region, std::vector<int64_t> bins, float scale = 1) {
  return run_node({"MaxRoiPool", 1, {{"pooled_shape", std::move(bins)}, {"spatial_scale", scale}}},
                  {kPhoto, Tensor::of<float>({1, 5}, region)});
}

TEST(MaxRoiPool, TakesBothCornersIn) {
  EXPECT_THAT((*pool({0, 1, 0, 2, 1}, {1, 1}))[0].values<float>(), ElementsAre(7));
  EXPECT_THAT((*pool({0, 0, 0, 3, 1}, {2, 2}))[0].values<float>(), ElementsAre(2, 4, 6, 8));
  EXPECT_THAT((*pool({0, 0, 0, 6, 2}, {1, 2}, 0.5f))[0].values<float>(), ElementsAre(6, 8)) << "corners scaled";
}

TEST(MaxRoiPool, GivesZeroWhereABinHasNoPixel) {
  EXPECT_THAT((*pool({0, 10, 10, 12, 12}, {1, 1}))[0].values<float>(), ElementsAre(0));
  EXPECT_THAT((*pool({0, 1e30f, 0, 1e30f, 0}, {1, 1}))[0].values<float>(), ElementsAre(0));
}

TEST(MaxRoiPool, RefusesPhotosThatAreNotThere) {
  EXPECT_EQ(pool({1, 0, 0, 1, 1}, {1, 1}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(pool({-1, 0, 0, 1, 1}, {1, 1}).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(pool({0, NAN, 0, 1, 1}, {1, 1}).error().code, ErrorCode::invalid_argument);
  EXPECT_FALSE(pool({0, 0, 0, 1, 1}, {0, 1}).ok());
}

}  // namespace
}  // namespace fovea::ops
