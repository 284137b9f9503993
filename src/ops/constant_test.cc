#include <gmock/gmock.h>

#include "ops/op_test.h"

namespace fovea::ops {
namespace {

using ::testing::ElementsAre;

TEST(Constant, HasAValueOfAnyForm) {
  EXPECT_THAT(values_of<int64_t>(run_node({"Constant", 13, {{"value_ints", std::vector<int64_t>{1, 2}}}}, {})),
              ElementsAre(1, 2));
  EXPECT_THAT(values_of<float>(run_node({"Constant", 13, {{"value_floats", std::vector<float>{1, 2}}}}, {})),
              ElementsAre(1, 2));
  const auto scalar = run_node({"Constant", 13, {{"value_float", 3.0f}}}, {});
  EXPECT_EQ(shape_of(scalar), Shape{});
  EXPECT_THAT(values_of<int64_t>(run_node({"Constant", 13, {{"value_int", int64_t{7}}}}, {})), ElementsAre(7));
  EXPECT_THAT(values_of<bool>(run_node({"Constant", 13, {{"value", Tensor::of<bool>({1}, {true})}}}, {})),
              ElementsAre(true));
}

TEST(Constant, RefusesNoneManyAndStrings) {
  EXPECT_EQ(refusal(run_node({"Constant", 13}, {})), ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"Constant", 13, {{"value_int", int64_t{7}}, {"value_float", 1.0f}}}, {})),
            ErrorCode::invalid_model);
  EXPECT_EQ(refusal(run_node({"Constant", 13, {{"value_string", std::string("a")}}}, {})), ErrorCode::unsupported);
}

TEST(ConstantOfShape, FillsWithZeroUnlessTold) {
  const auto shape = Tensor::of<int64_t>({2}, {2, 2});
  EXPECT_THAT(values_of<float>(run_node({"ConstantOfShape", 9}, {shape})), ElementsAre(0, 0, 0, 0));
  const TestNode ones{"ConstantOfShape", 9, {{"value", Tensor::of<int8_t>({1}, {7})}}};
  EXPECT_THAT(values_of<int8_t>(run_node(ones, {shape})), ElementsAre(7, 7, 7, 7));
  EXPECT_EQ(shape_of(run_node(ones, {Tensor::of<int64_t>({0}, {})})), Shape{});
}

TEST(ConstantOfShape, RefusesShapesThatCannotBe) {
  EXPECT_TRUE(refusal(run_node({"ConstantOfShape", 9}, {Tensor::of<int64_t>({2}, {2, -1})})).has_value());
  EXPECT_TRUE(refusal(run_node({"ConstantOfShape", 9}, {Tensor::of<int64_t>({2}, {int64_t{1} << 62, 4})})).has_value());
  const TestNode two{"ConstantOfShape", 9, {{"value", Tensor::of<float>({2}, {1, 2})}}};
  EXPECT_EQ(refusal(run_node(two, {Tensor::of<int64_t>({1}, {1})})), ErrorCode::invalid_model);
}

}  // namespace
}  // namespace fovea::ops
