// .npy files: what NumPy writes, what we write, and what nobody should write.
#include "tasks/npy.h"

#include <unistd.h>

#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace fovea::tasks {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// A file with this header text (padded by nothing) and this data.
std::string npy(const std::string& header, const std::string& data, int version = 1) {
  std::string file = "\x93NUMPY";
  file += static_cast<char>(version);
  file += '\0';
  for (size_t i = 0; i < (version == 1 ? 2u : 4u); ++i) file += static_cast<char>(header.size() >> (8 * i) & 0xff);
  return file + header + data;
}

Result<Tensor> parse(const std::string& file) { return parse_npy(std::as_bytes(std::span(file))); }

template <class T>
std::string bytes(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

TEST(Npy, ReadsWhatNumpyWrites) {
  for (int version : {1, 2, 3}) {
    const auto tensor = parse(npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }                 \n",
                                  bytes<float>({1, 2, 3, 4, 5, 6}), version));
    ASSERT_TRUE(tensor.ok()) << tensor.error().to_string();
    EXPECT_EQ(tensor->shape(), (Shape{2, 3}));
    EXPECT_THAT(tensor->values<float>(), ElementsAre(1, 2, 3, 4, 5, 6));
  }
}

TEST(Npy, ReadsFortranOrder) {
  const auto tensor =
      parse(npy("{'descr': '<i4', 'fortran_order': True, 'shape': (2, 3)}\n", bytes<int>({1, 4, 2, 5, 3, 6})));
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(tensor->values<int>(), ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST(Npy, ReadsBigEndian) {
  const auto tensor = parse(npy("{'descr': '>i2', 'fortran_order': False, 'shape': (2,)}", std::string("\1\2\3\4", 4)));
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(tensor->values<int16_t>(), ElementsAre(0x0102, 0x0304));
}

TEST(Npy, ReadsScalarsAndEmptyArrays) {
  EXPECT_EQ(
      parse(npy("{'descr': '<f8', 'fortran_order': False, 'shape': ()}", bytes<double>({2.5})))->data<double>()[0],
      2.5);
  const auto empty = parse(npy("{'descr': '<f8', 'fortran_order': True, 'shape': (0, 4611686018427387904)}", ""));
  EXPECT_TRUE(!empty.ok() || empty->size() == 0);
}

TEST(Npy, BoolsBecomeZeroOrOne) {
  const auto tensor = parse(npy("{'descr': '|b1', 'fortran_order': False, 'shape': (3,)}", std::string("\0\1\7", 3)));
  ASSERT_TRUE(tensor.ok());
  EXPECT_THAT(tensor->values<uint8_t>(), ElementsAre(0, 1, 1));
}

TEST(Npy, EveryTypeSurvivesTheRoundTrip) {
  const auto path = std::filesystem::path(testing::TempDir()) / ("round-" + std::to_string(getpid()) + ".npy");
  for (DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16, DType::i8, DType::u8, DType::i16, DType::u16,
                      DType::i32, DType::u32, DType::i64, DType::u64, DType::boolean}) {
    for (const Shape& shape : {Shape{}, Shape{5}, Shape{2, 3, 4}, Shape{0, 3}}) {
      Tensor tensor = *Tensor::allocate(dtype, shape);
      auto* data = static_cast<uint8_t*>(tensor.mutable_view().data);
      for (size_t i = 0; i < tensor.bytes(); ++i)
        data[i] = static_cast<uint8_t>(dtype == DType::boolean ? i & 1 : i * 7);
      ASSERT_TRUE(write_npy(path, tensor).ok());
      const auto back = read_npy(path);
      ASSERT_TRUE(back.ok()) << name_of(dtype) << back.error().to_string();
      EXPECT_EQ(back->type(), tensor.type());
      EXPECT_EQ(std::memcmp(back->raw(), tensor.raw(), tensor.bytes()), 0);
    }
  }
  std::filesystem::remove(path);
}

TEST(Npy, HostileFilesAreRefused) {
  const std::string good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,)}";
  const std::pair<std::string, const char*> cases[] = {
      {"", "not a .npy"},
      {"\x93NUMPX\x01"
       "0000",
       "not a .npy"},
      {npy(good, bytes<float>({1, 2}), 4), "version 4"},
      {npy(good, bytes<float>({1, 2})).substr(0, 30), "truncated"},
      {npy(good, bytes<float>({1})), "truncated"},
      {npy(good, bytes<float>({1, 2, 3})), "follow after"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,)}", ""), "header"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 4)}", ""), ""},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}", ""), "header"},
      {npy("{'descr': '<f4', 'shape': (2,)}", bytes<float>({1, 2})), "header"},
      {npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2,)} import os", ""), "header"},
      {npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,)}", "12345678"), "dtype '|O'"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}", "1234"), "structured"},
      {npy("{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}", "12345678"), "c8"},
      {npy("{", ""), "header"},
      {npy("", ""), "header"},
      {npy("{'descr': '<f4", ""), "header"},
  };
  for (const auto& [file, expected] : cases) {
    const auto tensor = parse(file);
    ASSERT_FALSE(tensor.ok()) << expected;
    EXPECT_THAT(tensor.error().to_string(), HasSubstr(expected));
  }
}

TEST(Npy, EveryCutOfAFileIsRefused) {
  const std::string file =
      npy("{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }\n", bytes<float>({1, 2, 3, 4, 5, 6}));
  for (size_t length = 0; length < file.size(); ++length) EXPECT_FALSE(parse(file.substr(0, length)).ok()) << length;
}

}  // namespace
}  // namespace fovea::tasks
