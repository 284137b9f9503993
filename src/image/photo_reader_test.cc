// Photos by rows against the whole ones: the same pixels whatever part is wanted, the same refusals; and scaled ones.
#include "image/photo_reader.h"

#include <cmath>
#include <cstring>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/test_files.h"
#include "image/transform.h"

namespace fovea::image {
namespace {

using test::Bytes;
using test::span_of;

/// The wanted part of a file, read sixteen rows at a time.
Result<Image> part_of(const Bytes& file, const Rect& part, const DecodeOptions& options = {}) {
  const auto reader = FOVEA_TRY(PhotoReader::open(span_of(file), options));
  FOVEA_TRY(reader->start(1, part));
  Image out = FOVEA_TRY(Image::allocate(part.height, part.width));
  for (int64_t y = 0; y < part.height; y += kSourceRows) {
    const uint8_t* rows[kSourceRows];
    const int64_t count = std::min(kSourceRows, part.height - y);
    FOVEA_TRY(reader->read(part.top + y, count, rows));
    for (int64_t r = 0; r < count; ++r)
      std::memcpy(out.row(y + r), rows[r] + 3 * (part.left - reader->first_column()),
                  static_cast<size_t>(3 * part.width));
  }
  FOVEA_TRY(reader->finish());
  return out;
}

void expect_part(const Image& part, const Image& whole, const Rect& where) {
  for (int64_t y = 0; y < where.height; ++y)
    ASSERT_EQ(std::memcmp(part.row(y), whole.row(where.top + y) + 3 * where.left, static_cast<size_t>(3 * where.width)),
              0)
        << "row " << y;
}

TEST(PhotoReader, GivesAnyPartOfAJpegAsTheWholeHasIt) {
  std::mt19937 random(11);
  const auto below = [&random](int64_t n) { return static_cast<int64_t>(random() % static_cast<unsigned>(n)); };
  for (int trial = 0; trial < 60; ++trial) {
    test::JpegOptions options;
    options.progressive = trial % 3 == 0;
    options.h_sampling = 1 + trial % 2;
    options.v_sampling = 1 + trial / 2 % 2;
    options.quality = trial % 5 == 0 ? 30 : 90;
    const Image photo = test::speckled(60 + below(500), 60 + below(500), static_cast<unsigned>(trial));
    const Bytes file = test::jpeg_file(photo, options);
    const Image whole = *decode(span_of(file));
    Rect part;
    part.height = 1 + below(photo.height());
    part.width = 1 + below(photo.width());
    part.top = below(photo.height() - part.height + 1);
    part.left = below(photo.width() - part.width + 1);
    const auto got = part_of(file, part);
    ASSERT_TRUE(got) << got.error().to_string();
    expect_part(*got, whole, part);
  }
}

TEST(PhotoReader, GivesOtherFilesAndTurnedPhotosToo) {
  const Image photo = test::speckled(40, 70);
  const Rect part = {9, 20, 25, 30};
  for (const Bytes& file : {test::png_file(photo), test::webp_file(photo, true)}) {
    const auto got = part_of(file, part);
    ASSERT_TRUE(got);
    expect_part(*got, photo, part);
  }
  test::JpegOptions turned;
  turned.exif = test::exif_block(6);
  const Bytes file = test::jpeg_file(photo, turned);
  const DecodeOptions upright = {.apply_orientation = true};
  const auto got = part_of(file, {30, 5, 40, 30}, upright);
  ASSERT_TRUE(got);
  expect_part(*got, *decode(span_of(file), upright), {30, 5, 40, 30});
}

TEST(PhotoReader, RefusesAFileThatEndsBehindWhatIsWanted) {
  for (bool progressive : {false, true}) {
    test::JpegOptions options;
    options.progressive = progressive;
    const Bytes file = test::jpeg_file(test::speckled(300, 200), options);
    for (size_t cut : {size_t{2}, file.size() / 3}) {
      const auto got = part_of(file.substr(0, file.size() - cut), {0, 0, 20, 200});
      ASSERT_FALSE(got) << cut;
      EXPECT_THAT(got.error().to_string(), testing::HasSubstr("ends early"));
    }
  }
  EXPECT_FALSE(part_of(test::jpeg_file(test::speckled(30, 20)), {0, 0, 1, 1}, {.pixel_limit = 599}));
}

TEST(PhotoReader, ScalesAJpegOnlyWhereEnoughIsLeft) {
  EXPECT_EQ(scaled_divisor({3000, 4000}, {256, 341}, 1.25), 8);
  EXPECT_EQ(scaled_divisor({3000, 4000}, {448, 597}, 1.25), 4);
  EXPECT_EQ(scaled_divisor({400, 600}, {256, 384}, 1.25), 1);
  EXPECT_EQ(scaled_divisor({4000, 300}, {3000, 225}, 1.25), 1);
  // A ramp is a ramp at any size: it tells where the scaled pixels lie, with sides that no fraction divides.
  Image ramp = *Image::allocate(803, 1205);
  for (int64_t y = 0; y < ramp.height(); ++y)
    for (int64_t x = 0; x < ramp.width(); ++x)
      for (int64_t c = 0; c < 3; ++c) ramp.row(y)[3 * x + c] = static_cast<uint8_t>((x + y) * 255 / 2006);
  const Bytes file = test::jpeg_file(ramp, {.quality = 98});
  TransformSpec spec = timm_transform({96, 96}, 1, TimmCropMode::center, Interpolation::bicubic, {}, {1, 1, 1});
  const Image exact = *Transform::create(spec)->pixels(decode(span_of(file))->view());
  for (ResizeMode mode : {ResizeMode::single_pass, ResizeMode::scaled}) {
    spec.mode = mode;
    const auto reader = PhotoReader::open(span_of(file), {});
    ASSERT_TRUE(reader);
    const Image other = *Transform::create(spec)->pixels(**reader);
    ASSERT_EQ(other.size(), exact.size());
    for (int64_t i = 0; i < exact.bytes(); ++i)
      ASSERT_NEAR(exact.data()[i], other.data()[i], 2) << name_of(mode) << " byte " << i;
  }
}

}  // namespace
}  // namespace fovea::image
