// What an IMAGE argument leads to.
#include "pipeline/photos.h"

#include <unistd.h>

#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/input_shapes.h"

namespace fovea::pipeline {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

class PhotosTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("photos-" + std::to_string(getpid()));
    fs::create_directories(folder_ / "sub" / "deeper");
    fs::create_directories(folder_ / ".hidden");
    for (const char* name :
         {"b.jpg", "a.PNG", "notes.txt", "[x].webp", "sub/c.jpeg", "sub/deeper/d.webp", ".hidden/e.jpg"})
      std::ofstream(folder_ / name) << "x";
    fs::create_directory_symlink(folder_, folder_ / "sub" / "loop");
  }
  void TearDown() override { fs::remove_all(folder_); }

  /// Names relative to the folder.
  std::vector<std::string> found(const std::vector<std::string>& arguments) {
    std::istringstream in("bytes");
    std::vector<std::string> full;
    for (const std::string& argument : arguments)
      full.push_back(argument == "-" ? argument : (folder_ / argument).string());
    list_ = find_photos(full, in);
    std::vector<std::string> names;
    for (const Photo& photo : list_.photos)
      names.push_back(photo.bytes ? photo.name : photo.name.substr(folder_.string().size() + 1));
    return names;
  }
  fs::path folder_;
  PhotoList list_;
};

TEST_F(PhotosTest, AFolderIsSearchedWithAllBelow) {
  std::istringstream in;
  const std::string name = folder_.string();
  const PhotoList list = find_photos(std::span(&name, 1), in);
  std::vector<std::string> names;
  for (const Photo& photo : list.photos) names.push_back(photo.name.substr(name.size() + 1));
  EXPECT_THAT(names, ElementsAre("[x].webp", "a.PNG", "b.jpg", "sub/c.jpeg", "sub/deeper/d.webp"));
  EXPECT_TRUE(list.failures.empty());
}

TEST_F(PhotosTest, AGlobGivesWhatItMatchesSorted) {
  EXPECT_THAT(found({"*.[jP]*"}), ElementsAre("a.PNG", "b.jpg"));
  EXPECT_THAT(found({"s?b"}), ElementsAre("sub/c.jpeg", "sub/deeper/d.webp"));
}

TEST_F(PhotosTest, ANameThatExistsIsTakenAsItIs) {
  EXPECT_THAT(found({"[x].webp", "b.jpg"}), ElementsAre("[x].webp", "b.jpg"));
}

TEST_F(PhotosTest, StdinIsReadWhole) {
  EXPECT_THAT(found({"-"}), ElementsAre("-"));
  EXPECT_EQ(*list_.photos[0].bytes, "bytes");
}

TEST_F(PhotosTest, WhatLeadsNowhereIsSaid) {
  fs::create_directory(folder_ / "empty");
  found({"*.gif", "empty"});
  ASSERT_EQ(list_.failures.size(), 2u);
  EXPECT_THAT(list_.failures[0].to_string(), HasSubstr("*.gif: no file matches"));
  EXPECT_THAT(list_.failures[1].to_string(), HasSubstr("empty"));
}

TEST_F(PhotosTest, AFileThatIsMissingFailsWhenItIsDecoded) {
  EXPECT_THAT(found({"missing.jpg"}), ElementsAre("missing.jpg"));
  const auto photo = decode_photo(list_.photos[0], {});
  ASSERT_FALSE(photo.ok());
  EXPECT_EQ(photo.error().code, ErrorCode::not_found);
}

TEST(InputShape, IsParsed) {
  const auto shape = parse_input_shape("a=b=1x3x224x224");
  ASSERT_TRUE(shape.ok());
  EXPECT_EQ(shape->first, "a=b");
  EXPECT_EQ(shape->second, (Shape{1, 3, 224, 224}));
  for (const char* bad : {"", "x", "=1", "x=", "x=1x", "x=-1", "x=1,2", "x=99999999999999999999", "x=1x2y"})
    EXPECT_FALSE(parse_input_shape(bad).ok()) << bad;
}

}  // namespace
}  // namespace fovea::pipeline
