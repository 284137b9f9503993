// The file appears whole, or not at all.
#include "base/atomic_file.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <gtest/gtest.h>

namespace fovea {
namespace {

namespace fs = std::filesystem;

class AtomicFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fovea-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { fs::remove_all(folder_); }
  static Result<void> write(const fs::path& path, std::string_view first, std::string_view second) {
    const std::span<const std::byte> parts[] = {std::as_bytes(std::span(first)), std::as_bytes(std::span(second))};
    return write_file_atomically(path, parts);
  }
  static std::string text(const fs::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  auto files() const { return std::distance(fs::directory_iterator(folder_), {}); }
  fs::path folder_;
};

TEST_F(AtomicFile, HoldsThePartsInOrderAndLeavesNothingElse) {
  ASSERT_TRUE(write(folder_ / "a", "one ", "two").ok());
  EXPECT_EQ(text(folder_ / "a"), "one two");
  EXPECT_EQ(files(), 1);
}

TEST_F(AtomicFile, ReplacesTheOldFile) {
  std::ofstream(folder_ / "a") << "a longer old one";
  ASSERT_TRUE(write(folder_ / "a", "new", "").ok());
  EXPECT_EQ(text(folder_ / "a"), "new");
}

TEST_F(AtomicFile, SaysWhichFolderIsMissing) {
  const auto written = write(folder_ / "missing" / "a", "x", "");
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::io);
  EXPECT_NE(written.error().to_string().find("missing/a"), std::string::npos);
}

TEST_F(AtomicFile, LeavesNoTraceWhereItCannotReplace) {
  fs::create_directories(folder_ / "a" / "b");  // a folder that is not empty: rename fails
  EXPECT_FALSE(write(folder_ / "a", "x", "").ok());
  EXPECT_EQ(files(), 1);
}

}  // namespace
}  // namespace fovea
