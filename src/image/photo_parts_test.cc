// Photos on several threads: the same bits and the same refusals as on one.
#include "image/photo_parts.h"

#include <cstring>
#include <mutex>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/test_files.h"

namespace fovea::image {
namespace {

using test::Bytes;
using test::span_of;
using testing::ElementsAre;

TEST(DivideRows, MakesPartsThatAreReadyTogether) {
  for (double skipping : {0.0, 0.2, 0.5, 0.6})
    for (int64_t threads : {1, 2, 3, 8})
      for (double tail : {0.0, 200.0}) {
        const auto begins = divide_rows(1000, threads, skipping, tail);
        ASSERT_LE(begins.size(), static_cast<size_t>(threads));
        std::vector<double> times;
        for (size_t i = 0; i < begins.size(); ++i) {
          const bool last = i + 1 == begins.size();
          const auto begin = static_cast<double>(begins[i]), end = last ? 1000.0 : static_cast<double>(begins[i + 1]);
          ASSERT_LT(begin, end);
          times.push_back(skipping * begin + end - begin + (last ? skipping * tail : 0));
        }
        for (double time : times) EXPECT_NEAR(time, times[0], 2) << skipping << " " << threads << " " << tail;
      }
  EXPECT_THAT(divide_rows(900, 3, 0, 0), ElementsAre(0, 300, 600));
}

TEST(DivideRows, MakesNoPartThatSavesLittle) {
  EXPECT_THAT(divide_rows(1000, 8, 0.97, 0), ElementsAre(0));
  EXPECT_EQ(divide_rows(1000, 64, 0.6, 0).size(), 3u);
  EXPECT_THAT(divide_rows(1, 8, 0, 0), ElementsAre(0));
}

struct Made {
  Image pixels;
  size_t parts = 0;
};

Result<Made> made_by(const Transform& transform, PhotoReader& photo, int threads) {
  const Size size = FOVEA_TRY(transform.output_size(photo.size()));
  Made made;
  made.pixels = FOVEA_TRY(Image::allocate(size.height, size.width));
  std::mutex mutex;
  std::vector<int> rows(static_cast<size_t>(size.height));
  made.parts =
      FOVEA_TRY(work_by_parts(transform, photo, threads, [&](size_t, PhotoReader& reader, int64_t begin, int64_t end) {
        return transform.rows(reader, begin, end, [&](int64_t y, const uint8_t* rgb) {
          std::memcpy(made.pixels.row(y), rgb, static_cast<size_t>(3 * size.width));
          const std::lock_guard lock(mutex);
          ++rows[static_cast<size_t>(y)];
        });
      }));
  EXPECT_THAT(rows, testing::Each(1));
  return made;
}

Result<Made> made_by(const Transform& transform, const Bytes& file, int threads) {
  const auto reader = FOVEA_TRY(PhotoReader::open(span_of(file), {}));
  return made_by(transform, *reader, threads);
}

/// The same photo on 1 to 5 threads; how many parts five of them made.
size_t expect_same(const TransformSpec& spec, const Bytes& file, const std::string& what) {
  const Transform transform = *Transform::create(spec);
  const auto alone = made_by(transform, file, 1);
  if (!alone) ADD_FAILURE() << what << ": " << alone.error().to_string();
  if (!alone) return 0;
  size_t parts = 1;
  for (int threads : {2, 5}) {
    const auto shared = made_by(transform, file, threads);
    EXPECT_TRUE(shared.ok()) << what;
    if (!shared) continue;
    parts = shared->parts;
    EXPECT_EQ(shared->pixels.size(), alone->pixels.size());
    EXPECT_EQ(std::memcmp(shared->pixels.data(), alone->pixels.data(), static_cast<size_t>(alone->pixels.bytes())), 0)
        << what << ", " << threads << " threads";
  }
  return parts;
}

TransformSpec timm(ResizeMode mode, Interpolation filter = Interpolation::bicubic) {
  TransformSpec spec = timm_transform({96, 96}, 0.9, TimmCropMode::center, filter, {}, {1, 1, 1});
  spec.mode = mode;
  return spec;
}

constexpr ResizeMode kModes[] = {ResizeMode::exact, ResizeMode::single_pass, ResizeMode::scaled};

TEST(PhotoParts, AreTheSameBitsForEverySampling) {
  const std::vector<std::pair<int, int>> samplings = {{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}, {1, 4}};
  unsigned seed = 0;
  for (const auto& [h, v] : samplings)
    for (int restart_rows : {0, 1}) {
      const Image photo = test::speckled(701 + 2 * seed, 811 + 3 * seed, seed);
      ++seed;
      const Bytes file = test::jpeg_file(photo, {.h_sampling = h, .v_sampling = v, .restart_rows = restart_rows});
      for (ResizeMode mode : kModes) {
        const std::string what = "sampling " + std::to_string(h) + "x" + std::to_string(v) + " " +
                                 std::string(name_of(mode)) + " restart " + std::to_string(restart_rows);
        const size_t parts = expect_same(timm(mode), file, what);
        EXPECT_TRUE(parts > 1 || mode == ResizeMode::scaled) << what;
      }
    }
}

TEST(PhotoParts, AreTheSameBitsForEveryFilterAndCrop) {
  const Bytes file = test::jpeg_file(test::speckled(750, 1003), {});
  for (Interpolation filter : {Interpolation::nearest, Interpolation::box, Interpolation::bilinear,
                               Interpolation::hamming, Interpolation::lanczos})
    for (ResizeMode mode : {ResizeMode::exact, ResizeMode::single_pass})
      expect_same(timm(mode, filter), file, std::string(name_of(filter)));
  TransformSpec padded = timm_transform({200, 128}, 1, TimmCropMode::border, Interpolation::bicubic, {}, {1, 1, 1});
  padded.fill = {7, 8, 9};
  EXPECT_GT(expect_same(padded, file, "border"), 1u);
  TransformSpec enlarged = padded;
  enlarged.resize_rule = ResizeRule::none;  // photo as it is, padded on all sides
  enlarged.crop = {1000, 1200};
  EXPECT_GT(expect_same(enlarged, file, "only padded"), 1u);
  TransformSpec squashed = timm(ResizeMode::exact);  // Pillow takes the columns first here
  squashed.resize_rule = ResizeRule::exact;
  squashed.resize = {40, 980};
  squashed.crop_rule = CropRule::none;
  expect_same(squashed, file, "columns first");
}

TEST(PhotoParts, AreTheSameBitsForOtherFiles) {
  const Image photo = test::speckled(740, 820, 5);
  const std::vector<uint8_t> grey(photo.data(), photo.data() + 740 * 820);
  std::vector<uint8_t> inks(4 * 740 * 820);
  for (size_t i = 0; i < inks.size(); ++i) inks[i] = photo.data()[i * 3 / 4];
  const auto check = [](const Bytes& file, const std::string& what) {
    return expect_same(timm(ResizeMode::exact), file, what);
  };
  EXPECT_GT(check(test::jpeg_file(740, 820, grey, {.channels = 1}), "grey"), 1u);
  EXPECT_GT(check(test::jpeg_file(740, 820, inks, {.channels = 4}), "CMYK"), 1u);
  EXPECT_EQ(check(test::jpeg_file(photo, {.progressive = true}), "progressive"), 1u);  // decoded once
  EXPECT_EQ(check(test::png_file(photo), "PNG"), 5u);
  EXPECT_EQ(check(test::webp_file(photo, false), "WebP"), 5u);
  const auto view = PhotoReader::of(photo.view());
  EXPECT_EQ(made_by(*Transform::create(timm(ResizeMode::exact)), *view, 3)->parts, 3u);
  EXPECT_EQ(check(test::png_file(test::speckled(60, 72)), "small"), 1u);
}

TEST(PhotoParts, OfDamagedFilesAreTheSamePixelsOrTheSameRefusal) {
  std::mt19937 random(3);
  const Transform transform = *Transform::create(timm(ResizeMode::exact));
  std::vector<Bytes> files;
  for (int sampling : {1, 2})
    for (int restart_rows : {0, 1, 2})
      files.push_back(test::jpeg_file(test::speckled(710, 720),
                                      {.h_sampling = sampling, .v_sampling = sampling, .restart_rows = restart_rows}));
  int photos = 0, refused = 0;
  for (int trial = 0; trial < 70; ++trial) {
    Bytes file = files[static_cast<size_t>(trial) % files.size()];
    const size_t header = 700;
    if (trial % 4 == 3) file.resize(header + random() % (file.size() - header));
    for (int flips = trial % 5; flips > 0; --flips)
      file[header + random() % (file.size() - header)] ^= static_cast<char>(1 << random() % 8);
    const auto alone = made_by(transform, file, 1), shared = made_by(transform, file, 3);
    ASSERT_EQ(alone.ok(), shared.ok()) << trial;
    ++(alone.ok() ? photos : refused);
    if (alone.ok())
      EXPECT_EQ(std::memcmp(alone->pixels.data(), shared->pixels.data(), static_cast<size_t>(alone->pixels.bytes())), 0)
          << trial;
    else
      EXPECT_EQ(alone.error().to_string(), shared.error().to_string());
  }
  EXPECT_GT(photos, 10);
  EXPECT_GT(refused, 10);
}

TEST(PhotoParts, WantOfMemoryInAThreadIsAnError) {
  const Image photo = test::speckled(700, 700);
  const auto reader = PhotoReader::of(photo.view());
  const Transform transform = *Transform::create(timm(ResizeMode::exact));
  const auto outcome =
      work_by_parts(transform, *reader, 4, [](size_t part, PhotoReader&, int64_t, int64_t) -> Result<void> {
        if (part == 2) throw std::bad_alloc();
        return {};
      });
  ASSERT_FALSE(outcome.ok());
  EXPECT_EQ(outcome.error().code, ErrorCode::out_of_memory);
}

}  // namespace
}  // namespace fovea::image
