#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;

// One row of four pixels, read at the given x.
Result<std::vector<Tensor>> read(std::string mode, std::string padding, bool align, const std::vector<float>& x,
                                 int opset = 20) {
  std::vector<float> grid;
  for (float v : x) grid.insert(grid.end(), {v, 0});
  return run_node(
      {"GridSample",
       opset,
       {{"mode", std::move(mode)}, {"padding_mode", std::move(padding)}, {"align_corners", int64_t{align}}}},
      {Tensor::of<float>({1, 1, 1, 4}, {1, 2, 3, 4}),
       Tensor::of<float>({1, 1, static_cast<int64_t>(x.size()), 2}, grid)});
}

TEST(GridSample, EndsAreCornersOrEdges) {
  EXPECT_THAT((*read("linear", "zeros", true, {-1, 0, 1}))[0].values<float>(), ElementsAre(1, 2.5f, 4));
  EXPECT_THAT((*read("linear", "zeros", false, {-1, 0, 1}))[0].values<float>(), ElementsAre(0.5f, 2.5f, 2));
}

TEST(GridSample, OutsideIsPadded) {
  EXPECT_THAT((*read("nearest", "zeros", false, {-1.5f, 3}))[0].values<float>(), ElementsAre(0, 0));
  EXPECT_THAT((*read("nearest", "border", false, {-1.5f, 3}))[0].values<float>(), ElementsAre(1, 4));
  EXPECT_THAT((*read("linear", "reflection", true, {-2, 1.6667f}))[0].values<float>(),
              Pointwise(FloatNear(1e-3f), {2.5f, 3.0f}));
}

TEST(GridSample, CubicGoesThroughThePixels) {
  EXPECT_THAT((*read("cubic", "border", true, {-1, 1}))[0].values<float>(), Pointwise(FloatNear(1e-5f), {1.0f, 4.0f}));
}

TEST(GridSample, CubicReadsPixelsInsideFromPlacesOutside) {
  // At -0.25 the second pixel has the weight -0.10546875, the first one all the rest.
  EXPECT_THAT((*read("cubic", "border", false, {-0.875f}))[0].values<float>(),
              Pointwise(FloatNear(1e-6f), {0.89453125f}));
}

TEST(GridSample, SamplesVolumes) {
  const auto x = Tensor::of<float>({1, 1, 2, 1, 2}, {1, 2, 3, 4});
  const auto grid = Tensor::of<float>({1, 1, 1, 1, 3}, {0, 0, 0});
  for (const char* mode : {"linear", "cubic"}) {
    const auto y =
        run_node({"GridSample", 20, {{"mode", std::string(mode)}, {"padding_mode", std::string("border")}}}, {x, grid});
    ASSERT_TRUE(y.ok()) << y.error().to_string();
    EXPECT_THAT((*y)[0].values<float>(), Pointwise(FloatNear(1e-6f), {2.5f})) << mode;
  }
  EXPECT_FALSE(run_node({"GridSample", 16}, {x, grid}).ok()) << "opset 16 has images only";
}

TEST(GridSample, KnowsTheOldNames) {
  EXPECT_TRUE(read("bilinear", "zeros", false, {0}, 16).ok());
  EXPECT_FALSE(read("quadratic", "zeros", false, {0}).ok());
}

TEST(GridSample, PlacesThatAreNoNumbersReadNothingOutside) {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  EXPECT_THAT((*read("linear", "zeros", false, {nan, inf, -inf}))[0].values<float>(), ElementsAre(0, 0, 0));
  EXPECT_TRUE(read("nearest", "reflection", false, {nan, inf, 1e30f}).ok());
}

}  // namespace
}  // namespace fovea::ops
