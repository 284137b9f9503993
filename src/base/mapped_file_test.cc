#include "base/mapped_file.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

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

TEST_F(MappedFileTest, ReleasedPagesAreReadAgain) {
  const std::string text(1 << 20, 'x');
  std::ofstream(folder_ / "big") << text;
  const auto file = MappedFile::open(folder_ / "big");
  ASSERT_TRUE(file.ok());
  const std::byte* bytes = (*file)->bytes().data();
  EXPECT_EQ(bytes[70000], std::byte{'x'});
  MappedFile::release_pages(bytes + 5, (*file)->bytes().size() - 10);
  EXPECT_EQ(bytes[70000], std::byte{'x'});
}

TEST_F(MappedFileTest, OtherMemoryIsNotReleased) {
  std::vector<char> mine(1 << 20, 'y');
  MappedFile::release_pages(mine.data(), mine.size());
  EXPECT_EQ(std::count(mine.begin(), mine.end(), 'y'), 1 << 20);
}

}  // namespace
}  // namespace fovea
