// What decode() makes of each kind of file, and what it refuses.
#include "image/decode.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "image/test_files.h"

namespace fovea::image {
namespace {

using test::Bytes;
using test::span_of;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<int> values(const Image& image) { return {image.data(), image.data() + image.bytes()}; }

std::vector<int> decoded(const Bytes& file, const DecodeOptions& options = {}) {
  const auto image = decode(span_of(file), options);
  if (!image) ADD_FAILURE() << image.error().to_string();
  return image ? values(*image) : std::vector<int>();
}

Error refused(const Bytes& file, const DecodeOptions& options = {}) {
  auto image = decode(span_of(file), options);
  if (image) ADD_FAILURE() << "decoded";
  return image ? Error{} : std::move(image).error();
}

TEST(Recognize, LooksAtTheFirstBytesAndNamesWhatItIsInstead) {
  EXPECT_EQ(*recognize(span_of(test::png_file(test::speckled(2, 2)))), Format::png);
  EXPECT_EQ(*recognize(span_of(test::jpeg_file(test::speckled(2, 2)))), Format::jpeg);
  EXPECT_EQ(*recognize(span_of(test::webp_file(test::speckled(2, 2), true))), Format::webp);
  EXPECT_THAT(refused("GIF89a....").to_string(), HasSubstr("a GIF image; convert it"));
  EXPECT_THAT(refused(Bytes("\0\0\0 ftypheic", 12)).to_string(), HasSubstr("a HEIC image"));
  EXPECT_THAT(refused("").to_string(), HasSubstr("empty"));
  EXPECT_EQ(refused("hello").code, ErrorCode::invalid_image);
}

TEST(DecodePng, KeepsRgbAndDropsAlphaWithoutCompositing) {
  const Image photo = test::speckled(13, 7);
  EXPECT_EQ(decoded(test::png_file(photo)), values(photo));
  EXPECT_THAT(decoded(test::png_file(1, 2, 6, 8, Bytes("\0\1\2\3\0\4\5\6\x7f", 9))), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_THAT(decoded(test::png_file(1, 2, 4, 8, Bytes("\0\x09\0\x0a\xff", 5))), ElementsAre(9, 9, 9, 10, 10, 10));
}

TEST(DecodePng, WidensFewBitsToTheWholeRange) {
  EXPECT_THAT(decoded(test::png_file(1, 3, 0, 1, Bytes("\0\xa0", 2))),
              ElementsAre(255, 255, 255, 0, 0, 0, 255, 255, 255));
  EXPECT_THAT(decoded(test::png_file(1, 2, 0, 2, Bytes("\0\x60", 2))), ElementsAre(85, 85, 85, 170, 170, 170));
  EXPECT_THAT(decoded(test::png_file(1, 2, 0, 4, Bytes("\0\x1e", 2))), ElementsAre(17, 17, 17, 238, 238, 238));
}

TEST(DecodePng, Clips16BitGreyButTakesTheHighByteOf16BitColour) {
  EXPECT_THAT(decoded(test::png_file(1, 3, 0, 16, Bytes("\0\0\xc8\1\0\xff\xff", 7))),
              ElementsAre(200, 200, 200, 255, 255, 255, 255, 255, 255));
  EXPECT_THAT(decoded(test::png_file(1, 1, 2, 16, Bytes("\0\1\xff\2\0\3\x80", 7))), ElementsAre(1, 2, 3));
  EXPECT_THAT(decoded(test::png_file(1, 1, 4, 16, Bytes("\0\7\xff\0\0", 5))), ElementsAre(7, 7, 7));
}

TEST(DecodePng, LooksUpThePaletteAndIgnoresItsTransparency) {
  const Bytes chunks = test::png_chunk("PLTE", "abcdef") + test::png_chunk("tRNS", Bytes(1, '\0'));
  EXPECT_THAT(decoded(test::png_file(1, 3, 3, 8, Bytes("\0\1\0\x09", 4), chunks)),
              ElementsAre('d', 'e', 'f', 'a', 'b', 'c', 0, 0, 0));
  EXPECT_THAT(decoded(test::png_file(1, 2, 3, 1, Bytes("\0\x40", 2), chunks)),
              ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
}

TEST(DecodeJpeg, TakesCmykAsAdobeWritesIt) {
  std::vector<uint8_t> ink;
  for (int i = 0; i < 64; ++i) ink.insert(ink.end(), {245, 235, 225, 215});  // 10, 20, 30, 40 inverted
  const auto pixels = decoded(test::jpeg_file(8, 8, ink, {.channels = 4, .quality = 100}));
  ASSERT_EQ(pixels.size(), 192u);
  EXPECT_THAT(std::vector<int>(pixels.begin(), pixels.begin() + 3), ElementsAre(207, 198, 190));
}

TEST(DecodeJpeg, ReadsGreyAndAllSamplings) {
  const std::vector<uint8_t> grey(64, 99);
  EXPECT_THAT(decoded(test::jpeg_file(8, 8, grey, {.channels = 1})), testing::Each(99));
  const Image photo = test::speckled(33, 21);
  for (auto [h, v] : {std::pair{1, 1}, {2, 1}, {1, 2}, {2, 2}, {4, 1}, {1, 4}})
    for (bool progressive : {false, true})
      EXPECT_EQ(decoded(test::jpeg_file(photo, {.progressive = progressive, .h_sampling = h, .v_sampling = v})).size(),
                static_cast<size_t>(photo.bytes()));
}

TEST(DecodeJpeg, RejectsAFileWithoutItsEndMarker) {
  for (bool progressive : {false, true}) {
    Bytes file = test::jpeg_file(test::speckled(40, 40), {.progressive = progressive});
    file.resize(file.size() - 2);
    EXPECT_THAT(refused(file).to_string(), HasSubstr("truncated"));
  }
}

TEST(DecodeWebp, KeepsLosslessPixels) {
  const Image photo = test::speckled(19, 31);
  EXPECT_EQ(decoded(test::webp_file(photo, true)), values(photo));
  EXPECT_EQ(decoded(test::webp_file(photo, false)).size(), static_cast<size_t>(photo.bytes()));
}

TEST(DecodeWebp, PutsTheFirstFrameOnABlackCanvas) {
  const Image frame = test::speckled(2, 3);
  const auto image = decode(span_of(test::webp_animation(frame, 5, 8, 4, 2)));
  ASSERT_TRUE(image) << image.error().to_string();
  ASSERT_EQ(image->size(), (Size{5, 8}));
  for (int64_t y = 0; y < 5; ++y)
    for (int64_t i = 0; i < 24; ++i) {
      const bool inside = y >= 2 && y < 4 && i >= 12 && i < 21;
      EXPECT_EQ(image->row(y)[i], inside ? frame.row(y - 2)[i - 12] : 0);
    }
}

TEST(Orientation, IsIgnoredUnlessAskedForAndThenTurnsThePhotoUpright) {
  // Numbers of a photo of 2 rows and 3 columns as they are seen when upright, for orientation 1 to 8.
  const std::vector<std::vector<int>> upright = {{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                                 {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
                                                 {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
  Image photo = *Image::allocate(2, 3);
  for (int i = 0; i < 18; ++i) photo.data()[i] = static_cast<uint8_t>(i / 3);
  const DecodeOptions turn = {.apply_orientation = true};
  for (int orientation = 1; orientation <= 8; ++orientation)
    for (bool little : {false, true}) {
      const Bytes exif = test::exif_block(orientation, little);
      std::vector<int> expected;
      for (int value : upright[static_cast<size_t>(orientation - 1)]) expected.insert(expected.end(), 3, value);
      const Bytes png = test::png_file(photo, test::png_chunk("eXIf", exif));
      EXPECT_EQ(decoded(png), values(photo));
      EXPECT_EQ(decoded(png, turn), expected) << orientation;
      EXPECT_EQ(decoded(test::webp_animation(photo, 2, 3, 0, 0, exif), turn), expected) << orientation;
      const auto jpeg = decode(span_of(test::jpeg_file(photo, {.exif = exif})), turn);
      ASSERT_TRUE(jpeg);
      EXPECT_EQ(jpeg->size(), (orientation >= 5 ? Size{3, 2} : Size{2, 3}));
    }
}

TEST(Orientation, OfADamagedExifBlockIsUpright) {
  const Image photo = test::speckled(2, 3);
  for (const Bytes& exif : {Bytes("II"), Bytes("II*\0\xff\xff\xff\xff", 8), Bytes("MM\0*\0\0\0\x08\xff\xff", 10),
                            test::exif_block(9), test::exif_block(0), Bytes("nothing of the kind")})
    EXPECT_EQ(decoded(test::png_file(photo, test::png_chunk("eXIf", exif)), {.apply_orientation = true}),
              values(photo));
}

TEST(PixelLimit, RefusesBombsFromTheirHeader) {
  const Error bomb = refused(test::png_file(65535, 65535, 2, 8, Bytes(100, '\0')));
  EXPECT_EQ(bomb.code, ErrorCode::invalid_image);
  EXPECT_THAT(bomb.to_string(), HasSubstr("65535x65535 pixels (width x height) are more than the limit of 178956970"));
  EXPECT_THAT(refused(test::png_file(0x7fffffff, 0x7fffffff, 0, 1, {})).to_string(), HasSubstr("limit"));
  EXPECT_THAT(refused(test::webp_animation(test::speckled(2, 2), 1 << 15, 1 << 15, 0, 0)).to_string(),
              HasSubstr("limit"));
  Bytes jpeg = test::jpeg_file(test::speckled(8, 8));
  const size_t frame = jpeg.find("\xff\xc0");
  ASSERT_NE(frame, Bytes::npos);
  jpeg.replace(frame + 5, 4, "\xff\x00\xff\x00", 4);
  EXPECT_THAT(refused(jpeg).to_string(), HasSubstr("65280x65280"));
  EXPECT_THAT(refused(test::png_file(test::speckled(10, 11)), {.pixel_limit = 109}).to_string(), HasSubstr("109"));
  EXPECT_FALSE(decoded(test::png_file(test::speckled(10, 11)), {.pixel_limit = 110}).empty());
}

class ReadImage : public testing::Test {
 protected:
  ReadImage() {
    std::string name = (std::filesystem::temp_directory_path() / "fovea-decode-XXXXXX").string();
    folder_ = mkdtemp(name.data());
  }
  ~ReadImage() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path write(const std::string& name, const Bytes& bytes) {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }
  std::filesystem::path folder_;
};

TEST_F(ReadImage, ReadsAFileByItsContentAndNamesItInErrors) {
  const Image photo = test::speckled(5, 4);
  EXPECT_EQ(values(*read_image(write("really.jpg", test::png_file(photo)))), values(photo));
  const auto error = read_image(write("text.png", "hello, world")).error();
  EXPECT_THAT(error.to_string(), HasSubstr("text.png: these bytes are no JPEG"));
  EXPECT_EQ(read_image(folder_ / "missing.png").error().code, ErrorCode::not_found);
}

TEST_F(ReadImage, RefusesWhatIsNoRegularFile) {
  const auto pipe = folder_ / "pipe.jpg";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_THAT(read_image(pipe).error().to_string(), HasSubstr("not a regular file"));
  EXPECT_FALSE(read_image("/dev/zero"));
  EXPECT_FALSE(read_image(folder_));
  EXPECT_THAT(read_image(write("empty.png", "")).error().to_string(), HasSubstr("empty"));
}

}  // namespace
}  // namespace fovea::image
