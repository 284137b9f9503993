#include "ops/resize.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::Pointwise;
using AttributeMap = std::map<std::string, Attribute, std::less<>>;
using Integers = std::vector<int64_t>;

Tensor floats(const std::vector<float>& values) {
  return Tensor::of<float>({static_cast<int64_t>(values.size())}, values);
}
Tensor integers(const Integers& values) { return Tensor::of<int64_t>({static_cast<int64_t>(values.size())}, values); }

// Resizes one axis by scales or by sizes, with opset 19.
std::vector<float> by_scale(const std::vector<float>& x, float scale, AttributeMap attributes, Tensor roi = {}) {
  return values_of<float>(run_node({"Resize", 19, std::move(attributes)}, {floats(x), roi, floats({scale})}));
}
std::vector<float> by_size(const std::vector<float>& x, int64_t size, AttributeMap attributes, Tensor roi = {}) {
  return values_of<float>(
      run_node({"Resize", 19, std::move(attributes)}, {floats(x), roi, Tensor(), integers({size})}));
}
AttributeMap linear(const std::string& coordinates) {
  return {{"mode", "linear"}, {"coordinate_transformation_mode", coordinates}};
}

TEST(Resize, TakesTheNearestByHalfPixelsUnlessToldOtherwise) {
  EXPECT_THAT(by_scale({1, 2}, 2, {}), ElementsAre(1, 1, 2, 2));
  // Ties: outputs of a halved axis lie in the middle of two inputs.
  const std::vector<float> x = {0, 1, 2, 3};
  EXPECT_THAT(by_scale(x, 0.5f, {}), ElementsAre(0, 2));
  for (const char* up : {"round_prefer_ceil", "ceil"})
    EXPECT_THAT(by_scale(x, 0.5f, {{"nearest_mode", up}}), ElementsAre(1, 3));
  EXPECT_THAT(by_scale(x, 0.5f, {{"nearest_mode", "floor"}}), ElementsAre(0, 2));
}

TEST(Resize, TakesForATieWhatRoundingMovedOffTheMiddle) {
  std::vector<float> x(22);
  for (size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i);
  EXPECT_EQ(by_size(x, 13, {})[6], 10) << "6.5 * 22 / 13 - 0.5 is 10.5, and 10.500001 in single precision";
}

TEST(Resize, InterpolatesBetweenTheCornersOrTheCentresOfPixels) {
  EXPECT_THAT(by_scale({1, 2}, 2, linear("half_pixel")), ElementsAre(1, 1.25f, 1.75f, 2));
  EXPECT_THAT(by_size({0, 3}, 4, linear("align_corners")), ElementsAre(0, 1, 2, 3));
  EXPECT_THAT(by_scale({0, 2}, 2, linear("asymmetric")), ElementsAre(0, 1, 2, 2));
  EXPECT_THAT(by_size({5, 7}, 1, linear("pytorch_half_pixel")), ElementsAre(5));
}

TEST(Resize, CountsTheExtentBeforeItWasRoundedDown) {
  // 4 * 0.6 is 2.4: the corner lies at 1.4 outputs, so output 1 at 3 / 1.4.
  EXPECT_THAT(by_scale({1, 2, 3, 4}, 0.6f, linear("align_corners")), Pointwise(FloatNear(1e-6f), {1.0f, 1 + 3 / 1.4f}));
  // 10 * 0.7f is 7 in single precision, although 0.7f is less than 0.7.
  EXPECT_EQ(by_scale(std::vector<float>(10), 0.7f, {}).size(), 7u);
}

TEST(Resize, WidensTheFilterAgainstAliases) {
  AttributeMap attributes = linear("half_pixel");
  attributes["antialias"] = int64_t{1};
  // Weights 1 3 3 1 around each output, with the edge repeated or left out.
  EXPECT_THAT(by_scale({0, 4, 8, 12}, 0.5f, attributes), Pointwise(FloatNear(1e-6f), {2.5f, 9.5f}));
  attributes["exclude_outside"] = int64_t{1};
  EXPECT_THAT(by_scale({0, 4, 8, 12}, 0.5f, attributes), Pointwise(FloatNear(1e-6f), {20.0f / 7, 64.0f / 7}));
}

TEST(Resize, RoundsAndSaturatesIntegers) {
  const auto y = run_node({"Resize", 19, {{"mode", "cubic"}}},
                          {Tensor::of<uint8_t>({4}, {0, 0, 255, 255}), Tensor(), floats({2})});
  EXPECT_THAT(values_of<uint8_t>(y), ElementsAre(0, 0, 0, 58, 197, 255, 255, 255));
}

TEST(Resize, CropsAndFillsWhatLiesOutside) {
  AttributeMap attributes = linear("tf_crop_and_resize");
  attributes["extrapolation_value"] = 9.0f;
  EXPECT_THAT(by_size({0, 1, 2, 3, 4}, 3, attributes, floats({0.5f, 1.0f})), ElementsAre(2, 3, 4));
  EXPECT_THAT(by_size({0, 1, 2, 3, 4}, 3, attributes, floats({0.5f, 1.5f})), ElementsAre(2, 4, 9));
  attributes["mode"] = "nearest";
  EXPECT_THAT(by_size({0, 1, 2, 3, 4}, 3, attributes, floats({0.5f, 1.5f})), ElementsAre(2, 4, 9));
}

TEST(Resize, KeepsTheAspectRatioOnTheListedAxes) {
  const auto shape_for = [](const char* policy) {
    return shape_of(run_node({"Resize", 18, {{"keep_aspect_ratio_policy", policy}, {"axes", Integers{-1, 1}}}},
                             {*Tensor::allocate(DType::f32, {3, 2, 4}), Tensor(), Tensor(), integers({8, 7})}));
  };
  EXPECT_EQ(shape_for("stretch"), (Shape{3, 7, 8}));
  EXPECT_EQ(shape_for("not_larger"), (Shape{3, 4, 8}));
  EXPECT_EQ(shape_for("not_smaller"), (Shape{3, 7, 14}));
}

TEST(Resize, MovesElementsOfAnyTypeWhenNearest) {
  const auto y = run_node({"Resize", 13}, {Tensor::of<int64_t>({2}, {INT64_MAX, INT64_MIN}), Tensor(), floats({2})});
  EXPECT_THAT(values_of<int64_t>(y), ElementsAre(INT64_MAX, INT64_MAX, INT64_MIN, INT64_MIN));
}

TEST(Resize, BeforeOpset11HasNoRegionAndStartsAtTheCorner) {
  EXPECT_THAT(values_of<float>(run_node({"Resize", 10, {{"mode", "linear"}}}, {floats({0, 2}), floats({2})})),
              ElementsAre(0, 1, 2, 2));
  EXPECT_THAT(values_of<float>(run_node({"Upsample", 9}, {floats({1, 2}), floats({2.5f})})),
              ElementsAre(1, 1, 1, 2, 2));
  EXPECT_THAT(values_of<float>(run_node({"Upsample", 7, {{"scales", std::vector<float>{2}}}}, {floats({1, 2})})),
              ElementsAre(1, 1, 2, 2));
}

TEST(Resize, NeedsScalesOrSizesThatMakeSense) {
  const Tensor x = floats({1, 2}), none = floats({});
  const auto refused = [&](const Tensor& scales, const Tensor& sizes) {
    return refusal(run_node({"Resize", 11}, {x, none, scales, sizes})).has_value();
  };
  EXPECT_FALSE(refused(none, integers({3})));
  EXPECT_TRUE(refused(none, Tensor()));
  EXPECT_TRUE(refused(floats({2}), integers({4})));
  EXPECT_TRUE(refused(floats({2, 2}), Tensor()));
  for (float scale : {0.0f, -1.0f, std::nanf(""), std::numeric_limits<float>::infinity(), 1e30f})
    EXPECT_TRUE(refused(floats({scale}), Tensor())) << scale;
  for (int64_t size : {int64_t{-1}, std::numeric_limits<int64_t>::max()})
    EXPECT_TRUE(refused(none, integers({size}))) << size;
  EXPECT_TRUE(refusal(run_node({"Resize", 13}, {none, Tensor(), Tensor(), integers({2})})).has_value());
}

TEST(Resize, NeedsARegionForCroppingThatIsFinite) {
  const TestNode node{"Resize", 19, linear("tf_crop_and_resize")};
  const auto refused = [&](const Tensor& roi) { return refusal(run_node(node, {floats({1, 2}), roi, floats({2})})); };
  EXPECT_TRUE(refused(Tensor()).has_value());
  EXPECT_TRUE(refused(floats({0, 1, 2})).has_value());
  EXPECT_TRUE(refused(floats({0, std::nanf("")})).has_value());
  EXPECT_FALSE(refused(floats({0, 1})).has_value());
}

TEST(Resize, RefusesModesThatItDoesNotKnow) {
  for (const char* name : {"mode", "coordinate_transformation_mode", "nearest_mode", "keep_aspect_ratio_policy"})
    EXPECT_EQ(refusal(run_node({"Resize", 19, {{name, "other"}}}, {floats({1}), Tensor(), floats({2})})),
              ErrorCode::invalid_model)
        << name;
}

}  // namespace
}  // namespace fovea::ops
