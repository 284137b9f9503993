#include <cmath>
#include <limits>

#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

template <class T>
Result<std::vector<Tensor>> range(T start, T limit, T delta) {
  return run_node({"Range", 11}, {Tensor::scalar(start), Tensor::scalar(limit), Tensor::scalar(delta)});
}

TEST(Range, EndsBeforeTheLimit) {
  EXPECT_THAT(values_of<int64_t>(range<int64_t>(3, 9, 3)), ElementsAre(3, 6));
  EXPECT_THAT(values_of<int32_t>(range<int32_t>(10, 4, -2)), ElementsAre(10, 8, 6));
  EXPECT_THAT(values_of<float>(range(0.0f, 1.0f, 0.4f)), ElementsAre(0, 0.4f, 0.8f));
}

TEST(Range, IsEmptyWhereTheStepLeadsAway) {
  EXPECT_EQ(shape_of(range<int64_t>(3, 9, -1)), (Shape{0}));
  EXPECT_EQ(shape_of(range<int64_t>(3, 3, 1)), (Shape{0}));
  EXPECT_EQ(shape_of(range(5.0f, 1.0f, 1.0f)), (Shape{0}));
}

TEST(Range, CountsAcrossAllIntegers) {
  const int64_t step = std::numeric_limits<int64_t>::max();
  EXPECT_THAT(values_of<int64_t>(range(std::numeric_limits<int64_t>::min(), step, step)),
              ElementsAre(std::numeric_limits<int64_t>::min(), -1, std::numeric_limits<int64_t>::max() - 1));
}

TEST(Range, RefusesStepsThatNeverArrive) {
  EXPECT_EQ(refusal(range<int64_t>(0, 1, 0)), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(range(0.0f, INFINITY, 1.0f)), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(range(0.0f, NAN, 1.0f)), ErrorCode::invalid_model);
  EXPECT_TRUE(
      refusal(range<int64_t>(std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max(), 1)).has_value());
}

TEST(Range, LetsGoOfWhatItReadWhereALaterInputIsNotKnownYet) {
  Node node;
  node.op_type = "Range";
  node.opset = 11;
  node.inputs = {0, 1, 2};
  node.outputs = {3};
  const auto op = parse_operator(node);
  ASSERT_TRUE(op.ok());
  const auto owner = std::make_shared<int64_t>(1);
  const Tensor start = Tensor::wrap(owner, owner.get(), DType::i64, {});
  const TensorType scalar{DType::i64, {}};
  const Inputs::Input inputs[] = {{scalar, &start, true}, {scalar, nullptr, true}, {scalar, nullptr, true}};
  const auto types = (*op)->infer(Inputs(inputs, 1));
  ASSERT_FALSE(types.ok());
  EXPECT_EQ(types.error().code, ErrorCode::needs_value);
  EXPECT_EQ(owner.use_count(), 2);  // ours and that of `start`
}

TEST(Range, KeepsSixteenBitFloatsExact) {
  const auto y = values_of<f16>(range(f16(2046.0f), f16(2052.0f), f16(1.0f)));
  EXPECT_THAT(y, ElementsAre(2046.0f, 2047.0f, 2048.0f, 2048.0f, 2050.0f, 2052.0f));  // 2049, 2051: ties to even
}

}  // namespace
}  // namespace fovea::ops
