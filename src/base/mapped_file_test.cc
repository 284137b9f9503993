#include "base/mapped_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

namespace fovea {
namespace {

class MappedFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "fovea-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::filesystem::path folder_;
};

TEST_F(MappedFileTest, ReadsWhatTheFileHolds) {
  std::ofstream(folder_ / "a") << "abc";
  const auto file = MappedFile::open(folder_ / "a");
  ASSERT_TRUE(file.ok());
  ASSERT_EQ((*file)->bytes().size(), 3u);
  EXPECT_EQ((*file)->bytes()[2], std::byte{'c'});
}

TEST_F(MappedFileTest, AnEmptyFileIsEmpty) {
  std::ofstream(folder_ / "empty").flush();
  const auto file = MappedFile::open(folder_ / "empty");
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE((*file)->bytes().empty());
}

TEST_F(MappedFileTest, AMissingFileIsNamed) {
  const auto file = MappedFile::open(folder_ / "missing");
  ASSERT_FALSE(file.ok());
  EXPECT_EQ(file.error().code, ErrorCode::not_found);
  EXPECT_EQ(file.error().where, (folder_ / "missing").string());
}

TEST_F(MappedFileTest, FoldersAndFifosAreRefusedAtOnce) {
  EXPECT_FALSE(MappedFile::open(folder_).ok());
  ASSERT_EQ(mkfifo((folder_ / "fifo").c_str(), 0600), 0);
  EXPECT_EQ(MappedFile::open(folder_ / "fifo").error().code, ErrorCode::invalid_argument);
  EXPECT_FALSE(MappedFile::open("/dev/zero").ok());
}

}  // namespace
}  // namespace fovea
