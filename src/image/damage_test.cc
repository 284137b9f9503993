// Damaged, hostile and odd files: each gives a photo or a typed error; a sanitizer build shows that nothing else
// happens.
#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/decode.h"
#include "image/test_files.h"
#include "image/transform.h"

namespace fovea::image {
namespace {

using test::Bytes;
using test::span_of;

struct Sample {
  std::string name;
  Bytes file;
};

// One small file of each kind that decoders treat differently.
std::vector<Sample> samples() {
  const Image photo = test::speckled(37, 29);
  const std::vector<uint8_t> ink(static_cast<size_t>(photo.bytes() / 3 * 4), 90);
  const Bytes exif = test::exif_block(6);
  Bytes interlaced_rows;
  // An 8x8 grey picture in Adam7's seven passes: rows and columns of each.
  for (auto [rows, columns] : {std::pair{1, 1}, {1, 1}, {1, 2}, {2, 2}, {2, 4}, {4, 4}, {4, 8}})
    for (int y = 0; y < rows; ++y) interlaced_rows += Bytes(1, '\0') + Bytes(static_cast<size_t>(columns), 'x');
  const Bytes palette = test::png_chunk("PLTE", "abcdefghi") + test::png_chunk("tRNS", "ab");
  return {
      {"jpeg 4:2:0", test::jpeg_file(photo, {.exif = exif})},
      {"jpeg 4:4:4", test::jpeg_file(photo, {.h_sampling = 1, .v_sampling = 1})},
      {"jpeg progressive", test::jpeg_file(photo, {.progressive = true})},
      {"jpeg grey", test::jpeg_file(37, 29, {photo.data(), photo.data() + 37 * 29}, {.channels = 1})},
      {"jpeg cmyk", test::jpeg_file(37, 29, ink, {.channels = 4})},
      {"png rgb", test::png_file(photo, test::png_chunk("eXIf", exif))},
      {"png palette", test::png_file(2, 8, 3, 2, Bytes("\0\x1b\x1b\0\xe4\xe4", 6), palette)},
      {"png interlaced", test::png_file(8, 8, 0, 8, interlaced_rows, {}, true)},
      {"png 16 bit", test::png_file(1, 4, 0, 16, Bytes("\0\0\1\0\2\1\0\xff\xff", 9))},
      {"webp lossy", test::webp_file(photo, false)},
      {"webp lossless", test::webp_file(photo, true)},
      {"webp animation", test::webp_animation(photo, 50, 60, 10, 6, exif)},
  };
}

// Decodes and looks at the result; true where there is a photo.
bool survives(const Bytes& file, const std::string& what) {
  // The limit keeps flipped sizes from making the test slow; it is no part of what is tested.
  const auto image = decode(span_of(file), {.apply_orientation = true, .pixel_limit = 1 << 22});
  if (!image) {
    EXPECT_TRUE(image.error().code == ErrorCode::invalid_image || image.error().code == ErrorCode::unsupported ||
                image.error().code == ErrorCode::out_of_memory)
        << what << ": " << image.error().to_string();
    EXPECT_FALSE(image.error().message.empty()) << what;
    EXPECT_FALSE(image.error().fix.empty()) << what << ": " << image.error().to_string();
    return false;
  }
  EXPECT_GT(image->bytes(), 0) << what;
  unsigned sum = 0;
  for (int64_t i = 0; i < image->bytes(); ++i) sum += image->data()[i];
  static_cast<void>(sum);
  return true;
}

TEST(Damage, EverySampleIsSound) {
  for (const auto& [name, file] : samples()) EXPECT_TRUE(survives(file, name)) << name;
}

TEST(Damage, CutsGiveAnError) {
  for (const auto& [name, file] : samples())
    for (size_t percent = 0; percent < 100; ++percent) {
      const size_t size = file.size() * percent / 100;
      const bool decoded = survives(file.substr(0, size), name + " cut");
      // Only what follows the pixels may be missing: PNG's end chunk, WebP's padding or metadata.
      if (decoded) {
        EXPECT_EQ(name.find("jpeg"), std::string::npos) << name << " cut to " << percent << " %";
        EXPECT_GT(percent, 50u) << name;
      }
    }
}

TEST(Damage, FlippedBitsGiveAPhotoOrAnError) {
  std::mt19937 random(11);
  for (const auto& [name, file] : samples())
    for (int trial = 0; trial < 300; ++trial) {
      Bytes flipped = file;
      for (unsigned n = 1 + random() % 3; n > 0; --n) {
        // Half of the flips hit the headers, where the sizes and tables are.
        const size_t span = random() % 2 != 0 ? flipped.size() : std::min<size_t>(flipped.size(), 128);
        const size_t at = random() % span;
        flipped[at] = static_cast<char>(flipped[at] ^ (1 << random() % 8));
      }
      survives(flipped, name + " flipped");
    }
}

TEST(Damage, GarbageBehindAHeaderGivesAnError) {
  std::mt19937 random(12);
  for (const auto& [name, file] : samples())
    for (size_t keep : {size_t{3}, size_t{12}, size_t{30}, size_t{60}, file.size() / 2}) {
      Bytes garbled = file.substr(0, std::min(keep, file.size()));
      while (garbled.size() < 400) garbled += static_cast<char>(random());
      survives(garbled, name + " garbled");
    }
}

// Replaces the body of the first marker segment `marker` of a JPEG.
Bytes with_segment(const Bytes& jpeg, char marker, const Bytes& body) {
  const size_t at = jpeg.find(Bytes("\xff") + marker);
  const size_t length = static_cast<unsigned char>(jpeg[at + 2]) * 256u + static_cast<unsigned char>(jpeg[at + 3]);
  const size_t size = body.size() + 2;
  return jpeg.substr(0, at + 2) + static_cast<char>(size >> 8) + static_cast<char>(size) + body +
         jpeg.substr(at + 2 + length);
}

TEST(Damage, BadHuffmanTablesGiveAnError) {
  const Bytes jpeg = test::jpeg_file(test::speckled(16, 16));
  const Bytes too_many = Bytes("\0", 1) + Bytes(16, '\xff');
  EXPECT_FALSE(survives(with_segment(jpeg, '\xc4', too_many), "more codes than bits"));
  EXPECT_FALSE(survives(with_segment(jpeg, '\xc4', Bytes("\x0f") + Bytes(16, '\0')), "table 15"));
  EXPECT_FALSE(survives(with_segment(jpeg, '\xc4', "x"), "too short"));
  const Bytes three_codes_of_one_bit = Bytes("\0\3", 2) + Bytes(15, '\0') + "abc";
  EXPECT_FALSE(survives(with_segment(jpeg, '\xc4', three_codes_of_one_bit), "oversubscribed"));
}

TEST(Damage, HugeMetadataIsSkipped) {
  const Image photo = test::speckled(4, 4);
  const Bytes exif = test::exif_block(3) + Bytes(60000, 'x');
  EXPECT_TRUE(survives(test::jpeg_file(photo, {.exif = exif}), "exif"));
  EXPECT_TRUE(survives(test::png_file(photo, test::png_chunk("eXIf", exif + Bytes(1 << 20, 'x'))), "eXIf"));
  // Text and profiles that would unfold to gigabytes, or are no zlib data at all.
  const Bytes folded(1 << 20, '\0');
  EXPECT_TRUE(survives(test::png_file(photo, test::png_chunk("iCCP", Bytes("p\0\0", 3) + folded)), "iCCP"));
  EXPECT_TRUE(survives(test::png_file(photo, test::png_chunk("zTXt", Bytes("t\0\0", 3) + folded)), "zTXt"));
  Bytes many;
  for (int i = 0; i < 3000; ++i) many += test::png_chunk("sPLT", Bytes("p\0\x08", 3) + Bytes(60, 'x'));
  EXPECT_TRUE(survives(test::png_file(photo, many), "many chunks"));
}

TEST(Damage, ScanBombsAreStopped) {
  const Bytes jpeg = test::jpeg_file(test::speckled(16, 16), {.progressive = true});
  const size_t end = jpeg.size() - 2;
  const size_t last_scan = jpeg.rfind("\xff\xda");
  Bytes bomb = jpeg.substr(0, end);
  // The last scan over and over; libjpeg only warns of the repetition.
  for (int i = 0; i < 400; ++i) bomb += jpeg.substr(last_scan, end - last_scan);
  bomb += jpeg.substr(end);
  const auto image = decode(span_of(bomb));
  ASSERT_FALSE(image);
  EXPECT_THAT(image.error().to_string(), testing::HasSubstr("scans"));
}

TEST(Damage, LinesAndDotsGoAllTheWay) {
  for (auto [height, width] : {std::pair{1, 1}, {1, 65535}, {65535, 1}, {2, 3}}) {
    const Image line = test::speckled(height, width);
    for (TimmCropMode mode : {TimmCropMode::center, TimmCropMode::squash, TimmCropMode::border}) {
      const auto photo = decode(span_of(test::png_file(line)));
      ASSERT_TRUE(photo);
      const auto transform = Transform::create(
          timm_transform({32, 32}, 0.9, mode, Interpolation::bicubic, {0.5, 0.5, 0.5}, {0.5, 0.5, 0.5}));
      const auto pixels = transform->pixels(photo->view());
      // A border around a line: its thin side would round to nothing.
      EXPECT_EQ(pixels.ok(), mode != TimmCropMode::border || std::max(height, width) < 65535);
    }
  }
  EXPECT_FALSE(decode(span_of(test::png_file(0, 5, 0, 8, {}))));
}

}  // namespace
}  // namespace fovea::image
