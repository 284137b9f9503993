#include "cpu/timing_cache.h"

#include <unistd.h>

#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::cpu {
namespace {

namespace fs = std::filesystem;

class TimingCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fovea-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "new" / "timings.txt";
  }
  void TearDown() override { fs::remove_all(folder_); }

  TimingCache cache(const char* machine = "here") const { return TimingCache(path_, machine); }
  std::string read() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(std::string_view text) const {
    std::ofstream(path_, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
  }

  fs::path folder_, path_;
};

TEST_F(TimingCacheTest, WhatWasAddedIsFoundByTheNextProcess) {
  EXPECT_EQ(cache().find("a"), nullptr);
  ASSERT_TRUE(cache().add("a", {"fast, in blocks", {{"fast, in blocks", 12.5}, {"a=b", 20}}}).ok());
  ASSERT_TRUE(cache().add("b", {"other", {}}).ok());  // a process that has not read the file keeps what is in it
  TimingCache again = cache();
  const Tuned* a = again.find("a");
  ASSERT_NE(a, nullptr);
  EXPECT_EQ(a->winner, "fast, in blocks");
  ASSERT_EQ(a->times.size(), 2u);
  EXPECT_EQ(a->times[1].name, "a=b");
  EXPECT_EQ(a->times[0].us, 12.5);
  ASSERT_NE(again.find("b"), nullptr);
  EXPECT_EQ(again.find("c"), nullptr);
}

TEST_F(TimingCacheTest, AnotherMachinesTimesAreLeftOutAndReplaced) {
  ASSERT_TRUE(cache("there").add("a", {"x", {}}).ok());
  TimingCache here = cache();
  EXPECT_EQ(here.find("a"), nullptr);
  ASSERT_TRUE(here.add("b", {"y", {}}).ok());
  EXPECT_EQ(cache("there").find("a"), nullptr);
  EXPECT_EQ(cache().find("a"), nullptr);
  EXPECT_NE(cache().find("b"), nullptr);
}

TEST_F(TimingCacheTest, ADamagedFileIsLeftOut) {
  ASSERT_TRUE(cache().add("a", {"x", {{"x", 1}}}).ok());
  const std::string good = read();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    write(bad);
    EXPECT_EQ(cache().find("a"), nullptr) << i;
    write(good.substr(0, i));
    EXPECT_EQ(cache().find("a"), nullptr) << i;
  }
  write(good.substr(0, good.size() / 2));
  TimingCache mended = cache();
  ASSERT_TRUE(mended.add("b", {"y", {}}).ok());
  EXPECT_NE(cache().find("b"), nullptr);
}

TEST_F(TimingCacheTest, AFileThatIsNoTimingCacheIsNeverReplaced) {
  fs::create_directories(path_.parent_path());
  for (const std::string precious :
       {"my thesis\n", "hash ", "fovea timing", "\n", "fovea labels 1\nfovea timing cache 1\n"}) {
    write(precious);
    TimingCache wrong = cache();
    EXPECT_EQ(wrong.find("a"), nullptr);
    for (const auto& refused : {wrong.check_path(), wrong.add("a", {"x", {}})}) {
      ASSERT_FALSE(refused.ok()) << precious;
      EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
      EXPECT_THAT(refused.error().to_string(),
                  testing::AllOf(testing::HasSubstr(path_.string()), testing::HasSubstr("delete this one")));
    }
    EXPECT_EQ(read(), precious);
    EXPECT_NE(wrong.find("a"), nullptr);
  }
  EXPECT_FALSE(TimingCache(folder_, "here").check_path().ok());
  EXPECT_TRUE(TimingCache(folder_ / "none", "here").check_path().ok());
  for (const char* replaceable : {"", "fovea timing cache 0\n", "fovea timing cache 1\nhalf"}) {
    write(replaceable);
    EXPECT_TRUE(cache().add("a", {"x", {}}).ok()) << replaceable;
    EXPECT_NE(cache().find("a"), nullptr);
  }
}

TEST_F(TimingCacheTest, WhereNothingCanBeWrittenItIsKeptInMemory) {
  std::ofstream(folder_ / "file") << "no folder";
  TimingCache blocked(folder_ / "file" / "timings.txt", "here");
  EXPECT_FALSE(blocked.add("a", {"x", {}}).ok());
  EXPECT_NE(blocked.find("a"), nullptr);
  TimingCache memory("", "here");
  EXPECT_TRUE(memory.add("a", {"x", {}}).ok());
  EXPECT_NE(memory.find("a"), nullptr);
}

}  // namespace
}  // namespace fovea::cpu
