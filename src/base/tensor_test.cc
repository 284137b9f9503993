#include "fovea/tensor.h"

#include <cstdint>

#include <gmock/gmock.h>

namespace fovea {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;

TEST(Tensor, IsZeroedAndAligned) {
  const auto t = Tensor::allocate(DType::f32, {3, 5});
  ASSERT_TRUE(t.ok());
  EXPECT_THAT(t->values<float>(), Each(0.0f));
  EXPECT_EQ(reinterpret_cast<uintptr_t>(t->raw()) % 64, 0u);
}

TEST(Tensor, AnEmptyTensorHasAnAddress) {
  const auto t = Tensor::allocate(DType::i64, {0, 7});
  ASSERT_TRUE(t.ok());
  EXPECT_EQ(t->size(), 0);
  EXPECT_TRUE(t->view().present());
}

TEST(Tensor, RefusesHostileShapes) {
  EXPECT_THAT(Tensor::allocate(DType::f32, {-1}).error().message, HasSubstr("negative"));
  EXPECT_THAT(Tensor::allocate(DType::f32, {int64_t{1} << 62, 4}).error().message, HasSubstr("2^63"));
  EXPECT_THAT(Tensor::allocate(DType::u8, {0, int64_t{1} << 62, 4}).error().message, HasSubstr("2^63"));
  EXPECT_EQ(Tensor::allocate(DType::u8, {int64_t{1} << 60}).error().code, ErrorCode::out_of_memory);
}

TEST(Tensor, CopiesShareTheBytes) {
  const Tensor a = Tensor::of<float>({2}, {1, 2});
  const Tensor b = a.reshaped({1, 2});
  EXPECT_EQ(a.identity(), b.identity());
  EXPECT_EQ(b.values<float>()[1], 2.0f);
}

TEST(Tensor, TypesReadAsText) {
  EXPECT_EQ(to_string(TensorType{DType::bf16, {2, 3}}), "bf16[2x3]");
  EXPECT_EQ(to_string(std::span<const int64_t>{}), "scalar");
}

}  // namespace
}  // namespace fovea
