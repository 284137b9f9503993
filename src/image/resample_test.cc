// Resizing against answers that Pillow 13 gave, and parts of a resized photo against the whole.
#include "image/resample.h"

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::image {
namespace {

using testing::HasSubstr;

// The picture of the answers below: numbers without a pattern that a wrong filter would keep.
Image picture(int64_t height, int64_t width) {
  Image image = *Image::allocate(height, width);
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < 3; ++c)
        image.row(y)[3 * x + c] = static_cast<uint8_t>(x * 37 + y * 91 + c * 53 + (x * y * 7) % 29 * 11);
  return image;
}

Image noise(int64_t height, int64_t width, unsigned seed) {
  Image image = *Image::allocate(height, width);
  std::mt19937 random(seed);
  for (int64_t i = 0; i < image.bytes(); ++i) image.data()[i] = static_cast<uint8_t>(random());
  return image;
}

std::vector<int> values(const Image& image) { return {image.data(), image.data() + image.bytes()}; }

struct Answer {
  const char* filter;
  Size from, to;
  std::vector<int> pixels;
};

const Answer kAnswers[] = {
    // clang-format off
    {"nearest", {7, 9}, {3, 4}, {205, 2, 55, 177, 230, 27, 86, 139, 192, 58, 111, 164, 29, 82, 135, 183, 236, 33,
     144, 197, 250, 42, 95, 148, 46, 99, 152, 252, 49, 102, 139, 192, 245, 89, 142, 195}},
    {"box", {7, 9}, {3, 4}, {84, 73, 126, 102, 155, 165, 174, 163, 88, 69, 122, 111, 109, 162, 129, 161, 129, 96,
     129, 140, 150, 101, 112, 165, 124, 113, 102, 179, 146, 157, 161, 86, 139, 92, 145, 134}},
    {"bilinear", {7, 9}, {3, 4}, {96, 102, 135, 115, 158, 141, 146, 152, 118, 109, 122, 102, 112, 125, 125, 167,
     142, 92, 127, 149, 154, 99, 126, 153, 136, 139, 128, 184, 110, 139, 124, 117, 150, 118, 131, 143}},
    {"hamming", {7, 9}, {3, 4}, {98, 89, 129, 116, 167, 138, 150, 158, 116, 92, 121, 107, 97, 129, 126, 181, 147,
     76, 131, 151, 163, 87, 115, 160, 130, 131, 117, 199, 108, 143, 130, 119, 154, 110, 140, 142}},
    {"bicubic", {7, 9}, {3, 4}, {92, 96, 133, 108, 163, 149, 155, 156, 115, 106, 119, 96, 114, 132, 125, 173, 137,
     84, 123, 153, 157, 100, 127, 157, 135, 137, 127, 189, 111, 143, 124, 113, 148, 116, 131, 144}},
    {"lanczos", {7, 9}, {3, 4}, {89, 92, 131, 104, 167, 155, 161, 159, 112, 106, 114, 89, 118, 134, 125, 175, 132,
     80, 117, 157, 160, 105, 130, 158, 136, 135, 128, 190, 111, 145, 122, 109, 147, 115, 129, 148}},
    {"nearest", {13, 4}, {3, 5}, {182, 235, 32, 117, 170, 223, 52, 105, 158, 52, 105, 158, 180, 233, 30, 34, 87,
     140, 214, 11, 64, 138, 191, 244, 138, 191, 244, 255, 52, 105, 142, 195, 248, 55, 108, 161, 224, 21, 74, 224, 21,
     74, 74, 127, 180}},
    {"box", {13, 4}, {3, 5}, {73, 126, 115, 97, 86, 139, 106, 95, 148, 106, 95, 148, 163, 216, 77, 136, 138, 140,
     124, 126, 128, 125, 127, 180, 125, 127, 180, 165, 65, 118, 124, 113, 166, 139, 128, 181, 187, 112, 101, 187, 112,
     101, 107, 160, 213}},
    {"bilinear", {13, 4}, {3, 5}, {94, 147, 121, 107, 120, 127, 116, 101, 138, 137, 121, 124, 181, 187, 73, 115,
     136, 140, 121, 123, 139, 132, 120, 157, 147, 110, 156, 164, 82, 113, 142, 106, 159, 129, 116, 169, 145, 114, 139,
     144, 120, 133, 94, 147, 200}},
    {"hamming", {13, 4}, {3, 5}, {91, 144, 120, 113, 106, 131, 113, 96, 139, 118, 105, 134, 176, 204, 66, 120, 144,
     140, 127, 115, 136, 129, 125, 164, 135, 130, 182, 169, 67, 112, 142, 107, 160, 131, 113, 166, 153, 111, 130, 167,
     113, 106, 100, 153, 206}},
    {"bicubic", {13, 4}, {3, 5}, {86, 147, 122, 105, 118, 124, 114, 90, 140, 139, 119, 125, 189, 197, 68, 120, 142,
     140, 119, 127, 137, 129, 123, 163, 148, 107, 161, 165, 71, 106, 142, 100, 157, 127, 115, 176, 149, 112, 134, 147,
     120, 126, 87, 154, 212}},
    {"lanczos", {13, 4}, {3, 5}, {85, 148, 121, 106, 122, 117, 112, 79, 144, 144, 125, 124, 197, 201, 65, 123, 144,
     141, 117, 130, 135, 128, 124, 168, 153, 100, 155, 165, 68, 99, 142, 96, 156, 126, 113, 184, 152, 111, 128, 140,
     123, 128, 78, 156, 219}},
    // clang-format on
};

TEST(Resize, GivesPillowsPixelsWithEachFilter) {
  for (const Answer& answer : kAnswers) {
    const auto filter = parse_interpolation(answer.filter);
    ASSERT_TRUE(filter);
    const auto out = resize(picture(answer.from.height, answer.from.width).view(), answer.to, *filter);
    ASSERT_TRUE(out);
    EXPECT_EQ(values(*out), answer.pixels) << answer.filter << " from height " << answer.from.height;
  }
}

TEST(Resize, ToItsOwnSizeIsACopy) {
  const Image photo = noise(11, 5, 1);
  for (int f = 0; f < 6; ++f)
    EXPECT_EQ(values(*resize(photo.view(), {11, 5}, static_cast<Interpolation>(f))), values(photo));
}

TEST(Resize, OfAFlatPhotoIsFlat) {
  Image photo = *Image::allocate(37, 23);
  std::memset(photo.data(), 201, static_cast<size_t>(photo.bytes()));
  for (int f = 0; f < 6; ++f)
    for (Size to : {Size{5, 7}, Size{100, 60}, Size{1, 1}, Size{37, 80}, Size{90, 23}}) {
      const auto out = resize(photo.view(), to, static_cast<Interpolation>(f));
      ASSERT_TRUE(out);
      EXPECT_THAT(values(*out), testing::Each(201)) << f << " " << to.height << "x" << to.width;
    }
}

TEST(ResizePart, IsThatPartOfTheWhole) {
  std::mt19937 random(3);
  const auto below = [&random](int64_t n) { return static_cast<int64_t>(random() % static_cast<unsigned>(n)); };
  for (int trial = 0; trial < 150; ++trial) {
    const Size from = {1 + below(60), 1 + below(60)}, to = {1 + below(60), 1 + below(60)};
    const auto filter = static_cast<Interpolation>(trial % 6);
    const Image photo = noise(from.height, from.width, static_cast<unsigned>(trial));
    const Image whole = *resize(photo.view(), to, filter);
    Rect part;
    part.top = below(to.height);
    part.left = below(to.width);
    part.height = 1 + below(to.height - part.top);
    part.width = 1 + below(to.width - part.left);
    const int64_t stride = 3 * part.width + 5;
    std::vector<uint8_t> out(static_cast<size_t>(stride * part.height), 77);
    ViewSource source(photo.view());
    ASSERT_TRUE(resize_rows(source, {to, filter, part, ResizeMode::exact}, [&](int64_t y, const uint8_t* rgb) {
      std::memcpy(out.data() + y * stride, rgb, static_cast<size_t>(3 * part.width));
    }));
    for (int64_t y = 0; y < part.height; ++y) {
      const uint8_t* expected = whole.row(part.top + y) + 3 * part.left;
      EXPECT_EQ(std::memcmp(out.data() + y * stride, expected, static_cast<size_t>(3 * part.width)), 0) << trial;
      for (int64_t i = 3 * part.width; i < stride; ++i) EXPECT_EQ(out[static_cast<size_t>(y * stride + i)], 77);
    }
  }
}

TEST(Resize, ReadsAViewWithoutAnythingBehindIt) {
  const Image photo = noise(9, 4, 5);
  // Exactly the pixels, so that a sanitizer sees each byte too much.
  const std::vector<uint8_t> bytes(photo.data(), photo.data() + photo.bytes());
  const ImageView view = {bytes.data(), 9, 4, 12, 0};
  EXPECT_EQ(values(*resize(view, {6, 3}, Interpolation::lanczos)),
            values(*resize(photo.view(), {6, 3}, Interpolation::lanczos)));
}

TEST(Resize, RefusesSizesWithoutPixelsAndBeyondMemory) {
  const Image photo = noise(4, 4, 1);
  EXPECT_EQ(resize(photo.view(), {0, 5}, Interpolation::bicubic).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(resize(photo.view(), {5, -1}, Interpolation::nearest).error().code, ErrorCode::invalid_argument);
  EXPECT_EQ(resize(photo.view(), {int64_t{1} << 40, int64_t{1} << 40}, Interpolation::bicubic).error().code,
            ErrorCode::out_of_memory);
}

TEST(Interpolation, IsKnownByNameAndByPillowsNumber) {
  EXPECT_EQ(*parse_interpolation("bicubic"), Interpolation::bicubic);
  EXPECT_EQ(*interpolation_of_pillow(1), Interpolation::lanczos);
  EXPECT_EQ(*interpolation_of_pillow(2), Interpolation::bilinear);
  EXPECT_EQ(*interpolation_of_pillow(3), Interpolation::bicubic);
  EXPECT_EQ(name_of(Interpolation::hamming), "hamming");
  EXPECT_THAT(parse_interpolation("random").error().to_string(), HasSubstr("use nearest, box"));
  EXPECT_FALSE(interpolation_of_pillow(6));
}

}  // namespace
}  // namespace fovea::image
