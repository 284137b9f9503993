#include "base/npy.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>

namespace fovea {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Npy : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (std::filesystem::temp_directory_path() / "fovea-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  Result<Tensor> read(std::string_view dict, std::string_view data, int major = 1) {
    std::ofstream file(folder_ / "x.npy", std::ios::binary);
    file << "\x93NUMPY" << static_cast<char>(major) << '\0';
    file << static_cast<char>(dict.size()) << '\0';
    if (major > 1) file << '\0' << '\0';
    file << dict << data;
    file.close();
    return read_npy(folder_ / "x.npy");
  }
  std::filesystem::path folder_;
};

TEST_F(Npy, WhatIsWrittenIsRead) {
  const auto check = [&]<class T>(const std::vector<T>& values) {
    const Tensor tensor = Tensor::of<T>({1, 3}, values);
    ASSERT_TRUE(write_npy(folder_ / "a.npy", tensor.view()).ok());
    const auto back = read_npy(folder_ / "a.npy");
    ASSERT_TRUE(back.ok()) << back.error().to_string();
    EXPECT_EQ(back->type(), tensor.type());
    EXPECT_TRUE(std::equal(values.begin(), values.end(), back->values<T>().begin()));
  };
  check(std::vector<float>{1.5f, -2, 0});
  check(std::vector<double>{1.5, -2, 0});
  check(std::vector<int8_t>{1, -2, 0});
  check(std::vector<uint16_t>{1, 2, 65535});
  check(std::vector<int64_t>{1, -2, int64_t{1} << 40});
  check(std::vector<bool>{true, false, true});
}

TEST_F(Npy, ScalarsAndVectorsHaveNumPysShapes) {
  ASSERT_TRUE(write_npy(folder_ / "s.npy", Tensor::scalar<float>(7).view()).ok());
  EXPECT_TRUE(read_npy(folder_ / "s.npy")->shape().empty());
  ASSERT_TRUE(write_npy(folder_ / "v.npy", Tensor::of<float>({2}, {1, 2}).view()).ok());
  EXPECT_THAT(read_npy(folder_ / "v.npy")->shape(), ElementsAre(2));
  EXPECT_EQ(std::filesystem::file_size(folder_ / "v.npy") % 64, 8u);
}

TEST_F(Npy, FortranOrderIsTurnedAround) {
  const auto t = read("{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3), }\n", "adbecf");
  ASSERT_TRUE(t.ok()) << t.error().to_string();
  EXPECT_THAT(t->values<uint8_t>(), ElementsAre('a', 'b', 'c', 'd', 'e', 'f'));
}

TEST_F(Npy, LaterVersionsHaveALongerLength) {
  EXPECT_TRUE(read("{'descr': '|u1', 'fortran_order': False, 'shape': (2,), }\n", "ab", 2).ok());
}

TEST_F(Npy, DamagedFilesAreRefused) {
  EXPECT_THAT(read("{'descr': '|u1', 'fortran_order': False, 'shape': (3,), }\n", "ab").error().message,
              HasSubstr("3 bytes"));
  EXPECT_FALSE(read("{'descr': '>f4', 'fortran_order': False, 'shape': (1,), }\n", "abcd").ok());
  EXPECT_FALSE(read("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n", "abcd").ok());
  EXPECT_FALSE(read("{'descr': '|u1', 'fortran_order': False, 'shape': (-1,), }\n", "").ok());
  EXPECT_FALSE(read("{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999,), }\n", "").ok());
  EXPECT_FALSE(read("{'descr': '<f8', 'fortran_order': False, 'shape': (4611686018427387904, 4), }\n", "").ok());
  EXPECT_FALSE(read("{'descr': '|u1', 'shape': (", "").ok());
  std::ofstream(folder_ / "short.npy") << "\x93NUMPY\x01";
  EXPECT_FALSE(read_npy(folder_ / "short.npy").ok());
  EXPECT_EQ(read_npy(folder_ / "missing.npy").error().code, ErrorCode::not_found);
}

TEST_F(Npy, NothingIsLeftWhereAFileCannotBeWritten) {
  EXPECT_EQ(write_npy(folder_ / "no" / "a.npy", Tensor::scalar<float>(7).view()).error().code, ErrorCode::io);
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
}

}  // namespace
}  // namespace fovea
