#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kFloat = 1, kUint8 = 2, kInt8 = 3, kInt32 = 6, kInt64 = 7, kString = 8, kBool = 9, kHalf = 10,
                  kUint64 = 13, kBfloat16 = 16;

Result<std::vector<Tensor>> cast(const Tensor& x, int64_t to) { return run_node({"Cast", 13, {{"to", to}}}, {x}); }

TEST(Cast, CutsFractionsOff) {
  const auto x = Tensor::of<float>({4}, {1.9f, -1.9f, -0.5f, 200.7f});
  EXPECT_THAT(values_of<int32_t>(cast(x, kInt32)), ElementsAre(1, -1, 0, 200));
  EXPECT_THAT(values_of<uint8_t>(cast(x, kUint8)), ElementsAre(1, 255, 0, 200));
}

TEST(Cast, FloatsOutOfRangeGiveWhatX86Gives) {
  const auto x = Tensor::of<double>({4}, {1e30, -1e30, NAN, 300});
  EXPECT_THAT(values_of<int32_t>(cast(x, kInt32)), ElementsAre(INT32_MIN, INT32_MIN, INT32_MIN, 300));
  EXPECT_THAT(values_of<int64_t>(cast(x, kInt64)), ElementsAre(INT64_MIN, INT64_MIN, INT64_MIN, 300));
  EXPECT_THAT(values_of<int8_t>(cast(x, kInt8)), ElementsAre(0, 0, 0, 44));
  const auto edge = Tensor::of<double>({3}, {0x1p63, -1, 0x1p64});
  EXPECT_THAT(values_of<uint64_t>(cast(edge, kUint64)), ElementsAre(uint64_t{1} << 63, UINT64_MAX, 0));
  const auto fraction = Tensor::of<double>({2}, {-2147483648.5, 2147483647.5});
  EXPECT_THAT(values_of<int32_t>(cast(fraction, kInt32)), ElementsAre(INT32_MIN, INT32_MAX));
}

TEST(Cast, IntegersLoseTheirUpperBits) {
  EXPECT_THAT(values_of<int8_t>(cast(Tensor::of<int16_t>({2}, {200, -129}), kInt8)), ElementsAre(-56, 127));
  EXPECT_THAT(values_of<uint64_t>(cast(Tensor::of<int32_t>({1}, {-1}), kUint64)), ElementsAre(UINT64_MAX));
}

TEST(Cast, AllButZeroIsTrue) {
  EXPECT_THAT(values_of<bool>(cast(Tensor::of<float>({4}, {0.1f, -0.0f, NAN, 2}), kBool)),
              ElementsAre(true, false, true, true));
  EXPECT_THAT(values_of<float>(cast(Tensor::of<bool>({2}, {true, false}), kFloat)), ElementsAre(1, 0));
}

TEST(Cast, RoundsOnceToSixteenBits) {
  // Just above the middle of two neighbours; through float it would become the middle, and go to the even one.
  const double above = 1 + 0x1p-8 + 0x1p-40;
  EXPECT_EQ(static_cast<float>(values_of<bf16>(cast(Tensor::scalar(above), kBfloat16))[0]), 1 + 0x1p-7f);
  EXPECT_EQ(static_cast<float>(values_of<bf16>(cast(Tensor::scalar(-above), kBfloat16))[0]), -1 - 0x1p-7f);
  EXPECT_EQ(static_cast<float>(values_of<bf16>(cast(Tensor::scalar(1 + 0x1p-8 - 0x1p-40), kBfloat16))[0]), 1);
  EXPECT_EQ(static_cast<float>(values_of<f16>(cast(Tensor::scalar(1 + 0x1p-11 + 0x1p-40), kHalf))[0]), 1 + 0x1p-10f);
  EXPECT_EQ(static_cast<float>(values_of<f16>(cast(Tensor::scalar(70000.0f), kHalf))[0]), INFINITY);
  EXPECT_EQ(static_cast<float>(values_of<bf16>(cast(Tensor::scalar(-INFINITY), kBfloat16))[0]), -INFINITY);
}

TEST(Cast, LikeTakesTheTypeOfItsSecondInput) {
  const auto y = run_node({"CastLike", 15}, {Tensor::of<float>({2}, {1.5f, -2}), Tensor::scalar<int8_t>(0)});
  EXPECT_THAT(values_of<int8_t>(y), ElementsAre(1, -2));
}

TEST(Cast, TypesHadNamesBeforeOpset6) {
  const auto y = run_node({"Cast", 5, {{"to", std::string("INT64")}}}, {Tensor::of<float>({1}, {3.7f})});
  EXPECT_THAT(values_of<int64_t>(y), ElementsAre(3));
  EXPECT_EQ(refusal(run_node({"Cast", 5, {{"to", std::string("int64")}}}, {Tensor::scalar(1.0f)})),
            ErrorCode::invalid_model);
}

TEST(Cast, RefusesTypesThatAreNotThere) {
  EXPECT_EQ(refusal(cast(Tensor::scalar(1.0f), kString)), ErrorCode::unsupported);
  EXPECT_EQ(refusal(cast(Tensor::scalar(1.0f), 0)), ErrorCode::unsupported);
  EXPECT_EQ(refusal(cast(Tensor::scalar(1.0f), int64_t{1} << 40)), ErrorCode::unsupported);
  EXPECT_EQ(refusal(run_node({"Cast", 13}, {Tensor::scalar(1.0f)})), ErrorCode::invalid_model);
}

TEST(BitCast, KeepsTheBits) {
  const auto y = run_node({"BitCast", 26, {{"to", kInt32}}}, {Tensor::of<float>({2}, {1, -0.0f})});
  EXPECT_THAT(values_of<int32_t>(y), ElementsAre(0x3f800000, INT32_MIN));
  EXPECT_EQ(refusal(run_node({"BitCast", 26, {{"to", kInt64}}}, {Tensor::scalar(1.0f)})), ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
