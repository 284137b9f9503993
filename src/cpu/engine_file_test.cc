#include "cpu/engine_file.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::cpu {
namespace {

namespace fs = std::filesystem;

class EngineFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "fovea-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
    path_ = folder_ / "a.fovea";
    for (size_t size : {3u, 40u, 2000u, 30000u}) {
      Tensor t = *Tensor::allocate(DType::f32, {static_cast<int64_t>(size)});
      for (size_t i = 0; i < size; ++i) t.mutable_view().as<float>()[i] = static_cast<float>(i);
      tensors_.push_back(t);
    }
    tensors_.push_back(*Tensor::allocate(DType::i64, {0, 4}));
    const auto written = write_engine_file(path_, key_, std::as_bytes(std::span(body_)), tensors_, 2);
    ASSERT_TRUE(written.ok()) << written.error().to_string();
    bytes_ = read_all();
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string read_all() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  void write(std::string_view bytes) const {
    std::ofstream(path_, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  void put(size_t at, char byte) const {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at)).write(&byte, 1);
  }
  /// Whether the file as it lies there is taken.
  bool accepted() const {
    const auto file = EngineFile::open(path_);
    return file.ok() && (*file)->verify(1).ok();
  }
  fs::path folder_, path_;
  EngineKey key_ = {{"isa", "avx2"}, {"threads", "2"}, {"empty", ""}};
  std::string body_ = "the body";
  std::vector<Tensor> tensors_;
  std::string bytes_;
};

TEST_F(EngineFileTest, AllComesBack) {
  const auto file = EngineFile::open(path_);
  ASSERT_TRUE(file.ok()) << file.error().to_string();
  EXPECT_TRUE((*file)->verify(3).ok());
  EXPECT_EQ((*file)->key(), key_);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>((*file)->body().data()), (*file)->body().size()), body_);
  ASSERT_EQ((*file)->tensors().size(), tensors_.size());
  for (size_t i = 0; i < tensors_.size(); ++i) {
    const Tensor& t = (*file)->tensors()[i];
    EXPECT_EQ(t.type(), tensors_[i].type());
    EXPECT_EQ(std::memcmp(t.raw(), tensors_[i].raw(), t.bytes()), 0);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(t.raw()) % 64, 0u);
    if (t.bytes() > 100000) {
      EXPECT_EQ(reinterpret_cast<uintptr_t>(t.raw()) % 4096, 0u);
    }
  }
  EXPECT_TRUE(is_engine_file(path_));
  EXPECT_FALSE(is_engine_file(folder_));
  EXPECT_FALSE(is_engine_file(folder_ / "missing"));
}

TEST_F(EngineFileTest, EveryByteOfTheHeadCounts) {
  for (size_t i = 0; i < 4096; ++i)
    for (int flip : {1, 0x80, 0xff}) {
      put(i, static_cast<char>(bytes_[i] ^ flip));
      EXPECT_FALSE(EngineFile::open(path_).ok()) << "byte " << i;
      put(i, bytes_[i]);
    }
  EXPECT_TRUE(accepted());
}

TEST_F(EngineFileTest, ThousandsOfFlipsInWeightsAreSeen) {
  std::mt19937 random(1);
  // The largest tensor fills the end of the file.
  const size_t weights = tensors_[3].bytes(), begin = bytes_.size() - weights;
  for (int i = 0; i < 2000; ++i) {
    const size_t at = begin + random() % weights;
    put(at, static_cast<char>(bytes_[at] ^ (1 << random() % 8)));
    EXPECT_FALSE(accepted()) << at;
    put(at, bytes_[at]);
  }
  EXPECT_TRUE(accepted());
}

TEST_F(EngineFileTest, EveryCutIsSeen) {
  std::vector<size_t> sizes;
  for (size_t size = 0; size < 4200; ++size) sizes.push_back(size);
  for (int percent = 0; percent < 100; ++percent) sizes.push_back(bytes_.size() * static_cast<size_t>(percent) / 100);
  sizes.push_back(bytes_.size() - 1);
  for (size_t size : sizes) {
    write(bytes_.substr(0, size));
    EXPECT_FALSE(accepted()) << size;
  }
  write(bytes_ + "x");
  EXPECT_FALSE(accepted());
}

TEST_F(EngineFileTest, AnotherFormatIsSaidToBeOne) {
  write("GIF89a this is a photo, and no engine at all: the header is longer than this, so more text follows here");
  EXPECT_THAT(EngineFile::open(path_).error().message, ::testing::HasSubstr("no engine file"));
  EXPECT_EQ(EngineFile::open(folder_ / "missing").error().code, ErrorCode::not_found);
}

TEST(EngineKeys, DifferencesAreNamed) {
  const EngineKey a = {{"isa", "avx2"}, {"threads", "2"}}, b = {{"isa", "avx512"}, {"threads", "2"}, {"new", "1"}};
  EXPECT_THAT(differences(a, b), ::testing::ElementsAre("isa", "new"));
  EXPECT_THAT(differences(a, a), ::testing::IsEmpty());
  EXPECT_EQ(field(a, "isa"), "avx2");
  EXPECT_EQ(field(a, "none"), "");
}

}  // namespace
}  // namespace fovea::cpu
