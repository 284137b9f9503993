// Sizes, crops and padding of timm's and transformers' transforms, and the exact values of their normalisation.
#include "image/transform.h"

#include <cstring>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::image {
namespace {

using testing::HasSubstr;

constexpr std::array<double, 3> kMean = {0.485, 0.456, 0.406};
constexpr std::array<double, 3> kStd = {0.229, 0.224, 0.225};

TransformSpec timm(Size input, double crop_pct, TimmCropMode mode) {
  return timm_transform(input, crop_pct, mode, Interpolation::bicubic, kMean, kStd);
}

// Each pixel says where it is: red its row, green its column.
Image coordinates(int64_t height, int64_t width) {
  Image image = *Image::allocate(height, width);
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x) {
      uint8_t* rgb = image.row(y) + 3 * x;
      rgb[0] = static_cast<uint8_t>(y);
      rgb[1] = static_cast<uint8_t>(x);
      rgb[2] = 200;
    }
  return image;
}

std::vector<int> pixel(const Image& image, int64_t y, int64_t x) {
  const uint8_t* rgb = image.row(y) + 3 * x;
  return {rgb[0], rgb[1], rgb[2]};
}

// A spec that only crops, so that pixels keep their values.
TransformSpec only_crop(CropRule rule, Size crop) {
  TransformSpec spec;
  spec.resize_rule = ResizeRule::none;
  spec.crop_rule = rule;
  spec.crop = crop;
  spec.fill = {1, 2, 3};
  return spec;
}

TEST(TimmTransform, DividesTheTargetByCropPctAndRoundsDown) {
  EXPECT_EQ(timm({224, 224}, 0.875, TimmCropMode::center).resize, (Size{256, 256}));
  EXPECT_EQ(timm({224, 224}, 0.9, TimmCropMode::center).resize, (Size{248, 248}));
  EXPECT_EQ(timm({224, 224}, 0.95, TimmCropMode::center).resize, (Size{235, 235}));
  EXPECT_EQ(timm({288, 288}, 0.95, TimmCropMode::center).resize, (Size{303, 303}));
  EXPECT_EQ(timm({224, 224}, 0.0, TimmCropMode::center).resize, (Size{256, 256}));
}

TEST(TimmTransform, ChoosesTheResizeRuleByCropModeAndShape) {
  EXPECT_EQ(timm({224, 224}, 1, TimmCropMode::center).resize_rule, ResizeRule::shortest);
  EXPECT_EQ(timm({416, 288}, 1, TimmCropMode::center).resize_rule, ResizeRule::cover);
  EXPECT_EQ(timm({224, 224}, 1, TimmCropMode::squash).resize_rule, ResizeRule::exact);
  const TransformSpec border = timm({224, 224}, 1, TimmCropMode::border);
  EXPECT_EQ(border.resize_rule, ResizeRule::contain);
  EXPECT_EQ(border.fill, (std::array<uint8_t, 3>{124, 116, 104}));
  EXPECT_EQ(*parse_timm_crop_mode("border"), TimmCropMode::border);
  EXPECT_THAT(parse_timm_crop_mode("middle").error().to_string(), HasSubstr("center, squash or border"));
}

TEST(Transform, GivesTheCropsSizeOrTheResizedOne) {
  const auto size = [](const TransformSpec& spec, Size photo) { return *Transform::create(spec)->output_size(photo); };
  EXPECT_EQ(size(timm({224, 288}, 0.9, TimmCropMode::center), {480, 640}), (Size{224, 288}));
  TransformSpec spec;
  spec.crop_rule = CropRule::none;
  spec.resize = {256, 256};
  EXPECT_EQ(size(spec, {480, 641}), (Size{256, 341}));  // 341.9 truncated
  EXPECT_EQ(size(spec, {641, 480}), (Size{341, 256}));
  spec.divisor = 32;
  EXPECT_EQ(size(spec, {480, 641}), (Size{256, 352}));  // 341 / 32 = 10.66 -> 11
  spec.resize = {10, 10};
  EXPECT_EQ(size(spec, {480, 641}), (Size{32, 32}));  // at least one divisor
  spec.divisor = 1;
  spec.resize_rule = ResizeRule::shortest_capped;
  spec.resize = {800, 1333};
  EXPECT_EQ(size(spec, {480, 640}), (Size{800, 1066}));
  EXPECT_EQ(size(spec, {400, 1200}), (Size{444, 1333}));
  spec.resize_rule = ResizeRule::fit;
  spec.resize = {50, 50};
  EXPECT_EQ(size(spec, {100, 200}), (Size{25, 50}));
}

TEST(Transform, CropsHalfToEvenLikeTorchvision) {
  const Image photo = coordinates(9, 12);
  const Image even = *Transform::create(only_crop(CropRule::torchvision, {4, 5}))->pixels(photo.view());
  EXPECT_EQ(pixel(even, 0, 0), (std::vector<int>{2, 4, 200}));  // 2.5 -> 2, 3.5 -> 4
  const Image floor = *Transform::create(only_crop(CropRule::transformers, {4, 5}))->pixels(photo.view());
  EXPECT_EQ(pixel(floor, 0, 0), (std::vector<int>{2, 3, 200}));
}

TEST(Transform, PadsTheSmallerHalfBeforeInTorchvisionAndAfterInTransformers) {
  const Image photo = coordinates(3, 8);
  const Image before = *Transform::create(only_crop(CropRule::torchvision, {6, 5}))->pixels(photo.view());
  EXPECT_EQ(pixel(before, 0, 0), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(pixel(before, 1, 0), (std::vector<int>{0, 2, 200}));
  EXPECT_EQ(pixel(before, 4, 0), (std::vector<int>{1, 2, 3}));
  const Image after = *Transform::create(only_crop(CropRule::transformers, {6, 5}))->pixels(photo.view());
  EXPECT_EQ(pixel(after, 1, 0), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(pixel(after, 2, 0), (std::vector<int>{0, 1, 200}));
}

TEST(Transform, NormalisesToTorchsBits) {
  Image photo = *Image::allocate(1, 3);
  const uint8_t bytes[9] = {100, 7, 255, 0, 0, 0, 1, 2, 3};
  std::memcpy(photo.data(), bytes, 9);
  TransformSpec spec = only_crop(CropRule::none, {1, 1});
  Tensor out = *Tensor::allocate(DType::f32, {1, 3, 1, 3});
  ASSERT_TRUE(Transform::create(spec)->run(photo.view(), out.mutable_view()));
  // As torch 2 computes them.
  EXPECT_EQ(out.data<float>()[0], -0.40542858839035034f);
  EXPECT_EQ(out.data<float>()[3], -1.9131652116775513f);
  EXPECT_EQ(out.data<float>()[6], 2.640000104904175f);

  spec.layout = Layout::nhwc;
  spec.order = ChannelOrder::bgr;
  spec.mean = {0, 0, 0};
  spec.std = {1, 1, 1};
  spec.rescale = 1.0;
  Tensor reversed = *Tensor::allocate(DType::f32, {1, 3, 3});
  ASSERT_TRUE(Transform::create(spec)->run(photo.view(), reversed.mutable_view()));
  EXPECT_THAT(reversed.values<float>(), testing::ElementsAre(255, 7, 100, 0, 0, 0, 3, 2, 1));
}

TEST(Transform, TakesALinesMiddleWithoutResizingAllOfIt) {
  Image line = *Image::allocate(65535, 1);  // resized whole: 256 x 16,776,960
  std::memset(line.data(), 50, static_cast<size_t>(line.bytes()));
  const auto pixels = Transform::create(timm({224, 224}, 0.875, TimmCropMode::center))->pixels(line.view());
  ASSERT_TRUE(pixels);
  EXPECT_EQ(pixel(*pixels, 223, 223), (std::vector<int>{50, 50, 50}));
}

TEST(Transform, RefusesAPhotoThatWouldVanish) {
  const auto border = Transform::create(timm({224, 224}, 1, TimmCropMode::border));
  const auto refused = border->output_size({65535, 1});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_image);
  EXPECT_THAT(refused.error().to_string(), HasSubstr("would become 0x224"));
}

TEST(Transform, RefusesSpecsAndBuffersThatMakeNoSense) {
  TransformSpec spec;
  spec.crop = {0, 224};
  EXPECT_FALSE(Transform::create(spec));
  spec = {};
  spec.std[1] = 0;
  EXPECT_THAT(Transform::create(spec).error().to_string(), HasSubstr("std not 0"));
  spec = {};
  spec.divisor = 0;
  EXPECT_FALSE(Transform::create(spec));
  spec = {};
  spec.resize = {-1, 5};
  EXPECT_FALSE(Transform::create(spec));

  const Image photo = coordinates(20, 20);
  Tensor wrong = *Tensor::allocate(DType::f32, {3, 224, 225});
  const auto outcome = Transform::create({})->run(photo.view(), wrong.mutable_view());
  ASSERT_FALSE(outcome);
  EXPECT_THAT(outcome.error().to_string(), HasSubstr("f32[3x224x225]"));
  Tensor integers = *Tensor::allocate(DType::u8, {3, 224, 224});
  EXPECT_FALSE(Transform::create({})->run(photo.view(), integers.mutable_view()));
}

}  // namespace
}  // namespace fovea::image
